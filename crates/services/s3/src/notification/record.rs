//! The documents that tell what happened.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use std::fmt::Write as _;

use moln_kernel::{Context, Principal, Timestamp};
use moln_wire::{schema::TimestampFormat, server::host_id, time};
use serde_json::{Map, json};

use super::Event;
use crate::bucket::Bucket;

/// What a record tells of an object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObjectFacts<'a> {
    pub(crate) key: &'a str,
    pub(crate) size: u64,
    /// Without quotes; `None` for a removal.
    pub(crate) etag: Option<&'a str>,
    /// In a bucket that keeps versions.
    pub(crate) version_id: Option<&'a str>,
    /// Grows with every change of the bucket's objects.
    pub(crate) sequence: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happening<'a> {
    pub(crate) event: Event,
    pub(crate) when: Timestamp,
    pub(crate) object: ObjectFacts<'a>,
    /// The class that it has (where a restored copy is of an archived one) or moved to (transitions).
    pub(crate) storage_class: Option<&'a str>,
    /// Until when a restored copy stays, or stayed.
    pub(crate) restored_until: Option<Timestamp>,
    /// Of a version that does not come to another bucket.
    pub(crate) unreplicated: Option<Unreplicated<'a>>,
}

/// Where a version does not come to, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unreplicated<'a> {
    pub(crate) rule: &'a str,
    /// The other bucket's name.
    pub(crate) bucket: &'a str,
    /// When the version was to be replicated.
    pub(crate) since: Timestamp,
    /// `DstBucketNotFound`
    pub(crate) reason: &'a str,
}

impl Happening<'_> {
    /// An event without what it is about.
    pub(crate) fn of(event: Event, when: Timestamp) -> Self {
        let object = ObjectFacts::default();
        Self { event, when, object, storage_class: None, restored_until: None, unreplicated: None }
    }
}

/// Orders the events of a key: of two sequencers the larger, as text, is the later.
fn sequencer(sequence: u64) -> String {
    format!("{sequence:018X}")
}

/// Who did it, as records name it.
fn user(ctx: &Context, event: Event, bucket: &Bucket) -> String {
    if event == Event::RestoreCompleted {
        return format!("AmazonCustomer:{}", owner(&bucket.row.account));
    }
    match (&ctx.caller, &ctx.principal) {
        (Some(caller), _) => format!("AWS:{}", caller.user_id),
        (None, Principal::Anonymous) => "Anonymous".into(),
        (None, _) => format!("AWS:{}", ctx.account),
    }
}

/// The owner's id, as records have it: fourteen letters and digits, the same for ever.
fn owner(account: &str) -> String {
    let id = crate::acl::canonical_id(account).to_ascii_uppercase();
    format!("A{}", id.get(..13).unwrap_or_default())
}

/// As in the body of a form: a space is a plus sign, a slash stays.
fn encoded(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn iso(moment: Timestamp) -> String {
    let text = time::format(moment, TimestampFormat::DateTime);
    // Always with milliseconds here.
    match text.strip_suffix('Z') {
        Some(whole) if !whole.contains('.') => format!("{whole}.000Z"),
        _ => text,
    }
}

/// The address records give for what nobody asked for: S3's own.
const OWN_ADDRESS: &str = "s3.amazonaws.com";

fn address(ctx: &Context) -> String {
    ctx.source.map_or_else(|| OWN_ADDRESS.to_owned(), |address| address.to_string())
}

/// The body for a queue, a topic or a function.
pub(super) fn records(ctx: &Context, bucket: &Bucket, what: &Happening<'_>, configuration: &str) -> String {
    let mut object = Map::new();
    object.insert("key".into(), encoded(what.object.key).into());
    if what.event.tells_size() {
        object.insert("size".into(), what.object.size.into());
    }
    if let Some(etag) = what.object.etag {
        object.insert("eTag".into(), etag.into());
    }
    if let Some(version) = what.object.version_id {
        object.insert("versionId".into(), version.into());
    }
    if what.event.is_sequenced() {
        object.insert("sequencer".into(), sequencer(what.object.sequence).into());
    }
    let mut record = json!({
        "eventVersion": what.event.version(),
        "eventSource": "aws:s3",
        "awsRegion": bucket.row.region,
        "eventTime": iso(what.when),
        "eventName": what.event.name(),
        "userIdentity": { "principalId": user(ctx, what.event, bucket) },
        "requestParameters": { "sourceIPAddress": address(ctx) },
        "responseElements": {
            "x-amz-request-id": ctx.request_id.as_str(),
            "x-amz-id-2": host_id(&ctx.request_id),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": { "principalId": owner(&bucket.row.account) },
                "arn": format!("arn:aws:s3:::{}", bucket.name),
            },
            "object": object,
        },
    });
    if what.event == Event::RestoreCompleted
        && let Some(record) = record.as_object_mut()
    {
        let restored = json!({
            "lifecycleRestorationExpiryTime": what.restored_until.map(iso),
            "lifecycleRestoreStorageClass": what.storage_class,
        });
        record.insert("glacierEventData".into(), json!({ "restoreEventData": restored }));
    }
    if let (Some(failed), Some(record)) = (&what.unreplicated, record.as_object_mut()) {
        let data = json!({
            "replicationRuleId": failed.rule,
            "destinationBucket": format!("arn:aws:s3:::{}", failed.bucket),
            "s3Operation": "OBJECT_PUT",
            "requestTime": iso(failed.since),
            "failureReason": failed.reason,
        });
        record.insert("replicationEventData".into(), data);
    }
    json!({ "Records": [record] }).to_string()
}

