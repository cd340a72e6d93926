//! Whether the handlers are there, and the modules that they ask for.

use super::packaging::Packaging;
use super::service::{Function, Service, get};
use crate::check::Finding;
use crate::modules::{self, Handler};
use crate::project::{Content, Package};

/// Everything that a function's package lacks.
pub(super) fn check(service: &Service<'_>, packaging: &Packaging) -> Vec<Finding> {
    let mut lacks = Vec::new();
    for function in &service.functions {
        let (Some(handler), Some(package)) = (function.text("handler"), packaging.of(&function.key)) else {
            continue;
        };
        let Some(package) = packaging.packages().get(package) else { continue };
        let Content::Files(_) = &package.content else { continue };
        lacks.extend(one(service, function, &handler, package, packaging));
    }
    lacks
}

fn one(
    service: &Service<'_>,
    function: &Function,
    handler: &str,
    package: &Package,
    packaging: &Packaging,
) -> Vec<Finding> {
    let layers = function.get("layers").or_else(|| service.provider_node("layers"));
    let layers = layers.and_then(crate::document::Node::as_sequence).unwrap_or_default();
    // A layer of this file can be looked into; of another one nothing is known.
    let mut known = Vec::new();
    let mut foreign = false;
    for layer in layers {
        let index = get(layer, "Ref").and_then(|id| {
            let id = id.scalar_text()?;
            let all = service.root.get("layers")?.as_mapping()?;
            let name = all
                .iter()
                .find(|e| id.starts_with(&format!("{}LambdaLayer", super::naming::normalized(&e.key))))?;
            packaging.layer_of(&name.key)
        });
        match index.and_then(|index| packaging.packages().get(index)) {
            Some(package) => known.push(package),
            None => foreign = true,
        }
    }
    let runtime = function.runtime(service);
    let place = function.problem("handler", "");
    modules::check(&Handler {
        runtime: &runtime,
        handler,
        package,
        layers: &known,
        foreign_layers: foreign,
        path: place.path,
        place: place.place.unwrap_or_default(),
    })
}
