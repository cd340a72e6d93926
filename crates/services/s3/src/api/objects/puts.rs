//! `PutObject`, and what a form uploads.

use base64::{Engine, engine::general_purpose::STANDARD};
use moln_kernel::{ApiError, Context};
use moln_store::{Batch, StoreError};

use super::describe::check_key;
use crate::{
    Buckets,
    bucket::Bucket,
    content::{
        checksum::{Algorithm, FULL_OBJECT},
        cipher::{CustomerKey, KeyHeaders},
        claims::Claims,
        receive::{Plan, Source, receive},
    },
    errors, limits,
    model::{GetBucketLifecycleConfigurationOutput, PutObjectOutput, PutObjectRequest, Tag},
    notification::Event,
    objects::{conditions::WriteConditions, write},
    rules::lifecycle::{self, Seen},
    tables::{
        configuration::Kind,
        object::{ChecksumRow, EncryptionRow, ObjectRow},
    },
};

impl Buckets {
    pub(crate) async fn put(
        &self,
        ctx: &Context,
        mut input: PutObjectRequest,
    ) -> Result<PutObjectOutput, ApiError> {
        check_key(&input.key)?;
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        if input.write_offset_bytes.is_some() {
            return Err(ApiError::not_implemented("S3", "appending to objects"));
        }
        if input.object_lock_event_hold.is_some() {
            return Err(ApiError::not_implemented("S3", "event holds"));
        }
        let conditions = WriteConditions::read(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let unknown = [
            &input.checksum_sha512,
            &input.checksum_md5,
            &input.checksum_xxhash64,
            &input.checksum_xxhash3,
            &input.checksum_xxhash128,
        ];
        if unknown.iter().any(|given| given.is_some()) {
            return Err(ApiError::not_implemented(
                "S3",
                "checksums other than CRC32, CRC32C, CRC64NVME, SHA1, SHA256",
            ));
        }
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
        let encoding = without_framing(input.content_encoding.as_deref());
        let metadata = input.metadata.take();
        let described = description!(input, encoding.as_deref(), metadata);
        let described = described.check(ctx, &bucket)?;
        let stored = Storing {
            key: &input.key,
            source: Source::Body(body),
            claims,
            algorithm: Algorithm::Crc64Nvme,
            most: limits::UPLOAD,
            conditions,
            event: Event::CreatedPut,
            operation: "PutObject",
        };
        self.store(ctx, &bucket, described, stored).await
    }

    /// Takes the bytes in and puts the version on top.
    pub(crate) fn store<'a>(
        &'a self,
        ctx: &'a Context,
        bucket: &'a Bucket,
        described: super::describe::Described,
        storing: Storing<'a>,
    ) -> impl Future<Output = Result<PutObjectOutput, ApiError>> + Send + 'a {
        self.store_and(ctx, bucket, described, storing, |_| Ok(()))
    }

    /// The same; `also` adds to the batch.
    pub(crate) async fn store_and(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        described: super::describe::Described,
        storing: Storing<'_>,
        also: impl Fn(&mut Batch) -> Result<(), StoreError>,
    ) -> Result<PutObjectOutput, ApiError> {
        let cipher = match (&described.customer, &described.encryption) {
            (Some(key), EncryptionRow::Customer { nonce, .. }) => Some(key.stream(*nonce, 0)),
            _ => None,
        };
        let plan = Plan {
            claims: storing.claims,
            algorithm: storing.algorithm,
            most: storing.most,
            cipher,
            both: false,
        };
        let received = receive(&self.blobs, storing.source, plan).await?;
        let mut row = described.into_row(ctx, write::origin(ctx, storing.operation));
        row.size = received.size;
        row.etag = etag(&row.encryption, &received.md5);
        let (algorithm, value) = &received.checksum;
        row.checksum = Some(ChecksumRow {
            algorithm: algorithm.name().into(),
            value: STANDARD.encode(value),
            kind: FULL_OBJECT.into(),
        });
        let placed = self
            .place(
                ctx,
                &bucket.name,
                storing.key,
                row,
                Some(&received.bytes),
                storing.conditions,
                storing.event,
                also,
            )
            .await?;
        let mut output = PutObjectOutput {
            expiration: expiration(bucket, storing.key, &placed.row)?,
            e_tag: Some(quoted(&placed.row.etag)),
            version_id: placed.version_id,
            ..PutObjectOutput::default()
        };
        tell_checksum!(output, placed.row.checksum);
        tell_encryption!(output, placed.row.encryption);
        if let EncryptionRow::Kms { context, .. } = placed.row.encryption {
            output.ssekms_encryption_context = context;
        }
        Ok(output)
    }
}

