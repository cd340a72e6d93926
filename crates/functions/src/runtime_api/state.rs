//! What a runtime and its extensions may do when: decided here, without a socket.

use std::sync::Arc;

use bytes::Bytes;
use moln_sandbox::Exit;
use tokio::sync::{mpsc, oneshot};

use super::{conversation::Handed, http::Connection, invocations::put_event};
use crate::{StreamHead, limits::EXTENSIONS};

/// How far the runtime is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// It initialises.
    Starting,
    /// It reported that it cannot.
    InitFailed,
    /// It asked for the next invocation.
    Ready,
    /// It has one.
    Running,
    /// Its answer is being read.
    Answering,
    /// It has answered.
    Answered,
}

impl Runtime {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starting => "RuntimeStarted",
            Self::InitFailed => "RuntimeInitError",
            Self::Ready => "RuntimeReady",
            Self::Running => "RuntimeRunning",
            Self::Answering => "RuntimeInvocationResponse",
            Self::Answered => "RuntimeResponseSent",
        }
    }
}

/// An event for the runtime.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: Arc<str>,
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    pub(crate) payload: Bytes,
}

/// What a runtime or an extension reported as its failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    /// `Lambda-Runtime-Function-Error-Type`, or what the document says.
    pub(crate) kind: String,
    /// The document, as it was sent.
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the function returned.
    Value(Bytes),
    /// A streamed answer went out whole; this many bytes.
    Streamed(u64),
    /// The runtime reported an error.
    Error(Reported),
    /// It was longer than fits.
    TooLarge,
    /// It broke off in the middle.
    Truncated,
}

/// Where a streamed answer goes.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) head: Option<oneshot::Sender<StreamHead>>,
    pub(crate) pieces: mpsc::Sender<Bytes>,
}

/// The invocation that runs.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) id: Arc<str>,
    /// Taken by whoever reads the answer.
    pub(crate) stream: Option<Stream>,
    pub(crate) answer: Option<Answer>,
}

/// What an extension can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Invoke,
    Shutdown,
}

impl Wish {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// How far an extension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Started, not registered yet.
    Started,
    Registered,
    /// It asked for the next event.
    Ready,
    /// It has one.
    Running,
    /// It reported that it cannot go on.
    Failed,
}

/// An extension.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) name: Arc<str>,
    /// Its identifier, once registered.
    pub(crate) id: Option<Arc<str>>,
    pub(crate) external: bool,
    pub(crate) events: Vec<Wish>,
    pub(crate) stage: Stage,
    pub(crate) waiting: Option<oneshot::Sender<Bytes>>,
    pub(crate) failure: Option<Reported>,
    pub(crate) exit: Option<Exit>,
}

/// An error as these APIs answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn forbidden(kind: &'static str, message: impl Into<String>) -> Self {
        Self { status: 403, kind, message: message.into() }
    }

    pub(super) fn request_id() -> Self {
        Self { status: 400, kind: "InvalidRequestID", message: "Invalid request ID".into() }
    }

    fn transition(from: Runtime, to: Runtime) -> Self {
        Self::forbidden(
            "InvalidStateTransition",
            format!(
                "State transition from {} to {} failed for runtime. Error: State transition is not allowed",
                from.name(),
                to.name()
            ),
        )
    }
}

