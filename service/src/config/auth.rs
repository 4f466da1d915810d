use std::{
    convert::Infallible,
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;

use super::{Default, Http, Mode, Production, Profile, Shape, Variable, source::Source};
use crate::{
    auth::{KeyFault, KeyRing, KeyRingError, Rules},
    domain::{Email, Password, format_duration},
};

pub(super) const ANONYMOUS: Variable = Variable {
    name: "ULTRA_AUTH_ANONYMOUS",
    concern: "auth",
    secret: false,
    shape: Shape::Switch,
    default: Default::Profiles {
        development: "true",
        testing: "false",
        production: "false",
    },
    production: Production::Refuses("`true`"),
    example: "false",
    description: "Whether requests without a credential are admitted. With real providers only on a loopback address.",
};

pub(super) const REGISTRATION: Variable = Variable {
    name: "ULTRA_AUTH_REGISTRATION",
    concern: "auth",
    secret: false,
    shape: Shape::Choice(&["open", "invite", "closed"]),
    default: Default::Profiles {
        development: "open",
        testing: "closed",
        production: "closed",
    },
    production: Production::AsElsewhere,
    example: "invite",
    description: "Who may make an account: everybody, whoever an admin invites, or nobody.",
};

pub(super) const ISSUER: Variable = Variable {
    name: "ULTRA_AUTH_ISSUER",
    concern: "auth",
    secret: false,
    shape: NAME_OR_URL,
    default: Default::Value("ultra"),
    production: Production::AsElsewhere,
    example: "https://ultra.example.com",
    description: "Who signs access tokens: the claim `iss`. Tokens of others are refused.",
};

pub(super) const AUDIENCE: Variable = Variable {
    name: "ULTRA_AUTH_AUDIENCE",
    concern: "auth",
    secret: false,
    shape: NAME_OR_URL,
    default: Default::Value("ultra"),
    production: Production::AsElsewhere,
    example: "https://ultra.example.com",
    description: "Whom access tokens are for: the claim `aud`. Tokens for others are refused.",
};

/// No access token is valid for longer, whatever is configured.
pub const LONGEST_ACCESS_TOKEN_TTL: Duration = Duration::from_secs(24 * 3_600);

pub(super) const ACCESS_TOKEN_TTL: Variable = Variable {
    name: "ULTRA_AUTH_ACCESS_TOKEN_TTL",
    concern: "auth",
    secret: false,
    shape: Shape::Duration(Duration::from_secs(1), LONGEST_ACCESS_TOKEN_TTL),
    default: Default::Value("15m"),
    production: Production::AsElsewhere,
    example: "15m",
    description: "How long an access token is valid.",
};

pub(super) const REFRESH_TOKEN_TTL: Variable = Variable {
    name: "ULTRA_AUTH_REFRESH_TOKEN_TTL",
    concern: "auth",
    secret: false,
    shape: Shape::Duration(Duration::from_secs(2), Duration::from_secs(366 * 24 * 3_600)),
    default: Default::Value("720h"),
    production: Production::AsElsewhere,
    example: "168h",
    description: "How long a session lives without being used; must exceed the lifetime of access tokens.",
};

pub(super) const JWT_KEYS_DIR: Variable = Variable {
    name: "ULTRA_JWT_KEYS_DIR",
    concern: "auth",
    secret: false,
    shape: Shape::Path,
    default: Default::Unset("`jwt` in `ULTRA_DATA_DIR`, where the service makes a key of its own"),
    production: Production::Requires("replicas that made keys of their own would refuse each other's tokens"),
    example: "/etc/ultra/jwt",
    description: "The folder with the keys that sign access tokens: `<kid>.pem`, and `ring.json` where there are \
                  several. It is watched.",
};

pub(super) const ADMIN_EMAIL: Variable = Variable {
    name: "ULTRA_AUTH_ADMIN_EMAIL",
    concern: "auth",
    secret: false,
    shape: Shape::Pattern(r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
    default: Default::Unset("`ultra-service users create --admin` makes one"),
    production: Production::AsElsewhere,
    example: "admin@example.com",
    description: "The first admin, made at the start if there is no such account; with ULTRA_AUTH_ADMIN_PASSWORD.",
};

pub(super) const ADMIN_PASSWORD: Variable = Variable {
    name: "ULTRA_AUTH_ADMIN_PASSWORD",
    concern: "auth",
    secret: true,
    shape: Shape::Text,
    default: Default::Unset("`ultra-service users create --admin` asks for one"),
    production: Production::Refuses("the example"),
    example: "a long sentence is a good password",
    description: "The first admin's password, of 12 characters or more; with ULTRA_AUTH_ADMIN_EMAIL. It makes an \
                  account that is missing, and is read at the start only: the account's own password is changed by \
                  logging in.",
};

pub(super) const PASSWORD_MEMORY: Variable = Variable {
    name: "ULTRA_AUTH_PASSWORD_MEMORY",
    concern: "auth",
    secret: false,
    shape: Shape::Number(8, 1_048_576),
    default: Default::Value("19456"),
    production: Production::Refuses("less than `19456`"),
    example: "19456",
    description: "The memory that hashing one password takes, in KiB (argon2id).",
};

pub(super) const PASSWORD_ITERATIONS: Variable = Variable {
    name: "ULTRA_AUTH_PASSWORD_ITERATIONS",
    concern: "auth",
    secret: false,
    shape: Shape::Number(1, 100),
    default: Default::Value("2"),
    production: Production::Refuses("`1`"),
    example: "2",
    description: "How often hashing a password passes over its memory (argon2id).",
};

pub(super) const TRIES_PER_ACCOUNT: Variable = Variable {
    name: "ULTRA_AUTH_TRIES_PER_ACCOUNT",
    concern: "auth",
    secret: false,
    shape: Shape::Number(1, 1_000_000),
    default: Default::Value("10"),
    production: Production::AsElsewhere,
    example: "10",
    description: "How many passwords can be tried on one account at once; after that one every 30 seconds. Each \
                  replica counts for itself.",
};

pub(super) const TRIES_PER_ADDRESS: Variable = Variable {
    name: "ULTRA_AUTH_TRIES_PER_ADDRESS",
    concern: "auth",
    secret: false,
    shape: Shape::Number(1, 1_000_000),
    default: Default::Value("100"),
    production: Production::AsElsewhere,
    example: "100",
    description: "How many logins, registrations and refreshes one address can try at once. The tries come back in \
                  the time in which an account's do. An IPv6 network of 64 bits is one address.",
};

const NAME_OR_URL: Shape = Shape::Pattern(r"^[\x21-\x7e]{1,255}$");

/// The least that OWASP recommends for argon2id.
const SAFE_HASHING: PasswordHashing = PasswordHashing {
    memory_kib: 19_456,
    iterations: 2,
};

/// Who may ask, and how they prove it.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `ULTRA_AUTH_ANONYMOUS`.
    pub anonymous: bool,
    /// `ULTRA_AUTH_REGISTRATION`.
    pub registration: Registration,
    /// `ULTRA_AUTH_ISSUER`.
    pub issuer: String,
    /// `ULTRA_AUTH_AUDIENCE`.
    pub audience: String,
    /// `ULTRA_AUTH_ACCESS_TOKEN_TTL`.
    pub access_token_ttl: Duration,
    /// `ULTRA_AUTH_REFRESH_TOKEN_TTL`.
    pub refresh_token_ttl: Duration,
    /// `ULTRA_JWT_KEYS_DIR`.
    pub jwt_keys_dir: PathBuf,
    /// The ring that was found there; none where the service is to make one.
    pub key_ring: Option<Arc<KeyRing>>,
    /// `ULTRA_AUTH_ADMIN_EMAIL` and `ULTRA_AUTH_ADMIN_PASSWORD`.
    pub first_admin: Option<FirstAdmin>,
    /// `ULTRA_AUTH_PASSWORD_MEMORY` and `ULTRA_AUTH_PASSWORD_ITERATIONS`.
    pub password_hashing: PasswordHashing,
    /// `ULTRA_AUTH_TRIES_PER_ACCOUNT`.
    pub tries_per_account: NonZeroU32,
    /// `ULTRA_AUTH_TRIES_PER_ADDRESS`.
    pub tries_per_address: NonZeroU32,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever an admin invites.
    Invite,
    /// Nobody; admins make accounts.
    Closed,
}

/// The admin that a new service begins with.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// `ULTRA_AUTH_ADMIN_EMAIL`.
    pub email: Email,
    /// `ULTRA_AUTH_ADMIN_PASSWORD`.
    pub password: Password,
}

