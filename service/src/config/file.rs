use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Default, Error, Kind, MockModel, Mode, Panel, Price, Production, Provider, Shape, Tier, Variable,
    fallbacks, mock,
    offered::Offered,
    panel::PanelFile,
    providers,
    providers::ProviderFile,
    redact, schema,
    source::{Source, Unreadable, read_text},
    tiers,
    tiers::TierFile,
    yaml::{self, Problem},
};
use crate::domain::ModelId;

/// Far more than any such file needs.
const MAX_BYTES: u64 = 1024 * 1024;

pub(super) const CONFIG_FILE: Variable = Variable {
    name: "ULTRA_CONFIG_FILE",
    concern: "general",
    secret: false,
    shape: Shape::Path,
    default: Default::Unset("the built-in panel and tiers"),
    production: Production::AsElsewhere,
    example: "/etc/ultra/config.yaml",
    description: "A YAML file with what a variable cannot hold well: the panel, providers, tiers and prices.",
};

pub(super) const DATA_DIR: Variable = Variable {
    name: "ULTRA_DATA_DIR",
    concern: "general",
    secret: false,
    shape: Shape::Path,
    default: Default::Value("data"),
    production: Production::AsElsewhere,
    example: "/var/lib/ultra",
    description: "The folder for what the service keeps by itself, such as the embedded database.",
};

/// What a variable cannot hold well. Everything is optional.
#[derive(Debug, std::default::Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "keys such as panel and providers"
)]
#[schemars(title = "ULTRA_CONFIG_FILE")]
pub(super) struct ConfigFile {
    panel: PanelFile,
    /// Who runs models. OpenAI, Anthropic and Google need no entry here where variables hold their keys.
    providers: Vec<ProviderFile>,
    /// How stand-ins behave, by their full names, which may be new ones.
    #[schemars(with = "BTreeMap<String, MockModel>")]
    mock: BTreeMap<ModelId, MockModel>,
    /// Who is asked where a model cannot answer, in this order, by the model's full name; for requests to one model, not
    /// for panels.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    fallbacks: BTreeMap<ModelId, Vec<ModelId>>,
    /// How much accounts may use, by the tier's name. Built in are free, basic, premium and enterprise.
    tiers: BTreeMap<String, TierFile>,
    /// What models cost, by the model's full name.
    #[schemars(with = "BTreeMap<String, Price>")]
    prices: BTreeMap<ModelId, Price>,
}

/// What the file holds, completed.
pub(super) struct File {
    pub(super) panel: Panel,
    pub(super) providers: Vec<Provider>,
    pub(super) mock: BTreeMap<ModelId, MockModel>,
    pub(super) fallbacks: BTreeMap<ModelId, Vec<ModelId>>,
    pub(super) tiers: BTreeMap<String, Tier>,
    pub(super) prices: BTreeMap<ModelId, Price>,
}

pub(super) fn read_data_dir(source: &mut Source) -> Option<PathBuf> {
    source.text(&DATA_DIR).map(PathBuf::from)
}

/// The text of the file that the variable names.
pub(super) fn text_of(path: &str) -> Result<String, Unreadable> {
    read_text(Path::new(path), MAX_BYTES)
}

/// What the file says, over what is built in.
pub(super) fn read(source: &mut Source, mode: Mode) -> Option<File> {
    let given = source.is_set(&CONFIG_FILE);
    let text = source.parse(&CONFIG_FILE, |path| {
        text_of(path).map_err(|unreadable| match unreadable {
            Unreadable::TooLarge => format!("is larger than {MAX_BYTES} bytes, so that it is no such file"),
            other => other.to_string(),
        })
    });
    let text = match text {
        Some(text) => text,
        None if given => return None,
        None => String::new(),
    };
    let file = yaml::parse::<ConfigFile>(&text)
        .map_err(|problems| refuse(&problems, &text, source))
        .ok();
    let is_read = file.is_some();
    let file = file.unwrap_or_default();
    let panel = Panel::from(file.panel);
    let (providers, mut problems) = providers::read(file.providers, source);
    let offered = Offered {
        mode,
        providers: &providers,
        scripted: &file.mock,
    };
    problems.extend(panel.problems(&offered));
    problems.extend(mock::problems(&file.mock));
    problems.extend(fallbacks::problems(&file.fallbacks, &offered));
    let (tiers, wrong) = tiers::read(file.tiers);
    problems.extend(wrong);
    refuse(&problems, &text, source);
    is_read.then_some(File {
        panel,
        providers,
        mock: file.mock,
        fallbacks: file.fallbacks,
        tiers,
        prices: file.prices,
    })
}

/// In the order of the file, which is how somebody corrects it.
fn refuse(problems: &[Problem], text: &str, source: &mut Source) {
    let path = source.given(&CONFIG_FILE).map(redact::shown);
    let mut placed: Vec<_> = problems
        .iter()
        .map(|problem| (problem.place(text), problem))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    for (place, problem) in placed {
        let field = problem.path.field().filter(|_| !problem.of_key);
        source.push(Error {
            name: CONFIG_FILE.name.to_owned(),
            kind: if problem.of_key {
                Kind::Unknown
            } else {
                Kind::Invalid
            },
            value: path.clone(),
            place: place.map(|place| place.to_string()),
            problem: format!("{} {}", problem.path, problem.text)
                .trim_start()
                .to_owned(),
            example: field.and_then(schema::file_example),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = yaml::parse::<ConfigFile>(text).err().unwrap_or_default();
        let told = |problem: &Problem| {
            let place = problem
                .place(text)
                .map_or_else(String::new, |place| place.to_string());
            format!("{place}: {} {}", problem.path, problem.text)
        };
        problems.iter().map(told).collect()
    }

    #[test]
    fn all_mistakes_in_the_file_are_told_with_line_and_column() {
        let text = include_str!("tests/mistakes.yaml");
        insta::assert_snapshot!(problems(text).join("\n"));
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        for (text, place) in [
            ("panel: [\n", "line 2 column 1: "),
            ("panel: {}\npanel: {}\n", "line 1 column 1: "),
            ("panel:\n\tmodels: []\n", "line 2 column 1: "),
        ] {
            let problems = problems(text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(place),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        for text in ["", "# nothing\n", "panel: {}\n", "tiers: {}\nproviders: []\n"] {
            let file = yaml::parse::<ConfigFile>(text).unwrap();
            assert_eq!(Panel::from(file.panel), Panel::from(PanelFile::default()));
        }
    }
}
