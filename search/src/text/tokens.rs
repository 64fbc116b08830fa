//! Many tokens in one text.

/// Tokens with blanks between, so that none costs an allocation of its own; none holds a blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(String);

impl Tokens {
    /// Adds a token.
    pub fn push(&mut self, token: &str) {
        self.0.push_str(token);
        self.0.push(' ');
    }

    pub(crate) fn push_chars(&mut self, token: impl IntoIterator<Item = char>) {
        self.0.extend(token);
        self.0.push(' ');
    }

    /// Adds all tokens of another.
    pub fn extend(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// The tokens in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// The tokens as they are written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
