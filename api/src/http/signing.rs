//! Keys of this city's servers, derived from the one configured secret, one per purpose.
//!
//! A token names its key, so that a new secret can be brought in while tokens of the one before
//! are still about.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Keys for tokens and cursors.
#[derive(Clone)]
pub struct Keys {
    cursor: hmac::Key,
    tokens: Vec<TokenKey>,
}

/// A key that signs tokens, and the id that tokens name it by.
#[derive(Clone)]
pub struct TokenKey {
    /// Tells nothing of the key.
    pub id: String,
    secret: Zeroizing<[u8; 32]>,
}

impl TokenKey {
    /// The key itself.
    pub fn secret(&self) -> &[u8] {
        &self.secret[..]
    }
}

impl Keys {
    /// Derives them. A key for one purpose says nothing about another. An empty `previous` is none.
    pub fn new(secret: &str, previous: &str) -> Self {
        let tokens =
            [secret, previous].into_iter().filter(|secret| !secret.is_empty()).map(|secret| TokenKey {
                id: hex::encode(&derive(secret, "linli token key id v1")[..6]),
                secret: derive(secret, "linli token v1"),
            });
        let cursor = hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "linli cursor v1")[..]);
        Self { cursor, tokens: tokens.collect() }
    }

    /// Authenticates page cursors.
    pub const fn cursor(&self) -> &hmac::Key {
        &self.cursor
    }

    /// Signs access tokens.
    pub fn token(&self) -> &TokenKey {
        &self.tokens[0]
    }

    /// The key that a token names, the current or the one before.
    pub fn token_by_id(&self, id: &str) -> Option<&TokenKey> {
        self.tokens.iter().find(|key| key.id == id)
    }
}

fn derive(secret: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
    let root = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&root, purpose.as_bytes());
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(tag.as_ref());
    key
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}
