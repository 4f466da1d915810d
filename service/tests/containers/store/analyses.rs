use std::sync::Arc;

use time::macros::datetime;
use ultra_service::{
    analyses::Analysis,
    cache::Tier,
    domain::{Account, AnalysisId, Money, Prompt, Speaker, Turn, Usage, UserId},
    panel::{
        Chosen, Comparison, LeftOut, Member, MemberAnswer, Reason, SkipReason, Skipped, Stage, StageReport,
        Stance,
    },
    store::{Page, Schema, Store},
};

use super::{
    Fresh,
    samples::{at, audit, user},
};

pub(super) fn analysis() -> Analysis {
    let usage = Usage {
        input_tokens: 12,
        output_tokens: 34,
    };
    Analysis {
        id: AnalysisId::generate(),
        created_at: datetime!(2026-02-03 04:05:06.789012 UTC),
        prompt: Prompt::parse("Wie geht’s? 🐘 'quoted' -- ; drop table analyses").unwrap(),
        messages: vec![Turn {
            role: Speaker::Assistant,
            content: "Hello ‘Ada’!".to_owned(),
        }],
        answer: "line one\nline two".to_owned(),
        models: vec!["mock/analyst".parse().unwrap(), "mock/analyst".parse().unwrap()],
        members: vec![Member {
            label: "Response A".to_owned(),
            model: "mock/analyst".parse().unwrap(),
            answered: true,
            agreement: Some(0.38),
            stance: Some(Stance::Dissents),
        }],
        synthesizer: Some("mock/editor".parse().unwrap()),
        verdict: Some(Comparison {
            blind_spots: vec!["‘backups’".to_owned()],
            ..Comparison::default()
        }),
        chosen: Some(Chosen {
            label: "Response A".to_owned(),
            model: "mock/analyst".parse().unwrap(),
        }),
        degraded: true,
        truncated: true,
        cached: true,
        cache: Some(Tier::Redis),
        stored: true,
        usage,
        cost: Money::from_millionths(1_234_567),
        duration_ms: 56,
        left_out: vec![LeftOut {
            stage: Stage::InitialResponse,
            label: Some("Response B".to_owned()),
            model: "mock/stalled".parse().unwrap(),
            reason: Reason::Late,
            detail: "no answer".to_owned(),
        }],
        skipped: vec![Skipped {
            stage: Stage::PeerReviewAndRevision,
            reason: SkipReason::Budget,
            detail: "too dear".to_owned(),
        }],
        stages: vec![StageReport {
            stage: Stage::UltraSynthesis,
            duration_ms: 8,
            usage,
            cost: Money::from_millionths(9),
            answers: vec![MemberAnswer {
                label: None,
                model: "mock/editor".parse().unwrap(),
                text: "line one".to_owned(),
                truncated: false,
                usage,
                cost: Money::from_millionths(9),
                duration_ms: 7,
            }],
        }],
    }
}

pub(super) async fn the_schema_is_made_once_and_a_closed_store_is_an_outage(fresh: Fresh) {
    let store = fresh.unmigrated().await;
    assert!(matches!(
        store.schema().await.unwrap(),
        Schema::TooOld { has: None, .. }
    ));
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits);
    assert_eq!(store.migrate().await.unwrap(), Schema::Fits, "migrating again");
    assert_eq!(store.schema().await.unwrap(), Schema::Fits);
    store.ping().await.unwrap();
    store.close().await;
    assert!(store.ping().await.unwrap_err().is_outage());
    assert!(store.user(UserId::generate()).await.unwrap_err().is_outage());
    let rotated = store
        .create_user(&user("ada"), None, at(0), &audit("user.created"))
        .await;
    assert!(rotated.unwrap_err().is_outage());
}

pub(super) async fn an_analysis_reads_back_as_it_was_kept_and_keeping_it_again_changes_nothing(fresh: Fresh) {
    let store = fresh.store().await;
    let full = analysis();
    let plain = Analysis {
        id: AnalysisId::generate(),
        messages: Vec::new(),
        members: Vec::new(),
        synthesizer: None,
        verdict: None,
        chosen: None,
        degraded: false,
        truncated: false,
        cached: false,
        cache: None,
        left_out: Vec::new(),
        skipped: Vec::new(),
        stages: Vec::new(),
        ..analysis()
    };
    for analysis in [&full, &plain] {
        assert_eq!(
            store.analysis(analysis.id, Account::Anonymous).await.unwrap(),
            None
        );
        store.save_analysis(analysis, Account::Anonymous).await.unwrap();
        let kept = store.analysis(analysis.id, Account::Anonymous).await.unwrap();
        assert_eq!(kept.as_ref(), Some(analysis));
    }
    let again = Analysis {
        answer: "another".to_owned(),
        ..full.clone()
    };
    store.save_analysis(&again, Account::Anonymous).await.unwrap();
    let kept = store.analysis(full.id, Account::Anonymous).await.unwrap();
    assert_eq!(kept, Some(full), "saving again changed what was kept");
}

