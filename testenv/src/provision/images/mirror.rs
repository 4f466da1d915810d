//! Where this machine's own apt gets Debian packages from: image recipes name suites, never hosts.

use std::fs;
use std::path::{Path, PathBuf};

/// A Debian archive that this machine already trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    uri: String,
    signed_by: Option<String>,
}

impl Mirror {
    /// The first archive among apt's sources that carries one of Debian's own suites.
    pub(crate) fn of_this_machine() -> Option<Self> {
        source_files(Path::new("/etc/apt"))
            .iter()
            .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)))
            .find_map(|(path, text)| match path.extension()?.to_str()? {
                "sources" => from_deb822(&text),
                _ => from_one_line_style(&text),
            })
    }

    /// The same archive's entry for another suite, in the deb822 format.
    pub(crate) fn sources_for(&self, suite: &str) -> String {
        let signed_by = match &self.signed_by {
            Some(keyring) => format!("Signed-By: {keyring}\n"),
            None => String::new(),
        };
        format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{signed_by}",
            self.uri
        )
    }
}

const SUITES: [&str; 5] = ["bookworm", "trixie", "forky", "stable", "testing"];

fn source_files(apt: &Path) -> Vec<PathBuf> {
    let mut files = vec![apt.join("sources.list")];
    let listed = fs::read_dir(apt.join("sources.list.d"));
    let mut parts: Vec<_> = listed
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    parts.sort();
    files.append(&mut parts);
    files
}

fn from_deb822(text: &str) -> Option<Mirror> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let disabled = field("Enabled").is_some_and(|value| value == "no");
        let has = |name: &str, wanted: &[&str]| {
            field(name).is_some_and(|value| value.split_whitespace().any(|word| wanted.contains(&word)))
        };
        (!disabled && has("Types", &["deb"]) && has("Suites", &SUITES) && has("Components", &["main"])).then(
            || Mirror {
                uri: field("URIs")
                    .unwrap_or_default()
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                signed_by: field("Signed-By").filter(|value| value.starts_with('/')),
            },
        )
    })
}

fn from_one_line_style(text: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        (SUITES.contains(&suite) && words.any(|component| component == "main")).then(|| Mirror {
            uri: uri.to_owned(),
            signed_by: options
                .split_whitespace()
                .find_map(|option| option.strip_prefix("signed-by="))
                .map(str::to_owned),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_archive_with_a_suite_of_debian_is_taken_from_deb822_sources() {
        let text = "# vendor\nTypes: deb\nURIs: http://vendor/x\nSuites: nodistro\nComponents: main\n\n\
                    Types: deb\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian.gpg\n";
        let mirror = from_deb822(text).unwrap();
        assert_eq!(
            mirror.sources_for("trixie"),
            "Types: deb\nURIs: http://mirror/debian\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian.gpg\n"
        );
    }

    #[test]
    fn a_disabled_archive_is_passed_over() {
        let text =
            "Enabled: no\nTypes: deb\nURIs: http://mirror/debian\nSuites: bookworm\nComponents: main\n";
        assert_eq!(from_deb822(text), None);
    }

    #[test]
    fn one_line_sources_are_read_with_their_options() {
        let text = "# deb http://old/debian trixie main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main contrib\n";
        let mirror = from_one_line_style(text).unwrap();
        assert_eq!(
            mirror,
            Mirror {
                uri: "http://mirror/debian".to_owned(),
                signed_by: Some("/k.gpg".to_owned())
            }
        );
    }

    #[test]
    fn an_archive_of_another_distribution_is_not_taken_for_debian() {
        assert_eq!(
            from_one_line_style("deb http://archive/ubuntu noble main\n"),
            None
        );
    }
}
