//! Stacks and the operations on them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A parameter's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterRow {
    /// Its name.
    pub key: String,
    /// Its value as it was given.
    pub value: String,
    /// What an SSM parameter holds.
    pub resolved: Option<String>,
    /// Never to be shown.
    pub no_echo: bool,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRow {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What it says about itself.
    pub description: Option<String>,
    /// Under which name others use it.
    pub export: Option<String>,
}

/// What a stack is made of: what an update changes and a rollback brings back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which text of the stack is its template; empty: none yet.
    pub template: String,
    /// The template's description.
    pub description: Option<String>,
    /// Parameters, in the template's order.
    pub parameters: Vec<ParameterRow>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// What the caller said yes to.
    pub capabilities: Vec<String>,
    /// Topics that hear of events.
    pub notifications: Vec<String>,
    /// The role it acts in.
    pub role: Option<String>,
    /// `RollbackConfiguration`, as it came.
    pub rollback: Value,
    /// Its outputs.
    pub outputs: Vec<OutputRow>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Makes the stack.
    Create,
    /// Changes it.
    Update,
    /// Removes it.
    Delete,
    /// Goes back by the caller's wish.
    Rollback,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Making resources of a new stack.
    Creating,
    /// Removing them again.
    UndoingCreate,
    /// Making and changing resources.
    Updating,
    /// Removing what the update left over.
    Cleaning,
    /// Changing them back.
    UndoingUpdate,
    /// Removing what the update had made.
    CleaningUndone,
    /// Removing all.
    Deleting,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// Where it stands.
    pub phase: Phase,
    /// What the caller named it.
    pub token: Option<String>,
    /// When it is over at the latest, milliseconds since the epoch.
    pub deadline: Option<u64>,
    /// What the stack was before.
    pub before: Option<Box<Config>>,
    /// The base of URLs in this stack's resources: scheme and authority.
    pub endpoint: (String, String),
    /// Keep what was made when something fails.
    pub keep: bool,
    /// Remove the whole stack when making it fails.
    pub vanish: bool,
    /// Resources that a deletion leaves alone, or a rollback skips.
    pub spared: Vec<String>,
    /// The caller wishes it to stop.
    pub cancelled: bool,
    /// Why it fails before anything is made: what a macro answered.
    #[serde(default)]
    pub doomed: Option<String>,
}

impl Operation {
    /// Whether the caller has cancelled it while something was still being made.
    pub fn is_broken_off(&self) -> bool {
        self.cancelled && matches!(self.phase, Phase::Creating | Phase::Updating)
    }
}

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StackRow {
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// What makes its id unique.
    pub uid: String,
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `CREATE_COMPLETE` …
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// Milliseconds since the epoch.
    pub created: u64,
    /// Milliseconds since the epoch.
    pub updated: Option<u64>,
    /// Milliseconds since the epoch.
    pub deleted: Option<u64>,
    /// What it is made of.
    pub config: Config,
    /// Minutes it may take to make it.
    pub timeout: Option<i32>,
    /// `DisableRollback` as it was given last.
    pub disable_rollback: bool,
    /// `RetainExceptOnCreate` as it was given last.
    pub retain_except_on_create: Option<bool>,
    /// It may not be deleted.
    pub protected: bool,
    /// Its stack policy.
    pub policy: Option<String>,
    /// The stack it is nested in.
    pub parent: Option<String>,
    /// The outermost of those.
    pub root: Option<String>,
    /// The change set that was executed last.
    pub change_set: Option<String>,
    /// The operation under way; also of one that came to rest in a failure that can be gone on from.
    pub operation: Option<Operation>,
    /// What an update that failed and was not rolled back changed.
    pub unfinished: Option<Box<Config>>,
    /// Tokens of operations that were begun, newest last: token and what was asked.
    pub tokens: Vec<(String, String)>,
    /// Drift: status, and when it was looked at.
    pub drift: Option<(String, u64)>,
}

impl StackRow {
    /// Whether an operation is under way.
    pub fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }
}
