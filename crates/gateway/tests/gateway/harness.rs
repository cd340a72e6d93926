//! A gateway on a free port of loopback, with one tiny service behind it, and a client that speaks raw bytes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use moln_gateway::{
    Gateway, Settings,
    admin::{Control, Pieces},
    identity::{Access, Doorkeeper},
    metrics::Exposition,
    route::{Registration, Router},
    server::{Limits, Listener, Tls, serve},
    sigv4::{Signer, Verifier, sign},
};
use moln_kernel::{
    AccountId, ApiError, Caller, Clock, Context, ManualClock, MovableClock, Principal, Region, Timestamp,
    clock::BoxFuture,
    ports::{Credential, Credentials},
};
use moln_wire::{
    Answer, Hooks, Kind, Member, Operation, Protocol, Schema, Service, ServiceModel, ShapeReader,
    ShapeWriter, WriteShape, answer, schema,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// 2026-01-02T03:04:05Z
pub const NOW: Timestamp = Timestamp(1_767_323_045_000);
pub const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static SEEN: Schema = Schema {
    members: &[
        Member::new("Account", &schema::STRING),
        Member::new("Region", &schema::STRING),
        Member::new("Principal", &schema::STRING),
        Member::new("Authority", &schema::STRING),
        Member::new("Text", &schema::STRING),
    ],
    ..Schema::new("Seen", Kind::Structure)
};
static TEXT: Schema =
    Schema { members: &[Member::new("Text", &schema::STRING)], ..Schema::new("Input", Kind::Structure) };

pub static MODEL: ServiceModel = ServiceModel {
    signing_name: "tiny",
    endpoint_prefix: "tiny",
    service_id: "Tiny",
    api_version: "2026-01-01",
    target_prefix: Some("Tiny"),
    protocols: &[Protocol::Json10, Protocol::Query],
    operations: &[
        Operation { input: &TEXT, output: &SEEN, result_wrapper: true, ..Operation::new("Echo") },
        Operation { output: &SEEN, ..Operation::new("Explode") },
        Operation { output: &SEEN, ..Operation::new("Wait") },
    ],
    ..ServiceModel::NONE
};

/// What a call looked like from inside.
#[derive(Default)]
struct Seen([String; 5]);

impl WriteShape for Seen {
    fn write(&self, writer: &mut dyn ShapeWriter) {
        let [account, region, principal, authority, text] = &self.0;
        writer.structure(&SEEN, &[account, region, principal, authority, text]);
    }
}

struct Tiny {
    stop: watch::Receiver<bool>,
}

impl Hooks for Tiny {}

impl Service for Tiny {
    fn model(&self) -> &'static ServiceModel {
        &MODEL
    }

    fn call(
        self: Arc<Self>,
        ctx: Context,
        operation: usize,
        input: &mut dyn ShapeReader,
    ) -> Result<Answer, ApiError> {
        let mut text = String::new();
        input
            .structure(MODEL.operations[operation].input, &mut |_, reader| {
                text = reader.string()?;
                Ok(())
            })
            .map_err(|bad| ApiError::sender("SerializationException", bad.message))?;
        let seen = Seen([
            ctx.account.to_string(),
            ctx.region.to_string(),
            format!("{:?}", ctx.principal),
            format!("{}://{}", ctx.endpoint.scheme, ctx.endpoint.authority),
            text,
        ]);
        match MODEL.operations[operation].name {
            "Explode" => panic!("as asked"),
            "Wait" => Ok(answer(async move {
                let mut stop = self.stop.clone();
                let _ = stop.wait_for(|stop| *stop).await;
                Ok(seen)
            })),
            _ => Ok(answer(async move { Ok(seen) })),
        }
    }

    fn hooks(&self) -> &dyn Hooks {
        self
    }
}

#[derive(Default)]
pub struct Keys(pub HashMap<String, Credential>);

impl Credentials for Keys {
    fn find(&self, id: &str) -> Option<Credential> {
        self.0.get(id).cloned()
    }
}

struct Operator {
    clock: ManualClock,
    stop: watch::Receiver<bool>,
}

impl Control for Operator {
    fn clock(&self) -> (Timestamp, Duration) {
        (self.clock.now(), self.clock.offset())
    }
    fn advance(&self, by: Duration) -> BoxFuture<'_, Result<Timestamp, ApiError>> {
        self.clock.advance(by);
        Box::pin(async { Ok(self.clock.now()) })
    }
    fn backup(&self) -> Result<Pieces, ApiError> {
        let (tx, rx) = mpsc::channel(4);
        for piece in [Ok(Bytes::from_static(b"one ")), Ok(Bytes::from_static(b"two"))] {
            tx.try_send(piece).unwrap();
        }
        Ok(rx)
    }
    fn metrics(&self, out: &mut Exposition) {
        out.single("moln_test", "gauge", "From the control.", 42);
    }
    fn details(&self) -> serde_json::Value {
        serde_json::json!({ "parts": 1 })
    }
    fn stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// A running gateway.
