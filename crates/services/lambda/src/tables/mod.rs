//! Everything on disk: keys, and rows with a version in front.
//!
//! A row is a version byte, then JSON: members come and go without a new form, as long as the new ones have defaults.

mod alias;
#[cfg(test)]
mod fixtures;
mod function;
pub(crate) mod keys;
mod layer;
mod settings;
mod version;

pub use alias::AliasRow;
pub use function::FunctionRow;
pub use layer::{LayerRow, LayerVersionRow};
pub use settings::{CorsRow, InvokeConfigRow, PolicyRow, ProvisionedRow, Statement, UrlRow};
pub use version::{
    CodeOrigin, CodeRow, FileSystem, LastUpdate, LayerUse, LoggingRow, State, UpdateRuntimeOn, VersionRow,
    VpcRow,
};

use bytes::Bytes;
use moln_store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// The form this program writes.
const VERSION: u8 = 1;

/// The bytes of a row. A row that JSON cannot hold (a map whose keys are no texts) is the program's mistake.
pub fn encode<T: Serialize>(row: &T) -> Result<Bytes, StoreError> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, row)
        .map_err(|error| StoreError::Corrupt(format!("a row cannot be written: {error}").into()))?;
    Ok(bytes.into())
}

/// Reads a row.
pub fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt(format!("a row of Lambda cannot be read: {why}").into());
    match row.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| corrupt(error.to_string())),
        Some((version, _)) => {
            Err(corrupt(format!("it has the form {version}, this program knows {VERSION}")))
        }
        None => Err(corrupt("it is empty".into())),
    }
}
