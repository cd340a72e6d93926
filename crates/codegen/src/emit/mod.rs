//! Writes the Rust of one service. The code is data where it can be (schemas), and calls the shared readers and writers
//! otherwise, so that it stays small and compiles fast.

mod schemas;
mod service;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Failure,
    model::{Member, Model, Shape},
    names,
};

/// What to generate from.
pub struct Input<'m> {
    /// The model, with its extra facts applied.
    pub model: &'m Model,
    /// Name of the trait (`Sqs`).
    pub trait_name: String,
    /// Before the `#` of `__type`.
    pub error_namespace: Option<String>,
    /// Methods the service overrides.
    pub implemented: BTreeSet<String>,
}

/// The whole of `api.rs`.
///
/// Errors: a shape that is named and not there.
pub fn generate(input: &Input<'_>) -> Result<String, Failure> {
    let names = Names::new(input.model, &input.trait_name);
    let mut out = String::from("// Generated from the service's API model. Do not edit.\n\n");
    types::emit(&mut out, input.model, &names)?;
    schemas::emit(&mut out, input.model, &names)?;
    service::emit(&mut out, input, &names)?;
    Ok(out)
}

/// Rust names of the shapes, and which members must be boxed.
struct Names {
    /// Model name → type (structures and unions).
    types: BTreeMap<String, String>,
    /// Model name → static.
    statics: BTreeMap<String, String>,
    /// Structures that reach themselves through members that are neither lists nor maps.
    recursive: BTreeSet<String>,
}

impl Names {
    fn new(model: &Model, trait_name: &str) -> Self {
        let (mut types, mut statics, mut recursive) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut used_types = BTreeSet::from(["Api".to_owned(), trait_name.to_owned()]);
        let mut used_statics = BTreeSet::new();
        for (name, shape) in model.shapes.iter() {
            let unique = |used: &mut BTreeSet<String>, mut wish: String| {
                while !used.insert(wish.clone()) {
                    wish.push('_');
                }
                wish
            };
            statics.insert(name.to_owned(), unique(&mut used_statics, names::screaming(name)));
            if shape.kind == "structure" {
                types.insert(name.to_owned(), unique(&mut used_types, names::pascal(name)));
                if reaches(model, shape, name, &mut BTreeSet::new()) {
                    recursive.insert(name.to_owned());
                }
            }
        }
        Self { types, statics, recursive }
    }

    fn type_of(&self, shape: &str) -> Result<&str, Failure> {
        self.types.get(shape).map(String::as_str).ok_or_else(|| missing(shape))
    }

    fn static_of(&self, shape: &str) -> Result<&str, Failure> {
        self.statics.get(shape).map(String::as_str).ok_or_else(|| missing(shape))
    }
}

fn reaches(model: &Model, from: &Shape, goal: &str, seen: &mut BTreeSet<String>) -> bool {
    from.members.iter().any(|(_, member)| {
        let direct = model.shapes.get(&member.shape).filter(|shape| shape.kind == "structure");
        direct.is_some_and(|shape| {
            member.shape == goal || (seen.insert(member.shape.clone()) && reaches(model, shape, goal, seen))
        })
    })
}

fn missing(shape: &str) -> Failure {
    Failure(format!("the model names the shape {shape} and does not have it"))
}

fn shape_of<'m>(model: &'m Model, name: &str) -> Result<&'m Shape, Failure> {
    model.shapes.get(name).ok_or_else(|| missing(name))
}

/// The Rust type of a member's value.
fn rust_type(model: &Model, names: &Names, member: &Member) -> Result<String, Failure> {
    let shape = shape_of(model, &member.shape)?;
    let inner = |member: &Option<Member>| {
        rust_type(
            model,
            names,
            member.as_ref().ok_or_else(|| missing(&format!("an element's of {}", shape.kind)))?,
        )
    };
    Ok(match shape.kind.as_str() {
        "structure" if shape.eventstream => {
            format!("::moln_wire::EventStream<{}>", names.type_of(&member.shape)?)
        }
        "structure" if shape.document => "::moln_wire::Document".to_owned(),
        "structure" if names.recursive.contains(&member.shape) => {
            format!("::std::boxed::Box<{}>", names.type_of(&member.shape)?)
        }
        "structure" => names.type_of(&member.shape)?.to_owned(),
        "list" => format!("::std::vec::Vec<{}>", inner(&shape.member)?),
        "map" => {
            format!("::std::collections::BTreeMap<::std::string::String, {}>", inner(&shape.value)?)
        }
        "blob" if member.streaming || shape.streaming => "::moln_wire::ByteStream".to_owned(),
        "blob" => "::moln_wire::Bytes".to_owned(),
        "boolean" => "bool".to_owned(),
        "integer" => "i32".to_owned(),
        "long" => "i64".to_owned(),
        "float" => "f32".to_owned(),
        "double" => "f64".to_owned(),
        "timestamp" => "::moln_wire::Timestamp".to_owned(),
        "string" | "character" => "::std::string::String".to_owned(),
        other => return Err(Failure(format!("the shape {} is of the unknown type {other}", member.shape))),
    })
}

/// Whether it holds a stream, which cannot be cloned or compared.
fn streams(model: &Model, shape: &Shape) -> Result<bool, Failure> {
    for (_, member) in shape.members.iter() {
        let target = shape_of(model, &member.shape)?;
        if target.eventstream || target.kind == "blob" && (member.streaming || target.streaming) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_required(shape: &Shape, member: &str) -> bool {
    shape.required.iter().any(|name| name == member)
}

/// A structure that gets a Rust type of its own. Errors have constructors instead, unless an event stream holds them.
fn has_type(model: &Model, name: &str, shape: &Shape) -> bool {
    let held =
        || model.shapes.iter().any(|(_, other)| other.members.iter().any(|(_, member)| member.shape == name));
    shape.kind == "structure" && !shape.document && (!shape.exception || held())
}
