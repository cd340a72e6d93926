//! What stands between S3's operations and HTTP: which requests are S3's though nothing says so, pages of other origins,
//! form uploads, and where answers look different from what the model tells.

mod cors;
mod form;
mod hooks;
mod region;
mod website;

use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, SERVER},
    request::Parts,
};
use moln_kernel::{ApiError, Context};
use moln_wire::{
    ByteStream, Operation, Protocol,
    server::{self, host_id},
};

use crate::{Buckets, errors, model::MODEL, names, post};

pub use website::Website;

const ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// Requests that nothing but their path marks: a plausible bucket's name stands first in it.
pub fn claims(head: &Parts) -> bool {
    let path = head.uri.path();
    let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    path != "/metrics" && names::check(bucket).is_ok()
}

/// Requests that are no operation: preflights, and forms that are posted to a bucket.
pub fn is_raw(head: &Parts) -> bool {
    head.method == Method::OPTIONS || (head.method == Method::POST && form_boundary(head).is_some())
}

fn form_boundary(head: &Parts) -> Option<String> {
    head.headers.get(CONTENT_TYPE)?.to_str().ok().and_then(post::form::boundary)
}

/// Bucket and key of a path, still escaped.
pub(crate) fn place(head: &Parts) -> (&str, &str) {
    let path = head.uri.path();
    path.strip_prefix('/')
        .unwrap_or(path)
        .split_once('/')
        .unwrap_or((path.strip_prefix('/').unwrap_or(path), ""))
}

fn refusal(error: &ApiError, ctx: &Context) -> Response<ByteStream> {
    server::error_response(Protocol::RestXml, Some(&MODEL), error, &ctx.request_id).map(ByteStream::from)
}

impl Buckets {
    /// Answers what is no operation.
    pub(crate) async fn raw_answer(
        &self,
        ctx: &Context,
        head: &Parts,
        body: ByteStream,
    ) -> Response<ByteStream> {
        let answer = if head.method == Method::OPTIONS {
            drop(body);
            self.preflight(head)
        } else if let Err(refused) = self.keep_strangers_out(ctx, head) {
            drop(body);
            Err(refused)
        } else {
            match form_boundary(head) {
                Some(boundary) => self.form(ctx, head, body, &boundary).await,
                None => Err(errors::invalid_request("The request is no form.")),
            }
        };
        answer.unwrap_or_else(|error| refusal(&error, ctx))
    }

    /// The last look at an answer.
    pub(crate) fn last_look(
        &self,
        operation: Option<&'static Operation>,
        ctx: &Context,
        head: &Parts,
        response: &mut Response<ByteStream>,
    ) {
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
        // Answers of operations have both.
        if !headers.contains_key(ID) {
            let ids = [(ID, ctx.request_id.as_str()), (HOST_ID, &*host_id(&ctx.request_id))];
            for (name, id) in ids {
                if let Ok(id) = HeaderValue::from_str(id) {
                    headers.insert(name, id);
                }
            }
        }
        if head.method != Method::OPTIONS {
            self.share(head, response);
        }
        let code = (!response.status().is_success()).then(|| take_code(response)).flatten();
        if head.method == Method::HEAD && !response.status().is_success()
            || response.status() == StatusCode::NOT_MODIFIED
        {
            *response.body_mut() = ByteStream::default();
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let gives_bytes = operation.is_some_and(|op| matches!(op.name, "GetObject" | "HeadObject"));
        if gives_bytes
            && response.status() == StatusCode::OK
            && response.headers().contains_key(CONTENT_RANGE)
        {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        self.note(operation, ctx, head, response, code.as_deref());
        if !response.status().is_success() {
            return;
        }
        match operation.map(|operation| operation.name) {
            Some("GetBucketLocation") => {
                let bytes = std::mem::take(response.body_mut()).whole().unwrap_or_default();
                *response.body_mut() = location(&String::from_utf8_lossy(&bytes)).into_bytes().into();
            }
            Some("HeadBucket") => {
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            }
            // What is only begun is accepted. (The mark never leaves, see the operation.)
            Some("RestoreObject") if response.headers_mut().remove("x-amz-restore-output-path").is_none() => {
                *response.status_mut() = StatusCode::ACCEPTED;
            }
            Some("PutBucketTagging") => *response.status_mut() = StatusCode::NO_CONTENT,
            _ => {}
        }
    }
}

/// The code in an error's document.
fn take_code(response: &mut Response<ByteStream>) -> Option<String> {
    let bytes = std::mem::take(response.body_mut()).whole();
    let code = bytes.as_ref().ok().and_then(|bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned())
    });
    *response.body_mut() = match bytes {
        Ok(bytes) => bytes.into(),
        Err(stream) => stream,
    };
    code
}

/// The one answer whose root is a text: `<LocationConstraint>eu-west-1</LocationConstraint>`.
fn location(modelled: &str) -> String {
    let region = modelled
        .split_once("<LocationConstraint>")
        .and_then(|(_, rest)| rest.split_once("</LocationConstraint>"))
        .map_or("", |(region, _)| region);
    let root = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
    if region.is_empty() { format!("{root}/>") } else { format!("{root}>{region}</LocationConstraint>") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, path: &str, content_type: Option<&str>) -> Parts {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_is_ours() {
        for (path, ours) in [
            ("/my-bucket", true),
            ("/my-bucket/a/../b", true),
            ("/", false),
            ("/_moln/health", false),
            ("/metrics", false),
            ("/UPPER/key", false),
        ] {
            assert_eq!(claims(&head("GET", path, None)), ours, "{path}");
        }
        assert!(is_raw(&head("OPTIONS", "/b", None)));
        assert!(is_raw(&head("POST", "/b", Some("multipart/form-data; boundary=x"))));
        assert!(!is_raw(&head("POST", "/b?delete", Some("application/xml"))));
    }

    #[test]
    fn a_location_is_a_root() {
        let modelled = "<GetBucketLocationOutput><LocationConstraint>eu-west-1</LocationConstraint></GetBucketLocationOutput>";
        assert!(location(modelled).ends_with("\">eu-west-1</LocationConstraint>"));
        assert!(location("<GetBucketLocationOutput/>").ends_with("\"/>"));
    }
}
