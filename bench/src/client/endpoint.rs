//! Where requests go, and in whose name.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use crate::error::{Error, Result};

/// Keys and region that sign the requests.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Region of the credential scope.
    pub region: String,
}

impl Default for Credentials {
    /// A key that servers for development accept, as any, and that a server started here is told.
    fn default() -> Self {
        Self {
            access_key: "MOLNBENCH".into(),
            secret_key: "moln-bench-secret".into(),
            region: "us-east-1".into(),
        }
    }
}

/// A server's address with the credentials for it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Address to connect to.
    pub address: SocketAddr,
    /// The Host header.
    pub host: Arc<str>,
    /// Who signs.
    pub credentials: Arc<Credentials>,
}

impl Endpoint {
    /// The endpoint of `http://HOST:PORT`. TLS is not spoken: the measurements are of the service behind it.
    pub fn parse(url: &str, credentials: Arc<Credentials>) -> Result<Self> {
        let host = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|host| !host.is_empty() && !host.contains('/'))
            .ok_or_else(|| Error::usage(format!("{url}: expected http://HOST:PORT")))?;
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = authority
            .to_socket_addrs()
            .map_err(Error::io(format!("resolve {host}")))?
            .find(SocketAddr::is_ipv4)
            .ok_or_else(|| Error::usage(format!("{host}: no IPv4 address")))?;
        Ok(Self { address, host: host.into(), credentials })
    }

    /// The endpoint of a socket address.
    pub fn at(address: SocketAddr, credentials: Arc<Credentials>) -> Self {
        Self { address, host: address.to_string().into(), credentials }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let parse = |url| Endpoint::parse(url, Arc::default());
        assert_eq!(parse("http://127.0.0.1:4566/").unwrap().address.port(), 4566);
        assert_eq!(&*parse("http://127.0.0.1:4566").unwrap().host, "127.0.0.1:4566");
        for bad in ["127.0.0.1:4566", "https://127.0.0.1:1", "http://", "http://127.0.0.1:4566/path"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
