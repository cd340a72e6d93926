//! Buckets as websites, by hosts of their own: `<bucket>.s3-website.<region>.…`, `<bucket>.s3-website-<region>.…`,
//! `<bucket>.s3-website.localhost…`. Whoever visits is anonymous; pages answer in HTML.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html>

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
    request::Parts,
};
use moln_kernel::{ApiError, Context, Principal};
use moln_wire::{
    ByteStream, Protocol, Service,
    server::{operation_index, serve},
    site::{Site, SiteAnswer, Visitor},
};

use crate::{
    Buckets,
    bucket::Bucket,
    errors,
    logging::Unrecorded,
    model::{Api, MODEL, WebsiteConfiguration},
    rules::website::{Redirection, key_of, redirection},
    tables::configuration::Kind,
};

/// The websites of all buckets.
pub struct Website(pub Arc<Buckets>);

/// The bucket of a website's host.
fn bucket_of(authority: &str) -> Option<&str> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let ours = [".amazonaws.com", ".localhost", ".localhost.localstack.cloud"];
    let place = ours.iter().find_map(|end| host.strip_suffix(end))?;
    let (bucket, region) = place.split_once(".s3-website")?;
    (!bucket.is_empty() && (region.is_empty() || region.starts_with(['.', '-']))).then_some(bucket)
}

/// An object, or why there is none.
struct Got {
    response: Response<ByteStream>,
    /// Code and words, when it is an error.
    error: Option<(String, String)>,
}

impl Site for Website {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn owns(&self, _: &Parts, authority: &str) -> bool {
        bucket_of(authority).is_some()
    }

    fn body_limit(&self) -> usize {
        1 << 20
    }

    fn answer(&self, mut ctx: Context, _: Visitor, head: Parts, body: ByteStream) -> SiteAnswer<'_> {
        drop(body);
        ctx.principal = Principal::Anonymous;
        ctx.caller = None;
        Box::pin(async move {
            let mut visit = Visit::default();
            let mut answer = self.page(&ctx, &head, &mut visit).await.unwrap_or_else(|error| {
                visit.code = Some(error.code.to_string());
                html(&ctx, &error)
            });
            if let Some(bucket) = &visit.bucket {
                self.0.note_page(bucket, &visit.key, &ctx, &head, &answer, visit.code.as_deref());
            }
            if head.method == Method::HEAD {
                *answer.body_mut() = ByteStream::default();
            }
            answer
        })
    }
}

/// What a record tells of a request.
#[derive(Default)]
struct Visit {
    bucket: Option<Arc<Bucket>>,
    /// As in a path.
    key: String,
    /// The error's.
    code: Option<String>,
}

impl Website {
    async fn page(
        &self,
        ctx: &Context,
        head: &Parts,
        visit: &mut Visit,
    ) -> Result<Response<ByteStream>, ApiError> {
        let authority = Arc::clone(&ctx.endpoint.authority);
        let name = bucket_of(&authority).unwrap_or_default();
        if head.method == Method::OPTIONS {
            return self.0.preflight(&at(head, name, ""));
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            let words = "The specified method is not allowed against this resource.";
            let error = errors::other(405, "MethodNotAllowed", words);
            let error = errors::with(error, "Method", head.method.as_str());
            return Err(errors::with(error, "ResourceType", "OBJECT"));
        }
        let bucket = self.0.find(name)?.ok_or_else(|| errors::no_such_bucket(name))?;
        visit.bucket = Some(Arc::clone(&bucket));
        let Some(set) = bucket.setting::<WebsiteConfiguration>(Kind::Website)? else {
            let words = "The specified bucket does not have a website configuration";
            return Err(errors::absent("NoSuchWebsiteConfiguration", words, name));
        };
        let path = head.uri.path();
        let key = path.strip_prefix('/').unwrap_or(path);
        let index = set.index_document.as_ref().map_or("", |index| index.suffix.as_str());
        visit.key = key_of(path, index);
        if let Some(all) = &set.redirect_all_requests_to {
            let scheme = all.protocol.as_deref().unwrap_or(ctx.endpoint.scheme);
            let location = format!("{scheme}://{}{path}", all.host_name);
            return Ok(sent(&Redirection { location, status: 301 }));
        }
        let rules = set.routing_rules.as_deref().unwrap_or_default();
        let here = (ctx.endpoint.scheme, &*authority);
        if let Some(redirection) = redirection(rules, key, None, here) {
            return Ok(sent(&redirection));
        }
        let got = self.get(ctx, head, name, &visit.key).await;
        let Some((code, words)) = got.error else { return Ok(object(got.response)) };
        let status = got.response.status();
        if status == StatusCode::NOT_MODIFIED {
            return Ok(got.response);
        }
        if let Some(redirection) = redirection(rules, key, Some(status.as_u16()), here) {
            return Ok(sent(&redirection));
        }
        if status == StatusCode::NOT_FOUND && !index.is_empty() && !key.is_empty() && !key.ends_with('/') {
            // A directory without its slash.
            let inside = self.get(ctx, head, name, &format!("{key}/{index}")).await;
            if inside.error.is_none() {
                return Ok(sent(&Redirection { location: format!("/{key}/"), status: 302 }));
            }
        }
        if let Some(document) = &set.error_document {
            let page = self.get(ctx, head, name, &document.key).await;
            if page.error.is_none() {
                visit.code = Some(code);
                let mut page = object(page.response);
                if page.status().is_success() {
                    *page.status_mut() = status;
                }
                return Ok(page);
            }
        }
        let error = errors::other(status.as_u16(), code, words);
        Err(if status == StatusCode::NOT_FOUND {
            errors::with(error, "Key", visit.key.as_str())
        } else {
            error
        })
    }

