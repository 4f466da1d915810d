//! The files between the answers and the store. Lines are appended to the last segment and read from the first; one
//! that is drained is used anew.
//!
//! Whoever begins has room for the end: the space for the ends of all that is under way is always there, allocated and
//! in no other's way. Nothing here waits; the lock is held for one short write at most.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use super::{
    Error, Full, NotRecorded, Prices,
    entry::Open,
    frame,
    line::{self, Begin, Line},
    segment::{self, Found, HEADER, Segment},
};
use crate::{
    domain::{Money, Outcome, Usage},
    store::UsageRecord,
};

/// Small, so that disk space is taken and given back in small steps; thousands of lines all the same.
const SEGMENT_SIZE: u64 = 1_024 * 1_024;

/// How many drained segments are kept for what comes. A busy service then makes no file and removes none.
const SPARES: usize = 4;

const LOCK: &str = "lock";

pub(super) struct Spool {
    folder: PathBuf,
    /// How many segments there may be.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The oldest first; the last one is written to.
    used: VecDeque<Segment>,
    spares: VecDeque<Segment>,
    /// The highest number that any file has had.
    number: u64,
    /// Where the reader is in the first segment.
    read: u64,
    open: HashMap<Uuid, Arc<Open>>,
    /// The space that the ends of `open` need, and their beginnings, which move when their segment is drained.
    reserved: u64,
    /// Records that are not in the store yet.
    waiting: u64,
    /// Whether the folder has files that it may not have after a loss of power.
    folder_is_dirty: bool,
    /// Whether the disk did not take the last beginning.
    is_failing: bool,
    is_closed: bool,
    buffer: Vec<u8>,
    /// No other process has the spool as long as this is there.
    lock: Option<File>,
}

/// Room for a beginning and its end, which are the longest lines.
const ROOM_FOR_ONE: u64 = 1_024;

/// How much there is in the spool.
pub(super) struct Depth {
    pub(super) waiting: u64,
    pub(super) open: u64,
    pub(super) bytes: u64,
    pub(super) limit: u64,
    pub(super) is_full: bool,
    pub(super) is_failing: bool,
}

/// Some records, and where the reader is after them.
pub(super) struct Batch {
    pub(super) records: Vec<UsageRecord>,
    segment: u64,
    read: u64,
}

/// What the disk has to make safe.
pub(super) struct Dirty {
    pub(super) files: Vec<Arc<File>>,
    pub(super) folder: Option<PathBuf>,
}

