//! The functions as they are, in memory: what the rows say, joined by function. Read without waiting; changed one
//! function at a time, and only after the change is on disk.

mod concurrency;
mod diff;
mod registry;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, RwLock, atomic::AtomicU32},
};

use moln_functions::Revision;
use moln_kernel::{AccountId, Region};

pub(crate) use concurrency::{Account, Slot, Throttled, Usage};
pub(crate) use diff::blob;
pub(crate) use registry::{Registry, provisioned, refused, unreadable};

use crate::tables::{AliasRow, FunctionRow, InvokeConfigRow, PolicyRow, ProvisionedRow, UrlRow, VersionRow};

/// Account, region, name: of a function, or of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) name: Arc<str>,
}

impl Address {
    /// The ARN of the function, without a qualifier.
    pub(crate) fn arn(&self) -> String {
        self.arn_of("function", &self.name)
    }

    /// The ARN of a resource of this account and region.
    pub(crate) fn arn_of(&self, kind: &str, name: &str) -> String {
        let partition = if self.region.as_str().starts_with("cn-") {
            "aws-cn"
        } else if self.region.as_str().starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        format!("arn:{partition}:lambda:{}:{}:{kind}:{name}", self.region, self.account)
    }
}

/// A version as it is kept in memory.
pub(crate) struct Version {
    pub(crate) row: VersionRow,
    /// What runs; made when it first does.
    pub(crate) revision: OnceLock<Arc<Revision>>,
    /// The same in environments that are kept ready.
    pub(crate) provisioned_revision: OnceLock<Arc<Revision>>,
    /// How many of it run.
    running: AtomicU32,
}

impl From<VersionRow> for Version {
    fn from(row: VersionRow) -> Self {
        Self {
            row,
            revision: OnceLock::new(),
            provisioned_revision: OnceLock::new(),
            running: AtomicU32::new(0),
        }
    }
}

/// All that is known of a function at one moment.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    pub(crate) function: Arc<FunctionRow>,
    /// By number; 0 is `$LATEST` and always there.
    pub(crate) versions: BTreeMap<u64, Arc<Version>>,
    pub(crate) aliases: BTreeMap<String, Arc<AliasRow>>,
    /// By qualifier; the empty one is the function itself.
    pub(crate) policies: BTreeMap<String, Arc<PolicyRow>>,
    /// By qualifier: `$LATEST`, a number, an alias.
    pub(crate) invoke_configs: BTreeMap<String, Arc<InvokeConfigRow>>,
    /// By qualifier: `$LATEST` or an alias.
    pub(crate) urls: BTreeMap<String, Arc<UrlRow>>,
    /// By qualifier: a number or an alias.
    pub(crate) provisioned: BTreeMap<String, Arc<ProvisionedRow>>,
}

impl Facts {
    /// Provisioned concurrency that concerns a version: its own, and that of aliases that name it.
    pub(crate) fn provisioned_for(&self, version: &str) -> u32 {
        if self.provisioned.is_empty() {
            return 0;
        }
        let names = |qualifier: &str| {
            qualifier == version || self.aliases.get(qualifier).is_some_and(|alias| alias.version == version)
        };
        self.provisioned.iter().filter(|(qualifier, _)| names(qualifier)).map(|(_, row)| row.requested).sum()
    }

    /// `$LATEST`.
    pub(crate) fn latest(&self) -> Option<&Arc<Version>> {
        self.versions.get(&0)
    }

    /// The version of this name (`$LATEST` or a number).
    pub(crate) fn version(&self, name: &str) -> Option<&Arc<Version>> {
        if name == "$LATEST" {
            return self.latest();
        }
        let number =
            name.parse::<u64>().ok().filter(|number| *number > 0 && !name.starts_with(['+', '0']))?;
        self.versions.get(&number)
    }
}

/// A function, wherever it is held.
pub(crate) struct Function {
    pub(crate) address: Address,
    pub(crate) arn: Arc<str>,
    /// How much of it runs.
    pub(crate) usage: Usage,
    facts: RwLock<Arc<Facts>>,
}

impl Function {
    fn new(address: Address, account: Arc<Account>, facts: Facts) -> Self {
        let arn = address.arn().into();
        Self { usage: Usage::new(account), address, arn, facts: RwLock::new(Arc::new(facts)) }
    }

    /// As it is now.
    pub(crate) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, facts: Arc<Facts>) {
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = facts;
    }
}
