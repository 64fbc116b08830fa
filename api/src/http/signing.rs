//! Keys of this city's servers, derived from the one configured secret, one per purpose.
//!
//! A token names its key, so that a new secret can be brought in while tokens of the one before
//! are still about.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use linli_domain::ids::WaitlistEntryId;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes of a signature in a link.
const TAG_BYTES: usize = 24;

/// Keys for tokens, cursors and links.
#[derive(Clone)]
pub struct Keys {
    cursor: hmac::Key,
    tokens: Vec<TokenKey>,
    /// Those that sign links; the current one first.
    links: Vec<hmac::Key>,
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
        let links = [secret, previous].into_iter().filter(|secret| !secret.is_empty());
        let links =
            links.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, "linli leave link v1")[..]));
        Self { cursor, tokens: tokens.collect(), links: links.collect() }
    }

    /// The word that takes a place off its waiting list, and opens nothing else.
    pub fn sign_leave(&self, id: WaitlistEntryId) -> String {
        let mut word = id.0.as_bytes().to_vec();
        let tag = hmac::sign(&self.links[0], &word);
        word.extend(&tag.as_ref()[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(word)
    }

    /// The place that a signed word takes off.
    pub fn open_leave(&self, word: &str) -> Option<WaitlistEntryId> {
        let bytes = URL_SAFE_NO_PAD.decode(word).ok().filter(|bytes| bytes.len() == 16 + TAG_BYTES)?;
        let (id, tag) = bytes.split_at(16);
        let good = |key: &hmac::Key| {
            let expected = hmac::sign(key, id);
            constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG_BYTES], tag).is_ok()
        };
        let id = Uuid::from_slice(id).ok()?;
        self.links.iter().any(good).then_some(id.into())
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
