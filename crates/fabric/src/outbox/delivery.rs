//! A delivery: what goes where, and what if it cannot.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{Lineage, Timestamp, ids};
use serde::{Deserialize, Serialize};

use crate::Backoff;

/// Version of the value on disk.
const V1: u8 = 1;
/// Most attributes of a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_ATTRIBUTES: usize = 10;
/// Longest error message kept with a dead letter, characters.
const MAX_MESSAGE: usize = 256;

/// Where something is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Which [`super::Target`] knows the way, such as `sqs`.
    pub kind: Cow<'static, str>,
    /// The resource.
    pub arn: Arc<str>,
}

impl Address {
    /// A resource of a kind.
    pub fn new(kind: &'static str, arn: impl Into<Arc<str>>) -> Self {
        Self { kind: Cow::Borrowed(kind), arn: arn.into() }
    }
}

/// A message attribute, as queues and topics have them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, with an optional `.suffix`.
    pub data_type: String,
    /// UTF-8 text unless it is binary.
    #[serde(with = "crate::octets")]
    pub value: Bytes,
}

impl Attribute {
    /// A `String` attribute.
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: value.into().into() }
    }
}

/// How long to try. Whatever ends first ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Between attempts.
    pub backoff: Backoff,
    /// Attempts in all, at least one.
    pub attempts: u32,
    /// How long after its creation a delivery may begin.
    pub age: Duration,
}

impl Default for Retry {
    /// What `EventBridge` does: 185 retries within 24 hours.
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(10));
        Self { backoff, attempts: 186, age: Duration::from_hours(24) }
    }
}

impl Retry {
    /// For dead letters: they are only given up after as long as a queue would keep them (14 days).
    pub const DEAD_LETTER: Self = Self {
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_mins(10)),
        attempts: u32::MAX,
        age: Duration::from_hours(14 * 24),
    };
}

/// Something that has to get to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Unique; the same at every attempt, so that a target can recognise a repetition.
    pub id: [u8; 16],
    /// Where to.
    pub target: Address,
    /// Who sends (an ARN): on whose behalf the target is called.
    pub source: Option<Arc<str>>,
    /// What. With everything else at most 64 KiB.
    #[serde(with = "crate::octets")]
    pub payload: Bytes,
    /// Message attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// FIFO group, or a fair queue's tenant.
    pub group_id: Option<String>,
    /// FIFO deduplication id.
    pub deduplication_id: Option<String>,
    /// Whether deliveries of the same target and group arrive in the order of their commits: one that fails holds up those
    /// behind it.
    pub ordered: bool,
    /// What has led here; the target itself is added when it is delivered.
    #[serde(with = "lineage_text")]
    pub lineage: Lineage,
    /// The trace header.
    pub trace: Option<Arc<str>>,
    /// When it was caused.
    pub created: Timestamp,
    /// How often it has failed.
    pub failures: u32,
    /// Not to be tried earlier.
    pub not_before: Timestamp,
    /// How long to try.
    pub retry: Retry,
    /// Where it goes when it cannot be delivered; without one it is dropped, with an error in the log.
    pub dead_letter: Option<Address>,
    /// It is a dead letter itself.
    pub is_dead_letter: bool,
}

impl Delivery {
    /// A delivery with a new id, default retries and nothing optional.
    pub fn new(target: Address, payload: impl Into<Bytes>, created: Timestamp) -> Self {
        Self {
            id: ids::unique().to_be_bytes(),
            target,
            source: None,
            payload: payload.into(),
            attributes: BTreeMap::new(),
            group_id: None,
            deduplication_id: None,
            ordered: false,
            lineage: Lineage::default(),
            trace: None,
            created,
            failures: 0,
            not_before: Timestamp(0),
            retry: Retry::default(),
            dead_letter: None,
            is_dead_letter: false,
        }
    }

    /// What becomes of it when it cannot be delivered: the original with the reason as attributes `ErrorCode` and
    /// `ErrorMessage`, as far as a message has room for them, for its dead letter target.
    pub fn into_dead_letter(mut self, to: Address, failure: &Failure, now: Timestamp) -> Self {
        let message: String = failure.message.chars().take(MAX_MESSAGE).collect();
        for (name, value) in [("ErrorCode", &*failure.code), ("ErrorMessage", &*message)] {
            // The original must not be refused for what is added: queues take no empty values, no control characters and
            // no more than so many attributes.
            if self.attributes.len() < MAX_ATTRIBUTES && !value.is_empty() {
                let value = value.replace(|c: char| c.is_control() || c > '\u{fffd}', " ");
                self.attributes.insert(name.to_owned(), Attribute::text(value));
            }
        }
        let retry = Retry::DEAD_LETTER;
        let not_before = Timestamp(0);
        Self {
            target: to,
            created: now,
            failures: 0,
            not_before,
            retry,
            dead_letter: None,
            is_dead_letter: true,
            ..self
        }
    }

