//! Resource policies of functions.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_store::Batch;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::finding::{revision_id, unknown_qualifier};
use crate::{
    Lambda, errors, limits, model as m,
    names::LATEST,
    tables::{PolicyRow, Statement},
};

/// A statement as IAM's language has it, its members in the order in which AWS writes them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    sid: &'a str,
    effect: &'static str,
    principal: Value,
    action: &'a str,
    resource: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    condition: Map<String, Value>,
}

/// A policy as IAM's language has it, ordered in the same way.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy<'a> {
    version: &'static str,
    id: &'static str,
    statement: Vec<Document<'a>>,
}

impl<'a> Document<'a> {
    fn new(statement: &'a Statement, resource: &'a str) -> Self {
        let principal = match statement.principal.as_str() {
            "*" => json!("*"),
            account if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
                let partition = resource.split(':').nth(1).unwrap_or("aws");
                json!({"AWS": format!("arn:{partition}:iam::{account}:root")})
            }
            arn if arn.starts_with("arn:") => json!({"AWS": arn}),
            service => json!({"Service": service}),
        };
        let equals: Map<String, Value> = [
            ("AWS:SourceAccount", &statement.source_account),
            ("lambda:EventSourceToken", &statement.event_source_token),
            ("lambda:FunctionUrlAuthType", &statement.url_auth_type),
            ("aws:PrincipalOrgID", &statement.organization),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| (name.to_owned(), json!(value))))
        .collect();
        let mut condition = Map::new();
        if !equals.is_empty() {
            condition.insert("StringEquals".to_owned(), Value::Object(equals));
        }
        if let Some(arn) = &statement.source_arn {
            condition.insert("ArnLike".to_owned(), json!({"AWS:SourceArn": arn}));
        }
        if let Some(via) = statement.invoked_via_url {
            condition.insert("Bool".to_owned(), json!({"lambda:InvokedViaFunctionUrl": via.to_string()}));
        }
        Self {
            sid: &statement.sid,
            effect: "Allow",
            principal,
            action: &statement.action,
            resource,
            condition,
        }
    }
}

/// A statement's document.
pub(crate) fn document(statement: &Statement, resource: &str) -> String {
    written(&Document::new(statement, resource))
}

/// A policy's document.
pub(crate) fn policy(row: &PolicyRow, resource: &str) -> String {
    let statement = row.statements.iter().map(|statement| Document::new(statement, resource)).collect();
    written(&Policy { version: "2012-10-17", id: "default", statement })
}

