//! `docs/compatibility.md` speaks of every scenario, and the tests that it names are there.

use std::fs;
use std::path::{Path, PathBuf};

const SCENARIOS: u32 = 151;

#[test]
fn every_scenario_has_its_line() {
    let page = page();
    let numbers: Vec<u32> = page
        .lines()
        .filter_map(|line| line.split_once(". ")?.0.parse().ok())
        .collect();

    assert_eq!(numbers, (1..=SCENARIOS).collect::<Vec<_>>());
}

#[test]
fn every_test_that_is_named_is_there() {
    let page = page();
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::"))
        .collect();

    assert!(named.len() > 50, "names are `file::test`: {named:?}");
    for name in named {
        let (file, test) = name.split_once("::").unwrap();
        let source = root().join("ext/thrust/tests").join(file).with_extension("rs");
        let source = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(source.contains(&format!("fn {test}(")), "{name} is not there");
    }
}

fn page() -> String {
    fs::read_to_string(root().join("docs/compatibility.md")).expect("the page is in the repository")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
