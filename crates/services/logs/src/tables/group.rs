//! Rows of groups, streams and filters.

use std::collections::BTreeMap;

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// Account, region, name.
pub(crate) type GroupKey = ((String, String), String);

/// The log groups.
pub(crate) const GROUPS: Table<GroupKey, GroupRow> = Table::new("lgg/");

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    pub(crate) id: u64,
    pub(crate) created: u64,
    pub(crate) retention_days: Option<u32>,
    pub(crate) kms_key: Option<String>,
    pub(crate) class: String,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Row for GroupRow {
    const VERSION: u8 = 1;
}

/// A log stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamRow {
    pub(crate) id: u64,
    pub(crate) created: u64,
}

impl Row for StreamRow {
    const VERSION: u8 = 1;
}

/// A metric filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricFilterRow {
    pub(crate) name: String,
    pub(crate) pattern: String,
    pub(crate) created: u64,
    pub(crate) apply_on_transformed: bool,
    pub(crate) selection: Option<String>,
    pub(crate) system_dimensions: Option<Vec<String>>,
    pub(crate) metrics: Vec<TransformationRow>,
}

impl Row for MetricFilterRow {
    const VERSION: u8 = 1;
}

/// What a metric filter makes of a matching event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TransformationRow {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) value: String,
    pub(crate) default: Option<f64>,
    pub(crate) dimensions: Option<BTreeMap<String, String>>,
    pub(crate) unit: Option<String>,
}

/// A subscription filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SubscriptionRow {
    pub(crate) name: String,
    pub(crate) pattern: String,
    pub(crate) destination: String,
    pub(crate) role: Option<String>,
    pub(crate) distribution: String,
    pub(crate) created: u64,
    pub(crate) apply_on_transformed: bool,
    pub(crate) selection: Option<String>,
    pub(crate) system_fields: Option<Vec<String>>,
}

impl Row for SubscriptionRow {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use moln_store::table::{decode, encode};

    use super::*;

    /// Bytes as written once: they must be read for ever.
    #[test]
    fn version_1_is_read() {
        let group = GroupRow {
            id: 300,
            created: 5,
            retention_days: Some(7),
            class: "STANDARD".into(),
            tags: [("a".to_owned(), "b".to_owned())].into(),
            ..GroupRow::default()
        };
        let bytes = b"\x01\xac\x02\x05\x01\x07\0\x08STANDARD\0\x01\x01a\x01b";
        assert_eq!(encode(&group).unwrap().as_ref(), bytes);
        assert_eq!(decode::<GroupRow>(bytes).unwrap(), group);
        let stream = StreamRow { id: 300, created: 5 };
        assert_eq!(encode(&stream).unwrap().as_ref(), b"\x01\xac\x02\x05");
    }
}
