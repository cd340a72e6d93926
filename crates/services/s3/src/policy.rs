//! Bucket policies: what S3 demands of one beyond the language, and whether it opens the bucket to everyone.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html>

use moln_kernel::ApiError;
use moln_policy::{Document, Effect, Fault, Statement};

use crate::errors;

/// A bucket's policy.
pub(crate) struct Policy(Document);

pub(crate) fn malformed(words: impl Into<String>) -> ApiError {
    errors::other(400, "MalformedPolicy", words)
}

impl Policy {
    /// Reads a policy for a bucket.
    pub(crate) fn parse(text: &str, bucket: &str) -> Result<Self, ApiError> {
        if !text.trim_start().starts_with('{') {
            return Err(malformed("Policies must be valid JSON and the first byte must be '{'"));
        }
        let document = Document::parse(text).map_err(|fault| match fault {
            Fault::Json => malformed("This policy contains invalid Json"),
            Fault::Effect => malformed("Invalid effect"),
            Fault::Syntax | Fault::Both => malformed("This policy contains a syntax error"),
        })?;
        if document.statements.is_empty() {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        for statement in &document.statements {
            check(statement, bucket)?;
        }
        Ok(Self(document))
    }

    /// The document, to judge by.
    pub(crate) fn document(&self) -> &Document {
        &self.0
    }

    /// Whether it gives everyone something: an `Allow` for `*` that no condition narrows to fixed values.
    pub(crate) fn is_public(&self) -> bool {
        self.0.statements.iter().any(|statement| {
            statement.effect == Effect::Allow
                && statement.principals.as_ref().is_some_and(|principals| {
                    principals.negated || principals.names.iter().any(|(_, name)| name == "*")
                })
                && !statement.conditions.iter().any(|condition| {
                    NARROWING.iter().any(|key| condition.key.eq_ignore_ascii_case(key))
                        && condition.values.iter().all(|value| !value.contains('*'))
                })
        })
    }
}

/// The condition keys that make a statement for everyone one for somebody.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>
const NARROWING: [&str; 12] = [
    "aws:SourceIp",
    "aws:SourceArn",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:SourceOwner",
    "aws:SourceAccount",
    "aws:userid",
    "aws:PrincipalOrgID",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:DataAccessPointArn",
];

fn check(statement: &Statement, bucket: &str) -> Result<(), ApiError> {
    let Some(principals) = &statement.principals else {
        return Err(malformed("Missing required field Principal"));
    };
    let known = |kind: &str, name: &str| match kind {
        "AWS" => {
            name == "*"
                || moln_kernel::AccountId::parse(name).is_some()
                || name.starts_with("arn:aws:iam::")
                || name.starts_with("arn:aws:sts::")
        }
        "Service" | "Federated" | "CanonicalUser" | "*" => true,
        _ => false,
    };
    if principals.names.iter().any(|(kind, name)| !known(kind, name)) {
        return Err(malformed("Invalid principal in policy"));
    }
    let Some(actions) = &statement.actions else {
        return Err(malformed("Missing required field Action"));
    };
    if actions.patterns.iter().any(|action| action != "*" && !action.to_ascii_lowercase().starts_with("s3:"))
    {
        return Err(malformed("Policy has invalid action"));
    }
    let Some(resources) = &statement.resources else {
        return Err(malformed("Missing required field Resource"));
    };
    let arn = format!("arn:aws:s3:::{bucket}");
    let ours = |resource: &String| {
        resource.strip_prefix(arn.as_str()).map_or_else(
            || could_be(resource, &arn),
            |rest| rest.is_empty() || rest.starts_with(['/', '*', '?']),
        )
    };
    if resources.patterns.iter().all(ours) { Ok(()) } else { Err(malformed("Policy has invalid resource")) }
}

/// Whether a pattern with wildcards before the end of the bucket's name can mean the bucket or something in it.
fn could_be(pattern: &str, arn: &str) -> bool {
    pattern != "*"
        && pattern.contains(['*', '?'])
        && (moln_policy::matches(pattern, arn) || moln_policy::matches(pattern, &format!("{arn}/x")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(principal: &str, action: &str, resource: &str, rest: &str) -> Result<Policy, ApiError> {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"{action}",
            "Resource":"{resource}"{rest}}}]}}"#
        );
        Policy::parse(&text, "b")
    }

    #[test]
    fn policies_are_checked() {
        policy(r#""*""#, "s3:GetObject", "arn:aws:s3:::b/*", "").unwrap();
        policy(r#"{"AWS":"111111111111"}"#, "s3:*", "arn:aws:s3:::b", "").unwrap();
        for bad in [
            policy(r#""*""#, "s3:GetObject", "arn:aws:s3:::other/*", ""),
            policy(r#""*""#, "sqs:Send", "arn:aws:s3:::b/*", ""),
            policy(r#"{"AWS":"me"}"#, "s3:GetObject", "arn:aws:s3:::b/*", ""),
            Policy::parse("[]", "b"),
            Policy::parse("{", "b"),
            Policy::parse("", "b"),
        ] {
            assert_eq!(bad.err().unwrap().code, "MalformedPolicy");
        }
    }

    #[test]
    fn open_ones_are_known() {
        let open = |principal, rest| {
            policy(principal, "s3:GetObject", "arn:aws:s3:::b/*", rest).unwrap().is_public()
        };
        assert!(open(r#""*""#, "") && open(r#"{"AWS":["*"]}"#, ""));
        assert!(!open(r#"{"AWS":"111111111111"}"#, ""));
        assert!(!open(r#""*""#, r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#));
    }
}