/// What hashing a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHashing {
    /// `ULTRA_AUTH_PASSWORD_MEMORY`.
    pub memory_kib: u32,
    /// `ULTRA_AUTH_PASSWORD_ITERATIONS`.
    pub iterations: u32,
}

impl Auth {
    pub(super) fn read(source: &mut Source, data_dir: Option<&Path>) -> Option<Self> {
        let anonymous = source.switch(&ANONYMOUS);
        if anonymous == Some(true) && source.is_production() {
            source.refused(
                &ANONYMOUS,
                "is refused in production, where a service must not be open to everybody; remove it or write false",
            );
        }
        let registration = source.choice(&REGISTRATION, |text| match text {
            "open" => Some(Registration::Open),
            "invite" => Some(Registration::Invite),
            "closed" => Some(Registration::Closed),
            _ => None,
        });
        let issuer = source.parse(&ISSUER, name_or_url);
        let audience = source.parse(&AUDIENCE, name_or_url);
        let access_token_ttl = source.duration(&ACCESS_TOKEN_TTL);
        let refresh_token_ttl = source.duration(&REFRESH_TOKEN_TTL);
        if let (Some(access), Some(refresh)) = (access_token_ttl, refresh_token_ttl)
            && refresh <= access
        {
            let access = format_duration(access);
            source.invalid(
                &REFRESH_TOKEN_TTL,
                &format!("must exceed ULTRA_AUTH_ACCESS_TOKEN_TTL, which is {access}"),
            );
        }
        let keys = read_keys(source, data_dir);
        let first_admin = FirstAdmin::read(source);
        let password_hashing = PasswordHashing::read(source);
        let tries_per_account = source.number(&TRIES_PER_ACCOUNT).and_then(NonZeroU32::new);
        let tries_per_address = source.number(&TRIES_PER_ADDRESS).and_then(NonZeroU32::new);
        let (jwt_keys_dir, key_ring) = keys?;
        Some(Self {
            anonymous: anonymous?,
            registration: registration?,
            issuer: issuer?,
            audience: audience?,
            access_token_ttl: access_token_ttl?,
            refresh_token_ttl: refresh_token_ttl?,
            jwt_keys_dir,
            key_ring,
            first_admin,
            password_hashing: password_hashing?,
            tries_per_account: tries_per_account?,
            tries_per_address: tries_per_address?,
        })
    }

