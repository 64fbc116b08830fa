//! The vault: personal data at rest, by envelope encryption.
//!
//! * A value is sealed with a *data key*, and the data key lies in the database wrapped by a
//!   *master key* that only the configuration knows. A stolen database holds nothing readable.
//! * The ciphertext is bound to its table, column and row: moved anywhere else it does not open.
//! * Its header names the key version, so data keys rotate while old rows stay readable, and
//!   [`reencrypt`] carries old rows over. Master keys rotate by wrapping the few data keys again.
//! * Equality look-ups go through a blind index: HMAC-SHA-256 of the normalised value, keyed and
//!   separate per column. Its key is wrapped like the others and changes only when it has leaked:
//!   then readers look under both keys until [`reindex`] has carried every row over.
//!
//! Invariant: plain personal data never reaches a column, a log line or an error text.

mod cipher;
pub mod keyring;
mod master;
mod reencrypt;
mod reindex;
mod unsealed;

pub use cipher::{Aes256GcmSiv, CipherFault, CipherProvider, DataKey};
pub use master::{MasterKeys, MasterKeysError};
pub use reencrypt::{Report, SEALED, reencrypt, verify};
pub use reindex::{INDEXED, Reindexed, check_indexes, hold_index_keys, reindex};
pub use unsealed::seal_some;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Db, Env, Error};
use keyring::Keyring;

/// First byte of every ciphertext: the form of what follows.
const FORMAT: u8 = 1;
/// Format, cipher, key version (big-endian).
const HEADER: usize = 6;
const NONCE: usize = 12;
/// Personal data is short; whoever seals more has mistaken the vault for a store.
const MAX_PLAIN: usize = 64 * 1024;

/// Where a sealed value stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// Primary key of the row.
    pub row: Uuid,
}

impl Place {
    /// The column `column` of the row `row` of `table`.
    pub fn new(table: &'static str, column: &'static str, row: impl Into<Uuid>) -> Self {
        Self { table, column, row: row.into() }
    }

    /// Header and place, lengths first, so that no two places read the same.
    fn aad(&self, header: &[u8]) -> Vec<u8> {
        let mut aad = Vec::with_capacity(64);
        aad.extend_from_slice(header);
        for part in [self.table.as_bytes(), self.column.as_bytes(), self.row.as_bytes()] {
            aad.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            aad.extend_from_slice(part);
        }
        aad
    }
}

/// Why a value could not be sealed or opened. Says nothing about the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Not something this vault wrote.
    #[error("the ciphertext is not in a known form")]
    Form,
    /// The data key is not (or not yet) known to this process.
    #[error("the data key of version {0} is not known")]
    UnknownKey(u32),
    /// Altered, moved to another place, or sealed under another key.
    #[error("the ciphertext does not open in its place")]
    DoesNotOpen,
    /// Larger than the vault takes.
    #[error("the value is too large for the vault")]
    TooLarge,
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Self::internal("the vault", error)
    }
}

/// Seals and opens personal data.
pub struct Vault {
    /// The first one seals; every one of them opens what carries its id.
    ciphers: Vec<Box<dyn CipherProvider>>,
    master: MasterKeys,
    keys: ArcSwap<Keyring>,
}

impl Vault {
    /// Opens the vault of a database: unwraps its keys, or makes the first ones.
    pub async fn load(db: &Db, env: &Env, master: MasterKeys) -> Result<Self, Error> {
        let ciphers: Vec<Box<dyn CipherProvider>> = vec![Box::new(Aes256GcmSiv)];
        let keys = keyring::load_or_create(db, env, &master).await?;
        Ok(Self { ciphers, master, keys: ArcSwap::from_pointee(keys) })
    }