/// The event for a bus: source, type, detail and resources. `None`: buses are not told.
pub(super) fn bus_event(ctx: &Context, bucket: &Bucket, what: &Happening<'_>) -> Option<String> {
    let (kind, reason) = what.event.on_bus()?;
    let mut object = Map::new();
    object.insert("key".into(), what.object.key.into());
    if !what.event.is_removal() {
        object.insert("size".into(), what.object.size.into());
    }
    if let Some(etag) = what.object.etag {
        object.insert("etag".into(), etag.into());
    }
    if let Some(version) = what.object.version_id {
        object.insert("version-id".into(), version.into());
    }
    if what.event.is_sequenced() {
        object.insert("sequencer".into(), sequencer(what.object.sequence).into());
    }
    let mut detail = Map::new();
    detail.insert("version".into(), "0".into());
    detail.insert("bucket".into(), json!({ "name": bucket.name }));
    detail.insert("object".into(), object.into());
    detail.insert("request-id".into(), ctx.request_id.as_str().into());
    detail.insert("requester".into(), ctx.account.as_str().into());
    if let Some(address) = ctx.source {
        detail.insert("source-ip-address".into(), address.to_string().into());
    }
    if let Some((member, text)) = reason {
        detail.insert(member.into(), text.into());
    }
    match what.event {
        Event::RemovedDelete | Event::ExpirationDelete => {
            detail.insert("deletion-type".into(), "Permanently Deleted".into());
        }
        Event::RemovedMarker | Event::ExpirationMarker => {
            detail.insert("deletion-type".into(), "Delete Marker Created".into());
        }
        _ => {}
    }
    let class = match what.event {
        Event::Transition => Some("destination-storage-class"),
        Event::RestorePost | Event::RestoreCompleted => Some("source-storage-class"),
        _ => None,
    };
    if let (Some(member), Some(class)) = (class, what.storage_class) {
        detail.insert(member.into(), class.into());
    }
    if let (Event::RestoreCompleted, Some(until)) = (what.event, what.restored_until) {
        detail.insert("restore-expiry-time".into(), iso(until).into());
    }
    let event = json!({
        "source": "aws.s3",
        "detail-type": kind,
        "detail": detail,
        "resources": [format!("arn:aws:s3:::{}", bucket.name)],
        "account": bucket.row.account,
        "region": bucket.row.region,
        "time": iso(what.when),
    });
    Some(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_in_a_form() {
        assert_eq!(encoded("a b/ä+c=d*~"), "a+b/%C3%A4%2Bc%3Dd*%7E");
    }

    #[test]
    fn sequencers_are_ordered_as_text() {
        assert!(sequencer(9) < sequencer(16) && sequencer(16) < sequencer(u64::MAX));
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(iso(Timestamp(1_000)), "1970-01-01T00:00:01.000Z");
        assert_eq!(iso(Timestamp(1_005)), "1970-01-01T00:00:01.005Z");
    }
}
