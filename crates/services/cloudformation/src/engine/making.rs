//! Making and changing resources.

use std::{collections::BTreeSet, sync::Arc};

use moln_deploy::template::{Prepared, Resource as Wanted};
use moln_kernel::{
    ids::Uuid,
    resources::{Origin, TagForm},
};
use moln_store::Batch;
use serde_json::{Map, Value, json};

use super::{
    run::{Failure, Run, told},
    walk::{Graph, Outcome},
};
use crate::{
    own::{Maker, Refusal},
    tables::{ResourceRow, Step},
};

/// Properties that nobody understands, by resource: the first of each.
pub(crate) fn unknown_properties(
    maker: impl Fn(&str) -> Option<Maker>,
    prepared: &Prepared,
) -> Vec<(String, String)> {
    let mut unknown = Vec::new();
    for declared in prepared.template().resources() {
        if prepared.resource(declared.logical).is_none() {
            continue;
        }
        let known = maker(declared.kind).and_then(|maker| maker.properties());
        let given = declared.node.get("Properties").and_then(|node| node.as_mapping());
        let (Some(known), Some(given)) = (known, given) else { continue };
        let odd = given
            .iter()
            .map(|entry| &entry.key)
            .find(|key| !known.contains(&key.as_str()) && !key.starts_with("Fn::"));
        unknown.extend(odd.map(|key| (declared.logical.to_owned(), key.clone())));
    }
    unknown
}

/// The stack's tags among a resource's own.
pub(crate) fn tagged(maker: &Maker, properties: &mut Value, tags: &[(String, String)]) {
    let Some(members) = properties.as_object_mut() else { return };
    let Some(form) = maker.tag_form().filter(|_| !tags.is_empty()) else { return };
    match (form, members.get_mut("Tags")) {
        (_, Some(Value::Object(own))) => {
            for (key, value) in tags {
                own.entry(key).or_insert_with(|| value.clone().into());
            }
        }
        (_, Some(Value::Array(own))) => {
            for (key, value) in tags {
                if !own.iter().any(|tag| tag.get("Key").and_then(Value::as_str) == Some(key)) {
                    own.push(json!({"Key": key, "Value": value}));
                }
            }
        }
        (TagForm::List, _) => {
            let all = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            members.insert("Tags".to_owned(), all.collect());
        }
        (TagForm::Map, _) => {
            let all: Map<String, Value> =
                tags.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
            members.insert("Tags".to_owned(), all.into());
        }
    }
}

impl Run {
    /// Makes what a new stack's template says.
    pub(super) async fn creating(self: &Arc<Self>) -> Result<(), Failure> {
        if let Some(why) = &self.operation.doomed {
            return self.fail(&format!("{why}. ")).await;
        }
        let prepared = match self.prepared(&self.stack.config) {
            Ok(prepared) => Arc::new(prepared),
            Err(error) => return self.fail(&error.message).await,
        };
        let failed = self.make_all(&prepared).await?;
        if !failed.is_empty() || self.is_stopping() {
            let why = if self.is_late() {
                "Stack creation time exceeded the specified timeout. ".to_owned()
            } else {
                told("create", &failed)
            };
            return self.fail(&why).await;
        }
        self.complete(&prepared).await
    }

    /// Makes and changes what an update's template says.
    pub(super) async fn updating(self: &Arc<Self>) -> Result<(), Failure> {
        let prepared = match self.prepared(&self.stack.config) {
            Ok(prepared) => Arc::new(prepared),
            Err(error) => return self.fail(&error.message).await,
        };
        let failed = self.make_all(&prepared).await?;
        if self.is_cancelled() {
            return self.fail("User Initiated").await;
        }
        if !failed.is_empty() || self.is_stopping() {
            let made = |name: &String| self.row(name).is_none_or(|row| row.status.starts_with("CREATE"));
            let (made, changed): (BTreeSet<_>, BTreeSet<_>) = failed.iter().cloned().partition(made);
            return self.fail(&format!("{}{}", told("create", &made), told("update", &changed))).await;
        }
        self.complete(&prepared).await
    }