    /// Reads the keys again, so that one made elsewhere is known here before it becomes active.
    pub async fn reload(&self, db: &Db) -> Result<(), Error> {
        let keys = keyring::load(db.read(), &self.master).await?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Makes a new data key. It becomes active after [`keyring::NOTICE`], when every process has
    /// reloaded; until then, and for old rows for ever, older keys stay in use.
    pub async fn rotate(&self, db: &Db, env: &Env) -> Result<u32, Error> {
        let version = keyring::rotate(db, env, &self.master).await?;
        self.reload(db).await?;
        Ok(version)
    }

    /// Makes a new index key, when the one in use has leaked. It becomes active after
    /// [`keyring::NOTICE`]; then [`reindex`] carries every row over and the old key goes. `None` while
    /// a change is under way already.
    pub async fn rotate_index(&self, db: &Db, env: &Env) -> Result<Option<u32>, Error> {
        let version = keyring::rotate_index(db, env, &self.master).await?;
        self.reload(db).await?;
        Ok(version)
    }

    /// Wraps every data key with the newest master key; afterwards older ones can leave the
    /// configuration. Returns how many were wrapped anew.
    pub async fn rewrap(&self, db: &Db, env: &Env) -> Result<usize, Error> {
        keyring::rewrap(db, env, &self.master).await
    }

    /// Seals a value for its place.
    pub fn seal(&self, env: &Env, place: Place, plain: &str) -> Result<Vec<u8>, VaultError> {
        if plain.len() > MAX_PLAIN {
            return Err(VaultError::TooLarge);
        }
        let keys = self.keys.load();
        let (version, key) = keys.active(env.now());
        let cipher = &self.ciphers[0];
        let mut sealed = Vec::with_capacity(HEADER + NONCE + plain.len() + 16);
        sealed.extend_from_slice(&[FORMAT, cipher.id()]);
        sealed.extend_from_slice(&version.to_be_bytes());
        let nonce = env.random::<NONCE>();
        let body = cipher
            .seal(key, &nonce, &place.aad(&sealed), plain.as_bytes())
            .map_err(|CipherFault| VaultError::TooLarge)?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens a value in its place. The text is wiped from memory when dropped.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<String>, VaultError> {
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or(VaultError::Form)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Form)?;
        let [FORMAT, cipher, version @ ..] = header else { return Err(VaultError::Form) };
        let version = u32::from_be_bytes(version.try_into().map_err(|_| VaultError::Form)?);
        let cipher = self.ciphers.iter().find(|c| c.id() == *cipher).ok_or(VaultError::Form)?;
        let keys = self.keys.load();
        let key = keys.data(version).ok_or(VaultError::UnknownKey(version))?;
        let plain = cipher
            .open(key, nonce, &place.aad(header), body)
            .map_err(|CipherFault| VaultError::DoesNotOpen)?;
        let text = std::str::from_utf8(&plain).map_err(|_| VaultError::DoesNotOpen)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Opens a value that may be absent.
    pub fn open_some(
        &self,
        place: Place,
        sealed: Option<&[u8]>,
    ) -> Result<Option<Zeroizing<String>>, VaultError> {
        sealed.map(|sealed| self.open(place, sealed)).transpose()
    }

    /// The blind index of a normalised value, to be written at `at`; `domain` names what is indexed,
    /// as `resident.phone`, so that equal values of two columns do not look equal.
    pub fn index(&self, at: DateTime<Utc>, domain: &str, value: &str) -> Vec<u8> {
        index_under(self.keys.load().index(at), domain, value)
    }

    /// Every blind index under which a value may lie: two while the key changes.
    pub fn indexes(&self, domain: &str, value: &str) -> Vec<Vec<u8>> {
        self.keys.load().indexes().map(|key| index_under(key, domain, value)).collect()
    }

    /// Whether a row should be sealed anew: it was sealed under a key that is no longer active.
    fn is_stale(&self, env: &Env, sealed: &[u8]) -> bool {
        let keys = self.keys.load();
        let (active, _) = keys.active(env.now());
        !sealed.starts_with(&[FORMAT, self.ciphers[0].id()])
            || sealed.get(2..HEADER) != Some(&active.to_be_bytes()[..])
    }
}

fn index_under(key: &hmac::Key, domain: &str, value: &str) -> Vec<u8> {
    let mut mac = hmac::Context::with_key(key);
    mac.update(domain.as_bytes());
    mac.update(&[0]);
    mac.update(value.as_bytes());
    mac.sign().as_ref().to_vec()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests;
