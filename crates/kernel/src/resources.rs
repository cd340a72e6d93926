//! What a service offers to templates: one handler for each `CloudFormation` resource type it owns. The engine that
//! orders resources and resolves references is elsewhere; a handler sees plain JSON properties.

pub mod properties;
mod resource_type;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use resource_type::ResourceType;

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

impl Resource {
    /// A resource whose `Ref` is its id.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self { reference: id.clone(), id, attributes: BTreeMap::new() }
    }

    /// The same with another `Ref`.
    pub fn called(mut self, reference: impl Into<String>) -> Self {
        self.reference = reference.into();
        self
    }

    /// The same with an attribute; one that is `None` is left out.
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.attributes.insert(attribute.to_owned(), value);
        }
        self
    }
}

/// Where a resource comes from: its generated name is made of these.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The stack's name.
    pub stack: String,
    /// The logical id in the template.
    pub logical_id: String,
    /// What tells this making of the resource from every other one, and stays the same when it is repeated after a crash;
    /// empty: every generated name is another one.
    pub token: String,
}

impl Origin {
    /// `STACK-LOGICALID-SUFFIX`, its beginning cut where the whole would be longer than `most` characters.
    pub fn name(&self, most: usize) -> String {
        let suffix = self.suffix(12);
        let room = most.saturating_sub(suffix.len() + 1);
        let stem: String = format!("{}-{}", self.stack, self.logical_id).chars().take(room).collect();
        format!("{stem}-{suffix}")
    }

    /// The random-looking end of a generated name: upper-case base 32 letters (at most 25), the same ones for the same
    /// origin.
    pub fn suffix(&self, letters: usize) -> String {
        if self.token.is_empty() {
            return crate::ids::base32_id("", letters);
        }
        let mut hash = Sha256::new();
        for part in [&self.stack, &self.logical_id, &self.token] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let bits = hash.finalize().iter().take(16).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        crate::ids::base32_of(bits, letters)
    }
}

/// Live properties without what the template does not say: services fill in defaults, which are nobody's drift.
pub fn as_expected(expected: &Value, live: Value) -> Value {
    match (expected, live) {
        (Value::Object(expected), Value::Object(live)) => {
            let said = live.into_iter().filter_map(|(name, value)| {
                let value = as_expected(expected.get(&name)?, value);
                Some((name, value))
            });
            Value::Object(said.collect())
        }
        (Value::Array(expected), Value::Array(live)) => {
            let said = live.into_iter().enumerate();
            said.map(|(n, value)| as_expected(expected.get(n).unwrap_or(&Value::Null), value)).collect()
        }
        (_, live) => live,
    }
}

/// How a type's `Tags` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagForm {
    /// `[{"Key": …, "Value": …}]`
    List,
    /// `{"key": "value"}`
    Map,
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

    /// What a create of this origin and these properties makes, when it is there already. Asked before a resource is made
    /// (a name of the template's own may be taken), and again when a create was cut off by a crash: what is found then is
    /// the resource, and [`ResourceHandler::update`] from no properties makes it whole. `None`: it is not there, or it
    /// cannot be told; then create is called, again if need be.
    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        let _ = (ctx, origin, properties);
        Box::pin(std::future::ready(Ok(None)))
    }

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

    /// The properties the resource has now, in the form in which a template would write them: those of `expected` that can
    /// be told, null where one is not set any more. What the template does not say is nobody's drift, so that it is not
    /// told. `None`: the type does not tell, and nothing is claimed of it. Asked only of a resource that is there.
    fn live<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        expected: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ApiError>> {
        let _ = (ctx, id, expected);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// How the type writes tags, when it knows them.
    fn tag_form(&self) -> Option<TagForm> {
        self.properties().contains(&"Tags").then_some(TagForm::List)
    }

    /// Whether going from one set of properties to another makes a new resource.
    fn replaces(&self, before: &Value, after: &Value) -> bool {
        self.replacing().iter().any(|name| before.get(name) != after.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_name_keeps_its_end() {
        let origin = Origin { stack: "shop".into(), logical_id: "Orders".into(), token: "t".into() };
        let name = origin.name(64);
        assert!(name.starts_with("shop-Orders-") && name.ends_with(&origin.suffix(12)), "{name}");
        assert_eq!(origin.name(20), format!("shop-Or-{}", origin.suffix(12)));
    }

    #[test]
    fn a_resource_tells_what_there_is() {
        let resource = Resource::new("g|s").called("s").with("Arn", "a").with("Url", None::<String>);
        assert_eq!((resource.id.as_str(), resource.reference.as_str()), ("g|s", "s"));
        assert_eq!(resource.attributes, BTreeMap::from([("Arn".to_owned(), "a".into())]));
    }
}
