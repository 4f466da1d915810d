//! Noise into what strangers reach.

use proptest::prelude::*;

use super::forge::{HEADER, NOW, base64, claims, signed, testing_tokens};
use crate::auth::{Tokens, looks_like_jwt};

thread_local! {
    static TOKENS: Tokens = testing_tokens();
}

fn passes(token: &str) -> bool {
    TOKENS.with(|tokens| tokens.verify(token, NOW).is_ok())
}

proptest! {
    #[test]
    fn no_text_passes_by_chance(text in "\\PC*") {
        let _ = looks_like_jwt(&text);
        prop_assert!(!passes(&text));
    }

    #[test]
    fn no_three_parts_pass_by_chance(header in any::<Vec<u8>>(), claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let token = format!("{}.{}.{}", base64(&header), base64(&claims), base64(&signature));
        let _ = looks_like_jwt(&token);
        prop_assert!(!passes(&token));
    }

    #[test]
    fn a_damaged_header_or_payload_under_a_good_signature_never_panics(
        position in 0_usize..400, byte in 0x20_u8..0x7f, in_header in any::<bool>(),
    ) {
        let claims = claims().to_string();
        let damage = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let position = position % bytes.len();
            bytes[position] = byte;
            String::from_utf8(bytes).unwrap()
        };
        let (header, claims) = if in_header { (damage(HEADER), claims) } else { (HEADER.to_owned(), damage(&claims)) };
        let token = signed(&header, &claims);
        prop_assert!(looks_like_jwt(&token) || in_header);
        // A changed header must mean what it meant; a changed claim may be another user's, but never another
        // issuer's.
        if passes(&token) && in_header {
            let header: serde_json::Value = serde_json::from_str(&header).unwrap();
            prop_assert_eq!(&header["alg"], "EdDSA");
            prop_assert_eq!(&header["kid"], "ed");
        }
    }

    #[test]
    fn json_of_any_shape_under_a_good_signature_never_panics(claims in json(), header in json()) {
        let _ = passes(&signed(HEADER, &claims));
        prop_assert!(!passes(&signed(&header, &claims)));
    }
}

/// JSON with the names that matter, and any values.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| serde_json::json!(value).to_string()),
        "[a-z+]{0,8}".prop_map(|value| format!("{value:?}")),
    ];
    let name = prop::sample::select(vec![
        "alg", "kid", "typ", "jwk", "crit", "iss", "aud", "sub", "sid", "role", "iat", "nbf", "exp", "jti",
    ]);
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("{name:?}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
