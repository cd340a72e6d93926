//! Uploads in parts: begin, upload, abort. ([`super::completions`] has how they end well.)
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use moln_kernel::{ApiError, Context};
use moln_store::{Batch, CommitError, Snapshot, Version};

use super::{
    describe::check_key,
    puts::{etag, key_for, quoted},
};
use crate::{
    Buckets,
    access::Asking,
    bucket::Bucket,
    content::{
        checksum::{Algorithm, COMPOSITE, FULL_OBJECT},
        cipher::{CustomerKey, KeyHeaders},
        claims::{self, Claims},
        receive::{Plan, Received, Source, receive},
    },
    errors, limits,
    model::{
        AbortMultipartUploadOutput, AbortMultipartUploadRequest, CreateMultipartUploadOutput,
        CreateMultipartUploadRequest, UploadPartOutput, UploadPartRequest,
    },
    objects::{read, write},
    tables::{
        object::{ChecksumRow, EncryptionRow, PARTS, PartRow, WASTE, WasteRow},
        upload::{SHAKEN, UPLOADS, UploadRow},
    },
    versions,
};

/// `NoSuchUpload`
pub(crate) fn no_such_upload(id: &str) -> ApiError {
    let words = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
                 completed.";
    errors::with(errors::other(404, "NoSuchUpload", words), "UploadId", id)
}

/// A part's number.
pub(crate) fn check_part_number(number: i32) -> Result<u32, ApiError> {
    let good = (1..=limits::PARTS).contains(&number);
    u32::try_from(number).ok().filter(|_| good).ok_or_else(|| {
        errors::invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            number.to_string(),
        )
    })
}

/// An upload that is under way.
pub(crate) struct Upload {
    pub(crate) number: u64,
    pub(crate) row: UploadRow,
    pub(crate) version: Version,
}

impl Upload {
    /// The algorithm its parts are summed up with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.row.algorithm.as_deref().and_then(Algorithm::parse).unwrap_or(Algorithm::Crc64Nvme)
    }
}

impl Buckets {
    /// The upload of an id, when it is of this key and under way.
    #[allow(clippy::unused_self)] // a step of every operation, like the ones beside it
    pub(crate) fn upload(
        &self,
        snapshot: &dyn Snapshot,
        bucket: &Bucket,
        key: &str,
        id: &str,
    ) -> Result<Upload, ApiError> {
        let number = versions::stamp(bucket.row.number, id).ok_or_else(|| no_such_upload(id))?;
        let found = UPLOADS.get(snapshot, &(bucket.row.number, key.to_owned(), number));
        let (row, version) =
            found.map_err(|why| errors::unreadable(&why))?.ok_or_else(|| no_such_upload(id))?;
        Ok(Upload { number, row, version })
    }

    pub(crate) async fn begin_upload(
        &self,
        ctx: &Context,
        mut input: CreateMultipartUploadRequest,
    ) -> Result<CreateMultipartUploadOutput, ApiError> {
        check_key(&input.key)?;
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        let algorithm = input.checksum_algorithm.as_deref();
        let algorithm =
            algorithm.map(|text| Algorithm::parse(text).ok_or_else(claims::unsupported)).transpose()?;
        let kind = kind_of(algorithm, input.checksum_type.as_deref())?;
        let encoding = super::puts::without_framing(input.content_encoding.as_deref());
        let metadata = input.metadata.take();
        let described = description!(input, encoding.as_deref(), metadata);
        let object =
            described.check(ctx, &bucket)?.into_row(ctx, write::origin(ctx, "CompleteMultipartUpload"));
        let number = self.store.stamp();
        let row = UploadRow {
            initiated: ctx.now.millis(),
            initiator: ctx.account.as_str().into(),
            algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
            kind: kind.map(str::to_owned),
            object,
        };
        let mut batch = Batch::default();
        UPLOADS
            .put(&mut batch, &(bucket.row.number, input.key.clone(), number), &row)
            .map_err(|why| errors::unreadable(&why))?;
        self.change(&bucket.name, bucket.row.number, batch).await?;
        let mut output = CreateMultipartUploadOutput {
            bucket: Some(bucket.name.clone()),
            key: Some(input.key),
            upload_id: Some(versions::id(number)),
            checksum_algorithm: row.algorithm,
            checksum_type: row.kind,
            ..CreateMultipartUploadOutput::default()
        };
        tell_encryption!(output, row.object.encryption);
        Ok(output)
    }

