//! The `CloudFormation` types of HTTP and WebSocket APIs: `AWS::ApiGatewayV2::Api`, `ApiMapping`, `Authorizer`,
//! `Deployment`, `DomainName`, `Integration`, `IntegrationResponse`, `Model`, `Route`, `RouteResponse`, `Stage`, `VpcLink`.
//!
//! A physical id is everything that finds the thing again, joined by bars: `API|ROUTE|RESPONSE`; `Ref` gives its own id.

mod api;
mod domain;
mod parts;
mod properties;
mod stage;

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler, TagForm},
};
use serde_json::{Map, Value};

use crate::Apis;

/// A call on something that may be there already: `at` is its physical id then.
struct Put<'a> {
    apis: &'a Apis,
    ctx: &'a Context,
    properties: Map<String, Value>,
    at: Option<&'a str>,
}

type Made<'a> = BoxFuture<'a, Result<Resource, ApiError>>;

/// A type: what it is called, what it understands, how it is made (or made anew in its place), told and removed.
struct Type {
    name: &'static str,
    properties: &'static [&'static str],
    replacing: &'static [&'static str],
    put: for<'a> fn(Put<'a>) -> Made<'a>,
    read: fn(&Apis, &Context, &str) -> Result<Resource, ApiError>,
    delete: for<'a> fn(&'a Apis, &'a Context, &'a str) -> BoxFuture<'a, Result<(), ApiError>>,
}

struct Handler {
    apis: Arc<Apis>,
    of: &'static Type,
}

/// A handler for each type.
pub fn handlers(apis: &Arc<Apis>) -> Vec<Box<dyn ResourceHandler>> {
    let types =
        [&api::API, &stage::STAGE, &stage::DEPLOYMENT, &domain::DOMAIN, &domain::MAPPING, &domain::LINK];
    let handler =
        |of: &'static Type| Box::new(Handler { apis: Arc::clone(apis), of }) as Box<dyn ResourceHandler>;
    types.into_iter().chain(parts::TYPES).map(handler).collect()
}

impl ResourceHandler for Handler {
    fn type_name(&self) -> &'static str {
        self.of.name
    }

    fn tag_form(&self) -> Option<TagForm> {
        self.properties().contains(&"Tags").then_some(TagForm::Map)
    }
    fn properties(&self) -> &'static [&'static str] {
        self.of.properties
    }
    fn replacing(&self) -> &'static [&'static str] {
        self.of.replacing
    }
    fn create<'a>(&'a self, ctx: &'a Context, _: &'a Origin, properties: &'a Value) -> Made<'a> {
        (self.of.put)(Put { apis: &self.apis, ctx, properties: properties::members(properties), at: None })
    }
    fn update<'a>(&'a self, ctx: &'a Context, id: &'a str, _: &'a Value, after: &'a Value) -> Made<'a> {
        (self.of.put)(Put { apis: &self.apis, ctx, properties: properties::members(after), at: Some(id) })
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move { unless_gone((self.of.delete)(&self.apis, ctx, id).await).map(drop) })
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { unless_gone((self.of.read)(&self.apis, ctx, id)) })
    }
}

/// What is gone already is no error.
fn unless_gone<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code == "NotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

/// A resource by the parts of its physical id; the last one is its own. It is its reference, and the attribute `own`.
fn resource(parts: &[&str], own: &str, further: &[(&str, Option<String>)]) -> Resource {
    let id = parts.last().copied().unwrap_or_default();
    let further =
        further.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?.into())));
    Resource {
        id: parts.join("|"),
        reference: id.to_owned(),
        attributes: std::iter::once((own.to_owned(), id.into())).chain(further).collect(),
    }
}

/// The parts of a physical id.
fn parted<const N: usize>(id: &str) -> Result<[&str; N], ApiError> {
    let parts: Vec<&str> = id.split('|').collect();
    parts.try_into().map_err(|_| ApiError::sender("ValidationError", "The physical id is not valid."))
}
