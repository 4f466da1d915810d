use std::{io, path::PathBuf};

/// Why a directory is no key ring. Each says what to do; none shows anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The directory or a file of it cannot be read or written.
    #[error("{}: {source}; the service needs to read it, and to write it where it makes its own keys", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than any key.
    #[error("{}: is larger than any key; a key ring holds keys and ring.json only", file.display())]
    TooLarge {
        /// Which.
        file: PathBuf,
    },
    /// There are more keys than a ring needs.
    #[error("{}: holds more than {max} files; remove the keys that expired", dir.display())]
    TooMany {
        /// Which.
        dir: PathBuf,
        /// How many are allowed.
        max: usize,
    },
    /// The file's name says neither what it is nor what its key is called.
    #[error(
        "{}: no key is called so; name it <kid>.pem or <kid>.hs256, where <kid> has up to 128 of the characters A-Z a-z 0-9 _ -, or move it elsewhere",
        file.display()
    )]
    FileName {
        /// Which.
        file: PathBuf,
    },
    /// The name of the test key.
    #[error("{}: this name belongs to the test key; rename the file", file.display())]
    ReservedName {
        /// Which.
        file: PathBuf,
    },
    /// Two files of one name.
    #[error("{}: another file holds a key of this name; rename one of them", file.display())]
    SameName {
        /// The second.
        file: PathBuf,
    },
    /// The file holds no key that can be used.
    #[error("{}: {fault}", file.display())]
    Key {
        /// Which.
        file: PathBuf,
        /// Why.
        fault: KeyFault,
    },
    /// `ring.json` cannot be read. What stands there is not shown, for it might be a key in the wrong file.
    #[error(
        "{}:{line}:{column}: does not fit; write {{\"signer\": \"<kid>\", \"keys\": {{\"<kid>\": {{\"activateAt\": \"2026-01-31T12:00:00Z\", \"expireAt\": \"2026-07-31T12:00:00Z\"}}}}}}, both times optional, and no name twice",
        file.display()
    )]
    RingFile {
        /// Which.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// `ring.json` names a key that is not there.
    #[error("{}: names the key {kid}, but there is no such file; add {kid}.pem or remove the name", file.display())]
    UnknownKey {
        /// Which file.
        file: PathBuf,
        /// Which key.
        kid: String,
    },
    /// A key expires before it activates.
    #[error("{}: the key {kid} expires before it activates; set its expireAt to a later time", file.display())]
    NeverActive {
        /// Which file.
        file: PathBuf,
        /// Which key.
        kid: String,
    },
    /// The named signer has no private key here.
    #[error("{}: the signer {kid} has no private key here; name one that has, or add its private key as {kid}.pem", file.display())]
    SignerCannotSign {
        /// Which file.
        file: PathBuf,
        /// Which key.
        kid: String,
    },
    /// There is no private key at all.
    #[error(
        "{}: holds no key that signs; make one: openssl genpkey -algorithm ed25519 -out {}/main.pem",
        dir.display(),
        dir.display()
    )]
    NoSigningKey {
        /// Which.
        dir: PathBuf,
    },
    /// Nobody says which key signs.
    #[error(
        "{}: {kids} can all sign; say which one does: write {{\"signer\": \"{example}\"}} into {}/ring.json",
        dir.display(),
        dir.display()
    )]
    SeveralSigningKeys {
        /// Which.
        dir: PathBuf,
        /// One of them.
        example: String,
        /// All of them.
        kids: String,
    },
    /// Every key that could sign has expired or is yet to activate.
    #[error(
        "{}: no key signs now: {signer} and every other have expired or are yet to activate; add a key, or correct activateAt and expireAt in ring.json",
        dir.display()
    )]
    NobodySigns {
        /// Which.
        dir: PathBuf,
        /// The named one.
        signer: String,
    },
    /// The directory holds keys already.
    #[error("{}: holds keys already, and they are left alone; name an empty directory", dir.display())]
    NotEmpty {
        /// Which.
        dir: PathBuf,
    },
    /// The operating system gave no randomness.
    #[error("no key was made, because the operating system gave no randomness")]
    NoRandomness,
}

/// Why a file holds no key that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No PEM, or broken PEM.
    #[error(
        "holds no PEM that can be read; write a private key (BEGIN PRIVATE KEY) or a public one (BEGIN PUBLIC KEY)"
    )]
    NoPem,
    /// More than one section.
    #[error(
        "holds more than one PEM section; give each key a file of its own (a private key holds its public one)"
    )]
    SeveralSections,
    /// A private key under a password.
    #[error("holds an encrypted key; decrypt it: openssl pkcs8 -in <encrypted> -out <kid>.pem")]
    Encrypted,
    /// PKCS#1 or SEC1.
    #[error(
        "holds a private key in an old form; convert it: openssl pkcs8 -topk8 -nocrypt -in <old> -out <kid>.pem"
    )]
    OldForm,
    /// A certificate or the like.
    #[error(
        "holds no key but something else; a public key is made of a certificate by: openssl x509 -pubkey -noout"
    )]
    NoKey,
    /// The DER in the PEM is broken.
    #[error("holds a key that is damaged or whose halves do not fit; make it again")]
    Damaged,
    /// Another algorithm or curve.
    #[error(
        "holds a key of a kind that is not used; use Ed25519, P-256 or RSA: openssl genpkey -algorithm ed25519"
    )]
    Unsupported,
    /// RSA below 2048 bits, or above what can be checked quickly.
    #[error("holds an RSA key of a size that is not accepted; use 2048 to 4096 bits, or better Ed25519")]
    RsaSize,
    /// A key that fits any signature.
    #[error("holds a weak key; make another: openssl genpkey -algorithm ed25519")]
    Weak,
    /// HMAC where it is not allowed.
    #[error(
        "is a shared secret, which only the development profile accepts; use a key pair: openssl genpkey -algorithm ed25519"
    )]
    HmacNotAllowed,
    /// A secret below 32 bytes.
    #[error("is too short a secret; use 32 random bytes: openssl rand -out <kid>.hs256 32")]
    HmacTooShort,
    /// The test key, or one from a document.
    #[error(
        "holds a key that everybody can read in a document or a repository; make one of your own: openssl genpkey -algorithm ed25519"
    )]
    Known,
}
