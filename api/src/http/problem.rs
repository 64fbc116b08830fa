//! Problems: the one file that makes the body of every 4xx and 5xx (RFC 9457).
//!
//! A handler returns [`Problem`]; whatever else fails (routing, parsing, limits, panics) is turned
//! into one at the boundary. Nothing internal and nothing the caller sent is ever printed.

use linli_domain::{Code, FieldError, Refusal};
use linli_store::Error as UseCaseError;
use poem::{
    Response,
    error::MethodNotAllowedError,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

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
    /// The one of the two that `Accept-Language` prefers; of equals the first.
    pub fn of(headers: &HeaderMap) -> Self {
        let named = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        Self::preferred(named)
    }

    /// The same of the text of one such header.
    pub fn named(header: &str) -> Self {
        Self::preferred(std::iter::once(header))
    }

    fn preferred<'a>(named: impl Iterator<Item = &'a str>) -> Self {
        let mut best = (0.0, Self::Zh);
        for entry in named.flat_map(|value| value.split(',')) {
            let (tag, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "zh" | "*" => Self::Zh,
                "en" => Self::En,
                _ => continue,
            };
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
            if weight.is_some_and(|weight| weight > best.0) {
                best = (weight.unwrap_or_default(), language);
            }
        }
        best.1
    }

    const fn tag(self) -> HeaderValue {
        match self {
            Self::Zh => HeaderValue::from_static("zh-CN"),
            Self::En => HeaderValue::from_static("en"),
        }
    }
}

/// Renders a problem.
pub fn render(problem: &Problem, language: Language, request_id: &str, operation: &str) -> Response {
    problem.log(request_id, operation);
    let Refusal { code, retry_after_s, .. } = problem.refusal();
    let body = Told { refusal: problem.refusal(), language, request_id };
    let body = serde_json::to_vec(&body).expect("texts and values print as JSON");
    let mut response = Response::builder()
        .status(status(*code))
        .content_type("application/problem+json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_LANGUAGE, language.tag());
    if let Some(seconds) = retry_after_s {
        response = response.header(header::RETRY_AFTER, seconds.to_string());
    }
    for (name, value) in &problem.headers {
        response = response.header(name, value);
    }
    if code.status() == 401 {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer");
    }
    response.body(body)
}

/// A refusal as it is told: the members of [`ProblemBody`], then what the case adds.
struct Told<'a> {
    refusal: &'a Refusal,
    language: Language,
    request_id: &'a str,
}

impl Told<'_> {
    const fn speak<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Refusal { code, detail, errors, extra, alternatives, .. } = self.refusal;
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("type", &format_args!("urn:linli:problem:{}", code.as_str()))?;
        body.serialize_entry("title", self.speak(code.zh(), code.en()))?;
        body.serialize_entry("status", &code.status())?;
        body.serialize_entry("code", code.as_str())?;
        if let Some((zh, en)) = detail {
            body.serialize_entry("detail", self.speak(zh, en))?;
        }
        if !errors.is_empty() {
            let fields = errors.iter().map(|FieldError { field, code, zh, en }| {
                json!({ "field": field, "code": code, "message": self.speak(zh, en) })
            });
            body.serialize_entry("errors", &fields.collect::<Vec<Value>>())?;
        }
        body.serialize_entry("request_id", self.request_id)?;
        for (key, value) in extra {
            body.serialize_entry(key, value)?;
        }
        if let Some(alternatives) = alternatives {
            body.serialize_entry("alternatives", alternatives.json())?;
        }
        body.end()
    }
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
    if error.is::<MethodNotAllowedError>() {
        // Operations answer for themselves; pages and probes are all read.
        return Ok(Problem::from(Code::MethodNotAllowed).with_header(header::ALLOW, "GET, HEAD"));
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

/// What a body that does not parse is answered, where its schema finds nothing to name. The reason
/// quotes the caller's value, so nothing is read from it but how the framework's own text begins.
fn payload(reason: &str) -> Refusal {
    if reason.starts_with("failed to parse") {
        return Refusal::field("", "invalid", "内容无效或缺少必填项", "A value is missing or not valid.");
    }
    Refusal::new(Code::MalformedBody)
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
    fn the_language_is_the_preferred_of_ours() {
        let of = |text: &'static str| {
            let headers = [(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text))];
            Language::of(&headers.into_iter().collect())
        };
        for en in
            ["en-GB,zh;q=0.8", "zh;q=0.1, en;q=0.9", "EN", "zh;q=0, en;q=0.1", "fr, en", "*;q=0.5, en-US"]
        {
            assert_eq!(of(en), Language::En, "{en}");
        }
        for zh in
            ["fr, zh-CN", "fr", "*", "", "en;q=0", "enx", "en;q=much", ",,;", "zh-Hant-TW,en", "*, en;q=0.5"]
        {
            assert_eq!(of(zh), Language::Zh, "{zh}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::Zh);
    }

    #[test]
    fn a_payload_error_is_never_quoted() {
        let quoting = "failed to parse \"A\": unknown field `1101` (occurred while parsing \"A.1101\")";
        for (reason, code) in [(quoting, Code::InvalidInput), ("expected value 1101", Code::MalformedBody)] {
            let refusal = payload(reason);
            assert_eq!(refusal.code, code);
            assert!(!format!("{refusal:?}").contains("1101"));
        }
    }

    #[test]
    fn every_status_has_a_general_code() {
        assert_eq!(of_status(StatusCode::UNPROCESSABLE_ENTITY), Code::InvalidInput);
        assert_eq!(of_status(StatusCode::SERVICE_UNAVAILABLE), Code::Unavailable);
        assert_eq!(of_status(StatusCode::IM_A_TEAPOT), Code::BadRequest);
        assert_eq!(of_status(StatusCode::BAD_GATEWAY), Code::Internal);
    }
}
