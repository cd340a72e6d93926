//! What a request's head means beyond its words.

use std::{borrow::Cow, sync::Arc};

use http::request::Parts;
use moln_kernel::Lineage;
use moln_wire::ServiceModel;

use crate::{
    names,
    sigv4::{Form, Presented, normal},
};

/// Whether a signature can be judged before the body is there: the payload's hash is named, or nothing covers it.
pub(crate) fn can_stream(head: &Parts, signed: Option<&Presented<'_>>) -> bool {
    head.headers.contains_key(&names::CONTENT_SHA256)
        || signed.is_none_or(|claims| claims.form != Form::Header && claims.service == "s3")
}

/// The head with the path it means: a bucket that the host names stands first in it; dot segments, which no service but S3
/// has a use for, are resolved as the signature resolved them.
pub(crate) fn meant<'h>(
    head: &'h Parts,
    model: Option<&ServiceModel>,
    bucket: Option<&str>,
) -> Cow<'h, Parts> {
    let path = head.uri.path();
    let new = match bucket {
        Some(bucket) => format!("/{bucket}{path}"),
        None if model.is_some_and(|model| model.buckets) => return Cow::Borrowed(head),
        None if path.split('/').any(|segment| matches!(segment, "." | "..")) => normal(path).into_owned(),
        None => return Cow::Borrowed(head),
    };
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut meant = head.clone();
    if let Ok(uri) = format!("{new}{query}").parse() {
        meant.uri = uri;
    }
    Cow::Owned(meant)
}

/// `X-Amzn-Trace-Id` as received.
pub(crate) fn trace(head: &Parts) -> Option<Arc<str>> {
    head.headers.get(&names::TRACE).and_then(|trace| trace.to_str().ok()).map(Into::into)
}

/// The chain that led to this request: `Lineage=` in its trace header.
pub(crate) fn lineage(head: &Parts) -> Lineage {
    let trace = head.headers.get(&names::TRACE).and_then(|trace| trace.to_str().ok());
    let part = trace.and_then(|trace| trace.split(';').find_map(|part| part.trim().strip_prefix("Lineage=")));
    part.and_then(Lineage::decode).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str, trace: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri(path);
        if let Some(trace) = trace {
            request = request.header("x-amzn-trace-id", trace);
        }
        request.body(()).unwrap().into_parts().0
    }

    static BUCKETS: ServiceModel = ServiceModel { buckets: true, ..ServiceModel::NONE };

    #[test]
    fn dot_segments_are_resolved_except_in_keys() {
        let path = |path, model, bucket| meant(&head(path, None), model, bucket).uri.to_string();
        assert_eq!(path("/a/../b?x=1", Some(&ServiceModel::NONE), None), "/b?x=1");
        assert_eq!(path("/a//b", Some(&ServiceModel::NONE), None), "/a//b");
        assert_eq!(path("/b/../k//", Some(&BUCKETS), None), "/b/../k//");
        assert_eq!(path("/../k?acl", Some(&BUCKETS), Some("b")), "/b/../k?acl");
    }

    #[test]
    fn the_trace_header_tells_the_chain() {
        let chain = |trace| lineage(&head("/", Some(trace))).hops.len();
        assert_eq!(chain("Root=1-a-b;Parent=c;Sampled=1;Lineage=arn:x,arn:y,0"), 3);
        assert_eq!((chain("Root=1-a-b"), chain("Lineage=7")), (0, 0));
    }
}
