//! Keys. All of a function's rows begin with the table's letter, then account, region and name.
//!
//! | prefix | behind account, region | row |
//! |---|---|---|
//! | `lam/f/` | name | [`super::FunctionRow`] |
//! | `lam/v/` | name, version (0: `$LATEST`) | [`super::VersionRow`] |
//! | `lam/a/` | name, alias | [`super::AliasRow`] |
//! | `lam/p/` | name, qualifier (empty: the function) | [`super::PolicyRow`] |
//! | `lam/i/` | name, qualifier | [`super::InvokeConfigRow`] |
//! | `lam/u/` | name, qualifier | [`super::UrlRow`] |
//! | `lam/c/` | name, qualifier | [`super::ProvisionedRow`] |
//! | `lam/l/` | layer | [`super::LayerRow`] |
//! | `lam/w/` | layer, version | [`super::LayerVersionRow`] |
//!
//! `lam/m/` and `lam/q/` are the event source mappings' and the asynchronous queue's.

use bytes::Bytes;
use moln_store::{
    KeyRange, StoreError,
    key::{KeyReader, KeyWriter},
};

use moln_kernel::{AccountId, Region};

use crate::state::Address;

pub(crate) const FUNCTIONS: &str = "lam/f/";
pub(crate) const VERSIONS: &str = "lam/v/";
pub(crate) const ALIASES: &str = "lam/a/";
pub(crate) const POLICIES: &str = "lam/p/";
pub(crate) const INVOKE_CONFIGS: &str = "lam/i/";
pub(crate) const URLS: &str = "lam/u/";
pub(crate) const PROVISIONED: &str = "lam/c/";
pub(crate) const LAYERS: &str = "lam/l/";
pub(crate) const LAYER_VERSIONS: &str = "lam/w/";

fn of(prefix: &str, address: &Address) -> KeyWriter {
    KeyWriter::new(prefix).str(address.account.as_str()).str(address.region.as_str()).str(&address.name)
}

/// The row of a function, or of a layer.
pub(crate) fn one(prefix: &str, address: &Address) -> Bytes {
    of(prefix, address).finish()
}

/// A row of a numbered version.
pub(crate) fn numbered(prefix: &str, address: &Address, version: u64) -> Bytes {
    of(prefix, address).u64(version).finish()
}

/// A row by a text within a function.
pub(crate) fn named(prefix: &str, address: &Address, name: &str) -> Bytes {
    of(prefix, address).str(name).finish()
}

/// All rows of a table.
pub(crate) fn all(prefix: &str) -> KeyRange {
    KeyRange::prefix(prefix.to_owned())
}

/// What a key names: its address, then whatever is behind it.
pub(crate) fn address<'k>(prefix: &str, key: &'k [u8]) -> Result<(Address, KeyReader<'k>), StoreError> {
    let mut parts = KeyReader::new(key, prefix)?;
    let (account, region, name) = (parts.str()?, parts.str()?, parts.str()?);
    Ok((
        Address { account: account.as_str().into(), region: region.as_str().into(), name: name.into() },
        parts,
    ))
}

/// The rows of a function or a layer.
pub(crate) fn within(prefix: &str, address: &Address) -> KeyRange {
    KeyRange::prefix(one(prefix, address))
}

/// The rows of an account in a region.
pub(crate) fn region(prefix: &str, account: &AccountId, region: &Region) -> KeyRange {
    KeyRange::prefix(KeyWriter::new(prefix).str(account.as_str()).str(region.as_str()).finish())
}
