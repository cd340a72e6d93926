//! A tiny SQS in memory, for testing the load generator: the operations it uses, and faults to order.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

/// What the fake does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Every tenth send is refused.
    Throttles,
    /// Sends are acknowledged with a wrong MD5.
    WrongMd5,
    /// Received bodies are changed.
    WrongBody,
    /// One entry of each batch fails.
    FailedEntry,
    /// Batches acknowledge one entry less.
    MissingEntry,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<(String, String)>,
    in_flight: HashMap<String, String>,
    /// Deduplication ids of a FIFO queue, to see that none comes twice.
    deduplicated: HashMap<String, usize>,
}

#[derive(Default)]
struct State {
    queues: HashMap<String, Queue>,
    next: u64,
    created: Vec<String>,
    received: usize,
    deleted: usize,
}

/// The fake server.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    arrived: Arc<Notify>,
    fault: Fault,
}

impl Fake {
    /// Starts one on the current runtime.
    pub(crate) async fn start(fault: Fault) -> (Self, SocketAddr) {
        let fake = Self { fault, ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = fake.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let fake = served.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(fake.clone(), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        (fake, address)
    }

    /// Names of all queues ever created.
    pub(crate) fn created(&self) -> Vec<String> {
        self.state.lock().unwrap().created.clone()
    }

    /// Queues that exist now.
    pub(crate) fn queues(&self) -> usize {
        self.state.lock().unwrap().queues.len()
    }

    /// Messages received and messages deleted.
    pub(crate) fn received_and_deleted(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.received, state.deleted)
    }

    async fn call(&self, operation: &str, input: &Value) -> Result<Value, String> {
        if operation == "ReceiveMessage" {
            return self.receive(input).await;
        }
        let answer = self.call_now(operation, input);
        if operation.starts_with("SendMessage") {
            self.arrived.notify_waiters();
        }
        answer
    }

    fn call_now(&self, operation: &str, input: &Value) -> Result<Value, String> {
        let state = &mut *self.state.lock().unwrap();
        if operation == "CreateQueue" {
            let name = text(input, "QueueName")?;
            assert_eq!(name.strip_suffix(".fifo").is_some(), input["Attributes"]["FifoQueue"] == "true");
            let url = format!("http://fake/000000000000/{name}");
            state.created.push(name);
            assert!(state.queues.insert(url.clone(), Queue::default()).is_none(), "a queue is used twice");
            return Ok(json!({ "QueueUrl": url }));
        }
        let url = text(input, "QueueUrl")?;
        if operation == "DeleteQueue" {
            return state
                .queues
                .remove(&url)
                .map(|_| json!({}))
                .ok_or_else(|| "QueueDoesNotExist".to_owned());
        }
        let queue = state.queues.get_mut(&url).ok_or("QueueDoesNotExist")?;
        match operation {
            "SendMessage" => {
                state.next += 1;
                if self.fault == Fault::Throttles && state.next.is_multiple_of(10) {
                    return Err("ThrottlingException".to_owned());
                }
                if let Ok(id) = text(input, "MessageDeduplicationId") {
                    assert!(text(input, "MessageGroupId")?.starts_with("group-"));
                    *queue.deduplicated.entry(id).or_default() += 1;
                    assert!(
                        queue.deduplicated.values().all(|count| *count == 1),
                        "a deduplication id comes twice"
                    );
                }
                Ok(self.store(queue, state.next, &text(input, "MessageBody")?))
            }
            "SendMessageBatch" => {
                let mut done = Vec::new();
                for entry in input["Entries"].as_array().ok_or("no Entries")? {
                    state.next += 1;
                    let mut stored = self.store(queue, state.next, &text(entry, "MessageBody")?);
                    stored["Id"] = entry["Id"].clone();
                    done.push(stored);
                }
                if self.fault == Fault::MissingEntry {
                    done.pop();
                }
                // In no special order, as AWS may answer.
                done.reverse();
                Ok(json!({ "Successful": done }))
            }
            "DeleteMessage" => {
                state.deleted += 1;
                let handle = text(input, "ReceiptHandle")?;
                queue
                    .in_flight
                    .remove(&handle)
                    .map(|_| json!({}))
                    .ok_or_else(|| "ReceiptHandleIsInvalid".to_owned())
            }
            "DeleteMessageBatch" => {
                let mut done = Vec::new();
                for entry in input["Entries"].as_array().ok_or("no Entries")? {
                    queue.in_flight.remove(&text(entry, "ReceiptHandle")?).ok_or("ReceiptHandleIsInvalid")?;
                    state.deleted += 1;
                    done.push(json!({ "Id": entry["Id"] }));
                }
                if self.fault == Fault::FailedEntry {
                    let id = done.pop().ok_or("no Entries")?["Id"].clone();
                    return Ok(
                        json!({ "Successful": done, "Failed": [{ "Id": id, "Code": "InternalError" }] }),
                    );
                }
                Ok(json!({ "Successful": done }))
            }
            _ => Err("UnknownOperationException".to_owned()),
        }
    }

    fn store(&self, queue: &mut Queue, number: u64, body: &str) -> Value {
        let id = format!("message/{number}");
        queue.ready.push_back((id.clone(), body.to_owned()));
        let md5 = if self.fault == Fault::WrongMd5 { "0".repeat(32) } else { hex(body) };
        json!({ "MessageId": id, "MD5OfMessageBody": md5 })
    }

    async fn receive(&self, input: &Value) -> Result<Value, String> {
        let url = text(input, "QueueUrl")?;
        let max = input["MaxNumberOfMessages"].as_u64().unwrap_or(1);
        let wait = Duration::from_secs(input["WaitTimeSeconds"].as_u64().unwrap_or(0));
        let until = tokio::time::Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let taken = self.take(&url, max, input["VisibilityTimeout"] == 0)?;
            if !taken.is_empty() {
                return Ok(json!({ "Messages": taken }));
            }
            if tokio::time::timeout_at(until, arrived).await.is_err() {
                return Ok(json!({}));
            }
        }
    }

    fn take(&self, url: &str, max: u64, visible: bool) -> Result<Vec<Value>, String> {
        let state = &mut *self.state.lock().unwrap();
        let queue = state.queues.get_mut(url).ok_or("QueueDoesNotExist")?;
        let mut taken = Vec::new();
        while taken.len() < usize::try_from(max).unwrap() {
            let Some((id, mut body)) = queue.ready.pop_front() else { break };
            state.received += 1;
            if visible {
                queue.ready.push_back((id.clone(), body.clone()));
            } else {
                queue.in_flight.insert(id.clone(), body.clone());
            }
            let md5 = hex(&body);
            if self.fault == Fault::WrongBody {
                body.push('x');
            }
            taken.push(json!({ "MessageId": id, "ReceiptHandle": id, "MD5OfBody": md5, "Body": body }));
        }
        Ok(taken)
    }
}

async fn answer(fake: Fake, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let input = serde_json::from_slice(&body).unwrap();
    let answer = fake.call(target.strip_prefix("AmazonSQS.").unwrap(), &input).await;
    let (status, answer) = match answer {
        Ok(answer) => (200, answer),
        Err(code) => (400, json!({ "__type": code })),
    };
    // Escaped slashes are JSON too: handles and URLs have to survive them.
    let text = answer.to_string().replace('/', r"\/");
    Ok(Response::builder().status(status).body(Full::new(text.into())).unwrap())
}

fn text(value: &Value, member: &str) -> Result<String, String> {
    value[member].as_str().map(str::to_owned).ok_or_else(|| format!("no {member}"))
}

fn hex(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
