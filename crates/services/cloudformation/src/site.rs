//! Where custom resources and wait conditions are answered: URLs that were signed for one request, in the form of S3's
//! presigned ones, at this server's own address.

use std::sync::Arc;

use http::{Method, Response, StatusCode, request::Parts};
use moln_kernel::{ApiError, Context, encoding::percent_encode};
use moln_store::Batch;
use moln_wire::{
    ByteStream,
    site::{Site, SiteAnswer, Visitor},
};

use crate::{Stacks, engine::Run, errors::refused, limits, tables::ANSWERS};

/// How paths of answers begin; the region follows.
const CUSTOM: &str = "/cloudformation-custom-resource-response-";
/// How paths of wait handles begin; the region follows.
const WAIT: &str = "/cloudformation-waitcondition-";
/// What a signature of such a URL is for.
const SCOPE: [&str; 1] = ["ResponseURL"];

/// The site of responses.
pub struct Responses(pub Arc<Stacks>);

impl Stacks {
    fn url(&self, begin: &str, run: &Run, logical: &str, what: &str) -> String {
        let endpoint = &self.endpoint;
        let region = run.stack.region.replace('-', "");
        let path = percent_encode(&format!("{}|{logical}", run.stack.id));
        let signature = self.pagination.seal(&SCOPE, what.as_bytes());
        format!("{}://{}{begin}{region}/{path}?Signature={signature}", endpoint.scheme, endpoint.authority)
    }

    /// Where a custom resource answers.
    pub(crate) fn response_url(&self, run: &Run, logical: &str, what: &str) -> String {
        self.url(CUSTOM, run, logical, what)
    }

    /// Where a wait condition is answered.
    pub(crate) fn wait_url(&self, run: &Run, logical: &str, what: &str) -> String {
        self.url(WAIT, run, logical, what)
    }

    /// What the holder of such a URL announces.
    pub(crate) fn awaited(&self, url: &str) -> Option<String> {
        let query = url.split_once('?')?.1;
        let signature = query.split('&').find_map(|pair| pair.strip_prefix("Signature="))?;
        String::from_utf8(self.pagination.open(&SCOPE, signature).ok()?).ok()
    }

    /// Writes an answer and wakes who waits for it. The first of each sender counts.
    pub(crate) async fn answered(&self, what: &str, sender: &str, body: String) -> Result<(), ApiError> {
        let now = self.clock.now().millis();
        {
            let _alone = self.changing.lock().await;
            let mut row = ANSWERS.get(&*self.store.snapshot(), &[what])?.unwrap_or_default();
            row.bodies.entry(sender.to_owned()).or_insert(body);
            if row.at == 0 {
                row.at = now;
            }
            let mut batch = Batch::default();
            ANSWERS.put(&mut batch, &[what], &row)?;
            self.store.commit(batch).await.map_err(|error| refused(&error))?;
        }
        self.pulse.arrived(what);
        Ok(())
    }
}

impl Responses {
    async fn take(&self, head: Parts, mut body: ByteStream) -> StatusCode {
        if !matches!(head.method, Method::PUT | Method::POST) {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        let Some(what) = self.0.awaited(&head.uri.to_string()) else { return StatusCode::FORBIDDEN };
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) if bytes.len() + piece.len() <= limits::RESPONSE_BODY => bytes.extend(piece.iter()),
                Ok(_) => return StatusCode::PAYLOAD_TOO_LARGE,
                Err(_) => return StatusCode::BAD_REQUEST,
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { return StatusCode::BAD_REQUEST };
        // Those at a wait handle say who they are.
        let sender = if what.starts_with("wait/") {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            match value.get("UniqueId").and_then(serde_json::Value::as_str) {
                Some(id) => id.to_owned(),
                None => return StatusCode::BAD_REQUEST,
            }
        } else {
            String::new()
        };
        match self.0.answered(&what, &sender, text).await {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Site for Responses {
    fn name(&self) -> &'static str {
        "cloudformation"
    }

    fn owns(&self, head: &Parts, _: &str) -> bool {
        let path = head.uri.path();
        path.starts_with(CUSTOM) || path.starts_with(WAIT)
    }

    fn body_limit(&self) -> usize {
        limits::RESPONSE_BODY
    }

    fn answer(&self, _: Context, _: Visitor, head: Parts, body: ByteStream) -> SiteAnswer<'_> {
        Box::pin(async move {
            let status = self.take(head, body).await;
            let mut response = Response::new(ByteStream::default());
            *response.status_mut() = status;
            response
        })
    }
}
