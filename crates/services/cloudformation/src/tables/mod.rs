//! What stands on disk.
//!
//! | key | value |
//! |---|---|
//! | `cf/stack/` account region uid | a stack, also a deleted one |
//! | `cf/name/` account region name | the uid of the stack that has the name |
//! | `cf/running/` uid | an operation is under way: account, region |
//! | `cf/text/` uid name | a template, as it came and as it was processed |
//! | `cf/resource/` uid logical-id | a resource of a stack and the step it is in |
//! | `cf/event/` uid stamp (newest first) | an event |
//! | `cf/set/` account region stack-uid set-uid | a change set |
//! | `cf/export/` account region name | an export: value, stack |
//! | `cf/import/` account region name uid | a stack uses an export |
//! | `cf/answer/` token | what a custom resource or a wait handle was answered |
//! | `cf/drift/` account region detection | a drift detection and what it found |
//! | `cf/secret` | the key of page markers |
//!
//! A value is its form's version and JSON, cut into rows of at most [`crate::limits::ROW`] bytes: templates and
//! properties are longer than a row may be.

mod event;
mod long;
mod resource;
mod set;
mod stack;

pub use event::{EVENTS, EventRow};
pub use long::Long;
pub use resource::{Before, ResourceRow, Step};
pub use set::{ChangeRow, ChangeSetRow, DetailRow};
pub use stack::{Config, Kind, Operation, OutputRow, ParameterRow, Phase, StackRow};

use serde::{Deserialize, Serialize};

/// Stacks.
pub const STACKS: Long<StackRow> = Long::new("cf/stack/");
/// Names of stacks that are there.
pub const NAMES: Long<String> = Long::new("cf/name/");
/// Stacks with an operation under way.
pub const RUNNING: Long<(String, String)> = Long::new("cf/running/");
/// Templates.
pub const TEXTS: Long<TextRow> = Long::new("cf/text/");
/// Resources.
pub const RESOURCES: Long<ResourceRow> = Long::new("cf/resource/");
/// Change sets.
pub const SETS: Long<ChangeSetRow> = Long::new("cf/set/");
/// Exports.
pub const EXPORTS: Long<ExportRow> = Long::new("cf/export/");
/// Who uses exports.
pub const IMPORTS: Long<ImportRow> = Long::new("cf/import/");
/// Answers of custom resources and signals.
pub const ANSWERS: Long<AnswerRow> = Long::new("cf/answer/");
/// Drift detections.
pub const DRIFTS: Long<DriftRow> = Long::new("cf/drift/");
/// Where the key of page markers stands.
pub(crate) const SECRET: &str = "cf/secret";

/// A template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextRow {
    /// As it came.
    pub original: String,
    /// After transforms, JSON; `None`: nothing was transformed.
    pub processed: Option<String>,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The id of the stack that exports it.
    pub stack_id: String,
}

/// A stack that uses an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRow {
    /// The stack's name.
    pub stack: String,
    /// The stack's uid.
    pub uid: String,
    /// The export's name.
    pub export: String,
}

/// What somebody answered at a response URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerRow {
    /// The bodies, by the id their senders gave them; a custom resource has one.
    pub bodies: std::collections::BTreeMap<String, String>,
    /// When the first one came, milliseconds since the epoch.
    pub at: u64,
}

/// A drift detection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftRow {
    /// Its id.
    pub id: String,
    /// The stack's id.
    pub stack_id: String,
    /// When, milliseconds since the epoch.
    pub at: u64,
    /// `IN_SYNC`, `DRIFTED`.
    pub status: String,
    /// How many resources differ.
    pub drifted: i32,
}
