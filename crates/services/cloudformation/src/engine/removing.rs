//! Removing resources: of a stack that goes, of a stack that never came to be, and what an update leaves over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    run::{Failure, Run},
    walk::{Graph, Outcome, reversed},
};
use crate::{
    own::Refusal,
    tables::{Before, Phase, ResourceRow, Step},
};

/// In names of steps: what a resource was before. No logical id has a bar.
const OLD: char = '|';

impl Run {
    /// Removes everything.
    pub(super) async fn deleting(self: &Arc<Self>) -> Result<(), Failure> {
        self.remove_all().await
    }

    /// Removes what a creation that failed has made.
    pub(super) async fn undoing_create(self: &Arc<Self>) -> Result<(), Failure> {
        self.remove_all().await
    }

    async fn remove_all(self: &Arc<Self>) -> Result<(), Failure> {
        // First what an update that failed and was not undone has replaced.
        let all: BTreeSet<String> = self.rows().keys().cloned().collect();
        let mut failed = self.clean(&all).await?;
        let graph: Graph = self
            .rows()
            .values()
            .filter(|row| is_there(row))
            .map(|row| (row.logical_id.clone(), row.depends.iter().cloned().collect()))
            .collect();
        let graph = reversed(&graph);
        let more =
            self.walk(&graph, false, |run, logical| Box::pin(async move { run.remove(&logical).await }));
        failed.extend(more.await?);
        self.removed(&failed).await
    }

    /// Removes what an update leaves over: what is not in the template any more, and what was replaced.
    pub(super) async fn cleaning(self: &Arc<Self>) -> Result<(), Failure> {
        let kept: BTreeSet<String> = if self.operation.phase == Phase::CleaningUndone {
            self.rows().values().filter(|row| !row.fresh).map(|row| row.logical_id.clone()).collect()
        } else {
            let prepared = self.prepared(&self.stack.config)?;
            prepared.resources().iter().map(|wanted| wanted.logical.clone()).collect()
        };
        let failed = self.clean(&kept).await?;
        self.removed(&failed).await
    }

    /// Removes every resource but some, and what resources were before they were replaced. Answers whose removal failed.
    async fn clean(self: &Arc<Self>, kept: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        let graph = reversed(&leftovers(&self.rows(), kept, self.operation.phase));
        let failed = self.walk(&graph, false, |run, name| {
            Box::pin(async move {
                match name.split_once(OLD) {
                    Some((logical, number)) => run.remove_old(logical, number.parse().unwrap_or(0)).await,
                    None => run.remove(&name).await,
                }
            })
        });
        let logical = |name: String| name.split(OLD).next().map(str::to_owned);
        Ok(failed.await?.into_iter().filter_map(logical).collect())
    }

    /// Whether a resource is left alone, by its policy or the caller's wish.
    fn is_spared(&self, logical: &str, policy: Option<&str>, fresh: bool) -> bool {
        let by_caller = self.operation.phase == Phase::Deleting
            && self.operation.spared.iter().any(|name| name == logical);
        let undoing = matches!(self.operation.phase, Phase::UndoingCreate | Phase::CleaningUndone);
        let on_create = undoing && fresh;
        let retained = match policy {
            Some("Retain") => !(on_create && self.stack.retain_except_on_create == Some(true)),
            Some("RetainExceptOnCreate") => !on_create,
            _ => false,
        };
        by_caller || retained
    }

    /// Removes a resource.
    async fn remove(self: Arc<Self>, logical: &str) -> Outcome {
        let Some(mut row) = self.row(logical) else { return Ok(()) };
        let nothing = row.physical_id.is_empty();
        if nothing && self.operation.phase == Phase::UndoingCreate && row.status.is_empty() {
            return Ok(());
        }
        if !nothing && self.is_spared(logical, row.deletion_policy.as_deref(), row.fresh) {
            row.status = "DELETE_SKIPPED".into();
            row.reason = None;
            let event = self.event(&row);
            return self.record(row, vec![event]).await;
        }
        if row.step != Step::Deleting {
            row.step = Step::Deleting;
            row.status = "DELETE_IN_PROGRESS".into();
            row.reason = None;
            // Nobody hears of the end of what never began.
            let events = if nothing { Vec::new() } else { vec![self.event(&row)] };
            self.record(row.clone(), events).await?;
        }
        let result = if nothing { Ok(()) } else { self.take_away(&row).await };
        let mut row = self.row(logical).unwrap_or(row);
        row.step = Step::Rest;
        match result {
            Ok(()) => {
                row.status = "DELETE_COMPLETE".into();
                row.reason = None;
                let event = self.event(&row);
                self.record(row, vec![event]).await
            }
            Err(Refusal(why)) => {
                row.status = "DELETE_FAILED".into();
                row.reason = Some(why);
                let event = self.event(&row);
                self.record(row, vec![event]).await?;
                Err(Failure::Resource)
            }
        }
    }

