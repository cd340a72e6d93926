//! Change sets.

use serde::{Deserialize, Serialize};

use super::Config;

/// Why a property changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailRow {
    /// `Properties`, `Tags`, `Metadata` …
    pub attribute: String,
    /// The property.
    pub name: Option<String>,
    /// `Never`, `Conditionally`, `Always`
    pub recreation: Option<String>,
    /// `/Properties/Name`
    pub path: Option<String>,
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
    /// `Add`, `Remove`, `Modify`
    pub kind: Option<String>,
    /// `Static` or `Dynamic`
    pub evaluation: String,
    /// `DirectModification`, `ParameterReference`, `ResourceReference`, `ResourceAttribute`, `Automatic`
    pub source: String,
    /// What it came from.
    pub cause: Option<String>,
}

/// What happens to a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// `Add`, `Modify`, `Remove`
    pub action: String,
    /// The resource.
    pub logical_id: String,
    /// Its physical id, when there is one.
    pub physical_id: Option<String>,
    /// Its type.
    pub type_name: String,
    /// `True`, `False`, `Conditional`
    pub replacement: Option<String>,
    /// Which of its attributes change.
    pub scope: Vec<String>,
    /// What changes, and why.
    pub details: Vec<DetailRow>,
    /// `Delete`, `Retain`, `ReplaceAndDelete` … when something goes.
    pub policy_action: Option<String>,
    /// Everything before, JSON.
    pub before: Option<String>,
    /// Everything after, JSON.
    pub after: Option<String>,
    /// The change set of a nested stack.
    pub change_set: Option<String>,
}

/// A change set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeSetRow {
    /// Its ARN.
    pub id: String,
    /// What makes the id unique.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// The stack's id.
    pub stack_id: String,
    /// The stack's name.
    pub stack: String,
    /// Makes the stack, instead of changing it.
    pub create: bool,
    /// What people say about it.
    pub description: Option<String>,
    /// Milliseconds since the epoch.
    pub created: u64,
    /// `CREATE_COMPLETE`, `FAILED`, `DELETE_COMPLETE`
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// `AVAILABLE`, `UNAVAILABLE`, `EXECUTE_COMPLETE` …
    pub execution: String,
    /// What the stack is to be.
    pub config: Config,
    /// What happens.
    pub changes: Vec<ChangeRow>,
    /// `IncludeNestedStacks`
    pub nested: bool,
    /// `OnStackFailure`
    pub on_failure: Option<String>,
    /// `ImportExistingResources`
    pub import_existing: Option<bool>,
    /// The token it was made with.
    pub token: Option<String>,
}
