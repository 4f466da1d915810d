//! Stored secrets under rotation: nothing is ever unreadable, whatever ends the rotation.

use std::{
    collections::BTreeMap,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{TryStreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;
use time::{OffsetDateTime, macros::datetime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use ultra_service::{
    config::DatabaseTarget,
    secrets::{Error, LiveMasterKeys, MasterKeys, ProviderKeys, Rotated},
    store::{Actor, SealedProviderKey},
};

use super::{harness::until, store::fresh::Fresh};

const AT: OffsetDateTime = datetime!(2026-02-03 04:05:06.789012 UTC);

fn text(ids: &[&str]) -> String {
    let key = |id: &&str| {
        let mut bytes = [0x5a; MasterKeys::KEY_BYTES];
        bytes[..id.len()].copy_from_slice(id.as_bytes());
        format!("{id}:{}", STANDARD.encode(bytes))
    };
    ids.iter().map(key).collect::<Vec<_>>().join(",")
}

fn live(ids: &[&str]) -> LiveMasterKeys {
    LiveMasterKeys::new(master_keys(ids), false)
}

fn master_keys(ids: &[&str]) -> MasterKeys {
    MasterKeys::parse(&SecretString::from(text(ids))).unwrap()
}

async fn keys(fresh: &Fresh, ids: &[&str]) -> ProviderKeys {
    ProviderKeys::new(fresh.store().await, live(ids))
}

fn system() -> Actor {
    Actor::System("test".into())
}

async fn put_many(keys: &ProviderKeys, count: usize) {
    stream::iter((0..count).map(Ok::<_, Error>))
        .try_for_each_concurrent(8, async |index| {
            let value = SecretString::from(format!("value of provider-{index:05}"));
            keys.put(&format!("provider-{index:05}"), &value, system(), AT)
                .await
        })
        .await
        .unwrap();
}

/// Opens everything with these master keys, and expects every value to be the one that was put. Gives how many rows lie
/// under which master key.
async fn all_readable(fresh: &Fresh, ids: &[&str], count: usize) -> BTreeMap<String, u64> {
    let store = fresh.unmigrated().await;
    let master_keys = master_keys(ids);
    let rows = store.provider_keys().await.unwrap();
    assert_eq!(rows.len(), count);
    // Ciphers are slow in a build for tests.
    std::thread::scope(|scope| {
        for rows in rows.chunks(count.div_ceil(2)) {
            scope.spawn(|| rows.iter().for_each(|row| expect_value(&master_keys, row)));
        }
    });
    let counts = store.provider_key_counts().await.unwrap().into_iter().collect();
    store.close().await;
    counts
}

fn expect_value(master_keys: &MasterKeys, row: &SealedProviderKey) {
    let value = master_keys
        .open(row)
        .unwrap_or_else(|error| panic!("{} {error}", row.provider));
    assert_eq!(value.expose_secret(), format!("value of {}", row.provider));
}

async fn a_stored_key_is_read_replaced_shown_without_its_value_and_deleted(fresh: Fresh) {
    let keys = keys(&fresh, &["a"]).await;
    assert!(keys.get("openai").await.unwrap().is_none());
    for value in ["sk-canary-one", "sk-canary-two"] {
        keys.put("openai", &SecretString::from(value), system(), AT)
            .await
            .unwrap();
        assert_eq!(keys.get("openai").await.unwrap().unwrap().expose_secret(), value);
    }
    let listed = keys.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (
            listed[0].provider.as_str(),
            listed[0].master_id.as_str(),
            listed[0].readable
        ),
        ("openai", "a", true)
    );
    assert_eq!(listed[0].created_at, AT);
    assert!(!format!("{listed:?}").contains("canary"));
    let log = fresh.texts("select detail || action || subject from (select cast(detail as text) as detail, action, subject from audit_log) as log").await;
    assert_eq!(log.len(), 2);
    assert!(
        log.iter()
            .all(|entry| entry.contains("provider_key.put") && !entry.contains("canary"))
    );
    assert!(keys.delete("openai", system(), AT).await.unwrap());
    assert!(!keys.delete("openai", system(), AT).await.unwrap());
    assert!(keys.get("openai").await.unwrap().is_none());
}

async fn a_key_whose_master_key_is_gone_says_so_and_is_left_alone(fresh: Fresh) {
    put_many(&keys(&fresh, &["lost"]).await, 3).await;
    let keys = keys(&fresh, &["new", "old"]).await;
    let error = keys.get("provider-00001").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the stored key of the provider \"provider-00001\" lies under the master key \"lost\", \
         which ULTRA_MASTER_KEY does not hold"
    );
    assert!(keys.list().await.unwrap().iter().all(|key| !key.readable));
    let nothing = Rotated {
        rewrapped: 0,
        unreadable: 3,
    };
    assert_eq!(keys.rotate(system()).await.unwrap(), nothing);
    let status = keys.status().await.unwrap();
    assert!(!status.is_done());
    assert_eq!(
        status.unreadable,
        ["provider-00000", "provider-00001", "provider-00002"]
    );
    all_readable(&fresh, &["lost"], 3).await;
}

async fn a_rotation_moves_what_it_can_in_batches_and_says_when_old_keys_can_go(fresh: Fresh) {
    put_many(&keys(&fresh, &["old"]).await, 250).await;
    let lost = keys(&fresh, &["lost"]).await;
    lost.put("provider-00100", &SecretString::from("lost"), system(), AT)
        .await
        .unwrap();
    let both = keys(&fresh, &["new", "old"]).await;
    both.put("provider-00007", &SecretString::from("newer"), system(), AT)
        .await
        .unwrap();

    let status = both.status().await.unwrap();
    let counts = |list: &[(&str, u64)]| -> BTreeMap<String, u64> {
        list.iter()
            .map(|(id, count)| ((*id).to_owned(), *count))
            .collect()
    };
    assert_eq!(status.under, counts(&[("new", 1), ("old", 248), ("lost", 1)]));
    assert!(!status.is_done());
    let rotated = Rotated {
        rewrapped: 248,
        unreadable: 1,
    };
    assert_eq!(both.rotate(system()).await.unwrap(), rotated);
    let log = "select cast(detail as text) from audit_log where action = 'provider_keys.rotated'";
    assert_eq!(fresh.texts(log).await.len(), 1);
    let status = both.status().await.unwrap();
    assert_eq!(status.first, "new");
    assert_eq!(status.under, counts(&[("new", 249), ("old", 0), ("lost", 1)]));
    assert_eq!(status.unreadable, ["provider-00100"]);
    assert!(!status.is_done());

    assert!(both.delete("provider-00100", system(), AT).await.unwrap());
    assert!(both.status().await.unwrap().is_done());
    assert_eq!(both.rotate(system()).await.unwrap(), Rotated::default());
    assert_eq!(
        fresh.texts(log).await.len(),
        1,
        "a rotation that moved nothing is told"
    );
    let only_new = keys(&fresh, &["new"]).await;
    assert!(only_new.status().await.unwrap().is_done());
    assert_eq!(
        only_new
            .get("provider-00007")
            .await
            .unwrap()
            .unwrap()
            .expose_secret(),
        "newer"
    );
}

async fn two_rotations_at_once_with_writers_in_between_lose_nothing(fresh: Fresh) {
    put_many(&keys(&fresh, &["old"]).await, 300).await;
    let both = keys(&fresh, &["new", "old"]).await;
    let (one, two, _) = tokio::join!(both.rotate(system()), both.rotate(system()), put_many(&both, 50));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.unreadable, two.unreadable), (0, 0));
    assert!(one.rewrapped + two.rewrapped <= 300, "{one:?} {two:?}");
    let counts = all_readable(&fresh, &["new"], 300).await;
    assert_eq!(counts.get("new"), Some(&300));
}

