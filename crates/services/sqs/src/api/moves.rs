//! Message move tasks: starting, listing, cancelling. The moving itself is the background's.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use moln_kernel::{ApiError, Context, ids::Uuid};
use serde_json::{Value, json};

use crate::{
    Queues, errors,
    limits::{LIST_TASKS, MOVE_TASKS, MOVES_PER_SECOND},
    live::Queue,
    model::{
        CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest,
        ListMessageMoveTasksResult, ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest,
        StartMessageMoveTaskResult,
    },
    tables::{Status, Task},
};

fn handle(task: &Task) -> String {
    STANDARD.encode(json!({"taskId": task.id, "sourceArn": task.source}).to_string())
}

fn read_handle(handle: &str) -> Option<(String, String)> {
    let json: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    text("taskId").zip(text("sourceArn"))
}

impl Queues {
    /// A queue of the caller's that a task names.
    fn own(&self, ctx: &Context, arn: &str, parameter: &str) -> Result<Arc<Queue>, ApiError> {
        if arn.is_empty() {
            return Err(errors::missing_parameter(parameter));
        }
        self.core.find_arn(arn).filter(|queue| *queue.address.account == *ctx.account.as_str()).ok_or_else(
            || {
                errors::resource_not_found(format!(
                    "The resource that you specified for the {parameter} parameter doesn't exist."
                ))
            },
        )
    }

    pub(crate) async fn start_move(
        &self,
        ctx: &Context,
        input: StartMessageMoveTaskRequest,
    ) -> Result<StartMessageMoveTaskResult, ApiError> {
        let source = self.own(ctx, &input.source_arn, "SourceArn")?;
        if let Some(rate) = input.max_number_of_messages_per_second
            && !(1..=MOVES_PER_SECOND).contains(&rate)
        {
            return Err(errors::invalid_value(
                rate,
                "MaxNumberOfMessagesPerSecond",
                &format!("Must be between 1 and {MOVES_PER_SECOND}, if provided."),
            ));
        }
        if let Some(arn) = &input.destination_arn {
            let destination = self.own(ctx, arn, "DestinationArn")?;
            if destination.id == source.id {
                return Err(errors::invalid_value(arn, "DestinationArn", "It must not be the source queue."));
            }
            if destination.fifo != source.fifo {
                return Err(errors::invalid_value(
                    arn,
                    "DestinationArn",
                    "It must be of the source queue's type.",
                ));
            }
        }
        if self.sources(&source).is_empty() {
            return Err(errors::invalid_parameter("Source queue must be configured as a Dead Letter Queue."));
        }
        let to_move = source.counts(&self.core).await?.visible;
        let _turn = self.creating.lock().await;
        if self.core.tasks.active_of(source.id) {
            return Err(errors::invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given \
                 time.",
            ));
        }
        if self.core.tasks.active().len() >= MOVE_TASKS {
            return Err(errors::over_limit(format!(
                "At most {MOVE_TASKS} message move tasks can run at a time."
            )));
        }
        let task = Task {
            id: Uuid::random().to_string(),
            source: input.source_arn,
            destination: input.destination_arn,
            rate: input.max_number_of_messages_per_second,
            started: self.core.clock.now().millis(),
            to_move,
            ..Task::default()
        };
        let task_handle = Some(handle(&task));
        self.core.tasks.add(&self.core, source.id, task).await?;
        self.core.changed();
        Ok(StartMessageMoveTaskResult { task_handle })
    }

    pub(crate) async fn cancel_move(
        &self,
        ctx: &Context,
        input: &CancelMessageMoveTaskRequest,
    ) -> Result<CancelMessageMoveTaskResult, ApiError> {
        if input.task_handle.is_empty() {
            return Err(errors::missing_parameter("TaskHandle"));
        }
        let (id, source) = read_handle(&input.task_handle)
            .ok_or_else(|| errors::invalid_parameter("Value for parameter TaskHandle is invalid."))?;
        let source = self.own(ctx, &source, "SourceArn")?;
        let _turn = self.creating.lock().await;
        let (stamp, task) = self
            .core
            .tasks
            .of(source.id)
            .into_iter()
            .find(|(_, task)| task.id == id)
            .ok_or_else(|| errors::resource_not_found("Task does not exist."))?;
        if task.status != Status::Running {
            return Err(errors::invalid_parameter("Only active tasks can be cancelled."));
        }
        let moved = self.core.tasks.end(&self.core, source.id, stamp, Status::Cancelling, None).await?;
        self.core.changed();
        Ok(CancelMessageMoveTaskResult { approximate_number_of_messages_moved: i64::try_from(moved).ok() })
    }

    pub(crate) fn list_moves(
        &self,
        ctx: &Context,
        input: &ListMessageMoveTasksRequest,
    ) -> Result<ListMessageMoveTasksResult, ApiError> {
        let source = self.own(ctx, &input.source_arn, "SourceArn")?;
        let max = input.max_results.unwrap_or(1);
        if !(1..=LIST_TASKS).contains(&max) {
            return Err(errors::invalid_value(
                max,
                "MaxResults",
                &format!("Must be between 1 and {LIST_TASKS}, if provided."),
            ));
        }
        let tasks = self.core.tasks.of(source.id).into_iter().rev().take(usize::try_from(max).unwrap_or(1));
        let results: Vec<_> = tasks
            .map(|(_, task)| ListMessageMoveTasksResultEntry {
                task_handle: (task.status == Status::Running).then(|| handle(&task)),
                status: Some(task.status.as_str().to_owned()),
                source_arn: Some(task.source),
                destination_arn: task.destination,
                max_number_of_messages_per_second: task.rate,
                approximate_number_of_messages_moved: i64::try_from(task.moved).ok(),
                approximate_number_of_messages_to_move: i64::try_from(task.to_move).ok(),
                failure_reason: task.failure,
                started_timestamp: i64::try_from(task.started).ok(),
            })
            .collect();
        Ok(ListMessageMoveTasksResult { results: (!results.is_empty()).then_some(results) })
    }
}
