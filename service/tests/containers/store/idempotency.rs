use std::sync::Arc;

use futures::future::join_all;
use time::OffsetDateTime;
use ultra_service::{
    domain::Account,
    store::{Digest, KeptAnswer, Once, OnceClaim, Store},
};
use uuid::Uuid;

use super::{
    Fresh,
    samples::{at, audit, user},
};

/// A claim at this second, for ten seconds of work and a hundred of memory.
pub(super) fn claim(account: Account, body: &str, second: i64) -> OnceClaim {
    OnceClaim {
        name: Digest::of(&[account.to_string().as_bytes(), b"key"]),
        account,
        fingerprint: Digest::of(&[body.as_bytes()]),
        holder: Uuid::new_v4(),
        now: at(second),
        held_until: at(second + 10),
        expires_at: at(second + 100),
    }
}

fn answer() -> KeptAnswer {
    KeptAnswer {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{\"answer\": \"\xf0\x9f\x90\x98 '; drop table idempotency\"}".to_vec(),
    }
}

async fn claimed(store: &Arc<dyn Store>, claim: &OnceClaim) -> Once {
    store.claim_once(claim).await.unwrap()
}

pub(super) async fn of_many_who_claim_at_once_one_answers_and_the_others_get_its_answer(fresh: Fresh) {
    let store = fresh.store().await;
    let claims: Vec<_> = (0..20).map(|_| claim(Account::Anonymous, "body", 0)).collect();
    let seen = join_all(claims.iter().map(|claim| claimed(&store, claim))).await;
    let winner = seen.iter().position(|once| *once == Once::Claimed).unwrap();
    let under_way = Once::UnderWay { until: at(10) };
    assert_eq!(
        seen.iter().filter(|once| **once == under_way).count(),
        19,
        "{seen:?}"
    );
    assert_eq!(
        claimed(&store, &claims[winner]).await,
        Once::Claimed,
        "who has it has it"
    );

    let (name, holder) = (&claims[winner].name, claims[winner].holder);
    let stranger = claims[(winner + 1) % 20].holder;
    assert!(!store.answer_once(name, stranger, &answer()).await.unwrap());
    store.give_up_once(name, stranger).await.unwrap();
    assert!(store.answer_once(name, holder, &answer()).await.unwrap());
    assert_eq!(claimed(&store, &claims[0]).await, Once::Answered(answer()));
    assert_eq!(
        claimed(&store, &claim(Account::Anonymous, "other", 1)).await,
        Once::Another
    );
    store.give_up_once(name, holder).await.unwrap();
    assert_eq!(
        claimed(&store, &claims[0]).await,
        Once::Answered(answer()),
        "an answer stays"
    );
}

pub(super) async fn who_is_not_heard_of_is_followed_by_the_next_who_asks_for_the_same(fresh: Fresh) {
    let store = fresh.store().await;
    let first = claim(Account::Anonymous, "body", 0);
    assert_eq!(claimed(&store, &first).await, Once::Claimed);
    let prolong = async |until: OffsetDateTime| {
        let prolonged = store.prolong_once(&first.name, first.holder, until).await;
        prolonged.unwrap()
    };
    assert!(prolong(at(20)).await);
    let early = claim(Account::Anonymous, "body", 19);
    assert_eq!(claimed(&store, &early).await, Once::UnderWay { until: at(20) });
    assert_eq!(
        claimed(&store, &claim(Account::Anonymous, "other", 20)).await,
        Once::Another
    );
    assert_eq!(
        claimed(&store, &claim(Account::Anonymous, "body", 20)).await,
        Once::Claimed
    );
    assert!(!prolong(at(60)).await);
    assert!(
        !store
            .answer_once(&first.name, first.holder, &answer())
            .await
            .unwrap()
    );
}

pub(super) async fn what_is_given_up_or_over_is_free_and_goes_with_its_user(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = user("ada");
    store.ensure_user(&ada).await.unwrap();
    let account = Account::User(ada.id);
    let first = claim(account, "body", 0);
    assert_eq!(claimed(&store, &first).await, Once::Claimed);
    assert_eq!(
        claimed(&store, &claim(Account::Anonymous, "body", 0)).await,
        Once::Claimed
    );
    store.give_up_once(&first.name, first.holder).await.unwrap();

    let second = claim(account, "other", 1);
    assert_eq!(claimed(&store, &second).await, Once::Claimed);
    assert!(
        store
            .answer_once(&second.name, second.holder, &answer())
            .await
            .unwrap()
    );
    assert_eq!(claimed(&store, &claim(account, "body", 100)).await, Once::Another);
    assert_eq!(claimed(&store, &claim(account, "body", 101)).await, Once::Claimed);

    assert_eq!(fresh.rows("idempotency").await, 2);
    store.forget_expired(at(100)).await.unwrap();
    assert_eq!(fresh.rows("idempotency").await, 1, "nobody's is over");
    assert!(
        store
            .erase_user(ada.id, at(200), &audit("user.erased"))
            .await
            .is_ok()
    );
    assert_eq!(fresh.rows("idempotency").await, 0);
}
