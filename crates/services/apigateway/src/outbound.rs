//! HTTP requests that go out: to proxy integrations and issuers of tokens.
//!
//! What an integration's URL names is asked, also when it lies within this machine's network: who may configure an API may
//! configure that. Redirects are handed on, never followed; proxies of the environment are not asked; answers are bounded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};

use crate::limits;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Sends requests; keeps connections.
pub(crate) struct Outbound(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Outbound {
    /// Trusts what the system trusts.
    pub(crate) fn new() -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        if let Some(why) = found.errors.first() {
            tracing::debug!(%why, "not all certificates of the system could be read");
        }
        roots.add_parsable_certificates(found.certs);
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_connect_timeout(Some(CONNECT));
        plain.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(plain);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(limits::IDLE_CONNECTIONS)
            .build(connector);
        Self(client)
    }

    /// Sends a request and takes in its answer, at most `limit` bytes of it. Errors say why in a few words.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, String> {
        let answer = self.0.request(request.map(Full::new)).await.map_err(|why| reason(&why))?;
        let (head, mut body) = answer.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|why| reason(&why))?.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(format!("the answer is longer than {limit} bytes"));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Response::from_parts(head, bytes.freeze()))
    }
}

/// An error with what caused it: the outermost says little.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        text = format!("{text}: {cause}");
        inner = cause.source();
    }
    text
}
