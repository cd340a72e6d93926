//! How much runs at once, and what is refused. Every function counts what it runs; what is not reserved for a function
//! is shared by the account in its region.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// What an account has running in a region.
#[derive(Default)]
pub(crate) struct Account {
    /// Concurrency that is reserved or provisioned for functions: not for everyone.
    pub(super) set_aside: AtomicU32,
    /// Running in the shared part.
    shared: AtomicU32,
    /// Changes of what is set aside, one at a time.
    pub(crate) reserving: tokio::sync::Mutex<()>,
}

impl Account {
    /// What is set aside for functions.
    pub(crate) fn set_aside(&self) -> u32 {
        self.set_aside.load(Ordering::Relaxed)
    }
}

/// What a function has running.
pub(crate) struct Usage {
    pub(crate) account: Arc<Account>,
    running: AtomicU32,
}

/// Refused: which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// The function's own reserved concurrency.
    Reserved,
    /// The account's.
    Account,
}

/// Something runs; it stops counting when this is dropped.
pub(crate) struct Slot {
    function: Arc<super::Function>,
    version: Arc<super::Version>,
    /// Whether it counts against the shared part of the account.
    shared: bool,
    /// Whether it is one of those that are kept ready.
    provisioned: bool,
}

impl Usage {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self { account, running: AtomicU32::new(0) }
    }
}

/// Adds one unless there are `most` already.
fn enter(count: &AtomicU32, most: u32) -> bool {
    count
        .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |running| (running < most).then_some(running + 1))
        .is_ok()
}

impl Slot {
    /// Takes a place. `reserved` is the function's reserved concurrency, `provisioned` what is provisioned for this
    /// version, `limit` the account's.
    pub(crate) fn take(
        function: &Arc<super::Function>,
        version: &Arc<super::Version>,
        reserved: Option<u32>,
        provisioned: u32,
        limit: u32,
    ) -> Result<Self, Throttled> {
        let usage = &function.usage;
        let slot = |shared, provisioned| Self {
            function: Arc::clone(function),
            version: Arc::clone(version),
            shared,
            provisioned,
        };
        if let Some(reserved) = reserved {
            if !enter(&usage.running, reserved) {
                return Err(Throttled::Reserved);
            }
            let before = version.running.fetch_add(1, Ordering::AcqRel);
            return Ok(slot(false, before < provisioned));
        }
        if enter(&version.running, provisioned) {
            usage.running.fetch_add(1, Ordering::AcqRel);
            return Ok(slot(false, true));
        }
        let most = limit.saturating_sub(usage.account.set_aside());
        if !enter(&usage.account.shared, most) {
            return Err(Throttled::Account);
        }
        version.running.fetch_add(1, Ordering::AcqRel);
        usage.running.fetch_add(1, Ordering::AcqRel);
        Ok(slot(true, false))
    }

    /// Whether the invocation goes to an environment that is kept ready.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.provisioned
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.function.usage.running.fetch_sub(1, Ordering::AcqRel);
        self.version.running.fetch_sub(1, Ordering::AcqRel);
        if self.shared {
            self.function.usage.account.shared.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
