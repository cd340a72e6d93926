//! Filter criteria: which records a function is called for.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>

use moln_event_pattern::{BadPattern, Pattern};
use serde_json::Value;

/// The criteria of a mapping: a record is wanted when one of the patterns wants it, or when there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    patterns: Vec<Pattern>,
}

impl Filter {
    /// Reads the patterns.
    pub(crate) fn read(patterns: &[String]) -> Result<Self, BadPattern> {
        let patterns = patterns.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether a record is wanted; `data` is the member that may hold JSON as text (`body` of a queue's message).
    pub(crate) fn wants(&self, record: &[u8], data: &str) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        let Ok(mut record) = serde_json::from_slice::<Value>(record) else { return false };
        let text = record.get(data).and_then(Value::as_str);
        let parsed = text
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .filter(|value| value.is_object() || value.is_array());
        // A pattern that looks into the data wants JSON there; one that judges it as a text wants none. A record of the
        // other kind is not wanted, whatever else it holds.
        let wanted = |record: &Value, is_json: bool| {
            self.patterns.iter().any(|pattern| {
                pattern.looks_into(data).is_none_or(|into| into == is_json) && pattern.matches(record)
            })
        };
        if let Some(parsed) = parsed
            && let Some(slot) = record.get_mut(data)
        {
            *slot = parsed;
            return wanted(&record, true);
        }
        wanted(&record, false)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_judged_as_json_or_as_text() {
        for (pattern, body, wanted) in [
            (json!({"body": {"a": [1]}}), r#"{"a": 1}"#, true),
            (json!({"body": {"a": [1]}}), r#"{"a": 2}"#, false),
            (json!({"body": {"a": [1]}}), "plain", false),
            (json!({"body": {"a": [{"exists": false}]}}), "plain", false),
            (json!({"body": ["plain"]}), "plain", true),
            (json!({"body": [{"prefix": "pl"}]}), "plain", true),
            (json!({"body": ["plain"]}), "other", false),
            (json!({"body": [{"prefix": "{"}]}), r#"{"a": 1}"#, false),
            (json!({"body": ["5"]}), "5", true),
            (json!({"messageAttributes": {"x": {"stringValue": ["1"]}}}), "plain", true),
            (json!({"messageAttributes": {"x": {"stringValue": ["1"]}}}), r#"{"a": 1}"#, true),
            (json!({"messageAttributes": {"x": {"stringValue": ["2"]}}}), "plain", false),
        ] {
            let filter = Filter::read(&[pattern.to_string()]).unwrap();
            let record = json!({"body": body, "messageAttributes": {"x": {"stringValue": "1"}}});
            assert_eq!(filter.wants(record.to_string().as_bytes(), "body"), wanted, "{pattern} {body}");
        }
    }

    #[test]
    fn one_of_several_is_enough_and_none_wants_all() {
        let two = [json!({"body": {"a": [1]}}).to_string(), json!({"body": {"b": [2]}}).to_string()];
        let filter = Filter::read(&two).unwrap();
        let record = |body: &str| json!({"body": body}).to_string();
        assert!(filter.wants(record(r#"{"b": 2}"#).as_bytes(), "body"));
        assert!(!filter.wants(record(r#"{"b": 3}"#).as_bytes(), "body"));
        assert!(Filter::default().wants(b"anything", "body"));
        assert!(Filter::read(&["{\"a\": 1}".to_owned()]).is_err());
    }
}
