//! `AWS::Logs::LogStream`. `Ref` is the name.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::{generated, joined, need, parted, resource, text, unless_gone};
use crate::{
    LogGroups,
    model::{CreateLogStreamRequest, DeleteLogStreamRequest, Logs},
};

/// The handler.
pub struct StreamHandler(pub Arc<LogGroups>);

impl StreamHandler {
    fn find(&self, ctx: &Context, id: &str) -> Result<Resource, ApiError> {
        let (group, name) = parted(id)?;
        self.0.stream(&*self.0.group(ctx, group)?, name)?;
        Ok(resource(id.to_owned(), name, &[]))
    }
}

impl ResourceHandler for StreamHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Logs::LogStream"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["LogGroupName", "LogStreamName"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["LogGroupName", "LogStreamName"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let log_group_name = need(properties, "LogGroupName")?;
            let log_stream_name = text(properties, "LogStreamName").unwrap_or_else(|| generated(origin));
            let id = joined(&log_group_name, &log_stream_name);
            self.0.create_log_stream(ctx, CreateLogStreamRequest { log_group_name, log_stream_name }).await?;
            self.find(ctx, &id)
        })
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let group = need(properties, "LogGroupName")?;
            let name = text(properties, "LogStreamName").unwrap_or_else(|| generated(origin));
            self.read(ctx, &joined(&group, &name)).await
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        // Every property replaces.
        Box::pin(async move { self.find(ctx, id) })
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let (group, name) = parted(id)?;
            let input =
                DeleteLogStreamRequest { log_group_name: group.to_owned(), log_stream_name: name.to_owned() };
            unless_gone(self.0.delete_log_stream(ctx, input).await).map(drop)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { unless_gone(self.find(ctx, id)) })
    }
}
