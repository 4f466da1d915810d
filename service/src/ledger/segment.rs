//! One file of the spool. All of its space is there from the beginning, so that a disk that fills up refuses the next
//! request and not the end of one under way. What is drained is used anew, under another number.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::frame;

const MAGIC: [u8; 8] = *b"ULTRALG1";

/// What lies before the first frame: the magic, the number, and whether the segment is in use.
pub(super) const HEADER: u64 = 24;

/// A file of the spool.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    /// Where the last frame ends.
    pub(super) end: u64,
    capacity: u64,
    /// Whether something is written that the disk may not have.
    pub(super) is_dirty: bool,
}

/// A file that was found.
pub(super) enum Found {
    /// It holds lines.
    Used(Segment),
    /// It waits to be used.
    Spare(Segment),
}

impl Segment {
    /// Makes a file that is not in use.
    pub(super) fn create(folder: &Path, number: u64, capacity: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number:016}.seg"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let segment = Self {
            number,
            file: Arc::new(file),
            path,
            end: HEADER,
            capacity,
            is_dirty: true,
        };
        match allocate(&segment.file, capacity).and_then(|()| segment.write_header(false)) {
            Ok(()) => Ok(segment),
            Err(error) => {
                let _ = std::fs::remove_file(&segment.path);
                Err(error)
            }
        }
    }

    /// Opens a file that is there. `None`: it was never whole.
    pub(super) fn open(path: &Path) -> io::Result<Option<Found>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let capacity = file.metadata()?.len();
        let mut header = [0; HEADER as usize];
        if capacity < HEADER + frame::MAX as u64 || file.read_exact_at(&mut header, 0).is_err() {
            return Ok(None);
        }
        let (magic, rest) = header.split_at(MAGIC.len());
        let (Some(number), Some(used)) = (rest.first_chunk(), rest.last_chunk()) else {
            return Ok(None);
        };
        if magic == [0; MAGIC.len()] {
            return Ok(None);
        }
        if magic != MAGIC {
            let text = format!("{} was written by another version", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let segment = Self {
            number: u64::from_le_bytes(*number),
            file: Arc::new(file),
            path: path.to_owned(),
            end: HEADER,
            capacity,
            is_dirty: false,
        };
        Ok(Some(match u64::from_le_bytes(*used) {
            0 => Found::Spare(segment),
            _ => Found::Used(segment),
        }))
    }

    /// Takes a spare segment into use.
    pub(super) fn start(&mut self, number: u64) -> io::Result<()> {
        self.number = number;
        self.end = HEADER;
        self.write_header(true)?;
        self.is_dirty = true;
        Ok(())
    }

    /// Takes it out of use.
    pub(super) fn retire(&self) -> io::Result<()> {
        self.write_header(false)
    }

    /// How much still fits, one frame less than there is: what is too short at the end for a frame stays empty.
    pub(super) fn room(&self) -> u64 {
        (self.capacity - self.end).saturating_sub(frame::MAX as u64)
    }

    /// Whether a frame of this length fits.
    pub(super) fn fits(&self, length: usize) -> bool {
        self.end + length as u64 <= self.capacity
    }

    /// The disk space that it takes.
    pub(super) fn size(&self) -> u64 {
        self.capacity
    }

    /// Appends a frame. What fails leaves nothing that counts.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        self.is_dirty = true;
        Ok(())
    }

    fn write_header(&self, used: bool) -> io::Result<()> {
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&self.number.to_le_bytes());
        header[16..].copy_from_slice(&u64::from(used).to_le_bytes());
        self.file.write_all_at(&header, 0)
    }
}

/// Takes the space from the disk now. Where the file system cannot promise any, zeros are written.
fn allocate(file: &File, length: u64) -> io::Result<()> {
    use nix::errno::Errno;

    static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];
    let whole = i64::try_from(length).map_err(io::Error::other)?;
    match nix::fcntl::posix_fallocate(file, 0, whole) {
        Ok(()) => Ok(()),
        Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS) => {
            let mut at = 0;
            while at < length {
                let left = usize::try_from(length - at).unwrap_or(ZEROS.len());
                file.write_all_at(&ZEROS[..left.min(ZEROS.len())], at)?;
                at += ZEROS.len() as u64;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads what lies between two offsets.
pub(super) fn read(file: &File, from: u64, to: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.resize(
        usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?,
        0,
    );
    file.read_exact_at(buffer, from)
}