    async fn make_all(self: &Arc<Self>, prepared: &Arc<Prepared>) -> Result<BTreeSet<String>, Failure> {
        let unknown = unknown_properties(|name| self.service.maker(name), prepared);
        if !unknown.is_empty() {
            // Before anything is made.
            let mut failed = BTreeSet::new();
            for (logical, property) in unknown {
                if let Some(wanted) = prepared.resource(&logical) {
                    let mut row = self.row(&logical).unwrap_or_else(|| fresh(wanted));
                    row.operation.clone_from(&self.operation.id);
                    match self
                        .fail_step(row, format!("Encountered unsupported property {property}"), true)
                        .await
                    {
                        Ok(()) | Err(Failure::Resource) => {}
                        Err(fatal) => return Err(fatal),
                    }
                    failed.insert(logical);
                }
            }
            return Ok(failed);
        }
        // Before a crash, perhaps: then nothing else begins.
        let has_failed =
            |row: &&ResourceRow| row.operation == self.operation.id && row.status.ends_with("_FAILED");
        let mut failed: BTreeSet<String> =
            self.rows().values().filter(has_failed).map(|row| row.logical_id.clone()).collect();
        if !failed.is_empty() {
            self.stop();
        }
        let graph: Graph = prepared
            .resources()
            .iter()
            .map(|wanted| (wanted.logical.clone(), wanted.depends_on.iter().cloned().collect()))
            .collect();
        let prepared = Arc::clone(prepared);
        let more = self.walk(&graph, true, move |run, logical| {
            let prepared = Arc::clone(&prepared);
            Box::pin(async move {
                match prepared.resource(&logical) {
                    Some(wanted) => run.make(&prepared, wanted).await,
                    None => Ok(()),
                }
            })
        });
        failed.extend(more.await?);
        Ok(failed)
    }

    /// Makes one resource, changes it, replaces it, or leaves it as it is.
    async fn make(self: Arc<Self>, prepared: &Prepared, wanted: &Wanted) -> Outcome {
        let row = self.row(&wanted.logical);
        match row {
            // What a crash has cut off.
            Some(row) if row.step == Step::Creating => return self.create(row, wanted, true).await,
            Some(row) if row.step == Step::Updating => return self.change(row).await,
            // Done already in this operation.
            Some(row) if row.operation == self.operation.id && row.status.ends_with("_COMPLETE") => {
                return Ok(());
            }
            _ => {}
        }
        let evaluated = self.evaluate(prepared, wanted);
        let mut row = row.filter(|row| row.status != "DELETE_COMPLETE").unwrap_or_else(|| fresh(wanted));
        row.operation.clone_from(&self.operation.id);
        let (properties, batch) = match evaluated {
            Ok(evaluated) => evaluated,
            Err(Refusal(why)) => return self.fail_step(row, why, true).await,
        };
        let metadata = wanted.metadata.clone();
        let Some(maker) = self.service.maker(&wanted.kind) else {
            return self
                .fail_step(row, format!("Unrecognized resource types: [{}]", wanted.kind), true)
                .await;
        };
        if row.physical_id.is_empty() {
            row.type_name.clone_from(&wanted.kind);
            row.fresh = true;
            row.properties = properties;
            row.metadata = metadata;
            return self.begin(row, wanted, &maker, batch).await;
        }
        let same_type = row.type_name == wanted.kind;
        // What an earlier operation left half done is done anew.
        let broken = row.status == "CREATE_FAILED";
        let whole = !row.status.ends_with("_FAILED");
        if same_type && whole && row.properties == properties && !matches!(maker, Maker::Stack) {
            // Nothing that anybody would see, though what it depends on may have changed.
            let quiet = row.metadata == metadata
                && row.deletion_policy.as_deref() == Some(&*wanted.deletion_policy)
                && row.replace_policy.as_deref() == Some(&*wanted.update_replace_policy)
                && row.depends == wanted.depends_on;
            if quiet {
                return Ok(());
            }
            keep(&mut row, false);
            row.metadata = metadata;
            adopt(&mut row, wanted);
            return self.record_with(row, Vec::new(), batch).await;
        }
        let replaces = broken || !same_type || maker.replaces(&row.properties, &properties);
        keep(&mut row, replaces);
        row.properties = properties;
        row.metadata = metadata;
        adopt(&mut row, wanted);
        row.status = "UPDATE_IN_PROGRESS".into();
        row.reason = None;
        if replaces {
            row.type_name.clone_from(&wanted.kind);
            return self.begin(row, wanted, &maker, batch).await;
        }
        row.step = Step::Updating;
        let event = self.event(&row);
        self.record_with(row.clone(), vec![event], batch).await?;
        self.change(row).await
    }

