//! What stands on disk.
//!
//! | key | value |
//! |---|---|
//! | `sts/session/` key id | a session |
//! | `sts/end/` moment key-id | nothing: sessions in the order in which they end |
//! | `sts/count/` account | how many sessions there are, a counter |

use std::collections::BTreeMap;

use bytes::Bytes;
use moln_store::{
    key::KeyWriter,
    table::{Row, Table},
};
use serde::{Deserialize, Serialize};

/// Sessions by key id.
pub const SESSIONS: Table<String, SessionRow> = Table::new("sts/session/");
/// Sessions by the moment (milliseconds since the epoch) they end.
pub const ENDS: Table<(u64, String), EndRow> = Table::new("sts/end/");

/// The counter of an account's sessions.
pub(crate) fn count(account: &str) -> Bytes {
    KeyWriter::new("sts/count/").str(account).finish()
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Whose.
    pub account: String,
    /// The principal's ARN; `None`: the account's root.
    pub principal: Option<String>,
    /// The principal's unique id.
    pub user_id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token.
    pub token: String,
    /// When it began, milliseconds since the epoch.
    pub begun: u64,
    /// When it ends, milliseconds since the epoch.
    pub ends: u64,
    /// The role; `None`: a user's own or a federated session.
    pub role: Option<String>,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of tags that chained sessions inherit.
    pub transitive: Vec<String>,
    /// Source identity.
    pub source_identity: Option<String>,
    /// The session's own policy.
    pub policy: Option<String>,
    /// Managed policies it is limited by.
    pub policy_arns: Vec<String>,
}

impl Row for SessionRow {
    const VERSION: u8 = 1;
}

/// Nothing; the key says it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRow {
    /// The account, whose counter it is taken from.
    account: u64,
}

impl EndRow {
    /// The end of a session of an account (twelve digits).
    pub fn new(account: &str) -> Self {
        Self { account: account.parse().unwrap_or(0) }
    }
    /// Twelve digits.
    pub fn account(self) -> String {
        format!("{:012}", self.account)
    }
}

impl Row for EndRow {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_bytes_stay_readable() {
        let row = SessionRow {
            account: "1".into(),
            principal: Some("p".into()),
            user_id: "u".into(),
            secret: "s".into(),
            token: "t".into(),
            begun: 1,
            ends: 300,
            role: None,
            tags: [("k".to_owned(), "v".to_owned())].into(),
            transitive: vec!["k".into()],
            source_identity: None,
            policy: None,
            policy_arns: vec![],
        };
        let bytes = b"\x01\x011\x01\x01p\x01u\x01s\x01t\x01\xac\x02\x00\x01\x01k\x01v\x01\x01k\x00\x00\x00";
        assert_eq!(moln_store::table::encode(&row).unwrap().as_ref(), bytes);
        assert_eq!(moln_store::table::decode::<SessionRow>(bytes).unwrap(), row);
        assert_eq!(EndRow::new("000000000012").account(), "000000000012");
    }
}
