use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;
use crate::{
    domain::{Account, Operation, UserId},
    ledger::Request,
};

const LIMIT: u64 = 4 * SEGMENT_SIZE;

fn open(folder: &TempDir) -> Spool {
    Spool::open(&folder.path().join("spool"), LIMIT).unwrap()
}

fn request() -> Arc<Open> {
    Arc::new(Open::new(Begin {
        id: Uuid::now_v7(),
        occurred_at: OffsetDateTime::from_unix_timestamp(1_770_000_000).unwrap(),
        request: Request {
            account: Account::User(UserId::generate()),
            key: None,
            operation: Operation::Chat("mock/analyst".parse().unwrap()),
            analysis: None,
        },
    }))
}

fn begun(spool: &Spool) -> Result<Arc<Open>, Full> {
    let open = request();
    spool.begin(&open).map(|()| open)
}

fn end(spool: &Spool, open: &Open) -> UsageRecord {
    let record = open.record(&Prices::default(), Outcome::Completed);
    spool.end(open, &record).unwrap();
    record
}

fn one(spool: &Spool) -> UsageRecord {
    end(spool, &begun(spool).unwrap())
}

fn batch(spool: &Spool, most: usize) -> Option<Batch> {
    spool.read(most, &mut Vec::new()).unwrap()
}

/// Everything that is left, as the writer reads it.
fn drain(spool: &Spool) -> Vec<UsageRecord> {
    let mut records = Vec::new();
    while let Some(batch) = batch(spool, 100) {
        spool.advance(&batch).unwrap();
        records.extend(batch.records);
    }
    assert_eq!(spool.depth().waiting, 0);
    records
}

fn segments(folder: &TempDir) -> usize {
    let files = fs::read_dir(folder.path().join("spool")).unwrap();
    files
        .filter(|file| file.as_ref().unwrap().path().extension().is_some())
        .count()
}

#[test]
fn records_come_out_once_and_in_their_order_and_files_are_used_anew() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let mut buffer = Vec::new();
    for _ in 0..30 {
        let written: Vec<_> = (0..1_000).map(|_| one(&spool)).collect();
        let mut read = Vec::new();
        while let Some(batch) = spool.read(300, &mut buffer).unwrap() {
            spool.advance(&batch).unwrap();
            read.extend(batch.records);
        }
        assert_eq!(read, written);
    }
    assert!(segments(&folder) <= 3, "{} files", segments(&folder));
    assert!(spool.depth().bytes <= 3 * SEGMENT_SIZE);
}

#[test]
fn what_the_store_has_not_seen_is_there_after_a_crash_and_what_was_under_way_is_unconfirmed_once() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let first = one(&spool);
    let batch = batch(&spool, 1).unwrap();
    assert_eq!(batch.records, [first]);
    spool.advance(&batch).unwrap();
    let second = one(&spool);
    let lost = begun(&spool).unwrap();
    let third = one(&spool);
    drop(spool);

    let spool = open(&folder);
    let unconfirmed = lost.record(&Prices::default(), Outcome::Unconfirmed);
    let found = drain(&spool);
    // Where the reader was is not kept: the store knows its records by their keys.
    assert_eq!(found[1..], [second, third, unconfirmed]);
    drop(spool);
    let again = drain(&open(&folder));
    assert!(again.iter().all(|record| found.contains(record)), "{again:?}");
}

#[test]
fn a_torn_line_at_the_end_costs_itself_and_its_request_is_unconfirmed() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let whole = one(&spool);
    let torn = begun(&spool).unwrap();
    end(&spool, &torn);
    let path = spool.state().used[0].path.clone();
    let last = spool.state().used[0].end - 16;
    drop(spool);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8], last).unwrap();

    let found = drain(&open(&folder));
    assert_eq!(
        found,
        [whole, torn.record(&Prices::default(), Outcome::Unconfirmed)]
    );
}

