//! How fast a queue's messages go through an event source mapping to a function.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api::Api;
use crate::error::{Error, Result};

/// Messages in a batch, of those sent and of those the function gets.
const BATCH: u32 = 10;
/// Longest wait for the queue to become empty.
const PATIENCE: Duration = Duration::from_mins(2);

/// Queues messages, maps the queue to the function, and waits until every message was processed: messages a second, the
/// making of the mapping included.
pub(super) async fn through(api: &Api, function: &str, messages: u32) -> Result<f64> {
    let mut client = api.connect().await?;
    let made = client.sqs("CreateQueue", &json!({ "QueueName": format!("{function}-queue") })).await?;
    let url = made.get("QueueUrl").cloned().unwrap_or_default();
    for first in (0..messages).step_by(BATCH as usize) {
        let entry = |id: u32| json!({ "Id": id.to_string(), "MessageBody": format!("message {id}") });
        let entries: Vec<Value> = (first..first + BATCH).map(entry).collect();
        client.sqs("SendMessageBatch", &json!({ "QueueUrl": url, "Entries": entries })).await?;
    }
    let begun = Instant::now();
    client.map(function, &format!("{function}-queue"), BATCH).await?;
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let ask = json!({ "QueueUrl": url, "AttributeNames": names });
    loop {
        let found = client.sqs("GetQueueAttributes", &ask).await?;
        let none = |name: &str| found.pointer(&format!("/Attributes/{name}")).is_some_and(|n| n == "0");
        if names.into_iter().all(none) {
            return Ok(f64::from(messages) / begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::usage(format!("the queue does not become empty: {found}")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
