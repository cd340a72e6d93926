//! Where the outcome of an asynchronous event is told: queues, topics, functions, event buses, buckets. They are other
//! services' and reached through ports; one that is not there is a failure that says so.

pub(crate) mod record;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use moln_kernel::{
    ApiError, Arn, Context, Timestamp,
    ids::Uuid,
    ports::{
        BusEvent, Objects, PublishToTopic, PutEvent, QueueAttributeValue, QueueMessage,
        QueueMessageAttribute, SendToQueue,
    },
};

/// The services beside Lambda that take what events come to. What is `None` is not there.
#[derive(Clone, Default)]
pub(crate) struct Destinations {
    /// SQS.
    pub(crate) queues: Option<Arc<dyn SendToQueue>>,
    /// SNS.
    pub(crate) topics: Option<Arc<dyn PublishToTopic>>,
    /// `EventBridge`.
    pub(crate) buses: Option<Arc<dyn PutEvent>>,
    /// S3.
    pub(crate) objects: Option<Arc<dyn Objects>>,
}

/// What kind of resource a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue,
    Topic,
    Function,
    Bus,
    Bucket,
}

impl Kind {
    /// What an ARN names; `None`: nothing that takes records.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok()?;
        match arn.service() {
            "sqs" => Some(Self::Queue),
            "sns" => Some(Self::Topic),
            "lambda" => arn.resource().starts_with("function:").then_some(Self::Function),
            "events" => arn.resource().starts_with("event-bus/").then_some(Self::Bus),
            "s3" => Some(Self::Bucket),
            _ => None,
        }
    }
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Parcel<'a> {
    /// The destination's ARN.
    pub(crate) to: &'a str,
    /// A record, or the event itself.
    pub(crate) body: Bytes,
    /// Message attributes of a dead letter.
    pub(crate) attributes: &'a BTreeMap<String, (String, String)>,
    /// The function's name.
    pub(crate) function: &'a str,
    /// The function's ARN with the qualifier.
    pub(crate) function_arn: &'a str,
    /// Whether the event came to a good end.
    pub(crate) success: bool,
    /// When it is sent.
    pub(crate) now: Timestamp,
}

/// Whether a queue's ARN names a FIFO queue: its name says so.
pub(crate) fn is_fifo(arn: &str) -> bool {
    arn.as_bytes().ends_with(b".fifo")
}

fn missing(what: &str) -> ApiError {
    ApiError {
        status: 501,
        ..ApiError::sender("NotImplemented", format!("There is no {what} here to send to."))
    }
}

impl Destinations {
    /// Sends to whatever is not a function. Durable once it resolves.
    pub(crate) async fn send(&self, ctx: &Context, kind: Kind, parcel: &Parcel<'_>) -> Result<(), ApiError> {
        let text = || String::from_utf8_lossy(&parcel.body).into_owned();
        match kind {
            Kind::Queue => {
                let queues = self.queues.as_ref().ok_or_else(|| missing("SQS"))?;
                let fifo = is_fifo(parcel.to);
                let message = QueueMessage {
                    body: text(),
                    attributes: attributes(parcel),
                    group_id: fifo.then(|| parcel.function.to_owned()),
                    deduplication_id: fifo.then(|| Uuid::random().as_str().to_owned()),
                };
                queues.send(ctx, parcel.to, message).await.map(drop)
            }
            Kind::Topic => {
                let topics = self.topics.as_ref().ok_or_else(|| missing("SNS"))?;
                topics.publish(ctx, parcel.to, None, text(), attributes(parcel)).await.map(drop)
            }
            Kind::Bus => {
                let buses = self.buses.as_ref().ok_or_else(|| missing("EventBridge"))?;
                let result = if parcel.success { "Success" } else { "Failure" };
                let event = BusEvent {
                    source: "lambda".to_owned(),
                    detail_type: format!("Lambda Function Invocation Result - {result}"),
                    detail: text(),
                    resources: vec![parcel.to.to_owned(), parcel.function_arn.to_owned()],
                };
                buses.put(ctx, parcel.to, event).await.map(drop)
            }
            Kind::Bucket => {
                let objects = self.objects.as_ref().ok_or_else(|| missing("S3"))?;
                let bucket = parcel.to.rsplit(':').next().unwrap_or_default();
                let key = object_key(parcel);
                let json = Some("application/json");
                objects.write(ctx, bucket, &key, parcel.body.clone(), json, BTreeMap::new()).await.map(drop)
            }
            Kind::Function => Err(missing("function")),
        }
    }
}

fn attributes(parcel: &Parcel<'_>) -> BTreeMap<String, QueueMessageAttribute> {
    let attribute = |(name, (data_type, value)): (&String, &(String, String))| {
        let value = QueueAttributeValue::Text(value.clone());
        (name.clone(), QueueMessageAttribute { data_type: data_type.clone(), value })
    };
    parcel.attributes.iter().map(attribute).collect()
}

/// `aws/lambda/async/NAME/2026/11/21/2026-11-21T05.30.00-UUID`
fn object_key(parcel: &Parcel<'_>) -> String {
    let moment = record::timestamp(parcel.now);
    let (day, time) = moment.split_once('T').unwrap_or_default();
    let time = time.get(..8).unwrap_or_default();
    format!(
        "aws/lambda/async/{}/{}/{day}T{}-{}",
        parcel.function,
        day.replace('-', "/"),
        time.replace(':', "."),
        Uuid::random().as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_known_by_their_arns() {
        for (arn, kind) in [
            ("arn:aws:sqs:us-east-1:000000000000:q", Some(Kind::Queue)),
            ("arn:aws:sns:us-east-1:000000000000:t", Some(Kind::Topic)),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:1", Some(Kind::Function)),
            ("arn:aws:lambda:us-east-1:000000000000:layer:l", None),
            ("arn:aws:events:us-east-1:000000000000:event-bus/default", Some(Kind::Bus)),
            ("arn:aws:events:us-east-1:000000000000:rule/r", None),
            ("arn:aws:s3:::bucket", Some(Kind::Bucket)),
            ("arn:aws:dynamodb:us-east-1:000000000000:table/t", None),
            ("nonsense", None),
        ] {
            assert_eq!(Kind::of(arn), kind, "{arn}");
        }
    }

    #[test]
    fn objects_are_filed_by_day() {
        let parcel = Parcel {
            to: "arn:aws:s3:::bucket",
            body: Bytes::new(),
            attributes: &BTreeMap::new(),
            function: "f",
            function_arn: "arn",
            success: false,
            now: Timestamp(1_800_000_000_000),
        };
        let key = object_key(&parcel);
        assert!(key.starts_with("aws/lambda/async/f/2027/01/15/2027-01-15T08.00.00-"), "{key}");
    }
}
