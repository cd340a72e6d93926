//! Who may do what, by functions' resource policies.

use moln_kernel::{AccountId, ApiError, Context, Principal};

use crate::{core::Resolved, errors, tables::Statement};

/// `*` and `?` as IAM has them.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on when the last star has to take one character more.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

fn allows(statement: &Statement, action: &str) -> bool {
    like(&statement.action.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// The statements that concern what was resolved: the qualifier's own, or the function's.
fn statements(target: &Resolved) -> impl Iterator<Item = &Statement> {
    let key = target.qualifier.as_deref().unwrap_or_default();
    target.facts.policies.get(key).into_iter().flat_map(|row| &row.statements)
}

/// Whether a service may act for a source.
pub(crate) fn lets_service(target: &Resolved, service: &str, source: &str, action: &str) -> bool {
    let account = source.split(':').nth(4).unwrap_or_default();
    statements(target).any(|statement| {
        let who = statement.principal == "*" || statement.principal == service;
        let arn = statement.source_arn.as_deref().is_none_or(|pattern| like(pattern, source));
        // An ARN without an account (S3's buckets) does not tell whose it is; the condition is then not refuted by it.
        let owner =
            statement.source_account.as_deref().is_none_or(|wanted| account.is_empty() || wanted == account);
        who && arn && owner && statement.event_source_token.is_none() && allows(statement, action)
    })
}

/// Whether another account may act.
pub(crate) fn lets_account(target: &Resolved, account: &AccountId, action: &str) -> bool {
    statements(target).any(|statement| {
        let principal = statement.principal.as_str();
        let named = principal == account.as_str() || principal.split(':').nth(4) == Some(account.as_str());
        let conditions = statement.source_arn.is_some()
            || statement.source_account.is_some()
            || statement.organization.is_some()
            || statement.event_source_token.is_some();
        (principal == "*" || named) && !conditions && allows(statement, action)
    })
}

/// The error of one who may not.
pub(crate) fn denied(ctx: &Context, action: &str, resource: &str) -> ApiError {
    let who = match &ctx.principal {
        Principal::Arn(arn) => arn.to_string(),
        _ => format!("arn:aws:iam::{}:root", ctx.account),
    };
    errors::access_denied(format!(
        "User: {who} is not authorized to perform: {action} on resource: {resource} because no resource-based policy allows \
         the {action} action"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, is) in [
            ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket", true),
            ("arn:aws:s3:::b*", "arn:aws:s3:::bucket", true),
            ("*:rule/*", "arn:aws:events:eu-west-1:1:rule/x", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbY", false),
        ] {
            assert_eq!(like(pattern, text), is, "{pattern} {text}");
        }
    }
}
