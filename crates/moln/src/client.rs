//! Talks to a running server's admin API.

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use moln_gateway::{
    body::Body,
    sigv4::{Signer, sign},
};
use moln_kernel::{Clock as _, SystemClock};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::{
    cli::Target,
    config::{PORT, key_of_environment},
    failure::Failure,
};

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer that is read as a whole: a page of events, escaped, and more.
const MAX_ANSWER: usize = 16 << 20;

/// A server.
pub(crate) struct Server {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Server {
    /// The server that the options, or the environment, name.
    pub(crate) fn find(target: &Target) -> Result<Self, Failure> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = target
            .endpoint
            .clone()
            .or_else(|| variable("MOLN_ENDPOINT"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| format!("http://127.0.0.1:{PORT}"));
        let bad = || {
            Failure::usage(format!("'{url}' is not the address of a server."))
                .next("It looks like http://127.0.0.1:4566.")
        };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(trust(target.ca.as_deref())?),
            _ => return Err(bad()),
        };
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Self { uri, host, port, tls })
    }

    /// The address as given.
    pub(crate) fn url(&self) -> String {
        self.uri.to_string().trim_end_matches('/').to_owned()
    }

    /// Whether it is this machine, by its address.
    pub(crate) fn is_here(&self) -> bool {
        self.tls.is_none() && self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `127.0.0.1:4566`.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The address of a host that a service owns, such as an HTTP API's: below `localhost` on this machine, where every
    /// name is the machine itself, else below the server's own name.
    pub(crate) fn url_of_host(&self, name: &str) -> String {
        let host = match self.host.parse::<std::net::IpAddr>() {
            Ok(address) if address.is_loopback() => "localhost",
            _ => &self.host,
        };
        format!("{}://{name}.{host}:{}", self.uri.scheme_str().unwrap_or("http"), self.port)
    }

    async fn connect(&self) -> Result<Pin<Box<dyn Stream>>, Failure> {
        let unreachable = |why: &dyn std::fmt::Display| {
            Failure::unreachable(format!("no server answers at {}: {why}", self.url()))
                .next("Start one with `moln serve`, or say where it is with --endpoint URL.")
        };
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let socket = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(why)) => return Err(unreachable(&why)),
            Err(_) => return Err(unreachable(&"it does not let us in")),
        };
        let Some(tls) = &self.tls else { return Ok(Box::pin(socket)) };
        let name = ServerName::try_from(self.host.clone()).map_err(|why| unreachable(&why))?;
        match TlsConnector::from(Arc::clone(tls)).connect(name, socket).await {
            Ok(socket) => Ok(Box::pin(socket)),
            Err(why) => Err(unreachable(&why)),
        }
    }

    /// Asks, and gives the answer with its body still to be read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let request = self.request(&method, path, &body)?;
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let socket = self.connect().await?;
        let failed =
            |why: hyper::Error| Failure::new(format!("{} broke off the conversation: {why}", self.url()));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(failed)?;
        // Ends with the connection; what goes wrong there is seen in the answer.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(failed)
    }

    fn request(&self, method: &Method, path: &str, body: &Bytes) -> Result<Request<Body>, Failure> {
        let mut request = self.unsigned(method.clone(), path, body)?;
        if let Some(signer) = signer() {
            let uri = request.uri().clone();
            sign(&signer, method, &uri, request.headers_mut(), body, SystemClock::default().now());
        }
        Ok(request)
    }

    /// A request with its `Host`, before anybody signed it.
    pub(crate) fn unsigned(
        &self,
        method: Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Request<Body>, Failure> {
        let bad = |_| Failure::usage("the server's address cannot be used in a request.");
        let uri: Uri = path.parse().map_err(|_| Failure::usage("the path cannot be used in a request."))?;
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::new(Body::Whole(body.clone()));
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority).map_err(bad)?);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        Ok(request)
    }

    /// Asks, and reads the answer as JSON. An answer that is no success is a failure with the server's words.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, serde_json::Value), Failure> {
        let response = self.open(method, path, body).await?;
        let status = response.status();
        let text = whole(response.into_body()).await?;
        let value = serde_json::from_slice(&text).unwrap_or(serde_json::Value::Null);
        Ok((status, value))
    }

    /// What an answer that is no success means.
    pub(crate) fn refused(&self, status: StatusCode, answer: &serde_json::Value) -> Failure {
        // Services write it in one way or the other.
        let said = answer.get("message").or_else(|| answer.get("Message"));
        let said = said.and_then(serde_json::Value::as_str).unwrap_or("no reason given");
        let failure = Failure::new(format!("{} refused ({status}): {said}", self.url()));
        if status == StatusCode::FORBIDDEN {
            return failure
                .next("Set MOLN_ACCESS_KEY_ID and MOLN_SECRET_ACCESS_KEY to one of the server's root keys.");
        }
        failure
    }
}

/// A piece of a body; `None` at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(why)) => return Err(Failure::new(format!("the server broke off its answer: {why}"))),
        }
    }
}

/// Reads an answer's body to its end.
pub(crate) async fn whole(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(bytes) = piece(&mut body).await? {
        text.extend_from_slice(&bytes);
        if text.len() > MAX_ANSWER {
            return Err(Failure::new("the answer is too long to come from Moln."));
        }
    }
    Ok(text)
}

/// Who signs: the root key from the environment, else the AWS credentials there. Servers on loopback ask for none.
pub(crate) fn signer() -> Option<Signer> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (access_key, secret) = match key_of_environment() {
        Some(key) => key,
        None => (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?),
    };
    Some(Signer { access_key, secret, region: "us-east-1".into(), service: "moln".into() })
}

fn trust(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let Some(path) = ca else {
        return Err(Failure::usage("https needs to know whom to trust.")
            .next("Give --ca FILE (PEM) or set AWS_CA_BUNDLE."));
    };
    let bad = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot use the certificates in {}: {why}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|why| bad(&why))? {
        roots.add(certificate.map_err(|why| bad(&why))?).map_err(|why| bad(&why))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| bad(&why))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
