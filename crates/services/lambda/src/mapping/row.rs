//! An event source mapping on disk: `lam/m/` account, region, UUID → [`MappingRow`].

use std::collections::BTreeMap;

use bytes::Bytes;
use moln_kernel::{AccountId, Region};
use moln_store::{Batch, KeyRange, StoreError, key::KeyWriter};
use serde::{Deserialize, Serialize};

use crate::{
    running::Callee,
    tables::{decode, encode},
};

const MAPPINGS: &str = "lam/m/";

/// Where a mapping stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }

    /// Whether records are to be read.
    pub(crate) fn runs(self) -> bool {
        matches!(self, Self::Creating | Self::Enabling | Self::Enabled | Self::Updating)
    }

    /// Where it ends up by itself; `None`: it stays, or is to be removed.
    pub(crate) fn settles(self) -> Option<Self> {
        match self {
            Self::Creating | Self::Enabling | Self::Updating => Some(Self::Enabled),
            Self::Disabling => Some(Self::Disabled),
            Self::Enabled | Self::Disabled | Self::Deleting => None,
        }
    }
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MappingRow {
    pub(crate) uuid: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// The function's name …
    pub(crate) function: String,
    /// … account, where it is another one's …
    pub(crate) function_account: String,
    /// … and qualifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) qualifier: Option<String>,
    /// ARN of the source.
    pub(crate) source: String,
    /// Last changed, milliseconds since the epoch.
    pub(crate) modified: u64,
    pub(crate) state: State,
    pub(crate) batch_size: i32,
    /// Seconds.
    #[serde(default)]
    pub(crate) window: i32,
    /// Patterns, as they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filters: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_concurrency: Option<i32>,
    /// Least and most provisioned pollers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provisioned: Option<(Option<i32>, Option<i32>)>,
    /// The function tells which records failed.
    #[serde(default)]
    pub(crate) reports_failures: bool,
    /// Kept, not used: nothing is encrypted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key: Option<String>,
    /// Metrics wanted (`EventCount`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

impl MappingRow {
    /// Its ARN.
    pub(crate) fn arn(&self) -> String {
        self.callee().address().arn_of("event-source-mapping", &self.uuid)
    }

    /// The function it calls.
    pub(crate) fn callee(&self) -> Callee {
        Callee {
            account: AccountId::new(self.function_account.as_str()),
            region: Region::new(self.region.as_str()),
            name: self.function.as_str().into(),
            qualifier: self.qualifier.as_deref().map(Into::into),
        }
    }

    fn key(&self) -> Bytes {
        KeyWriter::new(MAPPINGS).str(&self.account).str(&self.region).str(&self.uuid).finish()
    }

    /// Writes it.
    pub(crate) fn put(&self, batch: &mut Batch) -> Result<(), StoreError> {
        batch.put(self.key(), encode(self)?);
        Ok(())
    }

    /// Removes it.
    pub(crate) fn delete(&self, batch: &mut Batch) {
        batch.delete(self.key());
    }

    /// Reads it.
    pub(crate) fn read(row: &[u8]) -> Result<Self, StoreError> {
        decode(row)
    }
}

/// All mappings.
pub(crate) fn all() -> KeyRange {
    KeyRange::prefix(MAPPINGS)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn example() -> MappingRow {
        MappingRow {
            uuid: "u".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            function: "f".into(),
            function_account: "000000000000".into(),
            qualifier: None,
            source: "arn:aws:sqs:us-east-1:000000000000:q".into(),
            modified: 7,
            state: State::Enabled,
            batch_size: 10,
            window: 0,
            filters: Vec::new(),
            maximum_concurrency: None,
            provisioned: None,
            reports_failures: false,
            kms_key: None,
            metrics: Vec::new(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn version_1_bytes_stay_readable() {
        // Fixture: never change it; a new form gets its own.
        let row = b"\x01{\"uuid\":\"u\",\"account\":\"000000000000\",\"region\":\"us-east-1\",\"function\":\"f\",\
            \"function_account\":\"000000000000\",\"source\":\"arn:aws:sqs:us-east-1:000000000000:q\",\"modified\":7,\
            \"state\":\"Enabled\",\"batch_size\":10}";
        assert_eq!(MappingRow::read(row).unwrap(), example());
    }

    #[test]
    fn its_names() {
        let row = MappingRow { qualifier: Some("live".into()), ..example() };
        assert_eq!(row.arn(), "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:u");
        assert_eq!(row.callee().arn(), "arn:aws:lambda:us-east-1:000000000000:function:f:live");
    }
}