impl Spool {
    /// Takes the folder over. What began and did not end in the process before becomes a record that says so.
    pub(super) fn open(folder: &Path, limit: u64) -> Result<Self, Error> {
        let unusable = |source| Error::Unusable {
            path: folder.to_owned(),
            source,
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(unusable)?;
        let lock = File::create(folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let spool = Self {
            folder: folder.to_owned(),
            most: usize::try_from(limit / SEGMENT_SIZE).unwrap_or(usize::MAX).max(2),
            state: Mutex::default(),
        };
        spool.take_over(lock).map_err(unusable)?;
        Ok(spool)
    }

    fn take_over(&self, lock: File) -> io::Result<()> {
        let mut state = self.state();
        state.lock = Some(lock);
        let mut paths: Vec<PathBuf> = fs::read_dir(&self.folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "seg"));
        let mut used = Vec::new();
        for path in paths {
            match Segment::open(&path)? {
                None => fs::remove_file(&path)?,
                Some(Found::Spare(segment)) => {
                    state.number = state.number.max(segment.number);
                    state.spares.push_back(segment);
                }
                Some(Found::Used(segment)) => {
                    state.number = state.number.max(segment.number);
                    used.push(segment);
                }
            }
        }
        used.sort_by_key(|segment| segment.number);
        let mut begun = HashMap::new();
        for segment in &mut used {
            state.waiting += look_through(segment, &mut begun)?;
        }
        state.read = HEADER;
        // Nobody has promised that the disk has what the process before wrote last.
        used.iter_mut().for_each(|segment| segment.is_dirty = true);
        state.used.extend(used);
        // The last one is written on: were a new one begun, each restart would take more space.
        if state.used.is_empty() {
            state.next_segment(&self.folder)?;
        }
        let unconfirmed = begun.len();
        for begin in begun.into_values() {
            let record = begin.end(Usage::default(), Money::default(), Outcome::Unconfirmed, false);
            state.append(&self.folder, |to| line::write_end(&record, to))?;
            state.waiting += 1;
        }
        if state.waiting > 0 {
            tracing::info!(
                records = state.waiting,
                unconfirmed,
                "usage records of an earlier process are taken over"
            );
        }
        if let Err(error) = self.drop_drained(&mut state) {
            tracing::error!(%error, "a drained segment cannot be taken out of use yet");
        }
        Ok(())
    }

    /// Notes that a request begins, if there is room for its end.
    pub(super) fn begin(&self, open: &Arc<Open>) -> Result<(), Full> {
        let begin = &open.begin;
        let mut state = self.state();
        if state.is_closed {
            return Err(Full);
        }
        let needed = reserve_of(begin);
        // One more frame than is reserved, which is the line of the beginning itself.
        let least = state.reserved + needed + frame::length(begin.length()) as u64;
        while state.room() < least {
            if state.used.len() + state.spares.len() >= self.most {
                return Err(Full);
            }
            let made = state.make_spare(&self.folder);
            state.note(made)?;
        }
        let written = state.append(&self.folder, |to| begin.write(to));
        state.note(written)?;
        open.lies_in(state.last_number());
        state.open.insert(begin.id, Arc::clone(open));
        state.reserved += needed;
        Ok(())
    }

    /// Notes how a request has ended.
    pub(super) fn end(&self, open: &Open, record: &UsageRecord) -> Result<(), NotRecorded> {
        let mut state = self.state();
        if state.open.remove(&open.begin.id).is_none() {
            // It was cancelled when the spool was closed.
            return Err(NotRecorded);
        }
        state.reserved -= reserve_of(&open.begin);
        state
            .append(&self.folder, |to| line::write_end(record, to))
            .map_err(|error| {
                tracing::error!(%error, record = %record.id, "a usage record cannot be written");
                NotRecorded
            })?;
        state.waiting += 1;
        Ok(())
    }

    /// The next records that the store has not seen; nothing where it has seen all.
    pub(super) fn read(&self, most: usize, buffer: &mut Vec<u8>) -> io::Result<Option<Batch>> {
        let (file, number, from, to) = {
            let mut state = self.state();
            match state.used.front() {
                Some(first) if state.read < first.end || state.used.len() > 1 => {
                    (Arc::clone(&first.file), first.number, state.read, first.end)
                }
                _ => {
                    // There is nothing behind this, whatever was counted.
                    state.waiting = 0;
                    return Ok(None);
                }
            }
        };
        segment::read(&file, from, to, buffer)?;
        let mut records = Vec::new();
        let mut read = to;
        for frame in frame::all(buffer, number) {
            if let Some(Line::End(record)) = Line::read(frame.content) {
                records.push(record);
            }
            if records.len() == most {
                read = from + frame.end as u64;
                break;
            }
        }
        Ok(Some(Batch {
            records,
            segment: number,
            read,
        }))
    }

    /// Moves on behind a batch that the store has. Says whether there is more room now. Where a segment cannot be taken
    /// out of use yet, nothing behind it can be read.
    pub(super) fn advance(&self, batch: &Batch) -> io::Result<bool> {
        let mut state = self.state();
        // Whoever has given the spool away must not touch it any more.
        if state.lock.is_none()
            || state
                .used
                .front()
                .is_none_or(|first| first.number != batch.segment)
        {
            return Ok(false);
        }
        state.read = batch.read;
        state.waiting = state.waiting.saturating_sub(batch.records.len() as u64);
        self.drop_drained(&mut state)
    }

    /// Takes segments out of use that hold nothing new. What is still under way in them moves on first.
    fn drop_drained(&self, state: &mut State) -> io::Result<bool> {
        let mut dropped = false;
        while state.used.len() > 1 && state.used.front().is_some_and(|first| state.read >= first.end) {
            self.drop_first(state)?;
            dropped = true;
        }
        Ok(dropped)
    }

    fn drop_first(&self, state: &mut State) -> io::Result<()> {
        let Some(number) = state.used.front().map(|first| first.number) else {
            return Ok(());
        };
        let staying: Vec<_> = state
            .open
            .values()
            .filter(|open| open.segment() == number)
            .cloned()
            .collect();
        for open in staying {
            state.append(&self.folder, |to| open.begin.write(to))?;
            open.lies_in(state.last_number());
        }
        if let Some(mut first) = state.used.pop_front() {
            state.read = HEADER;
            first.end = HEADER;
            first.retire()?;
            // What is under way counts on room that is there, and has just used some of it.
            if state.spares.len() < SPARES || state.room() < state.reserved {
                state.spares.push_back(first);
            } else {
                fs::remove_file(&first.path)?;
            }
        }
        Ok(())
    }

    /// What has to be made safe. It counts as safe from now on; see [`Self::unsafe_again`].
    pub(super) fn take_dirty(&self) -> Dirty {
        let mut state = self.state();
        let files = state.used.iter_mut().filter(|segment| segment.is_dirty);
        let files = files
            .map(|segment| {
                segment.is_dirty = false;
                Arc::clone(&segment.file)
            })
            .collect();
        let folder = std::mem::take(&mut state.folder_is_dirty).then(|| self.folder.clone());
        Dirty { files, folder }
    }

    /// Takes back that everything is safe.
    pub(super) fn unsafe_again(&self) {
        let mut state = self.state();
        state.folder_is_dirty = true;
        for segment in &mut state.used {
            segment.is_dirty = true;
        }
    }

    pub(super) fn depth(&self) -> Depth {
        let state = self.state();
        let segments = state.used.iter().chain(&state.spares);
        Depth {
            waiting: state.waiting,
            open: state.open.len() as u64,
            bytes: segments.map(Segment::size).sum(),
            limit: self.most as u64 * SEGMENT_SIZE,
            is_full: state.used.len() + state.spares.len() >= self.most
                && state.room() < state.reserved + ROOM_FOR_ONE,
            is_failing: state.is_failing,
        }
    }

    /// Lets nothing begin any more, and cancels what is under way.
    pub(super) fn close(&self, prices: &Prices) {
        let mut state = self.state();
        state.is_closed = true;
        for (_, open) in std::mem::take(&mut state.open) {
            let record = open.record(prices, Outcome::Cancelled);
            match state.append(&self.folder, |to| line::write_end(&record, to)) {
                Ok(()) => state.waiting += 1,
                Err(error) => {
                    tracing::error!(%error, record = %record.id, "a usage record cannot be written");
                }
            }
        }
        state.reserved = 0;
    }

    /// Lets another process have it, which need not read again what the store has seen.
    pub(super) fn release(&self) {
        let mut state = self.state();
        if state.used.len() == 1
            && let Some(last) = state.used.front()
            && state.read >= last.end
            && let Err(error) = last.retire()
        {
            tracing::warn!(%error, "the next process reads again what the store has seen");
        }
        state.lock = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn last_number(&self) -> u64 {
        self.used.back().map_or(0, |segment| segment.number)
    }

    /// How much can be written without a new file.
    fn room(&self) -> u64 {
        let last = self.used.back();
        last.into_iter().chain(&self.spares).map(Segment::room).sum()
    }

    /// What became of a beginning on the disk. Only changes are logged: the log may lie on the same disk.
    fn note(&mut self, result: io::Result<()>) -> Result<(), Full> {
        let was_failing = std::mem::replace(&mut self.is_failing, result.is_err());
        match &result {
            Err(error) if !was_failing => {
                tracing::error!(%error, "the disk does not take usage records; requests that need one are refused");
            }
            Ok(()) if was_failing => tracing::info!("the disk takes usage records again"),
            _ => {}
        }
        result.map_err(|_| Full)
    }

    fn make_spare(&mut self, folder: &Path) -> io::Result<()> {
        self.number += 1;
        self.spares
            .push_back(Segment::create(folder, self.number, SEGMENT_SIZE)?);
        self.folder_is_dirty = true;
        Ok(())
    }

    fn next_segment(&mut self, folder: &Path) -> io::Result<()> {
        if self.spares.is_empty() {
            self.make_spare(folder)?;
        }
        if let Some(mut segment) = self.spares.pop_front() {
            self.number += 1;
            if let Err(error) = segment.start(self.number) {
                self.spares.push_front(segment);
                return Err(error);
            }
            self.used.push_back(segment);
        }
        Ok(())
    }

    fn append(&mut self, folder: &Path, content: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.append_from(&mut buffer, folder, content);
        self.buffer = buffer;
        result
    }

    fn append_from(
        &mut self,
        buffer: &mut Vec<u8>,
        folder: &Path,
        content: impl Fn(&mut Vec<u8>),
    ) -> io::Result<()> {
        frame::write(buffer, self.last_number(), &content);
        if !self.used.back().is_some_and(|last| last.fits(buffer.len())) {
            self.next_segment(folder)?;
            frame::write(buffer, self.last_number(), &content);
        }
        match self.used.back_mut() {
            Some(last) => last.append(buffer),
            None => Err(io::Error::other("there is no segment")),
        }
    }
}

/// The space that is kept for a request that has begun.
fn reserve_of(begin: &Begin) -> u64 {
    (frame::length(begin.length()) + frame::length(begin.length_of_end())) as u64
}

/// Finds out where a segment ends, what began in it and did not end, and how many records it has.
fn look_through(segment: &mut Segment, begun: &mut HashMap<Uuid, Begin>) -> io::Result<u64> {
    let mut bytes = Vec::new();
    segment::read(&segment.file, HEADER, segment.size(), &mut bytes)?;
    let mut records = 0;
    for frame in frame::all(&bytes, segment.number) {
        if frame.skipped {
            tracing::warn!(segment = %segment.path.display(), "a part of the spool cannot be read");
        }
        segment.end = HEADER + frame.end as u64;
        match Line::read(frame.content) {
            Some(Line::Begin(begin)) => {
                begun.insert(begin.id, begin);
            }
            Some(Line::End(record)) => {
                begun.remove(&record.id);
                records += 1;
            }
            None => tracing::error!(
                segment = %segment.path.display(),
                "a line of the spool is of another version and is ignored"
            ),
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
