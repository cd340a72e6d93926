//! What a running stack knows of itself: what references in its template come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use moln_deploy::template::Known;
use serde_json::Value;

use crate::tables::ResourceRow;

/// What references come to.
#[derive(Default)]
pub(crate) struct Scope {
    /// What `Ref` and `Fn::GetAtt` give, of what is there.
    pub(crate) resources: BTreeMap<String, (Value, BTreeMap<String, Value>)>,
    /// Exports of the account in the region.
    pub(crate) exports: BTreeMap<String, String>,
    /// The exports that were asked for.
    pub(crate) imported: Mutex<BTreeSet<String>>,
    /// What stands for a value that only the update will know; `None`: there is none.
    pub(crate) unknown: Option<&'static str>,
    /// Resources whose values are not known.
    pub(crate) unsettled: BTreeSet<String>,
}

impl Scope {
    /// Knows a resource.
    pub(crate) fn add(&mut self, row: &ResourceRow) {
        let value = (Value::from(row.reference.clone()), row.attributes.clone());
        self.resources.insert(row.logical_id.clone(), value);
    }
}

impl Known for Scope {
    fn reference(&self, logical: &str) -> Option<Value> {
        match self.unknown {
            Some(unknown) if self.unsettled.contains(logical) => Some(unknown.into()),
            _ => self.resources.get(logical).map(|(reference, _)| reference.clone()),
        }
    }

    fn attribute(&self, logical: &str, name: &str) -> Option<Value> {
        if self.unsettled.contains(logical)
            && let Some(unknown) = self.unknown
        {
            return Some(unknown.into());
        }
        let (_, attributes) = self.resources.get(logical)?;
        if let Some(value) = attributes.get(name) {
            return Some(value.clone());
        }
        // `A.B` may be a member of the attribute `A`.
        let (first, rest) = name.split_once('.')?;
        let inside = attributes.get(first)?;
        inside.pointer(&format!("/{}", rest.replace('.', "/"))).cloned()
    }

    fn import(&self, export: &str) -> Option<String> {
        let value = self.exports.get(export)?;
        self.imported.lock().unwrap_or_else(PoisonError::into_inner).insert(export.to_owned());
        Some(value.clone())
    }
}