    /// An object, by S3's own operation. `key` as it stands in a path.
    async fn get(&self, ctx: &Context, head: &Parts, bucket: &str, key: &str) -> Got {
        let Some(operation) = operation_index(&MODEL, "GetObject") else {
            let response = Response::new(ByteStream::default());
            return Got { response, error: Some(("InternalError".into(), String::new())) };
        };
        let service: Arc<dyn Service> = Arc::new(Api(Arc::clone(&self.0)));
        let mut asked = at(head, bucket, key);
        asked.method = Method::GET;
        asked.headers.remove(AUTHORIZATION);
        // The visit has a record, not every step of it.
        asked.extensions.insert(Unrecorded);
        let mut response =
            serve(service, ctx.clone(), Protocol::RestXml, operation, &asked, ByteStream::default()).await;
        if response.status().is_success() {
            return Got { response, error: None };
        }
        let body = std::mem::take(response.body_mut()).whole().unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let member = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
        };
        let error = Some((member("Code").unwrap_or_default(), member("Message").unwrap_or_default()));
        Got { response, error }
    }
}

/// The head of a request for an object.
fn at(head: &Parts, bucket: &str, key: &str) -> Parts {
    let mut asked = head.clone();
    if let Ok(uri) = format!("/{bucket}/{key}").parse() {
        asked.uri = uri;
    }
    asked
}

/// An object as a page: one that redirects does.
fn object(mut response: Response<ByteStream>) -> Response<ByteStream> {
    if let Some(location) = response.headers().get("x-amz-website-redirect-location").cloned() {
        let mut moved = Response::new(ByteStream::default());
        *moved.status_mut() = StatusCode::MOVED_PERMANENTLY;
        moved.headers_mut().insert(LOCATION, location);
        return moved;
    }
    response.headers_mut().remove("accept-ranges");
    response
}

fn sent(to: &Redirection) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::default());
    *response.status_mut() = StatusCode::from_u16(to.status).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    if let Ok(location) = HeaderValue::from_str(&to.location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An error as AWS's websites show it.
fn html(ctx: &Context, error: &ApiError) -> Response<ByteStream> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let mut items = format!("<li>Code: {}</li>\n<li>Message: {}</li>\n", error.code, escaped(&error.message));
    for (name, value) in &error.members {
        items.extend(["<li>", *name, ": ", &escaped(value), "</li>\n"]);
    }
    let id = ctx.request_id.as_str();
    let page = format!(
        "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{items}<li>RequestId: {id}</li>\n\
         <li>HostId: {id}</li>\n</ul>\n<hr/>\n</body>\n</html>\n"
    );
    let length = page.len();
    let mut response = Response::new(ByteStream::from(page.into_bytes()));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, length.into());
    for (name, value) in [
        ("x-amz-request-id", id),
        ("x-amz-id-2", id),
        ("x-amz-error-code", &error.code),
        ("x-amz-error-message", &error.message),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (authority, bucket) in [
            ("my.site.s3-website-us-east-1.amazonaws.com", Some("my.site")),
            ("b.s3-website.eu-central-1.amazonaws.com:80", Some("b")),
            ("b.s3-website.localhost.localstack.cloud:4566", Some("b")),
            ("b.s3-website.localhost:4566", Some("b")),
            ("b.s3-website.example.com", None),
            ("b.s3-websites.localhost", None),
            ("b.s3.localhost", None),
        ] {
            assert_eq!(bucket_of(authority), bucket, "{authority}");
        }
    }
}
