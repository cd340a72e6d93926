//! The APIs that AWS offers inside an environment, one server each: Runtime API (2018-06-01), Extensions API
//! (2020-01-01), Telemetry API (2022-07-01), Logs API (2020-08-15). Who may call is decided by who reaches the listener.

mod conversation;
mod extensions;
mod http;
mod invocations;
mod serve;
mod socket;
mod state;
mod telemetry;
#[cfg(test)]
mod tests;

use std::{
    net::TcpListener,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use moln_sandbox::{Exit, Peers};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::JoinHandle,
};

use crate::{Revision, capture::Log};

use conversation::{Talk, converse};
use http::Connection;
use socket::{Channel, Socket};

pub(crate) use conversation::Conversation;
pub(crate) use invocations::error_document;
pub(crate) use state::{Answer, Event, Reported, State, Stream, Wish};

/// One environment's APIs.
pub(crate) struct Api {
    revision: Arc<Revision>,
    log: Arc<Log>,
    /// Listeners inside the sandbox can be reached.
    telemetry: bool,
    state: Mutex<State>,
    changed: Notify,
    /// Channels, and connections that nobody serves any more who waited for an answer: for whoever serves the rest.
    strays: UnboundedSender<Talk>,
    left: Mutex<Option<UnboundedReceiver<Talk>>>,
}

/// The server; it ends when this is dropped.
pub(crate) struct Serving(JoinHandle<()>);

impl Serving {
    /// Connects whoever comes to the listener with an address of this machine: the platform's, from inside an isolated
    /// network.
    pub(crate) fn forward(listener: TcpListener, to: std::net::SocketAddr) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Self(tokio::spawn(serve::forward(listener, to))))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Api {
    /// The APIs of an environment that starts.
    pub(crate) fn new(revision: Arc<Revision>, log: Arc<Log>, telemetry: bool) -> Arc<Self> {
        let (strays, left) = unbounded_channel();
        Arc::new(Self {
            revision,
            log,
            telemetry,
            state: Mutex::new(State::new()),
            changed: Notify::new(),
            strays,
            left: Mutex::new(Some(left)),
        })
    }

    /// Answers at the listener whoever is among `peers`. Once.
    pub(crate) fn serve(self: &Arc<Self>, listener: TcpListener, peers: Peers) -> std::io::Result<Serving> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let strays = left.ok_or(std::io::ErrorKind::AlreadyExists)?;
        Ok(Serving(tokio::spawn(serve::serve(Arc::clone(self), listener, peers, strays))))
    }

    /// Speaks over a channel that one of our bootstraps has the other end of.
    pub(crate) fn speak(self: &Arc<Self>, channel: UnixStream) -> std::io::Result<()> {
        let channel = Socket::Channel(Channel::new(channel)?);
        // Nobody takes it when the environment has ended.
        let _ = self.strays.send(Box::pin(converse(Arc::clone(self), Connection::new(channel))));
        Ok(())
    }

    /// Looks at the state, or changes it; whoever waits looks again.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    /// Looks at the state; nobody is told.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    /// The runtime's process has ended.
    pub(crate) fn runtime_exited(&self, exit: Exit) {
        self.with(|state| state.exit = Some(exit));
    }

    /// An extension's process has ended.
    pub(crate) fn extension_exited(&self, name: &str, exit: Exit) {
        self.with(|state| {
            if let Some(extension) =
                state.extensions.iter_mut().find(|known| known.external && &*known.name == name)
            {
                extension.exit = Some(exit);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
