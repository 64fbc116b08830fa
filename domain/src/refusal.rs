//! Refusals: a rule said no, and says why.

use std::sync::Arc;

use serde_json::value::RawValue;

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
    /// Further members of the problem; public data only.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// What is offered instead.
    pub alternatives: Option<Alternatives>,
}

/// The member `alternatives` of a problem, written once for all who are refused the same in a rush.
#[derive(Clone, Debug)]
pub struct Alternatives(Arc<RawValue>);

impl Alternatives {
    /// Those in `list`.
    pub fn new(list: &serde_json::Value) -> Self {
        let json = RawValue::from_string(list.to_string()).expect("a value prints as JSON");
        Self(json.into())
    }

    /// As JSON.
    pub fn json(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Alternatives {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Refusal {
    /// A refusal with nothing but its code.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            retry_after_s: None,
            extra: serde_json::Map::new(),
            alternatives: None,
        }
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

/// Collects everything that is wrong with an input, so that a person mends it in one go.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what is wrong with a field.
    pub fn add(
        &mut self,
        field: impl Into<String>,
        code: &'static str,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) {
        self.0.push(FieldError { field: field.into(), code, zh: zh.into(), en: en.into() });
    }

    /// Notes it unless `holds`.
    pub fn require(&mut self, holds: bool, field: impl Into<String>, code: &'static str, zh: &str, en: &str) {
        if !holds {
            self.add(field, code, zh, en);
        }
    }

    /// Takes over what is wrong inside a part: its `rules[0]` becomes `hours.rules[0]` below `parent`.
    pub fn nest<T>(&mut self, parent: &str, part: Result<T, Refusal>) -> Option<T> {
        match part {
            Ok(value) => Some(value),
            Err(refusal) if refusal.errors.is_empty() => {
                self.add(parent, refusal.code.as_str(), refusal.code.zh(), refusal.code.en());
                None
            }
            Err(refusal) => {
                self.0.extend(refusal.errors.into_iter().map(|error| {
                    let joined = parent.is_empty() || error.field.is_empty() || error.field.starts_with('[');
                    let dot = if joined { "" } else { "." };
                    FieldError { field: format!("{parent}{dot}{}", error.field), ..error }
                }));
                None
            }
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refusal that names everything, if anything is wrong.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal { errors: self.0, ..Refusal::new(Code::InvalidInput) })
        }
    }
}
