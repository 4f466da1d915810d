//! Under a bare `cargo test` nobody owns the run: the first test process starts a host, the others find it,
//! and it ends when the last of them has.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Connection, host_binary, launch};
use crate::{Error, cache_dir::CacheDir, file_lock::FileLock, protocol::VERSION};

/// Connects to the shared host, and starts it when there is none.
pub(super) fn connect() -> Result<Connection, Error> {
    let folder = CacheDir::from_env()?
        .folder("shared")
        .map_err(|error| Error::io("create a cache folder", error))?;
    // Libraries of another version need a host of their own.
    let name = VERSION.replace('/', "-");
    let pointer = folder.join(format!("{name}.socket"));
    if let Some(connection) = try_connect(&pointer) {
        return Ok(connection);
    }
    let _lock = FileLock::take(&folder.join(format!("{name}.lock")))?;
    // Another process may have started it while this one waited for the lock.
    if let Some(connection) = try_connect(&pointer) {
        return Ok(connection);
    }
    start(&pointer)
}

fn try_connect(pointer: &Path) -> Option<Connection> {
    let socket = PathBuf::from(fs::read_to_string(pointer).ok()?);
    // A host that is gone, or about to go, refuses or closes: then a new one is started under the lock.
    Connection::to(&socket).ok()
}

fn start(pointer: &Path) -> Result<Connection, Error> {
    let launched = launch(host_binary(), "last-client")?;
    // Reaped here, so that a long test process does not keep it as a zombie.
    let mut child = launched.child;
    std::thread::spawn(move || child.wait());
    let connection = Connection::to(&launched.socket)?;
    let text = launched.socket.to_string_lossy().into_owned();
    fs::write(pointer, text).map_err(Error::at("write", pointer))?;
    Ok(connection)
}
