//! `ultra-service token`: tokens for tests.

use std::{process::ExitCode, time::Duration};

use secrecy::ExposeSecret as _;
use time::OffsetDateTime;
use ultra_service::{
    auth::mint_test_token,
    domain::{Role, SessionId, UserId, parse_duration},
};

use super::print;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The profile that is to accept it: there is but one.
    #[arg(long, value_parser = ["testing"])]
    profile: String,
    /// Of an admin.
    #[arg(long)]
    admin: bool,
    /// Of this user, a UUID; of a new one where nothing is said.
    #[arg(long)]
    user: Option<UserId>,
    /// How long it is valid.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    ttl: Duration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let user = arguments.user.unwrap_or_else(UserId::generate);
    let role = if arguments.admin { Role::Admin } else { Role::User };
    let now = OffsetDateTime::now_utc();
    let minted = mint_test_token(user, SessionId::generate(), role, arguments.ttl, now)?;
    print(&format!("{}\n", minted.token.expose_secret()))
}
