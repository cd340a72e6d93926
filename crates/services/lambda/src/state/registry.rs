//! All functions: read from the store at start, found by address, changed one at a time.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering},
};

use moln_kernel::{AccountId, ApiError, Region};
use moln_store::{Batch, CommitError, Scan, Snapshot, Store, StoreError, key::KeyReader};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use super::{Account, Address, Facts, Function, diff};
use crate::tables::{
    VersionRow, decode,
    keys::{self, ALIASES, FUNCTIONS, INVOKE_CONFIGS, POLICIES, PROVISIONED, URLS, VERSIONS},
};

/// Functions that share a lock for changes.
const STRIPES: usize = 64;

/// All functions.
pub(crate) struct Registry {
    store: Store,
    functions: RwLock<BTreeMap<Address, Arc<Function>>>,
    /// Function URLs by their id.
    urls: RwLock<HashMap<String, (Address, String)>>,
    accounts: RwLock<HashMap<(AccountId, Region), Arc<Account>>>,
    stripes: [Mutex<()>; STRIPES],
    hasher: RandomState,
}

/// A change of one function under way: nobody else changes it.
pub(crate) struct Change<'r> {
    registry: &'r Registry,
    address: Address,
    /// The function as it was; `None`: there is none.
    pub(crate) function: Option<Arc<Function>>,
    /// As it was.
    pub(crate) before: Option<Arc<Facts>>,
    _one_at_a_time: MutexGuard<'r, ()>,
}

impl Registry {
    /// Reads what there is.
    pub(crate) fn open(store: Store) -> Result<Self, StoreError> {
        let snapshot = store.snapshot();
        let mut all: BTreeMap<Address, Facts> = BTreeMap::new();
        each(&*snapshot, FUNCTIONS, |address, parts, row| {
            parts.finish()?;
            all.insert(address, Facts { function: Arc::new(row), ..Facts::default() });
            Ok(())
        })?;
        each(&*snapshot, VERSIONS, |address, mut parts, row: VersionRow| {
            let number = parts.u64()?;
            if let Some(facts) = all.get_mut(&address) {
                facts.versions.insert(number, Arc::new(row.into()));
            }
            Ok(())
        })?;
        named(&*snapshot, ALIASES, &mut all, |facts| &mut facts.aliases)?;
        named(&*snapshot, POLICIES, &mut all, |facts| &mut facts.policies)?;
        named(&*snapshot, INVOKE_CONFIGS, &mut all, |facts| &mut facts.invoke_configs)?;
        named(&*snapshot, URLS, &mut all, |facts| &mut facts.urls)?;
        named(&*snapshot, PROVISIONED, &mut all, |facts| &mut facts.provisioned)?;
        let registry = Self {
            store,
            functions: RwLock::default(),
            urls: RwLock::default(),
            accounts: RwLock::default(),
            stripes: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        };
        for (address, facts) in all {
            registry.install(&address, None, None, Some(facts));
        }
        Ok(registry)
    }

    /// The function of this address.
    pub(crate) fn find(&self, address: &Address) -> Option<Arc<Function>> {
        read(&self.functions).get(address).cloned()
    }

    /// The function and qualifier of a URL.
    pub(crate) fn by_url(&self, id: &str) -> Option<(Arc<Function>, String)> {
        let (address, qualifier) = read(&self.urls).get(id).cloned()?;
        Some((self.find(&address)?, qualifier))
    }

    /// The functions of an account in a region, by name, behind `after`.
    pub(crate) fn list(&self, account: &AccountId, region: &Region, after: &str) -> Vec<Arc<Function>> {
        let start = Address { account: account.clone(), region: region.clone(), name: after.into() };
        read(&self.functions)
            .range((Bound::Excluded(start), Bound::Unbounded))
            .take_while(|(address, _)| address.account == *account && address.region == *region)
            .map(|(_, function)| Arc::clone(function))
            .collect()
    }

