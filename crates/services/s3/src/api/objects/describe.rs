//! What a request says of an object besides its bytes: headers, metadata, class, encryption, tags, lock, list. The same for
//! a put, a copy, an upload in parts and a form.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context, Timestamp};

use crate::{
    acl,
    bucket::Bucket,
    content::cipher::{CustomerKey, KeyHeaders},
    errors, limits,
    model::{AccessControlPolicy, ObjectLockConfiguration, ServerSideEncryptionConfiguration, Tag},
    rules::lock,
    tables::{
        configuration::{self, Kind},
        object::{Content, EncryptionRow, LockRow, ObjectRow, OriginRow},
    },
    tags,
};

/// The classes an object can be written in.
const CLASSES: [&str; 9] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

/// As sent.
#[derive(Debug, Default)]
pub(crate) struct Description<'a> {
    /// Lower-case name and value of the headers that come back as they were.
    pub(crate) headers: Vec<(&'static str, Option<&'a str>)>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) storage_class: Option<&'a str>,
    pub(crate) redirect: Option<&'a str>,
    /// `x-amz-server-side-encryption`, key, context, bucket key.
    pub(crate) encryption: Option<&'a str>,
    pub(crate) kms_key: Option<&'a str>,
    pub(crate) kms_context: Option<&'a str>,
    pub(crate) bucket_key: Option<bool>,
    pub(crate) customer: KeyHeaders<'a>,
    /// `x-amz-tagging`: as in a query.
    pub(crate) tagging: Option<&'a str>,
    pub(crate) lock_mode: Option<&'a str>,
    pub(crate) lock_until: Option<Timestamp>,
    pub(crate) legal_hold: Option<&'a str>,
    pub(crate) acl: acl::Wish<'a>,
}

/// Checked, for a row.
pub(crate) struct Described {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) storage_class: String,
    pub(crate) redirect: Option<String>,
    pub(crate) encryption: EncryptionRow,
    pub(crate) customer: Option<CustomerKey>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) lock: LockRow,
    pub(crate) acl: Option<Vec<u8>>,
}

impl Description<'_> {
    /// Checks all of it against the rules and the bucket's settings.
    pub(crate) fn check(mut self, ctx: &Context, bucket: &Bucket) -> Result<Described, ApiError> {
        let metadata = metadata(self.metadata.take())?;
        let storage_class = self.storage_class.unwrap_or("STANDARD");
        if !CLASSES.contains(&storage_class) || storage_class == "EXPRESS_ONEZONE" {
            let words = "The storage class you specified is not valid";
            let error = errors::other(400, "InvalidStorageClass", words);
            return Err(errors::with(error, "StorageClassRequested", storage_class));
        }
        if self
            .redirect
            .is_some_and(|to| !["/", "http://", "https://"].iter().any(|head| to.starts_with(head)))
        {
            return Err(errors::other(
                400,
                "InvalidRedirectLocation",
                "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
            ));
        }
        if self.customer.key.is_some()
            && let Some(asked) = self.encryption
        {
            return Err(errors::invalid_argument(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
                "x-amz-server-side-encryption",
                asked,
            ));
        }
        let customer = CustomerKey::read(self.customer)?;
        let encryption = encryption(&self, customer.as_ref(), bucket)?;
        let tags = match self.tagging {
            Some(text) => parse_tagging(text)?,
            None => Vec::new(),
        };
        let list = acl::of_object(&self.acl, ctx.account.as_str(), &bucket.row.account)?;
        if let Some(list) = &list {
            check_list(bucket, list, self.acl.canned)?;
        }
        let switched_off = bucket.ownership()? == acl::ENFORCED;
        Ok(Described {
            headers: self
                .headers
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
                .collect(),
            metadata,
            storage_class: storage_class.to_owned(),
            redirect: self.redirect.map(str::to_owned),
            encryption,
            customer,
            tags,
            lock: lock_of(bucket, ctx.now, self.lock_mode, self.lock_until, self.legal_hold)?,
            acl: list
                .filter(|list| !switched_off && *list != acl::private(ctx.account.as_str()))
                .map(|list| configuration::encode(&list).to_vec()),
        })
    }
}

impl Described {
    /// The row of a new version. What it is made of (size, tag, checksum, content) is the caller's to fill in.
    pub(crate) fn into_row(self, ctx: &Context, origin: OriginRow) -> ObjectRow {
        ObjectRow {
            stamp: 0,
            data: 0,
            null: false,
            marker: false,
            owner: ctx.account.as_str().into(),
            modified: ctx.now.millis(),
            size: 0,
            etag: String::new(),
            content: Content::None,
            headers: self.headers,
            metadata: self.metadata,
            storage_class: self.storage_class,
            encryption: self.encryption,
            checksum: None,
            tags: self.tags,
            acl: self.acl,
            lock: self.lock,
            redirect: self.redirect,
            restore: None,
            replication: None,
            origin,
        }
    }
}

/// A list for an object: only where lists count, and never a public one where that is forbidden.
pub(crate) fn check_list(
    bucket: &Bucket,
    list: &AccessControlPolicy,
    canned: Option<&str>,
) -> Result<(), ApiError> {
    // These two change nothing where lists are switched off, and are taken.
    if matches!(canned, Some("bucket-owner-full-control")) && bucket.ownership()? == acl::ENFORCED {
        return Ok(());
    }
    bucket.check_acl(list)
}

