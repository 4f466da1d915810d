//! A canary stands in every secret, and no output may hold it.

use super::*;

const CANARY: &str = "kq7wCANARYzz31";

/// Values for a secret variable that hold the canary: right ones, and mistakes that people make.
fn values(variable: &Variable) -> Vec<String> {
    let mut values = vec![
        CANARY.to_owned(),
        format!("{CANARY}://x"),
        format!("https://u:{CANARY}@h?{CANARY}#{CANARY}"),
        format!(" {CANARY}\n{CANARY} "),
        format!("{CANARY}:{CANARY}"),
        format!("k1:{CANARY}"),
        format!("k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,{CANARY}:AAAA"),
        // 32 bytes that hold the canary, and its text in base64.
        "k1:kq7wCANARYzz31kq7wCANARYzz31kq7wCANARYzz31AA=".replace("AA=", "A="),
        format!("{CANARY}\u{fffd}"),
    ];
    if let Shape::Url(schemes) = variable.shape {
        for scheme in schemes {
            for rest in [
                "u:CANARY@db.example.com/x",
                "CANARY@db.example.com/x",
                "u:CANARY/x@db.example.com/x",
                "u:CANARY?x@db.example.com/x",
                "u:CANARY#x@db.example.com/x",
                "u:p@db.example.com:CANARY/x",
                "u:p@db.example.com/CANARY",
                "u:p@db.example.com/x?CANARY",
                "u:p@db.example.com/x?sslmode=CANARY",
                "u:p@db.example.com/x?password=CANARY",
                "u:p@db.example.com/x#CANARY",
                "db.example.com",
            ] {
                values.push(format!("{scheme}://{}", rest.replace("CANARY", CANARY)));
            }
        }
    }
    values
}

fn outputs(vars: &[(&str, &str)], dotenv: Option<&Path>) -> String {
    let result = Config::load(owned(vars), dotenv);
    let shown = show(owned(vars), dotenv);
    let errors = match &result {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    };
    format!("{result:?}\n{result:#?}\n{shown:?}\n{errors}")
}

/// In whatever case: a URL's scheme and host come back in small letters.
fn sings(outputs: &str) -> bool {
    outputs
        .to_ascii_lowercase()
        .contains(&CANARY.to_ascii_lowercase())
}

#[test]
fn no_output_holds_a_secret() {
    for variable in VARIABLES.iter().filter(|variable| variable.secret) {
        for value in values(variable) {
            let in_file = file_with(&value);
            let in_dotenv = file_with(&format!("{}={value}\n", variable.name));
            let quoted = file_with(&format!("{}='{value}'\n", variable.name));
            let file_variable = variable.file_variable().unwrap();
            let email = ("ULTRA_AUTH_ADMIN_EMAIL", "admin@example.com");
            for base in [vec![email], [production(), vec![email]].concat()] {
                for (given, dotenv) in [
                    (Some((variable.name, value.as_str())), None),
                    // The secret itself, where the path of its file belongs.
                    (Some((file_variable.as_str(), value.as_str())), None),
                    (
                        Some((file_variable.as_str(), in_file.path().to_str().unwrap())),
                        None,
                    ),
                    (None, Some(in_dotenv.path())),
                    (None, Some(quoted.path())),
                ] {
                    let mut vars = base.clone();
                    if let Some(given) = given {
                        vars.retain(|(name, _)| *name != variable.name);
                        vars.push(given);
                    }
                    let outputs = outputs(&vars, dotenv);
                    assert!(!sings(&outputs), "{}={value:?}\n{outputs}", variable.name);
                }
            }
        }
    }
}

#[test]
fn no_output_holds_a_secret_that_the_file_points_to() {
    let key = file_with(&format!("{CANARY}\n"));
    let path = key.path().to_str().unwrap();
    for line in [
        format!("apiKeyFile: {path}"),
        format!("apiKeyFile: {CANARY}"),
        "apiKeyVariable: MY_KEY".to_owned(),
        format!("apiKeyVariable: {CANARY}"),
        format!("apiKey: {CANARY}"),
        format!("baseUrl: 'https://u:{CANARY}@h'"),
        format!("baseUrl: 'https://h/?key={CANARY}'"),
    ] {
        let file = file_with(&format!(
            "providers:\n  - name: vllm\n    kind: openai\n    {line}\n"
        ));
        let given = [
            ("ULTRA_CONFIG_FILE", file.path().to_str().unwrap()),
            ("MY_KEY", CANARY),
        ];
        for base in [Vec::new(), production()] {
            let vars = [base, given.to_vec()].concat();
            let outputs = outputs(&vars, None);
            assert!(!sings(&outputs), "{line}\n{outputs}");
        }
    }
}

#[test]
fn a_misspelt_variable_does_not_show_its_value() {
    let outputs = outputs(&[("ULTRA_MASTER_KEYS", CANARY)], None);
    assert!(
        outputs.contains("did you mean ULTRA_MASTER_KEY?") && !sings(&outputs),
        "{outputs}"
    );
}
