//! How phases end: well, with outputs and exports; or badly, with the way back.

use std::collections::{BTreeMap, BTreeSet};

use moln_deploy::template::{Output, Prepared};
use moln_kernel::ApiError;
use moln_store::{Batch, Snapshot};

use super::run::{Failure, Run};
use crate::tables::{
    EXPORTS, ExportRow, IMPORTS, Kind, NAMES, Operation, OutputRow, Phase, RESOURCES, RUNNING, SETS,
    StackRow, TEXTS,
};

/// Ends a stack's operation.
pub(crate) fn rest(stack: &mut StackRow, batch: &mut Batch) {
    RUNNING.delete(batch, &[&stack.uid]);
    stack.operation = None;
}

/// Makes a stack's exports those of its outputs; `Some`: why that cannot be.
fn export(
    snapshot: &dyn Snapshot,
    batch: &mut Batch,
    stack: &StackRow,
    outputs: &[OutputRow],
) -> Result<Option<String>, ApiError> {
    let place = [stack.account.as_str(), stack.region.as_str()];
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for output in outputs {
        let Some(name) = &output.export else { continue };
        if wanted.insert(name, &output.value).is_some() {
            return Ok(Some(format!("Duplicate Export names: [{name}]. ")));
        }
    }
    for row in EXPORTS.all(snapshot, &place)? {
        let own = row.stack_id == stack.id;
        let now = wanted.get(row.name.as_str());
        if !own {
            if now.is_some() {
                let name = &row.name;
                let other = row.stack_id.split('/').nth(1).unwrap_or_default();
                return Ok(Some(format!("Export with name {name} is already exported by stack {other}. ")));
            }
            continue;
        }
        if now == Some(&row.value.as_str()) {
            continue;
        }
        let verb = if now.is_some() { "updated" } else { "deleted" };
        if let Some(user) = user_of(snapshot, stack, &row.name)? {
            return Ok(Some(format!("Export {} cannot be {verb} as it is in use by {user}. ", row.name)));
        }
        EXPORTS.delete(batch, &[place[0], place[1], &row.name]);
    }
    for (name, value) in wanted {
        let row = ExportRow { name: name.to_owned(), value: value.to_owned(), stack_id: stack.id.clone() };
        EXPORTS.put(batch, &[place[0], place[1], name], &row)?;
    }
    Ok(None)
}

/// The name of another stack that uses an export.
pub(crate) fn user_of(
    snapshot: &dyn Snapshot,
    stack: &StackRow,
    export: &str,
) -> Result<Option<String>, ApiError> {
    let users = IMPORTS.all(snapshot, &[&stack.account, &stack.region, export])?;
    Ok(users.into_iter().find(|user| user.uid != stack.uid).map(|user| user.stack))
}

/// Forgets which exports a stack uses, apart from some.
pub(crate) fn unimport(
    snapshot: &dyn Snapshot,
    batch: &mut Batch,
    stack: &StackRow,
    kept: &BTreeSet<String>,
) -> Result<(), ApiError> {
    let place = [stack.account.as_str(), stack.region.as_str()];
    for row in IMPORTS.all(snapshot, &place)? {
        if row.uid == stack.uid && !kept.contains(&row.export) {
            IMPORTS.delete(batch, &[place[0], place[1], &row.export, &stack.uid]);
        }
    }
    Ok(())
}

/// Removes a template that the stack is not made of any more, unless a change set still shows it.
pub(super) fn forget(
    snapshot: &dyn Snapshot,
    batch: &mut Batch,
    stack: &StackRow,
    template: &str,
) -> Result<(), ApiError> {
    let sets = SETS.all(snapshot, &[&stack.account, &stack.region, &stack.uid])?;
    let shown = sets.iter().any(|set| set.config.template == template);
    if !shown && stack.config.template != template {
        TEXTS.delete(batch, &[&stack.uid, template]);
    }
    Ok(())
}

/// Takes away a stack's exports.
pub(crate) fn unexport(snapshot: &dyn Snapshot, batch: &mut Batch, stack: &StackRow) -> Result<(), ApiError> {
    let place = [stack.account.as_str(), stack.region.as_str()];
    for row in EXPORTS.all(snapshot, &place)? {
        if row.stack_id == stack.id {
            EXPORTS.delete(batch, &[place[0], place[1], &row.name]);
        }
    }
    Ok(())
}

