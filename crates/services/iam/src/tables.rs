//! What stands on disk. IAM lies in no region: everything is an account's.
//!
//! | key | value |
//! |---|---|
//! | `iam/entity/` account kind name | a role, user, group or instance profile; the name in small letters |
//! | `iam/policy/` account name | a customer managed policy with its versions; the name in small letters |
//! | `iam/key/` key-id | a user's access key |
//! | `iam/alias/` account | the account's alias |
//! | `iam/deletion/` account task | when a role linked to a service was deleted |
//! | `iam/secret` | the key of page markers |

use std::collections::BTreeMap;

use moln_store::table::{Row, Table};
use serde::{Deserialize, Serialize};

/// Roles, users, groups, instance profiles.
pub const ENTITIES: Table<(String, u8, String), EntityRow> = Table::new("iam/entity/");
/// Customer managed policies.
pub const POLICIES: Table<(String, String), PolicyRow> = Table::new("iam/policy/");
/// Access keys.
pub const KEYS: Table<String, KeyRow> = Table::new("iam/key/");
/// Aliases of accounts.
pub const ALIASES: Table<String, AliasRow> = Table::new("iam/alias/");
/// Deletions of roles linked to services, by task.
pub const DELETIONS: Table<(String, String), DeletionRow> = Table::new("iam/deletion/");
/// Where the key of page markers stands.
pub(crate) const SECRET: &str = "iam/secret";

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A role.
    Role,
    /// A user.
    User,
    /// A group of users.
    Group,
    /// An instance profile.
    Profile,
}

impl Kind {
    /// In keys; never changes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Role => 1,
            Self::User => 2,
            Self::Group => 3,
            Self::Profile => 4,
        }
    }
    /// In AWS's words, and in ARNs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
            Self::Profile => "instance-profile",
        }
    }
    /// The beginning of unique ids.
    pub const fn id_prefix(self) -> &'static str {
        match self {
            Self::Role => "AROA",
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Profile => "AIPA",
        }
    }
}

/// A role, user, group or instance profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRow {
    /// As it was written when it was made.
    pub name: String,
    /// `/` or `/a/b/`
    pub path: String,
    /// Its unique id, never used again.
    pub id: String,
    /// When it was made, milliseconds since the epoch.
    pub created: u64,
    /// Tags, in the order they came.
    pub tags: Vec<(String, String)>,
    /// ARN of the policy that bounds what it may do.
    pub boundary: Option<String>,
    /// Its own policies.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies, in the order they came.
    pub attached: Vec<String>,
    /// What only its kind has.
    pub own: Own,
}

/// What only one kind of entity has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Own {
    /// A role.
    Role {
        /// Its trust policy.
        trust: String,
        /// What people say about it.
        description: Option<String>,
        /// Longest session, seconds.
        max_session: u32,
        /// The service it is linked to.
        service: Option<String>,
    },
    /// A user.
    User {
        /// Names of its groups, in small letters.
        groups: Vec<String>,
        /// Ids of its access keys.
        keys: Vec<String>,
    },
    /// A group; its users know of it.
    Group,
    /// An instance profile.
    Profile {
        /// The name of its role, in small letters.
        role: Option<String>,
    },
}

impl Row for EntityRow {
    const VERSION: u8 = 1;
}

/// A customer managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// As it was written when it was made.
    pub name: String,
    /// `/` or `/a/b/`
    pub path: String,
    /// Its unique id, never used again.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// When it was made, milliseconds since the epoch.
    pub created: u64,
    /// When its versions last changed, milliseconds since the epoch.
    pub updated: u64,
    /// What people say about it.
    pub description: Option<String>,
    /// Tags, in the order they came.
    pub tags: Vec<(String, String)>,
    /// Its versions, oldest first.
    pub versions: Vec<VersionRow>,
    /// The number of the one that counts.
    pub default: u32,
    /// The number the next one gets: none is given twice.
    pub next: u32,
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRow {
    /// `v3` is 3.
    pub number: u32,
    /// The document.
    pub document: String,
    /// When it was made, milliseconds since the epoch.
    pub created: u64,
}

impl Row for PolicyRow {
    const VERSION: u8 = 1;
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Whose account.
    pub account: String,
    /// The user's name, in small letters.
    pub user: String,
    /// Secret access key.
    pub secret: String,
    /// When it was made, milliseconds since the epoch.
    pub created: u64,
    /// Whether it may be used.
    pub active: bool,
}

impl Row for KeyRow {
    const VERSION: u8 = 1;
}

/// An account's alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRow {
    /// The alias.
    pub alias: String,
}

impl Row for AliasRow {
    const VERSION: u8 = 1;
}

/// A deletion that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRow {
    /// When, milliseconds since the epoch.
    pub ended: u64,
}

impl Row for DeletionRow {
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use moln_store::table::{decode, encode};

    use super::*;

    #[test]
    fn version_1_bytes_stay_readable() {
        let role = EntityRow {
            name: "R".into(),
            path: "/".into(),
            id: "AROA".into(),
            created: 300,
            tags: vec![("k".into(), "v".into())],
            boundary: None,
            inline: [("p".to_owned(), "{}".to_owned())].into(),
            attached: vec!["a".into()],
            own: Own::Role { trust: "{}".into(), description: None, max_session: 3_600, service: None },
        };
        let bytes =
            b"\x01\x01R\x01/\x04AROA\xac\x02\x01\x01k\x01v\x00\x01\x01p\x02{}\x01\x01a\x00\x02{}\x00\x90\x1c\x00";
        assert_eq!(encode(&role).unwrap().as_ref(), bytes);
        assert_eq!(decode::<EntityRow>(bytes).unwrap(), role);
        let key =
            KeyRow { account: "1".into(), user: "u".into(), secret: "s".into(), created: 1, active: true };
        assert_eq!(encode(&key).unwrap().as_ref(), b"\x01\x011\x01u\x01s\x01\x01");
        let version = VersionRow { number: 1, document: "{}".into(), created: 1 };
        let policy = PolicyRow {
            name: "P".into(),
            path: "/".into(),
            id: "A".into(),
            arn: "a".into(),
            created: 1,
            updated: 2,
            description: Some("d".into()),
            tags: vec![],
            versions: vec![version],
            default: 1,
            next: 2,
        };
        let bytes = b"\x01\x01P\x01/\x01A\x01a\x01\x02\x01\x01d\x00\x01\x01\x02{}\x01\x01\x02";
        assert_eq!(encode(&policy).unwrap().as_ref(), bytes);
        assert_eq!(decode::<PolicyRow>(bytes).unwrap(), policy);
    }
}
