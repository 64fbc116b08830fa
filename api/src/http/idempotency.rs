//! `Idempotency-Key`: required on every POST that creates or moves something of value.

use linli_domain::Code;
use linli_store::idempotency::Request as Record;
use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchemaRef, Registry},
    types::Type,
};

use super::{limits::RequestDigest, problem::Problem};

/// Longest key.
const MAX_LEN: usize = 255;

/// The caller's key and the digest of what they sent.
///
/// Take it as `#[oai(name = "Idempotency-Key")] key: Idempotent`.
#[derive(Clone, Debug)]
pub struct Idempotent {
    key: String,
    digest: String,
}

impl Idempotent {
    /// The record of this request for `principal` (`resident:<id>`).
    pub fn record(self, principal: String, operation: &'static str) -> Record {
        Record { principal, key: self.key, operation, digest: self.digest }
    }
}

impl<'a> ApiExtractor<'a> for Idempotent {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = String;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        <String as Type>::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    fn param_raw_type(&self) -> Option<&String> {
        Some(&self.key)
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        let header = request.headers().get("idempotency-key");
        let key = match header.map(|value| value.to_str()) {
            None => return Err(Problem::from(Code::IdempotencyKeyRequired).into()),
            Some(Ok(key))
                if (1..=MAX_LEN).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                key
            }
            Some(_) => return Err(Problem::from(Code::IdempotencyKeyInvalid).into()),
        };
        let digest = request.data::<RequestDigest>().map(|digest| digest.0.to_string()).unwrap_or_default();
        Ok(Self { key: key.to_owned(), digest })
    }
}