    pub(crate) async fn bring_part(
        &self,
        ctx: &Context,
        mut input: UploadPartRequest,
    ) -> Result<UploadPartOutput, ApiError> {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        let number = check_part_number(input.part_number)?;
        let upload = self.upload(&*self.store.snapshot(), &bucket, &input.key, &input.upload_id)?;
        let customer = KeyHeaders {
            algorithm: input.sse_customer_algorithm.as_deref(),
            key: input.sse_customer_key.as_deref(),
            md5: input.sse_customer_key_md5.as_deref(),
        };
        let customer = key_for(&upload.row.object, customer)?;
        let body = input.body.take().unwrap_or_default();
        let mut claims = Claims::read(
            input.content_md5.as_deref(),
            input.checksum_algorithm.as_deref(),
            [
                input.checksum_crc32.as_deref(),
                input.checksum_crc32_c.as_deref(),
                input.checksum_crc64_nvme.as_deref(),
                input.checksum_sha1.as_deref(),
                input.checksum_sha256.as_deref(),
            ],
            Algorithm::trailing(&body),
        )?;
        claims.length = body.size();
        if let (Some((claimed, _)), Some(_)) = (&claims.checksum, &upload.row.algorithm)
            && *claimed != upload.algorithm()
        {
            return Err(mismatch(upload.algorithm(), *claimed));
        }
        let source = Source::Body(body);
        let (received, part) = self
            .take_part(&bucket, &input.key, &upload, number, (source, claims), customer.as_ref(), ctx)
            .await?;
        let (algorithm, value) = &received.checksum;
        let told = Some(ChecksumRow {
            algorithm: algorithm.name().into(),
            value: STANDARD.encode(value),
            kind: String::new(),
        });
        // A part tells the checksum the client chose, or the upload's.
        let told = told.filter(|_| upload.row.algorithm.is_some() || *algorithm != Algorithm::Crc64Nvme);
        let mut output = UploadPartOutput { e_tag: Some(quoted(&part.etag)), ..UploadPartOutput::default() };
        if let Some(told) = told {
            let value = Some(told.value);
            match algorithm {
                Algorithm::Crc32 => output.checksum_crc32 = value,
                Algorithm::Crc32c => output.checksum_crc32_c = value,
                Algorithm::Crc64Nvme => output.checksum_crc64_nvme = value,
                Algorithm::Sha1 => output.checksum_sha1 = value,
                Algorithm::Sha256 => output.checksum_sha256 = value,
            }
        }
        tell_encryption!(output, upload.row.object.encryption);
        Ok(output)
    }

    /// Takes a part in, instead of an earlier one of its number.
    #[allow(clippy::too_many_arguments)] // what a part is, each of its own kind
    pub(crate) async fn take_part(
        &self,
        bucket: &Bucket,
        key: &str,
        upload: &Upload,
        number: u32,
        (source, claims): (Source, Claims),
        customer: Option<&CustomerKey>,
        ctx: &Context,
    ) -> Result<(Received, PartRow), ApiError> {
        let cipher = match (customer, &upload.row.object.encryption) {
            (Some(key), EncryptionRow::Customer { nonce, .. }) => {
                Some(key.stream(read::nonce(*nonce, number), 0))
            }
            _ => None,
        };
        let algorithm = upload.algorithm();
        let claimed = claims.md5.map(|md5| STANDARD.encode(md5));
        let plan = Plan { claims, algorithm, most: limits::UPLOAD, cipher, both: true };
        let received = receive(&self.blobs, source, plan).await.map_err(|mut why| {
            // A part's is told as it was sent, an object's is not.
            for (_, value) in why.members.iter_mut().filter(|(name, _)| *name == "ExpectedDigest") {
                if let Some(claimed) = &claimed {
                    value.clone_from(claimed);
                }
            }
            why
        })?;
        let own = received.own.as_ref().unwrap_or(&received.checksum.1);
        let bucket_number = bucket.row.number;
        let at = (bucket_number, upload.number, number);
        let _alone = self.locks.lock(bucket_number, &format!("{key}\0{}\0{number}", upload.number)).await;
        let unreadable = |why| errors::unreadable(&why);
        let snapshot = self.store.snapshot();
        let before = PARTS.get(&*snapshot, &at).map_err(unreadable)?;
        let mut batch = Batch::default();
        // The upload may have ended while the bytes came in.
        batch.unchanged(UPLOADS.key(&(bucket_number, key.to_owned(), upload.number)), upload.version);
        if let Some((before, _)) = before
            && let Some(blob) = before.content.blob()
        {
            batch.unlink(&blob, &write::blob_owner(bucket_number, upload.number, number));
        }
        let part = PartRow {
            size: received.size,
            etag: etag(&upload.row.object.encryption, &received.md5),
            content: write::keep(&mut batch, at, &received.bytes),
            checksum: Some(STANDARD.encode(own)),
            modified: ctx.now.millis(),
        };
        PARTS.put(&mut batch, &at, &part).map_err(unreadable)?;
        match self.store.commit(batch).await {
            Ok(_) => Ok((received, part)),
            Err(CommitError::Conflict { .. }) => Err(no_such_upload(&versions::id(upload.number))),
            Err(why) => Err(errors::uncommitted(&why)),
        }
    }

