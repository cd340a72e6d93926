//! Another account's access to a queue: only as far as the queue's policy says. (The caller's own account is the front
//! door's to judge.) What is not read here (conditions, the negated members) never counts in the caller's favour.

use moln_kernel::{ApiError, Context, Principal};
use serde_json::Value;

use crate::{errors, live::Queue};

/// What no policy gives another account: the operations AWS says cross-account permissions do not apply to.
const OWNER_ONLY: &[&str] = &[
    "AddPermission",
    "DeleteQueue",
    "ListQueueTags",
    "RemovePermission",
    "SetQueueAttributes",
    "TagQueue",
    "UntagQueue",
];

/// Refuses what the queue's policy does not allow the caller's account.
pub(crate) fn allow(ctx: &Context, queue: &Queue, action: &str) -> Result<(), ApiError> {
    if OWNER_ONLY.contains(&action) {
        return Err(errors::access_denied(action));
    }
    let meta = queue.meta();
    let policy = meta.row.attributes.get("Policy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let allowed = policy.is_some_and(|policy| {
        let statements = many(policy.get("Statement"));
        // `unread`: what a member counts as that says to whom or what the statement does not apply.
        let concerns = |statement: &Value, unread: bool| {
            let part = |negated: &str, matches: bool| match statement.get(negated) {
                Some(_) => unread,
                None => matches,
            };
            part("NotPrincipal", principal_matches(ctx, statement))
                && part("NotAction", action_matches(action, statement))
                && part("NotResource", resource_matches(&queue.arn, statement))
        };
        let denies = |s: &Value| is(s, "Effect", "Deny") && concerns(s, true);
        let grants =
            |s: &Value| is(s, "Effect", "Allow") && s.get("Condition").is_none() && concerns(s, false);
        !statements.iter().any(|s| denies(s)) && statements.iter().any(|s| grants(s))
    });
    if allowed { Ok(()) } else { Err(errors::access_denied(action)) }
}

fn is(statement: &Value, member: &str, value: &str) -> bool {
    statement.get(member).and_then(Value::as_str) == Some(value)
}

/// A member that is one value or a list of them.
fn many(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

fn principal_matches(ctx: &Context, statement: &Value) -> bool {
    let principal = statement.get("Principal");
    let named = match principal {
        Some(Value::Object(kinds)) => many(kinds.get("AWS")),
        other => many(other),
    };
    let account = ctx.account.as_str();
    named.into_iter().filter_map(Value::as_str).any(|name| {
        name == "*"
            || name == account
            || name
                .strip_prefix("arn:aws:iam::")
                .is_some_and(|rest| rest.strip_suffix(":root") == Some(account))
            || matches!(&ctx.principal, Principal::Arn(arn) if **arn == *name)
    })
}

fn action_matches(action: &str, statement: &Value) -> bool {
    let action = format!("sqs:{}", action.to_ascii_lowercase());
    many(statement.get("Action"))
        .into_iter()
        .filter_map(Value::as_str)
        .any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
}

/// A statement without resources is about the queue it belongs to.
fn resource_matches(arn: &str, statement: &Value) -> bool {
    let patterns = many(statement.get("Resource"));
    patterns.is_empty() || patterns.into_iter().filter_map(Value::as_str).any(|pattern| matches(pattern, arn))
}

/// Whether a text is what a pattern with `*` and `?` says. At worst as many steps as the product of their lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while let Some(letter) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                p += 1;
                t += 1;
            }
            _ => {
                // The last star stands for one more letter.
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read() {
        for (pattern, text, yes) in [
            ("*", "sqs:sendmessage", true),
            ("sqs:*", "sqs:sendmessage", true),
            ("sqs:*message", "sqs:sendmessage", true),
            ("sqs:s?nd*", "sqs:sendmessage", true),
            ("sqs:send", "sqs:sendmessage", false),
            ("sqs:*x", "sqs:sendmessage", false),
            ("", "a", false),
            ("a*b*c", "aXbXbYc", true),
        ] {
            assert_eq!(matches(pattern, text), yes, "{pattern} {text}");
        }
    }
}
