//! Every known way to talk a verifier into something. Each token is good but for one thing, mostly with a good
//! signature of the ring's own key, so that it would pass if that one check were not there; and each says which check
//! it met.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use time::Duration;

use super::forge::{
    HEADER, NOW, access_rules, base64, by_hmac, by_seed, claims, claims_with, expiring, forged, issued,
    published, ring_dir, signed, testing_tokens, tokens,
};
use crate::auth::{
    TokenError, Tokens,
    key_ring::test_keys::{SECRET, ed25519_public, ed25519_seed},
};

fn refused_by(tokens: &Tokens, token: &str, error: TokenError, what: &str) {
    // Twice: what was refused must not be remembered as good.
    for _ in 0..2 {
        assert_eq!(tokens.verify(token, NOW), Err(error), "{what}");
    }
}

fn header_with(name: &str, value: &Value) -> String {
    let mut header: Value = serde_json::from_str(HEADER).unwrap();
    header[name] = value.clone();
    header.to_string()
}

#[test]
fn the_token_that_all_attacks_start_from_is_good() {
    let token = signed(HEADER, &claims().to_string());
    assert!(tokens().verify(&token, NOW).is_ok());
}

#[test]
fn no_signature_is_no_algorithm_however_it_is_spelt() {
    let tokens = tokens();
    let claims = claims().to_string();
    for alg in ["none", "None", "NONE", "nOnE", "none ", "", "null", "no\u{0}ne"] {
        let header = header_with("alg", &json!(alg));
        refused_by(
            &tokens,
            &forged(&header, &claims, |_| Vec::new()),
            TokenError::WrongAlgorithm,
            alg,
        );
        refused_by(
            &tokens,
            &signed(&header, &claims),
            TokenError::WrongAlgorithm,
            alg,
        );
    }
    for alg in [json!(null), json!(["none"]), json!(0), json!({"EdDSA": 1})] {
        let header = header_with("alg", &alg);
        let error = if alg.is_null() {
            TokenError::WrongAlgorithm
        } else {
            TokenError::Malformed
        };
        refused_by(&tokens, &signed(&header, &claims), error, &header);
    }
    let header = r#"{"kid":"ed","typ":"at+jwt"}"#;
    refused_by(
        &tokens,
        &signed(header, &claims),
        TokenError::WrongAlgorithm,
        "without alg",
    );
    // The right algorithm and nothing signed by it.
    refused_by(
        &tokens,
        &forged(HEADER, &claims, |_| Vec::new()),
        TokenError::BadSignature,
        "without signature",
    );
}

#[test]
fn the_header_chooses_no_algorithm() {
    let tokens = tokens();
    let claims = claims().to_string();
    for alg in [
        "eddsa", "EDDSA", "Ed25519", "HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "HS257",
    ] {
        let header = header_with("alg", &json!(alg));
        refused_by(
            &tokens,
            &signed(&header, &claims),
            TokenError::WrongAlgorithm,
            alg,
        );
    }
    // Each key with each other's algorithm, also where the ring does hold a key of it.
    for kid in ["ed", "ec", "rsa", "hmac"] {
        let own = match kid {
            "ed" => "EdDSA",
            "ec" => "ES256",
            "rsa" => "RS256",
            _ => "HS256",
        };
        for alg in ["EdDSA", "ES256", "RS256", "HS256"] {
            let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
            let token = forged(&header, &claims, by_hmac(SECRET));
            match (alg == own, kid) {
                (true, "hmac") => assert!(tokens.verify(&token, NOW).is_ok()),
                (true, _) => refused_by(&tokens, &token, TokenError::BadSignature, &header),
                (false, _) => refused_by(&tokens, &token, TokenError::WrongAlgorithm, &header),
            }
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let tokens = tokens();
    let claims = claims().to_string();
    let number = |kid: &str, name: &str| {
        BASE64_URL_SAFE_NO_PAD
            .decode(published(kid)[name].as_str().unwrap())
            .unwrap()
    };
    let rsa = include_str!("../../key_ring/testdata/rsa-2048-public.pem");
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        BASE64_STANDARD.decode(body).unwrap()
    };
    let ed = ed25519_public(1);
    let point = [vec![4], number("ec", "x"), number("ec", "y")].concat();
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("rsa", rsa.into()),
        ("rsa", rsa.trim_end().into()),
        ("rsa", rsa.replace('\n', "\r\n").into()),
        ("rsa", der(rsa)),
        // RSAPublicKey, without the frame that says RSA.
        ("rsa", der(rsa)[24..].to_vec()),
        ("rsa", number("rsa", "n")),
        ("rsa", published("rsa")["n"].as_str().unwrap().into()),
        ("rsa", published("rsa").to_string().into()),
        ("ec", point),
        ("ec", number("ec", "x")),
        ("ed", ed.clone().into()),
        ("ed", der(&ed)),
        ("ed", number("ed", "x")),
        ("ed", Vec::new()),
    ];
    for (kid, secret) in secrets {
        let header = json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}).to_string();
        let token = forged(&header, &claims, by_hmac(&secret));
        refused_by(&tokens, &token, TokenError::WrongAlgorithm, kid);
    }
}

