//! Packages go to a bucket of the server before the stack is made.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use moln_deploy::project::{Content, Package, Project, Slot, SlotShape};
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

/// Where the packages of a stack go.
pub(crate) struct Uploads<'a> {
    /// The bucket of an account and region. S3's rules forbid a shorter name to be everybody's.
    pub(crate) bucket: String,
    stack: &'a str,
    /// None: they are named only.
    aws: Option<&'a Aws<'a>>,
}

impl<'a> Uploads<'a> {
    /// To a server.
    pub(crate) async fn to(aws: &'a Aws<'a>, stack: &'a str) -> Result<Self, Failure> {
        Ok(Self { aws: Some(aws), ..Self::planned(&aws.account().await?, &aws.region, stack) })
    }

    /// Nowhere: what is asked for is how everything would be named.
    pub(crate) fn planned(account: &str, region: &str, stack: &'a str) -> Self {
        Self { bucket: format!("moln-deployments-{account}-{region}"), stack, aws: None }
    }

    /// Uploads a package, a nested template with what it names; its name is its content's digest, so what is there already
    /// is not sent again.
    pub(crate) async fn package(&self, package: &Package) -> Result<Uploaded, Failure> {
        if let Content::Template(nested) = &package.content {
            let template = Box::pin(self.filled(nested)).await?;
            return self.object("template.json", Bytes::from(template.to_string())).await;
        }
        let body = moln_deploy::package::zip(package)
            .map_err(|why| Failure::new(format!("cannot pack {}: {why}.", package.name)))?;
        self.object("zip", Bytes::from(body)).await
    }

    /// Uploads some bytes under the name of their digest.
    pub(crate) async fn object(&self, ending: &str, body: Bytes) -> Result<Uploaded, Failure> {
        let digest = Sha256::digest(&body);
        // An object's name may hold the digits of base64 but for `+` and `/`.
        let name = URL_SAFE_NO_PAD.encode(digest);
        let key = format!("{}/{name}.{ending}", self.stack);
        let bytes = body.len();
        if let Some(aws) = self.aws
            && !aws.has_object(&self.bucket, &key).await?
        {
            aws.put_object(&self.bucket, &key, body).await?;
        }
        Ok(Uploaded { key, sha256: STANDARD.encode(digest), bytes })
    }

    /// Uploads what a project needs and writes into its template where it is.
    pub(crate) async fn filled(&self, project: &Project) -> Result<Value, Failure> {
        let mut uploaded = Vec::with_capacity(project.packages.len());
        for package in &project.packages {
            uploaded.push(self.package(package).await?);
        }
        self.fill(project, &uploaded)
    }

    /// Writes where the packages are into the template.
    pub(crate) fn fill(&self, project: &Project, uploaded: &[Uploaded]) -> Result<Value, Failure> {
        let mut template = project.template.clone();
        for (package, uploaded) in project.packages.iter().zip(uploaded) {
            for slot in &package.places {
                fill_slot(&mut template, slot, &self.bucket, uploaded).ok_or_else(|| {
                    Failure::new(format!("the template has no place {} for {}.", slot.pointer, package.name))
                })?;
            }
        }
        Ok(template)
    }
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
