//! The operations, one file per group of verbs. This file is the trait's implementation and nothing else: each line
//! hands on to its group.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod attribute_values;
pub(crate) mod batches;
pub(crate) mod listing;
pub(crate) mod messages;
pub(crate) mod moves;
pub(crate) mod outgoing;
pub(crate) mod permissions;
pub(crate) mod queues;
pub(crate) mod tags;

use moln_kernel::{ApiError, Context};
use moln_wire::{Constraint, Hooks, Operation, ValidationFailure, query::Params};

use crate::{
    Queues, errors,
    model::{
        AddPermissionRequest, CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult,
        ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityBatchResult,
        ChangeMessageVisibilityRequest, CreateQueueRequest, CreateQueueResult, DeleteMessageBatchRequest,
        DeleteMessageBatchResult, DeleteMessageRequest, DeleteQueueRequest, GetQueueAttributesRequest,
        GetQueueAttributesResult, GetQueueUrlRequest, GetQueueUrlResult, ListDeadLetterSourceQueuesRequest,
        ListDeadLetterSourceQueuesResult, ListMessageMoveTasksRequest, ListMessageMoveTasksResult,
        ListQueueTagsRequest, ListQueueTagsResult, ListQueuesRequest, ListQueuesResult, PurgeQueueRequest,
        ReceiveMessageRequest, ReceiveMessageResult, RemovePermissionRequest, SendMessageBatchRequest,
        SendMessageBatchResult, SendMessageRequest, SendMessageResult, SetQueueAttributesRequest, Sqs,
        StartMessageMoveTaskRequest, StartMessageMoveTaskResult, TagQueueRequest, UntagQueueRequest,
    },
};

impl Hooks for Queues {
    /// SQS names the first parameter that is missing, and judges values itself, in words of its own.
    fn translate(&self, _: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        let missing = failures.iter().find(|failure| failure.constraint == Constraint::Required)?;
        // Batch entries and attributes are judged one by one, each with its own words.
        (!missing.path.contains('.')).then(|| errors::missing_parameter(missing.member))
    }

    /// A receiver that has gone away takes no messages.
    fn ends_with_caller(&self, operation: &'static Operation) -> bool {
        operation.name == "ReceiveMessage"
    }

    /// A query request without `QueueUrl` is meant for the queue it was posted to.
    fn adopt(&self, _: &'static Operation, head: &http::request::Parts, params: &mut Params<'_>) {
        if params.contains("QueueUrl") || head.uri.path().trim_matches('/').is_empty() {
            return;
        }
        let host =
            head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        params.insert("QueueUrl", format!("http://{host}{}", head.uri.path()));
    }
}

impl Sqs for Queues {
    async fn add_permission(&self, ctx: &Context, input: AddPermissionRequest) -> Result<(), ApiError> {
        self.add_statement(ctx, input).await
    }
    async fn cancel_message_move_task(
        &self,
        ctx: &Context,
        input: CancelMessageMoveTaskRequest,
    ) -> Result<CancelMessageMoveTaskResult, ApiError> {
        self.cancel_move(ctx, &input).await
    }
    async fn change_message_visibility(
        &self,
        ctx: &Context,
        input: ChangeMessageVisibilityRequest,
    ) -> Result<(), ApiError> {
        self.change_one(ctx, input).await
    }
    async fn change_message_visibility_batch(
        &self,
        ctx: &Context,
        input: ChangeMessageVisibilityBatchRequest,
    ) -> Result<ChangeMessageVisibilityBatchResult, ApiError> {
        self.change_batch(ctx, input).await
    }
    async fn create_queue(
        &self,
        ctx: &Context,
        input: CreateQueueRequest,
    ) -> Result<CreateQueueResult, ApiError> {
        self.create(ctx, input).await
    }
    async fn delete_message(&self, ctx: &Context, input: DeleteMessageRequest) -> Result<(), ApiError> {
        self.delete_one(ctx, input).await
    }
    async fn delete_message_batch(
        &self,
        ctx: &Context,
        input: DeleteMessageBatchRequest,
    ) -> Result<DeleteMessageBatchResult, ApiError> {
        self.delete_batch(ctx, input).await
    }
    async fn delete_queue(&self, ctx: &Context, input: DeleteQueueRequest) -> Result<(), ApiError> {
        self.drop_queue(ctx, &input.queue_url).await
    }
    async fn get_queue_attributes(
        &self,
        ctx: &Context,
        input: GetQueueAttributesRequest,
    ) -> Result<GetQueueAttributesResult, ApiError> {
        self.attributes(ctx, input).await
    }
    async fn get_queue_url(
        &self,
        ctx: &Context,
        input: GetQueueUrlRequest,
    ) -> Result<GetQueueUrlResult, ApiError> {
        self.url(ctx, &input)
    }
    async fn list_dead_letter_source_queues(
        &self,
        ctx: &Context,
        input: ListDeadLetterSourceQueuesRequest,
    ) -> Result<ListDeadLetterSourceQueuesResult, ApiError> {
        self.list_sources(ctx, &input)
    }
    async fn list_message_move_tasks(
        &self,
        ctx: &Context,
        input: ListMessageMoveTasksRequest,
    ) -> Result<ListMessageMoveTasksResult, ApiError> {
        self.list_moves(ctx, &input)
    }
    async fn list_queue_tags(
        &self,
        ctx: &Context,
        input: ListQueueTagsRequest,
    ) -> Result<ListQueueTagsResult, ApiError> {
        self.list_tags(ctx, &input)
    }
    async fn list_queues(
        &self,
        ctx: &Context,
        input: ListQueuesRequest,
    ) -> Result<ListQueuesResult, ApiError> {
        self.list(ctx, &input)
    }
    async fn purge_queue(&self, ctx: &Context, input: PurgeQueueRequest) -> Result<(), ApiError> {
        self.purge(ctx, &input.queue_url).await
    }
    async fn receive_message(
        &self,
        ctx: &Context,
        input: ReceiveMessageRequest,
    ) -> Result<ReceiveMessageResult, ApiError> {
        self.receive(ctx, input).await
    }
    async fn remove_permission(&self, ctx: &Context, input: RemovePermissionRequest) -> Result<(), ApiError> {
        self.remove_statement(ctx, input).await
    }
    async fn send_message(
        &self,
        ctx: &Context,
        input: SendMessageRequest,
    ) -> Result<SendMessageResult, ApiError> {
        self.send_one(ctx, input).await
    }
    async fn send_message_batch(
        &self,
        ctx: &Context,
        input: SendMessageBatchRequest,
    ) -> Result<SendMessageBatchResult, ApiError> {
        self.send_batch(ctx, input).await
    }
    async fn set_queue_attributes(
        &self,
        ctx: &Context,
        input: SetQueueAttributesRequest,
    ) -> Result<(), ApiError> {
        self.set_attributes(ctx, input).await
    }
    async fn start_message_move_task(
        &self,
        ctx: &Context,
        input: StartMessageMoveTaskRequest,
    ) -> Result<StartMessageMoveTaskResult, ApiError> {
        self.start_move(ctx, input).await
    }
    async fn tag_queue(&self, ctx: &Context, input: TagQueueRequest) -> Result<(), ApiError> {
        self.tag(ctx, input).await
    }
    async fn untag_queue(&self, ctx: &Context, input: UntagQueueRequest) -> Result<(), ApiError> {
        self.untag(ctx, input).await
    }
}
