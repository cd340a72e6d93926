//! A stack, from the outside: made, changed, removed, and watched until that is done.

use std::time::Duration;

use moln_wire::{schema::TimestampFormat, time};
use roxmltree::Node;
use tokio::time::sleep;

use super::progress::{Event, Progress};
use crate::{
    aws::{Aws, Refusal, child, find, members},
    failure::Failure,
};

/// Between two looks at what is happening.
const EVERY: Duration = Duration::from_millis(50);
/// What CloudFormation says when a template is the one that is deployed.
const UNCHANGED: &str = "No updates are to be performed.";

/// A stack of some name.
pub(crate) struct Stack<'a> {
    pub(crate) aws: &'a Aws<'a>,
    pub(crate) name: &'a str,
}

/// How it stands.
pub(crate) struct State {
    pub(crate) id: String,
    pub(crate) status: String,
    /// Key, value, description.
    pub(crate) outputs: Vec<[String; 3]>,
}

/// What to deploy.
pub(crate) struct Wanted {
    pub(crate) template_url: String,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) disable_rollback: bool,
}

/// A resource of a stack.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Resource {
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// What a deployment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Created,
    Updated,
    Unchanged,
}

impl Stack<'_> {
    /// How it stands; `None`: there is none.
    pub(crate) async fn state(&self) -> Result<Option<State>, Failure> {
        self.state_of(self.name).await
    }

    async fn state_of(&self, name: &str) -> Result<Option<State>, Failure> {
        let input = [("StackName".to_owned(), name.to_owned())];
        let answer = match self.aws.stacks("DescribeStacks", &input).await {
            Ok(answer) => answer,
            Err(Refusal::Said { code, message, .. })
                if code == "ValidationError" && message.ends_with("does not exist") =>
            {
                return Ok(None);
            }
            Err(refusal) => return Err(refusal.failure()),
        };
        let document = answer.xml()?;
        let Some(stack) = members(document.root_element(), "Stacks").first().copied() else {
            return Ok(None);
        };
        let text = |node: Node<'_, '_>, name| child(node, name).unwrap_or_default().to_owned();
        let outputs = members(stack, "Outputs").into_iter();
        Ok(Some(State {
            id: text(stack, "StackId"),
            status: text(stack, "StackStatus"),
            outputs: outputs
                .map(|output| ["OutputKey", "OutputValue", "Description"].map(|name| text(output, name)))
                .collect(),
        }))
    }

    /// Makes the stack, or changes it to what is wanted, and waits for it.
    pub(crate) async fn apply(&self, wanted: &Wanted, progress: &mut Progress) -> Result<Applied, Failure> {
        let there = match self.state().await? {
            // A creation that was rolled back left nothing but its name.
            Some(state) if state.status == "ROLLBACK_COMPLETE" || state.status == "ROLLBACK_FAILED" => {
                self.remove(progress).await?;
                None
            }
            Some(state) if state.status == "REVIEW_IN_PROGRESS" => {
                self.remove(progress).await?;
                None
            }
            other => other,
        };
        let mut seen = match &there {
            Some(state) => self.newest_event(&state.id).await?,
            None => None,
        };
        let mut input = vec![
            ("StackName".to_owned(), self.name.to_owned()),
            ("TemplateURL".to_owned(), wanted.template_url.clone()),
        ];
        let capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
        for (capability, n) in capabilities.iter().zip(1..) {
            input.push((format!("Capabilities.member.{n}"), (*capability).to_owned()));
        }
        for ((key, value), n) in wanted.parameters.iter().zip(1..) {
            input.push((format!("Parameters.member.{n}.ParameterKey"), key.clone()));
            input.push((format!("Parameters.member.{n}.ParameterValue"), value.clone()));
        }
        for ((key, value), n) in wanted.tags.iter().zip(1..) {
            input.push((format!("Tags.member.{n}.Key"), key.clone()));
            input.push((format!("Tags.member.{n}.Value"), value.clone()));
        }
        if wanted.disable_rollback {
            input.push(("DisableRollback".to_owned(), "true".to_owned()));
        }
        let (action, applied) = match there {
            Some(_) => ("UpdateStack", Applied::Updated),
            None => ("CreateStack", Applied::Created),
        };
        let answer = match self.aws.stacks(action, &input).await {
            Ok(answer) => answer,
            Err(Refusal::Said { message, .. }) if message == UNCHANGED => return Ok(Applied::Unchanged),
            Err(refusal) => return Err(refusal.failure()),
        };
        let document = answer.xml()?;
        let id = find(document.root_element(), "StackId").unwrap_or(self.name).to_owned();
        let status = self.watch(&id, &mut seen, progress).await?;
        match status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" => Ok(applied),
            _ => Err(Failure::new(format!("the stack {} ended as {status}.", self.name)).next(
                if wanted.disable_rollback {
                    "What failed, and why, stands above. What was made stays: mend it and deploy again, or remove it."
                } else {
                    "What failed first, and why, stands above. Nothing of it is left half made."
                },
            )),
        }
    }

    /// Removes the stack and waits for it.
    pub(crate) async fn remove(&self, progress: &mut Progress) -> Result<(), Failure> {
        let Some(state) = self.state().await? else { return Ok(()) };
        let mut seen = self.newest_event(&state.id).await?;
        let input = [("StackName".to_owned(), state.id.clone())];
        self.aws.stacks("DeleteStack", &input).await.map_err(Refusal::failure)?;
        let status = self.watch(&state.id, &mut seen, progress).await?;
        if status == "DELETE_COMPLETE" {
            return Ok(());
        }
        Err(Failure::new(format!("the stack {} ended as {status}.", self.name))
            .next("What could not be removed, and why, stands above."))
    }

    /// Shows what happens until nothing does. Gives the status it ends in.
    async fn watch(
        &self,
        id: &str,
        seen: &mut Option<String>,
        progress: &mut Progress,
    ) -> Result<String, Failure> {
        loop {
            // The state first: what happened before it ended is then among the events.
            let status = self.state_of(id).await?.map_or("DELETE_COMPLETE".to_owned(), |state| state.status);
            for event in self.events_since(id, seen).await? {
                progress.event(&event);
            }
            if !status.ends_with("_IN_PROGRESS") {
                return Ok(status);
            }
            sleep(EVERY).await;
        }
    }

    async fn newest_event(&self, id: &str) -> Result<Option<String>, Failure> {
        let mut seen = None;
        self.events_page(id, None, &mut |event_id, _| {
            seen.get_or_insert(event_id);
            false
        })
        .await?;
        Ok(seen)
    }

    /// The events after the one named, the oldest first; moves the name on.
    async fn events_since(&self, id: &str, seen: &mut Option<String>) -> Result<Vec<Event>, Failure> {
        let (mut events, mut newest, mut next) = (Vec::new(), None, None);
        loop {
            let mut more = true;
            let token = self
                .events_page(id, next, &mut |event_id, event| {
                    more = seen.as_deref() != Some(event_id.as_str());
                    if more {
                        newest.get_or_insert(event_id);
                        events.push(event);
                    }
                    more
                })
                .await?;
            next = token.filter(|_| more);
            if next.is_none() {
                break;
            }
        }
        if newest.is_some() {
            *seen = newest;
        }
        events.reverse();
        Ok(events)
    }

    /// Walks through a page of events, the newest first, while told to go on; gives the next page's token.
    async fn events_page(
        &self,
        id: &str,
        token: Option<String>,
        each: &mut (dyn FnMut(String, Event) -> bool + Send),
    ) -> Result<Option<String>, Failure> {
        let mut input = vec![("StackName".to_owned(), id.to_owned())];
        input.extend(token.map(|token| ("NextToken".to_owned(), token)));
        let answer = self.aws.stacks("DescribeStackEvents", &input).await.map_err(Refusal::failure)?;
        let document = answer.xml()?;
        for event in members(document.root_element(), "StackEvents") {
            let text = |name| child(event, name).unwrap_or_default().to_owned();
            let shown = Event {
                logical_id: text("LogicalResourceId"),
                kind: text("ResourceType"),
                status: text("ResourceStatus"),
                reason: child(event, "ResourceStatusReason").map(str::to_owned),
                at: time::parse(&text("Timestamp"), TimestampFormat::DateTime).unwrap_or_default(),
            };
            if !each(text("EventId"), shown) {
                return Ok(None);
            }
        }
        Ok(find(document.root_element(), "NextToken").map(str::to_owned))
    }

    /// Its resources.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>, Failure> {
        let (mut resources, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut input = vec![("StackName".to_owned(), self.name.to_owned())];
            input.extend(next.take().map(|token| ("NextToken".to_owned(), token)));
            let answer = self.aws.stacks("ListStackResources", &input).await.map_err(Refusal::failure)?;
            let document = answer.xml()?;
            for resource in members(document.root_element(), "StackResourceSummaries") {
                let text = |name| child(resource, name).unwrap_or_default().to_owned();
                if text("ResourceStatus") != "DELETE_COMPLETE" {
                    resources.push(Resource {
                        logical_id: text("LogicalResourceId"),
                        kind: text("ResourceType"),
                        id: text("PhysicalResourceId"),
                    });
                }
            }
            next = find(document.root_element(), "NextToken").map(str::to_owned);
            if next.is_none() {
                return Ok(resources);
            }
        }
    }
}
