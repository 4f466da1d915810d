use std::path::PathBuf;

use serde::Deserialize;

use super::{Default, Panel, Variable, panel::PanelFile, source::Source};

pub(super) const CONFIG_FILE: Variable = Variable {
    name: "ULTRA_CONFIG_FILE",
    concern: "general",
    secret: false,
    default: Default::Unset("the built-in panel"),
    example: "/etc/ultra/config.yaml",
    description: "A YAML file with what a variable cannot hold well: the panel.",
};

pub(super) const DATA_DIR: Variable = Variable {
    name: "ULTRA_DATA_DIR",
    concern: "general",
    secret: false,
    default: Default::Value("data"),
    example: "/var/lib/ultra",
    description: "The folder for what the service keeps by itself, such as the embedded database.",
};

/// The whole file.
#[derive(Debug, std::default::Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    panel: PanelFile,
}

pub(super) fn read_data_dir(source: &mut Source) -> Option<PathBuf> {
    source.text(&DATA_DIR).map(PathBuf::from)
}

/// The panel from the file, or the built-in one where no file is named.
pub(super) fn read(source: &mut Source) -> Option<Panel> {
    if !source.is_set(&CONFIG_FILE) {
        return Some(Panel::from(PanelFile::default()));
    }
    let file = source.parse(&CONFIG_FILE, |path| {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        parse(&text)
    })?;
    let panel = Panel::from(file.panel);
    for problem in panel.problems() {
        source.invalid(&CONFIG_FILE, &problem);
    }
    Some(panel)
}

fn parse(text: &str) -> Result<ConfigFile, String> {
    // An empty document is `null` in YAML; it sets nothing, which is allowed.
    match serde_yaml::from_str::<Option<ConfigFile>>(text) {
        Ok(file) => Ok(file.unwrap_or_default()),
        Err(error) => Err(format!("is wrong: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_the_file_name_line_and_column() {
        let unknown = parse("panel:\n  minModel: 2\n").unwrap_err();
        assert!(
            unknown.contains("minModel") && unknown.contains("line 2 column 3"),
            "{unknown}"
        );
        let duration = parse("panel:\n  minModels: 2\n  deadline: 5 minutes\n").unwrap_err();
        assert!(duration.contains("line 3 column 13"), "{duration}");
        let model = parse("panel:\n  models: [analyst]\n").unwrap_err();
        assert!(
            model.contains("provider/model") && model.contains("line 2"),
            "{model}"
        );
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        for text in ["", "# nothing\n", "panel: {}\n"] {
            assert_eq!(
                Panel::from(parse(text).unwrap().panel),
                Panel::from(PanelFile::default())
            );
        }
    }
}