    /// All functions of all accounts.
    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        read(&self.functions).values().cloned().collect()
    }

    /// What an account has running in a region.
    pub(crate) fn account(&self, account: &AccountId, region: &Region) -> Arc<Account> {
        let key = (account.clone(), region.clone());
        if let Some(found) = read(&self.accounts).get(&key) {
            return Arc::clone(found);
        }
        Arc::clone(write(&self.accounts).entry(key).or_default())
    }

    /// Begins a change: waits until nobody else changes the function.
    pub(crate) async fn change(&self, address: &Address) -> Change<'_> {
        let index = usize::try_from(self.hasher.hash_one(address) % STRIPES as u64).unwrap_or_default();
        let [first, ..] = &self.stripes;
        let guard = self.stripes.get(index).unwrap_or(first).lock().await;
        let function = self.find(address);
        let before = function.as_ref().map(|function| function.facts());
        Change { registry: self, address: address.clone(), function, before, _one_at_a_time: guard }
    }

    /// Takes in what is on disk.
    fn install(
        &self,
        address: &Address,
        function: Option<Arc<Function>>,
        before: Option<&Facts>,
        after: Option<Facts>,
    ) -> Option<Arc<Function>> {
        let account = self.account(&address.account, &address.region);
        let (old, new) = (before.map_or(0, set_aside), after.as_ref().map_or(0, set_aside));
        if new >= old {
            account.set_aside.fetch_add(new - old, Ordering::AcqRel);
        } else {
            account.set_aside.fetch_sub(old - new, Ordering::AcqRel);
        }
        {
            let mut urls = write(&self.urls);
            for url in before.iter().flat_map(|facts| facts.urls.values()) {
                urls.remove(&url.id);
            }
            for (qualifier, url) in after.iter().flat_map(|facts| &facts.urls) {
                urls.insert(url.id.clone(), (address.clone(), qualifier.clone()));
            }
        }
        let Some(after) = after else {
            write(&self.functions).remove(address);
            return None;
        };
        if let Some(function) = function {
            function.set(Arc::new(after));
            return Some(function);
        }
        let function = Arc::new(Function::new(address.clone(), account, after));
        write(&self.functions).insert(address.clone(), Arc::clone(&function));
        Some(function)
    }
}

impl Change<'_> {
    /// Writes the function as it is to be (`None`: it is deleted) together with what is in `batch`, waits until that is on
    /// disk, and only then shows it to others.
    pub(crate) async fn commit(
        self,
        mut batch: Batch,
        after: Option<Facts>,
    ) -> Result<Option<Arc<Function>>, ApiError> {
        diff::write(&mut batch, &self.address, self.before.as_deref(), after.as_ref())
            .map_err(|error| unreadable(&error))?;
        self.registry.store.commit(batch).await.map_err(|error| refused(&error))?;
        Ok(self.registry.install(&self.address, self.function, self.before.as_deref(), after))
    }
}

/// Concurrency that others may not use: what is reserved, else what is provisioned.
fn set_aside(facts: &Facts) -> u32 {
    facts.function.reserved.unwrap_or_else(|| provisioned(facts))
}

/// Provisioned concurrency of all versions.
pub(crate) fn provisioned(facts: &Facts) -> u32 {
    facts.provisioned.values().fold(0, |sum, row| sum.saturating_add(row.requested))
}

/// The store did not take a commit.
pub(crate) fn refused(error: &CommitError) -> ApiError {
    match error {
        CommitError::TooLarge => ApiError::internal("The change is larger than the store takes at once."),
        _ => ApiError { status: 503, ..ApiError::internal("The service is unavailable. Please try again.") },
    }
}

/// The store could not be read.
pub(crate) fn unreadable(error: &StoreError) -> ApiError {
    tracing::error!(%error, "Lambda's rows");
    ApiError::internal("The service failed to read its store.")
}

fn each<T: DeserializeOwned>(
    snapshot: &dyn Snapshot,
    prefix: &str,
    mut take: impl FnMut(Address, KeyReader<'_>, T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut range = Some(keys::all(prefix));
    while let Some(next) = range {
        let page = snapshot.scan(&next, Scan::default())?;
        for (key, row, _) in page.rows {
            let (address, parts) = keys::address(prefix, &key)?;
            take(address, parts, decode(&row)?)?;
        }
        range = page.rest;
    }
    Ok(())
}

fn named<T: DeserializeOwned>(
    snapshot: &dyn Snapshot,
    prefix: &str,
    all: &mut BTreeMap<Address, Facts>,
    table: impl Fn(&mut Facts) -> &mut BTreeMap<String, Arc<T>>,
) -> Result<(), StoreError> {
    each(snapshot, prefix, |address, mut parts, row| {
        let name = parts.str()?;
        if let Some(facts) = all.get_mut(&address) {
            table(facts).insert(name, Arc::new(row));
        }
        Ok(())
    })
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