#[test]
fn a_full_spool_lets_nothing_begin_and_everything_end() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let mut under_way = Vec::new();
    let mut written = Vec::new();
    // As many stay under way as end, so that what is reserved counts.
    while let Ok(open) = begun(&spool) {
        under_way.push(open);
        match begun(&spool) {
            Ok(open) => written.push(end(&spool, &open)),
            Err(Full) => break,
        }
    }
    assert!(written.len() > 3_000, "{}", written.len());
    written.extend(under_way.iter().map(|open| end(&spool, open)));
    assert!(spool.depth().bytes <= LIMIT);
    assert_eq!(drain(&spool), written);
    one(&spool);
}

#[test]
fn what_is_under_way_for_long_keeps_no_file_from_being_used_anew() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let long: Vec<_> = (0..100).map(|_| begun(&spool).unwrap()).collect();
    for _ in 0..20_000 {
        one(&spool);
        if spool.depth().waiting == 1_000 {
            drain(&spool);
        }
    }
    drain(&spool);
    assert!(segments(&folder) <= 3, "{} files", segments(&folder));
    let ended = end(&spool, &long[0]);
    drop(spool);

    let mut found = drain(&open(&folder));
    found.retain(|record| long.iter().any(|open| open.begin.id == record.id));
    assert_eq!(found[0], ended);
    let mut left: Vec<_> = long[1..]
        .iter()
        .map(|open| open.record(&Prices::default(), Outcome::Unconfirmed))
        .collect();
    left.sort_by_key(|record| record.id);
    found[1..].sort_by_key(|record| record.id);
    assert_eq!(found[1..], left);
}

#[test]
fn a_disk_that_takes_no_more_is_told_until_it_takes_a_record_again() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let (path, away) = (folder.path().join("spool"), folder.path().join("away"));
    // What makes a new file fail is not what this is about.
    fs::rename(&path, &away).unwrap();
    let mut answered = 0;
    while let Ok(open) = begun(&spool) {
        end(&spool, &open);
        answered += 1;
    }
    let depth = spool.depth();
    assert!(depth.is_failing && !depth.is_full && depth.bytes < LIMIT);
    fs::rename(&away, &path).unwrap();
    one(&spool);
    assert!(!spool.depth().is_failing);
    assert_eq!(drain(&spool).len(), answered + 1);
}

#[test]
fn what_is_under_way_and_cannot_be_moved_holds_the_reader_up_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let open_still = begun(&spool).unwrap();
    let mut written = Vec::new();
    while spool.state().used.len() < 2 {
        written.push(one(&spool));
    }
    let path = spool.state().used[1].path.clone();
    let unwritable = Arc::new(File::open(&path).unwrap());
    let file = std::mem::replace(&mut spool.state().used[1].file, unwritable);
    let first = batch(&spool, usize::MAX).unwrap();
    spool.advance(&first).unwrap_err();
    // Whoever goes on all the same comes by nothing that is behind.
    let again = batch(&spool, usize::MAX).unwrap();
    assert_eq!(again.records, []);
    spool.advance(&again).unwrap_err();

    spool.state().used[1].file = file;
    assert!(spool.advance(&again).unwrap());
    written.push(end(&spool, &open_still));
    let found = [first.records, drain(&spool)].concat();
    assert_eq!(found, written);
}

