//! Versions of edited things: `ETag: "7"` out, `If-Match: "7"` in; 428 without, 412 on mismatch.

use std::borrow::Cow;

use linli_domain::Code;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromParameter, ParseResult, Type},
};

/// The version a client edited, from `If-Match`.
///
/// Take it as `#[oai(name = "If-Match")] if_match: Header<IfMatch>`; a missing header is 428.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// Refuses when the thing is at another version by now.
    pub fn check(self, version: i64) -> Result<(), Code> {
        if self.0 == version { Ok(()) } else { Err(Code::PreconditionFailed) }
    }
}

/// The `ETag` of a version.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

impl Type for IfMatch {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_etag".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "etag")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromParameter for IfMatch {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        inner
            .and_then(|version| version.parse().ok())
            .map(Self)
            .ok_or_else(|| ParseError::custom("not a version"))
    }
}
