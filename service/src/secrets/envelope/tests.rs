use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::macros::datetime;

use super::*;

const AT: OffsetDateTime = datetime!(2026-02-03 04:05:06 UTC);
const VALUE: &str = "sk-canary-0123456789-ü";

fn keys(list: &[(&str, u8)]) -> MasterKeys {
    let entries: Vec<_> = list
        .iter()
        .map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32])))
        .collect();
    MasterKeys::parse(&SecretString::from(entries.join(","))).unwrap()
}

fn sealed(keys: &MasterKeys) -> SealedProviderKey {
    keys.seal("openai", &SecretString::from(VALUE), AT).unwrap()
}

fn opened(keys: &MasterKeys, sealed: &SealedProviderKey) -> Result<String, EnvelopeError> {
    keys.open(sealed).map(|value| value.expose_secret().to_owned())
}

#[test]
fn what_was_sealed_opens_again_and_holds_nothing_of_the_value() {
    let keys = keys(&[("a", 1)]);
    let sealed = sealed(&keys);
    assert_eq!(opened(&keys, &sealed), Ok(VALUE.to_owned()));
    let bytes = [&sealed.value.ciphertext, &sealed.key.sealed.ciphertext]
        .map(Clone::clone)
        .concat();
    assert!(
        !bytes
            .windows(6)
            .any(|window| VALUE.as_bytes().windows(6).any(|part| part == window))
    );
    assert!(!format!("{sealed:?}").contains("canary"));
    for length in [0, 1, 63, 64, 65, 10_000] {
        let value = SecretString::from("x".repeat(length));
        let opened = keys.open(&keys.seal("openai", &value, AT).unwrap()).unwrap();
        assert_eq!(opened.expose_secret(), value.expose_secret());
    }
}

#[test]
fn one_value_sealed_twice_shares_no_nonce_no_data_key_and_no_text() {
    let keys = keys(&[("a", 1)]);
    let (one, two) = (sealed(&keys), sealed(&keys));
    assert_ne!(one.id, two.id);
    assert_ne!(one.value.nonce, two.value.nonce);
    assert_ne!(one.value.ciphertext, two.value.ciphertext);
    assert_ne!(one.key.sealed.nonce, two.key.sealed.nonce);
    assert_ne!(*keys.unwrap(&one).unwrap(), *keys.unwrap(&two).unwrap());
}

#[test]
fn a_change_of_any_bit_is_seen() {
    let keys = keys(&[("a", 1)]);
    let good = sealed(&keys);
    let parts: [fn(&mut SealedProviderKey) -> &mut [u8]; 4] = [
        |key| &mut key.value.nonce,
        |key| &mut key.value.ciphertext,
        |key| &mut key.key.sealed.nonce,
        |key| &mut key.key.sealed.ciphertext,
    ];
    let mut changes = 0;
    for part in parts {
        for bit in 0..part(&mut good.clone()).len() * 8 {
            let mut bad = good.clone();
            part(&mut bad)[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&keys, &bad), Err(EnvelopeError::Tampered), "bit {bit}");
            changes += 1;
        }
    }
    assert_eq!(changes, (24 + VALUE.len() + 16 + 24 + 32 + 16) * 8);
}

#[test]
fn a_text_that_was_cut_or_grew_is_seen() {
    let keys = keys(&[("a", 1)]);
    let good = sealed(&keys);
    let parts: [fn(&mut SealedProviderKey) -> &mut Vec<u8>; 2] = [
        |key| &mut key.value.ciphertext,
        |key| &mut key.key.sealed.ciphertext,
    ];
    for part in parts {
        for length in 0..part(&mut good.clone()).len() {
            let mut bad = good.clone();
            part(&mut bad).truncate(length);
            assert_eq!(
                opened(&keys, &bad),
                Err(EnvelopeError::Tampered),
                "cut to {length}"
            );
        }
        let mut bad = good.clone();
        part(&mut bad).push(0);
        assert_eq!(opened(&keys, &bad), Err(EnvelopeError::Tampered));
    }
}

type Swap = fn(&mut SealedProviderKey, &SealedProviderKey);

#[test]
fn what_belongs_to_another_row_provider_or_master_key_does_not_open() {
    let keys = keys(&[("a", 1), ("b", 2)]);
    let (good, other) = (sealed(&keys), sealed(&keys));
    let swaps: [(&str, Swap); 6] = [
        ("row id", |key, other| key.id = other.id),
        ("provider", |key, _| key.provider = "openai2".to_owned()),
        ("master id", |key, _| key.key.master_id = "b".to_owned()),
        ("value", |key, other| key.value = other.value.clone()),
        ("data key", |key, other| key.key = other.key.clone()),
        ("value and data key", |key, other| {
            key.value = other.value.clone();
            key.key = other.key.clone();
        }),
    ];
    for (what, swap) in swaps {
        let mut bad = good.clone();
        swap(&mut bad, &other);
        assert_eq!(opened(&keys, &bad), Err(EnvelopeError::Tampered), "{what}");
    }
}

#[test]
fn a_value_does_not_open_where_only_its_own_context_was_changed() {
    let keys = keys(&[("a", 1)]);
    let good = sealed(&keys);
    // Whoever holds the master key could wrap the data key anew; the value is bound all the same.
    let data_key = keys.unwrap(&good).unwrap();
    for (id, provider) in [(Uuid::now_v7(), "openai"), (good.id, "anthropic")] {
        let moved = SealedProviderKey {
            id,
            provider: provider.to_owned(),
            key: keys.first().wrap(id, provider, &data_key).unwrap(),
            ..good.clone()
        };
        assert_eq!(opened(&keys, &moved), Err(EnvelopeError::Tampered), "{provider}");
    }
}

#[test]
fn a_row_under_a_key_that_is_not_at_hand_says_which() {
    let sealed = sealed(&keys(&[("old", 1)]));
    let error = opened(&keys(&[("new", 2)]), &sealed).unwrap_err();
    assert_eq!(
        error,
        EnvelopeError::NoMasterKey {
            master_id: "old".to_owned()
        }
    );
    assert_eq!(
        opened(&keys(&[("old", 9)]), &sealed),
        Err(EnvelopeError::Tampered)
    );
}

#[test]
fn a_data_key_moves_to_the_first_master_key_and_the_value_stays_as_it_is() {
    let old = keys(&[("old", 1)]);
    let both = keys(&[("new", 2), ("old", 1)]);
    let before = sealed(&old);
    let wrapped = both.rewrap(&before).unwrap().unwrap();
    assert_eq!(wrapped.master_id, "new");
    let after = SealedProviderKey {
        key: wrapped,
        ..before.clone()
    };
    assert_eq!(opened(&keys(&[("new", 2)]), &after), Ok(VALUE.to_owned()));
    assert_eq!(opened(&both, &before), Ok(VALUE.to_owned()));
    assert_eq!(both.rewrap(&after), Ok(None));
    assert!(keys(&[("new", 2)]).rewrap(&before).is_err());
}

#[test]
fn the_parts_of_a_context_cannot_be_shifted_against_each_other() {
    assert_ne!(context(&[b"ab", b"c"]), context(&[b"a", b"bc"]));
    assert_ne!(context(&[b"a", b""]), context(&[b"a"]));
}
