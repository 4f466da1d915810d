//! Documents on standard output.

use serde::Serialize;
use std::io::{self, Write};

/// Writes documents as one YAML stream.
pub fn yaml<T: Serialize>(documents: &[T], out: &mut impl Write) -> io::Result<()> {
    for (at, document) in documents.iter().enumerate() {
        if at > 0 {
            writeln!(out, "---")?;
        }
        let text = serde_yaml::to_string(document).map_err(io::Error::other)?;
        write!(out, "{text}")?;
    }
    out.flush()
}
