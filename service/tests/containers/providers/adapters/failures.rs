use std::time::Duration;

use ultra_service::llm::{Error, Phase, complete};
use ultra_testenv::{Llm, llm::Fault};

use super::{Language, question};

/// What the provider's fault is to the one who asked.
async fn error_of(language: Language, fault: Fault) -> Error {
    let llm = Llm::scripted().always_fail(fault).start().await.unwrap();
    complete(&language.of(&llm), question()).await.unwrap_err()
}

#[tokio::test]
async fn every_status_is_one_of_our_errors() {
    for language in Language::ALL {
        for status in [400, 404, 413] {
            let error = error_of(language, Fault::status(status)).await;
            assert!(
                matches!(&error, Error::Refused { status: told, message }
                    if *told == status && message.contains("told to answer")),
                "{error:?}"
            );
        }
        for status in [401, 403] {
            assert_eq!(
                error_of(language, Fault::status(status)).await,
                Error::Unauthorized { status }
            );
        }
        for status in [500, 503, 529] {
            let error = error_of(language, Fault::status(status)).await;
            assert!(
                matches!(&error, Error::Unavailable { detail, .. } if detail.contains("told to answer")),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back_in_a_header_or_in_geminis_body() {
    for language in Language::ALL {
        let error = error_of(language, Fault::status(429).retry_after(7)).await;
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(error, Error::RateLimited { retry_after });
        let error = error_of(language, Fault::status(429)).await;
        assert_eq!(error, Error::RateLimited { retry_after: None });
    }
}

#[tokio::test]
async fn silence_is_a_timeout_of_its_phase() {
    for language in Language::ALL {
        for (fault, phase) in [
            (Fault::Silence, Phase::FirstByte),
            (Fault::SilentBody, Phase::FirstByte),
            (Fault::Stall, Phase::NextChunk),
        ] {
            let llm = Llm::scripted().always_fail(fault).start().await.unwrap();
            let provider = language.within(&llm, Duration::from_millis(300));
            let error = complete(&provider, question()).await.unwrap_err();
            assert_eq!(error, Error::TimedOut(phase));
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for language in Language::ALL {
        for fault in [Fault::Reset, Fault::Truncate] {
            let error = error_of(language, fault).await;
            assert!(error.is_transient(), "{error:?}");
            assert!(
                matches!(error, Error::Unavailable { .. } | Error::Incomplete),
                "{error:?}"
            );
        }
        let error = error_of(language, Fault::StreamError { status: 529 }).await;
        assert!(
            matches!(&error, Error::Unavailable { detail, .. } if detail.contains("told to answer 529")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_answer_is_not_taken_for_one() {
    for language in Language::ALL {
        for fault in [
            Fault::MalformedJson,
            Fault::MalformedSse,
            Fault::WrongContentType,
            Fault::Oversized(17 * 1024 * 1024),
        ] {
            let error = error_of(language, fault.clone()).await;
            assert!(matches!(error, Error::Malformed(_)), "{fault:?}: {error:?}");
        }
        let error = error_of(language, Fault::Page { status: 502 }).await;
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
}
