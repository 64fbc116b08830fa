//! What became of a file.

use linli_domain::{FieldError, Refusal};
use serde::Serialize;

/// How many mistakes are told one by one; more of them are only counted.
const MAX_ERRORS: usize = 10_000;

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Line on which the row begins (CSV) or the feature ends (GeoJSON).
    pub line: u64,
    /// The column, with the place inside its cell.
    pub field: String,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong, in Chinese.
    pub zh: String,
    /// What is wrong, in English.
    pub en: String,
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether anything was written.
    pub written: bool,
    /// Rows read.
    pub rows: u64,
    /// Facilities entered (or that would be).
    pub created: u64,
    /// Facilities that were there and differed.
    pub updated: u64,
    /// Facilities that were there and did not differ.
    pub unchanged: u64,
    /// Rows that a rule refused.
    pub refused: u64,
    /// Why, in the order of the file.
    pub errors: Vec<RowError>,
    /// Mistakes beyond those told.
    pub errors_left_out: u64,
}

impl Report {
    /// Notes a refused row with everything that is wrong with it.
    pub(super) fn refuse(&mut self, line: u64, refusal: Refusal) {
        self.refused += 1;
        if refusal.errors.is_empty() {
            let code = refusal.code;
            let (zh, en) = refusal.detail.unwrap_or_else(|| (code.zh().to_owned(), code.en().to_owned()));
            let error = FieldError { field: "external_id".to_owned(), code: code.as_str(), zh, en };
            return self.note(line, error);
        }
        for error in refusal.errors {
            self.note(line, error);
        }
    }

    fn note(&mut self, line: u64, error: FieldError) {
        if self.errors.len() < MAX_ERRORS {
            let FieldError { field, code, zh, en } = error;
            self.errors.push(RowError { line, field, code, zh, en });
        } else {
            self.errors_left_out += 1;
        }
    }
}
