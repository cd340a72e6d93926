//! `CopyObject` and `UploadPartCopy`.

use std::sync::Arc;

use moln_kernel::{ApiError, Context, Timestamp};
use moln_store::Snapshot;
use moln_wire::ByteStream;

use super::{
    describe::{Described, Description, check_key, decode},
    gets::list_of,
    puts::{Storing, key_for, quoted},
    uploads::check_part_number,
};
use crate::{
    Buckets,
    access::Asking,
    bucket::Bucket,
    content::{
        checksum::Algorithm,
        cipher::{CustomerKey, KeyHeaders},
        claims::{self, Claims},
        receive::Source,
    },
    errors, limits,
    logging::Aside,
    model::{
        CopyObjectOutput, CopyObjectRequest, CopyObjectResult, CopyPartResult, UploadPartCopyOutput,
        UploadPartCopyRequest,
    },
    notification::Event,
    objects::{
        archive,
        conditions::{self, Conditions, Verdict, WriteConditions},
        find, read,
    },
    tables::{
        bucket::Versioning,
        configuration::Kind,
        object::{EncryptionRow, ObjectRow},
    },
};

/// What `x-amz-copy-source` names.
struct SourceName {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

/// What is wrong with a source that names no object.
const SOURCE: &str = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";

impl SourceName {
    /// `bucket/key?versionId=id`, percent-encoded, with or without a slash in front; or the object's whole address, in
    /// either style.
    fn parse(text: &str) -> Result<Self, ApiError> {
        let invalid = |words: &str| errors::invalid_argument(words, "x-amz-copy-source", text);
        if let Some(address) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) {
            let (host, path) = address.split_once('/').ok_or_else(|| invalid(SOURCE))?;
            let label = host.find(".s3.").or_else(|| host.find(".s3-")).and_then(|end| host.get(..end));
            return match label {
                Some(bucket) => Self::parse(&format!("{bucket}/{path}")),
                None => Self::parse(path),
            };
        }
        let (path, query) = match text.rsplit_once("?versionId=") {
            Some((path, id)) => (path, Some(id)),
            None => (text, None),
        };
        if path.starts_with("arn:") {
            return Err(ApiError::not_implemented("S3", "access points"));
        }
        // A plus sign is itself in a path.
        let decoded = decode(&path.replace('+', "%2B")).ok_or_else(|| invalid(SOURCE))?;
        let decoded = decoded.strip_prefix('/').unwrap_or(&decoded);
        match decoded.split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                if query == Some("") {
                    return Err(invalid("Version id cannot be the empty string"));
                }
                Ok(Self { bucket: bucket.into(), key: key.into(), version_id: query.map(str::to_owned) })
            }
            _ => Err(invalid(SOURCE)),
        }
    }
}

/// A version that is being copied from.
struct From {
    bucket: Arc<Bucket>,
    row: ObjectRow,
    key: Option<CustomerKey>,
}

impl From {
    fn version_id(&self) -> Option<String> {
        (self.bucket.row.versioning != Versioning::Off && !self.row.null).then(|| find::id_of(&self.row))
    }
}

/// What is asked of a source.
struct Asked<'a> {
    owner: Option<&'a str>,
    if_match: Option<&'a str>,
    if_none_match: Option<&'a str>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
    customer: KeyHeaders<'a>,
}

macro_rules! asked {
    ($input:expr) => {
        Asked {
            owner: $input.expected_source_bucket_owner.as_deref(),
            if_match: $input.copy_source_if_match.as_deref(),
            if_none_match: $input.copy_source_if_none_match.as_deref(),
            if_modified_since: $input.copy_source_if_modified_since,
            if_unmodified_since: $input.copy_source_if_unmodified_since,
            customer: KeyHeaders {
                algorithm: $input.copy_source_sse_customer_algorithm.as_deref(),
                key: $input.copy_source_sse_customer_key.as_deref(),
                md5: $input.copy_source_sse_customer_key_md5.as_deref(),
            },
        }
    };
}