    /// A resource's properties as they are to be.
    fn evaluate(&self, prepared: &Prepared, wanted: &Wanted) -> Result<(Value, Batch), Refusal> {
        let told = |error: moln_kernel::ApiError| Refusal(error.message);
        let scope = self.scope().map_err(told)?;
        let mut properties =
            prepared.properties(&wanted.logical, &scope).map_err(|problem| Refusal(problem.text))?;
        let mut batch = Batch::default();
        self.imports(&mut batch, &scope).map_err(told)?;
        if let Some(maker) = self.service.maker(&wanted.kind) {
            tagged(&maker, &mut properties, &self.stack.config.tags);
        }
        Ok((properties, batch))
    }

    /// Writes that a resource is about to be made, and makes it.
    async fn begin(
        self: Arc<Self>,
        mut row: ResourceRow,
        wanted: &Wanted,
        maker: &Maker,
        batch: Batch,
    ) -> Outcome {
        adopt(&mut row, wanted);
        row.token = Uuid::random().to_string();
        let replaces = !row.physical_id.is_empty();
        let old = std::mem::take(&mut row.physical_id);
        if replaces {
            row.reason = Some(
                "Requested update requires the creation of a new physical resource; hence creating one."
                    .to_owned(),
            );
        } else {
            row.status = "CREATE_IN_PROGRESS".into();
            row.reason = None;
        }
        let mut event = self.event(&row);
        event.physical_id = old;
        let origin = Origin {
            stack: self.stack.name.clone(),
            logical_id: row.logical_id.clone(),
            token: row.token.clone(),
        };
        // Whatever cannot be told now the making will tell.
        let taken = maker.find(&self, &origin, &row.properties).await.unwrap_or_default();
        if let Some(taken) = taken {
            self.record_with(row.clone(), vec![event], batch).await?;
            let kind = row.type_name.clone();
            let words =
                format!("Resource of type '{kind}' with identifier '{}' already exists.", taken.reference);
            let error = moln_kernel::ApiError::sender("AlreadyExists", words);
            return self.fail_step(row, Refusal::from(error).0, false).await;
        }
        row.step = Step::Creating;
        self.record_with(row.clone(), vec![event], batch).await?;
        self.create(row, wanted, false).await
    }

