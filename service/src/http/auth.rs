//! Accounts and sessions of people.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::IntoResponse,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    Api, Problem,
    authentication::{LoggedIn, REALM},
    body::JsonBody,
    client_address::ClientAddress,
    problem::ProblemBody,
};
use crate::{
    auth::{self, AccountError, TokenError, TokenPair},
    domain::{Email, Password, Role, TierName, UserId},
    store::User,
};

/// RFC 6749, section 5.1: no cache may keep a token.
const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The address that logs in.
    email: Email,
    /// At least 12 characters.
    #[schema(value_type = String, min_length = 12, format = Password)]
    password: Password,
    /// The invitation, where registration needs one.
    #[serde(default)]
    invite: Option<String>,
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    email: Email,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A refresh token that is traded in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    #[schema(value_type = String, format = Password)]
    refresh_token: SecretString,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// At least 12 characters.
    #[schema(value_type = String, min_length = 12, format = Password)]
    new_password: Password,
    /// Whether all of the account's API keys end, too: say so if somebody else may know the old password, and may have
    /// made keys with it.
    #[serde(default)]
    end_api_keys: bool,
}

/// The word that an account is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Erasure {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Tokens, in the shape of RFC 6749, section 5.1.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// Goes into the header `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How many seconds the access token can be used.
    expires_in: i64,
    /// Can be traded once for the next tokens.
    refresh_token: String,
    /// How many seconds the refresh token can be used.
    refresh_expires_in: i64,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountBody {
    id: UserId,
    email: Email,
    role: Role,
    /// How much it may use.
    tier: TierName,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    /// Since when it is shut out, if it is.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<OffsetDateTime>,
}

impl From<User> for AccountBody {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            role,
            tier,
            created_at,
            disabled_at,
            password_hash: _,
        } = user;
        Self {
            id,
            email,
            role,
            tier,
            created_at,
            disabled_at,
        }
    }
}

impl From<TokenPair> for Tokens {
    fn from(pair: TokenPair) -> Self {
        let now = OffsetDateTime::now_utc();
        let TokenPair {
            access_token,
            expires_at,
            refresh_token,
            refresh_expires_at,
        } = pair;
        Self {
            access_token: access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            // Rounded down, so that nobody counts on a token longer than it lasts.
            expires_in: (expires_at - now).whole_seconds(),
            refresh_token: refresh_token.expose_secret().to_owned(),
            refresh_expires_in: (refresh_expires_at - now).whole_seconds(),
        }
    }
}

