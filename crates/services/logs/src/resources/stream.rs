//! `AWS::Logs::LogStream`. `Ref` is the name.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::{joined, name_of, parted, required, unless_gone};
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
        Ok(Resource::new(id).called(name))
    }
}

impl ResourceType for StreamHandler {
    const NAME: &'static str = "AWS::Logs::LogStream";
    const PROPERTIES: &'static [&'static str] = &["LogGroupName", "LogStreamName"];
    const REPLACING: &'static [&'static str] = &["LogGroupName", "LogStreamName"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let log_group_name = required(properties, "LogGroupName")?;
        let log_stream_name = name_of(origin, properties, "LogStreamName");
        let id = joined(&log_group_name, &log_stream_name);
        self.0.create_log_stream(ctx, CreateLogStreamRequest { log_group_name, log_stream_name }).await?;
        self.find(ctx, &id)
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let group = required(properties, "LogGroupName")?;
        let name = name_of(origin, properties, "LogStreamName");
        self.read(ctx, &joined(&group, &name)).await
    }

    async fn update(&self, ctx: &Context, id: &str, _: &Value, _: &Value) -> Result<Resource, ApiError> {
        // Every property replaces.
        self.find(ctx, id)
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let (group, name) = parted(id)?;
        let input =
            DeleteLogStreamRequest { log_group_name: group.to_owned(), log_stream_name: name.to_owned() };
        unless_gone(self.0.delete_log_stream(ctx, input).await).map(drop)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.find(ctx, id))
    }
}