    /// Makes a resource whose row says so.
    async fn create(self: Arc<Self>, mut row: ResourceRow, wanted: &Wanted, again: bool) -> Outcome {
        let Some(maker) = self.service.maker(&row.type_name) else { return Err(Failure::Resource) };
        let made = maker.create(&self, &row, again).await;
        // Whoever waited may have written into the row.
        row = self.row(&row.logical_id).unwrap_or(row);
        match made {
            Err(Refusal(why)) => {
                row.step = Step::Rest;
                self.fail_step(row, why, false).await
            }
            Ok(made) => {
                let told = !row.physical_id.is_empty();
                row.physical_id = made.id;
                row.reference = made.reference;
                row.attributes = made.attributes;
                row.step = Step::Rest;
                let mut events = Vec::new();
                if !row.status.ends_with("_IN_PROGRESS") {
                    row.status = "CREATE_IN_PROGRESS".into();
                }
                row.reason = Some("Resource creation Initiated".to_owned());
                if !told {
                    events.push(self.event(&row));
                }
                if let Some(policy) =
                    wanted.creation_policy.as_ref().and_then(|policy| policy.get("ResourceSignal"))
                {
                    row.step = Step::Creating;
                    self.record(row.clone(), std::mem::take(&mut events)).await?;
                    if let Err(Refusal(why)) = self.signals(&row, policy).await {
                        row.step = Step::Rest;
                        return self.fail_step(row, why, false).await;
                    }
                    row.step = Step::Rest;
                }
                if self.is_stopping() {
                    // A neighbour has failed in the meantime.
                    let why = cancelled(&row);
                    return self.fail_with(row, why, events).await;
                }
                row.status =
                    if row.status.starts_with("UPDATE") { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" }
                        .into();
                row.reason = None;
                events.push(self.event(&row));
                self.record(row, events).await
            }
        }
    }

    /// Changes a resource in place whose row says so.
    async fn change(self: Arc<Self>, mut row: ResourceRow) -> Outcome {
        let Some(maker) = self.service.maker(&row.type_name) else { return Err(Failure::Resource) };
        let before = row.before.as_ref().map(|before| before.properties.clone()).unwrap_or_default();
        let changed = maker.update(&self, &row, &before).await;
        row = self.row(&row.logical_id).unwrap_or(row);
        row.step = Step::Rest;
        match changed {
            Err(Refusal(why)) => self.fail_step(row, why, false).await,
            Ok(changed) => {
                let replaced = changed.id != row.physical_id;
                row.physical_id = changed.id;
                row.reference = changed.reference;
                row.attributes = changed.attributes;
                let mut events = Vec::new();
                if replaced {
                    // A custom resource says by another id that the old one is to go.
                    if let Some(before) = &mut row.before {
                        before.replaced = true;
                    }
                    row.reason = Some(
                        "Requested update required the provider to create a new physical resource".to_owned(),
                    );
                    events.push(self.event(&row));
                }
                row.status = "UPDATE_COMPLETE".into();
                row.reason = None;
                events.push(self.event(&row));
                self.record(row, events).await
            }
        }
    }

    /// Notes that a step on a resource failed. With `begun`, it is also told that it began.
    async fn fail_step(&self, mut row: ResourceRow, why: String, begun: bool) -> Outcome {
        let mut events = Vec::new();
        if begun {
            let update = !row.physical_id.is_empty();
            row.status = if update { "UPDATE_IN_PROGRESS" } else { "CREATE_IN_PROGRESS" }.into();
            row.reason = None;
            if !update {
                row.fresh = true;
            }
            events.push(self.event(&row));
        }
        self.fail_with(row, why, events).await
    }

    async fn fail_with(
        &self,
        mut row: ResourceRow,
        why: String,
        mut events: Vec<crate::tables::EventRow>,
    ) -> Outcome {
        let verb = if row.status.starts_with("UPDATE") { "UPDATE" } else { "CREATE" };
        row.status = format!("{verb}_FAILED");
        row.reason = Some(why);
        events.push(self.event(&row));
        self.record(row, events).await?;
        Err(Failure::Resource)
    }
}

/// Why a resource that was under way has failed when a neighbour had.
fn cancelled(row: &ResourceRow) -> String {
    let verb = if row.status.starts_with("UPDATE") { "update" } else { "creation" };
    format!("Resource {verb} cancelled")
}

/// A resource that is not there yet.
fn fresh(wanted: &Wanted) -> ResourceRow {
    ResourceRow {
        logical_id: wanted.logical.clone(),
        type_name: wanted.kind.clone(),
        properties: Value::Object(Map::new()),
        fresh: true,
        ..ResourceRow::default()
    }
}

/// Keeps what a resource was before its stack's last good state is left.
fn keep(row: &mut ResourceRow, replaces: bool) {
    if replaces && row.before.as_ref().is_some_and(|before| before.replaced) {
        // Replaced once more: what stands in between goes in any case.
        let between = row.as_before();
        row.garbage.push(between);
    }
    let now = row.as_before();
    if row.fresh {
        // It was made by an update that failed: there is nothing good to come back to.
        if replaces {
            row.garbage.push(now);
        }
        return;
    }
    let before = row.before.get_or_insert_with(|| Box::new(now));
    before.replaced |= replaces;
}

/// What the template says about a resource beside its properties.
fn adopt(row: &mut ResourceRow, wanted: &Wanted) {
    row.depends.clone_from(&wanted.depends_on);
    row.deletion_policy = Some(wanted.deletion_policy.clone());
    row.replace_policy = Some(wanted.update_replace_policy.clone());
}
