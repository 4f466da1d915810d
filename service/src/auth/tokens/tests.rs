//! What passes, what never does, and both while keys change.

mod attacks;
mod forge;
mod noise;
mod rotation;

use secrecy::ExposeSecret as _;

use super::*;
use crate::auth::{TEST_ISSUER, TEST_KEY_ID, mint_test_token};
use forge::{NOW, access_rules, ring, tokens};

#[test]
fn an_issued_token_says_who_it_is_for() {
    let tokens = tokens();
    let (user, session) = (UserId::generate(), SessionId::generate());
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(user, session, Role::Admin)
        .unwrap();
    assert_eq!(issued.expires_at, NOW + time::Duration::minutes(15));
    let verified = tokens.verify(issued.token.expose_secret(), NOW).unwrap();
    assert_eq!(
        verified,
        Verified {
            user,
            session,
            role: Role::Admin,
            issued_at: NOW,
            expires_at: issued.expires_at,
            test: false,
        }
    );
    assert!(looks_like_jwt(issued.token.expose_secret()));
    assert!(!format!("{issued:?}").contains(issued.token.expose_secret()));
}

#[test]
fn every_algorithm_signs_what_it_verifies() {
    for kid in ["ed", "ec", "rsa", "hmac"] {
        let tokens = Tokens::new(ring(kid), access_rules());
        let issue = || {
            tokens
                .signer(NOW)
                .unwrap()
                .issue(UserId::generate(), SessionId::generate(), Role::User)
                .unwrap()
        };
        let (first, second) = (issue().token, issue().token);
        assert_ne!(first.expose_secret(), second.expose_secret(), "{kid}");
        assert!(tokens.verify(first.expose_secret(), NOW).is_ok(), "{kid}");
        let header = jsonwebtoken::decode_header(first.expose_secret()).unwrap();
        assert_eq!(header.kid.as_deref(), Some(kid));
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    }
}

#[test]
fn a_token_does_not_outlive_its_key() {
    let end = NOW + time::Duration::seconds(90);
    let tokens = Tokens::new(forge::expiring(end), access_rules());
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(UserId::generate(), SessionId::generate(), Role::User)
        .unwrap();
    assert_eq!(issued.expires_at, end);
    let last = end - time::Duration::SECOND;
    assert!(tokens.verify(issued.token.expose_secret(), last).is_ok());
    // No leeway for a key's end, and none by way of what is remembered.
    assert_eq!(
        tokens.verify(issued.token.expose_secret(), end),
        Err(TokenError::ExpiredKey)
    );
    let late = tokens
        .signer(end)
        .and_then(|signer| signer.issue(UserId::generate(), SessionId::generate(), Role::User));
    assert_eq!(late.unwrap_err(), TokenError::NoSigningKey);
}

#[test]
fn test_tokens_pass_where_they_are_accepted_and_nowhere_else() {
    let (user, session) = (UserId::generate(), SessionId::generate());
    let minted = mint_test_token(user, session, Role::Admin, Duration::from_secs(60), NOW).unwrap();
    let token = minted.token.expose_secret();
    assert_eq!(tokens().verify(token, NOW), Err(TokenError::TestToken));
    let verified = forge::testing_tokens().verify(token, NOW).unwrap();
    assert_eq!(
        (verified.user, verified.session, verified.role),
        (user, session, Role::Admin)
    );
    assert!(verified.test);
}

#[test]
fn the_test_environment_mints_the_same_test_tokens() {
    let tokens = forge::testing_tokens();
    let now = OffsetDateTime::now_utc();
    let user = UserId::generate();
    let token = ultra_testenv::TestToken::admin().for_user(user.as_uuid());
    let verified = tokens.verify(&token.to_string(), now).unwrap();
    assert_eq!(verified.user, user);
    assert_eq!(verified.session.as_uuid(), token.session_id());
    assert_eq!((verified.role, verified.test), (Role::Admin, true));
    assert_eq!(verified.expires_at - verified.issued_at, time::Duration::HOUR);
    assert_eq!(token.to_string(), token.mint());

    let plain = ultra_testenv::TestToken::user();
    assert_eq!(tokens.verify(&plain.mint(), now).unwrap().role, Role::User);
    assert_eq!(
        tokens.verify(&plain.expired().mint(), now),
        Err(TokenError::Expired)
    );
}

