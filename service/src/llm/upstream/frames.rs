use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::llm::Error;

/// Far more than any event of a model's answer needs.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Cuts a stream of bytes into Server-Sent Events (WHATWG HTML, section 9.2), and leaves each one's bytes as they are.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
    /// Where the first line begins that is not known to be whole.
    line: usize,
    /// So many bytes were looked at: a line that comes in many pieces is not looked through anew with each of them.
    seen: usize,
}

/// One event: its lines, and the empty one that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frames {
    /// Takes in what has come.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > MOST_BYTES {
            return Err(Error::Malformed(format!(
                "an event has more than {MOST_BYTES} bytes"
            )));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next event, where all of it is there.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let end = self.end()?;
        (self.line, self.seen) = (0, 0);
        Some(Frame(self.buffer.split_to(end).freeze()))
    }

    /// Whether something is left that is no whole event.
    pub(super) fn has_rest(&self) -> bool {
        !self.buffer.iter().all(u8::is_ascii_whitespace)
    }

    /// Where the first event ends: after its first empty line.
    fn end(&mut self) -> Option<usize> {
        while let Some(length) = memchr(b'\n', &self.buffer[self.seen..]) {
            let next = self.seen + length + 1;
            if matches!(&self.buffer[self.line..next], b"\n" | b"\r\n") {
                return Some(next);
            }
            (self.line, self.seen) = (next, next);
        }
        self.seen = self.buffer.len();
        None
    }
}

impl Frame {
    /// Its bytes as they came.
    pub fn raw(&self) -> &Bytes {
        &self.0
    }

    /// The event's name, where it has one.
    pub fn event(&self) -> Option<&[u8]> {
        self.fields()
            .find_map(|(name, value)| (name == b"event").then_some(value))
    }

    /// What it says; none, where it is a comment or nothing at all. Bytes that are no lines of an event are an error.
    pub fn data(&self) -> Result<Option<Cow<'_, [u8]>>, Error> {
        if self.is_malformed() {
            return Err(Error::Malformed(
                "a line of its stream is none of an event".to_owned(),
            ));
        }
        Ok(self.joined_data())
    }

    fn joined_data(&self) -> Option<Cow<'_, [u8]>> {
        let mut lines = self
            .fields()
            .filter(|(name, _)| *name == b"data")
            .map(|(_, value)| value);
        let first = lines.next()?;
        let Some(second) = lines.next() else {
            return Some(first.into());
        };
        let mut joined = [first, second].join(&b'\n');
        for line in lines {
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Some(joined.into())
    }

    /// Whether a line of it is none of an event: neither empty, nor a comment, nor a field that there is.
    fn is_malformed(&self) -> bool {
        self.fields()
            .any(|(name, _)| !matches!(name, b"" | b"data" | b"event" | b"id" | b"retry"))
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.0.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        lines.filter(|line| !line.is_empty()).map(|line| {
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) = colon.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
            (name, value.strip_prefix(b" ").unwrap_or(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for piece in pieces {
            frames.push(piece).unwrap();
            all.extend(std::iter::from_fn(|| frames.next()));
        }
        all
    }

    #[test]
    fn events_have_names_data_and_comments() {
        let all = frames(&[b": hello\n\nevent: ping\r\ndata: {}\r\n\r\ndata: a\ndata:b\nid: 7\n\nrest"]);
        let told: Vec<_> = all
            .iter()
            .map(|frame| (frame.event(), frame.data().unwrap().map(|data| data.into_owned())))
            .collect();
        assert_eq!(
            told,
            [
                (None, None),
                (Some(&b"ping"[..]), Some(b"{}".to_vec())),
                (None, Some(b"a\nb".to_vec())),
            ]
        );
        assert!(all.iter().all(|frame| !frame.is_malformed()));
    }

    #[test]
    fn what_is_no_line_of_an_event_is_told() {
        for bytes in [
            &b"<html>\n\n"[..],
            b"{\"a\": 1}\n\n",
            b"data: 1\noops\n\n",
            b"\xff\xfe: 1\n\n",
        ] {
            assert!(frames(&[bytes])[0].is_malformed(), "{bytes:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_not_collected_for_ever() {
        let mut frames = Frames::default();
        let piece = vec![b'a'; 1024 * 1024];
        let taken = (0..100).take_while(|_| frames.push(&piece).is_ok()).count();
        assert_eq!(taken, 16);
    }

    #[test]
    fn a_line_that_comes_in_many_pieces_is_not_looked_through_anew_with_each() {
        let mut frames = Frames::default();
        for _ in 0..1_000 {
            frames.push(b"data: x ").unwrap();
            assert_eq!(frames.next(), None);
            assert_eq!((frames.line, frames.seen), (0, frames.buffer.len()));
        }
        frames.push(b"\r\n\r").unwrap();
        assert_eq!(frames.next(), None);
        frames.push(b"\n").unwrap();
        assert_eq!(frames.next().unwrap().raw().len(), 8_004);
    }

    proptest! {
        #[test]
        fn however_the_bytes_come_the_events_are_the_same(
            text in "(data: [a-z]{0,9}\n|\n|\r\n|: c\r\n|event: x\n){0,30}",
            cuts in prop::collection::vec(0_usize..200, 0..10),
        ) {
            let whole = frames(&[text.as_bytes()]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            prop_assert_eq!(&frames(&pieces), &whole);
            let joined: Vec<u8> = whole.iter().flat_map(|frame| frame.raw().to_vec()).collect();
            prop_assert!(text.as_bytes().starts_with(&joined), "no byte is lost or made up");
        }
    }
}
