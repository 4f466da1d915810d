//! The machine's own Chromium, which shows pages to nobody.

use std::path::PathBuf;

use super::{Error, tool::BROWSER};
use crate::{cache_dir::CacheDir, program::which};

/// Debian's without a window first: it is the smallest.
const NAMES: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// The browser's executable, installed where it is missing and that can be done without a question.
pub(super) async fn ready(cache: &CacheDir) -> Result<PathBuf, Error> {
    BROWSER.ready(cache, async || found()).await
}

/// Where on PATH it is.
pub(super) fn found() -> Result<PathBuf, Error> {
    NAMES
        .iter()
        .find_map(|name| which(name))
        .ok_or_else(|| BROWSER.missing(format!("looked for {}", NAMES.join(", "))))
}