/// Follows a file of master keys until `stop`.
fn watching(live: LiveMasterKeys, file: &NamedTempFile, stop: &CancellationToken) -> JoinHandle<()> {
    let (path, stop) = (file.path().to_owned(), stop.clone());
    tokio::spawn(async move { live.watch(path, stop).await })
}

/// Waits until these keys encrypt under `new`, and every row lies under it.
async fn all_under_new(keys: &ProviderKeys) {
    until("every row lies under the new key", async || {
        let status = keys.status().await.unwrap();
        if status.first == "new" && status.is_done() {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
}

/// As a replica does: the file changes, the keys are taken over, the rows follow, and all the while everything is read.
async fn a_new_master_key_in_the_file_is_followed_by_every_row_while_all_are_read(fresh: Fresh) {
    const COUNT: usize = 500;
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text(&["old"])).unwrap();
    let live = live(&["old"]);
    let keys = ProviderKeys::new(fresh.store().await, live.clone());
    put_many(&keys, COUNT).await;
    let stop = CancellationToken::new();
    let background = [
        watching(live, &file, &stop),
        tokio::spawn({
            let (keys, stop) = (keys.clone(), stop.clone());
            async move { keys.keep_rotated(stop).await }
        }),
    ];
    let readers = (0..2).map(|reader| {
        let (keys, stop) = (keys.clone(), stop.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            while !stop.is_cancelled() {
                let provider = format!("provider-{:05}", (reads * 7 + reader) % COUNT);
                let value = keys.get(&provider).await.unwrap().unwrap();
                assert_eq!(value.expose_secret(), format!("value of {provider}"));
                reads += 1;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    std::fs::write(file.path(), text(&["new", "old"])).unwrap();
    all_under_new(&keys).await;
    let log = "select cast(detail as text) from audit_log where action = 'master_keys.changed'";
    let log = fresh.texts(log).await;
    assert!(log.len() == 1 && log[0].contains("new"), "{log:?}");
    stop.cancel();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    for task in background {
        task.await.unwrap();
    }
    let counts = all_readable(&fresh, &["new"], COUNT).await;
    assert_eq!(counts.len(), 1, "{counts:?}");
}

/// As while a new list of keys reaches one replica after the other.
async fn replicas_that_disagree_about_the_first_key_do_not_pull_rows_to_and_fro(fresh: Fresh) {
    put_many(&keys(&fresh, &["new"]).await, 20).await;
    let late = live(&["old", "new"]);
    let replicas = [
        ProviderKeys::new(fresh.store().await, late.clone()),
        keys(&fresh, &["new", "old"]).await,
    ];
    let stop = CancellationToken::new();
    let mut background = Vec::new();
    for keys in &replicas {
        let (rotated, ended) = (keys.clone(), stop.clone());
        background.push(tokio::spawn(async move { rotated.keep_rotated(ended).await }));
        until("every row lies under its first key", async || {
            let status = keys.status().await.unwrap();
            if status.is_done() { Ok(()) } else { Err(status) }
        })
        .await;
    }
    // What the late one writes lies under its own first key, until it learns of the new one.
    let value = SecretString::from("value of provider-00003");
    replicas[0]
        .put("provider-00003", &value, system(), AT)
        .await
        .unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text(&["new", "old"])).unwrap();
    background.push(watching(late, &file, &stop));
    all_under_new(&replicas[0]).await;
    stop.cancel();
    for task in background {
        task.await.unwrap();
    }
    all_readable(&fresh, &["new"], 20).await;
}

/// How many secrets are stored.
const MANY: usize = 10_000;

/// `ultra-service secrets rotate`, which is killed after the given time unless it has ended before.
fn rotation(fresh: &Fresh, lasts: Duration) -> ExitStatus {
    let (name, value) = match fresh.target() {
        DatabaseTarget::Sqlite(path) => ("ULTRA_DATA_DIR", path.parent().unwrap().display().to_string()),
        DatabaseTarget::Postgres(url) => ("DATABASE_URL", url.expose_secret().to_owned()),
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
        .args(["secrets", "rotate"])
        .env_clear()
        .env("ULTRA_PROFILE", "testing")
        .env("ULTRA_MASTER_KEY", text(&["new", "old"]))
        .env(name, value)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + lasts;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            return child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn ten_thousand_secrets_survive_a_rotation_that_is_killed_again_and_again(fresh: Fresh) {
    put_many(&keys(&fresh, &["old"]).await, MANY).await;
    let mut moved = 0;
    let mut kills_that_hit = 0;
    let done = Instant::now() + Duration::from_secs(240);
    loop {
        assert!(
            Instant::now() < done,
            "not in time; {moved} of {MANY} rows were moved"
        );
        // From before the process has reached the database to well within its work.
        let lasts = Duration::from_millis(rand::random_range(5..600));
        let status = rotation(&fresh, lasts);
        let counts = all_readable(&fresh, &["new", "old"], MANY).await;
        let now = counts.get("new").copied().unwrap_or(0);
        assert!(now >= moved, "rows went back: {moved} before, {now} now");
        assert_eq!(
            now + counts.get("old").copied().unwrap_or(0),
            u64::try_from(MANY).unwrap()
        );
        if status.success() {
            break;
        }
        if now > moved {
            kills_that_hit += 1;
        }
        moved = now;
        if kills_that_hit == 8 {
            // Enough of that: whoever comes next finishes.
            let status = rotation(&fresh, Duration::from_secs(120));
            assert!(status.success(), "{status}");
            break;
        }
    }
    assert!(
        kills_that_hit >= 3,
        "only {kills_that_hit} kills hit a rotation at work"
    );
    let counts = all_readable(&fresh, &["new"], MANY).await;
    assert_eq!(counts.len(), 1, "{counts:?}");
}

/// Runs each test on a new database of both kinds.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Fresh::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Fresh::postgres().await).await;
            })+
        }
    };
}

on_both! {
    a_stored_key_is_read_replaced_shown_without_its_value_and_deleted,
    a_key_whose_master_key_is_gone_says_so_and_is_left_alone,
    a_rotation_moves_what_it_can_in_batches_and_says_when_old_keys_can_go,
    two_rotations_at_once_with_writers_in_between_lose_nothing,
    a_new_master_key_in_the_file_is_followed_by_every_row_while_all_are_read,
    replicas_that_disagree_about_the_first_key_do_not_pull_rows_to_and_fro,
    ten_thousand_secrets_survive_a_rotation_that_is_killed_again_and_again,
}
