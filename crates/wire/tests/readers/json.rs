//! The JSON reader accepts what `serde_json` accepts, and reads the same.

use moln_wire::{
    ReadShape, WriteShape,
    json::{JsonReader, JsonWriter},
    schema,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::shapes::json;

/// Texts that are JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,3})?([eE][-+]?[0-9]{1,2})?",
        "\"([a-zé😀 ]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-f]{2}|\\\\ud83d\\\\ude00){0,6}\"",
        "[-+.0-9eE]{1,5}",
        "\"(\\\\u[0-9a-f]{3,5}|\\\\[a-z]|[\u{1}a]){0,3}\"",
        Just("nul".to_owned()),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..4).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.into_iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                format!("{{{}}}\n", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accepts_what_serde_json_accepts(text in nearly_json(), cut in prop::option::weighted(0.2, 0..40_usize)) {
        let mut body = format!("{{\"unknown\":{text}}}");
        if let Some(cut) = cut.filter(|cut| body.is_char_boundary(*cut)) {
            body.truncate(cut);
        }
        prop_assume!(!body.is_empty());
        let theirs = serde_json::from_str::<Value>(&body);
        // An unknown member is not read, so its number may be as large as it likes.
        prop_assume!(!theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")));
        prop_assert_eq!(json(body.as_bytes()).is_ok(), theirs.is_ok(), "{}", body);
    }

    #[test]
    fn texts_there_and_back(text in any::<String>()) {
        let mut body = Vec::new();
        text.write(&mut JsonWriter::new(&mut body));
        prop_assert_eq!(&serde_json::from_slice::<String>(&body).unwrap(), &text);
        let mut reader = JsonReader::new(&body, &schema::STRING).unwrap();
        prop_assert_eq!(String::read(&mut reader).unwrap(), text.clone());
        let escaped = serde_json::to_vec(&text).unwrap();
        prop_assert_eq!(String::read(&mut JsonReader::new(&escaped, &schema::STRING).unwrap()).unwrap(), text);
    }

    #[test]
    fn numbers_there_and_back(long in any::<i64>(), double in any::<f64>()) {
        let mut body = Vec::new();
        long.write(&mut JsonWriter::new(&mut body));
        prop_assert_eq!(i64::read(&mut JsonReader::new(&body, &schema::LONG).unwrap()).unwrap(), long);
        body.clear();
        double.write(&mut JsonWriter::new(&mut body));
        let read = f64::read(&mut JsonReader::new(&body, &schema::DOUBLE).unwrap()).unwrap();
        prop_assert!(read == double || read.is_nan() && double.is_nan());
    }
}

#[test]
fn refusals() {
    for (body, message) in [
        (&b"[]"[..], "Start of list found where not expected"),
        (b"1", "Unexpected field type"),
        (b"{\"Text\":{}}", "Start of structure or map found where not expected."),
        (b"{\"Text\":true}", "TRUE_VALUE can not be converted to a String"),
        (b"{\"Flag\":\"true\"}", "STRING_VALUE can not be converted to a Boolean"),
        (b"{\"Integer\":1.5}", "NUMBER_VALUE can not be converted to an Integer"),
        (b"{\"Integer\":2147483648}", "NUMBER_VALUE can not be converted to an Integer"),
        (b"{\"Long\":9223372036854775808}", "NUMBER_VALUE can not be converted to a Long"),
        (b"{\"Texts\":\"a\"}", "Unexpected field type"),
        (b"{\"Blob\":\"*\"}", "Invalid base64 in a Blob"),
        (b"{\"Moment\":\"soon\"}", "Timestamp must be formatted as seconds since the epoch"),
        (b"{\"Text\":\"\\ud800\"}", "Broken unicode escape in the JSON document"),
        (b"{\"Text\":\"\x01\"}", "Illegal unquoted control character in the JSON document"),
        (b"{\"Text\":\"\xff\"}", "The body is not UTF-8"),
        (b"{\"Text\":\"a\"", "Unexpected end of the JSON document"),
        (b"{\"Text\":\"a\"}}", "Unexpected character in the JSON document at byte 12"),
        (b"{,}", "Unexpected character in the JSON document at byte 1"),
    ] {
        assert_eq!(json(body).unwrap_err().message, message, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn leniencies() {
    assert_eq!(json(b""), Ok(1), "an empty body is an empty object");
    assert_eq!(json(b"{\"Text\":null,\"Integer\":1e2,\"Long\":10.0}"), Ok(3), "whole numbers in any form");
    assert_eq!(json(b"{\"Text\":\"a\",\"Text\":\"b\"}"), Ok(3), "the last of equal keys counts");
}
