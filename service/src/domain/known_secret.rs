/// Secrets that stand in documentation, examples and the lists that attackers start with. In lower case.
const KNOWN: &[&str] = &[
    "",
    "admin",
    "administrator",
    "adminadminadmin",
    "changeit",
    "changeme",
    "change-me",
    "change_me",
    "changemechangeme",
    "change-me-please",
    "correcthorsebatterystaple",
    "default",
    "dev-secret",
    "example",
    "hunter2",
    "iloveyou",
    "insecure",
    "letmein",
    "letmeinletmein",
    "mysecretpassword",
    "mysecret",
    "mysupersecret",
    "mysupersecretpassword",
    "pass",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "postgres",
    "postgrespostgres",
    "qwerty",
    "qwertyuiop",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwerty123456",
    "redis",
    "redispassword",
    "root",
    "s3cr3t",
    "secret",
    "secretsecret",
    "secret-key",
    "super-secret",
    "supersecret",
    "supersecretkey",
    "supersecretpassword",
    "test",
    "testing",
    "test-secret",
    "toor",
    "ultra",
    "ultraultra",
    "ultra-secret",
    "your-256-bit-secret",
    "your-secret-key",
    "your_secret_key",
    "yoursecretkey",
];

/// Whether everybody knows this secret: one of the usual ones, one character again and again, or a run of neighbours
/// such as `123456789012`.
pub fn is_known_secret(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    KNOWN.contains(&lower.as_str()) || is_sequence(lower.as_bytes(), 0) || is_sequence(lower.as_bytes(), 1)
}

/// Whether each byte follows the one before it by `step`; after 9 comes 0.
fn is_sequence(bytes: &[u8], step: u8) -> bool {
    bytes.windows(2).all(|pair| match pair {
        [b'9', b'0'] if step == 1 => true,
        [first, second] => first.checked_add(step) == Some(*second),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_secrets_repetitions_and_sequences_are_known() {
        for text in [
            "postgres",
            "ChangeMe",
            " secret\n",
            "aaaaaaaaaaaaaaaa",
            "123456789012",
            "abcdefghijkl",
            "\0\0\0\0",
        ] {
            assert!(is_known_secret(text), "{text:?}");
        }
        for text in ["kq7w-zz31-pp0d", "correct horse battery staple", "112233445566"] {
            assert!(!is_known_secret(text), "{text:?}");
        }
    }
}
