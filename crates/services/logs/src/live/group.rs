//! A log group as it is held in memory: its row and its filters, ready to be applied. Streams are not held: there may be
//! any number.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use moln_kernel::{AccountId, Region};

use crate::{
    limits::DAY_MS,
    pattern::Pattern,
    tables::{GroupRow, MetricFilterRow, SubscriptionRow},
};

/// A filter and its pattern, read.
pub(crate) struct Filter<R> {
    pub(crate) row: R,
    pub(crate) pattern: Pattern,
}

/// What can change of a group.
#[derive(Clone, Default)]
pub(crate) struct Meta {
    pub(crate) row: GroupRow,
    pub(crate) metric_filters: BTreeMap<String, Arc<Filter<MetricFilterRow>>>,
    pub(crate) subscriptions: BTreeMap<String, Arc<Filter<SubscriptionRow>>>,
}

/// A log group.
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) name: Arc<str>,
    meta: RwLock<Arc<Meta>>,
    /// When its oldest event may be due for removal, milliseconds; `u64::MAX`: never.
    pub(crate) sweep_due: AtomicU64,
}

impl Group {
    pub(crate) fn new(account: AccountId, region: Region, name: Arc<str>, meta: Meta) -> Self {
        let due = if meta.row.retention_days.is_some() { 0 } else { u64::MAX };
        let id = meta.row.id;
        Self { id, account, region, name, meta: RwLock::new(Arc::new(meta)), sweep_due: AtomicU64::new(due) }
    }

    pub(crate) fn meta(&self) -> Arc<Meta> {
        Arc::clone(&self.meta.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_meta(&self, meta: Meta) {
        *self.meta.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(meta);
    }

    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`.
    pub(crate) fn arn(&self) -> String {
        format!("{}:log-group:{}", arn_head(self.region.as_str(), self.account.as_str()), self.name)
    }

    /// Events before this moment are past the group's retention.
    pub(crate) fn cutoff(&self, now: u64) -> u64 {
        let kept = |days: u32| now.saturating_sub(u64::from(days) * DAY_MS);
        self.meta().row.retention_days.map_or(0, kept)
    }

    /// An event of this time was taken: it is due for removal some day.
    pub(crate) fn took(&self, first: u64) {
        if let Some(days) = self.meta().row.retention_days {
            self.sweep_due.fetch_min(first.saturating_add(u64::from(days) * DAY_MS), Ordering::AcqRel);
        }
    }
}

/// `arn:PARTITION:logs:REGION:ACCOUNT`.
pub(crate) fn arn_head(region: &str, account: &str) -> String {
    let partition = if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    };
    format!("arn:{partition}:logs:{region}:{account}")
}
