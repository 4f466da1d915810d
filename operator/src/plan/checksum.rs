//! Short digests of objects and of what pods read at their start.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Enough of a SHA-256 that two plans of one resource never share it.
const DIGITS: usize = 16;

/// The digest of an object's JSON; its maps are sorted, so equal objects have equal digests.
pub(super) fn fingerprint(object: &impl Serialize) -> String {
    // Kubernetes' types always serialize; were it not so, the value would differ from none, and the object be applied.
    let json = serde_json::to_vec(object).unwrap_or_default();
    digest([json.as_slice()])
}

/// The digest of several texts, in their order.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut text = hex::encode(hasher.finalize());
    text.truncate(DIGITS);
    text
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_digest_knows_where_one_part_ends() {
        assert_ne!(digest([&b"ab"[..], b"c"]), digest([&b"a"[..], b"bc"]));
    }
}