#[test]
fn an_access_token_is_no_test_token_where_both_pass() {
    let tokens = forge::testing_tokens();
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(UserId::generate(), SessionId::generate(), Role::User)
        .unwrap();
    assert!(!tokens.verify(issued.token.expose_secret(), NOW).unwrap().test);
    assert_eq!((TEST_KEY_ID, TEST_ISSUER), ("ultra-test", "ultra-test"));
}

#[test]
fn what_is_remembered_does_not_outlive_the_token() {
    let tokens = tokens();
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(UserId::generate(), SessionId::generate(), Role::User)
        .unwrap();
    let token = issued.token.expose_secret();
    assert!(tokens.verify(token, NOW).is_ok());
    let end = issued.expires_at + time::Duration::seconds(30);
    assert!(tokens.verify(token, end - time::Duration::SECOND).is_ok());
    assert_eq!(tokens.verify(token, end), Err(TokenError::Expired));
    assert_eq!(
        tokens.verify(token, NOW - time::Duration::MINUTE),
        Err(TokenError::NotYetValid)
    );
}

#[test]
fn a_seen_token_costs_no_signature_check() {
    let tokens = tokens();
    let issued = tokens
        .signer(NOW)
        .unwrap()
        .issue(UserId::generate(), SessionId::generate(), Role::User)
        .unwrap();
    let token = issued.token.expose_secret();
    let id = SeenTokens::id(&tokens.ring.current(), token);
    assert!(tokens.seen.get(&id).is_none());
    tokens.verify(token, NOW).unwrap();
    assert!(tokens.seen.get(&id).is_some());
    // What was refused is not remembered, so that nobody fills the memory with noise.
    let bad = format!("{token}A");
    assert!(tokens.verify(&bad, NOW).is_err());
    assert!(
        tokens
            .seen
            .get(&SeenTokens::id(&tokens.ring.current(), &bad))
            .is_none()
    );
}

#[test]
fn what_looks_like_a_token_has_to_be_one() {
    let issued = tokens()
        .signer(NOW)
        .unwrap()
        .issue(UserId::generate(), SessionId::generate(), Role::User)
        .unwrap();
    let token = issued.token.expose_secret().to_owned();
    let header = |json: &str| forge::base64(json.as_bytes());
    for text in [
        token,
        format!("{}.e30.", header(r#"{"alg":"none"}"#)),
        format!("{}..", header(r#"{"alg":null}"#)),
        format!("{}.AAAA.AAAA", header(r#"{"alg":"HS256","alg":"none"}"#)),
        format!(
            "{}.{}.x",
            header(r#" {"typ":"JWT","alg":["a"]} "#),
            "A".repeat(10_000)
        ),
    ] {
        assert!(looks_like_jwt(&text), "{text}");
    }
    for text in [
        "",
        "..",
        "a.b.c",
        "sk-proj-1234567890",
        "uk_0123456789",
        "dummy",
        &format!("{}.e30", header(r#"{"alg":"none"}"#)),
        &format!("{}.e30..", header(r#"{"alg":"none"}"#)),
        &format!("{}.e30.a.b.c", header(r#"{"alg":"dir","enc":"A128GCM"}"#)),
        &format!("{}.e 30.", header(r#"{"alg":"none"}"#)),
        &format!("{}.e30.=", header(r#"{"alg":"none"}"#)),
        &format!("{}.e30.", header(r#"{"typ":"JWT"}"#)),
        &format!("{}.e30.", header(r#"["alg"]"#)),
        &format!("{}.e30.", header(r#""alg""#)),
    ] {
        assert!(!looks_like_jwt(text), "{text}");
    }
}

#[test]
fn no_error_shows_the_token() {
    let token = forge::signed(
        r#"{"alg":"canary","kid":"canary","typ":"canary"}"#,
        r#"{"canary":"canary"}"#,
    );
    let error = tokens().verify(&token, NOW).unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.class()).contains("canary"));
}