/// All of it.
pub(crate) struct State {
    pub(crate) runtime: Runtime,
    /// The connection on which the runtime waits for an invocation.
    next: Option<Connection>,
    pub(crate) current: Option<Current>,
    pub(crate) init_error: Option<Reported>,
    pub(crate) exit: Option<Exit>,
    pub(crate) extensions: Vec<Extension>,
    /// Extensions may register and subscribe.
    pub(crate) open: bool,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            runtime: Runtime::Starting,
            next: None,
            current: None,
            init_error: None,
            exit: None,
            extensions: Vec::new(),
            open: true,
        }
    }

    /// The runtime asks for the next invocation on this connection, and waits. The connection comes back when it may not.
    pub(super) fn next(&mut self, connection: Connection) -> Option<(Connection, Refusal)> {
        let again = self.runtime == Runtime::Ready && !self.is_waiting();
        if !again && !matches!(self.runtime, Runtime::Starting | Runtime::Answered) {
            return Some((connection, Refusal::transition(self.runtime, Runtime::Ready)));
        }
        self.runtime = Runtime::Ready;
        self.next = Some(connection);
        None
    }

    /// Whether the runtime waits for an invocation: it has asked for one, and has not gone.
    pub(crate) fn is_waiting(&mut self) -> bool {
        self.runtime == Runtime::Ready && self.next.as_mut().is_some_and(|next| !next.has_gone())
    }

    /// Gives the runtime an invocation, by the connection that is returned. `None`: it does not wait for one.
    pub(crate) fn deliver(&mut self, event: &Event, stream: &mut Option<Stream>) -> Option<Handed> {
        if !self.is_waiting() {
            return None;
        }
        let mut connection = self.next.take()?;
        put_event(&mut connection, event);
        self.runtime = Runtime::Running;
        let id = Arc::clone(&event.request_id);
        self.current = Some(Current { id, stream: stream.take(), answer: None });
        Some(Handed(connection))
    }

    /// Sends what waited for the next event to go out with it.
    pub(crate) fn send_held(&mut self) {
        if let Some(next) = &mut self.next {
            next.try_flush();
        }
    }

    /// The runtime begins to answer `id`; its stream, when the caller wants one.
    pub(super) fn begin_answer(&mut self, id: &str) -> Result<Option<Stream>, Refusal> {
        let Some(current) = self.current.as_mut().filter(|current| &*current.id == id) else {
            return Err(Refusal::request_id());
        };
        if self.runtime != Runtime::Running {
            return Err(Refusal::transition(self.runtime, Runtime::Answering));
        }
        self.runtime = Runtime::Answering;
        Ok(current.stream.take())
    }

    /// The runtime has answered `id`.
    pub(super) fn answered(&mut self, id: &str, answer: Answer) {
        if let Some(current) = self.current.as_mut().filter(|current| &*current.id == id)
            && self.runtime == Runtime::Answering
        {
            current.answer = Some(answer);
            self.runtime = Runtime::Answered;
        }
    }

    /// The runtime cannot initialise.
    pub(super) fn init_failed(&mut self, reported: Reported) -> Result<(), Refusal> {
        if self.runtime != Runtime::Starting {
            return Err(Refusal::transition(self.runtime, Runtime::InitFailed));
        }
        self.runtime = Runtime::InitFailed;
        self.init_error = Some(reported);
        Ok(())
    }

    /// An extension registers; its identifier.
    pub(super) fn register(
        &mut self,
        name: &str,
        events: Vec<Wish>,
        id: Arc<str>,
    ) -> Result<Arc<str>, Refusal> {
        if let Some(external) =
            self.extensions.iter_mut().find(|known| &*known.name == name && known.external)
        {
            if external.stage != Stage::Started {
                let message = format!(
                    "State transition from Registered to Registered failed for extension {name}. Error: State transition is not allowed"
                );
                return Err(Refusal::forbidden("Extension.InvalidExtensionState", message));
            }
            external.stage = Stage::Registered;
            external.events = events;
            external.id = Some(Arc::clone(&id));
            return Ok(id);
        }
        if events.contains(&Wish::Shutdown) {
            let message = "SHUTDOWN: event not supported for internal extensions";
            return Err(Refusal::forbidden("Extension.InvalidEventType", message));
        }
        if !self.open {
            return Err(Refusal::forbidden(
                "Extension.RegistrationClosed",
                "Extension registration closed already",
            ));
        }
        if self.extensions.iter().any(|known| &*known.name == name) {
            let message = "Extension with this name already registered";
            return Err(Refusal::forbidden("Extension.InvalidExtensionState", message));
        }
        if self.extensions.len() >= EXTENSIONS {
            let message = format!("Extension limit ({EXTENSIONS}) reached");
            return Err(Refusal::forbidden("Extension.TooManyExtensions", message));
        }
        self.extensions.push(Extension {
            name: name.into(),
            id: Some(Arc::clone(&id)),
            external: false,
            events,
            stage: Stage::Registered,
            waiting: None,
            failure: None,
            exit: None,
        });
        Ok(id)
    }

    /// An external extension's process was started.
    pub(crate) fn expect(&mut self, name: &str) {
        self.extensions.push(Extension {
            name: name.into(),
            id: None,
            external: true,
            events: Vec::new(),
            stage: Stage::Started,
            waiting: None,
            failure: None,
            exit: None,
        });
    }

    /// The extension of an identifier.
    pub(super) fn extension(&mut self, id: Option<&str>) -> Result<&mut Extension, Refusal> {
        let id = id.ok_or_else(|| {
            Refusal::forbidden(
                "Extension.MissingExtensionIdentifier",
                "Missing Lambda-Extension-Identifier header",
            )
        })?;
        if !is_uuid(id) {
            let message = "Invalid Lambda-Extension-Identifier";
            return Err(Refusal::forbidden("Extension.InvalidExtensionIdentifier", message));
        }
        self.extensions.iter_mut().find(|known| known.id.as_deref() == Some(id)).ok_or_else(|| {
            Refusal::forbidden("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
        })
    }

    /// Whether everybody has initialised.
    pub(crate) fn is_initialised(&mut self) -> bool {
        self.is_waiting() && self.extensions.iter().all(|extension| extension.stage == Stage::Ready)
    }

    /// Whether every extension that was told of the invocation has asked for the next event.
    pub(crate) fn extensions_rest(&self) -> bool {
        self.extensions.iter().all(|extension| extension.stage == Stage::Ready)
    }

    /// The first extension that ended or said that it cannot go on: its name, type of error.
    pub(crate) fn failed_extension(&self) -> Option<(Arc<str>, Reported)> {
        self.extensions.iter().find_map(|extension| {
            let name = Arc::clone(&extension.name);
            if let Some(reported) = &extension.failure {
                return Some((name, reported.clone()));
            }
            extension.exit.map(|_| (name, Reported { kind: "Extension.Crash".into(), body: Bytes::new() }))
        })
    }
}

