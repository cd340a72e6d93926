//! A queue's message as a function gets it: members and their order as AWS writes them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::ports::{QueueAttributeValue, QueueMessageAttribute, ReceivedMessage};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// System attributes in the order in which they are told.
const SYSTEM: [&str; 9] = [
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
];

/// `Records[n]`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    #[serde(serialize_with = "system")]
    attributes: &'a BTreeMap<String, String>,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    md5_of_message_attributes: Option<&'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [&'static str; 0],
    binary_list_values: [&'static str; 0],
    data_type: &'a str,
}

impl<'a> From<&'a QueueMessageAttribute> for Attribute<'a> {
    fn from(attribute: &'a QueueMessageAttribute) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            QueueAttributeValue::Text(text) => (Some(text.as_str()), None),
            QueueAttributeValue::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        let data_type = &attribute.data_type;
        Self { string_value, binary_value, string_list_values: [], binary_list_values: [], data_type }
    }
}

fn system<S: Serializer>(attributes: &BTreeMap<String, String>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for name in SYSTEM {
        if let Some(value) = attributes.get(name) {
            map.serialize_entry(name, value)?;
        }
    }
    map.end()
}

/// The record of a message of a queue.
pub(crate) fn sqs(message: &ReceivedMessage, queue_arn: &str, region: &str) -> Bytes {
    let attributes = message.attributes.iter().map(|(name, each)| (name.as_str(), each.into()));
    let record = SqsRecord {
        message_id: &message.id,
        receipt_handle: &message.receipt_handle,
        body: &message.body,
        attributes: &message.system,
        message_attributes: attributes.collect(),
        md5_of_message_attributes: message.attributes_md5.as_deref(),
        md5_of_body: &message.body_md5,
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: region,
    };
    // Texts in a structure can always be written.
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// The event of a batch.
pub(crate) fn event<'a>(records: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut event = b"{\"Records\":[".to_vec();
    for (n, record) in records.enumerate() {
        if n > 0 {
            event.push(b',');
        }
        event.extend_from_slice(record);
    }
    event.extend_from_slice(b"]}");
    event.into()
}

#[cfg(test)]
pub(crate) mod tests {
    use moln_kernel::Lineage;

    use super::*;

    pub(crate) fn message(body: &str) -> ReceivedMessage {
        ReceivedMessage {
            id: "id".into(),
            receipt_handle: "handle".into(),
            body: body.into(),
            body_md5: "md5".into(),
            attributes_md5: None,
            attributes: BTreeMap::new(),
            system: [("SenderId", "me"), ("SentTimestamp", "5"), ("ApproximateReceiveCount", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            lineage: Lineage::default(),
        }
    }

    #[test]
    fn members_stand_in_their_order() {
        let mut message = message("{\"a\": \"ü\"}");
        let text = |value: &str| QueueMessageAttribute {
            data_type: "Number".into(),
            value: QueueAttributeValue::Text(value.into()),
        };
        message.attributes.insert("n".into(), text("6"));
        let binary = QueueAttributeValue::Binary(Bytes::from_static(b"\x00\xff"));
        let binary = QueueMessageAttribute { data_type: "Binary.x".into(), value: binary };
        message.attributes.insert("b".into(), binary);
        let record = sqs(&message, "arn:q", "eu-west-1");
        assert_eq!(
            String::from_utf8_lossy(&event([record].iter())),
            concat!(
                r#"{"Records":[{"messageId":"id","receiptHandle":"handle","body":"{\"a\": \"ü\"}","#,
                r#""attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"5","SenderId":"me"},"#,
                r#""messageAttributes":{"b":{"binaryValue":"AP8=","stringListValues":[],"binaryListValues":[],"#,
                r#""dataType":"Binary.x"},"n":{"stringValue":"6","stringListValues":[],"binaryListValues":[],"#,
                r#""dataType":"Number"}},"md5OfMessageAttributes":null,"md5OfBody":"md5","eventSource":"aws:sqs","#,
                r#""eventSourceARN":"arn:q","awsRegion":"eu-west-1"}]}"#
            )
        );
    }
}
