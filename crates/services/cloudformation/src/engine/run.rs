//! One operation on one stack, from its rows to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use moln_deploy::template::{Prepared, prepare};
use moln_kernel::{ApiError, Context, Timestamp, ids::Uuid};
use moln_store::{Batch, Snapshot};
use tokio::sync::watch;

use super::Scope;
use crate::{
    Stacks, core,
    errors::refused,
    sources::{arguments, problem, pseudo, stored},
    tables::{
        Config, EXPORTS, EventRow, IMPORTS, ImportRow, Operation, Phase, RESOURCES, ResourceRow, STACKS,
        StackRow, TEXTS,
    },
};

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The resource says why itself; its row and an event tell.
    Resource,
    /// The engine's own: the operation is tried again.
    Error(ApiError),
    /// A task panicked.
    Broken(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Resource => f.write_str("a resource failed"),
            Self::Error(error) => error.fmt(f),
            Self::Broken(why) => write!(f, "a step broke: {why}"),
        }
    }
}
impl std::error::Error for Failure {}
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// An operation under way.
pub(crate) struct Run {
    pub(crate) service: Arc<Stacks>,
    pub(crate) uid: String,
    pub(crate) stack: StackRow,
    pub(crate) operation: Operation,
    pub(crate) ctx: Context,
    rows: Mutex<BTreeMap<String, ResourceRow>>,
    stopping: watch::Sender<bool>,
}

/// Carries out what a stack has under way, phase after phase.
pub(super) async fn drive(
    service: &Arc<Stacks>,
    account: &str,
    region: &str,
    uid: &str,
) -> Result<(), Failure> {
    loop {
        let snapshot = service.store.snapshot();
        let Some(stack) = STACKS.get(&*snapshot, &[account, region, uid])? else { return Ok(()) };
        if !stack.is_busy() {
            return Ok(());
        }
        let Some(operation) = stack.operation.clone() else { return Ok(()) };
        let rows = core::resources(&*snapshot, uid)?;
        drop(snapshot);
        let ctx = core::context(service, &stack, Some(&operation));
        let run = Arc::new(Run {
            service: Arc::clone(service),
            uid: uid.to_owned(),
            stack,
            ctx,
            rows: Mutex::new(rows.into_iter().map(|row| (row.logical_id.clone(), row)).collect()),
            stopping: service.pulse.stopping(uid, operation.is_broken_off()),
            operation,
        });
        match run.operation.phase {
            Phase::Creating => run.creating().await?,
            Phase::Updating => run.updating().await?,
            Phase::UndoingUpdate => run.undoing().await?,
            Phase::UndoingCreate => run.undoing_create().await?,
            Phase::Cleaning | Phase::CleaningUndone => run.cleaning().await?,
            Phase::Deleting => run.deleting().await?,
        }
    }
}

