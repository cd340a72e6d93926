//! The policy of a form: what the one who signed it lets the form say.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use std::ops::RangeInclusive;

use base64::{Engine, engine::general_purpose::STANDARD};
use moln_kernel::{ApiError, Timestamp};
use moln_wire::{schema::TimestampFormat, time};
use serde_json::Value;

use super::form::Form;
use crate::errors;

/// A policy, read.
#[derive(Debug)]
pub(crate) struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    /// The field has this value.
    Equals { field: String, value: String, text: String },
    /// The field begins with this.
    StartsWith { field: String, value: String, text: String },
    /// The file has so many bytes.
    Length(RangeInclusive<u64>),
}

/// Fields that no condition has to speak of.
const FREE: [&str; 6] = ["policy", "file", "awsaccesskeyid", "signature", "x-amz-signature", "submit"];

fn invalid(words: &str) -> ApiError {
    errors::other(400, "InvalidPolicyDocument", format!("Invalid Policy: {words}"))
}

fn denied(words: &str) -> ApiError {
    errors::access_denied_because(format!("Invalid according to Policy: {words}"))
}

impl PostPolicy {
    /// Reads the field `policy`.
    pub(crate) fn parse(encoded: &str) -> Result<Self, ApiError> {
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| invalid("Invalid Base64 encoding."))?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document
            .get("expiration")
            .and_then(Value::as_str)
            .ok_or_else(|| invalid("Policy missing expiration."))?;
        let expiration = time::parse(expiration, TimestampFormat::DateTime)
            .map_err(|_| invalid(&format!("Invalid 'expiration' value: '{expiration}'")))?;
        let conditions = document
            .get("conditions")
            .and_then(Value::as_array)
            .ok_or_else(|| invalid("Policy missing conditions."))?;
        let mut read = Vec::new();
        for condition in conditions {
            condition_of(condition, &mut read)?;
        }
        Ok(Self { expiration, conditions: read })
    }

    /// Refuses a form that says what the policy does not let it say. `bucket` is where it was posted to.
    pub(crate) fn check(&self, form: &Form, bucket: &str, now: Timestamp) -> Result<(), ApiError> {
        if now > self.expiration {
            return Err(denied("Policy expired."));
        }
        let value = |field: &str| if field == "bucket" { Some(bucket) } else { form.field(field) };
        for condition in &self.conditions {
            let (holds, text) = match condition {
                Condition::Equals { field, value: wanted, text } => (value(field) == Some(wanted), text),
                Condition::StartsWith { field, value: wanted, text } => {
                    let given = value(field).unwrap_or_default();
                    // A list of content types begins with the wanted one in each of its parts.
                    let all = if field == "content-type" {
                        given.split(',').all(|part| part.trim_start().starts_with(wanted.as_str()))
                    } else {
                        given.starts_with(wanted.as_str())
                    };
                    (all && value(field).is_some(), text)
                }
                Condition::Length(_) => continue,
            };
            if !holds {
                return Err(denied(&format!("Policy Condition failed: {text}")));
            }
        }
        let covered = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Equals { field, .. } | Condition::StartsWith { field, .. } => field == name,
                Condition::Length(_) => false,
            })
        };
        let extra: Vec<&str> = form
            .fields()
            .map(|(name, _)| name)
            .filter(|name| !FREE.contains(name) && !name.starts_with("x-ignore-") && !covered(name))
            .collect();
        if extra.is_empty() {
            Ok(())
        } else {
            Err(denied(&format!("Extra input fields: {}", extra.join(", "))))
        }
    }

    /// Refuses a file that is too short or too long.
    pub(crate) fn check_length(&self, length: u64) -> Result<(), ApiError> {
        for range in self.lengths() {
            if length < *range.start() {
                let error = errors::other(
                    400,
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                );
                let error = errors::with(error, "ProposedSize", length.to_string());
                return Err(errors::with(error, "MinSizeAllowed", range.start().to_string()));
            }
            if length > *range.end() {
                let error = errors::other(
                    400,
                    "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size",
                );
                let error = errors::with(error, "ProposedSize", length.to_string());
                return Err(errors::with(error, "MaxSizeAllowed", range.end().to_string()));
            }
        }
        Ok(())
    }

    fn lengths(&self) -> impl Iterator<Item = &RangeInclusive<u64>> {
        self.conditions.iter().filter_map(|condition| match condition {
            Condition::Length(range) => Some(range),
            _ => None,
        })
    }
}

