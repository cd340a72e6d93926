//! The operations of SQS that the workloads use. Every answer is checked: message ids are there, MD5s are those of the
//! bodies sent, received bodies are bodies that were sent, batches failed in no entry.

use std::sync::Arc;

use super::{Endpoint, Line, Request, payload, payload::BATCH};
use crate::{
    body::Bodies,
    error::{Error, Result},
    scan,
};

/// A queue: its URL as the server wrote it, escapes included. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue(Arc<[u8]>);

impl Queue {
    /// The queue with this URL.
    pub fn new(url: &[u8]) -> Self {
        Self(url.into())
    }

    /// The URL.
    pub fn url(&self) -> &[u8] {
        &self.0
    }
}

/// How to receive.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// Messages at most, 1 to 10.
    pub max: usize,
    /// Seconds to wait for one, 0 to 20.
    pub wait_s: usize,
    /// Visibility timeout in seconds; without, the queue's.
    pub visibility_s: Option<usize>,
}

/// One received message.
#[derive(Clone, Debug)]
pub struct Received {
    /// Receipt handle, escapes included.
    pub handle: Vec<u8>,
    /// The body's number.
    pub number: usize,
}

/// A connection to SQS.
pub struct Sqs {
    line: Line,
    bodies: Bodies,
    create_queue: Request,
    delete_queue: Request,
    send: Request,
    send_batch: Request,
    receive: Request,
    delete: Request,
    delete_batch: Request,
}

impl Sqs {
    /// Connects; the bodies are those that are sent and expected.
    pub async fn connect(endpoint: &Endpoint, bodies: &Bodies) -> Result<Self> {
        Ok(Self {
            line: Line::open(endpoint).await?,
            bodies: bodies.clone(),
            create_queue: Request::new("CreateQueue"),
            delete_queue: Request::new("DeleteQueue"),
            send: Request::new("SendMessage"),
            send_batch: Request::new("SendMessageBatch"),
            receive: Request::new("ReceiveMessage"),
            delete: Request::new("DeleteMessage"),
            delete_batch: Request::new("DeleteMessageBatch"),
        })
    }

    /// Creates a queue; a FIFO queue's name ends in `.fifo`.
    pub async fn create_queue(&mut self, name: &str) -> Result<Queue> {
        payload::create_queue(&mut self.line.payload, name, name.to_ascii_lowercase().ends_with(".fifo"));
        let answer = self.line.call(&mut self.create_queue).await?;
        let url = scan::string(answer, r#""QueueUrl""#);
        url.map(Queue::new).ok_or_else(|| Error::wrong("CreateQueue", "no QueueUrl", answer))
    }

    /// Deletes a queue.
    pub async fn delete_queue(&mut self, queue: &Queue) -> Result<()> {
        payload::delete_queue(&mut self.line.payload, queue.url());
        self.line.call(&mut self.delete_queue).await.map(drop)
    }

    /// Sends the body with this number.
    pub async fn send(&mut self, queue: &Queue, number: usize) -> Result<()> {
        self.send_one(queue, number, None).await
    }

    /// Sends the body with this number to a group of a FIFO queue.
    pub async fn send_fifo(&mut self, queue: &Queue, number: usize, group: usize, id: &str) -> Result<()> {
        self.send_one(queue, number, Some((group, id))).await
    }

    async fn send_one(&mut self, queue: &Queue, number: usize, fifo: Option<(usize, &str)>) -> Result<()> {
        let body = self.bodies.get(number);
        payload::send(&mut self.line.payload, queue.url(), body, fifo);
        let answer = self.line.call(&mut self.send).await?;
        if scan::string(answer, r#""MessageId""#).is_none_or(<[u8]>::is_empty) {
            return Err(Error::wrong("SendMessage", "no MessageId", answer));
        }
        if scan::string(answer, r#""MD5OfMessageBody""#) != Some(body.md5.as_slice()) {
            return Err(Error::wrong("SendMessage", "MD5OfMessageBody is not the body's", answer));
        }
        Ok(())
    }

    /// Sends up to ten bodies from this number on as one batch.
    pub async fn send_batch(&mut self, queue: &Queue, first: usize, count: usize) -> Result<()> {
        let numbers = first..first + count.min(BATCH);
        let bodies = numbers.clone().map(|number| self.bodies.get(number));
        payload::send_batch(&mut self.line.payload, queue.url(), bodies);
        let answer = self.line.call(&mut self.send_batch).await?;
        let places = scan::strings(answer, r#""Id""#).map(place);
        let md5s = scan::strings(answer, r#""MD5OfMessageBody""#);
        let right = places
            .zip(md5s)
            .filter(|(place, md5)| place.is_some_and(|place| self.bodies.get(first + place).md5 == *md5))
            .count();
        let ids = scan::strings(answer, r#""MessageId""#).filter(|id| !id.is_empty()).count();
        if right == numbers.len() && ids == numbers.len() {
            Ok(())
        } else {
            let why = format!("{right} right MD5s and {ids} message ids for {} entries", numbers.len());
            Err(Error::wrong("SendMessageBatch", why, answer))
        }
    }

    /// Receives messages, none when none came in time.
    pub async fn receive(&mut self, queue: &Queue, how: Receive) -> Result<Vec<Received>> {
        payload::receive(&mut self.line.payload, queue.url(), how.max, how.wait_s, how.visibility_s);
        let answer = self.line.call(&mut self.receive).await?;
        let mut messages = Vec::with_capacity(how.max);
        let handles = scan::strings(answer, r#""ReceiptHandle""#);
        let md5s = scan::strings(answer, r#""MD5OfBody""#);
        let texts = scan::strings(answer, r#""Body""#);
        for ((handle, md5), text) in handles.zip(md5s).zip(texts) {
            match self.bodies.find(text) {
                Some((number, body)) if body.md5 == md5 => {
                    messages.push(Received { handle: handle.to_vec(), number });
                }
                _ => {
                    return Err(Error::wrong(
                        "ReceiveMessage",
                        "a body or its MD5 is not what was sent",
                        answer,
                    ));
                }
            }
        }
        let ids = scan::strings(answer, r#""MessageId""#).count();
        if ids != messages.len() || ids > how.max {
            let why = format!("{ids} message ids, {} whole messages", messages.len());
            return Err(Error::wrong("ReceiveMessage", why, answer));
        }
        Ok(messages)
    }

    /// Deletes a received message.
    pub async fn delete(&mut self, queue: &Queue, message: &Received) -> Result<()> {
        payload::delete(&mut self.line.payload, queue.url(), &message.handle);
        self.line.call(&mut self.delete).await.map(drop)
    }

    /// Deletes up to ten received messages as one batch.
    pub async fn delete_batch(&mut self, queue: &Queue, messages: &[Received]) -> Result<()> {
        let handles = messages.iter().map(|message| message.handle.as_slice());
        payload::delete_batch(&mut self.line.payload, queue.url(), handles);
        let answer = self.line.call(&mut self.delete_batch).await?;
        // A failed entry has an Id too, and a Code.
        let (ids, codes) =
            (scan::strings(answer, r#""Id""#).count(), scan::strings(answer, r#""Code""#).count());
        if ids == messages.len() && codes == 0 {
            Ok(())
        } else {
            Err(Error::wrong(
                "DeleteMessageBatch",
                format!("{codes} of {} entries failed", messages.len()),
                answer,
            ))
        }
    }
}

fn place(id: &[u8]) -> Option<usize> {
    std::str::from_utf8(id).ok()?.parse().ok()
}
