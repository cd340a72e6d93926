//! Documents as they are read. Reading is about form; which words an API finds for a fault is the API's own matter.

use serde_json::{Map, Value};

use crate::Condition;

/// Allow or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever grants.
    Deny,
}

/// Patterns, or everything but them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `NotAction`, `NotResource`.
    pub negated: bool,
    /// With `*` and `?`.
    pub patterns: Vec<String>,
}

/// Whom a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// `NotPrincipal`.
    pub negated: bool,
    /// Kind (`AWS`, `Service`, `Federated`, `CanonicalUser`) and name; `"*"` alone is of kind `*`.
    pub names: Vec<(String, String)>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its name.
    pub sid: Option<String>,
    /// What it does.
    pub effect: Effect,
    /// Whom it is about; `None` in a policy that belongs to someone.
    pub principals: Option<Principals>,
    /// Which actions.
    pub actions: Option<Names>,
    /// Which resources; `None` where the policy belongs to one.
    pub resources: Option<Names>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// A policy document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// `2012-10-17`; variables mean something only then.
    pub version: Option<String>,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

/// What is wrong with a document's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, or not an object.
    Json,
    /// A member that a document or statement does not have, or a value of the wrong kind.
    Syntax,
    /// An effect other than `Allow` and `Deny`.
    Effect,
    /// A member and its negation in one statement.
    Both,
}

impl Document {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Self::read(&members),
            _ => Err(Fault::Json),
        }
    }

    fn read(members: &Map<String, Value>) -> Result<Self, Fault> {
        known(members, &["Version", "Id", "Statement"])?;
        let version = match members.get("Version") {
            Some(Value::String(version)) => Some(version.clone()),
            None => None,
            Some(_) => return Err(Fault::Syntax),
        };
        let statements = match members.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(statement).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![statement(one)?],
            _ => return Err(Fault::Syntax),
        };
        Ok(Self { version, statements })
    }
}

fn known(members: &Map<String, Value>, names: &[&str]) -> Result<(), Fault> {
    if members.keys().all(|name| names.contains(&name.as_str())) { Ok(()) } else { Err(Fault::Syntax) }
}

fn statement(value: &Value) -> Result<Statement, Fault> {
    const MEMBERS: &[&str] = &[
        "Action",
        "Condition",
        "Effect",
        "NotAction",
        "NotPrincipal",
        "NotResource",
        "Principal",
        "Resource",
        "Sid",
    ];
    let members = value.as_object().ok_or(Fault::Syntax)?;
    known(members, MEMBERS)?;
    let effect = match members.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(Fault::Effect),
    };
    let sid = match members.get("Sid") {
        Some(Value::String(sid)) => Some(sid.clone()),
        None => None,
        Some(_) => return Err(Fault::Syntax),
    };
    Ok(Statement {
        sid,
        effect,
        principals: principals(members)?,
        actions: names(members, "Action", "NotAction")?,
        resources: names(members, "Resource", "NotResource")?,
        conditions: conditions(members.get("Condition"))?,
    })
}

/// A member or its negation, whether it is the negation, and its value.
fn either<'a>(
    members: &'a Map<String, Value>,
    plain: &str,
    negated: &str,
) -> Result<Option<(bool, &'a Value)>, Fault> {
    match (members.get(plain), members.get(negated)) {
        (Some(_), Some(_)) => Err(Fault::Both),
        (Some(value), None) => Ok(Some((false, value))),
        (None, Some(value)) => Ok(Some((true, value))),
        (None, None) => Ok(None),
    }
}

fn names(members: &Map<String, Value>, plain: &str, negation: &str) -> Result<Option<Names>, Fault> {
    let Some((negated, value)) = either(members, plain, negation)? else { return Ok(None) };
    Ok(Some(Names { negated, patterns: texts(value)? }))
}

/// One text or a list of texts.
pub(crate) fn texts(value: &Value) -> Result<Vec<String>, Fault> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(Fault::Syntax),
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn principals(members: &Map<String, Value>) -> Result<Option<Principals>, Fault> {
    let Some((negated, value)) = either(members, "Principal", "NotPrincipal")? else { return Ok(None) };
    let names = match value {
        Value::String(all) if all == "*" => vec![("*".to_owned(), all.clone())],
        Value::Object(kinds) => {
            known(kinds, &["AWS", "CanonicalUser", "Federated", "Service"])?;
            let mut names = Vec::new();
            for (kind, value) in kinds {
                names.extend(texts(value)?.into_iter().map(|name| (kind.clone(), name)));
            }
            names
        }
        _ => return Err(Fault::Syntax),
    };
    Ok(Some(Principals { negated, names }))
}

fn conditions(value: Option<&Value>) -> Result<Vec<Condition>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut conditions = Vec::new();
    for (operator, keys) in value.as_object().ok_or(Fault::Syntax)? {
        for (key, wanted) in keys.as_object().ok_or(Fault::Syntax)? {
            conditions.push(Condition {
                operator: operator.clone(),
                key: key.clone(),
                values: texts(wanted)?,
            });
        }
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let document = Document::parse(
            r#"{"Version": "2012-10-17", "Statement": {"Sid": "a", "Effect": "Deny", "NotAction": ["s3:*"],
                "Resource": "*", "Principal": {"AWS": ["1", "2"], "Service": "s"},
                "Condition": {"Bool": {"aws:SecureTransport": false}}}}"#,
        )
        .unwrap();
        let [statement] = &document.statements[..] else { panic!("one statement") };
        assert_eq!(statement.actions, Some(Names { negated: true, patterns: vec!["s3:*".into()] }));
        assert_eq!(statement.principals.as_ref().unwrap().names.len(), 3);
        assert_eq!(statement.conditions[0].values, ["false"]);
    }

    #[test]
    fn faults_are_told() {
        for (text, fault) in [
            ("", Fault::Json),
            ("[]", Fault::Json),
            ("{}", Fault::Syntax),
            (r#"{"Statement": [], "Extra": 1}"#, Fault::Syntax),
            (r#"{"Statement": [{"Effect": "allow"}]}"#, Fault::Effect),
            (r#"{"Statement": [{"Effect": "Allow", "Action": "a", "NotAction": "b"}]}"#, Fault::Both),
            (r#"{"Statement": [{"Effect": "Allow", "Action": {}}]}"#, Fault::Syntax),
            (r#"{"Statement": [{"Effect": "Allow", "Principal": {"Who": "x"}}]}"#, Fault::Syntax),
            (r#"{"Statement": [{"Effect": "Allow", "Condition": {"Bool": 1}}]}"#, Fault::Syntax),
        ] {
            assert_eq!(Document::parse(text).unwrap_err(), fault, "{text}");
        }
    }
}