/// Bytes on their way to a key.
pub(crate) struct Storing<'a> {
    pub(crate) key: &'a str,
    pub(crate) source: Source,
    pub(crate) claims: Claims,
    /// Whose checksum is kept when the client claims none.
    pub(crate) algorithm: Algorithm,
    pub(crate) most: u64,
    pub(crate) conditions: WriteConditions<'a>,
    pub(crate) event: Event,
    pub(crate) operation: &'a str,
}

/// The tag of a version that came whole: the MD5 of its bytes, except where the bytes are hidden from S3.
pub(crate) fn etag(encryption: &EncryptionRow, md5: &[u8; 16]) -> String {
    match encryption {
        EncryptionRow::Customer { nonce, .. } => {
            use md5::{Digest, Md5};
            crate::content::hex(&Md5::new().chain_update(nonce).chain_update(md5).finalize())
        }
        EncryptionRow::Aes256 | EncryptionRow::Kms { .. } => crate::content::hex(md5),
    }
}

/// In quotes, as headers have it.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// `x-amz-expiration`, when a rule of the bucket ends the version.
pub(crate) fn expiration(bucket: &Bucket, key: &str, row: &ObjectRow) -> Result<Option<String>, ApiError> {
    let Some(set) = bucket.setting::<GetBucketLifecycleConfigurationOutput>(Kind::Lifecycle)? else {
        return Ok(None);
    };
    let tags: Vec<Tag> =
        row.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let seen = Seen { key, size: row.size, tags: &tags, modified: row.modified() };
    let rules = set.rules.unwrap_or_default();
    Ok(lifecycle::expires(&rules, seen).map(|(when, rule)| {
        let date = moln_wire::time::format(when, moln_wire::schema::TimestampFormat::HttpDate);
        format!("expiry-date=\"{date}\", rule-id=\"{rule}\"")
    }))
}

/// The client's key for a version that is encrypted with one; refused where it is needed and was not sent, is another one, or
/// is not needed.
pub(crate) fn key_for(row: &ObjectRow, given: KeyHeaders<'_>) -> Result<Option<CustomerKey>, ApiError> {
    let stored = match &row.encryption {
        EncryptionRow::Customer { key_md5, .. } => Some(key_md5.as_str()),
        EncryptionRow::Aes256 | EncryptionRow::Kms { .. } => None,
    };
    let key = CustomerKey::read_for(given, stored)?;
    match (stored, &key) {
        (Some(_), None) => Err(errors::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
             retrieve the object.",
        )),
        (None, Some(_)) => {
            Err(errors::invalid_request("The encryption parameters are not applicable to this object."))
        }
        _ => Ok(key),
    }
}

/// A content encoding without `aws-chunked`, which is only how the bytes travel; `None` when nothing else is left.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
pub(super) fn without_framing(encoding: Option<&str>) -> Option<String> {
    let encoding = encoding?;
    let left: Vec<&str> =
        encoding.split(',').map(str::trim).filter(|one| !one.eq_ignore_ascii_case("aws-chunked")).collect();
    if left.len() == encoding.split(',').count() {
        return Some(encoding.to_owned());
    }
    (!left.is_empty()).then(|| left.join(","))
}
