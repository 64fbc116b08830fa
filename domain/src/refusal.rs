//! Refusals: a rule said no, and says why.

use crate::Code;

/// One field of the input that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field as the caller knows it, for instance `hours[0].opens`.
    pub field: String,
    /// Stable code of what is wrong with it.
    pub code: &'static str,
    /// A sentence in Chinese; never the caller's value.
    pub zh: String,
    /// The same sentence in English.
    pub en: String,
}

/// What a rule answers when it says no: public by construction.
///
/// A refusal is an expected outcome, not a failure: it carries nothing internal,
/// so the HTTP layer may print all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The stable code, which also fixes status and title.
    pub code: Code,
    /// A sentence for this case in both languages (zh, en), when the title is not enough.
    pub detail: Option<(String, String)>,
    /// The fields that are wrong, when the input is.
    pub errors: Vec<FieldError>,
    /// When trying again may help, in seconds.
    pub retry_after_s: Option<u32>,
    /// Further members of the problem, for instance `alternatives`; public data only.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Refusal {
    /// A refusal with nothing but its code.
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, errors: Vec::new(), retry_after_s: None, extra: serde_json::Map::new() }
    }

    /// Bad input in one field.
    pub fn field(
        field: impl Into<String>,
        code: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self::new(Code::InvalidInput).with_field(field, code, zh, en)
    }

    /// Adds a field error.
    #[must_use]
    pub fn with_field(
        mut self,
        field: impl Into<String>,
        code: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        self.errors.push(FieldError { field: field.into(), code, zh: zh.into(), en: en.into() });
        self
    }

    /// Adds a sentence for this case.
    #[must_use]
    pub fn with_detail(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Some((zh.into(), en.into()));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds a public member to the problem document.
    #[must_use]
    pub fn with_extra(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl std::error::Error for Refusal {}
