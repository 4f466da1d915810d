use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{MasterKeys, master_keys::MasterKey};
use crate::store::{Sealed, SealedProviderKey, WrappedKey};

type DataKey = Zeroizing<[u8; MasterKeys::KEY_BYTES]>;

/// Why a row does not open, or a value cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It lies under a master key that is not at hand.
    #[error("lies under the master key {master_id:?}, which ULTRA_MASTER_KEY does not hold")]
    NoMasterKey {
        /// Which.
        master_id: String,
    },
    /// It was changed, or belongs to another row, or the master key of that id is another one.
    #[error("was changed since it was written, or its master key was")]
    Tampered,
    /// It is longer than the cipher allows, hundreds of gigabytes.
    #[error("is too long to be encrypted")]
    TooLong,
}

impl MasterKeys {
    /// Encrypts a provider's key under a fresh data key, and that under the first master key.
    pub fn seal(
        &self,
        provider: &str,
        value: &SecretString,
        created_at: OffsetDateTime,
    ) -> Result<SealedProviderKey, EnvelopeError> {
        let id = Uuid::now_v7();
        let data_key = Zeroizing::new(rand::random());
        let context = value_context(id, provider);
        Ok(SealedProviderKey {
            id,
            provider: provider.to_owned(),
            value: encrypt(&data_key, value.expose_secret().as_bytes(), &context)?,
            key: self.first().wrap(id, provider, &data_key)?,
            created_at,
        })
    }

    /// Decrypts a provider's key.
    pub fn open(&self, sealed: &SealedProviderKey) -> Result<SecretString, EnvelopeError> {
        let data_key = self.unwrap(sealed)?;
        let context = value_context(sealed.id, &sealed.provider);
        let value = decrypt(&data_key, &sealed.value, &context)?;
        let value = std::str::from_utf8(&value).map_err(|_| EnvelopeError::Tampered)?;
        Ok(SecretString::from(value))
    }

    /// The same data key under the first master key; nothing where it lies there already.
    pub fn rewrap(&self, sealed: &SealedProviderKey) -> Result<Option<WrappedKey>, EnvelopeError> {
        if sealed.key.master_id == self.first_id() {
            return Ok(None);
        }
        let data_key = self.unwrap(sealed)?;
        self.first()
            .wrap(sealed.id, &sealed.provider, &data_key)
            .map(Some)
    }

    fn unwrap(&self, sealed: &SealedProviderKey) -> Result<DataKey, EnvelopeError> {
        let WrappedKey {
            master_id,
            sealed: key,
        } = &sealed.key;
        let master = self.find(master_id).ok_or_else(|| EnvelopeError::NoMasterKey {
            master_id: master_id.clone(),
        })?;
        let context = key_context(sealed.id, &sealed.provider, master_id);
        let plain = decrypt(master.key.expose_secret(), key, &context)?;
        let mut data_key = DataKey::default();
        if plain.len() != data_key.len() {
            return Err(EnvelopeError::Tampered);
        }
        data_key.copy_from_slice(&plain);
        Ok(data_key)
    }
}

impl MasterKey {
    fn wrap(&self, id: Uuid, provider: &str, data_key: &DataKey) -> Result<WrappedKey, EnvelopeError> {
        let context = key_context(id, provider, &self.id);
        Ok(WrappedKey {
            master_id: self.id.clone(),
            sealed: encrypt(self.key.expose_secret(), data_key.as_slice(), &context)?,
        })
    }
}

/// What a value is bound to: it does not open in another row or under another provider's name.
fn value_context(id: Uuid, provider: &str) -> Vec<u8> {
    context(&[b"ultra provider key: value", id.as_bytes(), provider.as_bytes()])
}

/// What a data key is bound to.
fn key_context(id: Uuid, provider: &str, master_id: &str) -> Vec<u8> {
    let parts: [&[u8]; 4] = [
        b"ultra provider key: data key",
        id.as_bytes(),
        provider.as_bytes(),
        master_id.as_bytes(),
    ];
    context(&parts)
}

/// Each part with its length before it, so that no two lists of parts are one text.
fn context(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn encrypt(key: &[u8; MasterKeys::KEY_BYTES], msg: &[u8], aad: &[u8]) -> Result<Sealed, EnvelopeError> {
    let nonce: [u8; 24] = rand::random();
    let ciphertext = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg, aad })
        .map_err(|_| EnvelopeError::TooLong)?;
    Ok(Sealed { nonce, ciphertext })
}

fn decrypt(
    key: &[u8; MasterKeys::KEY_BYTES],
    sealed: &Sealed,
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let payload = Payload {
        msg: &sealed.ciphertext,
        aad,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(sealed.nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| EnvelopeError::Tampered)
}

#[cfg(test)]
#[path = "envelope/tests.rs"]
mod tests;
