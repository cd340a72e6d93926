//! Which changes go to which buckets.

use moln_fabric::{Delivery, Outbox, outbox::Address};
use moln_kernel::{ApiError, Context, RecursiveLoop};
use moln_store::Batch;
use serde::{Deserialize, Serialize};

use super::KIND;
use crate::{
    bucket::Bucket,
    errors,
    model::{ReplicationConfiguration, Tag},
    rules::replication::{self, Seen},
    tables::{
        bucket::Versioning,
        configuration::Kind,
        object::{EncryptionRow, ObjectRow},
    },
};

/// Of a version that is to be replicated.
pub(super) const PENDING: &str = "PENDING";
/// Of one that was, to all buckets it should.
pub(super) const COMPLETED: &str = "COMPLETED";
/// Of one that could not be.
pub(super) const FAILED: &str = "FAILED";
/// Of a version that was written by replication.
pub(super) const REPLICA: &str = "REPLICA";

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is a new version, or a new marker.
    New,
    /// Something about a version is different now.
    Amended,
}

/// One version, to be brought to some buckets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) bucket: String,
    /// The bucket's number: another one of the same name is not meant.
    pub(super) number: u64,
    pub(super) key: String,
    pub(super) stamp: u64,
    /// The role that replicates (ARN).
    pub(super) role: String,
    pub(super) to: Vec<Destination>,
}

/// Where it goes, and what is different there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Destination {
    pub(super) bucket: String,
    pub(super) class: Option<String>,
    /// The replica belongs to the destination bucket's owner.
    pub(super) owned_there: bool,
    pub(super) kms_key: Option<String>,
    /// The rule's name.
    #[serde(default)]
    pub(super) rule: String,
    /// The rule has metrics: those who listen to the bucket hear of failures.
    #[serde(default)]
    pub(super) watched: bool,
}

/// Marks a version that goes to other buckets and adds to the batch what brings it there. `row` has its stamp.
pub(crate) fn order(
    batch: &mut Batch,
    ctx: &Context,
    bucket: &Bucket,
    key: &str,
    row: &mut ObjectRow,
    why: Why,
) -> Result<(), ApiError> {
    if why == Why::New {
        row.replication = None;
    }
    if row.null || bucket.row.versioning != Versioning::Enabled || !bucket.has(Kind::Replication) {
        return Ok(());
    }
    let replica = row.replication.as_deref() == Some(REPLICA);
    // What was there before the rules were is not replicated, nor is what is changed about it.
    if why == Why::Amended && row.replication.is_none() {
        return Ok(());
    }
    let Some(set) = bucket.setting::<ReplicationConfiguration>(Kind::Replication)? else { return Ok(()) };
    let tags: Vec<Tag> =
        row.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let seen = Seen {
        key,
        tags: &tags,
        marker: row.marker,
        replica,
        kms: matches!(row.encryption, EncryptionRow::Kms { .. }),
    };
    let to: Vec<Destination> = replication::chosen(&set, seen)
        .into_iter()
        .filter_map(|rule| {
            let destination = &rule.destination;
            Some(Destination {
                bucket: replication::bucket_of(&destination.bucket)?.to_owned(),
                class: destination.storage_class.clone(),
                owned_there: destination.access_control_translation.is_some(),
                kms_key: destination
                    .encryption_configuration
                    .as_ref()
                    .and_then(|encryption| encryption.replica_kms_key_id.clone()),
                rule: rule.id.clone().unwrap_or_default(),
                watched: replication::is_watched(destination),
            })
        })
        .collect();
    if to.is_empty() {
        return Ok(());
    }
    if !replica {
        row.replication = Some(PENDING.to_owned());
    }
    let order = Order {
        bucket: bucket.name.clone(),
        number: bucket.row.number,
        key: key.to_owned(),
        stamp: row.stamp,
        role: set.role,
        to,
    };
    let arn = format!("arn:aws:s3:::{}", bucket.name);
    let payload = serde_json::to_vec(&order).map_err(|_| errors::internal())?;
    let mut delivery = Delivery::new(Address::new(KIND, arn.as_str()), payload, ctx.now);
    delivery.trace.clone_from(&ctx.trace);
    delivery.lineage = ctx.lineage.clone();
    // A chain that goes round through the destination's events is stopped where those are delivered.
    let _ = delivery.lineage.push(arn, RecursiveLoop::Allow);
    Outbox::put(batch, &delivery).map_err(|why| {
        tracing::error!(%why, bucket = bucket.name, "a replication is too large");
        errors::internal()
    })
}
