//! What the transform works on, and what it makes of it.

use serde_json::{Map, Value};

use super::intrinsics::{self, Parameters};
use super::resource::{Made, is_set, tag_list};

/// The template on its way.
pub(super) struct Work<'a> {
    /// The resources as they were given, with implicit APIs and globals; events change the APIs and buckets among them.
    pub(super) resources: Map<String, Value>,
    /// The resources as they will be.
    pub(super) out: Map<String, Value>,
    /// The template's conditions; some are added.
    pub(super) conditions: Map<String, Value>,
    /// Values of parameters.
    pub(super) parameters: &'a Parameters,
    /// `aws`, `aws-cn`.
    pub(super) partition: String,
    /// Ids of what was made.
    pub(super) made: intrinsics::Made,
}

impl Work<'_> {
    /// A value with parameters put in.
    pub(super) fn resolved(&self, value: &Value) -> Value {
        intrinsics::resolved(value, self.parameters)
    }

    /// Puts what was made of a resource in its place.
    pub(super) fn replace(&mut self, logical: &str, made: &[Made]) -> Result<(), String> {
        self.out.remove(logical);
        for resource in made {
            let id = &resource.logical;
            if id != logical && self.resources.contains_key(id) {
                return Err(format!(
                    "Transforming resource with id [{logical}] attempts to create a new resource [{id}] of type \"{}\". A \
                     resource with that id already exists within this template. Please use a different id for that \
                     resource.",
                    resource.kind
                ));
            }
            self.out.insert(id.clone(), resource.to_value());
        }
        Ok(())
    }

    /// Remembers what `Ref: Resource.Property` means: the id of what was made, by its type.
    pub(super) fn remember(&mut self, logical: &str, properties: &[(&str, &str)], made: &[Made]) {
        for (property, kind) in properties {
            if let Some(resource) = made.iter().rev().find(|resource| resource.kind == *kind) {
                let key = (logical.to_owned(), (*property).to_owned());
                self.made.properties.insert(key, resource.logical.clone());
            }
        }
    }

    /// Gives what was made the tags of its resource, where that was asked for.
    pub(super) fn propagate_tags(&self, made: &mut [Made], tags: Option<&Value>, wanted: Option<&Value>) {
        let wanted = wanted.map(|wanted| self.resolved(wanted));
        if !is_set(wanted.as_ref()) || !is_set(tags) {
            return;
        }
        for resource in made {
            match resource.kind {
                "AWS::Lambda::Function"
                | "AWS::IAM::Role"
                | "AWS::SQS::Queue"
                | "AWS::SNS::Topic"
                | "AWS::ApiGateway::RestApi"
                | "AWS::ApiGateway::Stage"
                | "AWS::StepFunctions::StateMachine" => {
                    resource.set("Tags", tag_list(tags));
                }
                "AWS::ApiGatewayV2::Stage" => {
                    resource.set("Tags", tags.cloned().unwrap_or_default());
                }
                _ => {}
            }
        }
    }
}

/// Refuses members that there are not, and those that this transform has not.
pub(super) fn judge_members(
    properties: &Map<String, Value>,
    kind: &str,
    known: &[&str],
    without: &[&str],
) -> Result<(), String> {
    match properties.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) if without.contains(&name.as_str()) => Err(format!(
            "property {name} of {kind} is not built here: write its resources out, or leave it away"
        )),
        Some(name) => Err(format!("property {name} not defined for resource of type {kind}")),
    }
}
