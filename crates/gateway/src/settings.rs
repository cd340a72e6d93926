//! How the gateway behaves, and what it is told of each connection.

use std::{sync::Arc, time::Duration};

use crate::{body::Pace, browser::Origins, identity::Access};

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Log every request, not only failures and slow ones.
    pub log_requests: bool,
    /// From when on a request is slow. Above 20 s, so that long polls are not.
    pub slow: Duration,
    /// How long clients may take to send a body.
    pub pace: Pace,
    /// Memory for the bodies of all requests at once, in bytes.
    pub body_memory: usize,
    /// Which web pages may call.
    pub origins: Origins,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log_requests: false,
            slow: Duration::from_secs(21),
            pace: Pace { silence: Duration::from_secs(30), bytes_per_second: 1_024 },
            body_memory: 512 << 20,
            origins: Origins::default(),
        }
    }
}

/// What a connection tells about all of its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The rule of the listener it came through.
    pub access: Access,
    /// Its address.
    pub address: std::net::SocketAddr,
    /// Our address and port; stands in for an absent `Host`.
    pub local: Arc<str>,
}
