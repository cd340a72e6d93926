//! A record, as AWS writes it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>

use std::time::Duration;

use http::{HeaderName, Method, Response, header, request::Parts};
use moln_kernel::{Context, Principal, Timestamp};
use moln_wire::{ByteStream, Operation, schema::TimestampFormat, server::host_id, time};

use crate::{acl, api::objects::lists::encoded, bucket::Bucket, care, front::place};

/// Characters of an address or an agent that a record keeps.
const LONGEST: usize = 8_000;

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// An operation, or what is none (a preflight, a form).
    Operation(Option<&'static Operation>),
    /// A page of a website: its key, as in a path.
    Page(&'a str),
}

/// A request that was answered.
pub(super) struct Request<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) ctx: &'a Context,
    pub(super) head: &'a Parts,
    pub(super) response: &'a Response<ByteStream>,
    /// The error's.
    pub(super) code: Option<&'a str>,
    pub(super) bucket: &'a Bucket,
    pub(super) took: Duration,
}

/// Its record, without a line end.
pub(super) fn of(request: &Request<'_>) -> String {
    let Request { asked, ctx, head, response, code, bucket, took } = request;
    let (name, key) = match *asked {
        Asked::Operation(operation) => (name(operation, &head.method), place(head).1),
        Asked::Page(key) => (format!("WEBSITE.{}.OBJECT", head.method), key),
    };
    let key = Some(key).filter(|key| !key.is_empty()).map(clean);
    let sent = response.body().size().filter(|sent| *sent > 0 && head.method != Method::HEAD);
    let size = object_size(request);
    let (signature, means) = signed(head);
    let words = [
        acl::canonical_id(&bucket.row.account),
        bucket.name.clone(),
        moment(ctx.now),
        or_dash(ctx.source.map(|address| address.to_string())),
        requester(ctx),
        ctx.request_id.as_str().to_owned(),
        name,
        or_dash(key),
        format!("\"{} {} HTTP/1.1\"", head.method, clean(&head.uri.to_string())),
        response.status().as_str().to_owned(),
        or_dash(*code),
        or_dash(sent.map(|sent| sent.to_string())),
        or_dash(size.map(|size| size.to_string())),
        took.as_millis().to_string(),
        "-".to_owned(),
        quoted(head, header::REFERER),
        quoted(head, header::USER_AGENT),
        or_dash(version(head)),
        host_id(&ctx.request_id),
        signature.to_owned(),
        "-".to_owned(),
        means.to_owned(),
        or_dash(text(head, header::HOST).map(clean)),
        "-".to_owned(),
        "-".to_owned(),
        "-".to_owned(),
    ];
    words.join(" ")
}

/// What has a record though nobody asked for just this: a key that was deleted among others, the source of a copy, what a life
/// cycle did.
#[derive(Default)]
pub(crate) struct Aside<'a> {
    /// `BATCH.DELETE.OBJECT`
    pub(crate) operation: &'a str,
    pub(crate) key: &'a str,
    /// `204`
    pub(crate) status: Option<&'a str>,
    /// The error's.
    pub(crate) code: Option<&'a str>,
    pub(crate) size: Option<u64>,
    /// As the operation named it.
    pub(crate) version: Option<&'a str>,
}

/// Its record.
pub(super) fn of_aside(ctx: &Context, bucket: &Bucket, aside: &Aside<'_>) -> String {
    let words = [
        acl::canonical_id(&bucket.row.account),
        bucket.name.clone(),
        moment(ctx.now),
        or_dash(ctx.source.map(|address| address.to_string())),
        requester(ctx),
        ctx.request_id.as_str().to_owned(),
        aside.operation.to_owned(),
        // As it would stand in a path.
        clean(&encoded(aside.key).replace('+', "%20")),
        "\"-\"".to_owned(),
        or_dash(aside.status),
        or_dash(aside.code),
        "-".to_owned(),
        or_dash(aside.size.map(|size| size.to_string())),
        "- -".to_owned(),
        "\"-\" \"-\"".to_owned(),
        or_dash(aside.version),
        host_id(&ctx.request_id),
        "- - - - - - -".to_owned(),
    ];
    words.join(" ")
}

fn or_dash(value: Option<impl Into<String>>) -> String {
    value.map_or_else(|| "-".to_owned(), Into::into)
}

fn text(head: &Parts, name: HeaderName) -> Option<&str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Without what would end a word or a quotation.
fn clean(text: &str) -> String {
    let odd = |c: char| if c == '"' || c == ' ' || c.is_control() { '_' } else { c };
    text.chars().take(LONGEST).map(odd).collect()
}

fn quoted(head: &Parts, name: HeaderName) -> String {
    let odd = |c: char| if c == '"' || c.is_control() { '_' } else { c };
    let text: String = text(head, name).unwrap_or("-").chars().take(LONGEST).map(odd).collect();
    format!("\"{text}\"")
}

/// `[06/Feb/2019:00:00:38 +0000]`
fn moment(when: Timestamp) -> String {
    // `Wed, 06 Feb 2019 00:00:38 GMT`
    let http = time::format(when, TimestampFormat::HttpDate);
    let part = |range: std::ops::Range<usize>| http.get(range).unwrap_or_default().to_owned();
    format!("[{}/{}/{}:{} +0000]", part(5..7), part(8..11), part(12..16), part(17..25))
}

