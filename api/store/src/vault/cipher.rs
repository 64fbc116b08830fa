//! The cipher behind the vault, as a trait so that another (SM4) can come beside it.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// A data key. A cipher that needs another length derives it.
pub type DataKey = Zeroizing<[u8; 32]>;

/// The cipher refused: altered input, wrong key or wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherFault;

/// An authenticated cipher with associated data.
pub trait CipherProvider: Send + Sync {
    /// Stands in the header of each ciphertext; never reused for another cipher.
    fn id(&self) -> u8;

    /// Encrypts; the answer carries its authentication tag.
    fn seal(&self, key: &DataKey, nonce: &[u8; 12], aad: &[u8], plain: &[u8])
    -> Result<Vec<u8>, CipherFault>;

    /// Decrypts what [`CipherProvider::seal`] made with the same key, nonce and associated data.
    fn open(
        &self,
        key: &DataKey,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherFault>;
}

/// AES-256-GCM-SIV (RFC 8452): a nonce drawn twice by chance reveals only that two equal values are equal.
#[derive(Clone, Copy, Debug)]
pub struct Aes256GcmSiv;

impl Aes256GcmSiv {
    fn key(key: &DataKey) -> Result<LessSafeKey, CipherFault> {
        UnboundKey::new(&AES_256_GCM_SIV, &key[..]).map(LessSafeKey::new).map_err(|_| CipherFault)
    }
}

impl CipherProvider for Aes256GcmSiv {
    fn id(&self) -> u8 {
        1
    }

    fn seal(
        &self,
        key: &DataKey,
        nonce: &[u8; 12],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, CipherFault> {
        let mut buffer = plain.to_vec();
        Self::key(key)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map_err(|_| CipherFault)?;
        Ok(buffer)
    }

    fn open(
        &self,
        key: &DataKey,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherFault> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = Self::key(key)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map_err(|_| CipherFault)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8452, appendix C.2.
    #[test]
    fn the_vectors_of_the_rfc() {
        let mut key = [0; 32];
        key[0] = 1;
        let key = Zeroizing::new(key);
        let mut nonce = [0; 12];
        nonce[0] = 3;
        for (plain, sealed) in [
            ("", "07f5f4169bbf55a8400cd47ea6fd400f"),
            ("0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
        ] {
            let plain = hex::decode(plain).unwrap();
            let made = Aes256GcmSiv.seal(&key, &nonce, b"", &plain).unwrap();
            assert_eq!(hex::encode(&made), sealed);
            assert_eq!(*Aes256GcmSiv.open(&key, &nonce, b"", &made).unwrap(), plain);
        }
    }
}