#[test]
fn a_name_finds_only_keys_of_the_ring() {
    let tokens = tokens();
    let claims = claims().to_string();
    let outside = ring_dir().parent().unwrap().join("outside");
    assert!(outside.with_extension("pem").is_file());
    let absolute = outside.display().to_string();
    let long = "e".repeat(2_000);
    for kid in [
        "../outside",
        "../outside.pem",
        "..%2foutside",
        "..\\outside",
        "./ed",
        "ring/../ed",
        absolute.as_str(),
        "file:///etc/passwd",
        "/dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "ed.pem",
        "ed\u{0}",
        "ed\u{0}.pem",
        "ED",
        " ed",
        "ed ",
        "ed\n",
        "",
        "*",
        "' OR '1'='1",
        "x' UNION SELECT 'secret' -- ",
        "ed; cat /etc/passwd",
        "| touch /tmp/pwned",
        "$(id)",
        "${jndi:ldap://127.0.0.1/a}",
        "https://127.0.0.1/key.pem",
        "éd",
        long.as_str(),
    ] {
        let header = header_with("kid", &json!(kid));
        // By the attacker's key that lies where the name points, by an empty secret, and by the ring's own key.
        for token in [
            forged(&header, &claims, by_seed(&ed25519_seed(66))),
            forged(&header, &claims, by_hmac(b"")),
            signed(&header, &claims),
        ] {
            refused_by(&tokens, &token, TokenError::UnknownKey, kid);
        }
    }
    for kid in [json!(["ed"]), json!({"kid": "ed"}), json!(0), json!(true)] {
        let token = signed(&header_with("kid", &kid), &claims);
        refused_by(&tokens, &token, TokenError::Malformed, &kid.to_string());
    }
    // Without a name no key is tried, not even the only one that would fit.
    for header in [
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":null,"typ":"at+jwt"}"#,
    ] {
        refused_by(&tokens, &signed(header, &claims), TokenError::UnknownKey, header);
    }
    let other = header_with("kid", &json!("other"));
    refused_by(
        &tokens,
        &signed(&other, &claims),
        TokenError::BadSignature,
        "another key of the ring",
    );
}

