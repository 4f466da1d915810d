//! The `.env` file: a layer below the environment, for development and testing.

use std::{io, path::Path};

use super::{
    Error, Kind, Profile, VARIABLES,
    profile::PROFILE,
    redact,
    source::{Source, Unreadable, read_text},
};

const MAX_BYTES: u64 = 1024 * 1024;

/// Adds what the file says, if there is one. Production reads none: what it runs with must not depend on a file that
/// happens to lie in a folder.
pub(super) fn layer(source: &mut Source, path: &Path) {
    let given = source.is_set(&PROFILE).then(|| source.text(&PROFILE)).flatten();
    if given.as_deref() == Some(Profile::Production.name()) {
        return;
    }
    let text = match read_text(path, MAX_BYTES) {
        Ok(text) => text,
        Err(Unreadable::Io(error)) if error.kind() == io::ErrorKind::NotFound => return,
        Err(Unreadable::TooLarge) => {
            return source.push(wrong(
                path,
                format!("is larger than {MAX_BYTES} bytes; no environment is"),
            ));
        }
        Err(unreadable) => return source.push(wrong(path, unreadable.to_string())),
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

/// A value is what stands there: `$NAME` is no other variable's value, which might be a secret that this variable then
/// shows. Neither of dotenvy's messages is passed on: they quote the line, which may hold a secret.
fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variables: Vec<(String, String)> = Vec::new();
    // dotenvy cannot be told to leave dollars alone, so that it does not get to see them.
    let Some(dollar) = ('\u{e000}'..='\u{f8ff}').find(|stand_in| !text.contains(*stand_in)) else {
        return Err("holds every character that there is".to_owned());
    };
    for entry in dotenvy::from_read_iter(without_dollars(text, dollar).as_bytes()) {
        let (name, value) = entry.map_err(|_| {
            let after = variables.last().map_or_else(
                || "in its first entry".to_owned(),
                |(name, _)| format!("after {}", redact::shown(name)),
            );
            format!("has a line that is no assignment, {after}; put values with spaces, quotes or # in single quotes")
        })?;
        let value = value.replace(dollar, "$");
        if variables.iter().any(|(other, _)| *other == name) {
            return Err(format!("sets {} twice; keep one", redact::shown(&name)));
        }
        variables.push((name, value));
    }
    Ok(variables)
}

/// The text with `stand_in` for every dollar that is not escaped already.
fn without_dollars(text: &str, stand_in: char) -> String {
    let mut escaped = false;
    text.chars()
        .map(|c| {
            let shown = if c == '$' && !escaped { stand_in } else { c };
            escaped = c == '\\' && !escaped;
            shown
        })
        .collect()
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
