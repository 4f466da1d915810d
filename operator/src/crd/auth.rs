//! Who may use an Ultra, and how long what they get is valid.

use kube::{KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens and accounts. The keys are the operator's: Secret `<name>-jwt`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(has(self.refreshTokenTTL) ? self.refreshTokenTTL : '720h') > duration(has(self.accessTokenTTL) ? self.accessTokenTTL : '15m')")
    .message("auth.refreshTokenTTL: write a longer duration than auth.accessTokenTTL, or nobody could stay logged in; without a value they are 720h and 15m"))]
pub struct Auth {
    /// How long an access token is valid, such as 15m. Default: 15m.
    #[serde(default, rename = "accessTokenTTL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')")
        .message("auth.accessTokenTTL: write a duration from 1s to 24h, such as 15m"))]
    pub access_token_ttl: Option<Duration>,

    /// How long a session lives without being used, such as 720h. Default: 720h.
    #[serde(default, rename = "refreshTokenTTL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('2s') && duration(self) <= duration('8784h')")
        .message("auth.refreshTokenTTL: write a duration from 2s to 8784h, such as 720h"))]
    pub refresh_token_ttl: Option<Duration>,

    /// Who may make an account. Default: closed, in development open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,

    /// Who signs access tokens: their claim `iss`. Default: ultra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^[!-~]+$')")
        .message("auth.issuer: write a name or a URL without spaces, such as https://ultra.example.com"))]
    pub issuer: Option<String>,

    /// Whom access tokens are for: their claim `aud`. Default: ultra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^[!-~]+$')")
        .message("auth.audience: write a name or a URL without spaces, such as https://ultra.example.com"))]
    pub audience: Option<String>,

    /// The Secret of the first admin, who is made at the start if there is no such account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_secret_ref: Option<AdminSecretRef>,
}

/// Who may make an account. Default: closed, in development open.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever an admin invites.
    Invite,
    /// Nobody; admins make accounts.
    Closed,
}

impl Registration {
    /// The word that the service uses for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// A Secret in the resource's own namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AdminSecretRef {
    /// The Secret's name. It holds the keys `email` and `password`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
