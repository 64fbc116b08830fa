//! Keys of this city's servers, derived from the one configured secret, one per purpose.

use aws_lc_rs::hmac;

/// Keys for tokens and cursors.
#[derive(Clone)]
pub struct Keys {
    cursor: hmac::Key,
    token: [u8; 32],
}

impl Keys {
    /// Derives them. A key for one purpose says nothing about another.
    pub fn new(secret: &str) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let derive = |purpose: &str| -> [u8; 32] {
            let tag = hmac::sign(&root, purpose.as_bytes());
            let mut key = [0; 32];
            key.copy_from_slice(tag.as_ref());
            key
        };
        Self {
            cursor: hmac::Key::new(hmac::HMAC_SHA256, &derive("linli cursor v1")),
            token: derive("linli token v1"),
        }
    }

    /// Authenticates page cursors.
    pub const fn cursor(&self) -> &hmac::Key {
        &self.cursor
    }

    /// Signs access tokens.
    pub const fn token(&self) -> &[u8; 32] {
        &self.token
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}
