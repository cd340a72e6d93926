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
    resources::{
        Origin, Resource, ResourceHandler, TagForm,
        properties::{members, unless_gone},
    },
};
use serde_json::{Map, Value};

use crate::Apis;

/// The code of errors for what is not there.
const GONE: &str = "NotFoundException";

/// A call that makes something under a physical id, or makes it anew when it is there.
struct Put<'a> {
    apis: &'a Apis,
    ctx: &'a Context,
    properties: Map<String, Value>,
    at: &'a str,
    there: bool,
}

/// What tells a thing from its neighbours.
enum Own {
    /// An id of so many letters. It comes of the resource's origin: after a crash the thing is found by it.
    Id(usize),
    /// A name that the template gives.
    Name(&'static str),
}

type Made<'a> = BoxFuture<'a, Result<Resource, ApiError>>;

/// Tells the properties that a resource has now, of those that are expected.
type Tell = fn(&Apis, &Context, &str, &Value) -> Result<Value, ApiError>;

/// A type: what it is called, what it understands, how it is made (or made anew in its place), told and removed.
struct Type {
    name: &'static str,
    properties: &'static [&'static str],
    replacing: &'static [&'static str],
    /// The properties that say what it is part of.
    within: &'static [&'static str],
    own: Own,
    put: for<'a> fn(Put<'a>) -> Made<'a>,
    read: fn(&Apis, &Context, &str) -> Result<Resource, ApiError>,
    live: Option<Tell>,
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

impl Handler {
    /// The physical id of what comes of an origin; `None`: the properties do not say where.
    fn at(&self, origin: &Origin, properties: &Value) -> Option<String> {
        let text = |name: &&str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        let own = match &self.of.own {
            Own::Id(letters) => origin.suffix(*letters).to_ascii_lowercase(),
            Own::Name(property) => text(property)?,
        };
        let within = self.of.within.iter().map(text);
        let parts: Vec<String> = within.chain([Some(own)]).collect::<Option<_>>()?;
        Some(parts.join("|"))
    }
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
    fn create<'a>(&'a self, ctx: &'a Context, origin: &'a Origin, properties: &'a Value) -> Made<'a> {
        Box::pin(async move {
            // Without a property that it needs, making it says so.
            let at = self.at(origin, properties).unwrap_or_default();
            let members = members(properties);
            let made =
                (self.of.put)(Put { apis: &self.apis, ctx, properties: members, at: &at, there: false });
            let made = made.await;
            if made.is_err() && matches!(self.of.own, Own::Id(_)) {
                // Whole or not at all.
                let _ = (self.of.delete)(&self.apis, ctx, &at).await;
            }
            made
        })
    }
    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            match self.at(origin, properties) {
                Some(at) => self.read(ctx, &at).await,
                None => Ok(None),
            }
        })
    }
    fn update<'a>(&'a self, ctx: &'a Context, id: &'a str, _: &'a Value, after: &'a Value) -> Made<'a> {
        Box::pin(async move {
            // What is gone is not made again behind the stack's back.
            (self.of.read)(&self.apis, ctx, id)?;
            let properties = members(after);
            (self.of.put)(Put { apis: &self.apis, ctx, properties, at: id, there: true }).await
        })
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move { unless_gone((self.of.delete)(&self.apis, ctx, id).await, GONE).map(drop) })
    }
    fn live<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        expected: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ApiError>> {
        let live = self.of.live.map(|live| live(&self.apis, ctx, id, expected)).transpose();
        Box::pin(std::future::ready(live))
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { unless_gone((self.of.read)(&self.apis, ctx, id), GONE) })
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