/// Make an account.
///
/// The answer is the same whether or not the address has an account already. As long as nothing is sent to the address,
/// whoever registers one can still find out, by logging in with the password that was chosen: where that matters, let
/// people register by invitation only, which a try uses up, or not at all.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    tag = "auth",
    request_body = Registration,
    responses(
        (status = 202, description = "If the address was free, it can log in now."),
        (status = 403, description = "Registration is closed, or needs an invitation.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The address has tried too often.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn register(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    JsonBody(request): JsonBody<Registration>,
) -> Result<StatusCode, Problem> {
    let Registration {
        email,
        password,
        invite,
    } = request;
    api.accounts
        .register(email, &password, invite.as_deref(), address)
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// Log in.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    tag = "auth",
    request_body = Login,
    responses(
        (status = 200, description = "Tokens of a new session.", body = Tokens),
        (status = 401, description = "The address or the password is wrong.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The account or the address was tried too often.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn login(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    JsonBody(Login { email, password }): JsonBody<Login>,
) -> Result<impl IntoResponse, Problem> {
    let pair = api.accounts.log_in(&email, password, address).await?;
    Ok((NO_STORE, Json(Tokens::from(pair))))
}

/// Trade a refresh token for new tokens.
///
/// A refresh token can be used once. One that is used again ends its whole session: somebody has stolen it. That goes for
/// a client, too, whose answer was lost on the way and who asks again: it logs in anew.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    tag = "auth",
    request_body = Refresh,
    responses(
        (status = 200, description = "New tokens of the same session.", body = Tokens),
        (status = 401, description = "The refresh token is not valid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The address has tried too often.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    JsonBody(Refresh { refresh_token }): JsonBody<Refresh>,
) -> Result<impl IntoResponse, Problem> {
    let pair = api.accounts.refresh(refresh_token.expose_secret()).await?;
    Ok((NO_STORE, Json(Tokens::from(pair))))
}

/// Log out: end the session of the access token, within a second on every replica.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    tag = "auth",
    responses(
        (status = 204, description = "The session has ended."),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn logout(State(api): State<Api>, caller: LoggedIn) -> Result<StatusCode, Problem> {
    api.accounts.log_out(caller.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read one's own account.
#[utoipa::path(
    get,
    path = "/api/v1/auth/me",
    tag = "auth",
    responses(
        (status = 200, description = "The account.", body = AccountBody),
        (status = 404, description = "It is gone.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn me(State(api): State<Api>, caller: LoggedIn) -> Result<Json<AccountBody>, Problem> {
    Ok(Json(api.accounts.me(caller.user).await?.into()))
}

/// Change one's password.
///
/// All sessions end, this one too. API keys go on, because programs use them that know no password; `end_api_keys` ends
/// them as well.
#[utoipa::path(
    put,
    path = "/api/v1/auth/password",
    tag = "auth",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "It is changed; log in with it."),
        (status = 429, description = "The account or the address was tried too often.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn change_password(
    State(api): State<Api>,
    caller: LoggedIn,
    ClientAddress(address): ClientAddress,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let PasswordChange {
        current_password,
        new_password,
        end_api_keys,
    } = change;
    api.accounts
        .change_password(
            caller.user,
            current_password,
            &new_password,
            end_api_keys,
            address,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Erase one's own account, with its analyses, keys and sessions. The only admin who can log in stays.
#[utoipa::path(
    post,
    path = "/api/v1/auth/me/erasure",
    tag = "auth",
    request_body = Erasure,
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It is the only admin who can log in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The account or the address was tried too often.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn erase(
    State(api): State<Api>,
    caller: LoggedIn,
    ClientAddress(address): ClientAddress,
    JsonBody(Erasure { password }): JsonBody<Erasure>,
) -> Result<StatusCode, Problem> {
    api.accounts.leave(caller.user, password, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The keys that access tokens are verified with, as a JSON Web Key Set (RFC 7517).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "auth",
    responses((status = 200, description = "The keys.", body = auth::Jwks)),
)]
pub(super) async fn jwks(State(api): State<Api>) -> impl IntoResponse {
    const CACHE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=60")];
    (CACHE, Json(api.tokens.jwks(OffsetDateTime::now_utc())))
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            AccountError::Throttled(throttled) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", detail)
                    .retry_after(throttled.retry_after.as_secs())
            }
            AccountError::WrongCredentials => {
                Self::new(StatusCode::UNAUTHORIZED, "wrong-credentials", detail).challenge(REALM.to_owned())
            }
            AccountError::InvalidRefreshToken => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid-refresh-token", detail)
                    .challenge(REALM.to_owned())
            }
            AccountError::RegistrationClosed => {
                Self::new(StatusCode::FORBIDDEN, "registration-closed", detail)
            }
            AccountError::InvalidInvite => Self::new(StatusCode::FORBIDDEN, "invalid-invite", detail),
            AccountError::NoSuchUser => Self::not_found(detail),
            AccountError::OwnRights => Self::new(StatusCode::CONFLICT, "own-rights", detail),
            AccountError::LastAdmin => Self::new(StatusCode::CONFLICT, "last-admin", detail),
            AccountError::Busy => Self::unavailable("busy", detail),
            AccountError::Token(TokenError::NoSigningKey) => {
                tracing::error!(%error, "nobody can log in");
                Self::unavailable(
                    "no-signing-key",
                    "No key of the ring signs at this moment; try again later.",
                )
            }
            AccountError::Store(error) => error.into(),
            AccountError::Hash(_) | AccountError::Token(_) => {
                tracing::error!(%error, "an account's request failed");
                Self::internal()
            }
        }
    }
}

/// An error message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}
