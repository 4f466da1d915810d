use std::{
    fs,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use super::*;

fn text(id: &str) -> String {
    format!("{id}:{}\n", STANDARD.encode(rand::random::<[u8; 32]>()))
}

fn live(text: &str, refuse_known: bool) -> LiveMasterKeys {
    LiveMasterKeys::new(
        MasterKeys::parse(&SecretString::from(text)).unwrap(),
        refuse_known,
    )
}

#[test]
fn a_new_valid_content_is_taken_over_and_a_broken_one_is_not() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("master-key");
    let keys = live(&text("first"), true);
    let mut watched = WatchedFile::new(file.clone());
    let mut look = || {
        let content = watched.look();
        let news = content.is_some();
        if let Some(content) = content {
            keys.see(&file, content);
        }
        (keys.current().first_id().to_owned(), news)
    };

    assert_eq!(look(), ("first".to_owned(), true), "no file yet");
    assert_eq!(look(), ("first".to_owned(), false), "a missing file is told once");

    fs::write(&file, text("second")).unwrap();
    assert_eq!(look(), ("second".to_owned(), true));
    assert_eq!(look(), ("second".to_owned(), false));

    let other = text("second");
    for broken in [
        "",
        "third",
        "third:AAAA",
        super::super::EXAMPLE_MASTER_KEY,
        &other,
    ] {
        fs::write(&file, broken).unwrap();
        assert_eq!(look(), ("second".to_owned(), true), "{broken}");
        assert_eq!(look(), ("second".to_owned(), false), "{broken}: told once");
    }

    fs::write(&file, text("fourth")).unwrap();
    assert_eq!(look(), ("fourth".to_owned(), true));
}

#[test]
fn outside_production_an_example_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("master-key");
    fs::write(&file, super::super::EXAMPLE_MASTER_KEY).unwrap();
    let keys = live(&text("first"), false);
    keys.see(&file, WatchedFile::new(file.clone()).look().unwrap());
    assert_eq!(keys.current().first_id(), "2026-01");
}

#[test]
fn only_other_keys_wake_those_who_wait() {
    let content = text("first");
    let keys = live(&content, false);
    let mut changes = keys.subscribe();
    keys.take_over(MasterKeys::parse(&SecretString::from(content)).unwrap());
    assert!(!changes.has_changed().unwrap());
    keys.take_over(MasterKeys::parse(&SecretString::from(text("first"))).unwrap());
    assert!(changes.has_changed().unwrap(), "another key under the same id");
    changes.mark_unchanged();
}

#[tokio::test]
async fn the_watch_follows_a_mounted_secret_as_kubernetes_swaps_it_and_ends_when_told() {
    let folder = TempDir::new().unwrap();
    let mount = |name: &str, content: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("key"), content).unwrap();
        let link = folder.path().join("..data_tmp");
        std::os::unix::fs::symlink(name, &link).unwrap();
        fs::rename(link, folder.path().join("..data")).unwrap();
    };
    mount("..1", &text("first"));
    let file = folder.path().join("key");
    std::os::unix::fs::symlink("..data/key", &file).unwrap();

    let keys = live(&fs::read_to_string(&file).unwrap(), true);
    let mut changes = keys.subscribe();
    let stop = CancellationToken::new();
    let watching = tokio::spawn({
        let (keys, stop) = (keys.clone(), stop.clone());
        async move { keys.watch(file, stop).await }
    });
    // The second swap comes after the watch has certainly looked.
    for (folder, id) in [("..2", "second"), ("..3", "third")] {
        mount(folder, &text(id));
        let started = Instant::now();
        tokio::time::timeout(Duration::from_secs(30), changes.changed())
            .await
            .unwrap_or_else(|_| panic!("{id} was not taken over in {:?}", started.elapsed()))
            .unwrap();
        assert_eq!(keys.current().first_id(), id);
    }
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), watching)
        .await
        .unwrap()
        .unwrap();
}
