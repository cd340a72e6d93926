//! The message move tasks there are: few, all in memory, each change written before it counts.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use moln_kernel::ApiError;
use moln_store::{Batch, Scan, Snapshot, StoreError};

use super::Core;
use crate::{
    limits::LIST_TASKS,
    tables::{Status, Task, keys},
};

/// Source queue's number and the task's stamp.
pub(crate) type TaskKey = (u64, u64);

/// All tasks.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<TaskKey, Task>>);

impl Tasks {
    /// Reads them all.
    pub(crate) fn open(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let mut tasks = BTreeMap::new();
        let mut range = Some(keys::all_tasks());
        while let Some(next) = range {
            let page = snapshot.scan(&next, Scan::default())?;
            for (key, row, _) in &page.rows {
                let entry = keys::first_number(key).zip(keys::last_number(key)).zip(Task::decode(row));
                let (key, task) =
                    entry.ok_or_else(|| StoreError::Corrupt("a message move task's row".into()))?;
                tasks.insert(key, task);
            }
            range = page.rest;
        }
        Ok(Self(Mutex::new(tasks)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TaskKey, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A queue's tasks, oldest first.
    pub(crate) fn of(&self, source: u64) -> Vec<(u64, Task)> {
        let tasks = self.lock();
        tasks.range((source, 0)..=(source, u64::MAX)).map(|(key, task)| (key.1, task.clone())).collect()
    }

    /// Tasks that still have something to do.
    pub(crate) fn active(&self) -> Vec<(TaskKey, Task)> {
        let tasks = self.lock();
        tasks
            .iter()
            .filter(|(_, task)| task.status.is_active())
            .map(|(key, task)| (*key, task.clone()))
            .collect()
    }

    /// Whether a queue has such a task.
    pub(crate) fn active_of(&self, source: u64) -> bool {
        self.of(source).iter().any(|(_, task)| task.status.is_active())
    }

    /// Adds a task; of the ended ones only the newest that can be listed are kept.
    pub(crate) async fn add(&self, core: &Core, source: u64, task: Task) -> Result<(), ApiError> {
        let stamp = core.store.stamp();
        let mut batch = Batch::default();
        batch.put(keys::task(source, stamp), task.encode());
        let there = self.of(source);
        let keep = usize::try_from(LIST_TASKS).unwrap_or(10);
        let old: Vec<_> = there.iter().rev().skip(keep - 1).map(|(stamp, _)| *stamp).collect();
        for stamp in &old {
            batch.delete(keys::task(source, *stamp));
        }
        core.durable(Some(core.store.submit(batch))).await?;
        let mut tasks = self.lock();
        for stamp in old {
            tasks.remove(&(source, stamp));
        }
        tasks.insert((source, stamp), task);
        Ok(())
    }

    /// Counts moved messages within the commit that moves them.
    pub(crate) fn count(&self, key: TaskKey, moved: u64, batch: &mut Batch) {
        if let Some(task) = self.lock().get_mut(&key) {
            task.moved += moved;
            batch.put(keys::task(key.0, key.1), task.encode());
        }
    }

    /// Takes back what was counted in a commit that failed.
    pub(crate) fn discount(&self, key: TaskKey, moved: u64) {
        if let Some(task) = self.lock().get_mut(&key) {
            task.moved = task.moved.saturating_sub(moved);
        }
    }

    /// Sets where a task stands; tells how many messages it moved.
    pub(crate) async fn end(
        &self,
        core: &Core,
        source: u64,
        stamp: u64,
        status: Status,
        failure: Option<&str>,
    ) -> Result<u64, ApiError> {
        let (pending, moved) = {
            let mut tasks = self.lock();
            let Some(task) = tasks.get_mut(&(source, stamp)) else { return Ok(0) };
            task.status = status;
            task.failure = failure.map(str::to_owned);
            let mut batch = Batch::default();
            batch.put(keys::task(source, stamp), task.encode());
            (core.store.submit(batch), task.moved)
        };
        core.durable(Some(pending)).await?;
        Ok(moved)
    }

    /// Forgets the tasks of a queue that is gone.
    pub(crate) fn forget(&self, source: u64) {
        self.lock().retain(|key, _| key.0 != source);
    }
}
