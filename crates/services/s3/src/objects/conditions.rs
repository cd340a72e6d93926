//! Conditions of requests: `If-Match` and its kin, for reads and writes.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use moln_kernel::{ApiError, Timestamp};

use crate::{errors, tables::object::ObjectRow};

/// The conditions of a read, or of the source of a copy.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names)] // the headers are named so
pub(crate) struct Conditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// What conditions come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Holds,
    /// The client has it already: 304.
    NotModified,
    /// 412, by this condition.
    Failed(&'static str),
}

/// Whether a list of tags, or `*`, names this one.
fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| {
        let one = one.strip_prefix("W/").unwrap_or(one).trim_matches('"');
        one == "*" || one == etag
    })
}

impl Conditions<'_> {
    /// Judges by tag and time, in the order of RFC 9110: a tag condition makes its time condition unheard.
    pub(crate) fn judge(&self, row: &ObjectRow) -> Verdict {
        // Times on the wire have seconds.
        let modified = row.modified().seconds();
        match (self.if_match, self.if_unmodified_since) {
            (Some(list), _) if !names(list, &row.etag) => return Verdict::Failed("If-Match"),
            (None, Some(since)) if modified > since.seconds() => {
                return Verdict::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since) {
            (Some(list), _) if names(list, &row.etag) => Verdict::NotModified,
            (None, Some(since)) if modified <= since.seconds() => Verdict::NotModified,
            _ => Verdict::Holds,
        }
    }
}

/// 412
pub(crate) fn failed(condition: &str) -> ApiError {
    let error = errors::other(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    );
    errors::with(error, "Condition", condition)
}

/// 304, without a body.
pub(crate) fn not_modified() -> ApiError {
    errors::other(304, "NotModified", "Not Modified")
}

/// The conditions of a write: only one of them, each with the only value S3 takes there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
}

impl<'a> WriteConditions<'a> {
    /// Reads the headers; refuses what S3 does not take, before the body is read.
    pub(crate) fn read(if_match: Option<&'a str>, if_none_match: Option<&'a str>) -> Result<Self, ApiError> {
        let unbuilt = |header: &str, additional: &str| {
            let error = errors::other(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            );
            let error = errors::with(error, "Header", header);
            errors::with(error, "additionalMessage", additional)
        };
        if if_match.is_some() && if_none_match.is_some() {
            return Err(unbuilt(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            ));
        }
        if if_none_match.is_some_and(|value| value.trim_matches('"') != "*") {
            return Err(unbuilt(
                "If-None-Match",
                "We don't accept the provided value of If-None-Match header for this API",
            ));
        }
        if if_match.is_some_and(|value| value.trim_matches('"') == "*") {
            return Err(unbuilt(
                "If-Match",
                "We don't accept the provided value of If-Match header for this API",
            ));
        }
        Ok(Self { if_match, if_none_match })
    }

    /// Judges against what is the newest object of the key at the moment of the commit.
    pub(crate) fn judge(&self, key: &str, newest: Option<&ObjectRow>) -> Result<(), ApiError> {
        match (self.if_match, self.if_none_match, newest) {
            (Some(_), _, None) => Err(super::find::no_such_key(key)),
            (Some(tag), _, Some(row)) if !names(tag, &row.etag) => Err(failed("If-Match")),
            (_, Some(_), Some(_)) => Err(failed("If-None-Match")),
            _ => Ok(()),
        }
    }
}
