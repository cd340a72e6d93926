//! The groups of a FIFO queue. Within a group messages are handed out in order, as far as the first that is hidden:
//! that one rule locks a group whose head is in flight or delayed, and no other group. Groups take turns.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// One group's messages that are not deleted, in order.
#[derive(Debug, Default)]
struct Group {
    stamps: VecDeque<u64>,
    /// In line already.
    queued: bool,
}

/// All groups, and the line of those that may have something to hand out.
#[derive(Debug, Default)]
pub struct Groups {
    groups: HashMap<Arc<str>, Group>,
    line: VecDeque<Arc<str>>,
}

impl Groups {
    /// Adds a message (stamps rise); returns the shared name.
    pub fn push(&mut self, name: &str, stamp: u64) -> Arc<str> {
        let shared = match self.groups.get_key_value(name) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::from(name),
        };
        self.groups.entry(Arc::clone(&shared)).or_default().stamps.push_back(stamp);
        shared
    }

    /// Removes a message; an empty group is forgotten.
    pub fn remove(&mut self, name: &str, stamp: u64) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if let Ok(at) = group.stamps.binary_search(&stamp) {
            group.stamps.remove(at);
        }
        if group.stamps.is_empty() {
            self.groups.remove(name);
        }
    }

    /// The message whose turn it is within the group.
    pub fn head(&self, name: &str) -> Option<u64> {
        self.groups.get(name)?.stamps.front().copied()
    }

    /// Puts a group at the end of the line, unless it stands there.
    pub fn line_up(&mut self, name: &Arc<str>) {
        if let Some(group) = self.groups.get_mut(name)
            && !group.queued
        {
            group.queued = true;
            self.line.push_back(Arc::clone(name));
        }
    }

    /// Takes the first of the line with its messages.
    pub fn take_next(&mut self) -> Option<(Arc<str>, Vec<u64>)> {
        loop {
            let name = self.line.pop_front()?;
            if let Some(group) = self.groups.get_mut(&name)
                && group.queued
            {
                group.queued = false;
                // A receive takes ten at most; expired and dead ones may precede them.
                let stamps = group.stamps.iter().take(64).copied().collect();
                return Some((name, stamps));
            }
        }
    }

    /// Groups in line.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }
}
