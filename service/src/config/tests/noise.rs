//! Whatever is given, the parsers answer and do not panic.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn names() -> Vec<String> {
    let known = VARIABLES.iter().flat_map(|variable| {
        let file = variable.file_variable();
        [Some(variable.name.to_owned()), file]
    });
    known
        .flatten()
        .chain(["ULTRA_X".to_owned(), "HOME".to_owned()])
        .collect()
}

/// Text that comes close to being right.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z]{0,9}://[^\\x00]{0,20}@?[a-z.:/?#=%\\[\\]]{0,20}",
        "-?[0-9.]{0,25}(ns|us|ms|s|m|h|d)?",
        "[a-z0-9]{0,3}:[A-Za-z0-9+/=,:]{0,90}",
        "[0-9a-f.:/,* ]{0,40}",
        select(VARIABLES).prop_map(|variable| variable.example.to_owned()),
    ]
}

fn yaml() -> impl Strategy<Value = String> {
    let line = (
        select(vec!["", "  ", "  - ", "    "]),
        select(vec![
            "panel",
            "models",
            "deadline",
            "providers",
            "name",
            "kind",
            "tiers",
            "free",
            "prices",
            "a/b",
            "x",
            "?",
        ]),
        prop_oneof![any::<String>(), "[\\[\\]{},'\"&*!|>%@`a-z0-9/ .:#-]{0,20}"],
    );
    vec(line, 0..8).prop_map(|lines| {
        let lines = lines
            .into_iter()
            .map(|(indent, key, value)| format!("{indent}{key}: {value}\n"));
        lines.collect()
    })
}

proptest! {
    #[test]
    fn any_environment_is_answered(vars in vec((select(names()), value()), 0..12)) {
        let _ = Config::from_env(vars.clone());
        let _ = show(vars, None);
    }

    #[test]
    fn any_dotenv_is_answered(text in any::<String>(), vars in vec((select(names()), value()), 0..6)) {
        let lines: String = vars.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        for text in [text, lines] {
            let file = file_with(&text);
            let _ = Config::load(owned(&[]), Some(file.path()));
        }
    }

    #[test]
    fn any_file_is_answered(text in yaml()) {
        let file = file_with(&text);
        let path = file.path().to_str().unwrap();
        if let Err(errors) = parse(&[("ULTRA_CONFIG_FILE", path)]) {
            prop_assert!(errors.iter().next().is_some());
        }
    }
}
