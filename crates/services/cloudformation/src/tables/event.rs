//! Events.

use moln_store::{
    key::Inverse,
    table::{Row, Table},
};
use serde::{Deserialize, Serialize};

/// Events of a stack, newest first.
pub const EVENTS: Table<(String, Inverse), EventRow> = Table::new("cf/event/");

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its id.
    pub id: String,
    /// Of which resource; the stack itself has its name here.
    pub logical_id: String,
    /// The physical id as it was then.
    pub physical_id: String,
    /// The type.
    pub type_name: String,
    /// The state it came into.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The properties, JSON; cut off when very long.
    pub properties: Option<String>,
    /// What the caller named the operation.
    pub token: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// When, milliseconds since the epoch.
    pub at: u64,
}

impl Row for EventRow {
    const VERSION: u8 = 1;
}
