//! Master keys: what the configuration holds, and nothing else does.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::cipher::DataKey;

/// The master keys by version; the newest wraps.
#[derive(Clone)]
pub struct MasterKeys(BTreeMap<u32, DataKey>);

/// The text is not a list of master keys. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("master keys are written `version:base64` of 32 bytes each, separated by commas or lines")]
pub struct MasterKeysError;

impl MasterKeys {
    /// Reads `1:<base64>,2:<base64>` (or one per line): at least one, each of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, MasterKeysError> {
        let mut keys = BTreeMap::new();
        for entry in text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let (version, encoded) = entry.split_once(':').ok_or(MasterKeysError)?;
            let version: u32 = version.trim().parse().map_err(|_| MasterKeysError)?;
            let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| MasterKeysError)?);
            let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| MasterKeysError)?;
            if keys.insert(version, Zeroizing::new(key)).is_some() {
                return Err(MasterKeysError);
            }
        }
        if keys.is_empty() { Err(MasterKeysError) } else { Ok(Self(keys)) }
    }

    /// Writes a list with one fresh key, for a new installation.
    pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
        let random = Zeroizing::new(random);
        Zeroizing::new(format!("1:{}", STANDARD.encode(&random[..])))
    }

    /// The newest version and its key.
    pub(super) fn newest(&self) -> (u32, &DataKey) {
        let (version, key) = self.0.last_key_value().expect("parsed with at least one key");
        (*version, key)
    }

    pub(super) fn get(&self, version: u32) -> Option<&DataKey> {
        self.0.get(&version)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({} versions)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        let one = MasterKeys::generate([7; 32]);
        assert_eq!(MasterKeys::parse(&one).unwrap().newest().0, 1);
        let two = format!("{}\n 2:{}\n", *one, STANDARD.encode([8; 32]));
        assert_eq!(MasterKeys::parse(&two).unwrap().newest(), (2, &Zeroizing::new([8; 32])));
        for text in ["", "1", "1:", "x:AAAA", "1:AAAA", &format!("{},{}", *one, *one)] {
            assert!(MasterKeys::parse(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", MasterKeys::parse(&one).unwrap()), "MasterKeys(1 versions)");
    }
}