    pub(crate) async fn abort_upload(
        &self,
        ctx: &Context,
        input: AbortMultipartUploadRequest,
    ) -> Result<AbortMultipartUploadOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:AbortMultipartUpload", Some(&input.key)))?;
        let upload = self.upload(&*self.store.snapshot(), &bucket, &input.key, &input.upload_id)?;
        if input
            .if_match_initiated_time
            .is_some_and(|time| time.seconds() * 1000 != upload.row.initiated / 1000 * 1000)
        {
            return Err(crate::objects::conditions::failed("x-amz-if-match-initiated-time"));
        }
        self.end_upload(&bucket, &input.key, &upload).await?;
        Ok(AbortMultipartUploadOutput::default())
    }

    /// Gives an upload up; its parts go in the background.
    pub(crate) async fn end_upload(
        &self,
        bucket: &Bucket,
        key: &str,
        upload: &Upload,
    ) -> Result<(), ApiError> {
        let at = (bucket.row.number, key.to_owned(), upload.number);
        let mut batch = Batch::default();
        batch.unchanged(UPLOADS.key(&at), upload.version);
        UPLOADS.delete(&mut batch, &at);
        SHAKEN.delete(&mut batch, &(at.0, at.2));
        WASTE
            .put(&mut batch, &(bucket.row.number, upload.number), &WasteRow)
            .map_err(|why| errors::unreadable(&why))?;
        match self.store.commit(batch).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(no_such_upload(&versions::id(upload.number))),
            Err(why) => Err(errors::uncommitted(&why)),
        }
    }
}

/// How the whole is summed up.
fn kind_of(algorithm: Option<Algorithm>, asked: Option<&str>) -> Result<Option<&'static str>, ApiError> {
    let Some(algorithm) = algorithm else {
        return match asked {
            None => Ok(None),
            Some(_) => Err(errors::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let kind = match asked {
        None => algorithm.default_kind(),
        Some(COMPOSITE) => COMPOSITE,
        Some(FULL_OBJECT) => FULL_OBJECT,
        Some(_) => return Err(errors::invalid_request("Value for x-amz-checksum-type header is invalid.")),
    };
    let possible = match algorithm {
        Algorithm::Crc64Nvme => kind == FULL_OBJECT,
        Algorithm::Sha1 | Algorithm::Sha256 => kind == COMPOSITE,
        Algorithm::Crc32 | Algorithm::Crc32c => true,
    };
    if possible {
        return Ok(Some(kind));
    }
    Err(errors::invalid_request(format!(
        "The {kind} checksum type cannot be used with the {} checksum algorithm.",
        algorithm.name().to_ascii_lowercase()
    )))
}

/// A part has a checksum of another algorithm than its upload.
pub(crate) fn mismatch(expected: Algorithm, actual: Algorithm) -> ApiError {
    errors::invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        expected.name().to_ascii_lowercase(),
        actual.name().to_ascii_lowercase()
    ))
}
