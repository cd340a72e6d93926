//! Dynamic references: `{{resolve:ssm:NAME:VERSION}}`, `{{resolve:secretsmanager:ID:SecretString:KEY:STAGE:VERSION}}`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
//!
//! Rows, events and change sets hold them as they are written; what they stand for goes to whoever makes the resource and
//! nowhere else. So a stack does not see that a parameter has changed, as on AWS.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use moln_kernel::{ApiError, Context};
use serde_json::{Map, Value};

use crate::{Stacks, errors::validation, own::Refusal, tables::ChangeRow};

/// How they begin.
const BEGIN: &str = "{{resolve:";
/// How they end.
const END: &str = "}}";

/// What a reference names.
#[derive(Debug, PartialEq, Eq)]
enum Named<'r> {
    Parameter { name: &'r str, version: Option<u64> },
    Secret { id: &'r str, key: Option<&'r str>, stage: Option<&'r str>, version: Option<&'r str> },
}

/// The next reference in a text: where it begins, and the whole of it.
fn next(text: &str) -> Option<(usize, &str)> {
    let from = text.find(BEGIN)?;
    let rest = text.get(from..)?;
    Some((from, rest.get(..rest.find(END)? + END.len())?))
}

/// Every reference in some properties, with its braces and the way to it.
pub(crate) fn references<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v str)>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((from, whole)) = next(rest) {
                found.push((path.to_owned(), whole));
                rest = rest.get(from + whole.len()..).unwrap_or_default();
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                references(item, &format!("{path}/{n}"), found);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                references(value, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Whether a reference is one to a secure parameter. No type here takes those; the few of AWS's that do are databases',
/// directories' and users'.
pub(crate) fn is_secure(reference: &str) -> bool {
    reference.strip_prefix(BEGIN).is_some_and(|rest| rest.starts_with("ssm-secure:"))
}

/// Reads a reference.
fn parse(reference: &str) -> Option<Named<'_>> {
    let inside = reference.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let (service, rest) = inside.split_once(':')?;
    match service {
        "ssm" => {
            // The name may be an ARN; what stands behind its last colon is a version only if it is a number.
            let (name, version) = match rest.rsplit_once(':') {
                Some((name, version)) if !rest.starts_with("arn:") || version.parse::<u64>().is_ok() => {
                    (name, Some(version.parse().ok()?))
                }
                _ => (rest, None),
            };
            (!name.is_empty()).then_some(Named::Parameter { name, version })
        }
        "secretsmanager" => {
            // `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME` has six colons.
            let colon = if rest.starts_with("arn:") { 6 } else { 0 };
            let end = rest.match_indices(':').nth(colon).map(|(at, _)| at);
            let (id, rest) = rest.split_at(end.unwrap_or(rest.len()));
            let mut parts = rest.split(':').skip(1).map(|part| Some(part).filter(|part| !part.is_empty()));
            if !matches!(parts.next().flatten(), None | Some("SecretString")) {
                return None;
            }
            let mut part = || parts.next().flatten();
            let (key, stage, version) = (part(), part(), part());
            let both = stage.is_some() && version.is_some();
            (!id.is_empty() && !both && parts.next().is_none()).then_some(Named::Secret {
                id,
                key,
                stage,
                version,
            })
        }
        _ => None,
    }
}

fn substituted(value: &Value, values: &BTreeMap<&str, String>) -> Value {
    match value {
        Value::String(text) => {
            let (mut out, mut rest) = (String::new(), text.as_str());
            while let Some((from, whole)) = next(rest) {
                out.push_str(rest.get(..from).unwrap_or_default());
                out.push_str(values.get(whole).map_or(whole, String::as_str));
                rest = rest.get(from + whole.len()..).unwrap_or_default();
            }
            out.push_str(rest);
            out.into()
        }
        Value::Array(items) => items.iter().map(|item| substituted(item, values)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), substituted(value, values));
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// A member of a secret that is a JSON object.
fn member(secret: &str, key: &str) -> Result<String, Refusal> {
    let object: Value =
        serde_json::from_str(secret).map_err(|_| Refusal("Could not parse SecretString JSON".to_owned()))?;
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(Refusal("Could not find a value associated with JSONKey in SecretString".to_owned())),
    }
}

impl Stacks {
    /// Some properties with what their references stand for.
    ///
    /// Errors: a reference that leads nowhere, by name.
    pub(crate) async fn resolved<'v>(
        &self,
        ctx: &Context,
        properties: &'v Value,
    ) -> Result<Cow<'v, Value>, Refusal> {
        let mut found = Vec::new();
        references(properties, "", &mut found);
        if found.is_empty() {
            return Ok(Cow::Borrowed(properties));
        }
        let mut values = BTreeMap::new();
        for reference in found.into_iter().map(|(_, whole)| whole).collect::<BTreeSet<_>>() {
            values.insert(reference, self.value_of(ctx, reference).await?);
        }
        Ok(Cow::Owned(substituted(properties, &values)))
    }

    /// Changes whose references lead somewhere.
    ///
    /// Errors: the first that does not, by name.
    pub(crate) async fn resolvable(
        &self,
        ctx: &Context,
        changes: Vec<ChangeRow>,
    ) -> Result<Vec<ChangeRow>, ApiError> {
        for after in changes.iter().filter_map(|change| change.after.as_deref()) {
            let after: Value = serde_json::from_str(after).unwrap_or_default();
            self.resolved(ctx, &after).await.map_err(|Refusal(why)| validation(why))?;
        }
        Ok(changes)
    }

    async fn value_of(&self, ctx: &Context, reference: &str) -> Result<String, Refusal> {
        let told = |why: &str| Refusal(format!("Could not resolve the dynamic reference {reference}: {why}"));
        let failed = |error: ApiError| told(&error.message);
        let absent = || told("the service it names is not here yet.");
        match parse(reference) {
            Some(Named::Parameter { name, version }) => {
                let parameters = self.parameters.as_ref().ok_or_else(absent)?;
                let parameter = parameters.parameter(ctx, name, version).await.map_err(failed)?;
                if parameter.kind == "SecureString" {
                    return Err(told("a SecureString is no value of an ssm reference."));
                }
                Ok(parameter.value)
            }
            Some(Named::Secret { id, key, stage, version }) => {
                let secrets = self.secrets.as_ref().ok_or_else(absent)?;
                let secret = secrets.secret(ctx, id, stage, version).await.map_err(failed)?;
                key.map_or(Ok(secret.clone()), |key| member(&secret, key))
            }
            None => Err(Refusal(format!(
                "Incorrect format is used in the following dynamic reference: [{reference}]"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_read() {
        let parameter = |name, version| Some(Named::Parameter { name, version });
        assert_eq!(parse("{{resolve:ssm:/a/b}}"), parameter("/a/b", None));
        assert_eq!(parse("{{resolve:ssm:/a/b:3}}"), parameter("/a/b", Some(3)));
        let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/a";
        assert_eq!(parse(&format!("{{{{resolve:ssm:{arn}}}}}")), parameter(arn, None));
        assert_eq!(parse(&format!("{{{{resolve:ssm:{arn}:7}}}}")), parameter(arn, Some(7)));
        let secret = |id, key, stage, version| Some(Named::Secret { id, key, stage, version });
        assert_eq!(parse("{{resolve:secretsmanager:s}}"), secret("s", None, None, None));
        assert_eq!(
            parse("{{resolve:secretsmanager:s:SecretString:user:AWSPREVIOUS}}"),
            secret("s", Some("user"), Some("AWSPREVIOUS"), None)
        );
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-abc";
        assert_eq!(
            parse(&format!("{{{{resolve:secretsmanager:{arn}:SecretString:user::v1}}}}")),
            secret(arn, Some("user"), None, Some("v1"))
        );
        for bad in [
            "{{resolve:ssm:}}",
            "{{resolve:ssm:/a:b}}",
            "{{resolve:other:/a}}",
            "{{resolve:secretsmanager:s:SecretBinary}}",
            "{{resolve:secretsmanager:s:SecretString:k:stage:version}}",
            "{{resolve:secretsmanager:s:SecretString:k:stage::more}}",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_reference_in_a_text_is_found_and_replaced() {
        let properties =
            json!({"A": ["x{{resolve:ssm:a}}y{{resolve:ssm:b}}z", 1], "B": {"C": "{{resolve:ssm:a"}});
        let mut found = Vec::new();
        references(&properties, "P", &mut found);
        let paths: Vec<_> = found.iter().map(|(path, whole)| (path.as_str(), *whole)).collect();
        assert_eq!(paths, [("P/A/0", "{{resolve:ssm:a}}"), ("P/A/0", "{{resolve:ssm:b}}")]);
        let values =
            BTreeMap::from([("{{resolve:ssm:a}}", "1".to_owned()), ("{{resolve:ssm:b}}", "2".to_owned())]);
        assert_eq!(
            substituted(&properties, &values),
            json!({"A": ["x1y2z", 1], "B": {"C": "{{resolve:ssm:a"}})
        );
    }
}
