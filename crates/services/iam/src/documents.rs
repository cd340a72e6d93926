//! Whether a document is a policy of its kind, in AWS's words.
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use moln_kernel::{AccountId, ApiError, Arn};
use moln_policy::{Document, Fault, Principals, Statement};

use crate::errors::malformed;

/// A policy that belongs to a role, user or group. `managed`: it stands alone and must be of the present version.
pub fn check_identity(text: &str, managed: bool) -> Result<(), ApiError> {
    let document = Document::parse(text).map_err(|_| malformed("Syntax errors in policy."))?;
    check_version(&document, managed)?;
    check_sids(&document.statements)?;
    document.statements.iter().try_for_each(check_statement)
}

fn check_version(document: &Document, present: bool) -> Result<(), ApiError> {
    match document.version.as_deref() {
        Some("2012-10-17") => Ok(()),
        Some("2008-10-17") | None if !present => Ok(()),
        Some("2008-10-17") | None => Err(malformed("Policy document must be version 2012-10-17 or greater.")),
        Some(_) => Err(malformed("The policy must contain a valid version string.")),
    }
}

fn check_sids(statements: &[Statement]) -> Result<(), ApiError> {
    let sids =
        || statements.iter().filter_map(|statement| statement.sid.as_deref()).filter(|sid| !sid.is_empty());
    if sids().any(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
             [0-9A-Za-z]*",
        ));
    }
    if sids().enumerate().any(|(n, sid)| sids().take(n).any(|other| other == sid)) {
        return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
    }
    Ok(())
}

fn check_statement(statement: &Statement) -> Result<(), ApiError> {
    if statement.principals.is_some() {
        return Err(malformed("Policy document should not specify a principal."));
    }
    let Some(actions) = statement.actions.as_ref().filter(|names| !names.patterns.is_empty()) else {
        return Err(malformed("Policy statement must contain actions."));
    };
    for action in &actions.patterns {
        check_action(action)?;
    }
    let Some(resources) = statement.resources.as_ref().filter(|names| !names.patterns.is_empty()) else {
        return Err(malformed("Policy statement must contain resources."));
    };
    for resource in &resources.patterns {
        check_resource(resource)?;
    }
    Ok(())
}

fn check_action(action: &str) -> Result<(), ApiError> {
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
    };
    if name.contains(':') || name.is_empty() {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    if vendor.is_empty() || !vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(malformed(format!("Vendor {vendor} is not valid")));
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), ApiError> {
    if resource == "*" {
        return Ok(());
    }
    let mut parts = resource.splitn(6, ':');
    if parts.next() != Some("arn") {
        return Err(malformed(format!("Resource {resource} must be in ARN format or \"*\".")));
    }
    let partition = parts.next().unwrap_or_default();
    if !(partition.starts_with("aws") || partition.contains('*')) {
        return Err(malformed(format!(
            "Partition \"{partition}\" is not valid for resource \"{}\".",
            resource.replacen("arn:", "", 1)
        )));
    }
    // A star may stand for the parts behind it.
    if parts.count() < 4 && !resource.contains('*') {
        return Err(malformed("The policy failed legacy parsing"));
    }
    Ok(())
}

/// A role's trust policy. `known`: whether an ARN names a role or user that is there, for those of the own account.
pub fn check_trust(
    text: &str,
    account: &AccountId,
    known: &dyn Fn(&Arn) -> Result<bool, ApiError>,
) -> Result<(), ApiError> {
    let document = Document::parse(text).map_err(|fault| match fault {
        Fault::Json => malformed("This policy contains invalid Json"),
        _ => malformed("Syntax errors in policy."),
    })?;
    check_version(&document, false)?;
    if document.statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    for statement in &document.statements {
        if statement.resources.is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        let Some(principals) = &statement.principals else {
            return Err(malformed("Missing required field Principal"));
        };
        let Some(actions) = &statement.actions else {
            return Err(malformed("Missing required field Action"));
        };
        let fits = |action: &String| action.to_ascii_lowercase().starts_with("sts:") || action == "*";
        if !actions.patterns.iter().all(fits) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
        check_principals(principals, account, known)?;
    }
    Ok(())
}