pub struct Running {
    pub address: SocketAddr,
    pub clock: ManualClock,
    pub gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// How it is started.
pub struct Start {
    pub access: Access,
    pub limits: Limits,
    pub settings: Settings,
    pub tls: Option<Arc<Tls>>,
    pub token: Option<&'static str>,
    pub body_limit: usize,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            access: Access::Development,
            limits: Limits::default(),
            settings: Settings::default(),
            tls: None,
            token: None,
            body_limit: 64 << 10,
        }
    }
}

impl Start {
    pub fn required() -> Self {
        Self { access: Access::Required, ..Self::default() }
    }

    pub fn run(self) -> Running {
        let clock = ManualClock::new(NOW);
        let (stop, stopped) = watch::channel(false);
        let account = AccountId::from("111122223333");
        let credential = Credential {
            secret: SECRET.into(),
            session_token: self.token.map(Into::into),
            caller: Arc::new(Caller {
                access_key_id: KEY.into(),
                user_id: "AIDACKCEVSQ6C2EXAMPLE".into(),
                session: None,
            }),
            expires: None,
            principal: Principal::Account(account.clone()),
            account,
        };
        let keys = Keys([(KEY.to_owned(), credential)].into());
        let doorkeeper = Doorkeeper {
            verifier: Verifier::new(Arc::new(keys)),
            account: AccountId::from("000000000000"),
            region: Region::from("us-east-1"),
        };
        let tiny = Registration::new(Arc::new(Tiny { stop: stopped.clone() })).body_limit(self.body_limit);
        let operator = Operator { clock: clock.clone(), stop: stopped.clone() };
        let router = Router::new(vec![tiny]);
        let gateway = Arc::new(Gateway::new(
            router,
            doorkeeper,
            Arc::new(clock.clone()),
            self.settings,
            Arc::new(operator),
        ));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), self.access, self.tls).unwrap();
        let address = listener.address();
        let server = tokio::spawn(serve(vec![listener], Arc::clone(&gateway), self.limits, stopped));
        Running { address, clock, gateway, stop, server: Mutex::new(Some(server)) }
    }
}

impl Running {
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the server has ended.
    pub async fn ended(&self) {
        let server = self.server.lock().unwrap().take().unwrap();
        tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    }

    pub async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on its own connection.
    pub async fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect().await;
        client.send(request).await;
        client.reply().await
    }
}

pub struct Client(pub TcpStream);

/// An HTTP/1.1 answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads one answer; panics when none comes within ten seconds.
    pub async fn reply(&mut self) -> Reply {
        self.try_reply().await.expect("an answer before the connection ends")
    }

    pub async fn try_reply(&mut self) -> Option<Reply> {
        tokio::time::timeout(Duration::from_secs(10), self.read_reply()).await.expect("an answer in time")
    }

    async fn read_reply(&mut self) -> Option<Reply> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut reply = Reply { status: head.split(' ').nth(1)?.parse().ok()?, head, body: String::new() };
        let mut body = Vec::new();
        if let Some(length) = reply.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.0.read_exact(&mut body).await.ok()?;
        } else if reply.header("transfer-encoding").is_some() {
            self.read_chunks(&mut body).await?;
        }
        reply.body = String::from_utf8(body).unwrap();
        Some(reply)
    }

    async fn read_chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(self.0.read_u8().await.ok()?);
            }
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk).await.ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Some(());
            }
        }
    }

    /// Whether the server has closed the connection; waits for it for at most ten seconds.
    pub async fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 1_024];
        let reading = async {
            loop {
                match self.0.read(&mut buffer).await {
                    Ok(0) | Err(_) => return true,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap_or(false)
    }
}

/// `POST /` with a JSON body for an operation of the tiny service.
pub fn json(operation: &str, body: &str, headers: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: localhost:4566\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: Tiny.{operation}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn signer() -> Signer {
    Signer {
        access_key: KEY.into(),
        secret: SECRET.into(),
        region: "eu-north-1".into(),
        service: "tiny".into(),
    }
}

/// The same, signed.
pub fn signed(
    signer: &Signer,
    operation: &str,
    body: &str,
    at: Timestamp,
    extra: &[(&'static str, &str)],
) -> String {
    let target = format!("Tiny.{operation}");
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("localhost:4566"));
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert("x-amz-target", HeaderValue::from_str(&target).unwrap());
    for (name, value) in extra {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    sign(signer, &Method::POST, &"/".parse().unwrap(), &mut headers, body.as_bytes(), at);
    write("POST", "/", &headers, body)
}

pub fn write(method: &str, target: &str, headers: &HeaderMap, body: &str) -> String {
    let mut out = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    out.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    out
}

/// Waits for something that another task does; fails after ten seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), waiting).await.is_ok(), "{what}");
}
