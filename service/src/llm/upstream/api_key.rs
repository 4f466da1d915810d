use std::sync::{PoisonError, RwLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

/// How the service proves itself to a provider: a header whose value may change while it runs.
#[derive(Debug)]
pub struct ApiKey {
    header: HeaderName,
    scheme: &'static str,
    value: RwLock<Option<HeaderValue>>,
}

/// A key that no header can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds characters that no key has")]
pub struct InvalidApiKey;

impl ApiKey {
    /// A key that is not known yet, for this header, after this text.
    pub fn new(header: HeaderName, scheme: &'static str) -> Self {
        Self {
            header,
            scheme,
            value: RwLock::new(None),
        }
    }

    /// Uses this key from the next request on; without one, requests go without.
    pub fn set(&self, key: Option<&SecretString>) -> Result<(), InvalidApiKey> {
        let value = key.map(|key| self.header_value(key)).transpose()?;
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    fn header_value(&self, key: &SecretString) -> Result<HeaderValue, InvalidApiKey> {
        let text = zeroize::Zeroizing::new(format!("{}{}", self.scheme, key.expose_secret().trim()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| InvalidApiKey)?;
        value.set_sensitive(true);
        Ok(value)
    }

    pub(super) fn put_into(&self, headers: &mut HeaderMap) {
        let value = self.value.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(value) = value {
            headers.insert(self.header.clone(), value);
        }
    }
}
