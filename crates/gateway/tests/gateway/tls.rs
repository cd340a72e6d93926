//! TLS: both protocols, a certificate that changes, and clients that speak none.

use std::{fs, path::PathBuf, sync::Arc};

use crate::harness::{Start, json};
use moln_gateway::server::Tls;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

struct Files {
    directory: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("moln-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }
    fn paths(&self) -> (PathBuf, PathBuf) {
        (self.directory.join("certificate.pem"), self.directory.join("key.pem"))
    }
    /// Writes a fresh certificate and gives whom to trust for it.
    fn renew(&self) -> RootCertStore {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = self.paths();
        fs::write(certificate, made.cert.pem()).unwrap();
        fs::write(key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        roots
    }
    fn load(&self) -> Tls {
        let (certificate, key) = self.paths();
        Tls::load(&certificate, &key).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

async fn connect(
    address: std::net::SocketAddr,
    roots: RootCertStore,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let socket = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), socket).await
}

#[tokio::test]
async fn requests_over_tls_and_a_renewed_certificate() {
    let files = Files::new("renewed");
    let old = files.renew();
    let tls = Arc::new(files.load());
    let server = Start { tls: Some(Arc::clone(&tls)), ..Start::default() }.run();
    let mut stream = connect(server.address, old.clone(), b"http/1.1").await.unwrap();
    stream.write_all(json("Echo", "{}", "Connection: close\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("https://localhost:4566"), "{answer}");
    let stream = connect(server.address, old.clone(), b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let new = files.renew();
    assert!(connect(server.address, new.clone(), b"http/1.1").await.is_err(), "not read yet");
    tls.reload().unwrap();
    assert!(connect(server.address, new.clone(), b"http/1.1").await.is_ok());
    assert!(connect(server.address, old, b"http/1.1").await.is_err());
    // A broken file changes nothing.
    fs::write(files.paths().0, "nonsense").unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("certificate.pem"));
    assert!(connect(server.address, new, b"http/1.1").await.is_ok());
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_cut_off() {
    let files = Files::new("plain");
    files.renew();
    let server = Start { tls: Some(Arc::new(files.load())), ..Start::default() }.run();
    let mut client = server.connect().await;
    client.send(json("Echo", "{}", "")).await;
    assert!(client.is_closed().await);
}
