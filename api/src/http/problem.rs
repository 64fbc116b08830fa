//! Problems: the one file that makes the body of every 4xx and 5xx (RFC 9457).
//!
//! A handler returns [`Problem`]; whatever else fails (routing, parsing, limits, panics) is turned
//! into one at the boundary. Nothing internal and nothing the caller sent is ever printed.

use linli_domain::{Code, FieldError, Refusal};
use linli_store::Error as UseCaseError;
use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::{Map, Value, json};

/// A refusal on its way to the client, with what went wrong inside for the log.
#[derive(Debug)]
pub struct Problem {
    refusal: Box<Refusal>,
    cause: Option<Box<UseCaseError>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// What the client is told.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Adds a header to the answer; a value that is no header value is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// Logs the failure behind it, once.
    fn log(&self, request_id: &str, operation: &str) {
        let Some(cause) = &self.cause else { return };
        let mut chain = cause.to_string();
        let mut source = std::error::Error::source(cause.as_ref());
        while let Some(error) = source {
            chain.push_str(": ");
            chain.push_str(&error.to_string());
            source = error.source();
        }
        if self.refusal.code == Code::Internal {
            tracing::error!(request.id = request_id, operation, error = chain, "a request failed");
        } else {
            tracing::warn!(
                request.id = request_id,
                operation,
                error = chain,
                "a request could not be served"
            );
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), cause: None, headers: Vec::new() }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Refusal::new(code).into()
    }
}

impl From<UseCaseError> for Problem {
    fn from(error: UseCaseError) -> Self {
        let refusal = match error {
            UseCaseError::Refused(refusal) => return refusal.into(),
            UseCaseError::Unavailable { .. } => Refusal::new(Code::Unavailable).retry_after(1),
            UseCaseError::Database(_) | UseCaseError::Internal { .. } => Refusal::new(Code::Internal),
        };
        Self { refusal: Box::new(refusal), cause: Some(Box::new(error)), headers: Vec::new() }
    }
}

