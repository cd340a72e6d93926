//! What a bucket's properties are now: those whose form in templates says no more than the API's.

use moln_kernel::{ApiError, resources::as_expected};
use moln_wire::{Shape, json::JsonWriter};
use serde_json::{Map, Value, json};

use super::fit;
use crate::{
    bucket::Bucket,
    model::{
        AccelerateConfiguration, CORSConfiguration, OwnershipControls, PublicAccessBlockConfiguration,
        ServerSideEncryptionConfiguration, Tagging,
    },
    tables::{bucket::Versioning, configuration::Kind},
};

/// The properties of `expected` that can be told.
pub(super) fn properties(bucket: &Bucket, expected: &Value) -> Result<Value, ApiError> {
    let mut live = Map::new();
    for (property, wanted) in expected.as_object().into_iter().flatten() {
        let kept = |kind| (kind, bucket);
        let told = match property.as_str() {
            "AccelerateConfiguration" => set::<AccelerateConfiguration>(kept(Kind::Accelerate), wanted)?,
            "BucketEncryption" => set::<ServerSideEncryptionConfiguration>(kept(Kind::Encryption), wanted)?,
            "BucketName" => bucket.name.clone().into(),
            "CorsConfiguration" => set::<CORSConfiguration>(kept(Kind::Cors), wanted)?,
            "ObjectLockEnabled" => bucket.row.object_lock.into(),
            "OwnershipControls" => set::<OwnershipControls>(kept(Kind::Ownership), wanted)?,
            "PublicAccessBlockConfiguration" => {
                set::<PublicAccessBlockConfiguration>(kept(Kind::PublicAccess), wanted)?
            }
            "Tags" => match bucket.setting::<Tagging>(Kind::Tagging)? {
                Some(tagging) => {
                    let tags = tagging.tag_set.into_iter();
                    tags.map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect()
                }
                None => Value::Null,
            },
            "VersioningConfiguration" => match bucket.row.versioning {
                Versioning::Off => Value::Null,
                Versioning::Enabled => json!({"Status": "Enabled"}),
                Versioning::Suspended => json!({"Status": "Suspended"}),
            },
            _ => continue,
        };
        live.insert(property.clone(), told);
    }
    Ok(live.into())
}

/// What is set of a kind, of what the template says.
fn set<T: Shape>((kind, bucket): (Kind, &Bucket), wanted: &Value) -> Result<Value, ApiError> {
    let Some(there) = bucket.setting::<T>(kind)? else { return Ok(Value::Null) };
    let mut bytes = Vec::new();
    there.write(&mut JsonWriter::new(&mut bytes));
    let there = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(as_expected(wanted, fit::told(there, T::schema(), wanted)))
}
