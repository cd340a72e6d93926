//! `ListParts`, `ListMultipartUploads`, `GetObjectAttributes`.

use moln_kernel::{ApiError, Context, Timestamp};
use moln_store::{KeyRange, Scan};

use super::{
    gets::list_of,
    lists::encoded,
    puts::{key_for, quoted},
};
use crate::{
    Buckets,
    access::Asking,
    acl,
    content::cipher::KeyHeaders,
    errors, limits,
    model::{
        Checksum, CommonPrefix, GetObjectAttributesOutput, GetObjectAttributesParts,
        GetObjectAttributesRequest, Initiator, ListMultipartUploadsOutput, ListMultipartUploadsRequest,
        ListPartsOutput, ListPartsRequest, MultipartUpload, ObjectPart, Part,
    },
    objects::{find, list, read},
    tables::{bucket::Versioning, object::Content, upload::UPLOADS},
    versions,
};

/// Fills the checksum member of a part of an algorithm.
macro_rules! tell_part {
    ($part:expr, $algorithm:expr, $value:expr) => {
        match $algorithm {
            "CRC32" => $part.checksum_crc32 = $value,
            "CRC32C" => $part.checksum_crc32_c = $value,
            "CRC64NVME" => $part.checksum_crc64_nvme = $value,
            "SHA1" => $part.checksum_sha1 = $value,
            _ => $part.checksum_sha256 = $value,
        }
    };
}

fn initiator(account: &str) -> Initiator {
    Initiator { id: Some(acl::canonical_id(account)), display_name: Some(account.to_owned()) }
}

/// A page of numbers: how many are wanted at most, behind which.
fn page_of(max: Option<i32>, marker: Option<i32>, name: &'static str) -> Result<(i32, usize, u32), ApiError> {
    let words = format!("Argument {name} must be an integer between 0 and 2147483647");
    let refused = |value: i32| errors::invalid_argument(words.as_str(), name, value.to_string());
    let max = max.unwrap_or(1000);
    let most = usize::try_from(max).map_err(|_| refused(max))?.min(limits::PAGE);
    let marker = marker.unwrap_or(0);
    let behind = u32::try_from(marker).map_err(|_| {
        errors::invalid_argument(
            "Argument part-number-marker must be an integer between 0 and 2147483647",
            "part-number-marker",
            marker.to_string(),
        )
    })?;
    Ok((i32::try_from(most).unwrap_or(1000), most, behind))
}

/// What can be asked of an object.
const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

