//! `ultra-service users`: accounts, made by the owner of the service.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use ultra_service::{
    auth::{Passwords, create_account},
    config::{Config, Migrate},
    domain::{Email, Password, Role},
    store,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make an account, with a password from standard input or a file.
    Create {
        /// The address that logs in.
        email: Email,
        /// An admin.
        #[arg(long)]
        admin: bool,
        /// A file that holds the password.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

pub(super) async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let Command::Create {
        email,
        admin,
        password_file,
    } = command;
    let password = password(password_file)?;
    let store = store::open(&config.database).await?;
    if config.database.migrate == Migrate::Auto {
        store.migrate().await?;
    }
    let role = if admin { Role::Admin } else { Role::User };
    let passwords = Passwords::new(&config.auth.password_hashing)?;
    let made = create_account(&*store, &passwords, email.clone(), &password, role).await;
    store.close().await;
    match made? {
        Some(id) => Ok(writeln!(std::io::stdout(), "made the {role} {id}")?),
        None => bail!("{} has an account already", email.as_str()),
    }
}

/// From the file, or the first line of standard input, so that it stands in no list of processes.
fn password(file: Option<PathBuf>) -> anyhow::Result<Password> {
    let text = match file {
        Some(file) => {
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => {
            if std::io::stdin().is_terminal() {
                write!(std::io::stderr(), "password (it shows while you type): ")?;
            }
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line
        }
    };
    let text = SecretString::from(text.trim_end_matches(['\r', '\n']));
    Ok(Password::parse(text)?)
}
