//! What a service offers to templates: one handler for each `CloudFormation` resource type it owns. The engine that
//! orders resources and resolves references is elsewhere; a handler sees plain JSON properties.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{ApiError, Context, clock::BoxFuture};

/// A resource as it stands: what `Ref` and `Fn::GetAtt` give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// The physical id, by which update, delete and read find it again.
    pub id: String,
    /// What `Ref` gives.
    pub reference: String,
    /// What `Fn::GetAtt` gives, by attribute name.
    pub attributes: BTreeMap<String, Value>,
}

/// Where a resource comes from: its generated name is made of these.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The stack's name.
    pub stack: String,
    /// The logical id in the template.
    pub logical_id: String,
}

/// A resource type of a template.
pub trait ResourceHandler: Send + Sync {
    /// `AWS::SQS::Queue`.
    fn type_name(&self) -> &'static str;

    /// Every property it understands. A template that sets another one must not be deployed.
    fn properties(&self) -> &'static [&'static str];

    /// The properties whose change makes a new resource instead of changing the old one.
    fn replacing(&self) -> &'static [&'static str];

    /// Makes the resource, whole or not at all.
    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>>;

    /// Changes the resource in place. `before` are the properties it was made or last changed with.
    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>>;

    /// Removes the resource. One that is gone already is no error.
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>>;

    /// The resource as it stands; `None`: it is gone.
    fn read<'a>(&'a self, ctx: &'a Context, id: &'a str)
    -> BoxFuture<'a, Result<Option<Resource>, ApiError>>;

    /// Whether going from one set of properties to another makes a new resource.
    fn replaces(&self, before: &Value, after: &Value) -> bool {
        self.replacing().iter().any(|name| before.get(name) != after.get(name))
    }
}