impl Buckets {
    fn source(
        &self,
        ctx: &Context,
        snapshot: &dyn Snapshot,
        name: &SourceName,
        asked: &Asked<'_>,
    ) -> Result<From, ApiError> {
        let bucket = self.bucket(&name.bucket, asked.owner)?;
        let id = name.version_id.as_deref();
        let row = self.version_of(snapshot, &bucket, &name.key, id, "GET").map_err(|why| {
            if why.code == "MethodNotAllowed" {
                return errors::invalid_request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                );
            }
            why
        })?;
        let list = list_of(&row)?;
        let action = if id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        self.permit(ctx, &bucket, Asking::new(action, Some(&name.key)).or_by("READ", &list))?;
        let words = "Operation is not valid for the source object's storage class";
        archive::check_readable(&row, ctx.now, words)?;
        let conditions = Conditions {
            if_match: asked.if_match,
            if_none_match: asked.if_none_match,
            if_modified_since: asked.if_modified_since,
            if_unmodified_since: asked.if_unmodified_since,
        };
        match conditions.judge(&row) {
            Verdict::Holds => {}
            Verdict::NotModified if asked.if_none_match.is_some() => {
                return Err(conditions::failed("x-amz-copy-source-If-None-Match"));
            }
            Verdict::NotModified => return Err(conditions::failed("x-amz-copy-source-If-Modified-Since")),
            Verdict::Failed("If-Match") => return Err(conditions::failed("x-amz-copy-source-If-Match")),
            Verdict::Failed(_) => return Err(conditions::failed("x-amz-copy-source-If-Unmodified-Since")),
        }
        let key = key_for(&row, asked.customer)?;
        Ok(From { bucket, row, key })
    }

    /// Opens what is copied from, and notes that it is read: `operation` in the source's access log.
    fn read_source(
        &self,
        ctx: &Context,
        snapshot: &dyn Snapshot,
        name: &SourceName,
        from: &From,
        (range, operation): (std::ops::Range<u64>, &'static str),
    ) -> Result<ByteStream, ApiError> {
        let number = from.bucket.row.number;
        let body = read::open(&self.blobs, snapshot, number, &from.row, range, from.key.as_ref())?;
        self.readers.note(ctx, &from.bucket, &name.key, &from.row);
        let aside = Aside {
            operation,
            key: &name.key,
            status: Some("200"),
            size: Some(from.row.size),
            version: name.version_id.as_deref(),
            ..Aside::default()
        };
        self.note_asides(ctx, &from.bucket, [aside]);
        Ok(body)
    }

    pub(crate) async fn copy(
        &self,
        ctx: &Context,
        mut input: CopyObjectRequest,
    ) -> Result<CopyObjectOutput, ApiError> {
        check_key(&input.key)?;
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        let conditions = WriteConditions::read(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let name = SourceName::parse(&input.copy_source)?;
        let snapshot = self.store.snapshot();
        let from = self.source(ctx, &*snapshot, &name, &asked!(input))?;
        if from.row.size > limits::UPLOAD {
            return Err(errors::invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {}",
                limits::UPLOAD
            )));
        }
        let replace = directive(input.metadata_directive.as_deref(), "x-amz-metadata-directive")?;
        let retag = directive(input.tagging_directive.as_deref(), "x-amz-tagging-directive")?;
        let algorithm = input.checksum_algorithm.as_deref();
        let algorithm =
            algorithm.map(|text| Algorithm::parse(text).ok_or_else(claims::unsupported)).transpose()?;
        check_in_place(&input, &name, &bucket, &from, replace)?;
        let metadata = input.metadata.take();
        let described = description(&input, metadata, replace, retag).check(ctx, &bucket)?;
        let described = taken_over(described, &from.row, replace, retag);
        let kept = from.row.checksum.as_ref().and_then(|sum| Algorithm::parse(&sum.algorithm));
        let algorithm = algorithm.or(kept).unwrap_or(Algorithm::Crc64Nvme);
        let reading = (0..from.row.size, "REST.COPY.OBJECT_GET");
        let body = self.read_source(ctx, &*snapshot, &name, &from, reading)?;
        drop(snapshot);
        let storing = Storing {
            key: &input.key,
            source: Source::Body(body),
            claims: Claims { length: Some(from.row.size), ..Claims::default() },
            algorithm,
            most: limits::UPLOAD,
            conditions,
            event: Event::CreatedCopy,
            operation: "CopyObject",
        };
        let stored = self.store(ctx, &bucket, described, storing).await?;
        let mut output = CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: stored.e_tag,
                last_modified: Some(ctx.now),
                checksum_type: stored.checksum_type,
                checksum_crc32: stored.checksum_crc32,
                checksum_crc32_c: stored.checksum_crc32_c,
                checksum_crc64_nvme: stored.checksum_crc64_nvme,
                checksum_sha1: stored.checksum_sha1,
                checksum_sha256: stored.checksum_sha256,
                ..CopyObjectResult::default()
            }),
            expiration: stored.expiration,
            copy_source_version_id: from.version_id(),
            version_id: stored.version_id,
            ..CopyObjectOutput::default()
        };
        output.server_side_encryption = stored.server_side_encryption;
        output.sse_customer_algorithm = stored.sse_customer_algorithm;
        output.sse_customer_key_md5 = stored.sse_customer_key_md5;
        output.ssekms_key_id = stored.ssekms_key_id;
        output.bucket_key_enabled = stored.bucket_key_enabled;
        Ok(output)
    }

    pub(crate) async fn copy_part(
        &self,
        ctx: &Context,
        input: UploadPartCopyRequest,
    ) -> Result<UploadPartCopyOutput, ApiError> {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        let number = check_part_number(input.part_number)?;
        let name = SourceName::parse(&input.copy_source)?;
        let snapshot = self.store.snapshot();
        let upload = self.upload(&*snapshot, &bucket, &input.key, &input.upload_id)?;
        let from = self.source(ctx, &*snapshot, &name, &asked!(input))?;
        let customer = KeyHeaders {
            algorithm: input.sse_customer_algorithm.as_deref(),
            key: input.sse_customer_key.as_deref(),
            md5: input.sse_customer_key_md5.as_deref(),
        };
        let customer = key_for(&upload.row.object, customer)?;
        let range = match input.copy_source_range.as_deref() {
            Some(text) => source_range(text, from.row.size)?,
            None => 0..from.row.size,
        };
        if range.end - range.start > limits::UPLOAD {
            return Err(errors::invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {}",
                limits::UPLOAD
            )));
        }
        let reading = (range, "REST.COPY.PART_GET");
        let body = self.read_source(ctx, &*snapshot, &name, &from, reading)?;
        drop(snapshot);
        let taken = (Source::Body(body), Claims::default());
        let (received, part) =
            self.take_part(&bucket, &input.key, &upload, number, taken, customer.as_ref(), ctx).await?;
        let mut result = CopyPartResult {
            e_tag: Some(quoted(&part.etag)),
            last_modified: Some(ctx.now),
            ..CopyPartResult::default()
        };
        if upload.row.algorithm.is_some() {
            let value = part.checksum.clone();
            match received.checksum.0 {
                Algorithm::Crc32 => result.checksum_crc32 = value,
                Algorithm::Crc32c => result.checksum_crc32_c = value,
                Algorithm::Crc64Nvme => result.checksum_crc64_nvme = value,
                Algorithm::Sha1 => result.checksum_sha1 = value,
                Algorithm::Sha256 => result.checksum_sha256 = value,
            }
        }
        let mut output = UploadPartCopyOutput {
            copy_source_version_id: from.version_id(),
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        };
        tell_encryption!(output, upload.row.object.encryption);
        Ok(output)
    }
}