pub(super) async fn an_analysis_is_found_by_its_own_account_only(fresh: Fresh) {
    let store = fresh.store().await;
    let accounts = [
        Account::Anonymous,
        Account::User(added(&store, "ada").await),
        Account::User(added(&store, "bob").await),
    ];
    for owner in accounts {
        let analysis = Analysis {
            id: AnalysisId::generate(),
            ..analysis()
        };
        store.save_analysis(&analysis, owner).await.unwrap();
        for account in accounts {
            let found = store.analysis(analysis.id, account).await.unwrap();
            assert_eq!(found.is_some(), account == owner, "{owner:?}'s, for {account:?}");
        }
    }
}

pub(super) async fn analyses_are_listed_newest_first_page_by_page_to_their_user_alone(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (added(&store, "ada").await, added(&store, "bob").await);
    let mut kept = Vec::new();
    for owner in [ada, ada, bob, ada, ada, ada] {
        let analysis = Analysis {
            id: AnalysisId::generate(),
            ..analysis()
        };
        store
            .save_analysis(&analysis, Account::User(owner))
            .await
            .unwrap();
        if owner == ada {
            kept.push(analysis);
        }
    }
    store
        .save_analysis(&analysis(), Account::Anonymous)
        .await
        .unwrap();
    let mut listed = Vec::new();
    loop {
        let after = listed.last().map(|last: &Analysis| last.id);
        let page = store.analyses(ada, Page { after, limit: 2 }).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
        // What comes meanwhile is newer than all pages, and moves none of them.
        let newer = Analysis {
            id: AnalysisId::generate(),
            ..analysis()
        };
        store.save_analysis(&newer, Account::User(ada)).await.unwrap();
    }
    kept.reverse();
    for analysis in &mut kept {
        assert!(!analysis.stages.is_empty());
        analysis.stages.clear();
    }
    assert_eq!(listed, kept);
}

pub(super) async fn an_analysis_is_deleted_once_and_by_its_own_account_only(fresh: Fresh) {
    let store = fresh.store().await;
    let (ada, bob) = (added(&store, "ada").await, added(&store, "bob").await);
    for owner in [Account::User(ada), Account::Anonymous] {
        let analysis = Analysis {
            id: AnalysisId::generate(),
            ..analysis()
        };
        store.save_analysis(&analysis, owner).await.unwrap();
        assert!(
            !store
                .delete_analysis(analysis.id, Account::User(bob))
                .await
                .unwrap()
        );
        assert!(store.delete_analysis(analysis.id, owner).await.unwrap());
        assert_eq!(store.analysis(analysis.id, owner).await.unwrap(), None);
        assert!(!store.delete_analysis(analysis.id, owner).await.unwrap());
    }
}

pub(super) async fn a_foreign_analysis_cannot_be_taken_by_saving_it_again(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = Account::User(added(&store, "ada").await);
    let analysis = analysis();
    store.save_analysis(&analysis, ada).await.unwrap();
    store.save_analysis(&analysis, Account::Anonymous).await.unwrap();
    assert!(store.analysis(analysis.id, ada).await.unwrap().is_some());
    assert_eq!(
        store.analysis(analysis.id, Account::Anonymous).await.unwrap(),
        None
    );
}

pub(super) async fn an_analysis_that_ends_after_its_user_was_erased_is_refused(fresh: Fresh) {
    let store = fresh.store().await;
    let ada = added(&store, "ada").await;
    store.erase_user(ada, at(2), &audit("user.erased")).await.unwrap();
    let error = store
        .save_analysis(&analysis(), Account::User(ada))
        .await
        .unwrap_err();
    assert_eq!(error.class(), "refused");
    assert_eq!(fresh.rows("analyses").await, 0);
}

async fn added(store: &Arc<dyn Store>, name: &str) -> UserId {
    let user = user(name);
    store.ensure_user(&user).await.unwrap();
    user.id
}