impl From<sea_orm::DbErr> for Problem {
    fn from(error: sea_orm::DbErr) -> Self {
        UseCaseError::from(error).into()
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let status = status(problem.refusal.code);
        Self::new(problem, status)
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Which language a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese, also when nothing is said.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The first of the two that `Accept-Language` names.
    pub fn of(header: Option<&HeaderValue>) -> Self {
        Self::named(header.and_then(|value| value.to_str().ok()).unwrap_or_default())
    }

    /// The first of the two in the text of that header.
    pub fn named(header: &str) -> Self {
        let named = header.to_ascii_lowercase();
        let first =
            named.split(',').map(str::trim).find(|tag| tag.starts_with("zh") || tag.starts_with("en"));
        if first.is_some_and(|tag| tag.starts_with("en")) { Self::En } else { Self::Zh }
    }
}

/// Renders a problem.
pub fn render(problem: &Problem, language: Language, request_id: &str, operation: &str) -> Response {
    problem.log(request_id, operation);
    let Refusal { code, detail, errors, retry_after_s, extra } = problem.refusal();
    let speak = |zh: &str, en: &str| if language == Language::Zh { zh.to_owned() } else { en.to_owned() };
    let mut body = Map::new();
    body.insert("type".into(), format!("urn:linli:problem:{}", code.as_str()).into());
    body.insert("title".into(), speak(code.zh(), code.en()).into());
    body.insert("status".into(), code.status().into());
    body.insert("code".into(), code.as_str().into());
    if let Some((zh, en)) = detail {
        body.insert("detail".into(), speak(zh, en).into());
    }
    if !errors.is_empty() {
        let fields = errors.iter().map(|FieldError { field, code, zh, en }| {
            json!({ "field": field, "code": code, "message": speak(zh, en) })
        });
        body.insert("errors".into(), fields.collect::<Vec<Value>>().into());
    }
    body.insert("request_id".into(), request_id.into());
    for (key, value) in extra {
        body.insert(key.clone(), value.clone());
    }
    let mut response = Response::builder()
        .status(status(*code))
        .content_type("application/problem+json")
        .header(header::CACHE_CONTROL, "no-store");
    if let Some(seconds) = retry_after_s {
        response = response.header(header::RETRY_AFTER, seconds.to_string());
    }
    for (name, value) in &problem.headers {
        response = response.header(name, value);
    }
    if code.status() == 401 {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer");
    }
    response.body(Value::Object(body).to_string())
}

/// Turns any error of the stack into a problem; `Err` gives back one that already is a response.
pub fn of_error(error: poem::Error) -> Result<Problem, poem::Error> {
    use poem_openapi::error::{
        ContentTypeError, ParseMultipartError, ParseParamError, ParsePathError, ParseRequestPayloadError,
    };
    if error.is_from_response() {
        return Err(error);
    }
    let error = match error.downcast::<Problem>() {
        Ok(problem) => return Ok(problem),
        Err(error) => error,
    };
    if let Some(ParseParamError { name, .. }) = error.downcast_ref() {
        return Ok(parameter(name).into());
    }
    if error.is::<ParsePathError>() {
        // An id that is no id names nothing.
        return Ok(Code::NotFound.into());
    }
    if let Some(ParseRequestPayloadError { reason }) = error.downcast_ref() {
        return Ok(payload(reason).into());
    }
    if error.is::<ParseMultipartError>() {
        return Ok(Code::MalformedBody.into());
    }
    if error.is::<ContentTypeError>() {
        return Ok(Code::UnsupportedMediaType.into());
    }
    Ok(of_status(error.status()).into())
}

fn parameter(name: &str) -> Refusal {
    match name {
        "Idempotency-Key" => Refusal::new(Code::IdempotencyKeyRequired),
        "If-Match" => Refusal::new(Code::PreconditionRequired),
        _ => Refusal::field(name, "invalid", "参数缺失或无效", "The parameter is missing or not valid."),
    }
}

/// What a body that does not parse is answered. The reason quotes the caller's value, so only the
/// name of our own field is taken from it.
fn payload(reason: &str) -> Refusal {
    let field = reason
        .rsplit_once("(occurred while parsing \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(path, _)| path.rsplit('.').next())
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
    match field {
        Some(field) => Refusal::field(field, "invalid", "内容无效", "The value is not valid."),
        None if reason.contains("unknown field") => Refusal::field(
            "",
            "unknown_field",
            "含有未知的字段",
            "There is a field this operation does not know.",
        ),
        None if reason.contains("failed to parse") => {
            Refusal::field("", "invalid", "内容无效或缺少必填项", "A value is missing or not valid.")
        }
        None => Refusal::new(Code::MalformedBody),
    }
}

fn of_status(status: StatusCode) -> Code {
    Code::ALL
        .iter()
        .copied()
        // 422 and 503 have several codes; the general ones come first in the table.
        .find(|code| code.status() == status.as_u16())
        .unwrap_or(if status.is_client_error() { Code::BadRequest } else { Code::Internal })
}

/// The body of every 4xx and 5xx (RFC 9457).
#[derive(Object)]
#[oai(skip_serializing_if_is_none, rename = "Problem")]
struct ProblemBody {
    /// `urn:linli:problem:<code>`
    #[oai(rename = "type")]
    kind: String,
    /// What a person reads, in the language asked for by `Accept-Language` (zh, en).
    title: String,
    /// The HTTP status.
    status: i32,
    /// The stable code to branch on.
    code: String,
    /// More about this case.
    detail: Option<String>,
    /// The fields that are wrong.
    errors: Option<Vec<FieldBody>>,
    /// Quote it when you ask for help.
    request_id: String,
}

/// One wrong field.
#[derive(Object)]
#[oai(rename = "ProblemField")]
struct FieldBody {
    /// Path of the field as sent.
    field: String,
    /// Stable code.
    code: String,
    /// What is wrong with it.
    message: String,
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A problem: see `code`.",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: MetaSchemaRef::Reference(<ProblemBody as Type>::name().into_owned()),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_first_of_ours_that_is_named() {
        let of = |text: &'static str| Language::of(Some(&HeaderValue::from_static(text)));
        assert_eq!(of("en-GB,zh;q=0.8"), Language::En);
        assert_eq!(of("fr, zh-CN"), Language::Zh);
        assert_eq!(of("fr"), Language::Zh);
        assert_eq!(Language::of(None), Language::Zh);
    }

    #[test]
    fn a_payload_error_names_our_field_and_never_the_value() {
        let reason = "failed to parse \"Form\": Type \"string\" expects an input value, got {\"idcard\":\"1101\"} (occurred while parsing \"Form.party_size\")";
        let refusal = payload(reason);
        assert_eq!(refusal.errors[0].field, "party_size");
        let refusal = payload("failed to parse \"Form\": unknown field `11010119900307`");
        assert_eq!(refusal.errors[0].field, "");
        assert!(!format!("{refusal:?}").contains("1101"));
    }

    #[test]
    fn every_status_has_a_general_code() {
        assert_eq!(of_status(StatusCode::UNPROCESSABLE_ENTITY), Code::InvalidInput);
        assert_eq!(of_status(StatusCode::SERVICE_UNAVAILABLE), Code::Unavailable);
        assert_eq!(of_status(StatusCode::IM_A_TEAPOT), Code::BadRequest);
        assert_eq!(of_status(StatusCode::BAD_GATEWAY), Code::Internal);
    }
}
