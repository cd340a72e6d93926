//! As much of Lambda's API, and of SQS's, as the measurement needs. Requests carry the credentials of development, which a server on
//! loopback does not verify.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{
    client::Connection,
    error::{Error, Result},
};

/// Longest wait for a function to become what it was told to be.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where Lambda answers.
pub(super) struct Api {
    address: SocketAddr,
}

/// A connection to it.
pub(super) struct Client {
    connection: Connection,
    address: SocketAddr,
    /// The request of the last invocation, and for which function.
    invoke: (String, Vec<u8>),
}

impl Api {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// A connection of a thread that does nothing else, for one function's invocations.
    pub(super) fn blocking(&self, function: &str) -> Result<Blocking> {
        let stream = TcpStream::connect(self.address).map_err(Error::io("connect"))?;
        stream.set_nodelay(true).map_err(Error::io("set TCP_NODELAY"))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(Error::io("set a time limit"))?;
        Ok(Blocking { stream, request: invocation(self.address, function) })
    }

    pub(super) async fn connect(&self) -> Result<Client> {
        let connection = Connection::open(self.address).await?;
        Ok(Client { connection, address: self.address, invoke: (String::new(), Vec::new()) })
    }
}

/// A connection whose thread waits for each answer: what the client costs is two system calls, as at the bare socket.
pub(super) struct Blocking {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Blocking {
    /// Invokes; the answer must be `null`.
    pub(super) fn invoke(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).map_err(Error::io("send a request"))?;
        let mut answer = [0; 4096];
        let mut length = 0;
        loop {
            let place = answer.get_mut(length..).filter(|place| !place.is_empty());
            let place = place.ok_or_else(|| Error::usage("Invoke answered too much"))?;
            let count = self.stream.read(place).map_err(Error::io("read an answer"))?;
            length += count;
            let text = answer.get(..length).unwrap_or_default();
            if text.starts_with(b"HTTP/1.1 200 ") && text.ends_with(b"\r\n\r\nnull") {
                return Ok(());
            }
            if count == 0 || text.ends_with(b"}") {
                return Err(Error::wrong("Invoke", "expected null", text));
            }
        }
    }
}

/// `service`: its name in the scope of the credentials, and further headers.
fn request(address: SocketAddr, service: (&str, &str), method: &str, path: &str, body: &str) -> Vec<u8> {
    let (name, headers) = service;
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\
         X-Amz-Date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20260101/us-east-1/{name}/aws4_request, SignedHeaders=host, Signature={:064}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        0,
        body.len()
    )
    .into_bytes()
}

const LAMBDA: (&str, &str) = ("lambda", "Content-Type: application/json\r\n");

fn invocation(address: SocketAddr, function: &str) -> Vec<u8> {
    request(address, LAMBDA, "POST", &format!("/2015-03-31/functions/{function}/invocations"), "{}")
}

impl Client {
    async fn call(
        &mut self,
        operation: &'static str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request(self.address, LAMBDA, method, &format!("/2015-03-31{path}"), &body);
        self.answer(operation, &request).await
    }

    /// Calls an operation of SQS.
    pub(super) async fn sqs(&mut self, operation: &'static str, body: &Value) -> Result<Value> {
        let headers =
            format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{operation}\r\n");
        let request = request(self.address, ("sqs", &headers), "POST", "/", &body.to_string());
        self.answer(operation, &request).await
    }

    async fn answer(&mut self, operation: &'static str, request: &[u8]) -> Result<Value> {
        let (status, answer) = self.connection.exchange(request).await?;
        if !(200..300).contains(&status) {
            return Err(Error::refused(operation, status, answer));
        }
        serde_json::from_slice(answer).map_err(|error| Error::wrong(operation, error.to_string(), answer))
    }

    /// Creates the function and waits until it can be invoked.
    pub(super) async fn create(&mut self, name: &str, runtime: &str, zip: &[u8]) -> Result<()> {
        let body = json!({
            "FunctionName": name,
            "Runtime": runtime,
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/bench",
            "Timeout": 30,
            "Code": { "ZipFile": base64::engine::general_purpose::STANDARD.encode(zip) },
        });
        self.call("CreateFunction", "POST", "/functions", &body).await?;
        self.settled(name).await
    }

    /// Waits until the function is active and its last change is done.
    async fn settled(&mut self, name: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let path = format!("/functions/{name}/configuration");
            let facts = self.call("GetFunctionConfiguration", "GET", &path, &Value::Null).await?;
            let is = |member: &str, word: &str| facts.get(member).and_then(Value::as_str) == Some(word);
            if is("State", "Active") && !is("LastUpdateStatus", "InProgress") {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::usage(format!("{name} does not become active: {facts}")));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Hands a queue's messages to the function, so many at a time.
    pub(super) async fn map(&mut self, name: &str, queue: &str, batch: u32) -> Result<()> {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
        let body = json!({ "FunctionName": name, "EventSourceArn": arn, "BatchSize": batch });
        self.call("CreateEventSourceMapping", "POST", "/event-source-mappings/", &body).await.map(drop)
    }

    /// Invokes it; the answer must be `null`.
    pub(super) async fn invoke(&mut self, name: &str) -> Result<()> {
        if self.invoke.0 != name {
            self.invoke = (name.to_owned(), invocation(self.address, name));
        }
        let (status, answer) = self.connection.exchange(&self.invoke.1).await?;
        match (status, answer) {
            (200, b"null") => Ok(()),
            (200, answer) => Err(Error::wrong("Invoke", "expected null", answer)),
            (status, answer) => Err(Error::refused("Invoke", status, answer)),
        }
    }

    /// Changes a variable, so that a new environment is needed, and invokes: milliseconds of the invocation.
    pub(super) async fn start(&mut self, name: &str, variable: &str, value: u32) -> Result<f64> {
        let body = json!({ "Environment": { "Variables": { variable: value.to_string() } } });
        let path = format!("/functions/{name}/configuration");
        self.call("UpdateFunctionConfiguration", "PUT", &path, &body).await?;
        self.settled(name).await?;
        let begun = Instant::now();
        self.invoke(name).await?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }
}
