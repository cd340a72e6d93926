//! HTTP requests that go out: to proxy integrations and issuers of tokens.
//!
//! What an integration's URL names is asked, also when it lies within this machine's network: who may configure an API may
//! configure that. Not so the addresses where clouds tell a machine its credentials: on AWS an API does not reach them either.
//! Redirects are handed on, never followed; proxies of the environment are not asked; answers are bounded.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{
            HttpConnector,
            dns::{GaiResolver, Name},
        },
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use crate::limits;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a machine's own address is not asked.
const FORBIDDEN: &str = "the address is a machine's own, which no API may reach";

/// Whether an address is not one where clouds tell a machine about itself.
fn may_reach(address: IpAddr) -> bool {
    match address.to_canonical() {
        // Alibaba's is not link-local.
        IpAddr::V4(address) => !address.is_link_local() && address != Ipv4Addr::new(100, 100, 100, 200),
        // AWS has a private one for IPv6.
        IpAddr::V6(address) => {
            !address.is_unicast_link_local() && address != Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Looks names up, and gives the addresses that may be reached: a name that leads elsewhere later is judged anew.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move {
            let all: Vec<_> = found.await?.filter(|address| may_reach(address.ip())).collect();
            if all.is_empty() { Err(io::Error::other(FORBIDDEN)) } else { Ok(all.into_iter()) }
        })
    }
}

/// Sends requests; keeps connections.
pub(crate) struct Outbound(Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>);

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
        let mut plain = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
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
        // The resolver is asked for names alone.
        let host = request.uri().host().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|address| !may_reach(address)) {
            return Err(FORBIDDEN.to_owned());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_own_addresses_are_known() {
        for (address, reached) in [
            ("169.254.169.254", false),
            ("169.254.170.2", false),
            ("::ffff:169.254.169.254", false),
            ("100.100.100.200", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("127.0.0.1", true),
            ("10.0.0.1", true),
            ("::1", true),
            ("fd00::1", true),
        ] {
            assert_eq!(may_reach(address.parse().unwrap()), reached, "{address}");
        }
    }

    #[tokio::test]
    async fn no_form_of_them_is_asked() {
        let outbound = Outbound::new();
        for uri in [
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:169.254.169.254]/",
            "http://[fe80::1]/",
            // The same number, which only the resolver takes for an address.
            "http://2852039166/",
        ] {
            let request = Request::get(uri).body(Bytes::new()).unwrap();
            let why = outbound.send(request, 1).await.unwrap_err();
            assert!(why.contains(FORBIDDEN), "{uri}: {why}");
        }
    }
}
