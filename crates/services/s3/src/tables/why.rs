//! What `moln s3 why` tells beyond the versions themselves: events, reads by functions, and deliveries that were given up.
//! All of it is bounded by key, and goes after [`crate::limits::WHY_DAYS`].

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

use super::object::OriginRow;

/// The last events of a key: by bucket number, key and slot. An event takes the slot of its sequence number, and with it the
/// place of an older one: nothing has to be read, and a key has no more rows than there are slots.
pub(crate) const EVENTS: Table<(u64, String, u32), EventRow> = Table::new("s3ye/");
/// The last reads of a key by functions: by bucket number and key.
pub(crate) const READS: Table<(u64, String), ReadsRow> = Table::new("s3yr/");
/// Deliveries that were given up: by the two halves of their id.
pub(crate) const ENDS: Table<(u64, u64), EndRow> = Table::new("s3yz/");

/// Something that happened to an object and was told to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventRow {
    /// The event's place in the order of events: that of the version, where it made one.
    pub(crate) sequence: u64,
    /// `ObjectCreated:Put`
    pub(crate) name: String,
    /// The version it is about, in a bucket that keeps versions.
    pub(crate) version_id: Option<String>,
    /// When (ms).
    pub(crate) when: u64,
    /// Whose doing it was.
    pub(crate) origin: OriginRow,
    pub(crate) deliveries: Vec<DeliveryRow>,
}

impl Row for EventRow {
    const VERSION: u8 = 1;
}

/// What was sent to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryRow {
    /// As the outbox knows it.
    pub(crate) id: [u8; 16],
    /// The outbox's kind of target.
    pub(crate) kind: String,
    pub(crate) target: String,
    /// The configuration that wanted it.
    pub(crate) configuration: Option<String>,
}

/// Reads of a key, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadsRow(pub(crate) Vec<ReadRow>);

impl Row for ReadsRow {
    const VERSION: u8 = 1;
}

/// A reader of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadRow {
    /// Of the version.
    pub(crate) stamp: u64,
    /// The function's ARN, or its session's.
    pub(crate) reader: String,
    /// The last request.
    pub(crate) request_id: String,
    /// When it was read last (ms).
    pub(crate) when: u64,
    /// How often it was read.
    pub(crate) times: u64,
}

/// The end of a delivery that did not get through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndRow {
    /// When (ms).
    pub(crate) when: u64,
    /// What the target said last.
    pub(crate) why: String,
    /// Where it went instead.
    pub(crate) dead_letter: Option<String>,
}

impl Row for EndRow {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use moln_store::table::{decode, encode};

    use super::*;

    /// Bytes as written once: they must be read for ever.
    #[test]
    fn version_1_is_read() {
        let reads = ReadsRow(vec![ReadRow {
            stamp: 5,
            reader: "f".into(),
            request_id: "r".into(),
            when: 7,
            times: 2,
        }]);
        assert_eq!(decode::<ReadsRow>(b"\x01\x01\x05\x01f\x01r\x07\x02").unwrap(), reads);
        let end = EndRow { when: 9, why: "gone".into(), dead_letter: None };
        assert_eq!(decode::<EndRow>(b"\x01\x09\x04gone\x00").unwrap(), end);
        let event = EventRow {
            sequence: 3,
            name: "ObjectCreated:Put".into(),
            version_id: None,
            when: 4,
            origin: OriginRow::default(),
            deliveries: vec![DeliveryRow {
                id: [1; 16],
                kind: "sqs".into(),
                target: "arn".into(),
                configuration: None,
            }],
        };
        let mut bytes = b"\x01\x03\x11ObjectCreated:Put\x00\x04\x00\x00\x00\x00\x00\x01".to_vec();
        bytes.extend([1; 16]);
        bytes.extend(b"\x03sqs\x03arn\x00");
        assert_eq!(decode::<EventRow>(&bytes).unwrap(), event);
        assert_eq!(encode(&event).unwrap(), bytes);
    }
}
