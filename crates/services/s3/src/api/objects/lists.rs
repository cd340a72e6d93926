//! `ListObjects`, `ListObjectsV2`, `ListObjectVersions`.

use moln_kernel::{ApiError, Context, Timestamp};
use moln_policy::Keys;
use moln_store::Snapshot;

use super::puts::quoted;
use crate::{
    Buckets,
    access::{Asking, is_at_home},
    acl,
    bucket::Bucket,
    errors, limits,
    model::{
        CommonPrefix, DeleteMarkerEntry, ListObjectVersionsOutput, ListObjectVersionsRequest,
        ListObjectsOutput, ListObjectsRequest, ListObjectsV2Output, ListObjectsV2Request, Object,
        ObjectVersion, Owner, RestoreStatus,
    },
    objects::{
        archive::{self, Copy},
        find,
        list::{self, Entry, Listed, Query, VersionMarker},
    },
    tables::{
        listed::ListedRow,
        object::{CURRENT, RestoreRow},
    },
    versions,
};

/// Writes keys and prefixes as the request wants them.
struct Writer {
    /// `encoding-type=url`
    encode: bool,
}

impl Writer {
    fn new(encoding_type: Option<&str>) -> Result<Self, ApiError> {
        match encoding_type {
            None => Ok(Self { encode: false }),
            Some("url") => Ok(Self { encode: true }),
            Some(other) => {
                let words = "Invalid Encoding Method specified in Request";
                Err(errors::invalid_argument(words, "encoding-type", other))
            }
        }
    }

    fn text(&self, text: &str) -> String {
        if self.encode { encoded(text) } else { text.to_owned() }
    }

    fn optional(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn object(&self, key: String, row: ListedRow, owner: Option<Owner>) -> Object {
        Object {
            key: Some(if self.encode { encoded(&key) } else { key }),
            last_modified: Some(row.modified()),
            e_tag: Some(quoted(&row.etag)),
            size: i64::try_from(row.size).ok(),
            owner,
            storage_class: Some(row.storage_class),
            checksum_type: row.checksum.as_ref().map(|checksum| checksum.kind.clone()),
            checksum_algorithm: row.checksum.map(|checksum| vec![checksum.algorithm]),
            restore_status: None,
        }
    }
}

/// Owners as a list tells them: most rows have the one of the row before.
#[derive(Default)]
struct Owners(Option<(String, Owner)>);

impl Owners {
    fn of(&mut self, account: &str) -> Owner {
        match &self.0 {
            Some((known, owner)) if known == account => owner.clone(),
            _ => self.0.insert((account.to_owned(), acl::owner(account))).1.clone(),
        }
    }
}

/// Whether archived objects are restored, where it is asked (`x-amz-optional-object-attributes`): what a list reads of a row
/// does not tell.
struct Restores<'a> {
    snapshot: &'a dyn Snapshot,
    bucket: u64,
    now: Timestamp,
}

impl<'a> Restores<'a> {
    fn asked(
        optional: Option<&[String]>,
        snapshot: &'a dyn Snapshot,
        bucket: &Bucket,
        now: Timestamp,
    ) -> Option<Self> {
        let asked = optional.into_iter().flatten().any(|name| name == "RestoreStatus");
        asked.then_some(Self { snapshot, bucket: bucket.row.number, now })
    }

    fn of(&self, restore: Option<&RestoreRow>) -> Option<RestoreStatus> {
        let (in_progress, expiry) = match archive::copy_of(restore, self.now) {
            Copy::Absent => return None,
            Copy::Coming => (true, None),
            Copy::There(until) => (false, Some(until)),
        };
        Some(RestoreStatus { is_restore_in_progress: Some(in_progress), restore_expiry_date: expiry })
    }

    fn of_key(&self, key: &str, class: &str) -> Option<RestoreStatus> {
        if !archive::is_archive(class) {
            return None;
        }
        let row = CURRENT.get(self.snapshot, &(self.bucket, key.to_owned())).ok()??.0;
        self.of(row.restore.as_ref())
    }
}

/// `%XX` but for letters, digits, `-_.~/` and, as S3 does, `*`; a space is a plus sign.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// How many are wanted, and how many a page has at most.
pub(crate) fn page_size(max: Option<i32>, name: &'static str) -> Result<(i32, usize), ApiError> {
    let max = max.unwrap_or(1000);
    let wanted = usize::try_from(max).map_err(|_| {
        errors::invalid_argument(
            "Argument maxKeys must be an integer between 0 and 2147483647",
            name,
            max.to_string(),
        )
    })?;
    let most = wanted.min(limits::PAGE);
    Ok((i32::try_from(most).unwrap_or(1000), most))
}

