//! `AddPermission` and `RemovePermission`: statements of the queue's policy, found by their label.

use moln_kernel::{ApiError, Context};
use serde_json::{Map, Value, json};

use crate::{
    Queues, errors,
    limits::{LABEL_CHARS, PERMISSION_ACTIONS, POLICY_STATEMENTS},
    model::{AddPermissionRequest, RemovePermissionRequest},
    tables::QueueRow,
};

/// What a permission may grant.
const ACTIONS: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

fn policy(row: &QueueRow, arn: &str) -> Value {
    row.attributes
        .get("Policy")
        .and_then(|text| serde_json::from_str(text).ok())
        .filter(Value::is_object)
        .unwrap_or_else(
            || json!({"Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": []}),
        )
}

fn statements(policy: &mut Value) -> Vec<Value> {
    match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn one_or_many(values: Vec<String>) -> Value {
    match <[String; 1]>::try_from(values) {
        Ok([one]) => one.into(),
        Err(many) => many.into(),
    }
}

fn store(row: &mut QueueRow, mut policy: Value, statements: Vec<Value>) {
    if statements.is_empty() {
        row.attributes.remove("Policy");
        return;
    }
    if let Some(members) = policy.as_object_mut() {
        members.insert("Statement".into(), statements.into());
    }
    row.attributes.insert("Policy".into(), policy.to_string());
}

impl Queues {
    pub(crate) async fn add_statement(
        &self,
        ctx: &Context,
        input: AddPermissionRequest,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "AddPermission")?;
        let label = input.label;
        if label.is_empty() {
            return Err(errors::missing_parameter("Label"));
        }
        if label.len() > LABEL_CHARS || !label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        {
            return Err(errors::invalid_value(
                &label,
                "Label",
                "Must be alphanumeric, hyphens or underscores, 1 to 80 in length.",
            ));
        }
        if input.aws_account_ids.is_empty() {
            return Err(errors::missing_parameter("AWSAccountIds"));
        }
        if input.actions.is_empty() {
            return Err(errors::missing_parameter("Actions"));
        }
        if let Some(action) = input.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            return Err(errors::invalid_value(
                format!("SQS:{action}"),
                "ActionName",
                "Please refer to the appropriate WSDL for a list of valid actions.",
            ));
        }
        if input.actions.len() > PERMISSION_ACTIONS {
            return Err(errors::over_limit(format!(
                "{} Actions were found, maximum allowed is {PERMISSION_ACTIONS}.",
                input.actions.len()
            )));
        }
        let is_account = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(id) = input.aws_account_ids.iter().find(|id| !is_account(id)) {
            return Err(errors::invalid_value(id, "PrincipalId", "Unable to verify."));
        }
        let accounts = input.aws_account_ids.iter().map(|id| format!("arn:aws:iam::{id}:root")).collect();
        let actions = input.actions.iter().map(|action| format!("SQS:{action}")).collect();
        self.change_row(&queue, |row| {
            let mut policy = policy(row, &queue.arn);
            let mut statements = statements(&mut policy);
            if statements.iter().any(|statement| has_label(statement, &label)) {
                return Err(errors::invalid_value(&label, "Label", "Already exists."));
            }
            if statements.len() >= POLICY_STATEMENTS {
                return Err(errors::over_limit(format!(
                    "A queue's policy can have up to {POLICY_STATEMENTS} statements."
                )));
            }
            let mut statement = Map::new();
            statement.insert("Sid".into(), label.into());
            statement.insert("Effect".into(), "Allow".into());
            statement.insert("Principal".into(), json!({"AWS": one_or_many(accounts)}));
            statement.insert("Action".into(), one_or_many(actions));
            statement.insert("Resource".into(), (*queue.arn).into());
            statements.push(Value::Object(statement));
            store(row, policy, statements);
            Ok(())
        })
        .await
    }

    pub(crate) async fn remove_statement(
        &self,
        ctx: &Context,
        input: RemovePermissionRequest,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "RemovePermission")?;
        self.change_row(&queue, |row| {
            let mut policy = policy(row, &queue.arn);
            let mut statements = statements(&mut policy);
            let before = statements.len();
            statements.retain(|statement| !has_label(statement, &input.label));
            if statements.len() == before {
                return Err(errors::invalid_value(&input.label, "Label", "can't find label."));
            }
            store(row, policy, statements);
            Ok(())
        })
        .await
    }
}