#[test]
fn a_token_brings_no_key() {
    let tokens = tokens();
    let claims = claims().to_string();
    let attacker = ed25519_dalek::SigningKey::from_bytes(&ed25519_seed(66)).verifying_key();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(attacker.as_bytes())});
    for (name, value) in [
        ("jwk", jwk),
        ("jwk", json!(null)),
        ("jku", json!("https://127.0.0.1/jwks.json")),
        ("jku", json!("")),
        ("x5u", json!("https://127.0.0.1/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5c", json!([])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("x5u", json!(7)),
    ] {
        let header = header_with(name, &value);
        for token in [
            forged(&header, &claims, by_seed(&ed25519_seed(66))),
            signed(&header, &claims),
        ] {
            refused_by(&tokens, &token, TokenError::ForeignKey, &header);
        }
    }
}

#[test]
fn a_token_of_another_type_is_no_access_token() {
    let tokens = tokens();
    let claims = claims().to_string();
    for typ in [
        "JWT",
        "jwt",
        "",
        "at",
        "jwt+at",
        "at+jwt ",
        "at+jwt;v=1",
        "xat+jwt",
        "at+jwtx",
        "rt+jwt",
        "refresh+jwt",
        "test+jwt",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "application/jwt",
        "application/application/at+jwt",
        "text/at+jwt",
    ] {
        let header = header_with("typ", &json!(typ));
        refused_by(&tokens, &signed(&header, &claims), TokenError::WrongType, typ);
    }
    for header in [
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":null}"#,
    ] {
        refused_by(&tokens, &signed(header, &claims), TokenError::WrongType, header);
    }
    let array = header_with("typ", &json!(["at+jwt"]));
    refused_by(
        &tokens,
        &signed(&array, &claims),
        TokenError::Malformed,
        "an array of types",
    );
    // The other spellings that RFC 7515 and RFC 9068 allow.
    for typ in ["application/at+jwt", "AT+JWT", "Application/at+JWT"] {
        let token = signed(&header_with("typ", &json!(typ)), &claims);
        assert!(tokens.verify(&token, NOW).is_ok(), "{typ}");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_not() {
    let tokens = tokens();
    let claims = claims().to_string();
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["http://example.com/x"]),
        json!([]),
        json!(null),
        json!("exp"),
    ] {
        let mut header: Value = serde_json::from_str(&header_with("crit", &crit)).unwrap();
        header["b64"] = json!(true);
        let token = signed(&header.to_string(), &claims);
        refused_by(
            &tokens,
            &token,
            TokenError::CriticalExtension,
            &header.to_string(),
        );
    }
    // What need not be understood is ignored.
    let token = signed(&header_with("nobody-knows", &json!({"a": 1})), &claims);
    assert!(tokens.verify(&token, NOW).is_ok());
}

#[test]
fn nothing_is_said_twice() {
    let tokens = tokens();
    let good = claims().to_string();
    for header in [
        r#"{"alg":"none","alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","alg":"none","kid":"ed","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"EdDSA","kid":"ed","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"other","kid":"ed","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt","x":1,"x":2}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt","x":{"a":1,"a":2}}"#,
    ] {
        refused_by(
            &tokens,
            &signed(header, &good),
            TokenError::DuplicateMember,
            header,
        );
    }
    let body = good.trim_end_matches('}');
    for extra in [
        r#""exp":9999999999"#,
        r#""role":"admin""#,
        r#""r\u006fle":"admin""#,
        r#""sub":"01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a45""#,
        r#""iss":"ultra""#,
        r#""aud":"ultra-api""#,
        r#""x":1,"x":1"#,
        r#""x":[{"a":1,"a":1}]"#,
    ] {
        let claims = format!("{body},{extra}}}");
        refused_by(
            &tokens,
            &signed(HEADER, &claims),
            TokenError::DuplicateMember,
            &claims,
        );
    }
}

#[test]
fn clocks_may_differ_by_thirty_seconds_and_no_more() {
    let now = NOW.unix_timestamp();
    let check = |name: &str, value: i64| {
        let token = signed(HEADER, &claims_with(name, json!(value)));
        tokens().verify(&token, NOW).map(drop)
    };
    for (name, offset, result) in [
        ("exp", -29, Ok(())),
        ("exp", -30, Err(TokenError::Expired)),
        ("exp", -31, Err(TokenError::Expired)),
        ("exp", -900, Err(TokenError::Expired)),
        ("nbf", 29, Ok(())),
        ("nbf", 30, Ok(())),
        ("nbf", 31, Err(TokenError::NotYetValid)),
        ("nbf", 900, Err(TokenError::NotYetValid)),
        ("iat", 29, Ok(())),
        ("iat", 30, Ok(())),
        ("iat", 31, Err(TokenError::IssuedInFuture)),
        ("iat", 900, Err(TokenError::IssuedInFuture)),
    ] {
        assert_eq!(check(name, now + offset), result, "{name} {offset:+}");
    }
    // A part of a second counts.
    let token = signed(HEADER, &claims_with("exp", json!(now - 29)));
    let late = NOW + Duration::milliseconds(999);
    assert!(tokens().verify(&token, late).is_ok());
    assert_eq!(
        tokens().verify(&token, late + Duration::milliseconds(1)),
        Err(TokenError::Expired)
    );
}

#[test]
fn no_part_of_a_token_is_a_token() {
    let tokens = tokens();
    let token = issued(&tokens);
    for end in 0..token.len() {
        assert!(
            tokens.verify(&token[..end], NOW).is_err(),
            "its first {end} bytes passed"
        );
        assert!(
            tokens.verify(&token[end + 1..], NOW).is_err(),
            "all but its first {} bytes passed",
            end + 1
        );
    }
    assert!(tokens.verify(&token, NOW).is_ok());
}

#[test]
fn no_byte_of_a_token_can_be_another() {
    let tokens = tokens();
    let token = issued(&tokens);
    for position in 0..token.len() {
        for byte in [b'A', b'Q', b'-', b'.', b'=', b'+', b' ', b'\n', 0, 0x7f] {
            let mut other = token.clone().into_bytes();
            if std::mem::replace(&mut other[position], byte) == byte {
                continue;
            }
            let other = String::from_utf8(other).unwrap();
            assert!(tokens.verify(&other, NOW).is_err(), "{position}: {byte:#x}");
        }
    }
}

#[test]
fn a_token_has_one_spelling() {
    let tokens = tokens();
    let token = signed(HEADER, &claims().to_string());
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        panic!("no three parts");
    };
    // The last of 86 characters has four bits that stand for nothing.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    let twin = format!("{}{}", &signature[..85], &alphabet[last + 1..=last + 1]);
    for other in [
        format!("{header}.{claims}.{twin}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{header}=.{claims}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.e30"),
        format!("{header}..{claims}.{signature}"),
        format!("Bearer {token}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!(
            "{header}.{claims}.{}",
            signature.replace('-', "+").replace('_', "/") + "+"
        ),
        format!("\u{feff}{token}"),
    ] {
        refused_by(&tokens, &other, TokenError::Malformed, &other);
    }
}

