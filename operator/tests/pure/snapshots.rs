use super::fixtures::fixtures;
use ultra_operator::cli::print;

#[test]
fn every_child_of_every_fixture_is_as_it_was_reviewed() {
    for fixture in fixtures() {
        let mut text = Vec::new();
        match fixture.validated() {
            Ok(_) => print::yaml(&fixture.children(), &mut text).unwrap(),
            Err(invalid) => text.extend(format!("{}: {invalid}\n", invalid.reason()).bytes()),
        }
        let text = String::from_utf8(text).unwrap();
        insta::with_settings!({ description => fixture.text.clone(), omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(fixture.name.clone(), text);
        });
    }
}

#[test]
fn a_plan_of_one_spec_is_always_the_same() {
    for fixture in fixtures().iter().filter(|fixture| fixture.validated().is_ok()) {
        assert_eq!(fixture.children(), fixture.children(), "{}", fixture.name);
    }
}