impl Run {
    pub(super) fn rows(&self) -> MutexGuard<'_, BTreeMap<String, ResourceRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn row(&self, logical: &str) -> Option<ResourceRow> {
        self.rows().get(logical).cloned()
    }

    /// Nothing else is to begin, and who waits gives up.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether a step failed, the caller cancelled, or the time is over.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow() || self.is_late()
    }

    /// Whether the caller wishes the update to be undone.
    pub(super) fn is_cancelled(&self) -> bool {
        let snapshot = self.service.store.snapshot();
        let stack = STACKS.get(&*snapshot, &core::place(&self.stack)).ok().flatten();
        stack.and_then(|stack| stack.operation).is_some_and(|operation| operation.cancelled)
    }

    /// Whether the operation's time is over.
    pub(super) fn is_late(&self) -> bool {
        self.operation.deadline.is_some_and(|deadline| self.service.clock.now() >= Timestamp(deadline))
    }

    /// Resolves when the operation stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Waits until `check` finds something, the deadline comes, or the operation stops. `what` is what somebody announces.
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        deadline: Option<Timestamp>,
        check: impl Fn() -> Result<Option<T>, ApiError>,
    ) -> Result<Waited<T>, ApiError> {
        let own = self.operation.deadline.map(Timestamp);
        let until = deadline.into_iter().chain(own).min();
        loop {
            let parked = self.service.pulse.park(&self.uid, what, until);
            if let Some(found) = check()? {
                return Ok(Waited::Found(found));
            }
            if until.is_some_and(|until| self.service.clock.now() >= until) {
                return Ok(Waited::Late);
            }
            let late = async {
                match until {
                    Some(until) => self.service.clock.sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = parked.arrived() => {}
                () = late => {}
                () = self.stopped() => return Ok(Waited::Stopped),
            }
        }
    }

    /// As [`Run::wait`], also when the operation stops: what is waited for ends by itself.
    pub(crate) async fn wait_patiently<T>(
        &self,
        what: &str,
        check: impl Fn() -> Result<Option<T>, ApiError>,
    ) -> Result<Waited<T>, ApiError> {
        loop {
            let parked = self.service.pulse.park(&self.uid, what, None);
            if let Some(found) = check()? {
                return Ok(Waited::Found(found));
            }
            parked.arrived().await;
        }
    }

    /// A resource's row as it stands now.
    pub(crate) fn current(&self, row: &ResourceRow) -> ResourceRow {
        self.row(&row.logical_id).unwrap_or_else(|| row.clone())
    }

    /// Writes a resource's row in the middle of a step.
    pub(crate) async fn remember(&self, row: ResourceRow) -> Result<(), ApiError> {
        self.record(row, Vec::new()).await.map_err(told_inside)
    }

    /// Writes that a resource is being made, under its physical id.
    pub(crate) async fn initiated(&self, mut row: ResourceRow) -> Result<(), ApiError> {
        row.reason = Some("Resource creation Initiated".to_owned());
        let event = self.event(&row);
        self.record(row, vec![event]).await.map_err(told_inside)
    }

    /// Writes a resource's row with events, and keeps it.
    pub(super) async fn record(&self, row: ResourceRow, events: Vec<EventRow>) -> Result<(), Failure> {
        self.record_with(row, events, Batch::default()).await
    }

    /// As [`Run::record`], in one commit with other writes.
    pub(super) async fn record_with(
        &self,
        mut row: ResourceRow,
        events: Vec<EventRow>,
        mut batch: Batch,
    ) -> Result<(), Failure> {
        row.updated = self.service.clock.now().millis();
        RESOURCES.put(&mut batch, &[&self.uid, &row.logical_id], &row)?;
        let told: Vec<EventRow> = events.clone();
        for event in events {
            self.service.event(&mut batch, &self.uid, event)?;
        }
        self.service.store.commit(batch).await.map_err(|error| refused(&error))?;
        self.rows().insert(row.logical_id.clone(), row);
        self.notify(&told).await;
        Ok(())
    }

    /// An event of a resource as it stands.
    pub(super) fn event(&self, row: &ResourceRow) -> EventRow {
        let at =
            moln_wire::time::format(self.service.clock.now(), moln_wire::schema::TimestampFormat::DateTime);
        EventRow {
            id: format!("{}-{}-{at}", row.logical_id, row.status),
            logical_id: row.logical_id.clone(),
            physical_id: row.physical_id.clone(),
            type_name: row.type_name.clone(),
            status: row.status.clone(),
            reason: row.reason.clone(),
            properties: (!row.properties.is_null()).then(|| row.properties.to_string()),
            token: self.operation.token.clone(),
            operation: Some(self.operation.id.clone()),
            at: 0,
        }
    }

    /// Tells the stack's topics.
    pub(super) async fn notify(&self, events: &[EventRow]) {
        let Some(topics) = &self.service.topics else { return };
        for arn in &self.stack.config.notifications {
            for event in events {
                let text = notification(&self.stack, event);
                let sent = topics
                    .publish(&self.ctx, arn, Some("AWS CloudFormation Notification"), text, BTreeMap::new())
                    .await;
                if let Err(error) = sent {
                    tracing::warn!(%error, topic = arn, "a stack's topic did not take an event");
                }
            }
        }
    }

    /// The template of a configuration, ready to be evaluated.
    pub(super) fn prepared(&self, config: &Config) -> Result<Prepared, ApiError> {
        prepared(&self.service, &self.stack, config)
    }

    /// What the resources that are there are known by, and every export.
    pub(crate) fn scope(&self) -> Result<Scope, ApiError> {
        let mut scope = Scope { exports: self.service.exports(&self.ctx)?, ..Scope::default() };
        for row in self.rows().values().filter(|row| !row.physical_id.is_empty()) {
            scope.add(row);
        }
        Ok(scope)
    }

    /// Notes which exports were used, with the step that uses them.
    pub(super) fn imports(&self, batch: &mut Batch, scope: &Scope) -> Result<(), ApiError> {
        let imported = scope.imported.lock().unwrap_or_else(PoisonError::into_inner);
        for export in imported.iter() {
            let row =
                ImportRow { stack: self.stack.name.clone(), uid: self.uid.clone(), export: export.clone() };
            let key = [self.stack.account.as_str(), &self.stack.region, export, &self.uid];
            IMPORTS.put(batch, &key, &row)?;
        }
        Ok(())
    }

    /// Changes the stack's row: the next phase, or the end.
    pub(super) async fn turn(
        &self,
        change: impl FnOnce(&dyn Snapshot, &mut StackRow, &mut Batch) -> Result<(), ApiError> + Send,
    ) -> Result<(), Failure> {
        let key = core::place(&self.stack);
        let changed = self
            .service
            .change(|snapshot, batch| {
                let Some(mut stack) = STACKS.get(snapshot, &key)? else {
                    return Err(ApiError::internal("A stack's row is gone."));
                };
                change(snapshot, &mut stack, batch)?;
                STACKS.put(batch, &core::place(&stack), &stack)?;
                Ok(stack)
            })
            .await?;
        let event = EventRow {
            logical_id: changed.name.clone(),
            physical_id: changed.id.clone(),
            type_name: core::STACK.to_owned(),
            status: changed.status.clone(),
            reason: changed.reason.clone(),
            at: self.service.clock.now().millis(),
            id: Uuid::random().to_string(),
            ..EventRow::default()
        };
        self.notify(&[event]).await;
        if !changed.is_busy() {
            self.service.pulse.arrived(&format!("stack/{}", self.uid));
        }
        Ok(())
    }
}

