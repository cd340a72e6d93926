//! Smithy's protocol cases, as AWS publishes them with botocore (`tests/unit/protocols` of its source distribution),
//! run against this crate as a server: requests are read and must equal the case's parameters, results and errors are
//! written and must equal the case's responses. The cases are not kept here: `MOLN_PROTOCOL_TESTS` names their
//! directory. Cases a server can not satisfy stand in `exceptions.rs`, each with its reason.

// All of this is test code, also what stands outside of `#[test]` functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod compare;
mod exceptions;
mod input;
mod output;
mod schema;
mod service;
mod value;

use std::{env, fs, path::PathBuf};

use serde_json::Value as Json;

/// The directory of the cases; `None`: skipped, loudly.
fn directory() -> Option<PathBuf> {
    let how = "set MOLN_PROTOCOL_TESTS to tests/unit/protocols of botocore's source distribution \
               (pip download botocore --no-deps --no-binary :all:, then unpack it)";
    match env::var_os("MOLN_PROTOCOL_TESTS") {
        Some(directory) => Some(PathBuf::from(directory)),
        None if env::var_os("CI").is_some() => panic!("the protocol cases must run in CI: {how}"),
        None => {
            eprintln!("SKIPPED, nothing was tested: {how}");
            None
        }
    }
}

/// Runs every case of a file and tells all that fail.
fn run(file: &str, run: fn(&Json, &Json) -> Result<(), String>) {
    let Some(directory) = directory() else { return };
    let text = fs::read_to_string(directory.join(file)).expect("a file of cases");
    let suites: Vec<Json> = serde_json::from_str(&text).expect("JSON");
    let (mut passed, mut failures, mut needless) = (0, Vec::new(), Vec::new());
    for suite in &suites {
        for case in suite["cases"].as_array().expect("cases") {
            let id = case["id"].as_str().expect("an id");
            let result = run(suite, case);
            match (result, exceptions::reason(id)) {
                (Ok(()), None) => passed += 1,
                (Ok(()), Some(_)) => needless.push(id.to_owned()),
                (Err(_), Some(_)) => {}
                (Err(error), None) => failures.push(format!("{id}: {error}")),
            }
        }
    }
    println!("{file}: {passed} cases pass");
    assert!(needless.is_empty(), "{file}: these pass and need no exception: {needless:?}");
    assert!(failures.is_empty(), "{file}: {} fail, {passed} pass\n{}", failures.len(), failures.join("\n"));
    assert!(passed > 0, "{file}: no cases");
}

macro_rules! files {
    ($($name:ident: $file:literal, $run:path;)*) => {$(
        #[test]
        fn $name() {
            run($file, $run);
        }
    )*};
}

files! {
    json_1_0_in: "input/json_1_0.json", input::run;
    json_1_0_query_compatible_in: "input/json_1_0-query-compatible.json", input::run;
    json_1_1_in: "input/json.json", input::run;
    query_in: "input/query.json", input::run;
    rest_json_in: "input/rest-json.json", input::run;
    rest_xml_in: "input/rest-xml.json", input::run;
    cbor_in: "input/smithy-rpc-v2-cbor.json", input::run;
    cbor_query_compatible_in: "input/smithy-rpc-v2-cbor-query-compatible.json", input::run;
    cbor_non_query_compatible_in: "input/smithy-rpc-v2-cbor-non-query-compatible.json", input::run;
    json_1_0_out: "output/json_1_0.json", output::run;
    json_1_0_query_compatible_out: "output/json_1_0-query-compatible.json", output::run;
    json_1_1_out: "output/json.json", output::run;
    query_out: "output/query.json", output::run;
    rest_json_out: "output/rest-json.json", output::run;
    rest_xml_out: "output/rest-xml.json", output::run;
    cbor_out: "output/smithy-rpc-v2-cbor.json", output::run;
    cbor_query_compatible_out: "output/smithy-rpc-v2-cbor-query-compatible.json", output::run;
}
