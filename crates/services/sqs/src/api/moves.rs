//! Message move tasks.

use moln_kernel::{ApiError, Context};

use crate::{
    Queues,
    model::{
        CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest,
        ListMessageMoveTasksResult, StartMessageMoveTaskRequest, StartMessageMoveTaskResult,
    },
};

impl Queues {
    pub(crate) async fn start_move(
        &self,
        _: &Context,
        _: StartMessageMoveTaskRequest,
    ) -> Result<StartMessageMoveTaskResult, ApiError> {
        Err(ApiError::not_implemented("SQS", "StartMessageMoveTask"))
    }
    pub(crate) async fn cancel_move(
        &self,
        _: &Context,
        _: &CancelMessageMoveTaskRequest,
    ) -> Result<CancelMessageMoveTaskResult, ApiError> {
        Err(ApiError::not_implemented("SQS", "CancelMessageMoveTask"))
    }
    pub(crate) fn list_moves(
        &self,
        _: &Context,
        _: &ListMessageMoveTasksRequest,
    ) -> Result<ListMessageMoveTasksResult, ApiError> {
        Err(ApiError::not_implemented("SQS", "ListMessageMoveTasks"))
    }
}
