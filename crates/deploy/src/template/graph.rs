//! Cycles among resources.

use std::collections::{BTreeMap, BTreeSet};

use super::Resource;
use crate::document::Problem;

/// Refuses resources that wait for each other, naming all that are on cycles or wait for one and are waited for.
pub(super) fn refuse_cycles(resources: &[Resource]) -> Result<(), Problem> {
    let mut left: BTreeMap<&str, &Resource> = resources.iter().map(|r| (r.logical.as_str(), r)).collect();
    // What waits for nothing that is left, and what nothing that is left waits for, is on no cycle.
    loop {
        let before = left.len();
        let free: Vec<&str> = left
            .values()
            .filter(|r| !r.depends_on.iter().any(|name| left.contains_key(name.as_str())))
            .map(|r| r.logical.as_str())
            .collect();
        for name in free {
            left.remove(name);
        }
        let waited_for: BTreeSet<&str> =
            left.values().flat_map(|r| &r.depends_on).map(String::as_str).collect();
        let last: Vec<&str> = left.keys().copied().filter(|name| !waited_for.contains(name)).collect();
        for name in last {
            left.remove(name);
        }
        if left.len() == before {
            break;
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = left.keys().copied().collect();
    let text = format!("Circular dependency between resources: [{}]", names.join(", "));
    Err(Problem::new(text).code("template").path("Resources"))
}
