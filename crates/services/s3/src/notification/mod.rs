//! Notifications: what happened to an object is written as a delivery into the very batch that made it happen.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>

pub(crate) mod check;
mod event;
mod record;

pub(crate) use event::Event;
pub(crate) use record::{Happening, ObjectFacts, Unreplicated};

use std::sync::Arc;

use moln_fabric::{Delivery, Outbox, outbox::Address};
use moln_kernel::{ApiError, Context};
use moln_store::Batch;

use crate::{
    bucket::Bucket,
    errors,
    model::{NotificationConfiguration, NotificationConfigurationFilter},
    tables::{configuration::Kind, why::DeliveryRow},
    why,
};

/// Kinds of targets, as the outbox knows them.
pub(crate) mod kinds {
    pub(crate) const QUEUE: &str = "sqs";
    pub(crate) const TOPIC: &str = "sns";
    pub(crate) const FUNCTION: &str = "lambda";
    pub(crate) const BUS: &str = "events";
}

/// Puts what somebody wants to know of a happening into the batch. One row for each who does; most buckets have none.
pub(crate) fn tell(
    batch: &mut Batch,
    ctx: &Context,
    bucket: &Bucket,
    happening: &Happening<'_>,
) -> Result<(), ApiError> {
    let Some(set) = bucket.setting::<NotificationConfiguration>(Kind::Notification)? else { return Ok(()) };
    let arn: Arc<str> = format!("arn:aws:s3:::{}", bucket.name).into();
    let mut told = Vec::new();
    let mut deliver = |kind: &'static str, target: &str, (id, payload): (Option<&str>, String)| {
        let mut delivery = Delivery::new(Address::new(kind, target), payload, happening.when);
        delivery.source = Some(Arc::clone(&arn));
        delivery.trace.clone_from(&ctx.trace);
        delivery.lineage = ctx.lineage.clone();
        // The bucket is a hop of its own. A chain that goes round is stopped at the target, whose dead letters are watched.
        let _ = delivery.lineage.push(Arc::clone(&arn), moln_kernel::RecursiveLoop::Allow);
        if kind == kinds::TOPIC {
            let attribute = moln_fabric::outbox::Attribute::text("Amazon S3 Notification");
            delivery.attributes.insert("Subject".into(), attribute);
        }
        told.push(DeliveryRow {
            id: delivery.id,
            kind: kind.into(),
            target: target.into(),
            configuration: id.map(str::to_owned),
        });
        Outbox::put(batch, &delivery).map_err(|why| {
            tracing::error!(%why, bucket = bucket.name, "a notification is too large");
            errors::internal()
        })
    };
    let key = happening.object.key;
    for one in set.queue_configurations.iter().flatten() {
        if wants(&one.events, one.filter.as_ref(), happening.event, key) {
            let payload = record::records(ctx, bucket, happening, one.id.as_deref().unwrap_or_default());
            deliver(kinds::QUEUE, &one.queue_arn, (one.id.as_deref(), payload))?;
        }
    }
    for one in set.topic_configurations.iter().flatten() {
        if wants(&one.events, one.filter.as_ref(), happening.event, key) {
            let payload = record::records(ctx, bucket, happening, one.id.as_deref().unwrap_or_default());
            deliver(kinds::TOPIC, &one.topic_arn, (one.id.as_deref(), payload))?;
        }
    }
    for one in set.lambda_function_configurations.iter().flatten() {
        if wants(&one.events, one.filter.as_ref(), happening.event, key) {
            let payload = record::records(ctx, bucket, happening, one.id.as_deref().unwrap_or_default());
            deliver(kinds::FUNCTION, &one.lambda_function_arn, (one.id.as_deref(), payload))?;
        }
    }
    if set.event_bridge_configuration.is_some()
        && let Some(payload) = record::bus_event(ctx, bucket, happening)
    {
        let bus = format!("arn:aws:events:{}:{}:event-bus/default", bucket.row.region, bucket.row.account);
        deliver(kinds::BUS, &bus, (None, payload))?;
    }
    if told.is_empty() { Ok(()) } else { why::note_event(batch, ctx, bucket, happening, told) }
}

/// Whether a configuration is about an event on a key.
fn wants(
    events: &[String],
    filter: Option<&NotificationConfigurationFilter>,
    event: Event,
    key: &str,
) -> bool {
    if !events.iter().any(|name| event.is(name)) {
        return false;
    }
    let rules = filter.and_then(|filter| filter.key.as_ref()).and_then(|key| key.filter_rules.as_ref());
    rules.into_iter().flatten().all(|rule| {
        let value = rule.value.as_deref().unwrap_or_default();
        match rule.name.as_deref() {
            Some(name) if name.eq_ignore_ascii_case("prefix") => key.starts_with(value),
            Some(name) if name.eq_ignore_ascii_case("suffix") => key.ends_with(value),
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FilterRule, S3KeyFilter};

    #[test]
    fn filters_choose_keys() {
        let rule =
            |name: &str, value: &str| FilterRule { name: Some(name.into()), value: Some(value.into()) };
        let rules = vec![rule("Prefix", "in/"), rule("suffix", ".png")];
        let filter = NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) };
        let events = ["s3:ObjectCreated:*".to_owned()];
        assert!(wants(&events, Some(&filter), Event::CreatedCopy, "in/a.png"));
        assert!(!wants(&events, Some(&filter), Event::CreatedCopy, "in/a.jpg"));
        assert!(!wants(&events, Some(&filter), Event::CreatedCopy, "out/a.png"));
        assert!(!wants(&events, None, Event::RemovedDelete, "in/a.png"));
        assert!(wants(&["s3:ObjectRemoved:Delete".to_owned()], None, Event::RemovedDelete, "x"));
    }
}
