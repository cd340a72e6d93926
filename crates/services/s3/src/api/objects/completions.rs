//! Uploads in parts become versions: the parts the client chose, in order, each as it was uploaded.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use moln_kernel::{ApiError, Context};
use moln_store::{Batch, Snapshot};

use super::{
    puts::{expiration, quoted},
    uploads::{Upload, check_part_number, no_such_upload},
};
use crate::{
    Buckets,
    bucket::Bucket,
    content::{
        checksum::{self, Algorithm, COMPOSITE, FULL_OBJECT},
        claims,
    },
    errors, limits,
    model::{CompleteMultipartUploadOutput, CompleteMultipartUploadRequest, CompletedPart},
    notification::Event,
    objects::{
        conditions::WriteConditions,
        find::{self, Newest},
        read, write,
    },
    tables::{
        bucket::Versioning,
        object::{self, ChecksumRow, Content, EncryptionRow, PARTS, PartRow},
        upload::{SHAKEN, UPLOADS},
    },
    versions,
};

impl Buckets {
    pub(crate) async fn complete_upload(
        &self,
        ctx: &Context,
        input: CompleteMultipartUploadRequest,
    ) -> Result<CompleteMultipartUploadOutput, ApiError> {
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.bucket_to_write(ctx, &input.bucket, owner, &input.key)?;
        let conditions = WriteConditions::read(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let number = bucket.row.number;
        let snapshot = self.store.snapshot();
        let upload = match self.upload(&*snapshot, &bucket, &input.key, &input.upload_id) {
            Ok(upload) => upload,
            Err(gone) => return self.completed_before(ctx, &bucket, &input, gone),
        };
        let asked =
            input.multipart_upload.as_ref().and_then(|list| list.parts.as_deref()).unwrap_or_default();
        if asked.is_empty() {
            return Err(errors::invalid_request("You must specify at least one part"));
        }
        if let Some(kind) = &input.checksum_type
            && upload.row.kind.as_ref() != Some(kind)
        {
            let mode = upload.row.kind.as_deref().unwrap_or("null");
            return Err(errors::invalid_request(format!(
                "The upload was created using the {mode} checksum mode. The complete request must use the same checksum mode."
            )));
        }
        let there = read::parts_of(&*snapshot, number, upload.number)?;
        let parts = chosen(asked, &there, &upload, &input.upload_id)?;
        let size: u64 = parts.iter().map(|(_, part)| part.size).sum();
        if input.mpu_object_size.is_some_and(|said| u64::try_from(said) != Ok(size)) {
            return Err(errors::invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {size}",
                input.mpu_object_size.unwrap_or_default()
            )));
        }
        let whole = sum_up(&parts, &upload);
        check_whole(&input, &upload, &whole)?;
        conflicts(&*snapshot, &bucket, &input, &upload)?;
        self.prune(number, upload.number, &there, &parts).await?;
        let mut row = upload.row.object.clone();
        row.data = upload.number;
        row.size = size;
        row.modified = ctx.now.millis();
        row.origin = write::origin(ctx, "CompleteMultipartUpload");
        row.etag = etag_of_parts(&parts);
        row.content = Content::Parts(u32::try_from(parts.len()).unwrap_or(u32::MAX));
        row.checksum = Some(whole);
        let at = (number, input.key.clone(), upload.number);
        let placed = self
            .place(ctx, &bucket.name, &input.key, row, None, conditions, Event::CreatedMultipart, |batch| {
                batch.unchanged(UPLOADS.key(&at), upload.version);
                UPLOADS.delete(batch, &at);
                SHAKEN.delete(batch, &(at.0, at.2));
                Ok(())
            })
            .await;
        let placed = match placed {
            Err(why) if why.code == "OperationAborted" => return Err(no_such_upload(&input.upload_id)),
            other => other?,
        };
        let version_id = placed.version_id;
        completed(ctx, &bucket, &input.key, &placed.row, version_id)
    }

    /// An upload that was completed already is completed once more, as long as it is the newest version.
    fn completed_before(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        input: &CompleteMultipartUploadRequest,
        gone: ApiError,
    ) -> Result<CompleteMultipartUploadOutput, ApiError> {
        let upload = versions::stamp(bucket.row.number, &input.upload_id);
        match find::newest(&*self.store.snapshot(), bucket.row.number, &input.key)? {
            Newest::Object(row) if upload == Some(row.data) && matches!(row.content, Content::Parts(_)) => {
                let versioned = bucket.row.versioning == Versioning::Enabled;
                let version_id = versioned.then(|| find::id_of(&row));
                completed(ctx, bucket, &input.key, &row, version_id)
            }
            _ => Err(gone),
        }
    }

    /// Removes the parts the client did not choose, a bounded number at a time.
    async fn prune(
        &self,
        bucket: u64,
        upload: u64,
        there: &[(u32, PartRow)],
        chosen: &[(u32, &PartRow)],
    ) -> Result<(), ApiError> {
        let unwanted: Vec<&(u32, PartRow)> = there
            .iter()
            .filter(|(number, _)| chosen.binary_search_by_key(number, |(chosen, _)| *chosen).is_err())
            .collect();
        for some in unwanted.chunks(400) {
            let mut batch = Batch::default();
            for (number, part) in some {
                if let Some(blob) = part.content.blob() {
                    batch.unlink(&blob, &write::blob_owner(bucket, upload, *number));
                }
                if part.content == Content::Row {
                    object::remove_part_bytes(&mut batch, (bucket, upload, *number));
                }
                PARTS.delete(&mut batch, &(bucket, upload, *number));
            }
            self.store.commit(batch).await.map_err(|why| errors::uncommitted(&why))?;
        }
        Ok(())
    }
}

