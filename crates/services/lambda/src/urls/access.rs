//! Who may visit a function URL.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>

use moln_kernel::{Context, Principal};
use moln_wire::site::Visitor;

use crate::tables::{PolicyRow, Statement};

/// Whether a visitor is let in. `policy`: of the function, or the alias the URL is of. `owner`: the function's account.
pub(crate) fn allows(
    auth_type: &str,
    policy: Option<&PolicyRow>,
    ctx: &Context,
    visitor: &Visitor,
    owner: &str,
) -> bool {
    let granted = || {
        let statements = policy.map_or(&[][..], |policy| &policy.statements);
        statements.iter().any(|statement| grants(statement, auth_type, ctx))
    };
    if auth_type == "NONE" {
        return granted();
    }
    match visitor {
        // Of the own account its policies decide; of another one the function's has to say so, too.
        Visitor::Verified | Visitor::Claimed => ctx.account.as_str() == owner || granted(),
        Visitor::Anonymous | Visitor::Refused(_) => false,
    }
}

fn grants(statement: &Statement, auth_type: &str, ctx: &Context) -> bool {
    let action = matches!(statement.action.as_str(), "lambda:InvokeFunctionUrl" | "lambda:*" | "*");
    let auth = statement.url_auth_type.as_deref().is_none_or(|wanted| wanted == auth_type);
    // A URL has no source, nor an organization that is known.
    let bound = statement.source_arn.is_some()
        || statement.source_account.is_some()
        || statement.event_source_token.is_some()
        || statement.organization.is_some()
        || statement.invoked_via_url == Some(false);
    action && auth && !bound && names(&statement.principal, auth_type, ctx)
}

fn names(principal: &str, auth_type: &str, ctx: &Context) -> bool {
    if principal == "*" {
        return true;
    }
    let account = ctx.account.as_str();
    let root = principal.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::"));
    let is_root = root.is_some_and(|(_, rest)| rest.strip_suffix(":root") == Some(account));
    let role = ctx.caller.as_ref().and_then(|caller| caller.session.as_ref()?.role_arn.as_deref());
    auth_type != "NONE"
        && (principal == account
            || is_root
            || role == Some(principal)
            || matches!(&ctx.principal, Principal::Arn(arn) if **arn == *principal))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use moln_kernel::{Endpoint, Timestamp};

    use super::*;

    fn ctx(account: &str) -> Context {
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "x".into() });
        Context::internal(
            account.into(),
            "us-east-1".into(),
            Principal::Account(account.into()),
            endpoint,
            Timestamp(0),
        )
    }

    fn policy(principal: &str, auth: Option<&str>) -> PolicyRow {
        let statement = Statement {
            action: "lambda:InvokeFunctionUrl".into(),
            principal: principal.into(),
            url_auth_type: auth.map(Into::into),
            ..Statement::default()
        };
        PolicyRow { statements: vec![statement], ..PolicyRow::default() }
    }

    #[test]
    fn an_open_url_needs_a_policy_that_says_so() {
        let (me, nobody) = (ctx("111122223333"), Visitor::Anonymous);
        let open = |policy: Option<&PolicyRow>| allows("NONE", policy, &me, &nobody, "111122223333");
        assert!(!open(None));
        assert!(open(Some(&policy("*", Some("NONE")))));
        assert!(open(Some(&policy("*", None))));
        assert!(!open(Some(&policy("*", Some("AWS_IAM")))));
        assert!(!open(Some(&policy("111122223333", Some("NONE")))));
        let mut other = policy("*", Some("NONE"));
        other.statements[0].action = "lambda:InvokeFunction".into();
        assert!(!open(Some(&other)));
        other = policy("*", Some("NONE"));
        other.statements[0].source_arn = Some("arn:aws:s3:::b".into());
        assert!(!open(Some(&other)));
    }

    #[test]
    fn a_closed_url_wants_a_signature() {
        let (me, stranger) = (ctx("111122223333"), ctx("999999999999"));
        let closed = |ctx: &Context, visitor: &Visitor, policy: Option<&PolicyRow>| {
            allows("AWS_IAM", policy, ctx, visitor, "111122223333")
        };
        assert!(closed(&me, &Visitor::Verified, None));
        assert!(!closed(&me, &Visitor::Anonymous, Some(&policy("*", None))));
        assert!(!closed(&stranger, &Visitor::Verified, None));
        assert!(closed(&stranger, &Visitor::Verified, Some(&policy("999999999999", Some("AWS_IAM")))));
        assert!(closed(&stranger, &Visitor::Verified, Some(&policy("arn:aws:iam::999999999999:root", None))));
        assert!(!closed(&stranger, &Visitor::Verified, Some(&policy("888888888888", None))));
    }
}
