//! Another account's access to a queue: only as far as the queue's policy says. (The caller's own account is the front
//! door's to judge.) Statements with conditions or denials are not read in the caller's favour.

use moln_kernel::{ApiError, Context, Principal};
use serde_json::Value;

use crate::{errors, live::Queue};

/// Refuses what the queue's policy does not allow the caller's account.
pub(crate) fn allow(ctx: &Context, queue: &Queue, action: &str) -> Result<(), ApiError> {
    let meta = queue.meta();
    let policy = meta.row.attributes.get("Policy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let allowed = policy.is_some_and(|policy| {
        let statements = many(policy.get("Statement"));
        let concerns =
            |statement: &&Value| principal_matches(ctx, statement) && action_matches(action, statement);
        let denied = statements.iter().copied().filter(concerns).any(|s| is(s, "Effect", "Deny"));
        let granted = |s: &Value| is(s, "Effect", "Allow") && s.get("Condition").is_none();
        !denied && statements.iter().copied().filter(concerns).any(granted)
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
    many(statement.get("Action")).into_iter().filter_map(Value::as_str).any(|pattern| {
        let pattern = pattern.to_ascii_lowercase();
        let Some(name) = pattern.strip_prefix("sqs:").or((pattern == "*").then_some("*")) else {
            return false;
        };
        let action = action.to_ascii_lowercase();
        match name.strip_suffix('*') {
            Some(prefix) => action.starts_with(prefix),
            None => action == name,
        }
    })
}
