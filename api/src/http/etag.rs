//! Versions of edited things: `ETag: "7"` out, `If-Match: "7"` in; 428 without, 412 on mismatch.

use std::borrow::Cow;

use linli_domain::Code;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromParameter, ParseResult, Type},
};

/// The version a client edited, from `If-Match`.
///
/// Take it as `#[oai(name = "If-Match")] if_match: Header<IfMatch>`; a missing header is 428, and so
/// is `*`, which names no version. A proxy that compresses makes a tag weak; it names the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

/// Stands for a tag that is none of ours: nothing has this version, so it never matches.
const NO_VERSION: i64 = i64::MIN;

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
        let value = value.trim();
        if matches!(value, "" | "*") {
            return Err(ParseError::custom("names no version"));
        }
        let tag = value.strip_prefix("W/").unwrap_or(value);
        let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        Ok(Self(inner.and_then(|version| version.parse().ok()).unwrap_or(NO_VERSION)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_a_version_or_none_that_exists() {
        let version = |value: &str| IfMatch::parse_from_parameter(value).ok().map(|given| given.0);
        assert_eq!((version("\"7\""), version("W/\"7\"")), (Some(7), Some(7)));
        assert_eq!((version(""), version("*")), (None, None));
        for other in ["7", "\"x\"", "\"7\", \"8\"", "\"9223372036854775808\""] {
            assert_eq!(version(other), Some(NO_VERSION), "{other}");
        }
    }
}