fn directive(text: Option<&str>, header: &'static str) -> Result<bool, ApiError> {
    match text {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let words = if header == "x-amz-metadata-directive" {
                "Unknown metadata directive."
            } else {
                "Unknown tagging directive."
            };
            Err(errors::invalid_argument(words, header, other))
        }
    }
}

fn description(
    input: &CopyObjectRequest,
    metadata: Option<std::collections::BTreeMap<String, String>>,
    replace: bool,
    retag: bool,
) -> Description<'_> {
    let encoding = input.content_encoding.as_deref();
    let mut description = description!(input, encoding, metadata.filter(|_| replace));
    if !replace {
        description.headers.clear();
    }
    if !retag {
        description.tagging = None;
    }
    description
}

/// What the copy has from its source.
fn taken_over(mut described: Described, source: &ObjectRow, replace: bool, retag: bool) -> Described {
    if !replace {
        described.headers.clone_from(&source.headers);
        described.metadata.clone_from(&source.metadata);
    }
    if !retag {
        described.tags.clone_from(&source.tags);
    }
    described
}

/// A copy of an object onto itself has to change something.
fn check_in_place(
    input: &CopyObjectRequest,
    name: &SourceName,
    bucket: &Bucket,
    from: &From,
    replace: bool,
) -> Result<(), ApiError> {
    let in_place = name.bucket == bucket.name && name.key == input.key;
    let changes = replace
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some()
        || input.sse_customer_algorithm.is_some()
        || input.copy_source_sse_customer_algorithm.is_some()
        || name.version_id.is_some()
        || bucket.has(Kind::Encryption)
        || matches!(from.row.encryption, EncryptionRow::Kms { .. });
    if in_place && !changes {
        return Err(errors::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
             metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    Ok(())
}

/// `bytes=first-last`, both said, within the source.
fn source_range(text: &str, size: u64) -> Result<std::ops::Range<u64>, ApiError> {
    let malformed = || {
        errors::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based \
             offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        )
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (first, last) =
        text.strip_prefix("bytes=").and_then(|spec| spec.split_once('-')).ok_or_else(malformed)?;
    let (first, last) = (number(first).ok_or_else(malformed)?, number(last).ok_or_else(malformed)?);
    if first > last {
        return Err(malformed());
    }
    if first >= size {
        return Err(errors::invalid_request(
            "The specified copy range is invalid for the source object size",
        ));
    }
    if last >= size {
        return Err(errors::invalid_argument(
            format!("Range specified is not valid for source object of size: {size}"),
            "x-amz-copy-source-range",
            text,
        ));
    }
    Ok(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        let parse = |text| SourceName::parse(text).map(|name| (name.bucket, name.key, name.version_id));
        assert_eq!(parse("b/k").unwrap(), ("b".into(), "k".into(), None));
        assert_eq!(
            parse("/b/a%20b+c/d?versionId=v").unwrap(),
            ("b".into(), "a b+c/d".into(), Some("v".into()))
        );
        for address in ["http://s3.amazonaws.com/b/k", "https://b.s3.eu-west-1.amazonaws.com/k"] {
            assert_eq!(parse(address).unwrap(), ("b".into(), "k".into(), None), "{address}");
        }
        for bad in ["", "b", "b/", "/b", "b/k?versionId=", "%ff/k", "http://b"] {
            assert_eq!(parse(bad).unwrap_err().code, "InvalidArgument", "{bad}");
        }
    }

    #[test]
    fn ranges_of_sources_are_strict() {
        assert_eq!(source_range("bytes=0-8", 9).unwrap(), 0..9);
        for bad in ["0-8", "bytes=0-", "bytes=-5", "bytes=5-4", "bytes=0-9", "bytes=a-b", "bytes=+1-2"] {
            assert_eq!(source_range(bad, 9).unwrap_err().code, "InvalidArgument", "{bad}");
        }
    }
}