impl Extension {
    /// The extension asks for its next event, which comes by what is returned.
    pub(super) fn next(&mut self) -> Result<oneshot::Receiver<Bytes>, Refusal> {
        let again =
            self.stage == Stage::Ready && self.waiting.as_ref().is_none_or(oneshot::Sender::is_closed);
        if !again && !matches!(self.stage, Stage::Registered | Stage::Running) {
            let message = format!(
                "State transition from {:?} to Ready failed for extension {}. Error: State transition is not allowed",
                self.stage, self.name
            );
            return Err(Refusal::forbidden("Extension.InvalidExtensionState", message));
        }
        let (sender, receiver) = oneshot::channel();
        self.stage = Stage::Ready;
        self.waiting = Some(sender);
        Ok(receiver)
    }

    /// Tells the extension, if it wants to hear of such things and waits.
    pub(crate) fn tell(&mut self, wish: Wish, event: &Bytes) -> bool {
        if !self.events.contains(&wish) {
            return false;
        }
        let Some(waiting) = self.waiting.take().filter(|_| self.stage == Stage::Ready) else { return false };
        if waiting.send(event.clone()).is_err() {
            return false;
        }
        self.stage = Stage::Running;
        true
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_api::socket::Socket;

    fn event(id: &str) -> Event {
        Event {
            request_id: id.into(),
            deadline_ms: 0,
            function_arn: String::new(),
            trace: String::new(),
            client_context: None,
            cognito_identity: None,
            payload: Bytes::new(),
        }
    }

    /// A connection, and the client's end of it.
    async fn connected() -> (Connection, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Connection::new(Socket::Tcp(listener.accept().await.unwrap().0)), client)
    }

    #[tokio::test]
    async fn a_runtime_answers_once_and_only_what_it_was_asked() {
        let mut state = State::new();
        assert_eq!(state.begin_answer("a").unwrap_err().kind, "InvalidRequestID");
        let (waiting, _client) = connected().await;
        assert!(state.next(waiting).is_none());
        assert!(state.is_waiting());
        let Handed(waiting) = state.deliver(&event("a"), &mut None).unwrap();
        let (waiting, refusal) = state.next(waiting).unwrap();
        assert_eq!(refusal.kind, "InvalidStateTransition");
        assert_eq!(state.begin_answer("b").unwrap_err().status, 400);
        state.begin_answer("a").unwrap();
        state.answered("a", Answer::Value(Bytes::new()));
        let second = state.begin_answer("a").unwrap_err();
        assert_eq!((second.status, second.kind), (403, "InvalidStateTransition"));
        drop(waiting);
        let (gone, client) = connected().await;
        assert!(state.next(gone).is_none());
        let (second, _other) = connected().await;
        assert_eq!(state.next(second).unwrap().1.kind, "InvalidStateTransition", "one waits already");
        drop(client);
        while state.is_waiting() {
            tokio::task::yield_now().await;
        }
        assert!(state.deliver(&event("b"), &mut None).is_none());
        let (again, _client) = connected().await;
        assert!(state.next(again).is_none());
        assert!(state.is_waiting());
    }

    #[test]
    fn extensions_register_while_it_is_open_and_at_most_ten() {
        let mut state = State::new();
        state.expect("outer");
        state.register("outer", vec![Wish::Shutdown], "1".into()).unwrap();
        assert_eq!(
            state.register("outer", vec![], "2".into()).unwrap_err().kind,
            "Extension.InvalidExtensionState"
        );
        assert_eq!(
            state.register("in", vec![Wish::Shutdown], "2".into()).unwrap_err().kind,
            "Extension.InvalidEventType"
        );
        for number in 0..9 {
            state.register(&format!("in{number}"), vec![Wish::Invoke], "3".into()).unwrap();
        }
        assert_eq!(
            state.register("more", vec![], "4".into()).unwrap_err().kind,
            "Extension.TooManyExtensions"
        );
        state.extensions.truncate(1);
        state.open = false;
        assert_eq!(
            state.register("late", vec![], "4".into()).unwrap_err().kind,
            "Extension.RegistrationClosed"
        );
        assert_eq!(state.extension(None).unwrap_err().kind, "Extension.MissingExtensionIdentifier");
        assert_eq!(state.extension(Some("x")).unwrap_err().kind, "Extension.InvalidExtensionIdentifier");
    }
}