#[test]
fn an_ed25519_signature_has_one_spelling_too() {
    // s + L stands for the same scalar; who lets it pass lets everybody make a second token of a first.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let token = forged(HEADER, &claims().to_string(), |message| {
        let mut signature = by_seed(&ed25519_seed(1))(message);
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        signature
    });
    refused_by(&tokens(), &token, TokenError::BadSignature, "s + L");
}

#[test]
fn a_signature_of_zeros_fits_nothing() {
    let claims = claims().to_string();
    for (kid, alg, length) in [
        ("ec", "ES256", 64),
        ("ed", "EdDSA", 64),
        ("rsa", "RS256", 256),
        ("hmac", "HS256", 32),
    ] {
        let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
        for length in [0, 1, length - 1, length, length + 1] {
            let token = forged(&header, &claims, |_| vec![0; length]);
            refused_by(&tokens(), &token, TokenError::BadSignature, &header);
        }
    }
    // Nor does the start of the right one.
    let header = r#"{"alg":"HS256","kid":"hmac","typ":"at+jwt"}"#;
    for length in 0..32 {
        let token = forged(header, &claims, |message| {
            by_hmac(SECRET)(message)[..length].to_vec()
        });
        refused_by(&tokens(), &token, TokenError::BadSignature, header);
    }
}

#[test]
fn a_token_that_is_too_long_is_not_even_read() {
    let tokens = tokens();
    let of_length = |length: usize| {
        let padded = (0..length).find_map(|padding| {
            let token = signed(HEADER, &claims_with("padding", json!("x".repeat(padding))));
            (token.len() >= length).then_some(token)
        });
        padded.unwrap()
    };
    let mut longest = of_length(4 * 1024 - 2);
    assert!(longest.len() <= 4 * 1024);
    assert!(tokens.verify(&longest, NOW).is_ok());
    let token = of_length(4 * 1024 + 1);
    assert!(token.len() <= 4 * 1024 + 2);
    refused_by(
        &tokens,
        &token,
        TokenError::TooLong,
        "a good token, but for its length",
    );
    refused_by(&tokens, &".".repeat(1 << 20), TokenError::TooLong, "a megabyte");
    // At the limit itself it is looked at, whatever it is.
    longest.extend(std::iter::repeat_n('A', 4 * 1024 - longest.len()));
    assert_ne!(tokens.verify(&longest[..], NOW).err(), Some(TokenError::TooLong));
}

#[test]
fn another_issuers_token_is_not_ours() {
    let tokens = tokens();
    for iss in [
        "ultra-test",
        "Ultra",
        "ultra ",
        "ultr",
        "ultra2",
        "https://ultra",
        "",
        "ultra-api",
    ] {
        let token = signed(HEADER, &claims_with("iss", json!(iss)));
        refused_by(&tokens, &token, TokenError::WrongIssuer, iss);
    }
    // Also not one of several.
    for iss in [
        json!(["ultra"]),
        json!(["evil", "ultra"]),
        json!({"ultra": 1}),
        json!(1),
        Value::Null,
    ] {
        let token = signed(HEADER, &claims_with("iss", iss.clone()));
        refused_by(&tokens, &token, TokenError::Malformed, &iss.to_string());
    }
}

