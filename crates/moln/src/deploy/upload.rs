//! Packages go to a bucket of the server before the stack is made.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use moln_deploy::project::{Package, Project, Slot, SlotShape};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{aws::Aws, failure::Failure};

/// A package where functions can find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uploaded {
    pub(crate) key: String,
    /// Base64 of its SHA-256.
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
}

/// The bucket of an account and region. S3's rules forbid a shorter name to be everybody's.
pub(crate) fn bucket(account: &str, region: &str) -> String {
    format!("moln-deployments-{account}-{region}")
}

/// Uploads a package; its name is its content's digest, so what is there already is not sent again.
pub(crate) async fn package(
    aws: &Aws<'_>,
    bucket: &str,
    stack: &str,
    package: &Package,
) -> Result<Uploaded, Failure> {
    let body = moln_deploy::package::zip(package)
        .map_err(|why| Failure::new(format!("cannot pack {}: {why}.", package.name)))?;
    object(aws, bucket, stack, "zip", Bytes::from(body)).await
}

/// Uploads some bytes under the name of their digest.
pub(crate) async fn object(
    aws: &Aws<'_>,
    bucket: &str,
    stack: &str,
    ending: &str,
    body: Bytes,
) -> Result<Uploaded, Failure> {
    let digest = Sha256::digest(&body);
    // An object's name may hold the digits of base64 but for `+` and `/`.
    let name = URL_SAFE_NO_PAD.encode(digest);
    let key = format!("{stack}/{name}.{ending}");
    let bytes = body.len();
    if !aws.has_object(bucket, &key).await? {
        aws.put_object(bucket, &key, body).await?;
    }
    Ok(Uploaded { key, sha256: STANDARD.encode(digest), bytes })
}

/// Writes where the packages are into the template.
pub(crate) fn fill(project: &Project, bucket: &str, uploaded: &[Uploaded]) -> Result<Value, Failure> {
    let mut template = project.template.clone();
    for (package, uploaded) in project.packages.iter().zip(uploaded) {
        for slot in &package.places {
            fill_slot(&mut template, slot, bucket, uploaded).ok_or_else(|| {
                Failure::new(format!("the template has no place {} for {}.", slot.pointer, package.name))
            })?;
        }
    }
    Ok(template)
}

fn fill_slot(template: &mut Value, slot: &Slot, bucket: &str, uploaded: &Uploaded) -> Option<()> {
    let place = template.pointer_mut(&slot.pointer)?;
    match slot.shape {
        SlotShape::Members { bucket: bucket_member, key } => {
            if !place.is_object() {
                *place = json!({});
            }
            let members = place.as_object_mut()?;
            members.insert(bucket_member.to_owned(), bucket.into());
            members.insert(key.to_owned(), uploaded.key.as_str().into());
        }
        SlotShape::Url => *place = format!("s3://{bucket}/{}", uploaded.key).into(),
        SlotShape::Sha256 => *place = uploaded.sha256.as_str().into(),
    }
    Some(())
}