fn requester(ctx: &Context) -> String {
    match &ctx.principal {
        Principal::Anonymous => "-".to_owned(),
        Principal::Arn(arn) if **arn == *care::PRINCIPAL => "AmazonS3".to_owned(),
        Principal::Account(account) => acl::canonical_id(account.as_str()),
        Principal::Arn(arn) => arn.to_string(),
    }
}

fn version(head: &Parts) -> Option<String> {
    let query = head.uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("versionId=")).map(clean)
}

fn object_size(request: &Request<'_>) -> Option<u64> {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let (head, answered) = (request.head, request.response.headers());
    let answer = |name: HeaderName| answered.get(name).and_then(|value| value.to_str().ok());
    let name = match request.asked {
        Asked::Operation(operation) => operation.map(|operation| operation.name),
        Asked::Page(_) => Some("GetObject"),
    };
    match name {
        Some("GetObject" | "HeadObject") if request.response.status().is_success() => {
            let whole = answer(header::CONTENT_RANGE).and_then(|range| range.rsplit('/').next());
            number(whole).or_else(|| number(answer(header::CONTENT_LENGTH)))
        }
        Some("PutObject" | "UploadPart") => {
            let decoded = head.headers.get("x-amz-decoded-content-length");
            number(decoded.and_then(|value| value.to_str().ok()))
                .or_else(|| number(text(head, header::CONTENT_LENGTH)))
        }
        _ => None,
    }
}

/// The signature's version, and where it stood.
fn signed(head: &Parts) -> (&'static str, &'static str) {
    let query = head.uri.query().unwrap_or_default();
    match text(head, header::AUTHORIZATION) {
        Some(authorization) if authorization.starts_with("AWS4-") => ("SigV4", "AuthHeader"),
        Some(_) => ("SigV2", "AuthHeader"),
        None if query.contains("X-Amz-Signature=") => ("SigV4", "QueryString"),
        None if query.contains("Signature=") => ("SigV2", "QueryString"),
        None => ("-", "-"),
    }
}

/// `REST.GET.OBJECT`
fn name(operation: Option<&'static Operation>, method: &Method) -> String {
    let Some(operation) = operation else {
        let what = if method == Method::OPTIONS { "PREFLIGHT" } else { "OBJECT" };
        return format!("REST.{method}.{what}");
    };
    let what = match operation.name {
        "CopyObject" => return "REST.COPY.OBJECT".into(),
        "UploadPartCopy" => return "REST.COPY.PART".into(),
        "GetObject" | "HeadObject" | "PutObject" | "DeleteObject" => "OBJECT",
        "CreateMultipartUpload" | "ListMultipartUploads" => "UPLOADS",
        "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListParts" => "UPLOAD",
        "UploadPart" => "PART",
        "DeleteObjects" => "MULTI_OBJECT_DELETE",
        "RestoreObject" => "RESTORE",
        "ListObjectVersions" => "BUCKETVERSIONS",
        "GetBucketLogging" | "PutBucketLogging" => "LOGGING_STATUS",
        "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => "OBJECT_TAGGING",
        "GetObjectAcl" | "PutObjectAcl" | "GetBucketAcl" | "PutBucketAcl" => "ACL",
        name => return format!("REST.{method}.{}", setting(name)),
    };
    format!("REST.{method}.{what}")
}

/// What a setting's operation is about: `GetBucketVersioning` is about `VERSIONING`.
fn setting(operation: &str) -> String {
    let rest = ["Get", "Put", "Delete", "List", "Head", "Create"]
        .iter()
        .find_map(|verb| operation.strip_prefix(verb));
    let rest = rest.unwrap_or(operation);
    let of_bucket = rest.strip_prefix("Bucket").filter(|rest| !rest.is_empty());
    let subject = of_bucket.unwrap_or(rest);
    let subject = subject
        .strip_suffix("Configuration")
        .or_else(|| subject.strip_suffix("Configurations"))
        .unwrap_or(subject);
    match subject {
        "Bucket" | "Objects" | "ObjectsV2" => return "BUCKET".into(),
        "Policy" => return "BUCKETPOLICY".into(),
        _ => {}
    }
    let mut out = String::new();
    for c in subject.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_names() {
        for (operation, subject) in [
            ("HeadBucket", "BUCKET"),
            ("ListObjectsV2", "BUCKET"),
            ("GetBucketPolicy", "BUCKETPOLICY"),
            ("GetBucketVersioning", "VERSIONING"),
            ("PutBucketLifecycleConfiguration", "LIFECYCLE"),
            ("GetBucketRequestPayment", "REQUEST_PAYMENT"),
            ("PutObjectLegalHold", "OBJECT_LEGAL_HOLD"),
            ("ListBucketMetricsConfigurations", "METRICS"),
        ] {
            assert_eq!(setting(operation), subject, "{operation}");
        }
    }

    #[test]
    fn moments_are_written_as_servers_do() {
        assert_eq!(moment(Timestamp(1_549_411_238_000)), "[06/Feb/2019:00:00:38 +0000]");
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(clean("a b\"c\nd"), "a_b_c_d");
    }
}
