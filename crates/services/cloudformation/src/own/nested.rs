//! `AWS::CloudFormation::Stack`: a stack within a stack. `Ref` is its id; `GetAtt` knows `Outputs.NAME`.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::resources::{Origin, Resource};
use serde_json::Value;

use super::{Refusal, generated};
use crate::{
    api::{Beginning, Change},
    core::{self, uid_of},
    engine::{Run, Waited},
    limits,
    tables::{NAMES, ResourceRow, STACKS, StackRow},
};

pub(super) const PROPERTIES: &[&str] =
    &["NotificationARNs", "Parameters", "Tags", "TemplateURL", "TimeoutInMinutes"];

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // A list for a parameter that is one.
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// What the properties ask for.
fn beginning(run: &Run, properties: &Value) -> Result<Beginning, Refusal> {
    let url = properties.get("TemplateURL").and_then(Value::as_str);
    let url = url.ok_or_else(|| Refusal("Property TemplateURL cannot be empty.".to_owned()))?;
    let parameters = properties.get("Parameters").and_then(Value::as_object);
    let parameters = parameters.into_iter().flatten().map(|(name, value)| (name.clone(), text(value)));
    let tags = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let tag = |tag: &Value| Some((text(tag.get("Key")?), text(tag.get("Value")?)));
    let mut tags: Vec<(String, String)> = tags.filter_map(tag).collect();
    for (key, value) in &run.stack.config.tags {
        if !tags.iter().any(|(own, _)| own == key) {
            tags.push((key.clone(), value.clone()));
        }
    }
    let topics = properties.get("NotificationARNs").and_then(Value::as_array).into_iter().flatten();
    let minutes = properties.get("TimeoutInMinutes").map(text).and_then(|text| text.parse().ok());
    Ok(Beginning {
        url: url.to_owned(),
        parameters: parameters.collect(),
        tags,
        capabilities: run.stack.config.capabilities.clone(),
        notifications: topics.map(text).collect(),
        timeout: minutes,
        role: run.stack.config.role.clone(),
    })
}

/// Waits until a nested stack has come to rest.
async fn rested(run: &Arc<Run>, uid: &str) -> Result<StackRow, Refusal> {
    let service = &run.service;
    let place = [run.stack.account.as_str(), run.stack.region.as_str(), uid];
    let check = || {
        let stack = STACKS.get(&*service.store.snapshot(), &place)?;
        Ok(stack.filter(|stack| !stack.is_busy()))
    };
    match run.wait_patiently(&format!("stack/{uid}"), check).await? {
        Waited::Found(stack) => Ok(stack),
        Waited::Late | Waited::Stopped => Err(Refusal("Resource creation cancelled".to_owned())),
    }
}

fn described(stack: &StackRow) -> Resource {
    let outputs = stack.config.outputs.iter();
    let attributes: BTreeMap<String, Value> =
        outputs.map(|output| (format!("Outputs.{}", output.key), output.value.clone().into())).collect();
    Resource { id: stack.id.clone(), reference: stack.id.clone(), attributes }
}

fn why(stack: &StackRow, what: &str) -> Refusal {
    let reason = stack.reason.as_deref().unwrap_or_default();
    Refusal(format!("Embedded stack {} was not successfully {what}: {reason}", stack.id))
}

pub(super) async fn create(run: &Arc<Run>, origin: &Origin, row: &ResourceRow) -> Result<Resource, Refusal> {
    let service = &run.service;
    let name: String = {
        let suffix = origin.suffix(12);
        let whole = generated(origin);
        if whole.len() <= 128 {
            whole
        } else {
            format!("{}-{suffix}", whole.chars().take(115).collect::<String>())
        }
    };
    let place = [run.stack.account.as_str(), run.stack.region.as_str()];
    let there = NAMES.get(&*service.store.snapshot(), &[place[0], place[1], &name])?;
    let uid = if let Some(uid) = there {
        // A crash came between.
        uid
    } else {
        let depth = core::depth(service, &run.stack)?;
        if depth >= limits::NESTING {
            return Err(Refusal(format!("Stacks cannot be nested deeper than {}.", limits::NESTING)));
        }
        let child = beginning(run, &row.properties)?;
        let parent = (run.stack.id.clone(), run.stack.root.clone().unwrap_or_else(|| run.stack.id.clone()));
        let id = service
            .create_nested(&run.ctx, &name, child, parent)
            .await
            .map_err(|error| Refusal(error.message))?;
        uid_of(&id).to_owned()
    };
    let mut known = run.current(row);
    known.physical_id = STACKS
        .get(&*service.store.snapshot(), &[place[0], place[1], &uid])?
        .map(|stack| stack.id)
        .unwrap_or_default();
    run.initiated(known).await?;
    let stack = rested(run, &uid).await?;
    if stack.status == "CREATE_COMPLETE" { Ok(described(&stack)) } else { Err(why(&stack, "created")) }
}

pub(super) async fn update(run: &Arc<Run>, row: &ResourceRow) -> Result<Resource, Refusal> {
    let uid = uid_of(&row.physical_id);
    // After a crash it may be at it already.
    let place = [run.stack.account.as_str(), run.stack.region.as_str(), uid];
    let busy = STACKS.get(&*run.service.store.snapshot(), &place)?.is_some_and(|stack| stack.is_busy());
    if !busy {
        let child = beginning(run, &row.properties)?;
        let begun = run.service.update_nested(&run.ctx, &row.physical_id, child).await;
        if let Change::Nothing(stack) = begun.map_err(|error| Refusal(error.message))? {
            return Ok(described(&stack));
        }
    }
    let stack = rested(run, uid).await?;
    if stack.status == "UPDATE_COMPLETE" { Ok(described(&stack)) } else { Err(why(&stack, "updated")) }
}

pub(super) async fn delete(run: &Arc<Run>, row: &ResourceRow) -> Result<(), Refusal> {
    let uid = uid_of(&row.physical_id);
    let place = [run.stack.account.as_str(), run.stack.region.as_str(), uid];
    match STACKS.get(&*run.service.store.snapshot(), &place)? {
        None => return Ok(()),
        Some(stack) if stack.status == "DELETE_COMPLETE" => return Ok(()),
        Some(stack) if stack.is_busy() => drop(rested(run, uid).await?),
        Some(_) => {}
    }
    run.service.delete_nested(&run.ctx, &row.physical_id).await.map_err(|error| Refusal(error.message))?;
    let stack = rested(run, uid).await?;
    if stack.status == "DELETE_COMPLETE" { Ok(()) } else { Err(why(&stack, "deleted")) }
}