fn metadata(given: Option<BTreeMap<String, String>>) -> Result<BTreeMap<String, String>, ApiError> {
    let given = given.unwrap_or_default();
    let size: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > limits::METADATA {
        let words = "Your metadata headers exceed the maximum allowed metadata size";
        let error = errors::other(400, "MetadataTooLarge", words);
        let error = errors::with(error, "Size", size.to_string());
        return Err(errors::with(error, "MaxSizeAllowed", limits::METADATA.to_string()));
    }
    Ok(given.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect())
}

fn encryption(
    asked: &Description<'_>,
    customer: Option<&CustomerKey>,
    bucket: &Bucket,
) -> Result<EncryptionRow, ApiError> {
    if let Some(customer) = customer {
        return Ok(EncryptionRow::Customer { key_md5: customer.md5.clone(), nonce: CustomerKey::nonce()? });
    }
    let default: Option<ServerSideEncryptionConfiguration> = bucket.setting(Kind::Encryption)?;
    let rule = default.and_then(|set| set.rules.into_iter().next());
    let by_default = rule.as_ref().and_then(|rule| rule.apply_server_side_encryption_by_default.as_ref());
    let algorithm = match asked.encryption {
        Some(algorithm @ ("AES256" | "aws:kms" | "aws:kms:dsse")) => algorithm,
        Some(other) => {
            return Err(errors::invalid_argument(
                "The encryption method specified is not supported",
                "x-amz-server-side-encryption",
                other,
            ));
        }
        None => by_default.map_or("AES256", |default| default.sse_algorithm.as_str()),
    };
    if algorithm == "AES256" {
        if asked.kms_key.is_some() {
            return Err(errors::invalid_argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : \
                 aws:kms",
                "x-amz-server-side-encryption",
                asked.encryption.unwrap_or("null"),
            ));
        }
        return Ok(EncryptionRow::Aes256);
    }
    let key = asked.kms_key.map(str::to_owned);
    let key = key.or_else(|| by_default.and_then(|default| default.kms_master_key_id.clone()));
    let bucket_key = asked.bucket_key.or_else(|| rule.as_ref().and_then(|rule| rule.bucket_key_enabled));
    Ok(EncryptionRow::Kms {
        algorithm: algorithm.to_owned(),
        key,
        bucket_key: bucket_key == Some(true),
        context: asked.kms_context.map(str::to_owned),
    })
}

/// `a=1&b=2`, as in a query.
pub(crate) fn parse_tagging(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let invalid = || {
        errors::invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name \
             duplicates.",
            "x-amz-tagging",
            text,
        )
    };
    let mut found = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key).ok_or_else(invalid)?, decode(value).ok_or_else(invalid)?);
        if found.iter().any(|(known, _)| *known == key) {
            return Err(invalid());
        }
        found.push((key, value));
    }
    let typed: Vec<Tag> =
        found.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    tags::check(&typed, limits::OBJECT_TAGS)?;
    Ok(found)
}

/// A part of a query: `%XX` and plus signs.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// The lock of a new version: what was asked for, or what the bucket does by default.
fn lock_of(
    bucket: &Bucket,
    now: Timestamp,
    mode: Option<&str>,
    until: Option<Timestamp>,
    hold: Option<&str>,
) -> Result<LockRow, ApiError> {
    let asked = mode.is_some() || until.is_some() || hold.is_some();
    if !bucket.row.object_lock {
        if asked {
            return Err(errors::invalid_request("Bucket is missing Object Lock Configuration"));
        }
        return Ok(LockRow::default());
    }
    let legal_hold = match hold {
        None => None,
        Some("ON") => Some(true),
        Some("OFF") => Some(false),
        Some(_) => {
            return Err(errors::refused_argument(
                "Legal Hold must be either of 'ON' or 'OFF'",
                "x-amz-object-lock-legal-hold",
            ));
        }
    };
    let retention = match (mode, until) {
        (None, None) => bucket
            .setting::<ObjectLockConfiguration>(Kind::ObjectLock)?
            .and_then(|set| lock::of_new_object(&set, now))
            .map(|(mode, until)| (mode, until.millis())),
        (Some(mode @ ("GOVERNANCE" | "COMPLIANCE")), Some(until)) => {
            if until <= now {
                return Err(errors::refused_argument(
                    "The retain until date must be in the future!",
                    "x-amz-object-lock-retain-until-date",
                ));
            }
            Some((mode.to_owned(), until.millis()))
        }
        (Some(mode), Some(_)) => {
            return Err(errors::invalid_argument(
                "Unknown wormMode directive.",
                "x-amz-object-lock-mode",
                mode,
            ));
        }
        (mode, _) => {
            let words =
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            let missing =
                if mode.is_some() { "x-amz-object-lock-retain-until-date" } else { "x-amz-object-lock-mode" };
            return Err(errors::refused_argument(words, missing));
        }
    };
    Ok(LockRow { retention, legal_hold })
}

/// A key that cannot be one.
pub(crate) fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > limits::KEY {
        let error = errors::other(400, "KeyTooLongError", "Your key is too long");
        let error = errors::with(error, "Size", key.len().to_string());
        return Err(errors::with(error, "MaxSizeAllowed", limits::KEY.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_in_headers_are_read() {
        assert_eq!(
            parse_tagging("a=1&b=x%20y+z&c").unwrap(),
            [("a".into(), "1".into()), ("b".into(), "x y z".into()), ("c".into(), String::new())]
        );
        for bad in ["a=1&a=2", "a=%zz", "a=%ff"] {
            assert_eq!(parse_tagging(bad).unwrap_err().code, "InvalidArgument", "{bad}");
        }
        let many: String = (0..11).flat_map(|n| [format!("k{n}"), "=v&".into()]).collect();
        assert_eq!(parse_tagging(&many).unwrap_err().code, "BadRequest");
    }
}
