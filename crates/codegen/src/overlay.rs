//! Facts that the published model does not carry, from `models/NAME.extra.json`: the query protocol's names and codes
//! of services that moved to JSON, and the namespace of error types.

use serde::Deserialize;

use crate::{
    Failure,
    model::{Error, Member, Model, Namespace, Ordered},
};

/// See the module.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Overlay {
    /// Why these facts stand here and where they come from; not used.
    pub about: String,
    /// Before the `#` of `__type`.
    pub error_namespace: Option<String>,
    /// Protocols understood beside the model's own.
    pub protocols: Vec<String>,
    /// Namespace of the query protocol's answers.
    pub xml_namespace: Option<String>,
    /// `Shape.Member` (or `List.member`, `Map.key`, `Map.value`) → names in the query protocol; the first is written.
    pub query: Ordered<Vec<String>>,
    /// `Structure.Member` that the model requires and AWS leaves out when it is empty.
    pub optional: Vec<String>,
    /// Output shape → the root of its document, in XML.
    pub roots: Ordered<String>,
    /// Error shape → code and status of the query protocol.
    pub errors: Ordered<Error>,
}

impl Overlay {
    /// Adds the facts to a model. Every name must be the model's.
    pub fn apply(&self, model: &mut Model) -> Result<(), Failure> {
        let unknown = |name: &str| Failure(format!("the model has no {name}, named by its extra facts"));
        for protocol in &self.protocols {
            if !model.metadata.protocols.contains(protocol) {
                model.metadata.protocols.push(protocol.clone());
            }
        }
        if let Some(uri) = &self.xml_namespace {
            model.metadata.xml_namespace = Some(Namespace::Uri(uri.clone()));
        }
        for (path, names) in self.query.iter() {
            let member = find(model, path).ok_or_else(|| unknown(path))?;
            member.query.clone_from(names);
        }
        for path in &self.optional {
            let (name, member) = path.split_once('.').ok_or_else(|| unknown(path))?;
            let shape = model.shapes.get_mut(name).ok_or_else(|| unknown(path))?;
            let before = shape.required.len();
            shape.required.retain(|required| required != member);
            if shape.required.len() == before {
                return Err(unknown(path));
            }
        }
        for (name, root) in self.roots.iter() {
            let shape = model.shapes.get_mut(name).ok_or_else(|| unknown(name))?;
            shape.location_name = Some(root.clone());
        }
        for (name, error) in self.errors.iter() {
            let shape =
                model.shapes.get_mut(name).filter(|shape| shape.exception).ok_or_else(|| unknown(name))?;
            shape.error = Some(error.clone());
        }
        Ok(())
    }
}

fn find<'m>(model: &'m mut Model, path: &str) -> Option<&'m mut Member> {
    let (shape, member) = path.split_once('.')?;
    let shape = model.shapes.get_mut(shape)?;
    match (shape.kind.as_str(), member) {
        ("list", "member") => shape.member.as_mut(),
        ("map", "key") => shape.key.as_mut(),
        ("map", "value") => shape.value.as_mut(),
        _ => shape.members.get_mut(member),
    }
}