fn condition_of(condition: &Value, all: &mut Vec<Condition>) -> Result<(), ApiError> {
    let bad = || invalid("Invalid Condition: must be an object or an array of three elements.");
    match condition {
        Value::Object(members) => {
            for (field, value) in members {
                let value = value.as_str().ok_or_else(bad)?.to_owned();
                // As AWS shows it: as the comparison that it is.
                let text = format!("[\"eq\", \"${field}\", \"{value}\"]");
                all.push(Condition::Equals { field: field.to_lowercase(), value, text });
            }
            Ok(())
        }
        Value::Array(parts) => {
            let [kind, first, second] = parts.as_slice() else { return Err(bad()) };
            let kind = kind.as_str().ok_or_else(bad)?;
            if kind.eq_ignore_ascii_case("content-length-range") {
                let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
                let range = number(first).ok_or_else(bad)?..=number(second).ok_or_else(bad)?;
                all.push(Condition::Length(range));
                return Ok(());
            }
            let named = first.as_str().ok_or_else(bad)?;
            let field = named.strip_prefix('$').ok_or_else(bad)?.to_lowercase();
            let value = second.as_str().ok_or_else(bad)?.to_owned();
            let text = format!("[\"{kind}\", \"{named}\", \"{value}\"]");
            all.push(match kind.to_ascii_lowercase().as_str() {
                "eq" => Condition::Equals { field, value, text },
                "starts-with" => Condition::StartsWith { field, value, text },
                _ => return Err(bad()),
            });
            Ok(())
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use moln_wire::ByteStream;

    use super::*;
    use crate::post::form;

    async fn form(fields: &[(&str, &str)]) -> Form {
        let mut text = String::new();
        for (name, value) in fields.iter().chain(&[("file", "x")]) {
            #[allow(clippy::format_push_string)] // a test
            text.push_str(&format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        form::read(ByteStream::from(bytes::Bytes::from(text + "--b--\r\n")), "b").await.unwrap()
    }

    fn policy(conditions: &str) -> PostPolicy {
        let text = format!(r#"{{"expiration":"2030-01-01T00:00:00.000Z","conditions":{conditions}}}"#);
        PostPolicy::parse(&STANDARD.encode(text)).unwrap()
    }

    #[tokio::test]
    async fn forms_are_held_to_their_policy() {
        let policy = policy(
            r#"[{"bucket":"bbb"},["starts-with","$Key","user/"],["eq","$acl","private"],["content-length-range",2,4]]"#,
        );
        let now = Timestamp(1_700_000_000_000);
        let judge = |fields: &'static [(&str, &str)]| {
            let policy = &policy;
            async move { policy.check(&form(fields).await, "bbb", now) }
        };
        judge(&[("key", "user/a"), ("acl", "private"), ("x-ignore-me", "1"), ("policy", "p")]).await.unwrap();
        let words = |result: Result<(), ApiError>| result.unwrap_err().message;
        assert_eq!(
            words(judge(&[("key", "other"), ("acl", "private")]).await),
            r#"Invalid according to Policy: Policy Condition failed: ["starts-with", "$Key", "user/"]"#
        );
        assert_eq!(
            words(judge(&[("key", "user/"), ("acl", "private"), ("tagging", "t")]).await),
            "Invalid according to Policy: Extra input fields: tagging"
        );
        let late = policy.check(&form(&[]).await, "bbb", Timestamp(2_000_000_000_000));
        assert_eq!(words(late), "Invalid according to Policy: Policy expired.");
        assert_eq!(policy.check_length(1).unwrap_err().code, "EntityTooSmall");
        assert_eq!(policy.check_length(5).unwrap_err().code, "EntityTooLarge");
        policy.check_length(3).unwrap();
    }

    #[test]
    fn bad_policies_are_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"expiration":"soon","conditions":[]}"#,
            r#"{"expiration":"2030-01-01T00:00:00Z"}"#,
            r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[["eq","key","a"]]}"#,
            r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[["content-length-range",-1,"x"]]}"#,
        ] {
            let code = PostPolicy::parse(&STANDARD.encode(text)).unwrap_err().code;
            assert_eq!(code, "InvalidPolicyDocument", "{text}");
        }
        assert_eq!(PostPolicy::parse("###").unwrap_err().code, "InvalidPolicyDocument");
    }
}
