//! Links by which code is downloaded. A link carries what it is for and until when, sealed; whoever has it may use it, as
//! with a presigned URL.

use http::{Response, StatusCode, header, request::Parts};
use moln_kernel::{Context, Timestamp};
use moln_store::BlobRef;
use moln_wire::ByteStream;

use crate::{Lambda, limits, state, tables::CodeRow};

/// Paths of links.
pub const PATH: &str = "/_moln/lambda/code/";
const SCOPE: [&str; 1] = ["lambda code"];

/// Whether a request is for a link.
pub fn is_link(head: &Parts) -> bool {
    head.uri.path().starts_with(PATH)
}

impl Lambda {
    /// A link to code; none for a directory.
    pub(crate) fn location(&self, ctx: &Context, code: &CodeRow) -> Option<String> {
        let blob = state::blob(code)?;
        let until = self.clock.now().millis().saturating_add(limits::LOCATION_SECONDS * 1000);
        let mut cursor = blob.to_bytes().to_vec();
        cursor.extend_from_slice(&until.to_be_bytes());
        let token = self.pages.seal(&SCOPE, &cursor);
        Some(format!("{}://{}{PATH}{token}", ctx.endpoint.scheme, ctx.endpoint.authority))
    }

    /// The code a link is for; `None`: it is none of ours, or too old.
    fn linked(&self, token: &str) -> Option<BlobRef> {
        let cursor = self.pages.open(&SCOPE, token).ok()?;
        let (blob, until) = cursor.split_at_checked(40)?;
        let until = Timestamp(u64::from_be_bytes(until.try_into().ok()?));
        if self.clock.now() > until {
            return None;
        }
        BlobRef::from_bytes(blob)
    }

    /// Answers a link.
    pub(crate) async fn download(&self, head: &Parts) -> Response<ByteStream> {
        let token = head.uri.path().strip_prefix(PATH).unwrap_or_default();
        let Some(blob) = self.linked(token) else {
            return plain(
                StatusCode::FORBIDDEN,
                "The link is not valid or has expired: call GetFunction for a new one.\n",
            );
        };
        let blobs = self.ports.blobs.clone();
        match tokio::task::spawn_blocking(move || blobs.get(blob)).await {
            Ok(Ok(zip)) => {
                let mut response = Response::new(ByteStream::from(zip));
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/zip"));
                response
            }
            _ => plain(StatusCode::NOT_FOUND, "The code is not there any more.\n"),
        }
    }
}

fn plain(status: StatusCode, words: &'static str) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::from(bytes::Bytes::from_static(words.as_bytes())));
    *response.status_mut() = status;
    response
}