impl Run {
    /// Everything is made: outputs, exports, and what comes next.
    pub(super) async fn complete(&self, prepared: &Prepared) -> Result<(), Failure> {
        let scope = self.scope()?;
        let outputs = match prepared.outputs(&scope) {
            Ok(outputs) => outputs,
            Err(problem) => return self.fail(&format!("{} ", problem.text.trim_end())).await,
        };
        let kept: BTreeSet<String> = prepared
            .imports(&scope)
            .map_err(|problem| ApiError::internal(problem.text))?
            .into_iter()
            .collect();
        let outputs: Vec<OutputRow> = outputs.into_iter().map(row).collect();
        let mut rows: Vec<_> = self.rows().values().cloned().collect();
        let update = self.operation.phase == Phase::Updating;
        self.turn(|snapshot, stack, batch| {
            if stack.operation.as_ref().is_some_and(Operation::is_broken_off) {
                // The caller's word came while the last step ended.
                return self.failing(stack, batch, if update { "User Initiated" } else { "" });
            }
            let mut exports = Batch::default();
            if let Some(why) = export(snapshot, &mut exports, stack, &outputs)? {
                return self.failing(stack, batch, &why);
            }
            batch.append(exports);
            self.imports(batch, &scope)?;
            unimport(snapshot, batch, stack, &kept)?;
            stack.config.outputs = outputs;
            if update {
                if let Some(operation) = &mut stack.operation {
                    operation.phase = Phase::Cleaning;
                }
                stack.unfinished = None;
                return self.service.turn(batch, stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
            }
            for row in &mut rows {
                row.fresh = false;
                row.before = None;
                RESOURCES.put(batch, &[&self.uid, &row.logical_id], row)?;
            }
            self.service.turn(batch, stack, "CREATE_COMPLETE", None)?;
            rest(stack, batch);
            Ok(())
        })
        .await
    }

    /// Something failed: the way back, or the end where it stands.
    pub(super) async fn fail(&self, why: &str) -> Result<(), Failure> {
        self.turn(|_, stack, batch| self.failing(stack, batch, why)).await
    }

    fn failing(&self, stack: &mut StackRow, batch: &mut Batch, why: &str) -> Result<(), ApiError> {
        let Some(operation) = &mut stack.operation else { return Ok(()) };
        let creating = operation.phase == Phase::Creating;
        if operation.keep {
            if !creating {
                stack.unfinished = operation.before.take();
            }
            let status = if creating { "CREATE_FAILED" } else { "UPDATE_FAILED" };
            self.service.turn(batch, stack, status, Some(why.to_owned()))?;
            rest(stack, batch);
            return Ok(());
        }
        if !creating {
            operation.phase = Phase::UndoingUpdate;
            return self.service.turn(batch, stack, "UPDATE_ROLLBACK_IN_PROGRESS", Some(why.to_owned()));
        }
        stack.deleted = Some(self.service.clock.now().millis());
        let vanish = operation.vanish;
        operation.phase = if vanish { Phase::Deleting } else { Phase::UndoingCreate };
        operation.deadline = None;
        let (status, wish) =
            if vanish { ("DELETE_IN_PROGRESS", "Delete") } else { ("ROLLBACK_IN_PROGRESS", "Rollback") };
        let why = format!("{}{wish} requested by user.", spaced(why));
        self.service.turn(batch, stack, status, Some(why))
    }

    /// A phase of removal is over.
    pub(super) async fn removed(&self, failed: &BTreeSet<String>) -> Result<(), Failure> {
        let phase = self.operation.phase;
        let why = (!failed.is_empty()).then(|| super::run::told("delete", failed));
        let mut rows: Vec<_> = self.rows().values().cloned().collect();
        self.turn(|snapshot, stack, batch| {
            let status = match (phase, failed.is_empty()) {
                (Phase::Deleting, true) => "DELETE_COMPLETE",
                (Phase::Deleting, false) => "DELETE_FAILED",
                (Phase::UndoingCreate, true) => "ROLLBACK_COMPLETE",
                (Phase::UndoingCreate, false) => "ROLLBACK_FAILED",
                (Phase::CleaningUndone, _) => "UPDATE_ROLLBACK_COMPLETE",
                _ => "UPDATE_COMPLETE",
            };
            let why = match phase {
                Phase::Cleaning if !failed.is_empty() => {
                    Some("Update successful. One or more resources could not be deleted.".to_owned())
                }
                _ => why,
            };
            let gone = matches!(phase, Phase::Deleting) && failed.is_empty();
            if matches!(phase, Phase::Deleting | Phase::UndoingCreate) && failed.is_empty() {
                unimport(snapshot, batch, stack, &BTreeSet::new())?;
            }
            if gone {
                unexport(snapshot, batch, stack)?;
                NAMES.delete(batch, &[&stack.account, &stack.region, &stack.name]);
                stack.deleted = Some(self.service.clock.now().millis());
            }
            if matches!(phase, Phase::Cleaning | Phase::CleaningUndone) {
                for row in &mut rows {
                    if row.status.starts_with("DELETE") {
                        RESOURCES.delete(batch, &[&self.uid, &row.logical_id]);
                        continue;
                    }
                    row.fresh = false;
                    row.before = None;
                    row.garbage.clear();
                    RESOURCES.put(batch, &[&self.uid, &row.logical_id], row)?;
                }
            }
            let before = stack.operation.as_ref().and_then(|operation| operation.before.as_ref());
            if let Some(template) = before.map(|before| before.template.clone()) {
                forget(snapshot, batch, stack, &template)?;
            }
            self.service.turn(batch, stack, status, why)?;
            rest(stack, batch);
            Ok(())
        })
        .await
    }
}

fn spaced(why: &str) -> String {
    if why.is_empty() || why.ends_with(' ') { why.to_owned() } else { format!("{why} ") }
}

fn row(output: Output) -> OutputRow {
    OutputRow {
        key: output.name,
        value: output.value,
        description: output.description,
        export: output.export,
    }
}

/// A new operation.
pub(crate) fn operation(
    kind: Kind,
    phase: Phase,
    token: Option<String>,
    ctx: &moln_kernel::Context,
) -> Operation {
    Operation {
        id: moln_kernel::ids::Uuid::random().to_string(),
        kind,
        phase,
        token,
        deadline: None,
        before: None,
        endpoint: (ctx.endpoint.scheme.to_owned(), ctx.endpoint.authority.to_string()),
        keep: false,
        vanish: false,
        spared: Vec::new(),
        cancelled: false,
        doomed: None,
    }
}
