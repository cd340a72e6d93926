//! A session's own policies, and the room they take.

use moln_kernel::{ApiError, Arn};
use moln_policy::{Document, Fault};

use crate::{
    errors,
    limits::{PACKED_CHARS, POLICY_ARNS},
    model::PolicyDescriptorType,
    tags::SessionTags,
};

/// The ARNs of the managed policies that limit a session.
pub(crate) fn arns(asked: Option<Vec<PolicyDescriptorType>>) -> Result<Vec<String>, ApiError> {
    let asked: Vec<String> = asked.into_iter().flatten().filter_map(|policy| policy.arn).collect();
    if asked.len() > POLICY_ARNS {
        return Err(errors::validation(format!(
            "The number of policies exceeds the limit of {POLICY_ARNS} policies per session."
        )));
    }
    let is_policy = |arn: &str| {
        arn.parse::<Arn>().is_ok_and(|arn| arn.service() == "iam" && arn.resource().starts_with("policy/"))
    };
    match asked.iter().find(|arn| !is_policy(arn)) {
        Some(arn) => Err(errors::validation(format!("ARN {arn} is not valid."))),
        None => Ok(asked),
    }
}

/// Refuses what is not a policy that belongs to a principal.
pub(crate) fn check(policy: Option<&str>) -> Result<(), ApiError> {
    let Some(text) = policy else { return Ok(()) };
    let document = Document::parse(text).map_err(|fault| {
        errors::malformed_policy(match fault {
            Fault::Json => "The policy is not in the valid JSON format.",
            _ => "Syntax errors in policy.",
        })
    })?;
    for statement in &document.statements {
        let words = if statement.principals.is_some() {
            "Policy document should not specify a principal."
        } else if statement.actions.is_none() {
            "Policy statement must contain actions."
        } else if statement.resources.is_none() {
            "Policy statement must contain resources."
        } else {
            continue;
        };
        return Err(errors::malformed_policy(words));
    }
    Ok(())
}

/// How much of the room for policies and tags is taken, in percent; `None` when nothing was passed. An error above 100.
pub(crate) fn packed(
    policy: Option<&str>,
    arns: &[String],
    tags: &SessionTags,
) -> Result<Option<i32>, ApiError> {
    let texts = policy.into_iter().chain(arns.iter().map(String::as_str));
    let texts = texts.chain(tags.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    let chars: usize = texts.map(|text| text.chars().count()).sum();
    let percent = (chars * 100).div_ceil(PACKED_CHARS);
    match i32::try_from(percent) {
        Ok(0) => Ok(None),
        Ok(percent) if percent <= 100 => Ok(Some(percent)),
        _ => Err(errors::packed_too_large(percent)),
    }
}
