//! The `.env` file: a layer below the environment, for development and testing.

use std::{io, path::Path};

use super::{Error, Kind, Profile, VARIABLES, profile::PROFILE, redact, source::Source};

/// Adds what the file says, if there is one. Production reads none: what it runs with must not depend on a file that
/// happens to lie in a folder.
pub(super) fn layer(source: &mut Source, path: &Path) {
    let given = source.is_set(&PROFILE).then(|| source.text(&PROFILE)).flatten();
    if given.as_deref() == Some(Profile::Production.name()) {
        return;
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return source.push(wrong(path, format!("cannot be read: {error}"))),
    };
    let variables = match parse(&text) {
        Ok(variables) => variables,
        Err(problem) => return source.push(wrong(path, problem)),
    };
    let profile = variables.iter().find(|(name, _)| name == PROFILE.name);
    if given.is_none() && profile.is_some_and(|(_, value)| value == Profile::Production.name()) {
        source.push(Error {
            name: PROFILE.name.to_owned(),
            kind: Kind::Refused,
            value: Some(Profile::Production.to_string()),
            place: Some("in .env".to_owned()),
            problem: "is refused there: production reads no .env file; set it in the environment".to_owned(),
            example: Some(format!("{}={}", PROFILE.name, Profile::Testing)),
        });
        return;
    }
    source.add_dotenv(variables, VARIABLES);
}

/// Neither of dotenvy's messages is passed on: they quote the line, which may hold a secret.
fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for entry in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = entry.map_err(|_| {
            let after = variables.last().map_or_else(
                || "in its first entry".to_owned(),
                |(name, _)| format!("after {}", redact::shown(name)),
            );
            format!("has a line that is no assignment, {after}; put values with spaces, quotes or # in single quotes")
        })?;
        if variables.iter().any(|(other, _)| *other == name) {
            return Err(format!("sets {} twice; keep one", redact::shown(&name)));
        }
        variables.push((name, value));
    }
    Ok(variables)
}

fn wrong(path: &Path, problem: String) -> Error {
    Error {
        name: path.display().to_string(),
        kind: Kind::Invalid,
        value: None,
        place: None,
        problem,
        example: Some("ULTRA_LOG_FORMAT='json'".to_owned()),
    }
}
