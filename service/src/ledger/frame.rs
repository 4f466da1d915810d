//! How lines lie in a segment: length, checksum, content, and nothing up to the next multiple of eight. The checksum
//! begins with the segment's number, so that what a file held before it was used anew counts for nothing.

/// The longest frame; far more than a line takes.
pub(super) const MAX: usize = 512;

const ALIGNMENT: usize = 8;
const HEADER: usize = 8;

/// Where the next frame may begin.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

/// The length of the frame of so much content.
pub(super) fn length(content: usize) -> usize {
    padded(HEADER + content)
}

/// Puts a frame around what `content` writes, in place of what `buffer` held.
pub(super) fn write(buffer: &mut Vec<u8>, segment: u64, content: impl FnOnce(&mut Vec<u8>)) {
    buffer.clear();
    buffer.extend_from_slice(&[0; HEADER]);
    content(buffer);
    let length = u32::try_from(buffer.len() - HEADER)
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let checksum = checksum(segment, length, &buffer[HEADER..]).to_le_bytes();
    buffer[..4].copy_from_slice(&length);
    buffer[4..HEADER].copy_from_slice(&checksum);
    buffer.resize(padded(buffer.len()), 0);
}

/// The contents of all frames that are whole, with where each ends. What is not is stepped over: a write that a crash
/// tore, or what the file held before.
pub(super) fn all(bytes: &[u8], segment: u64) -> impl Iterator<Item = Frame<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at;
        while at + HEADER <= bytes.len() {
            match at_offset(&bytes[at..], segment) {
                Some(content) => {
                    let skipped = at > begin;
                    at += length(content.len());
                    return Some(Frame {
                        content,
                        end: at,
                        skipped,
                    });
                }
                None => at += ALIGNMENT,
            }
        }
        None
    })
}

/// A line as it lies in a segment.
pub(super) struct Frame<'b> {
    pub(super) content: &'b [u8],
    /// Where it ends.
    pub(super) end: usize,
    /// Whether something lies before it that is no frame.
    pub(super) skipped: bool,
}

fn at_offset(bytes: &[u8], segment: u64) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [a, b, c, d, checks @ ..] = *head;
    let length_bytes = [a, b, c, d];
    let length = usize::try_from(u32::from_le_bytes(length_bytes)).ok()?;
    if length == 0 || length > MAX {
        return None;
    }
    let content = rest.get(..length)?;
    (checksum(segment, length_bytes, content) == u32::from_le_bytes(checks)).then_some(content)
}

fn checksum(segment: u64, length: [u8; 4], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(&length);
    hasher.update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(contents: &[Vec<u8>], segment: u64) -> Vec<u8> {
        let mut file = Vec::new();
        let mut buffer = Vec::new();
        for content in contents {
            write(&mut buffer, segment, |buffer| buffer.extend_from_slice(content));
            assert_eq!(buffer.len(), length(content.len()));
            file.extend_from_slice(&buffer);
        }
        file
    }

    fn read(bytes: &[u8], segment: u64) -> Vec<Vec<u8>> {
        all(bytes, segment).map(|frame| frame.content.to_vec()).collect()
    }

    fn contents() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..20)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_whatever_lies_behind_it(contents in contents(), rest in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = file(&contents, 7);
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(read(&bytes, 7), contents);
        }

        #[test]
        fn a_torn_frame_costs_itself_alone(contents in contents(), torn in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
            let torn = torn.index(contents.len());
            let begin: usize = contents[..torn].iter().map(|content| length(content.len())).sum();
            let mut bytes = file(&contents, 7);
            let at = begin + at.index(8 + contents[torn].len());
            bytes[at] ^= 0x55;
            let mut expected = contents;
            expected.remove(torn);
            prop_assert_eq!(read(&bytes, 7), expected);
        }

        #[test]
        fn what_another_segment_held_is_not_read(contents in contents()) {
            prop_assert!(read(&file(&contents, 6), 7).is_empty());
        }

        #[test]
        fn noise_is_no_frame(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(read(&bytes, 7).is_empty());
        }
    }
}
