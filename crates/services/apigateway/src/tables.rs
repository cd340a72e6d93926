//! Everything on disk: one row for each thing an API consists of, the model's own shape as JSON.
//!
//! A key is account, region; the *home* (an API's id, a domain's name, a VPC link's id); kind and id. What a deployment
//! froze lies beside what is current, its kinds prefixed by the deployment's id and a colon.

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// Account, region; home; kind, id.
pub(crate) type PartKey = ((String, String), String, (String, String));

/// The table.
pub(crate) const PARTS: Table<PartKey, Part> = Table::new("agw/");

/// One thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The shape, as JSON in AWS's names.
    pub(crate) json: String,
}

impl Row for Part {
    const VERSION: u8 = 1;
}

/// A domain name's kind.
pub(crate) const DOMAIN: &str = "domain";
/// The kind of its mappings.
pub(crate) const MAPPING: &str = "mapping";
/// A VPC link's kind.
pub(crate) const VPC_LINK: &str = "vpclink";
/// A stage's kind.
pub(crate) const STAGE: &str = "stage";
/// A deployment's kind.
pub(crate) const DEPLOYMENT: &str = "deployment";
/// The API itself.
pub(crate) const API: &str = "api";

#[cfg(test)]
mod tests {
    use moln_store::table::{decode, encode};

    use super::*;

    /// Bytes as written once: they must be read, and written, the same for ever.
    #[test]
    fn old_forms_are_read() {
        let row = Part { json: r#"{"routeKey":"$default"}"#.into() };
        let bytes = b"\x01\x17{\"routeKey\":\"$default\"}";
        assert_eq!(decode::<Part>(bytes).unwrap(), row);
        assert_eq!(encode(&row).unwrap().as_ref(), bytes);
    }
}