/// What a client says of a part besides its tag.
fn checksum_of(part: &CompletedPart) -> Option<(Algorithm, &str)> {
    let given = [
        &part.checksum_crc32,
        &part.checksum_crc32_c,
        &part.checksum_crc64_nvme,
        &part.checksum_sha1,
        &part.checksum_sha256,
    ];
    Algorithm::ALL.into_iter().zip(given).find_map(|(algorithm, value)| Some((algorithm, value.as_deref()?)))
}

/// The parts the client chose, in order, each as it was uploaded.
fn chosen<'p>(
    asked: &[CompletedPart],
    there: &'p [(u32, PartRow)],
    upload: &Upload,
    id: &str,
) -> Result<Vec<(u32, &'p PartRow)>, ApiError> {
    let mut parts: Vec<(u32, &PartRow)> = Vec::with_capacity(asked.len());
    for one in asked {
        let number = check_part_number(one.part_number.unwrap_or_default())?;
        if parts.last().is_some_and(|(before, _)| *before >= number) {
            let words = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(errors::with(errors::other(400, "InvalidPartOrder", words), "UploadId", id));
        }
        let tag = one.e_tag.as_deref().unwrap_or_default().trim_matches('"');
        let absent = || {
            let words = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
                         specified entity tag may not match the part's entity tag.";
            let error = errors::with(errors::other(400, "InvalidPart", words), "ETag", tag);
            errors::with(errors::with(error, "PartNumber", number.to_string()), "UploadId", id)
        };
        let index = there.binary_search_by_key(&number, |(number, _)| *number).map_err(|_| absent())?;
        let (_, part) = there.get(index).filter(|(_, part)| part.etag == tag).ok_or_else(absent)?;
        match checksum_of(one) {
            Some((algorithm, value)) if upload.row.algorithm.is_some() => {
                if algorithm != upload.algorithm() {
                    return Err(errors::other(
                        400,
                        "BadDigest",
                        format!(
                            "The {} you specified for part {number} did not match what we received.",
                            algorithm.name().to_ascii_lowercase()
                        ),
                    ));
                }
                if part.checksum.as_deref() != Some(value) {
                    return Err(absent());
                }
            }
            // Parts of an upload without an algorithm have no checksum that a client could know.
            Some((algorithm, value))
                if algorithm != Algorithm::Crc64Nvme || part.checksum.as_deref() != Some(value) =>
            {
                return Err(absent());
            }
            None if upload.row.kind.as_deref() == Some(COMPOSITE) => {
                return Err(errors::invalid_request(format!(
                    "The upload was created using a {} checksum. The complete request must include the checksum for each \
                     part. It was missing for part {number} in the request.",
                    upload.algorithm().name().to_ascii_lowercase()
                )));
            }
            _ => {}
        }
        parts.push((number, part));
    }
    let last = parts.len().saturating_sub(1);
    for (position, (number, part)) in parts.iter().enumerate() {
        if position != last && part.size < limits::SMALLEST_PART {
            let words = "Your proposed upload is smaller than the minimum allowed size";
            let error = errors::with(errors::other(400, "EntityTooSmall", words), "ETag", part.etag.as_str());
            let error = errors::with(error, "MinSizeAllowed", limits::SMALLEST_PART.to_string());
            let error = errors::with(error, "PartNumber", number.to_string());
            return Err(errors::with(error, "ProposedSize", part.size.to_string()));
        }
    }
    Ok(parts)
}

