//! Resource types as services write them.

use serde_json::Value;

use super::{Origin, Resource, ResourceHandler};
use crate::{ApiError, Context, clock::BoxFuture};

/// A resource type of a template, as a service writes it. Whoever is one is a [`ResourceHandler`].
pub trait ResourceType: Send + Sync {
    /// `AWS::SQS::Queue`.
    const NAME: &'static str;
    /// Every property it understands. A template that sets another one must not be deployed.
    const PROPERTIES: &'static [&'static str];
    /// The properties whose change makes a new resource instead of changing the old one.
    const REPLACING: &'static [&'static str];

    /// As [`ResourceHandler::create`].
    fn create(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> impl Future<Output = Result<Resource, ApiError>> + Send;

    /// As [`ResourceHandler::find`].
    fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> impl Future<Output = Result<Option<Resource>, ApiError>> + Send {
        let _ = (ctx, origin, properties);
        std::future::ready(Ok(None))
    }

    /// As [`ResourceHandler::update`].
    fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> impl Future<Output = Result<Resource, ApiError>> + Send;

    /// As [`ResourceHandler::delete`].
    fn delete(
        &self,
        ctx: &Context,
        id: &str,
        properties: &Value,
    ) -> impl Future<Output = Result<(), ApiError>> + Send;

    /// As [`ResourceHandler::read`].
    fn read(
        &self,
        ctx: &Context,
        id: &str,
    ) -> impl Future<Output = Result<Option<Resource>, ApiError>> + Send;

    /// As [`ResourceHandler::live`].
    fn live(
        &self,
        ctx: &Context,
        id: &str,
        expected: &Value,
    ) -> impl Future<Output = Result<Option<Value>, ApiError>> + Send {
        let _ = (ctx, id, expected);
        std::future::ready(Ok(None))
    }
}

impl<T: ResourceType> ResourceHandler for T {
    fn type_name(&self) -> &'static str {
        T::NAME
    }
    fn properties(&self) -> &'static [&'static str] {
        T::PROPERTIES
    }
    fn replacing(&self) -> &'static [&'static str] {
        T::REPLACING
    }
    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(ResourceType::create(self, ctx, origin, properties))
    }
    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(ResourceType::find(self, ctx, origin, properties))
    }
    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(ResourceType::update(self, ctx, id, before, after))
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(ResourceType::delete(self, ctx, id, properties))
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(ResourceType::read(self, ctx, id))
    }
    fn live<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        expected: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ApiError>> {
        Box::pin(ResourceType::live(self, ctx, id, expected))
    }
}
