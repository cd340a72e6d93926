//! Custom resources: a function, or whoever listens to a topic, makes them, and answers at a URL.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{
    Timestamp,
    ids::Uuid,
    ports::InvocationType,
    resources::{Origin, Resource},
};
use serde_json::{Map, Value, json};

use super::{Refusal, generated};
use crate::{
    engine::{Run, Waited},
    limits,
    tables::{ANSWERS, ResourceRow},
};

/// Under which name somebody waits for an answer.
pub(crate) fn announced(request: &str) -> String {
    format!("answer/{request}")
}

/// Properties as functions get them: every flat value is a string.
fn texts(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => value.to_string().into(),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), texts(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// What a function answers.
#[derive(Default)]
struct Answer {
    success: bool,
    reason: String,
    physical_id: Option<String>,
    data: BTreeMap<String, Value>,
}

fn read(body: &str) -> Result<Answer, Refusal> {
    if body.len() > limits::CUSTOM_ANSWER {
        return Err(Refusal("Response object is too long.".to_owned()));
    }
    let invalid = |why: &str| Refusal(format!("Invalid response object: {why}"));
    let Ok(Value::Object(body)) = serde_json::from_str(body) else {
        return Err(invalid("it must be a JSON object"));
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = text("Status").ok_or_else(|| invalid("Status must be specified"))?;
    let data = match body.get("Data") {
        Some(Value::Object(data)) => data.clone().into_iter().collect(),
        None | Some(Value::Null) => BTreeMap::new(),
        Some(_) => return Err(invalid("Data must be a JSON object")),
    };
    let physical_id = text("PhysicalResourceId").filter(|id| !id.is_empty());
    if physical_id.as_ref().is_some_and(|id| id.len() > limits::PHYSICAL_ID) {
        return Err(Refusal("Response Data field PhysicalResourceId is too long.".to_owned()));
    }
    match status.as_str() {
        "SUCCESS" => Ok(Answer { success: true, reason: String::new(), physical_id, data }),
        "FAILED" => {
            let reason = text("Reason").unwrap_or_else(|| "No reason was given.".to_owned());
            Ok(Answer { success: false, reason, physical_id, data })
        }
        other => Err(invalid(&format!("Status {other} is neither SUCCESS nor FAILED"))),
    }
}

fn timeout(properties: &Value) -> Duration {
    let seconds =
        properties.get("ServiceTimeout").map(|value| texts(value).as_str().unwrap_or_default().to_owned());
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    seconds.unwrap_or(limits::CUSTOM_TIMEOUT).min(limits::CUSTOM_TIMEOUT)
}

/// Asks, and waits for the answer. What was asked before a crash is not asked for anew, only again, under the same id.
async fn ask(
    run: &Arc<Run>,
    row: &ResourceRow,
    kind: &str,
    old: Option<&Value>,
) -> Result<(String, Answer), Refusal> {
    let service = &run.service;
    let mut row = row.clone();
    let request = if let Some(request) = &row.request {
        request.clone()
    } else {
        let request = Uuid::random().to_string();
        row.request = Some(request.clone());
        row.deadline = Some(service.clock.now().after(timeout(&row.properties)).millis());
        run.remember(row.clone()).await?;
        request
    };
    let properties = match service.resolved(&run.ctx, &row.properties).await {
        // A secret that is gone keeps nothing alive.
        Err(_) if kind == "Delete" => Cow::Borrowed(&row.properties),
        resolved => resolved?,
    };
    let old = match old {
        Some(old) => Some(service.resolved(&run.ctx, old).await.unwrap_or(Cow::Borrowed(old))),
        None => None,
    };
    let token = properties.get("ServiceToken").and_then(Value::as_str).unwrap_or_default().to_owned();
    let event = {
        let mut event = json!({
            "RequestType": kind,
            "ServiceToken": token,
            "ResponseURL": service.response_url(run, &row.logical_id, &announced(&request)),
            "StackId": run.stack.id,
            "RequestId": request,
            "LogicalResourceId": row.logical_id,
            "ResourceType": row.type_name,
            "ResourceProperties": texts(&properties),
        });
        if let Some(members) = event.as_object_mut() {
            if kind != "Create" {
                members.insert("PhysicalResourceId".to_owned(), row.physical_id.clone().into());
            }
            if let Some(old) = old {
                members.insert("OldResourceProperties".to_owned(), texts(&old));
            }
        }
        event.to_string()
    };
    let what = announced(&request);
    let check = || {
        let found = ANSWERS.get(&*service.store.snapshot(), &[&what])?;
        Ok(found.and_then(|row| row.bodies.into_values().next()))
    };
    let deadline = row.deadline.map(Timestamp);
    if check()?.is_none() {
        send(run, &token, event).await?;
    }
    let body = match run.wait(&what, deadline, check).await? {
        Waited::Found(body) => body,
        Waited::Stopped => return Err(Refusal("Resource creation cancelled".to_owned())),
        Waited::Late => {
            return Err(Refusal(format!(
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [{request}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version."
            )));
        }
    };
    Ok((request, read(&body)?))
}

async fn send(run: &Arc<Run>, token: &str, event: String) -> Result<(), Refusal> {
    let service = &run.service;
    match token.split(':').nth(2) {
        Some("lambda") => {
            let functions = service.functions.as_ref();
            let functions = functions.ok_or_else(|| Refusal("There are no functions here.".to_owned()))?;
            functions
                .invoke(&run.ctx, token, Bytes::from(event), InvocationType::Event)
                .await
                .map_err(|error| Refusal(error.message))?;
            Ok(())
        }
        Some("sns") => {
            let topics = service.topics.as_ref();
            let topics = topics.ok_or_else(|| Refusal(format!("There are no topics here yet: {token}")))?;
            let subject = Some("AWS CloudFormation custom resource request");
            topics
                .publish(&run.ctx, token, subject, event, BTreeMap::new())
                .await
                .map_err(|error| Refusal(error.message))?;
            Ok(())
        }
        _ => Err(Refusal(format!(
            "Invalid service token: {token} is neither the ARN of a function nor of a topic."
        ))),
    }
}

fn refused(request: &str, answer: &Answer) -> Refusal {
    Refusal(format!(
        "Received response status [FAILED] from custom resource. Message returned: {} (RequestId: {request})",
        answer.reason
    ))
}

fn made(id: String, answer: Answer) -> Resource {
    Resource { reference: id.clone(), id, attributes: answer.data }
}

/// The id of what was perhaps made and never named.
fn unnamed(run: &Run, row: &ResourceRow) -> String {
    generated(&Origin {
        stack: run.stack.name.clone(),
        logical_id: row.logical_id.clone(),
        token: row.token.clone(),
    })
}

pub(super) async fn create(run: &Arc<Run>, row: &ResourceRow) -> Result<Resource, Refusal> {
    let asked = ask(run, row, "Create", None).await;
    let (id, result) = match asked {
        Ok((_, answer)) if answer.success => match answer.physical_id.clone() {
            Some(id) => return settle(run, row, Ok(made(id, answer))).await,
            None => (None, Refusal("Invalid PhysicalResourceId".to_owned())),
        },
        Ok((request, answer)) => (answer.physical_id.clone(), refused(&request, &answer)),
        Err(refusal) => (None, refusal),
    };
    // Whatever it has done is undone by a Delete, which needs an id.
    let mut row = run.current(row);
    row.physical_id = id.unwrap_or_else(|| unnamed(run, &row));
    row.request = None;
    run.remember(row).await?;
    Err(result)
}

pub(super) async fn update(run: &Arc<Run>, row: &ResourceRow, before: &Value) -> Result<Resource, Refusal> {
    let result = match ask(run, row, "Update", Some(before)).await {
        Ok((_, answer)) if answer.success => {
            let id = answer.physical_id.clone().unwrap_or_else(|| row.physical_id.clone());
            Ok(made(id, answer))
        }
        Ok((request, answer)) => Err(refused(&request, &answer)),
        Err(refusal) => Err(refusal),
    };
    settle(run, row, result).await
}

pub(super) async fn delete(run: &Arc<Run>, row: &ResourceRow) -> Result<(), Refusal> {
    // What an update has replaced shares its row with what replaced it: its request is not kept.
    let own = run.current(row).physical_id == row.physical_id;
    let mut asking = row.clone();
    if !own {
        asking.request = Some(Uuid::random().to_string());
        asking.deadline = Some(run.service.clock.now().after(timeout(&row.properties)).millis());
    }
    let result = match ask(run, &asking, "Delete", None).await {
        Ok((_, answer)) if answer.success => Ok(()),
        Ok((request, answer)) => Err(refused(&request, &answer)),
        Err(refusal) => Err(refusal),
    };
    if own { settle(run, row, result).await } else { result }
}

/// The request is over: the next step has one of its own.
async fn settle<T>(run: &Arc<Run>, row: &ResourceRow, result: Result<T, Refusal>) -> Result<T, Refusal> {
    let mut row = run.current(row);
    row.request = None;
    row.deadline = None;
    run.remember(row).await?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_values_travel_as_strings() {
        let properties = json!({"a": true, "b": [1, {"c": 2.5}], "d": "e", "f": null});
        assert_eq!(texts(&properties), json!({"a": "true", "b": ["1", {"c": "2.5"}], "d": "e", "f": null}));
    }

    #[test]
    fn answers_are_judged() {
        let good = read(r#"{"Status":"SUCCESS","PhysicalResourceId":"p","Data":{"A":1}}"#).unwrap();
        assert!(good.success && good.physical_id.as_deref() == Some("p") && good.data["A"] == 1);
        let bad = read(r#"{"Status":"FAILED","Reason":"because"}"#).unwrap();
        assert!(!bad.success && bad.reason == "because");
        for invalid in ["", "[]", "{}", r#"{"Status":"MAYBE"}"#, r#"{"Status":"SUCCESS","Data":[]}"#] {
            assert!(read(invalid).is_err(), "{invalid}");
        }
        assert!(read(&format!(r#"{{"Status":"SUCCESS","Data":{{"x":"{}"}}}}"#, "y".repeat(5_000))).is_err());
    }
}
