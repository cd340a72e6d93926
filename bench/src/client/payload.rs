//! Bodies of the requests, AWS JSON 1.0. Source: the Amazon SQS API reference.
//!
//! Queue URLs and receipt handles are written as they were read, escapes included.

use super::request::push_number;
use crate::body::Body;

/// Entries of a batch: as many as SQS takes.
pub const BATCH: usize = 10;

/// `SendMessage`, with group and deduplication id for a FIFO queue.
pub fn send(out: &mut Vec<u8>, queue: &[u8], body: &Body, fifo: Option<(usize, &str)>) {
    begin(out, queue);
    text(out, r#","MessageBody":""#, &body.text);
    if let Some((group, deduplication)) = fifo {
        number(out, r#"","MessageGroupId":"group-"#, group);
        text(out, r#"","MessageDeduplicationId":""#, deduplication.as_bytes());
    }
    out.extend_from_slice(b"\"}");
}

/// `SendMessageBatch`: the ids are the entries' places, from 0.
pub fn send_batch<'a>(out: &mut Vec<u8>, queue: &[u8], bodies: impl Iterator<Item = &'a Body>) {
    entries(out, queue, bodies.map(|body| body.text.as_slice()), r#"","MessageBody":""#);
}

/// `ReceiveMessage`: so many messages at most, waiting so many seconds, with the queue's visibility timeout or another.
pub fn receive(out: &mut Vec<u8>, queue: &[u8], max: usize, wait_s: usize, visibility_s: Option<usize>) {
    begin(out, queue);
    number(out, r#","MaxNumberOfMessages":"#, max);
    number(out, r#","WaitTimeSeconds":"#, wait_s);
    if let Some(visibility_s) = visibility_s {
        number(out, r#","VisibilityTimeout":"#, visibility_s);
    }
    out.push(b'}');
}

/// `DeleteMessage`.
pub fn delete(out: &mut Vec<u8>, queue: &[u8], handle: &[u8]) {
    begin(out, queue);
    text(out, r#","ReceiptHandle":""#, handle);
    out.extend_from_slice(b"\"}");
}

/// `DeleteMessageBatch`: the ids are the entries' places, from 0.
pub fn delete_batch<'a>(out: &mut Vec<u8>, queue: &[u8], handles: impl Iterator<Item = &'a [u8]>) {
    entries(out, queue, handles, r#"","ReceiptHandle":""#);
}

/// `CreateQueue`, with the visibility timeout long enough that no message comes back during a run.
pub fn create_queue(out: &mut Vec<u8>, name: &str, fifo: bool) {
    out.clear();
    text(out, r#"{"QueueName":""#, name.as_bytes());
    out.extend_from_slice(br#"","Attributes":{"VisibilityTimeout":"900""#);
    out.extend_from_slice(if fifo { br#","FifoQueue":"true"}}"# } else { b"}}" });
}

/// `DeleteQueue`.
pub fn delete_queue(out: &mut Vec<u8>, queue: &[u8]) {
    begin(out, queue);
    out.push(b'}');
}

fn begin(out: &mut Vec<u8>, queue: &[u8]) {
    out.clear();
    text(out, r#"{"QueueUrl":""#, queue);
    out.push(b'"');
}

fn entries<'a>(out: &mut Vec<u8>, queue: &[u8], values: impl Iterator<Item = &'a [u8]>, member: &str) {
    begin(out, queue);
    out.extend_from_slice(br#","Entries":["#);
    for (id, value) in values.enumerate() {
        number(out, if id == 0 { r#"{"Id":""# } else { r#",{"Id":""# }, id);
        text(out, member, value);
        out.extend_from_slice(b"\"}");
    }
    out.extend_from_slice(b"]}");
}

fn text(out: &mut Vec<u8>, before: &str, value: &[u8]) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, before: &str, value: usize) {
    out.extend_from_slice(before.as_bytes());
    push_number(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::body::Bodies;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = b"left over".to_vec();
        write(&mut out);
        serde_json::from_slice(&out)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    }

    #[test]
    fn every_payload_is_the_json_that_sqs_reads() {
        let (bodies, queue) = (Bodies::new(10), br"http:\/\/h\/q");
        let text = |number| String::from_utf8(bodies.get(number).text.clone()).unwrap();
        assert_eq!(
            written(|out| send(out, queue, bodies.get(1), None)),
            json!({"QueueUrl": "http://h/q", "MessageBody": text(1)})
        );
        assert_eq!(
            written(|out| send(out, queue, bodies.get(1), Some((7, "d1")))),
            json!({"QueueUrl": "http://h/q", "MessageBody": text(1), "MessageGroupId": "group-7",
                "MessageDeduplicationId": "d1"})
        );
        assert_eq!(
            written(|out| send_batch(out, queue, [1, 2].map(|number| bodies.get(number)).into_iter())),
            json!({"QueueUrl": "http://h/q", "Entries": [{"Id": "0", "MessageBody": text(1)},
                {"Id": "1", "MessageBody": text(2)}]})
        );
        assert_eq!(
            written(|out| receive(out, queue, 10, 20, Some(0))),
            json!({"QueueUrl": "http://h/q", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 0})
        );
        assert_eq!(
            written(|out| delete(out, queue, br"a\/b")),
            json!({"QueueUrl": "http://h/q", "ReceiptHandle": "a/b"})
        );
        assert_eq!(
            written(|out| delete_batch(out, queue, [&b"a"[..], b"b"].into_iter())),
            json!({"QueueUrl": "http://h/q", "Entries": [{"Id": "0", "ReceiptHandle": "a"},
                {"Id": "1", "ReceiptHandle": "b"}]})
        );
        assert_eq!(written(|out| delete_queue(out, queue)), json!({"QueueUrl": "http://h/q"}));
        assert_eq!(
            written(|out| create_queue(out, "n.fifo", true)),
            json!({"QueueName": "n.fifo", "Attributes": {"VisibilityTimeout": "900", "FifoQueue": "true"}})
        );
        assert_eq!(
            written(|out| create_queue(out, "n", false))["Attributes"],
            json!({"VisibilityTimeout": "900"})
        );
    }
}
