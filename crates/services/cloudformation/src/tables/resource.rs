//! Resources of stacks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is being done to a resource. Written before it is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Nothing.
    #[default]
    Rest,
    /// It is being made: after a crash it may be there or not.
    Creating,
    /// It is being changed in place.
    Updating,
    /// It is being removed.
    Deleting,
}

/// What a resource was before the update that is under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Its type.
    pub type_name: String,
    /// Its physical id.
    pub physical_id: String,
    /// What `Ref` gave.
    pub reference: String,
    /// What `Fn::GetAtt` gave.
    pub attributes: BTreeMap<String, Value>,
    /// Its properties.
    pub properties: Value,
    /// Its metadata.
    pub metadata: Option<Value>,
    /// The token it was made with.
    pub token: String,
    /// What it depends on.
    pub depends: Vec<String>,
    /// What becomes of it when it is deleted.
    pub deletion_policy: Option<String>,
    /// What becomes of it when it is replaced.
    pub replace_policy: Option<String>,
    /// Another physical resource has taken its place, and it is to be removed.
    pub replaced: bool,
    /// The other way round: the resource is what it was, and this was made and is to be removed.
    pub undone: bool,
    /// What it was called as a status.
    pub status: String,
}

/// A resource of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceRow {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub type_name: String,
    /// Its physical id; empty until it is made.
    pub physical_id: String,
    /// What `Ref` gives.
    pub reference: String,
    /// What `Fn::GetAtt` gives.
    pub attributes: BTreeMap<String, Value>,
    /// Its properties, with every reference resolved.
    pub properties: Value,
    /// Its metadata, likewise.
    pub metadata: Option<Value>,
    /// Tells this making from every other.
    pub token: String,
    /// What it depends on.
    pub depends: Vec<String>,
    /// `DeletionPolicy`
    pub deletion_policy: Option<String>,
    /// `UpdateReplacePolicy`
    pub replace_policy: Option<String>,
    /// `CREATE_COMPLETE` …
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// When it last changed, milliseconds since the epoch.
    pub updated: u64,
    /// The step it is in.
    pub step: Step,
    /// What it was before this update; `None`: the update has not touched it.
    pub before: Option<Box<Before>>,
    /// What else is to be removed when the stack comes to rest: it was made and replaced in one go.
    pub garbage: Vec<Before>,
    /// It came with this update.
    pub fresh: bool,
    /// The operation that touched it last.
    pub operation: String,
    /// A request is out to a custom resource, under this id.
    pub request: Option<String>,
    /// When the step that waits ends, milliseconds since the epoch.
    pub deadline: Option<u64>,
    /// What drift detection found last: status, and when.
    pub drift: Option<(String, u64)>,
    /// What properties it had then, of those that were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
}

impl ResourceRow {
    /// What it is, to come back to.
    pub fn as_before(&self) -> Before {
        Before {
            type_name: self.type_name.clone(),
            physical_id: self.physical_id.clone(),
            reference: self.reference.clone(),
            attributes: self.attributes.clone(),
            properties: self.properties.clone(),
            metadata: self.metadata.clone(),
            token: self.token.clone(),
            depends: self.depends.clone(),
            deletion_policy: self.deletion_policy.clone(),
            replace_policy: self.replace_policy.clone(),
            replaced: false,
            undone: false,
            status: self.status.clone(),
        }
    }

    /// Goes back to what it was.
    pub fn restore(&mut self, before: Before) {
        self.type_name = before.type_name;
        self.physical_id = before.physical_id;
        self.reference = before.reference;
        self.attributes = before.attributes;
        self.properties = before.properties;
        self.metadata = before.metadata;
        self.token = before.token;
        self.depends = before.depends;
        self.deletion_policy = before.deletion_policy;
        self.replace_policy = before.replace_policy;
    }

    /// Whether a step that makes or changes it was begun and not recorded as ended.
    pub fn is_being_made(&self) -> bool {
        matches!(self.step, Step::Creating | Step::Updating)
    }
}
