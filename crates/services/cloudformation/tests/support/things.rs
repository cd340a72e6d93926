//! Resources that are nothing but rows. They are another service's: a server that dies leaves them as they are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::{Value, json};

use super::mortal::Life;

/// Everything that is there: properties by id.
#[derive(Clone, Default)]
pub struct Things(pub Arc<Mutex<BTreeMap<String, Value>>>);

impl Things {
    /// What is there, by id.
    pub fn all(&self) -> BTreeMap<String, Value> {
        self.0.lock().unwrap().clone()
    }

    /// What is there, without ids: a link is shown as the label of what it leads to.
    pub fn labels(&self) -> Vec<Value> {
        let all = self.all();
        let mut shown: Vec<Value> = all.values().cloned().collect();
        for one in &mut shown {
            if let Some(link) = one.get("Link").and_then(Value::as_str) {
                one["Link"] = all.get(link).map_or(json!("nowhere"), |there| there["Label"].clone());
            }
        }
        shown.sort_by_key(Value::to_string);
        shown
    }

    fn put(&self, id: &str, properties: Value) {
        self.0.lock().unwrap().insert(id.to_owned(), properties);
    }

    fn is_there(&self, id: &str) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }
}

/// `Test::Fake::Thing` is found by its name; of `Test::Fake::Put` making the same again is as good as having found it.
struct Handler {
    things: Things,
    life: Life,
    findable: bool,
}

pub fn handlers(things: &Things, life: &Life) -> Vec<Box<dyn ResourceHandler>> {
    let handler = |findable| {
        Box::new(Handler { things: things.clone(), life: life.clone(), findable }) as Box<dyn ResourceHandler>
    };
    vec![handler(true), handler(false)]
}

fn name(origin: &Origin, properties: &Value) -> String {
    let own = properties.get("Name").and_then(Value::as_str).map(str::to_owned);
    own.unwrap_or_else(|| format!("{}-{}", origin.logical_id, origin.suffix(12)))
}

fn described(id: &str) -> Resource {
    Resource { id: id.to_owned(), reference: id.to_owned(), attributes: BTreeMap::new() }
}

fn judged(properties: &Value) -> Result<(), ApiError> {
    match properties.get("Fail") {
        Some(_) => Err(ApiError::sender("Invalid", "It was told to fail.")),
        None => Ok(()),
    }
}

impl ResourceHandler for Handler {
    fn type_name(&self) -> &'static str {
        if self.findable { "Test::Fake::Thing" } else { "Test::Fake::Put" }
    }
    fn properties(&self) -> &'static [&'static str] {
        &["Fail", "Label", "Link", "Name", "Value"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["Name"]
    }

    fn create<'a>(
        &'a self,
        _: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            let id = name(origin, properties);
            self.life.step().await;
            assert!(!self.findable || !self.things.is_there(&id), "{id} is made twice");
            self.things.put(&id, json!({"Label": "half"}));
            self.life.step().await;
            if let Err(error) = judged(properties) {
                self.things.0.lock().unwrap().remove(&id);
                return Err(error);
            }
            self.things.put(&id, properties.clone());
            Ok(described(&id))
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        let id = name(origin, properties);
        let found = (self.findable && self.things.is_there(&id)).then(|| described(&id));
        Box::pin(std::future::ready(Ok(found)))
    }

    fn update<'a>(
        &'a self,
        _: &'a Context,
        id: &'a str,
        _: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(async move {
            assert!(self.things.is_there(id), "{id} is changed and not there");
            self.life.step().await;
            self.things.put(id, json!({"Label": "half"}));
            self.life.step().await;
            judged(after)?;
            self.things.put(id, after.clone());
            Ok(described(id))
        })
    }

    fn delete<'a>(
        &'a self,
        _: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            self.life.step().await;
            self.things.0.lock().unwrap().remove(id);
            Ok(())
        })
    }

    fn read<'a>(&'a self, _: &'a Context, id: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        let there = self.things.is_there(id);
        Box::pin(std::future::ready(Ok(there.then(|| described(id)))))
    }

    fn live<'a>(
        &'a self,
        _: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ApiError>> {
        let found = self.things.all().remove(id).filter(|_| self.findable);
        Box::pin(std::future::ready(Ok(found)))
    }
}
