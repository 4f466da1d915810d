use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretBox, SecretSlice, SecretString};
use uuid::Uuid;

use super::{KeyRingError, files::Files, material::Material};

/// PKCS#8, version 1, of an Ed25519 key up to its 32 bytes (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Makes a key, and a `ring.json` that names it.
///
/// Two processes that do this at once leave two keys and one `ring.json`, which is a ring too.
pub(super) fn generate(dir: &Path) -> Result<String, KeyRingError> {
    let at = |source| KeyRingError::Io {
        path: dir.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(at)?;
    if !Files::read(dir)?.is_empty() {
        return Err(KeyRingError::NotEmpty { dir: dir.to_owned() });
    }

    let mut random = Ok(());
    let seed = SecretBox::<[u8; 32]>::init_with_mut(|seed| random = SystemRandom::new().fill(seed));
    random.map_err(|_| KeyRingError::NoRandomness)?;
    let material = Material::ed25519(seed.expose_secret());
    let kid = material
        .public()
        .map(|public| public.thumbprint())
        .unwrap_or_default();

    write(&dir.join(format!("{kid}.pem")), pem(&seed).expose_secret()).map_err(at)?;
    write(&dir.join("ring.json"), &format!("{{\"signer\": \"{kid}\"}}\n")).map_err(at)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at)?;
    Ok(kid)
}

fn pem(seed: &SecretBox<[u8; 32]>) -> SecretString {
    let der = SecretSlice::from([PKCS8_HEAD.as_slice(), seed.expose_secret()].concat());
    // 48 bytes are 64 characters: one line.
    let line = SecretString::from(BASE64_STANDARD.encode(der.expose_secret()));
    SecretString::from(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        line.expose_secret()
    ))
}

/// Whole or not at all, and readable to nobody else at any moment.
fn write(path: &Path, content: &str) -> io::Result<()> {
    let draft = path.with_file_name(format!(".{}", Uuid::now_v7()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file
        .write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
