//! The table of behaviours names tests that are there.

use std::{fs, path::Path};

#[test]
fn every_test_in_the_table_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("docs/functions-checklist.md")).unwrap();
    let named: Vec<(&str, &str)> = table.split('`').filter_map(|part| part.split_once("::")).collect();
    assert!(named.len() > 80, "{}", named.len());
    let missing: Vec<String> = named
        .iter()
        .filter(|(file, test)| {
            let text = fs::read_to_string(root.join(file)).unwrap_or_default();
            !text.contains(&format!("fn {test}(")) && !text.contains(&format!("def {test}("))
        })
        .map(|(file, test)| format!("{file}::{test}"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