impl Buckets {
    pub(crate) fn parts(&self, ctx: &Context, input: ListPartsRequest) -> Result<ListPartsOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:ListMultipartUploadParts", Some(&input.key)))?;
        let snapshot = self.store.snapshot();
        let upload = self.upload(&*snapshot, &bucket, &input.key, &input.upload_id)?;
        let (max_parts, most, behind) = page_of(input.max_parts, input.part_number_marker, "max-parts")?;
        let all = read::parts_of(&*snapshot, bucket.row.number, upload.number)?;
        let from = all.partition_point(|(number, _)| *number <= behind);
        let rest = all.get(from..).unwrap_or_default();
        let shown = rest.get(..most.min(rest.len())).unwrap_or_default();
        let algorithm = upload.row.algorithm.as_deref();
        let parts: Vec<Part> = shown
            .iter()
            .map(|(number, row)| {
                let mut part = Part {
                    part_number: i32::try_from(*number).ok(),
                    last_modified: Some(Timestamp(row.modified)),
                    e_tag: Some(quoted(&row.etag)),
                    size: i64::try_from(row.size).ok(),
                    ..Part::default()
                };
                if let Some(algorithm) = algorithm {
                    tell_part!(part, algorithm, row.checksum.clone());
                }
                part
            })
            .collect();
        let last = shown.last().map_or(0, |(number, _)| *number);
        Ok(ListPartsOutput {
            bucket: Some(bucket.name.clone()),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: i32::try_from(behind).ok(),
            next_part_number_marker: i32::try_from(last).ok(),
            max_parts: Some(max_parts),
            is_truncated: Some(rest.len() > shown.len()),
            parts: (!parts.is_empty()).then_some(parts),
            initiator: Some(initiator(&upload.row.initiator)),
            owner: Some(acl::owner(&upload.row.object.owner)),
            storage_class: Some(upload.row.object.storage_class),
            checksum_algorithm: upload.row.algorithm,
            checksum_type: upload.row.kind,
            ..ListPartsOutput::default()
        })
    }

    pub(crate) fn uploads(
        &self,
        ctx: &Context,
        input: ListMultipartUploadsRequest,
    ) -> Result<ListMultipartUploadsOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:ListBucketMultipartUploads", None))?;
        let number = bucket.row.number;
        let encode = match input.encoding_type.as_deref() {
            None => false,
            Some("url") => true,
            Some(other) => {
                let words = "Invalid Encoding Method specified in Request";
                return Err(errors::invalid_argument(words, "encoding-type", other));
            }
        };
        let text = |text: &str| if encode { encoded(text) } else { text.to_owned() };
        let (max_uploads, max, _) = page_of(input.max_uploads, None, "max-uploads")?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let query = list::Query { prefix, delimiter, after: None, max };
        let key_marker = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
        let id_marker = input.upload_id_marker.as_deref().filter(|marker| !marker.is_empty());
        let all = UPLOADS.within(&number);
        let mut start = match (key_marker, id_marker) {
            // Without a key the id means nothing.
            (None, _) => UPLOADS.within(&(number, prefix.to_owned())).start,
            (Some(key), Some(id)) => {
                let words = "Invalid uploadId marker";
                let stamp = versions::stamp(number, id)
                    .ok_or_else(|| errors::invalid_argument(words, "upload-id-marker", id))?;
                UPLOADS.key(&(number, key.to_owned(), stamp.saturating_add(1)))
            }
            (Some(key), None) => match list::common_prefix(key, &query) {
                // A marker within a group has shown the group already.
                Some(group) => behind(number, group).unwrap_or_else(|| all.end.clone()),
                None => UPLOADS.within(&(number, key.to_owned())).end,
            },
        };
        start = start.max(UPLOADS.within(&(number, prefix.to_owned())).start);
        let snapshot = self.store.snapshot();
        let (mut uploads, mut prefixes): (Vec<MultipartUpload>, Vec<CommonPrefix>) = (Vec::new(), Vec::new());
        let (mut truncated, mut last) = (false, None);
        'rows: loop {
            let range = KeyRange::new(start.clone(), all.end.clone());
            let page = UPLOADS.scan(&*snapshot, &range, Scan { limit: 100, ..Scan::default() });
            let page = page.map_err(|why| errors::unreadable(&why))?;
            for ((_, key, stamp), row, _) in &page.rows {
                if !key.starts_with(prefix) {
                    break 'rows;
                }
                if uploads.len() + prefixes.len() == max {
                    truncated = max > 0;
                    break 'rows;
                }
                if let Some(group) = list::common_prefix(key, &query) {
                    prefixes.push(CommonPrefix { prefix: Some(text(group)) });
                    match behind(number, group) {
                        Some(next) => start = next,
                        None => break 'rows,
                    }
                    continue 'rows;
                }
                let id = versions::id(*stamp);
                last = Some((text(key), id.clone()));
                uploads.push(MultipartUpload {
                    upload_id: Some(id),
                    key: Some(text(key)),
                    initiated: Some(Timestamp(row.initiated)),
                    storage_class: Some(row.object.storage_class.clone()),
                    owner: Some(acl::owner(&row.object.owner)),
                    initiator: Some(initiator(&row.initiator)),
                    checksum_algorithm: row.algorithm.clone(),
                    checksum_type: row.kind.clone(),
                    version_id: None,
                });
            }
            match page.rest {
                Some(rest) => start = rest.start,
                None => break,
            }
        }
        let (next_key, next_id) = last.unwrap_or_default();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(bucket.name.clone()),
            key_marker: Some(text(input.key_marker.as_deref().unwrap_or_default())),
            upload_id_marker: Some(
                input.upload_id_marker.filter(|_| key_marker.is_some()).unwrap_or_default(),
            ),
            next_key_marker: Some(next_key),
            next_upload_id_marker: Some(next_id),
            prefix: input.prefix.as_deref().map(text),
            delimiter: delimiter.map(text),
            max_uploads: Some(max_uploads),
            is_truncated: Some(truncated),
            uploads: (!uploads.is_empty()).then_some(uploads),
            common_prefixes: (!prefixes.is_empty()).then_some(prefixes),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    pub(crate) fn attributes(
        &self,
        ctx: &Context,
        input: &GetObjectAttributesRequest,
    ) -> Result<GetObjectAttributesOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let snapshot = self.store.snapshot();
        let id = input.version_id.as_deref();
        let row = self.version_of(&*snapshot, &bucket, &input.key, id, "GET")?;
        let list = list_of(&row)?;
        self.permit(
            ctx,
            &bucket,
            Asking::new("s3:GetObjectAttributes", Some(&input.key)).or_by("READ", &list),
        )?;
        let key = KeyHeaders {
            algorithm: input.sse_customer_algorithm.as_deref(),
            key: input.sse_customer_key.as_deref(),
            md5: input.sse_customer_key_md5.as_deref(),
        };
        key_for(&row, key)?;
        let names: Vec<&str> = input
            .object_attributes
            .iter()
            .flat_map(|names| names.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if names.is_empty() || names.iter().any(|name| !ATTRIBUTES.contains(name)) {
            return Err(errors::invalid_argument(
                "Invalid attribute name specified.",
                "x-amz-object-attributes",
                names.join(","),
            ));
        }
        let wants = |name: &str| names.contains(&name);
        let mut output = GetObjectAttributesOutput {
            last_modified: Some(row.modified()),
            version_id: (bucket.row.versioning != Versioning::Off).then(|| find::id_of(&row)),
            ..GetObjectAttributesOutput::default()
        };
        if wants("ETag") {
            output.e_tag = Some(row.etag.clone());
        }
        if wants("StorageClass") {
            output.storage_class = Some(row.storage_class.clone());
        }
        if wants("ObjectSize") {
            output.object_size = i64::try_from(row.size).ok();
        }
        if wants("Checksum") && row.checksum.is_some() {
            let mut checksum = Checksum::default();
            tell_checksum!(checksum, row.checksum);
            // The whole's value, without the number of its parts.
            for value in [
                &mut checksum.checksum_crc32,
                &mut checksum.checksum_crc32_c,
                &mut checksum.checksum_sha1,
                &mut checksum.checksum_sha256,
            ] {
                if let Some(text) = value.take() {
                    *value = text.split('-').next().map(str::to_owned);
                }
            }
            output.checksum = Some(checksum);
        }
        if let (true, Content::Parts(count)) = (wants("ObjectParts"), &row.content) {
            let (max_parts, most, behind) = page_of(input.max_parts, input.part_number_marker, "max-parts")?;
            let mut told = GetObjectAttributesParts {
                total_parts_count: i32::try_from(*count).ok(),
                ..GetObjectAttributesParts::default()
            };
            let composite = row.checksum.as_ref().filter(|checksum| checksum.kind == "COMPOSITE");
            if let Some(checksum) = composite {
                let all = read::parts_of(&*snapshot, bucket.row.number, row.data)?;
                let from = all.partition_point(|(number, _)| *number <= behind);
                let rest = all.get(from..).unwrap_or_default();
                let shown = rest.get(..most.min(rest.len())).unwrap_or_default();
                told.part_number_marker = i32::try_from(behind).ok();
                told.next_part_number_marker =
                    i32::try_from(shown.last().map_or(0, |(number, _)| *number)).ok();
                told.max_parts = Some(max_parts);
                told.is_truncated = Some(rest.len() > shown.len());
                let parts = shown.iter().map(|(number, part)| {
                    let mut one = ObjectPart {
                        part_number: i32::try_from(*number).ok(),
                        size: i64::try_from(part.size).ok(),
                        ..ObjectPart::default()
                    };
                    tell_part!(one, checksum.algorithm.as_str(), part.checksum.clone());
                    one
                });
                let parts: Vec<ObjectPart> = parts.collect();
                told.parts = (!parts.is_empty()).then_some(parts);
            }
            output.object_parts = Some(told);
        }
        Ok(output)
    }
}

/// Behind all keys of a group.
fn behind(bucket: u64, group: &str) -> Option<bytes::Bytes> {
    list::successor(group).map(|next| UPLOADS.within(&(bucket, next)).start)
}