    /// A stranger never spends the owner's money: without a credential, real providers answer this machine only.
    pub(super) fn check_against_listener(&self, mode: Mode, http: &Http, source: &mut Source) {
        // Production has refused it already.
        if source.is_production() {
            return;
        }
        if self.anonymous && mode == Mode::Real && !http.listen.ip().is_loopback() {
            source.invalid(
                &ANONYMOUS,
                &format!(
                    "would let whoever reaches {} spend money on real providers; set ULTRA_LISTEN to a loopback \
                     address, or write false",
                    http.listen
                ),
            );
        }
    }
}

fn name_or_url(text: &str) -> Result<String, &'static str> {
    if text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("is no name; write up to 255 printable ASCII characters without spaces")
    }
}

/// The folder with the key ring, which is read as the service will read it: a ring that cannot be used is a mistake
/// like any other.
fn read_keys(source: &mut Source, data_dir: Option<&Path>) -> Option<(PathBuf, Option<Arc<KeyRing>>)> {
    let dir = if source.is_set(&JWT_KEYS_DIR) {
        source.parse(&JWT_KEYS_DIR, |text| Ok::<_, Infallible>(PathBuf::from(text)))?
    } else {
        let made = data_dir?.join("jwt");
        source.derive(&JWT_KEYS_DIR, &made.display());
        // Production says where its keys are.
        if source.is_production() {
            return Some((made, None));
        }
        made
    };
    match ring_in(&dir, source.profile()) {
        Ok(ring) => Some((dir, ring.map(Arc::new))),
        Err(RingError::Refused(problem)) => {
            source.refused(&JWT_KEYS_DIR, &problem);
            None
        }
        Err(RingError::Invalid(problem)) => {
            source.invalid(&JWT_KEYS_DIR, &problem);
            None
        }
    }
}

