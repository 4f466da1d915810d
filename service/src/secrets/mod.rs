//! Providers' API keys in the store, encrypted by envelope: each value under a data key of its own, each data key under
//! a master key that the store never sees. Changing the master key re-wraps the data keys; the values stay as they are.

mod envelope;
mod error;
mod live_master_keys;
mod master_keys;
mod provider_keys;
mod rotation;

pub use envelope::EnvelopeError;
pub use error::Error;
pub use live_master_keys::{LiveMasterKeys, LoadError};
pub use master_keys::{EXAMPLE_MASTER_KEY, InvalidMasterKeys, KnownMasterKey, MasterKeys};
pub use provider_keys::{ProviderKey, ProviderKeys};
pub use rotation::{Rotated, Status};