#[test]
fn one_process_has_the_spool_and_gives_it_away_with_what_is_under_way_cancelled() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let path = folder.path().join("spool");
    assert!(matches!(Spool::open(&path, LIMIT), Err(Error::InUse(_))));
    let open_still = begun(&spool).unwrap();
    let call = open_still.meter().asked(
        "mock/analyst".parse().unwrap(),
        Usage {
            input_tokens: 3,
            output_tokens: 0,
        },
    );
    open_still.meter().took(
        call,
        Usage {
            input_tokens: 3,
            output_tokens: 4,
        },
    );
    spool.close(&Prices::default());
    assert_eq!(begun(&spool).err(), Some(Full));
    let late = open_still.record(&Prices::default(), Outcome::Completed);
    assert_eq!(spool.end(&open_still, &late), Err(NotRecorded));
    let unread = batch(&spool, 10).unwrap();
    spool.release();

    let next = Spool::open(&path, LIMIT).unwrap();
    assert!(!spool.advance(&unread).unwrap());
    let found = drain(&next);
    assert_eq!(found, [open_still.record(&Prices::default(), Outcome::Cancelled)]);
    assert_eq!(
        (found[0].usage.input_tokens, found[0].usage.output_tokens),
        (3, 4)
    );
    next.close(&Prices::default());
    next.release();
    assert_eq!(
        drain(&Spool::open(&path, LIMIT).unwrap()),
        [],
        "what is stored is not read again"
    );
}

#[test]
fn a_file_of_another_version_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spool");
    fs::create_dir(&path).unwrap();
    let mut content = b"ULTRALG9".to_vec();
    content.resize(4_096, 0);
    fs::write(path.join("0000000000000001.seg"), content).unwrap();
    let error = Spool::open(&path, LIMIT).err().unwrap().to_string();
    assert!(error.contains("written by another version"), "{error}");
    assert!(path.join("0000000000000001.seg").exists());
}

#[test]
fn restarts_while_the_store_is_away_take_no_more_space() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let lost = begun(&spool).unwrap();
    drop(spool);
    for _ in 0..20 {
        let spool = open(&folder);
        assert_eq!(spool.depth().bytes, SEGMENT_SIZE);
        assert_eq!(spool.depth().waiting, 1, "the request is unconfirmed, once");
    }
    let records = drain(&open(&folder));
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].id, lost.begin.id);
}

/// What can happen.
#[derive(Debug, Clone)]
enum Step {
    Begin(u16),
    End(prop::sample::Index),
    Store(u16),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..800_u16).prop_map(Step::Begin),
        4 => any::<prop::sample::Index>().prop_map(Step::End),
        3 => (1..900_u16).prop_map(Step::Store),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happens_each_request_has_one_record_and_it_is_the_right_one(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let folder = TempDir::new().unwrap();
        let mut spool = Some(open(&folder));
        let mut under_way: Vec<Arc<Open>> = Vec::new();
        let mut expected: BTreeMap<Uuid, Outcome> = BTreeMap::new();
        let mut stored: BTreeMap<Uuid, Outcome> = BTreeMap::new();
        let mut store = |records: Vec<UsageRecord>| {
            for record in records {
                // As the database does: the first one counts.
                stored.entry(record.id).or_insert(record.outcome);
            }
        };
        for step in steps {
            let now = spool.as_ref().unwrap();
            match step {
                Step::Begin(count) => {
                    for _ in 0..count {
                        under_way.extend(begun(now).ok());
                    }
                }
                Step::End(index) if !under_way.is_empty() => {
                    for open in under_way.split_off(index.index(under_way.len())) {
                        end(now, &open);
                        expected.insert(open.begin.id, Outcome::Completed);
                    }
                }
                Step::End(_) => {}
                Step::Store(most) => {
                    if let Some(batch) = batch(now, usize::from(most)) {
                        now.advance(&batch).unwrap();
                        store(batch.records);
                    }
                }
                Step::Crash => {
                    expected.extend(under_way.drain(..).map(|open| (open.begin.id, Outcome::Unconfirmed)));
                    spool = None;
                    spool.get_or_insert_with(|| open(&folder));
                }
            }
            prop_assert!(spool.as_ref().unwrap().depth().bytes <= LIMIT + 2 * SEGMENT_SIZE);
        }
        expected.extend(under_way.drain(..).map(|open| (open.begin.id, Outcome::Unconfirmed)));
        drop(spool);
        store(drain(&open(&folder)));
        prop_assert_eq!(stored, expected);
    }
}