/// What waiting came to.
pub(crate) enum Waited<T> {
    /// It came.
    Found(T),
    /// Too late.
    Late,
    /// The operation stops.
    Stopped,
}

/// The template of a stack's configuration, ready to be evaluated.
pub(crate) fn prepared(service: &Stacks, stack: &StackRow, config: &Config) -> Result<Prepared, ApiError> {
    let text = TEXTS.get(&*service.store.snapshot(), &[&stack.uid, &config.template])?;
    let text = text.ok_or_else(|| ApiError::internal("A stack's template is gone."))?;
    prepare(&stored(&text)?, &arguments(config), &pseudo(stack, config)).map_err(problem)
}

impl Stacks {
    /// Every export of an account in a region.
    pub(crate) fn exports(&self, ctx: &Context) -> Result<BTreeMap<String, String>, ApiError> {
        let rows = EXPORTS.all(&*self.store.snapshot(), &[ctx.account.as_str(), ctx.region.as_str()])?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }
}

fn told_inside(failure: Failure) -> ApiError {
    match failure {
        Failure::Error(error) => error,
        other => ApiError::internal(other.to_string()),
    }
}

fn notification(stack: &StackRow, event: &EventRow) -> String {
    let line = |name: &str, value: &str| format!("{name}='{value}'\n");
    let at = moln_wire::time::format(Timestamp(event.at), moln_wire::schema::TimestampFormat::DateTime);
    [
        line("StackId", &stack.id),
        line("Timestamp", &at),
        line("EventId", &event.id),
        line("LogicalResourceId", &event.logical_id),
        line("Namespace", &stack.account),
        line("PhysicalResourceId", &event.physical_id),
        line("ResourceProperties", event.properties.as_deref().unwrap_or("null")),
        line("ResourceStatus", &event.status),
        line("ResourceStatusReason", event.reason.as_deref().unwrap_or_default()),
        line("ResourceType", &event.type_name),
        line("StackName", &stack.name),
        line("ClientRequestToken", event.token.as_deref().unwrap_or("null")),
    ]
    .concat()
}

/// `The following resource(s) failed to create: [A, B]. `
pub(super) fn told(verb: &str, names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("The following resource(s) failed to {verb}: [{}]. ", names.join(", "))
}
