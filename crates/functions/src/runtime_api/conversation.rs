//! A connection to the Runtime API, from its beginning or from where an event goes out to the runtime.
//!
//! A runtime that waits has left its connection with [`State`]. Who has an event for it takes the connection, sends the
//! event and serves the connection while waiting for the answer: an invocation is two turns of one task, one that sends and
//! one that reads, and no other task is woken. Everything else that connects is served by tasks of its own.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use tokio::sync::futures::Notified;

use super::{
    Api, State,
    http::{Connection, NoHead},
    serve::{Then, refuse, route},
};

/// A connection that is being served; it ends when the connection does, or when the runtime waits on it.
pub(super) type Talk = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection on which an event waits to go out.
pub(crate) struct Handed(pub(super) Connection);

impl Handed {
    /// Sends the event now, as far as that goes.
    pub(crate) fn send(&mut self) {
        self.0.try_flush();
    }
}

/// Waiting for the runtime, and serving it meanwhile. What is still being said when this is dropped goes on in a task.
pub(crate) struct Conversation {
    api: Arc<Api>,
    talk: Option<Talk>,
}

impl Conversation {
    /// Nothing is said yet.
    pub(crate) fn new(api: &Arc<Api>) -> Self {
        Self { api: Arc::clone(api), talk: None }
    }

    /// Whether there is something to say.
    pub(crate) fn has_begun(&self) -> bool {
        self.talk.is_some()
    }

    /// The event goes out as soon as somebody waits here.
    pub(crate) fn begin(&mut self, handed: Handed) {
        self.talk = Some(Box::pin(converse(Arc::clone(&self.api), handed.0)));
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn until<T>(&mut self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let Self { api, talk } = self;
        let mut changed = pin!(None::<Notified<'_>>);
        poll_fn(|cx| {
            // What this conversation changes is looked at right below; to be told of it would be another turn.
            changed.set(None);
            if talk.as_mut().is_some_and(|talk| talk.as_mut().poll(cx).is_ready()) {
                *talk = None;
            }
            loop {
                if let Some(found) = look(&mut api.lock()) {
                    return Poll::Ready(found);
                }
                if changed.is_some() {
                    return Poll::Pending;
                }
                changed.set(Some(api.changed.notified()));
                // Whoever changes something from now on tells us; what was changed before is looked at once more.
                if changed.as_mut().as_pin_mut().is_some_and(|changed| changed.poll(cx).is_ready()) {
                    changed.set(None);
                }
            }
        })
        .await
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        if let Some(talk) = self.talk.take() {
            // Nobody takes it when the environment has ended: the connection ends too.
            let _ = self.api.strays.send(talk);
        }
    }
}

/// Serves a connection until it ends or the runtime waits on it.
pub(super) async fn converse(api: Arc<Api>, mut connection: Connection) {
    while !connection.closing {
        let head = match connection.head().await {
            Ok(head) => head,
            Err(NoHead::Closed) => return,
            Err(NoHead::Bad(status)) => {
                connection.put(status, &[("Connection", "close")], b"");
                break;
            }
        };
        connection.closing = head.close;
        match route(&api, &mut connection, &head).await {
            Ok(Then::Next) => {}
            Ok(Then::Wait) => match api.with(|state| state.next(connection)) {
                None => return,
                Some((refused, refusal)) => {
                    connection = refused;
                    refuse(&mut connection, &refusal);
                }
            },
            Ok(Then::Close) => break,
            Err(_) => return,
        }
    }
    let _ = connection.flush().await;
}
