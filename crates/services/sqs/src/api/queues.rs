//! Creating, finding, changing and deleting queues.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use super::address::url;
use crate::{
    Queues, attributes,
    attributes::{RedriveAllow, Settings},
    errors,
    limits::{PROPAGATION_MS, QUEUE_NAME_CHARS, QUIET_MS},
    live::{Queue, core::Address},
    model::{
        CreateQueueRequest, CreateQueueResult, GetQueueAttributesRequest, GetQueueAttributesResult,
        GetQueueUrlRequest, GetQueueUrlResult, SetQueueAttributesRequest,
    },
    tables::{QueueRow, keys},
};

/// Refuses names that no queue can have.
fn check_name(name: &str, fifo: bool) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(errors::missing_parameter("QueueName"));
    }
    let stem = if fifo { name.strip_suffix(".fifo").unwrap_or_default() } else { name };
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if stem.is_empty() || name.len() > QUEUE_NAME_CHARS || !stem.chars().all(good) {
        let kind = if fifo { " and should end with .fifo" } else { "" };
        return Err(errors::invalid_parameter(format!(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to {QUEUE_NAME_CHARS} in length{kind}"
        )));
    }
    Ok(())
}

impl Queues {
    pub(crate) async fn create(
        &self,
        ctx: &Context,
        input: CreateQueueRequest,
    ) -> Result<CreateQueueResult, ApiError> {
        let wanted = input.attributes.unwrap_or_default();
        let fifo = wanted.get("FifoQueue").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        if wanted.get("FifoQueue").is_some_and(|flag| flag.eq_ignore_ascii_case("false")) {
            // A standard queue has no such attribute, not even to deny it.
            return Err(errors::unknown_attribute("FifoQueue"));
        }
        check_name(&input.queue_name, fifo)?;
        let tags = input.tags.unwrap_or_default();
        super::tags::check(&BTreeMap::new(), &tags)?;
        let address = Address {
            account: ctx.account.as_str().into(),
            region: ctx.region.as_str().into(),
            name: input.queue_name.as_str().into(),
        };
        let found = CreateQueueResult { queue_url: Some(url(ctx, &address)) };
        // One at a time: two of the same name must not both find the name free.
        let _turn = self.creating.lock().await;
        if let Some(queue) = self.core.find(&address.account, &address.region, &address.name) {
            let there = &queue.meta().row;
            if let Some(name) = attributes::difference(&there.attributes, &wanted, fifo)? {
                return Err(errors::queue_name_exists(&name));
            }
            return Ok(found);
        }
        let now = self.core.clock.now();
        if self.core.deleted_recently(&address, now) {
            return Err(errors::queue_deleted_recently());
        }
        let mut row = QueueRow {
            id: self.core.store.stamp(),
            created: now.millis(),
            modified: now.millis(),
            tags,
            ..QueueRow::default()
        };
        attributes::apply(&mut row.attributes, &wanted, fifo, false)?;
        self.check_redrive(&address, &Settings::of(&row.attributes), wanted.contains_key("RedrivePolicy"))?;
        let mut batch = Batch::default();
        batch.put(keys::queue(&address.account, &address.region, &address.name), row.encode());
        self.core.durable(Some(self.core.store.submit(batch))).await?;
        let queue = Arc::new(Queue::new(address, row));
        let first_sweep = now.millis().saturating_add(queue.meta().settings.retention_ms);
        queue.sweep_due.store(first_sweep, Ordering::Release);
        self.core.add(queue);
        self.core.sweep_by(first_sweep);
        Ok(found)
    }

