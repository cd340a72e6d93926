//! What a function says of a batch when it reports failures record by record.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::collections::HashSet;

use serde_json::Value;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything was processed.
    All,
    /// Nothing counts as processed.
    Nothing,
    /// All but these (by position).
    AllBut(HashSet<usize>),
}

/// Reads an answer. `ids` are the records' identifiers and their groups where order matters: behind one that failed
/// nothing of its group counts as processed.
pub(crate) fn judge(payload: &[u8], ids: &[(&str, Option<&str>)]) -> Verdict {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Verdict::All;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(payload) else { return Verdict::Nothing };
    let failures = match &answer {
        Value::Null => return Verdict::All,
        Value::String(text) if text.is_empty() => return Verdict::All,
        Value::Object(members) => match members.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::All,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::Nothing,
        },
        _ => return Verdict::Nothing,
    };
    let mut failed = HashSet::new();
    for failure in failures {
        let Some(id) = failure.get("itemIdentifier").and_then(Value::as_str) else { return Verdict::Nothing };
        let before = failed.len();
        failed.extend(ids.iter().enumerate().filter(|(_, (own, _))| *own == id).map(|(at, _)| at));
        if failed.len() == before && !ids.iter().any(|(own, _)| *own == id) {
            return Verdict::Nothing;
        }
    }
    if failed.is_empty() {
        return Verdict::All;
    }
    let mut stopped = HashSet::new();
    for (at, (_, group)) in ids.iter().enumerate() {
        let Some(group) = group else { continue };
        if failed.contains(&at) {
            stopped.insert(*group);
        } else if stopped.contains(group) {
            failed.insert(at);
        }
    }
    Verdict::AllBut(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [(&str, Option<&str>); 3] = [("a", None), ("b", None), ("c", None)];

    #[test]
    fn nothing_reported_is_success() {
        for answer in
            ["", " ", "null", "{}", r#"{"batchItemFailures": []}"#, r#"{"batchItemFailures": null}"#, r#""""#]
        {
            assert_eq!(judge(answer.as_bytes(), &IDS), Verdict::All, "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_understood_fails_the_batch() {
        for answer in [
            "{",
            "5",
            r#""text""#,
            r#"{"batchItemFailures": "a"}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"foo": "a"}]}"#,
            r#"{"batchItemFailures": ["a"]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}"#,
        ] {
            assert_eq!(judge(answer.as_bytes(), &IDS), Verdict::Nothing, "{answer}");
        }
    }

    #[test]
    fn the_ones_reported_fail() {
        let answer = br#"{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}"#;
        assert_eq!(judge(answer, &IDS), Verdict::AllBut([1].into()));
    }

    #[test]
    fn behind_a_failure_its_group_stops() {
        let ids = [("a", Some("1")), ("b", Some("2")), ("c", Some("1")), ("d", Some("2"))];
        let answer = br#"{"batchItemFailures": [{"itemIdentifier": "a"}]}"#;
        assert_eq!(judge(answer, &ids), Verdict::AllBut([0, 2].into()));
    }
}
