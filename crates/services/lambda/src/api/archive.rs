//! Code on its way in: from the request, from a bucket, or from a directory of this machine.

use std::{io::Cursor, path::PathBuf};

use bytes::Bytes;
use moln_functions::code::{BadZip, inspect};
use moln_kernel::{ApiError, Context, encoding::hex};
use moln_store::blobs::{BlobError, Pinned};
use sha2::{Digest, Sha256};

use crate::{
    Lambda, errors, limits,
    tables::{CodeOrigin, CodeRow},
};

/// The bucket whose keys are directories of this machine, served as they are at every invoke.
pub(crate) const HOT_RELOAD: &str = "hot-reload";

/// Where code comes from.
pub(super) struct Source {
    pub(super) zip: Option<Bytes>,
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    pub(super) version: Option<String>,
    pub(super) image: Option<String>,
}

/// Code that was taken in. It stays on disk while this lives, and then while a row links it.
pub(super) struct Taken {
    pub(super) row: CodeRow,
    _kept: Option<Pinned>,
}

impl Lambda {
    /// Takes code in: checked, hashed, on disk. What was refused leaves nothing.
    pub(super) async fn take_code(&self, ctx: &Context, source: Source) -> Result<Taken, ApiError> {
        if source.image.is_some() {
            return Err(images());
        }
        match (source.zip, source.bucket, source.key) {
            (Some(zip), None, None) => self.take_zip(zip).await,
            (Some(_), ..) => Err(errors::invalid_parameter(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            )),
            (None, Some(bucket), Some(key)) if bucket == HOT_RELOAD => directory(&key),
            (None, Some(bucket), Some(key)) => {
                let zip = self.fetch(ctx, &bucket, &key, source.version.as_deref()).await?;
                self.keep_zip(zip).await
            }
            _ => Err(errors::invalid_parameter("Please provide a source for function code.")),
        }
    }

    async fn fetch(
        &self,
        ctx: &Context,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Bytes, ApiError> {
        let Some(objects) = &self.ports.objects else {
            return Err(errors::invalid_parameter(
                "Code cannot be read from S3: this server has no S3. Send it as ZipFile, or name a directory with the \
                 bucket hot-reload.",
            ));
        };
        let failed = |error: ApiError| {
            errors::invalid_parameter(format!(
                "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
                error.code, error.message
            ))
        };
        let mut object = objects.read(ctx, bucket, key, version).await.map_err(failed)?;
        if object.size > limits::UNZIPPED_BYTES {
            return Err(too_large());
        }
        let mut zip = Vec::new();
        while let Some(piece) = object.content.next().await.map_err(failed)? {
            zip.extend_from_slice(&piece);
            if zip.len() as u64 > limits::UNZIPPED_BYTES {
                return Err(too_large());
            }
        }
        Ok(zip.into())
    }

    /// Takes an archive in.
    pub(super) async fn take_zip(&self, zip: Bytes) -> Result<Taken, ApiError> {
        if zip.is_empty() {
            return Err(errors::invalid_parameter("Uploaded file must be a non-empty zip"));
        }
        if zip.len() > limits::ZIP_BYTES {
            return Err(ApiError::sender(
                "RequestEntityTooLargeException",
                format!("Zipped size must be smaller than {} bytes", limits::ZIP_BYTES),
            )
            .with_status(413));
        }
        self.keep_zip(zip).await
    }

    /// Checks an archive and puts it on disk.
    async fn keep_zip(&self, zip: Bytes) -> Result<Taken, ApiError> {
        let blobs = self.ports.blobs.clone();
        let work = move || {
            inspect(Cursor::new(&zip)).map_err(|bad| refused(&bad))?;
            let kept = blobs.put(&zip).map_err(|error| unwritten(&error))?;
            let sha256 = hex(&kept.sha256);
            let row = CodeRow { sha256, size: kept.len, origin: CodeOrigin::Zip };
            Ok(Taken { row, _kept: Some(kept) })
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(errors::service_failure("The code could not be checked.")))
    }
}

/// A directory of this machine as code. It is read when it runs, not now; but it has to be there.
fn directory(path: &str) -> Result<Taken, ApiError> {
    let path = PathBuf::from(path);
    if !path.is_absolute() || !path.is_dir() {
        return Err(errors::invalid_parameter(format!(
            "The key of bucket {HOT_RELOAD} must be the absolute path of a directory that exists on the server: {} is not.",
            path.display()
        )));
    }
    let name = path.to_string_lossy().into_owned();
    let sha256 = hex(&Sha256::digest(name.as_bytes()));
    Ok(Taken { row: CodeRow { sha256, size: 0, origin: CodeOrigin::Directory(path) }, _kept: None })
}

fn refused(bad: &BadZip) -> ApiError {
    match bad.message() {
        Some(words) => errors::invalid_parameter(words),
        None => errors::service_failure("The code could not be read."),
    }
}

fn unwritten(error: &BlobError) -> ApiError {
    tracing::error!(%error, "code cannot be kept");
    ApiError { status: 503, ..errors::service_failure("The code could not be kept. Please try again.") }
}

fn too_large() -> ApiError {
    errors::invalid_parameter(format!("Unzipped size must be smaller than {} bytes", limits::UNZIPPED_BYTES))
}

/// Images are not run.
pub(super) fn images() -> ApiError {
    ApiError {
        message: "Moln does not run container images: use PackageType Zip.".to_owned(),
        ..ApiError::not_implemented("Lambda", "PackageType Image")
    }
}