/// Why a key ring cannot be used.
enum RingError {
    /// Another profile would take it.
    Refused(String),
    Invalid(String),
}

/// The ring that the service can begin with. `None`: nothing is there, and it makes a key; in production it does not.
fn ring_in(dir: &Path, profile: Profile) -> Result<Option<KeyRing>, RingError> {
    let may_be_made = profile != Profile::Production;
    match std::fs::read_dir(dir) {
        Ok(_) => {}
        Err(error) if may_be_made && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RingError::Invalid(format!("cannot be read as a folder: {error}"))),
    }
    let error = match KeyRing::load(dir, Rules::of(profile)) {
        Ok(ring) => return Ok(Some(ring)),
        Err(error) => error,
    };
    let problem = format!("is no key ring: {error}");
    match error {
        KeyRingError::NoSigningKey { .. } if may_be_made && !KeyRing::is_there(dir) => Ok(None),
        KeyRingError::Key {
            fault: KeyFault::Known | KeyFault::HmacNotAllowed,
            ..
        } => Err(RingError::Refused(problem)),
        _ => Err(RingError::Invalid(problem)),
    }
}

impl FirstAdmin {
    fn read(source: &mut Source) -> Option<Self> {
        let email = source.parse(&ADMIN_EMAIL, str::parse::<Email>);
        let password = source.parse(&ADMIN_PASSWORD, |text| Password::parse(SecretString::from(text)));
        for (one, other) in [(&ADMIN_EMAIL, &ADMIN_PASSWORD), (&ADMIN_PASSWORD, &ADMIN_EMAIL)] {
            if source.is_set(one) && !source.is_set(other) {
                source.invalid(
                    one,
                    &format!("is set without {}; set both or neither", other.name),
                );
            }
        }
        source.refuse_example(&ADMIN_PASSWORD);
        Some(Self {
            email: email?,
            password: password?,
        })
    }
}

impl PasswordHashing {
    fn read(source: &mut Source) -> Option<Self> {
        let memory_kib = source.number(&PASSWORD_MEMORY);
        let iterations = source.number(&PASSWORD_ITERATIONS);
        if source.is_production() {
            const WEAK: &str = "makes passwords cheap to guess, which production refuses";
            if memory_kib.is_some_and(|given: u32| given < SAFE_HASHING.memory_kib) {
                source.refused(
                    &PASSWORD_MEMORY,
                    &format!("{WEAK}; write {} or more", SAFE_HASHING.memory_kib),
                );
            }
            if iterations.is_some_and(|given: u32| given < SAFE_HASHING.iterations) {
                source.refused(
                    &PASSWORD_ITERATIONS,
                    &format!("{WEAK}; write {} or more", SAFE_HASHING.iterations),
                );
            }
        }
        Some(Self {
            memory_kib: memory_kib?,
            iterations: iterations?,
        })
    }
}