/// Texts under names: nothing of it can fail to be written.
fn written(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// A principal is an account, an ARN, a service, or everyone.
fn is_principal(text: &str) -> bool {
    let account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let service = || text.split('.').count() >= 2 && text.contains(".amazon");
    let service_like = || service() || text.ends_with(".amazonaws.com") || text == "apigateway";
    text == "*" || account || text.starts_with("arn:") || service_like() || text.starts_with("alexa")
}

/// The words of a taken statement id.
pub(super) fn taken(sid: &str) -> ApiError {
    errors::conflict(format!(
        "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing \
         statement."
    ))
}

/// The words of a statement id that is not there.
pub(super) fn no_statement(sid: &str) -> ApiError {
    errors::not_found(format!("Statement {sid} is not found in resource policy."))
}

/// The words of a policy that is not there.
pub(super) fn no_policy() -> ApiError {
    errors::not_found("No policy is associated with the given resource.")
}

impl Lambda {
    pub(super) async fn permit(
        &self,
        ctx: &Context,
        input: m::AddPermissionRequest,
    ) -> Result<m::AddPermissionResponse, ApiError> {
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let (address, qualifier) = (named.address, named.qualifier);
        let arn = address.arn();
        let change = self.registry.change(&address).await;
        let before = change.before.clone().ok_or_else(|| errors::function_not_found(&arn, None))?;
        match qualifier.as_deref() {
            Some(LATEST) => {
                return Err(errors::invalid_parameter(
                    "We currently do not support adding policies for $LATEST.",
                ));
            }
            Some(name) if before.version(name).is_none() && !before.aliases.contains_key(name) => {
                return Err(unknown_qualifier(&arn, name));
            }
            _ => {}
        }
        if !is_principal(&input.principal) {
            return Err(errors::invalid_parameter(
                "The provided principal was invalid. Please check the principal and try again.",
            ));
        }
        let key = qualifier.clone().unwrap_or_default();
        let old = before.policies.get(&key);
        check_policy_revision(input.revision_id.as_deref(), old.map(|row| row.revision_id.as_str()))?;
        let mut row = old.map(|row| (**row).clone()).unwrap_or_default();
        if row.statements.iter().any(|statement| statement.sid == input.statement_id) {
            return Err(taken(&input.statement_id));
        }
        let statement = Statement {
            sid: input.statement_id,
            action: input.action,
            principal: input.principal,
            source_arn: input.source_arn,
            source_account: input.source_account,
            event_source_token: input.event_source_token,
            organization: input.principal_org_id,
            url_auth_type: input.function_url_auth_type,
            invoked_via_url: input.invoked_via_function_url,
        };
        let resource = if key.is_empty() { arn } else { format!("{arn}:{key}") };
        let told = document(&statement, &resource);
        row.statements.push(statement);
        row.revision_id = revision_id();
        let size = policy(&row, &resource).len();
        if size > limits::POLICY_BYTES {
            return Err(errors::policy_length(format!(
                "The final policy size ({size}) is bigger than the limit ({}).",
                limits::POLICY_BYTES
            )));
        }
        let mut after = (*before).clone();
        after.policies.insert(key, Arc::new(row));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(m::AddPermissionResponse { statement: Some(told) })
    }

    pub(super) async fn forbid(
        &self,
        ctx: &Context,
        input: m::RemovePermissionRequest,
    ) -> Result<(), ApiError> {
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let (address, qualifier) = (named.address, named.qualifier);
        let arn = address.arn();
        let change = self.registry.change(&address).await;
        let before =
            change.before.clone().ok_or_else(|| errors::not_found(format!("No policy found for: {arn}")))?;
        if let Some(name) = qualifier.as_deref()
            && before.version(name).is_none()
            && !before.aliases.contains_key(name)
        {
            return Err(unknown_qualifier(&arn, name));
        }
        let key = qualifier.unwrap_or_default();
        let old = before.policies.get(&key).ok_or_else(no_policy)?;
        let mut row = (**old).clone();
        let at = row.statements.iter().position(|statement| statement.sid == input.statement_id);
        let at = at.ok_or_else(|| no_statement(&input.statement_id))?;
        check_policy_revision(input.revision_id.as_deref(), Some(&old.revision_id))?;
        row.statements.remove(at);
        row.revision_id = revision_id();
        let mut after = (*before).clone();
        if row.statements.is_empty() {
            after.policies.remove(&key);
        } else {
            after.policies.insert(key, Arc::new(row));
        }
        change.commit(Batch::default(), Some(after)).await?;
        Ok(())
    }

    pub(super) fn policy(
        &self,
        ctx: &Context,
        input: &m::GetPolicyRequest,
    ) -> Result<m::GetPolicyResponse, ApiError> {
        let nothing = || errors::not_found("The resource you requested does not exist.");
        let found = self.look_up(ctx, &input.function_name, input.qualifier.as_deref())?;
        let key = found.named.qualifier.clone().unwrap_or_default();
        let row = found.facts.policies.get(&key).ok_or_else(nothing)?;
        let arn = &found.function.arn;
        let resource = if key.is_empty() { arn.to_string() } else { format!("{arn}:{key}") };
        Ok(m::GetPolicyResponse {
            policy: Some(policy(row, &resource)),
            revision_id: Some(row.revision_id.clone()),
        })
    }
}

fn check_policy_revision(given: Option<&str>, latest: Option<&str>) -> Result<(), ApiError> {
    match given {
        Some(given) if Some(given) != latest => Err(errors::stale("GetPolicy")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_the_order_of_aws() {
        let statement = Statement {
            sid: "logs".into(),
            action: "lambda:InvokeFunction".into(),
            principal: "logs.amazonaws.com".into(),
            source_arn: Some("arn:aws:logs:us-east-1:000000000000:log-group:g:*".into()),
            source_account: Some("000000000000".into()),
            event_source_token: None,
            organization: None,
            url_auth_type: None,
            invoked_via_url: None,
        };
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let expected = format!(
            r#"{{"Sid":"logs","Effect":"Allow","Principal":{{"Service":"logs.amazonaws.com"}},"Action":"lambda:InvokeFunction","Resource":"{arn}","Condition":{{"ArnLike":{{"AWS:SourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:g:*"}},"StringEquals":{{"AWS:SourceAccount":"000000000000"}}}}}}"#
        );
        assert_eq!(document(&statement, arn), expected);
        let everyone =
            Statement { principal: "*".into(), source_arn: None, source_account: None, ..statement };
        let row = PolicyRow { statements: vec![everyone], ..PolicyRow::default() };
        assert_eq!(
            policy(&row, arn),
            format!(
                r#"{{"Version":"2012-10-17","Id":"default","Statement":[{{"Sid":"logs","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"{arn}"}}]}}"#
            )
        );
    }
}
