use jsonwebtoken::errors::{Error, ErrorKind};

/// Why a token is not accepted, or none was made. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any of ours.
    #[error("the token is too long")]
    TooLong,
    /// No three parts, no base64url, no JSON object, or a claim is missing or of the wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// A header or claim is there twice.
    #[error("a member of the token is there twice")]
    DuplicateMember,
    /// It brings a key of its own, or says where one can be had.
    #[error("the token brings its own key")]
    ForeignKey,
    /// It has extensions that must be understood; we have none.
    #[error("the token has critical extensions")]
    CriticalExtension,
    /// No key of the ring has the name.
    #[error("no key of this name is known")]
    UnknownKey,
    /// The key has expired.
    #[error("the token's key has expired")]
    ExpiredKey,
    /// Another algorithm than its key's.
    #[error("the token's algorithm is not its key's")]
    WrongAlgorithm,
    /// Not an access token.
    #[error("the token is of another type")]
    WrongType,
    /// A test token, where those are not accepted.
    #[error("test tokens are not accepted")]
    TestToken,
    /// The signature is not the key's.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// Somebody else's token.
    #[error("the token was issued by somebody else")]
    WrongIssuer,
    /// A token for somebody else.
    #[error("the token is meant for somebody else")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time is yet to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It claims to be made in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// No key signs at this moment.
    #[error("no key signs now; see activateAt and expireAt in ring.json")]
    NoSigningKey,
    /// The key did not sign.
    #[error("the token could not be signed")]
    Signing,
}

impl TokenError {
    /// One word for logs and metrics.
    pub fn class(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::DuplicateMember => "duplicate_member",
            Self::ForeignKey => "foreign_key",
            Self::CriticalExtension => "critical_extension",
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongType => "wrong_type",
            Self::TestToken => "test_token",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::NoSigningKey => "no_signing_key",
            Self::Signing => "signing",
        }
    }
}

// The library's messages may quote the token; what is kept is only what went wrong.
impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidSignature => Self::BadSignature,
            ErrorKind::InvalidIssuer => Self::WrongIssuer,
            ErrorKind::InvalidAudience => Self::WrongAudience,
            _ => Self::Malformed,
        }
    }
}