    /// Removes what a resource was before it was replaced.
    async fn remove_old(self: Arc<Self>, logical: &str, number: usize) -> Outcome {
        let Some(row) = self.row(logical) else { return Ok(()) };
        let Some((_, old)) = olds(&row, self.operation.phase).into_iter().find(|(n, _)| *n == number) else {
            return Ok(());
        };
        let old = old.clone();
        let mut shown = row.clone();
        shown.restore(old.clone());
        let policy = old.replace_policy.as_deref().filter(|_| !old.undone);
        let forget = |row: &mut ResourceRow| match number {
            0 => row.before = None,
            n => drop(row.garbage.get_mut(n - 1).map(|one| one.physical_id.clear())),
        };
        if self.is_spared("", policy, false) {
            shown.status = "DELETE_SKIPPED".into();
            let event = self.event(&shown);
            let mut row = row;
            forget(&mut row);
            return self.record(row, vec![event]).await;
        }
        shown.status = "DELETE_IN_PROGRESS".into();
        shown.reason = None;
        let begun = self.event(&shown);
        self.record(row.clone(), vec![begun]).await?;
        let result = self.take_away(&shown).await;
        let mut row = self.row(logical).unwrap_or(row);
        match result {
            Ok(()) => {
                shown.status = "DELETE_COMPLETE".into();
                let event = self.event(&shown);
                forget(&mut row);
                self.record(row, vec![event]).await
            }
            Err(Refusal(why)) => {
                shown.status = "DELETE_FAILED".into();
                shown.reason = Some(why);
                let event = self.event(&shown);
                self.record(row, vec![event]).await?;
                Err(Failure::Resource)
            }
        }
    }

    async fn take_away(self: &Arc<Self>, row: &ResourceRow) -> Result<(), Refusal> {
        match self.service.maker(&row.type_name) {
            Some(maker) => maker.delete(self, row).await,
            None => Err(Refusal(format!("Unrecognized resource types: [{}]", row.type_name))),
        }
    }
}

/// Whether a resource was not removed yet.
fn is_there(row: &ResourceRow) -> bool {
    !matches!(row.status.as_str(), "DELETE_COMPLETE" | "DELETE_SKIPPED")
}

/// What is to be removed, and what depends on what among it.
fn leftovers(rows: &BTreeMap<String, ResourceRow>, kept: &BTreeSet<String>, phase: Phase) -> Graph {
    // What depended on something depended on every form of it.
    let before = |depends: &[String]| {
        let mut all: BTreeSet<String> = depends.iter().cloned().collect();
        for name in depends {
            let forms = rows.get(name).map_or(0, |row| 1 + row.garbage.len());
            all.extend((0..forms).map(|n| format!("{name}{OLD}{n}")));
        }
        all
    };
    let mut graph = Graph::new();
    for (name, row) in rows {
        if !kept.contains(name) && is_there(row) {
            graph.insert(name.clone(), before(&row.depends));
        }
        for (n, old) in olds(row, phase) {
            graph.insert(format!("{name}{OLD}{n}"), before(&old.depends));
        }
    }
    graph
}

/// What a resource was and is to be removed: number 0 what an update replaced (or made, when it was undone), others what
/// stood in between. A stack that goes removes both.
fn olds(row: &ResourceRow, phase: Phase) -> Vec<(usize, &Before)> {
    let is_due = |before: &&Before| match phase {
        Phase::Cleaning => !before.undone,
        Phase::CleaningUndone => before.undone,
        _ => true,
    };
    let before = row.before.as_deref().filter(|before| before.replaced).filter(is_due);
    let first = before.map(|before| (0, before)).into_iter();
    let between = row.garbage.iter().enumerate().map(|(n, old)| (n + 1, old));
    first.chain(between).filter(|(_, old)| !old.physical_id.is_empty()).collect()
}