#[test]
fn a_token_for_somebody_else_is_not_for_us() {
    let tokens = tokens();
    for aud in [
        json!("ultra"),
        json!("ultra-test"),
        json!("Ultra-API"),
        json!("ultra-api "),
        json!("ultra-ap"),
        json!(""),
        json!([]),
        json!(["ultra", "ultra-api2"]),
    ] {
        let token = signed(HEADER, &claims_with("aud", aud.clone()));
        refused_by(&tokens, &token, TokenError::WrongAudience, &aud.to_string());
    }
    for aud in [
        json!(1),
        json!({"ultra-api": 1}),
        json!([["ultra-api"]]),
        json!(["ultra-api", 1]),
        Value::Null,
    ] {
        let token = signed(HEADER, &claims_with("aud", aud.clone()));
        refused_by(&tokens, &token, TokenError::Malformed, &aud.to_string());
    }
    let token = signed(HEADER, &claims_with("aud", json!(["somebody", "ultra-api"])));
    assert!(tokens.verify(&token, NOW).is_ok());
}

#[test]
fn every_claim_is_there_and_of_its_type() {
    let tokens = tokens();
    for (name, value) in [
        ("sub", Value::Null),
        ("sub", json!("ada")),
        ("sub", json!("")),
        ("sub", json!(["01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42"])),
        ("sid", Value::Null),
        ("sid", json!("../../etc/passwd")),
        ("role", Value::Null),
        ("role", json!("root")),
        ("role", json!("Admin")),
        ("role", json!(["user", "admin"])),
        ("iat", Value::Null),
        ("iat", json!("1780315200")),
        ("nbf", Value::Null),
        ("nbf", json!(true)),
        ("exp", Value::Null),
        ("exp", json!("9999999999")),
        ("exp", json!(1e30)),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!([9_999_999_999_i64])),
        ("exp", json!(-1)),
        ("nbf", json!(-1)),
        ("iat", json!(i64::MIN)),
        ("jti", Value::Null),
        ("jti", json!(1)),
    ] {
        let token = signed(HEADER, &claims_with(name, value.clone()));
        refused_by(
            &tokens,
            &token,
            TokenError::Malformed,
            &format!("{name}: {value}"),
        );
    }
}

#[test]
fn times_at_the_end_of_the_calendar_do_not_wrap() {
    // 9999-12-31T23:59:59Z, the last that there is.
    let last = 253_402_300_799_i64;
    let token = signed(HEADER, &claims_with("exp", json!(last)));
    assert!(tokens().verify(&token, NOW).is_ok());
    for (name, error) in [
        ("nbf", TokenError::NotYetValid),
        ("iat", TokenError::IssuedInFuture),
    ] {
        let token = signed(HEADER, &claims_with(name, json!(last)));
        assert_eq!(tokens().verify(&token, NOW), Err(error));
        let token = signed(HEADER, &claims_with(name, json!(0)));
        assert!(tokens().verify(&token, NOW).is_ok());
    }
    let token = signed(HEADER, &claims_with("exp", json!(0)));
    assert_eq!(tokens().verify(&token, NOW), Err(TokenError::Expired));
}