/// The checksum of the whole.
fn sum_up(parts: &[(u32, &PartRow)], upload: &Upload) -> ChecksumRow {
    let algorithm = upload.algorithm();
    let values: Vec<Vec<u8>> = parts
        .iter()
        .map(|(_, part)| {
            part.checksum.as_deref().and_then(|sum| STANDARD.decode(sum).ok()).unwrap_or_default()
        })
        .collect();
    let composite = upload.row.kind.as_deref() == Some(COMPOSITE);
    let sizes = parts.iter().map(|(_, part)| part.size);
    let combined = (!composite)
        .then(|| checksum::combine(algorithm, values.iter().map(Vec::as_slice).zip(sizes)))
        .flatten();
    match combined {
        Some(value) => ChecksumRow {
            algorithm: algorithm.name().into(),
            value: STANDARD.encode(value),
            kind: FULL_OBJECT.into(),
        },
        None => ChecksumRow {
            algorithm: algorithm.name().into(),
            value: checksum::composite(algorithm, values.iter().map(Vec::as_slice)),
            kind: COMPOSITE.into(),
        },
    }
}

/// Holds the whole against the checksum the client says it has.
fn check_whole(
    input: &CompleteMultipartUploadRequest,
    upload: &Upload,
    whole: &ChecksumRow,
) -> Result<(), ApiError> {
    let given = [
        &input.checksum_crc32,
        &input.checksum_crc32_c,
        &input.checksum_crc64_nvme,
        &input.checksum_sha1,
        &input.checksum_sha256,
    ];
    for (algorithm, value) in Algorithm::ALL.into_iter().zip(given) {
        // What an upload without an algorithm is not summed up by is not looked at.
        let unknown = upload.row.algorithm.is_none() && algorithm != upload.algorithm();
        let Some(value) = value.as_ref().filter(|_| !unknown) else { continue };
        let plain = value.split('-').next().unwrap_or_default();
        let own = whole.value.split('-').next().unwrap_or_default();
        if algorithm != upload.algorithm() || plain != own {
            return Err(claims::wrong_checksum(algorithm));
        }
    }
    Ok(())
}

/// MD5 of the parts' MD5s, and their number.
fn etag_of_parts(parts: &[(u32, &PartRow)]) -> String {
    let mut digest = Md5::new();
    for (_, part) in parts {
        let bytes: Vec<u8> = part
            .etag
            .as_bytes()
            .chunks(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        digest.update(bytes);
    }
    let hex = crate::content::hex(&digest.finalize());
    format!("{hex}-{}", parts.len())
}

/// A condition on a key that changed while the upload was under way cannot be judged.
fn conflicts(
    snapshot: &dyn Snapshot,
    bucket: &Bucket,
    input: &CompleteMultipartUploadRequest,
    upload: &Upload,
) -> Result<(), ApiError> {
    let conflict = |condition: &str| {
        let words =
            "The conditional request cannot succeed due to a conflicting operation against this resource.";
        let error = errors::other(409, "ConditionalRequestConflict", words);
        Err(errors::with(errors::with(error, "Condition", condition), "Key", input.key.as_str()))
    };
    let newest = find::newest(snapshot, bucket.row.number, &input.key)?;
    match &newest {
        Newest::Object(row) if input.if_match.is_some() && row.stamp > upload.number => conflict("If-Match"),
        Newest::Nothing | Newest::Marker(_) if input.if_none_match.is_some() => {
            let shaken = SHAKEN.get(snapshot, &(bucket.row.number, upload.number));
            match shaken.map_err(|why| errors::unreadable(&why))? {
                Some(_) => conflict("If-None-Match"),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn completed(
    ctx: &Context,
    bucket: &Bucket,
    key: &str,
    row: &object::ObjectRow,
    version_id: Option<String>,
) -> Result<CompleteMultipartUploadOutput, ApiError> {
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!(
            "{}://{}/{}/{}",
            ctx.endpoint.scheme,
            ctx.endpoint.authority,
            bucket.name,
            super::lists::encoded(key)
        )),
        bucket: Some(bucket.name.clone()),
        key: Some(key.to_owned()),
        expiration: expiration(bucket, key, row)?,
        e_tag: Some(quoted(&row.etag)),
        version_id,
        ..CompleteMultipartUploadOutput::default()
    };
    tell_checksum!(output, row.checksum);
    match &row.encryption {
        EncryptionRow::Kms { algorithm, key, bucket_key, .. } => {
            output.server_side_encryption = Some(algorithm.clone());
            output.ssekms_key_id.clone_from(key);
            output.bucket_key_enabled = bucket_key.then_some(true);
        }
        EncryptionRow::Aes256 => output.server_side_encryption = Some("AES256".into()),
        EncryptionRow::Customer { .. } => {}
    }
    Ok(output)
}
