//! `GetObject` and `HeadObject`.

use std::ops::Range;

use moln_kernel::{ApiError, Context, Timestamp};
use moln_store::Snapshot;
use moln_wire::{ByteStream, schema::TimestampFormat, time};

use super::{
    puts::{expiration, key_for, quoted},
    words,
};
use crate::{
    Buckets,
    access::{Asking, is_at_home},
    acl,
    bucket::Bucket,
    content::{
        checksum::FULL_OBJECT,
        cipher::{CustomerKey, KeyHeaders},
    },
    errors,
    model::{AccessControlPolicy, GetObjectOutput, GetObjectRequest, HeadObjectOutput, HeadObjectRequest},
    objects::{
        archive::{self, Copy},
        conditions::{self, Conditions, Verdict},
        find, read,
    },
    tables::{
        bucket::Versioning,
        configuration,
        object::{ChecksumRow, Content, ObjectRow},
    },
};

/// A version that was found for reading.
struct Found {
    row: ObjectRow,
    /// What is asked of it.
    range: Range<u64>,
    /// A range or part, not the whole.
    partial: bool,
    parts: Option<u32>,
    /// The checksum of what is sent, where there is one.
    checksum: Option<ChecksumRow>,
    customer: Option<CustomerKey>,
}

impl Buckets {
    pub(crate) fn get(&self, ctx: &Context, input: &GetObjectRequest) -> Result<GetObjectOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let snapshot = self.store.snapshot();
        let asked = Asked::of_get(input);
        let mut found = self.look_up(ctx, &*snapshot, &bucket, &asked, "GET")?;
        archive::check_readable(
            &found.row,
            ctx.now,
            "The operation is not valid for the object's storage class",
        )?;
        let body: ByteStream = read::open(
            &self.blobs,
            &*snapshot,
            bucket.row.number,
            &found.row,
            found.range.clone(),
            found.customer.as_ref(),
        )?;
        // The checksum of a range is not known; that of the whole is told when asked for.
        let checksum = found.checksum.take().filter(|_| input.checksum_mode.is_some());
        let mut output = GetObjectOutput {
            body: Some(body),
            content_range: content_range(&found),
            parts_count: found
                .parts
                .filter(|_| input.part_number.is_some())
                .and_then(|n| i32::try_from(n).ok()),
            tag_count: i32::try_from(found.row.tags.len()).ok().filter(|count| *count > 0),
            ..GetObjectOutput::default()
        };
        tell_checksum!(output, checksum);
        tell_encryption!(output, found.row.encryption);
        self.tell(ctx, &bucket, &found, &asked, &mut output)?;
        self.readers.note(ctx, &bucket, &input.key, &found.row);
        Ok(output)
    }

    pub(crate) fn head(
        &self,
        ctx: &Context,
        input: &HeadObjectRequest,
    ) -> Result<HeadObjectOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let snapshot = self.store.snapshot();
        let asked = Asked::of_head(input);
        let mut found = self.look_up(ctx, &*snapshot, &bucket, &asked, "HEAD")?;
        // The same as a read would tell, without the bytes.
        let mut told = GetObjectOutput::default();
        let checksum = found.checksum.take().filter(|_| input.checksum_mode.is_some());
        self.tell(ctx, &bucket, &found, &asked, &mut told)?;
        let mut output = HeadObjectOutput {
            accept_ranges: told.accept_ranges,
            expiration: told.expiration,
            restore: told.restore,
            last_modified: told.last_modified,
            content_length: told.content_length,
            e_tag: told.e_tag,
            version_id: told.version_id,
            cache_control: told.cache_control,
            content_disposition: told.content_disposition,
            content_encoding: told.content_encoding,
            content_language: told.content_language,
            content_type: told.content_type,
            content_range: content_range(&found),
            expires: told.expires,
            website_redirect_location: told.website_redirect_location,
            metadata: told.metadata,
            storage_class: told.storage_class,
            replication_status: told.replication_status,
            parts_count: found
                .parts
                .filter(|_| input.part_number.is_some())
                .and_then(|n| i32::try_from(n).ok()),
            tag_count: i32::try_from(found.row.tags.len()).ok().filter(|count| *count > 0),
            object_lock_mode: told.object_lock_mode,
            object_lock_retain_until_date: told.object_lock_retain_until_date,
            object_lock_legal_hold_status: told.object_lock_legal_hold_status,
            ..HeadObjectOutput::default()
        };
        tell_checksum!(output, checksum);
        tell_encryption!(output, found.row.encryption);
        Ok(output)
    }

    fn look_up(
        &self,
        ctx: &Context,
        snapshot: &dyn Snapshot,
        bucket: &Bucket,
        asked: &Asked<'_>,
        method: &'static str,
    ) -> Result<Found, ApiError> {
        let action = if asked.version_id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let row = self.version_of(snapshot, bucket, asked.key, asked.version_id, method);
        let mut row = match row {
            Ok(row) => row,
            // That there is nothing is told to those who may list.
            Err(why) => {
                let list = Self::list_of(bucket)?;
                self.permit(ctx, bucket, Asking::new("s3:ListBucket", None).or_by("READ", &list))?;
                return Err(why);
            }
        };
        if !is_at_home(ctx, bucket) {
            let list = list_of(&row)?;
            self.permit(ctx, bucket, Asking::new(action, Some(asked.key)).or_by("READ", &list))?;
        }
        let customer = key_for(&row, asked.customer)?;
        match asked.conditions.judge(&row) {
            Verdict::Holds => {}
            Verdict::NotModified => return Err(conditions::not_modified()),
            Verdict::Failed(condition) => return Err(conditions::failed(condition)),
        }
        if asked.range.is_some() && asked.part.is_some() {
            return Err(errors::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        let parts = match row.content {
            Content::Parts(count) => Some(count),
            _ => None,
        };
        let mut checksum = row.checksum.take();
        let (range, partial) = if let Some(part) = asked.part {
            let (range, of_part) = part_range(snapshot, bucket, &row, part)?;
            // The checksum of a whole of several parts is no part's; the parts' own are told where the whole's is of them.
            checksum = match (checksum, of_part) {
                (Some(whole), _) if parts.is_some() && whole.kind == FULL_OBJECT => None,
                (Some(whole), Some(value)) => Some(ChecksumRow { value, ..whole }),
                (whole, _) => whole,
            };
            (range, true)
        } else {
            match asked.range.map(|header| read::range_of(header, row.size)).transpose()?.flatten() {
                Some(range) => {
                    checksum = checksum.filter(|_| range.end - range.start == row.size);
                    (range, true)
                }
                None => (0..row.size, false),
            }
        };
        Ok(Found { row, range, partial, parts, checksum, customer })
    }

    #[allow(clippy::unused_self)] // a step of reading, like the ones beside it
    fn tell(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        found: &Found,
        asked: &Asked<'_>,
        output: &mut GetObjectOutput,
    ) -> Result<(), ApiError> {
        let row = &found.row;
        for (name, value) in &asked.overrides {
            if let Some(value) = value {
                if ctx.principal == moln_kernel::Principal::Anonymous {
                    return Err(errors::invalid_request(
                        "Request specific response headers cannot be used for anonymous GET requests.",
                    ));
                }
                if value.chars().any(|c| u32::from(c) > 0xff) {
                    return Err(errors::invalid_argument(
                        "Header value cannot be represented using ISO-8859-1.",
                        format!("response-{name}"),
                        value,
                    ));
                }
            }
        }
        let header = |name: &str| {
            let instead = asked.overrides.iter().find(|(of, _)| *of == name);
            instead.and_then(|(_, value)| value.as_ref()).or_else(|| row.headers.get(name)).cloned()
        };
        output.accept_ranges = Some("bytes".into());
        output.content_length = i64::try_from(found.range.end - found.range.start).ok();
        output.last_modified = Some(row.modified());
        output.e_tag = Some(quoted(&row.etag));
        output.cache_control = header("cache-control");
        output.content_disposition = header("content-disposition");
        output.content_encoding = header("content-encoding");
        output.content_language = header("content-language");
        output.content_type = Some(header("content-type").unwrap_or_else(|| "binary/octet-stream".into()));
        output.expires = header("expires");
        let metadata = || row.metadata.iter().map(|(name, value)| (name.clone(), words::encoded(value)));
        output.metadata = (!row.metadata.is_empty()).then(|| metadata().collect());
        output.storage_class = (row.storage_class != "STANDARD").then(|| row.storage_class.clone());
        output.website_redirect_location.clone_from(&row.redirect);
        output.version_id = (bucket.row.versioning != Versioning::Off).then(|| find::id_of(row));
        output.expiration = expiration(bucket, asked.key, row)?;
        output.replication_status.clone_from(&row.replication);
        output.restore = match archive::copy_of(row.restore.as_ref(), ctx.now) {
            Copy::Absent => None,
            Copy::Coming => Some("ongoing-request=\"true\"".to_owned()),
            Copy::There(until) => {
                let date = time::format(until, TimestampFormat::HttpDate);
                Some(format!("ongoing-request=\"false\", expiry-date=\"{date}\""))
            }
        };
        if let Some((mode, until)) = &row.lock.retention {
            output.object_lock_mode = Some(mode.clone());
            output.object_lock_retain_until_date = Some(Timestamp(*until));
        }
        output.object_lock_legal_hold_status =
            row.lock.legal_hold.map(|on| if on { "ON".into() } else { "OFF".into() });
        Ok(())
    }
}

/// What both requests ask.
struct Asked<'a> {
    key: &'a str,
    version_id: Option<&'a str>,
    conditions: Conditions<'a>,
    range: Option<&'a str>,
    part: Option<i32>,
    customer: KeyHeaders<'a>,
    overrides: [(&'static str, Option<String>); 6],
}

macro_rules! asked {
    ($input:expr) => {
        Asked {
            key: &$input.key,
            version_id: $input.version_id.as_deref(),
            conditions: Conditions {
                if_match: $input.if_match.as_deref(),
                if_none_match: $input.if_none_match.as_deref(),
                if_modified_since: $input.if_modified_since,
                if_unmodified_since: $input.if_unmodified_since,
            },
            range: $input.range.as_deref(),
            part: $input.part_number,
            customer: KeyHeaders {
                algorithm: $input.sse_customer_algorithm.as_deref(),
                key: $input.sse_customer_key.as_deref(),
                md5: $input.sse_customer_key_md5.as_deref(),
            },
            overrides: [
                ("cache-control", $input.response_cache_control.clone()),
                ("content-disposition", $input.response_content_disposition.clone()),
                ("content-encoding", $input.response_content_encoding.clone()),
                ("content-language", $input.response_content_language.clone()),
                ("content-type", $input.response_content_type.clone()),
                (
                    "expires",
                    $input.response_expires.map(|when| time::format(when, TimestampFormat::HttpDate)),
                ),
            ],
        }
    };
}

impl<'a> Asked<'a> {
    fn of_get(input: &'a GetObjectRequest) -> Self {
        asked!(input)
    }
    fn of_head(input: &'a HeadObjectRequest) -> Self {
        asked!(input)
    }
}

/// The list of a version.
pub(crate) fn list_of(row: &ObjectRow) -> Result<AccessControlPolicy, ApiError> {
    match &row.acl {
        Some(bytes) => configuration::decode(bytes).map_err(|why| errors::unreadable(&why)),
        None => Ok(acl::private(&row.owner)),
    }
}

fn content_range(found: &Found) -> Option<String> {
    let last = found.range.end.saturating_sub(1);
    (found.partial && found.row.size > 0)
        .then(|| format!("bytes {}-{last}/{}", found.range.start, found.row.size))
}

/// Where a part stands in its version, and its checksum. A version that came whole has one part.
fn part_range(
    snapshot: &dyn Snapshot,
    bucket: &Bucket,
    row: &ObjectRow,
    part: i32,
) -> Result<(Range<u64>, Option<String>), ApiError> {
    let wanted = u32::try_from(part).ok().filter(|part| *part > 0).ok_or_else(|| {
        errors::invalid_argument(
            "PartNumber must be between 1 and 10000, inclusive",
            "partNumber",
            part.to_string(),
        )
    })?;
    let count = match row.content {
        Content::Parts(count) => count,
        _ if wanted == 1 => return Ok((0..row.size, None)),
        _ => 1,
    };
    let unsatisfiable = || {
        let words = "The requested partnumber is not satisfiable";
        let error = errors::other(416, "InvalidPartNumber", words);
        let error = errors::with(error, "PartNumberRequested", part.to_string());
        errors::with(error, "ActualPartCount", count.to_string())
    };
    let mut start = 0;
    let mut position = 0;
    for (_, one) in read::parts_of(snapshot, bucket.row.number, row.data)? {
        position += 1;
        if position == wanted {
            return Ok((start..start + one.size, one.checksum));
        }
        start += one.size;
    }
    Err(unsatisfiable())
}