#[test]
fn header_and_claims_are_objects_and_nothing_else() {
    let tokens = tokens();
    let good = claims().to_string();
    // serde fills a struct from an array by position.
    let positional = json!(["EdDSA", "ed", "at+jwt"]).to_string();
    let utf16: String = String::from_utf8_lossy(
        &HEADER
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .into_owned();
    for header in [
        "",
        "{}x",
        "null",
        "[]",
        "\"alg\"",
        "{",
        positional.as_str(),
        utf16.as_str(),
        &format!("\u{feff}{HEADER}"),
        &format!("{HEADER}{HEADER}"),
        &format!("{HEADER},"),
    ] {
        refused_by(&tokens, &signed(header, &good), TokenError::Malformed, header);
    }
    let members = claims();
    let positional: Value = ["iss", "aud", "sub", "sid", "role", "iat", "nbf", "exp", "jti"]
        .iter()
        .map(|name| members[name].clone())
        .collect();
    for claims in [
        "",
        "null",
        "[]",
        "1",
        "{}",
        &positional.to_string(),
        &format!("{good}{good}"),
        &format!("{good}\u{0}"),
    ] {
        refused_by(&tokens, &signed(HEADER, claims), TokenError::Malformed, claims);
    }
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let token = signed(&HEADER.replace('}', &format!(",\"x\":{deep}}}")), &good);
    refused_by(
        &tokens,
        &token,
        TokenError::Malformed,
        "a thousand arrays in each other",
    );
}

#[test]
fn an_expired_key_of_the_ring_opens_nothing() {
    let tokens = Tokens::new(expiring(NOW + Duration::MINUTE), access_rules());
    let token = signed(HEADER, &claims().to_string());
    assert!(tokens.verify(&token, NOW + Duration::seconds(59)).is_ok());
    for late in [Duration::MINUTE, Duration::minutes(10)] {
        assert_eq!(tokens.verify(&token, NOW + late), Err(TokenError::ExpiredKey));
    }
    // One that has never been seen, and whose own time is far from over.
    let header = header_with("kid", &json!("ended"));
    let token = forged(&header, &claims().to_string(), by_seed(&ed25519_seed(3)));
    refused_by(&tokens, &token, TokenError::ExpiredKey, "ended");
    assert!(
        tokens.verify(&token, NOW - Duration::SECOND).is_ok(),
        "it was a good one once"
    );
}

#[test]
fn the_key_that_everybody_knows_opens_test_tokens_only() {
    let seed = b"ultra: everybody knows this key!";
    let by_test_key = by_seed(seed);
    let mut test_claims = claims();
    test_claims["iss"] = json!("ultra-test");
    test_claims["aud"] = json!("ultra-test");
    let test_claims = test_claims.to_string();
    let test_header = r#"{"alg":"EdDSA","kid":"ultra-test","typ":"test+jwt"}"#;
    let good = forged(test_header, &test_claims, &by_test_key);

    assert!(testing_tokens().verify(&good, NOW).is_ok());
    refused_by(&tokens(), &good, TokenError::TestToken, "a good test token");

    let as_access = r#"{"alg":"EdDSA","kid":"ultra-test","typ":"at+jwt"}"#;
    let as_ring_key = r#"{"alg":"EdDSA","kid":"ed","typ":"test+jwt"}"#;
    let ring_claims = claims().to_string();
    for (header, claims, error) in [
        (as_access, ring_claims.as_str(), TokenError::WrongType),
        (as_access, &test_claims, TokenError::WrongType),
        (test_header, &ring_claims, TokenError::WrongIssuer),
        (as_ring_key, &test_claims, TokenError::WrongType),
        (HEADER, &ring_claims, TokenError::BadSignature),
    ] {
        refused_by(
            &testing_tokens(),
            &forged(header, claims, &by_test_key),
            error,
            header,
        );
    }
    // And no key of the ring makes test tokens.
    refused_by(
        &testing_tokens(),
        &signed(test_header, &test_claims),
        TokenError::BadSignature,
        "by the ring's key",
    );
    refused_by(
        &testing_tokens(),
        &signed(as_ring_key, &test_claims),
        TokenError::WrongType,
        "by the ring's key",
    );
    refused_by(
        &testing_tokens(),
        &signed(HEADER, &test_claims),
        TokenError::WrongIssuer,
        "by the ring's key",
    );
}

#[test]
fn a_signature_is_for_one_message() {
    let tokens = tokens();
    let first = issued(&tokens);
    let second = issued(&tokens);
    let (message, _) = first.rsplit_once('.').unwrap();
    let (_, signature) = second.rsplit_once('.').unwrap();
    refused_by(
        &tokens,
        &format!("{message}.{signature}"),
        TokenError::BadSignature,
        "another token's signature",
    );
    let admin = signed(HEADER, &claims_with("role", json!("admin")));
    let user = signed(HEADER, &claims().to_string());
    let (message, _) = admin.rsplit_once('.').unwrap();
    let (_, signature) = user.rsplit_once('.').unwrap();
    refused_by(
        &tokens,
        &format!("{message}.{signature}"),
        TokenError::BadSignature,
        "a user that became an admin",
    );
}