    /// A redrive policy must name a queue of the same kind, account and region that allows it.
    fn check_redrive(&self, source: &Address, settings: &Settings, wanted: bool) -> Result<(), ApiError> {
        let Some(redrive) = settings.redrive.as_ref().filter(|_| wanted) else { return Ok(()) };
        let refuse = |reason: &str| {
            let value = format!(
                "{{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":{}}}",
                redrive.target_arn, redrive.max_receives
            );
            Err(errors::invalid_value(value, "RedrivePolicy", reason))
        };
        let Some(target) = self.core.find_arn(&redrive.target_arn) else {
            return refuse("Dead letter target does not exist.");
        };
        if target.address.account != source.account || target.address.region != source.region {
            return refuse("Dead letter target must be in the same account and region.");
        }
        if target.fifo != source.name.ends_with(".fifo") {
            return refuse("Dead-letter queue must be same type of queue as the source.");
        }
        let allowed = match &target.meta().settings.redrive_allow {
            RedriveAllow::All => true,
            RedriveAllow::Deny => false,
            RedriveAllow::Sources(sources) => sources.contains(&source.arn()),
        };
        if !allowed {
            return refuse("The queue's redrive allow policy does not let this source queue use it.");
        }
        Ok(())
    }

    pub(crate) fn url(
        &self,
        ctx: &Context,
        input: &GetQueueUrlRequest,
    ) -> Result<GetQueueUrlResult, ApiError> {
        if input.queue_name.is_empty() {
            return Err(errors::missing_parameter("QueueName"));
        }
        let account = input.queue_owner_aws_account_id.as_deref().unwrap_or(ctx.account.as_str());
        let queue = self
            .core
            .find(account, ctx.region.as_str(), &input.queue_name)
            .ok_or_else(errors::queue_does_not_exist)?;
        if *queue.address.account != *ctx.account.as_str() {
            super::access::allow(ctx, &queue, "GetQueueUrl")?;
        }
        Ok(GetQueueUrlResult { queue_url: Some(url(ctx, &queue.address)) })
    }

    pub(crate) async fn attributes(
        &self,
        ctx: &Context,
        input: GetQueueAttributesRequest,
    ) -> Result<GetQueueAttributesResult, ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "GetQueueAttributes")?;
        let names = input.attribute_names.unwrap_or_default();
        if let Some(name) = names.iter().find(|name| !attributes::exists(name)) {
            return Err(errors::unknown_attribute(name));
        }
        let told = self.told(&queue, &names).await?;
        Ok(GetQueueAttributesResult { attributes: (!told.is_empty()).then_some(told) })
    }

    /// The attributes of these names that the queue has.
    pub(crate) async fn told(
        &self,
        queue: &Arc<Queue>,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let all = names.iter().any(|name| name == "All");
        let wants = |name: &str| all || names.iter().any(|wanted| wanted == name);
        let meta = queue.meta();
        let mut told = BTreeMap::new();
        for (name, value) in attributes::defaults(queue.fifo) {
            told.insert(name.to_owned(), value.to_owned());
        }
        for (name, value) in &meta.row.attributes {
            told.insert(name.clone(), value.clone());
        }
        told.insert("QueueArn".into(), queue.arn.to_string());
        told.insert("CreatedTimestamp".into(), (meta.row.created / 1_000).to_string());
        told.insert("LastModifiedTimestamp".into(), (meta.row.modified / 1_000).to_string());
        if all || names.iter().any(|name| name.starts_with("Approximate")) {
            let counts = queue.counts(&self.core).await?;
            for (name, count) in [
                ("ApproximateNumberOfMessages", counts.visible),
                ("ApproximateNumberOfMessagesNotVisible", counts.in_flight),
                ("ApproximateNumberOfMessagesDelayed", counts.delayed),
            ] {
                told.insert(name.into(), count.to_string());
            }
        }
        told.retain(|name, _| wants(name));
        Ok(told)
    }

    pub(crate) async fn set_attributes(
        &self,
        ctx: &Context,
        input: SetQueueAttributesRequest,
    ) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "SetQueueAttributes")?;
        if input.attributes.is_empty() {
            return Err(errors::missing_parameter("Attribute.Name"));
        }
        self.change_row(&queue, |row| {
            let before = row.attributes.get("DeduplicationScope").cloned().unwrap_or_else(|| "queue".into());
            attributes::apply(&mut row.attributes, &input.attributes, queue.fifo, true)?;
            let settings = Settings::of(&row.attributes);
            self.check_redrive(&queue.address, &settings, input.attributes.contains_key("RedrivePolicy"))?;
            let now = self.core.clock.now().millis();
            if settings.deduplicate_by_group != (before == "messageGroup") {
                row.scope_before = Some((before, now.saturating_add(PROPAGATION_MS)));
            }
            row.modified = now;
            Ok(())
        })
        .await
    }

    /// Changes a queue's row, one change at a time.
    pub(crate) async fn change_row(
        &self,
        queue: &Arc<Queue>,
        change: impl FnOnce(&mut QueueRow) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let _turn = self.creating.lock().await;
        if queue.lock().deleted {
            return Err(errors::queue_does_not_exist());
        }
        let mut row = queue.meta().row.clone();
        change(&mut row)?;
        let at = &queue.address;
        let mut batch = Batch::default();
        batch.put(keys::queue(&at.account, &at.region, &at.name), row.encode());
        self.core.durable(Some(self.core.store.submit(batch))).await?;
        queue.set_meta(row);
        queue.sweep_at(0);
        self.core.changed();
        Ok(())
    }

    pub(crate) async fn drop_queue(&self, ctx: &Context, queue_url: &str) -> Result<(), ApiError> {
        let queue = self.queue(ctx, queue_url, "DeleteQueue")?;
        let _turn = self.creating.lock().await;
        let at = &queue.address;
        let now = self.core.clock.now();
        let pending = {
            let mut inner = queue.lock();
            if std::mem::replace(&mut inner.deleted, true) {
                return Err(errors::queue_does_not_exist());
            }
            inner.live = None;
            inner.waiters.wake_all();
            queue.rearm.notify_one();
            let mut batch = Batch::default();
            batch.delete(keys::queue(&at.account, &at.region, &at.name));
            self.core.remove(at, now, &mut batch);
            batch.delete(keys::cursor(queue.id));
            for range in [keys::tasks(queue.id)].into_iter().chain(keys::messages(queue.id)) {
                batch.delete_range(range);
            }
            self.core.store.submit(batch)
        };
        self.core.tasks.forget(queue.id);
        if let Err(error) = self.core.durable(Some(pending)).await {
            // Nothing was written: the queue is there still, in the store and for its clients.
            queue.lock().deleted = false;
            queue.reload();
            self.core.add(queue);
            return Err(error);
        }
        self.core.changed();
        Ok(())
    }

    pub(crate) async fn purge(&self, ctx: &Context, queue_url: &str) -> Result<(), ApiError> {
        let queue = self.queue(ctx, queue_url, "PurgeQueue")?;
        let now = self.core.clock.now().millis();
        {
            let mut inner = queue.lock();
            if inner.purged.is_some_and(|at| now < at.saturating_add(QUIET_MS)) {
                return Err(errors::purge_in_progress(&queue.address.name));
            }
            inner.purged = Some(now);
        }
        let purged = queue
            .commit(&self.core, |live, _, batch| {
                live.state.clear();
                live.deduplication.clear();
                live.counting = false;
                for range in keys::messages(queue.id) {
                    batch.delete_range(range);
                }
            })
            .await;
        if purged.is_err() {
            // It did not happen: the client may try again at once.
            queue.lock().purged = None;
        }
        purged
    }
}