impl Buckets {
    fn listing(
        &self,
        ctx: &Context,
        name: &str,
        owner: Option<&str>,
        (action, prefix, delimiter): (&'static str, Option<&str>, Option<&str>),
    ) -> Result<std::sync::Arc<Bucket>, ApiError> {
        let bucket = self.bucket(name, owner)?;
        if is_at_home(ctx, &bucket) {
            return Ok(bucket);
        }
        let list = Self::list_of(&bucket)?;
        let mut keys = Keys::default();
        keys.set("s3:prefix", prefix.unwrap_or_default());
        if let Some(delimiter) = delimiter {
            keys.set("s3:delimiter", delimiter);
        }
        self.permit(ctx, &bucket, Asking { keys, ..Asking::new(action, None).or_by("READ", &list) })?;
        Ok(bucket)
    }

    pub(crate) fn list_v1(
        &self,
        ctx: &Context,
        input: ListObjectsRequest,
    ) -> Result<ListObjectsOutput, ApiError> {
        let (prefix, delimiter) = (input.prefix.as_deref(), input.delimiter.as_deref());
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.listing(ctx, &input.bucket, owner, ("s3:ListBucket", prefix, delimiter))?;
        let writer = Writer::new(input.encoding_type.as_deref())?;
        let (max_keys, max) = page_size(input.max_keys, "max-keys")?;
        let after = input.marker.as_deref().filter(|marker| !marker.is_empty());
        let query = Query { prefix: prefix.unwrap_or_default(), delimiter, after, max };
        let snapshot = self.store.snapshot();
        let optional = input.optional_object_attributes.as_deref();
        let restores = Restores::asked(optional, &*snapshot, &bucket, ctx.now);
        let listed = list::objects(&*snapshot, bucket.row.number, &query)?;
        let truncated = listed.truncated && max > 0;
        // Without a delimiter the last key is the marker, and S3 says no more.
        let next = last(&listed).filter(|_| truncated && delimiter.is_some_and(|d| !d.is_empty()));
        let next_marker = writer.optional(next.as_deref());
        let (contents, common_prefixes) = split(&writer, listed, true, restores.as_ref());
        Ok(ListObjectsOutput {
            is_truncated: Some(truncated),
            marker: Some(writer.text(input.marker.as_deref().unwrap_or_default())),
            next_marker,
            contents,
            name: Some(bucket.name.clone()),
            prefix: Some(writer.text(prefix.unwrap_or_default())),
            delimiter: writer.optional(delimiter.filter(|delimiter| !delimiter.is_empty())),
            max_keys: Some(max_keys),
            common_prefixes,
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    pub(crate) fn list_v2(
        &self,
        ctx: &Context,
        input: ListObjectsV2Request,
    ) -> Result<ListObjectsV2Output, ApiError> {
        let (prefix, delimiter) = (input.prefix.as_deref(), input.delimiter.as_deref());
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.listing(ctx, &input.bucket, owner, ("s3:ListBucket", prefix, delimiter))?;
        let writer = Writer::new(input.encoding_type.as_deref())?;
        let (max_keys, max) = page_size(input.max_keys, "max-keys")?;
        let scope = ["ListObjectsV2", bucket.name.as_str()];
        let token = input.continuation_token.as_deref().map(|token| {
            let words = "The continuation token provided is incorrect";
            let opened = self.pages.open(&scope, token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            opened.ok_or_else(|| errors::refused_argument(words, "continuation-token"))
        });
        let token = token.transpose()?;
        let start_after = input.start_after.as_deref().filter(|after| !after.is_empty());
        let after = token.as_deref().or(start_after);
        let query = Query { prefix: prefix.unwrap_or_default(), delimiter, after, max };
        let snapshot = self.store.snapshot();
        let optional = input.optional_object_attributes.as_deref();
        let restores = Restores::asked(optional, &*snapshot, &bucket, ctx.now);
        let listed = list::objects(&*snapshot, bucket.row.number, &query)?;
        let truncated = listed.truncated && max > 0;
        let next = last(&listed).filter(|_| truncated).map(|last| self.pages.seal(&scope, last.as_bytes()));
        let key_count = i32::try_from(listed.entries.len()).ok();
        let (contents, common_prefixes) =
            split(&writer, listed, input.fetch_owner == Some(true), restores.as_ref());
        Ok(ListObjectsV2Output {
            is_truncated: Some(truncated),
            contents,
            name: Some(bucket.name.clone()),
            prefix: Some(writer.text(prefix.unwrap_or_default())),
            delimiter: writer.optional(delimiter.filter(|delimiter| !delimiter.is_empty())),
            max_keys: Some(max_keys),
            common_prefixes,
            encoding_type: input.encoding_type,
            key_count,
            continuation_token: input.continuation_token,
            next_continuation_token: next,
            start_after: writer.optional(start_after.filter(|_| token.is_none())),
            request_charged: None,
        })
    }

    pub(crate) fn list_versions(
        &self,
        ctx: &Context,
        input: ListObjectVersionsRequest,
    ) -> Result<ListObjectVersionsOutput, ApiError> {
        let (prefix, delimiter) = (input.prefix.as_deref(), input.delimiter.as_deref());
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = self.listing(ctx, &input.bucket, owner, ("s3:ListBucketVersions", prefix, delimiter))?;
        let number = bucket.row.number;
        let writer = Writer::new(input.encoding_type.as_deref())?;
        let (max_keys, max) = page_size(input.max_keys, "max-keys")?;
        let snapshot = self.store.snapshot();
        let key_marker = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
        let id_marker = input.version_id_marker.as_deref();
        if id_marker == Some("") {
            return Err(errors::invalid_argument(
                "A version-id marker cannot be empty.",
                "version-id-marker",
                "",
            ));
        }
        if id_marker.is_some() && key_marker.is_none() {
            let words = "A version-id marker cannot be specified without a key marker.";
            return Err(errors::invalid_argument(words, "version-id-marker", id_marker.unwrap_or_default()));
        }
        let stamp = match (key_marker, id_marker) {
            (Some(key), Some(versions::NULL)) => {
                find::version(&*snapshot, number, key, versions::NULL)?.map(|row| row.stamp)
            }
            (_, Some(id)) => {
                let stamp = versions::stamp(number, id);
                let words = "Invalid version id specified";
                Some(stamp.ok_or_else(|| errors::invalid_argument(words, "version-id-marker", id))?)
            }
            _ => None,
        };
        let query = Query { prefix: prefix.unwrap_or_default(), delimiter, after: None, max };
        let optional = input.optional_object_attributes.as_deref();
        let restores = Restores::asked(optional, &*snapshot, &bucket, ctx.now);
        let marker = key_marker.map(|key| VersionMarker { key, stamp });
        let (entries, truncated) =
            if max == 0 { (Vec::new(), false) } else { list::versions(&*snapshot, number, &query, marker)? };
        let (mut next_key, mut next_id) = (None, None);
        if truncated {
            match entries.last() {
                Some(Entry::Key(key, version)) => {
                    next_key = Some(writer.text(key));
                    next_id = Some(find::id_of(&version.row));
                }
                Some(Entry::Prefix(prefix)) => next_key = Some(writer.text(prefix)),
                None => {}
            }
        }
        let (mut found, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        let mut owners = Owners::default();
        for entry in entries {
            match entry {
                Entry::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(writer.text(&prefix)) }),
                Entry::Key(key, version) if version.row.marker => markers.push(DeleteMarkerEntry {
                    owner: Some(owners.of(&version.row.owner)),
                    key: Some(writer.text(&key)),
                    version_id: Some(find::id_of(&version.row)),
                    is_latest: Some(version.latest),
                    last_modified: Some(version.row.modified()),
                }),
                Entry::Key(key, version) => {
                    let version_id = find::id_of(&version.row);
                    let restore = version.row.restore.clone();
                    let restore_status = restores.as_ref().and_then(|all| all.of(restore.as_ref()));
                    let owner = owners.of(&version.row.owner);
                    let object = writer.object(key, version.row.into(), Some(owner));
                    found.push(ObjectVersion {
                        e_tag: object.e_tag,
                        checksum_algorithm: object.checksum_algorithm,
                        checksum_type: object.checksum_type,
                        size: object.size,
                        storage_class: object.storage_class,
                        key: object.key,
                        version_id: Some(version_id),
                        is_latest: Some(version.latest),
                        last_modified: object.last_modified,
                        owner: object.owner,
                        restore_status,
                    });
                }
            }
        }
        Ok(ListObjectVersionsOutput {
            is_truncated: Some(truncated),
            key_marker: Some(writer.text(input.key_marker.as_deref().unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            next_key_marker: next_key,
            next_version_id_marker: next_id,
            versions: (!found.is_empty()).then_some(found),
            delete_markers: (!markers.is_empty()).then_some(markers),
            name: Some(bucket.name.clone()),
            prefix: Some(writer.text(prefix.unwrap_or_default())),
            delimiter: writer.optional(delimiter.filter(|delimiter| !delimiter.is_empty())),
            max_keys: Some(max_keys),
            common_prefixes: (!prefixes.is_empty()).then_some(prefixes),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }
}

/// Where the next page goes on.
fn last<T>(listed: &Listed<T>) -> Option<String> {
    listed.entries.last().map(|entry| match entry {
        Entry::Key(key, _) => key.clone(),
        Entry::Prefix(prefix) => prefix.clone(),
    })
}

fn split(
    writer: &Writer,
    listed: Listed<ListedRow>,
    owner: bool,
    restores: Option<&Restores<'_>>,
) -> (Option<Vec<Object>>, Option<Vec<CommonPrefix>>) {
    let (mut contents, mut prefixes) = (Vec::with_capacity(listed.entries.len()), Vec::new());
    let mut owners = Owners::default();
    for entry in listed.entries {
        match entry {
            Entry::Key(key, row) => {
                let restore_status = restores.and_then(|all| all.of_key(&key, &row.storage_class));
                let owner = owner.then(|| owners.of(&row.owner));
                contents.push(Object { restore_status, ..writer.object(key, row, owner) });
            }
            Entry::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(writer.text(&prefix)) }),
        }
    }
    ((!contents.is_empty()).then_some(contents), (!prefixes.is_empty()).then_some(prefixes))
}
