//! WebSocket APIs: a connection is a caller's `$connect`, its messages take the routes that they name, and what stands behind
//! an API writes to its callers by their connections' ids.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html>

mod connect;
mod event;
mod manage;
mod message;
mod socket;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use moln_kernel::{AccountId, Context, Region, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};

use crate::limits;
pub(crate) use manage::{PATH, is_management};

/// Every open connection.
pub(crate) struct Sockets {
    open: Mutex<HashMap<String, Arc<Socket>>>,
    /// Turns true when the server is about to end.
    closing: watch::Sender<bool>,
}

impl Default for Sockets {
    fn default() -> Self {
        Self { open: Mutex::default(), closing: watch::Sender::new(false) }
    }
}

/// A connection, as others see it.
pub(crate) struct Socket {
    pub(crate) id: String,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) api: Arc<str>,
    pub(crate) stage: String,
    pub(crate) connected: Timestamp,
    active: AtomicU64,
    pub(crate) source: Option<IpAddr>,
    pub(crate) user_agent: String,
    pub(crate) domain: String,
    /// What its authorizer said.
    pub(crate) authorizer: Option<Map<String, Value>>,
    /// As it connected: whose call it was, by what address.
    pub(crate) ctx: Context,
    outgoing: mpsc::Sender<Outgoing>,
}

/// What is written to a connection.
pub(crate) enum Outgoing {
    /// A message.
    Message(Bytes),
    /// It ends.
    Close,
}

impl Socket {
    /// The last moment it said or was told something.
    pub(crate) fn active(&self) -> Timestamp {
        Timestamp(self.active.load(Relaxed))
    }

    fn touch(&self, now: Timestamp) {
        self.active.store(now.millis(), Relaxed);
    }

    /// Hands over what shall be written; gives it back when there is no room, or nobody writes any more.
    pub(crate) fn send(&self, what: Outgoing) -> Result<(), mpsc::error::TrySendError<Outgoing>> {
        self.outgoing.try_send(what)
    }
}

impl Sockets {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Socket>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection by its id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Socket>> {
        self.lock().get(id).cloned()
    }

    /// Whether there is room for one more.
    fn has_room(&self) -> bool {
        self.lock().len() < limits::CONNECTIONS
    }

    fn add(&self, socket: Arc<Socket>) {
        self.lock().insert(socket.id.clone(), socket);
    }

    fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The server is about to end: every connection is told to go away.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }
}