    pub(super) fn encode(&self) -> Option<Bytes> {
        postcard::to_extend(self, vec![V1]).ok().map(Bytes::from)
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        match value.split_first()? {
            (&V1, rest) => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }
}

/// Why a delivery failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short code, as it appears with the dead letter.
    pub code: Cow<'static, str>,
    /// In words.
    pub message: String,
    /// Trying again is of no use.
    pub permanent: bool,
    /// Not to be tried again earlier than after this long (the target's wish).
    pub after: Option<Duration>,
}

impl Failure {
    /// Worth another try.
    pub fn passing(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), permanent: false, after: None }
    }
    /// Not worth another try.
    pub fn permanent(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::passing(code, message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
impl std::error::Error for Failure {}

/// In its compact text form.
mod lineage_text {
    use moln_kernel::Lineage;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(lineage: &Lineage, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&lineage.encode())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lineage, D::Error> {
        let text = String::deserialize(deserializer)?;
        Lineage::decode(&text).ok_or_else(|| D::Error::custom("not a lineage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Delivery {
        let mut delivery = Delivery::new(Address::new("sqs", "arn:q"), "payload", Timestamp(7));
        delivery.id = [9; 16];
        delivery.attributes.insert("a".into(), Attribute::text("b"));
        delivery.lineage.hops = ["arn:x", "arn:y", "arn:x"].map(Arc::from).to_vec();
        delivery.retry.attempts = 3;
        delivery.group_id = Some("g".into());
        delivery
    }

    #[test]
    fn it_comes_back_from_disk() {
        let delivery = example();
        assert_eq!(Delivery::decode(&delivery.encode().unwrap()), Some(delivery));
        assert_eq!(Delivery::decode(b""), None);
        assert_eq!(Delivery::decode(b"\x02abc"), None);
    }

    /// Written by the first version: newer ones must go on reading it.
    #[test]
    fn version_1_is_read() {
        let mut value = vec![1];
        value.extend([9; 16]);
        value.extend(b"\x03sqs\x05arn:q\0\x07payload\x01\x01a\x06String\x01b\x01\x01g\0\0");
        value.extend(b"\x0darn:x,arn:y,0\0\x07\0\0\x01\0\xd8\x04\0\x03\x80\xa3\x05\0\0\0");
        assert_eq!(Delivery::decode(&value), Some(example()), "{:?}", example().encode());
    }

    #[test]
    fn a_dead_letter_is_the_original_and_the_reason() {
        let failure = Failure::permanent("Gone", "x".repeat(5_000));
        let dead = example().into_dead_letter(Address::new("sqs", "arn:dlq"), &failure, Timestamp(50));
        assert_eq!(
            (&*dead.payload, &*dead.target.arn, dead.created),
            (&b"payload"[..], "arn:dlq", Timestamp(50))
        );
        assert_eq!(dead.attributes["ErrorCode"], Attribute::text("Gone"));
        assert_eq!(dead.attributes["ErrorMessage"].value.len(), 256);
        assert_eq!(dead.attributes["a"], Attribute::text("b"));
        assert!(dead.is_dead_letter && dead.dead_letter.is_none());
    }

    #[test]
    fn the_reason_never_makes_a_dead_letter_unacceptable() {
        let dlq = Address::new("sqs", "arn:dlq");
        let mut full = example();
        full.attributes = (0..9).map(|n| (n.to_string(), Attribute::text("x"))).collect();
        let dead = full.into_dead_letter(dlq.clone(), &Failure::passing("Code", "a\0b\nc"), Timestamp(0));
        assert_eq!((dead.attributes.len(), dead.attributes.contains_key("ErrorMessage")), (10, false));
        let dead =
            example().into_dead_letter(dlq.clone(), &Failure::passing("Code", "a\0b\nc"), Timestamp(0));
        assert_eq!(dead.attributes["ErrorMessage"], Attribute::text("a b c"));
        let dead = example().into_dead_letter(dlq, &Failure::passing("", ""), Timestamp(0));
        assert_eq!(dead.attributes.len(), 1);
    }
}
