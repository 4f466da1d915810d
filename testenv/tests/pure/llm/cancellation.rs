use std::{net::TcpStream, time::Duration};

use futures::StreamExt as _;
use ultra_testenv::{Error, Llm, llm::Fault};

use super::client::{Format, events};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_client_that_leaves_mid_stream_counts_as_cancelled() {
    let llm = Llm::scripted()
        .pace(Duration::from_secs(60))
        .start()
        .await
        .unwrap();
    for (index, format) in Format::ALL.into_iter().enumerate() {
        drop(format.send(&llm, true).await);
        let left = llm.wait_until("the client has left", DEADLINE, |seen| {
            seen.cancelled == index + 1
        });
        left.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_answer_counts_as_cancelled() {
    let llm = Llm::scripted().fail(Fault::Stall).start().await.unwrap();
    let mut body = Format::Anthropic.send(&llm, true).await.bytes_stream();
    body.next().await.unwrap().unwrap();
    assert_eq!(llm.cancelled(), 0);
    drop(body);
    llm.wait_until("the client has left", DEADLINE, |seen| seen.cancelled == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_counts_as_cancelled() {
    let llm = Llm::scripted()
        .delay(Duration::from_secs(60))
        .start()
        .await
        .unwrap();
    let request = tokio::spawn(Format::OpenAi.request(&llm, "m", false).send());
    llm.wait_until("the request is there", DEADLINE, |seen| seen.requests.len() == 1)
        .await
        .unwrap();
    request.abort();
    llm.wait_until("the client has left", DEADLINE, |seen| seen.cancelled == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn whole_answers_and_the_providers_own_faults_are_no_cancellations() {
    let faults = [
        Fault::Reset,
        Fault::Truncate,
        Fault::MalformedJson,
        Fault::status(500),
    ];
    let script = faults
        .into_iter()
        .fold(Llm::scripted(), |script, fault| script.fail(fault));
    let llm = script.start().await.unwrap();
    for _ in 0..4 {
        let _ = Format::OpenAi.send(&llm, true).await.bytes().await;
    }
    events(Format::OpenAi.send(&llm, true).await).await;
    Format::OpenAi.send(&llm, false).await.bytes().await.unwrap();
    assert_eq!((llm.requests().len(), llm.cancelled()), (6, 0));
}

#[tokio::test]
async fn a_wait_that_runs_out_says_what_was_seen() {
    let llm = Llm::scripted().start().await.unwrap();
    let error = llm
        .wait_until("never", Duration::from_millis(1), |_| false)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }));
    assert!(
        error.to_string().contains("0 requests, 0 of them cancelled"),
        "{error}"
    );
}

#[tokio::test]
async fn the_end_of_the_value_ends_the_port_and_open_connections() {
    let llm = Llm::scripted().fail(Fault::Stall).start().await.unwrap();
    let address = llm.anthropic_base_url().replace("http://", "");
    let stalled = Format::OpenAi.send(&llm, true).await;
    drop(llm);
    assert!(TcpStream::connect(address).is_err());
    tokio::time::timeout(DEADLINE, stalled.bytes())
        .await
        .unwrap()
        .unwrap_err();
}
