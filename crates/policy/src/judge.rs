//! Judging a request by a document.

use std::collections::BTreeMap;

use crate::{
    Document, Effect, Names, Principals, Statement,
    pattern::{matches, matches_with},
};

/// The request's values of condition keys. Names know no case.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    /// Gives a key this one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(key.to_ascii_lowercase(), vec![value.into()]);
        self
    }
    /// Gives a key one more value.
    pub fn add(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }
    /// A key's values; none when it is absent.
    pub fn get(&self, key: &str) -> &[String] {
        self.0.get(&key.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
    /// A key's value, when it has exactly one.
    pub fn one(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// Nobody who is known.
    Anonymous,
    /// Someone of an account.
    Account {
        /// Twelve digits.
        account: &'a str,
        /// All the names it goes by: a user's ARN; a role session's ARN and its role's. Empty for the root.
        arns: &'a [&'a str],
    },
    /// A service (`lambda.amazonaws.com`).
    Service(&'a str),
}

/// A request, as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who makes it.
    pub who: Who<'a>,
    /// `sqs:SendMessage`
    pub action: &'a str,
    /// An ARN; `None`: the policy belongs to the one resource it is about.
    pub resource: Option<&'a str>,
    /// Condition keys.
    pub keys: &'a Keys,
}

/// What a document says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It grants, and refuses nowhere.
    Allow,
    /// It refuses in so many words.
    Deny,
    /// It says nothing.
    Silent,
}

impl Document {
    /// What it says about a request.
    pub fn judge(&self, request: &Request<'_>) -> Decision {
        let mut decision = Decision::Silent;
        for statement in &self.statements {
            match statement.effect {
                Effect::Deny if statement.applies(request, true) => return Decision::Deny,
                Effect::Allow if statement.applies(request, false) => decision = Decision::Allow,
                _ => {}
            }
        }
        decision
    }
}

impl Statement {
    /// Whether it is about the request. `doubt`: what a condition counts as that is not understood.
    fn applies(&self, request: &Request<'_>, doubt: bool) -> bool {
        let principal = self.principals.as_ref().is_none_or(|principals| principals.name(&request.who));
        let action = self.actions.as_ref().is_some_and(|names| names.hold_action(request.action));
        let resource = match (&self.resources, request.resource) {
            (Some(names), Some(resource)) => {
                names.hold(|pattern| matches_with(pattern, resource, request.keys))
            }
            _ => true,
        };
        principal
            && action
            && resource
            && self.conditions.iter().all(|condition| condition.holds(request.keys).unwrap_or(doubt))
    }
}

impl Names {
    fn hold(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| fits(pattern)) != self.negated
    }

    /// Actions know no case.
    fn hold_action(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.hold(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
    }
}

impl Principals {
    /// Whether they name someone.
    fn name(&self, who: &Who<'_>) -> bool {
        let named = self.names.iter().any(|(kind, name)| match (kind.as_str(), who) {
            ("*", _) => true,
            ("AWS", Who::Anonymous) => name == "*",
            ("AWS", Who::Account { account, arns }) => {
                name == "*" || name == account || is_root(name, account) || arns.contains(&name.as_str())
            }
            ("Service", Who::Service(service)) => name == service,
            _ => false,
        });
        named != self.negated
    }
}

/// `arn:aws:iam::ACCOUNT:root`: everyone of the account.
fn is_root(name: &str, account: &str) -> bool {
    let mut parts = name.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("iam")
        && parts.next() == Some("")
        && parts.next() == Some(account)
        && parts.next() == Some("root")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(statements: &str, who: Who<'_>, action: &str, resource: Option<&str>, keys: &Keys) -> Decision {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        Document::parse(&text).unwrap().judge(&Request { who, action, resource, keys })
    }

    #[test]
    fn principals_are_found() {
        let role = "arn:aws:iam::111122223333:role/r";
        let session = "arn:aws:sts::111122223333:assumed-role/r/s";
        let me = Who::Account { account: "111122223333", arns: &[session, role] };
        let allow = |principal: &str, who| {
            let statement =
                format!(r#"{{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {principal}}}"#);
            judge(&statement, who, "sts:AssumeRole", None, &Keys::default()) == Decision::Allow
        };
        for principal in [
            r#""*""#,
            r#"{"AWS": "*"}"#,
            r#"{"AWS": "111122223333"}"#,
            r#"{"AWS": ["x", "arn:aws:iam::111122223333:root"]}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:role/r"}"#,
            r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/r/s"}"#,
        ] {
            assert!(allow(principal, me), "{principal}");
        }
        for principal in [
            r#"{"Service": "lambda.amazonaws.com"}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:role/*"}"#,
            r#"{"AWS": "999999999999"}"#,
        ] {
            assert!(!allow(principal, me), "{principal}");
        }
        assert!(allow(r#"{"Service": ["lambda.amazonaws.com"]}"#, Who::Service("lambda.amazonaws.com")));
        assert!(!allow(r#"{"AWS": "111122223333"}"#, Who::Anonymous));
    }

    #[test]
    fn deny_wins_and_doubt_never_helps() {
        let me = Who::Account { account: "1", arns: &[] };
        let keys = Keys::default();
        let allow = r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}"#;
        let ask =
            |statements: &str, action: &str| judge(statements, me, action, Some("arn:aws:s3:::b/k"), &keys);
        assert_eq!(ask(allow, "S3:getobject"), Decision::Allow);
        assert_eq!(ask(allow, "s3:PutObject"), Decision::Silent);
        let deny = r#"{"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"}"#;
        assert_eq!(ask(&format!("{allow}, {deny}"), "s3:GetObjectAcl"), Decision::Deny);
        assert_eq!(ask(&format!("{allow}, {deny}"), "s3:GetObject"), Decision::Allow);
        let doubtful = |effect: &str| {
            format!(
                r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*", "Condition": {{"Odd": {{"k": "v"}}}}}}"#
            )
        };
        assert_eq!(ask(&doubtful("Allow"), "s3:GetObject"), Decision::Silent);
        assert_eq!(ask(&doubtful("Deny"), "s3:GetObject"), Decision::Deny);
    }
}
