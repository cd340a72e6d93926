//! The way back after an update that failed: every resource becomes what it was.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    run::{Failure, Run, told},
    walk::{Graph, Outcome},
};
use crate::{
    own::Refusal,
    tables::{Phase, ResourceRow, Step},
};

impl Run {
    /// Changes resources back. What the update has made is removed afterwards.
    pub(super) async fn undoing(self: &Arc<Self>) -> Result<(), Failure> {
        let is_touched = |row: &&ResourceRow| row.before.as_ref().is_some_and(|before| !before.undone);
        let graph: Graph = self
            .rows()
            .values()
            .filter(is_touched)
            .map(|row| {
                let depends = row.before.as_ref().map(|before| before.depends.clone()).unwrap_or_default();
                (row.logical_id.clone(), depends.into_iter().collect())
            })
            .collect();
        let failed = self
            .walk(&graph, false, |run, logical| Box::pin(async move { run.undo(&logical).await }))
            .await?;
        if failed.is_empty() {
            return self.undone().await;
        }
        self.turn(|_, stack, batch| {
            self.service.turn(batch, stack, "UPDATE_ROLLBACK_FAILED", Some(told("update", &failed)))?;
            if let Some(operation) = stack.operation.clone() {
                stack.unfinished.clone_from(&operation.before);
            }
            super::finish::rest(stack, batch);
            Ok(())
        })
        .await
    }

    async fn undone(&self) -> Result<(), Failure> {
        self.turn(|snapshot, stack, batch| {
            let mut before = None;
            if let Some(operation) = &mut stack.operation {
                operation.phase = Phase::CleaningUndone;
                before = operation.before.take();
            }
            if let Some(before) = before {
                let failed = std::mem::replace(&mut stack.config, *before);
                super::finish::forget(snapshot, batch, stack, &failed.template)?;
            }
            stack.unfinished = None;
            self.service.turn(batch, stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None)
        })
        .await
    }

    /// Makes a resource what it was.
    async fn undo(self: Arc<Self>, logical: &str) -> Outcome {
        let Some(mut row) = self.row(logical) else { return Ok(()) };
        let Some(before) = row.before.clone() else { return Ok(()) };
        let skipped: BTreeSet<&String> = self.operation.spared.iter().collect();
        if before.replaced {
            let mut made = row.as_before();
            made.replaced = true;
            made.undone = true;
            row.restore(*before);
            row.before = Some(Box::new(made));
            return self.undone_as(row, true).await;
        }
        let quiet = row.properties == before.properties;
        let now = row.properties.clone();
        if quiet || skipped.contains(&row.logical_id) {
            row.restore(*before);
            row.before = None;
            return self.undone_as(row, !quiet).await;
        }
        row.status = "UPDATE_IN_PROGRESS".into();
        row.reason = None;
        row.step = Step::Updating;
        let mut target = row.clone();
        target.properties = before.properties.clone();
        let event = self.event(&target);
        self.record(row.clone(), vec![event]).await?;
        let Some(maker) = self.service.maker(&row.type_name) else { return Err(Failure::Resource) };
        let changed = maker.update(&self, &target, &now).await;
        let mut row = self.row(logical).unwrap_or(row);
        row.step = Step::Rest;
        match changed {
            Ok(changed) => {
                row.restore(*before);
                row.physical_id = changed.id;
                row.reference = changed.reference;
                row.attributes = changed.attributes;
                row.before = None;
                row.status = "UPDATE_COMPLETE".into();
                let event = self.event(&row);
                self.record(row, vec![event]).await
            }
            Err(Refusal(why)) => {
                row.status = "UPDATE_FAILED".into();
                row.reason = Some(why);
                let event = self.event(&row);
                self.record(row, vec![event]).await?;
                Err(Failure::Resource)
            }
        }
    }

    async fn undone_as(&self, mut row: ResourceRow, tell: bool) -> Outcome {
        row.step = Step::Rest;
        row.reason = None;
        let mut events = Vec::new();
        if tell {
            row.status = "UPDATE_IN_PROGRESS".into();
            events.push(self.event(&row));
        }
        row.status = "UPDATE_COMPLETE".into();
        if tell {
            events.push(self.event(&row));
        }
        self.record(row, events).await
    }
}
