//! What is only kept and given back: destinations, policies, definitions, deliveries. One table; the kind is part of the
//! key, so that a listing of one kind is one range.

use std::collections::BTreeMap;

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// Account, region; kind, name.
pub(crate) type KeptKey = ((String, String), (String, String));

/// The table.
pub(crate) const KEPT: Table<KeptKey, Kept> = Table::new("lgk/");

/// One row: texts by member name, in AWS's names, and the tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When it was made.
    pub(crate) created: u64,
    /// When it was last changed.
    pub(crate) changed: u64,
    /// Its members that are texts.
    pub(crate) texts: BTreeMap<String, String>,
    /// Its members that are lists of texts.
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Row for Kept {
    const VERSION: u8 = 1;
}

impl Kept {
    pub(crate) fn text(&self, member: &str) -> Option<String> {
        self.texts.get(member).cloned()
    }
    pub(crate) fn set(&mut self, member: &str, value: Option<String>) -> &mut Self {
        match value {
            Some(value) => self.texts.insert(member.to_owned(), value),
            None => self.texts.remove(member),
        };
        self
    }
    pub(crate) fn list(&self, member: &str) -> Option<Vec<String>> {
        self.lists.get(member).cloned()
    }
    pub(crate) fn set_list(&mut self, member: &str, value: Option<Vec<String>>) -> &mut Self {
        match value {
            Some(value) => self.lists.insert(member.to_owned(), value),
            None => self.lists.remove(member),
        };
        self
    }
}