fn check_principals(
    principals: &Principals,
    account: &AccountId,
    known: &dyn Fn(&Arn) -> Result<bool, ApiError>,
) -> Result<(), ApiError> {
    if principals.names.is_empty() {
        return Err(malformed("Missing required field Principal cannot be empty!"));
    }
    for (kind, name) in &principals.names {
        let fits = match kind.as_str() {
            "AWS" => name == "*" || AccountId::parse(name).is_some() || is_principal(name, account, known)?,
            "Service" => is_service(name),
            "Federated" => name.starts_with("arn:") || name.contains('.'),
            _ => true,
        };
        if !fits {
            let kind = if kind == "Service" { "SERVICE" } else { kind };
            return Err(malformed(format!("Invalid principal in policy: \"{kind}\":\"{name}\"")));
        }
    }
    Ok(())
}

fn is_principal(
    name: &str,
    account: &AccountId,
    known: &dyn Fn(&Arn) -> Result<bool, ApiError>,
) -> Result<bool, ApiError> {
    let Ok(arn) = name.parse::<Arn>() else { return Ok(false) };
    let kind = arn.resource().split('/').next().unwrap_or_default();
    Ok(match (arn.service(), kind) {
        ("iam", "root") | ("sts", "assumed-role" | "federated-user") => true,
        // Of other accounts nobody can know.
        ("iam", "role" | "user") => arn.account() != account.as_str() || known(&arn)?,
        _ => false,
    })
}

/// `lambda.amazonaws.com`, also with a region, or of another partition.
fn is_service(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"]
        .into_iter()
        .filter_map(|end| name.strip_suffix(end))
        .any(|service| service.split('.').all(label))
}

/// Characters that count against a quota.
pub fn chars(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(statement: &str) -> String {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
        check_identity(&text, true).map_or_else(|error| error.message, |()| String::new())
    }

    #[test]
    fn identity_policies_are_judged() {
        assert_eq!(identity(r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}"#), "");
        assert_eq!(identity(r#"{"Effect": "Deny", "NotAction": ["*"], "NotResource": "*"}"#), "");
        for (statement, words) in [
            (r#"{"Effect": "Allow", "Resource": "*"}"#, "Policy statement must contain actions."),
            (r#"{"Effect": "Allow", "Action": "s3:*"}"#, "Policy statement must contain resources."),
            (r#"{"Effect": "Allow", "Action": "get", "Resource": "*"}"#, "must be prefaced by a vendor"),
            (r#"{"Effect": "Allow", "Action": "a b:c", "Resource": "*"}"#, "Vendor a b is not valid"),
            (r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}"#, "must be in ARN format"),
            (r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}"#, "a principal"),
            (r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "a-b"}"#, "alpha-numeric"),
            (r#"{"Effect": "allow", "Action": "s3:*", "Resource": "*"}"#, "Syntax errors in policy."),
        ] {
            assert!(identity(statement).contains(words), "{statement}: {}", identity(statement));
        }
        let old = r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
        assert!(check_identity(old, false).is_ok());
        assert!(check_identity(old, true).unwrap_err().message.contains("2012-10-17 or greater"));
        assert_eq!(check_identity("{", false).unwrap_err().code, "MalformedPolicyDocumentException");
    }

    #[test]
    fn trust_policies_are_judged() {
        let trust = |principal: &str, more: &str| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {principal} {more}}}}}"#
            );
            let known = |arn: &Arn| Ok(arn.resource() == "role/here");
            check_trust(&text, &"111122223333".into(), &known)
                .map_or_else(|error| error.message, |()| String::new())
        };
        for good in [
            r#""*""#,
            r#"{"AWS": "111122223333", "Service": "lambda.amazonaws.com"}"#,
            r#"{"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::999999999999:user/x"]}"#,
            r#"{"AWS": "arn:aws:iam::111122223333:role/here"}"#,
            r#"{"Service": "logs.eu-west-1.amazonaws.com"}"#,
        ] {
            assert_eq!(trust(good, ""), "", "{good}");
        }
        for (bad, words) in [
            (
                r#"{"AWS": "arn:aws:iam::111122223333:role/gone"}"#,
                "\"AWS\":\"arn:aws:iam::111122223333:role/gone\"",
            ),
            (r#"{"AWS": "nobody"}"#, "Invalid principal in policy: \"AWS\":\"nobody\""),
            (r#"{"Service": "lambda"}"#, "Invalid principal in policy: \"SERVICE\":\"lambda\""),
        ] {
            assert!(trust(bad, "").contains(words), "{bad}");
        }
        assert!(trust(r#""*""#, r#", "Resource": "*""#).contains("prohibited field Resource"));
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(chars("{ \"a\"\n}"), 5);
    }
}
