//! Deliveries to queues through the port.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction
)]

mod support;

use std::sync::{Arc, Mutex};

use moln_fabric::{
    Delivery, Target,
    outbox::{Address, Attribute, QueueTarget},
};
use moln_kernel::{
    ApiError, Context, Endpoint, Principal,
    clock::BoxFuture,
    ports::{QueueAttributeValue, QueueMessage, SendToQueue},
};
use support::{START, World};

#[derive(Default)]
struct Port {
    sent: Mutex<Vec<(Context, String, QueueMessage)>>,
    error: Mutex<Option<ApiError>>,
}

impl SendToQueue for Port {
    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        queue_arn: &'a str,
        message: QueueMessage,
    ) -> BoxFuture<'a, Result<String, ApiError>> {
        self.sent.lock().unwrap().push((ctx.clone(), queue_arn.to_owned(), message));
        let error = self.error.lock().unwrap().clone();
        Box::pin(std::future::ready(error.map_or_else(|| Ok("id".to_owned()), Err)))
    }
}

fn target(port: &Arc<Port>) -> QueueTarget {
    let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
    QueueTarget::new(Arc::clone(port) as Arc<dyn SendToQueue>, World::new().shared_clock(), endpoint)
}

fn delivery(arn: &str) -> Delivery {
    Delivery::new(Address::new(QueueTarget::KIND, arn), "body", START)
}

#[tokio::test]
async fn a_delivery_becomes_a_message() {
    let port = Arc::new(Port::default());
    let mut delivery = delivery("arn:aws:sqs:eu-west-1:123456789012:q");
    delivery.source = Some("arn:aws:sns:eu-west-1:123456789012:t".into());
    delivery.attributes.insert("text".into(), Attribute::text("v"));
    let binary = Attribute { data_type: "Binary.png".into(), value: vec![0xff, 0].into() };
    delivery.attributes.insert("binary".into(), binary);
    delivery.lineage.hops.push("arn:x".into());
    delivery.trace = Some("Root=1".into());
    target(&port).deliver(&delivery).await.unwrap();
    let (ctx, arn, message) = port.sent.lock().unwrap().remove(0);
    assert_eq!(arn, "arn:aws:sqs:eu-west-1:123456789012:q");
    assert_eq!((ctx.account.as_str(), ctx.region.as_str()), ("123456789012", "eu-west-1"));
    assert_eq!(ctx.principal, Principal::Arn("arn:aws:sns:eu-west-1:123456789012:t".into()));
    assert_eq!((ctx.lineage, ctx.trace.as_deref()), (delivery.lineage, Some("Root=1")));
    assert_eq!((&*message.body, message.group_id, message.deduplication_id), ("body", None, None));
    assert!(matches!(&message.attributes["text"].value, QueueAttributeValue::Text(text) if text == "v"));
    assert!(
        matches!(&message.attributes["binary"].value, QueueAttributeValue::Binary(b) if b[..] == [0xff, 0])
    );
}

#[tokio::test]
async fn a_repetition_can_be_recognised_by_a_fifo_queue() {
    let port = Arc::new(Port::default());
    let mut delivery = delivery("arn:aws:sqs:eu-west-1:123456789012:q.fifo");
    delivery.group_id = Some("g".into());
    let target = target(&port);
    target.deliver(&delivery).await.unwrap();
    target.deliver(&delivery).await.unwrap();
    let sent = port.sent.lock().unwrap();
    assert_eq!(sent[0].2.group_id.as_deref(), Some("g"));
    assert!(sent[0].2.deduplication_id.is_some());
    assert_eq!(sent[0].2.deduplication_id, sent[1].2.deduplication_id);
}

#[tokio::test]
async fn errors_pass_or_stay() {
    let port = Arc::new(Port::default());
    let queue = delivery("arn:aws:sqs:eu-west-1:123456789012:q");
    for (error, permanent) in [
        (ApiError::sender("QueueDoesNotExist", ""), true),
        (ApiError::sender("AccessDenied", "").with_status(403), true),
        (ApiError::sender("RequestThrottled", ""), false),
        (ApiError::sender("OverLimit", "").with_status(403), false),
        (ApiError::internal(""), false),
    ] {
        *port.error.lock().unwrap() = Some(error.clone());
        let failure = target(&port).deliver(&queue).await.unwrap_err();
        assert_eq!((failure.permanent, &failure.code), (permanent, &error.code));
    }
    *port.error.lock().unwrap() = None;
    for arn in ["nonsense", "arn:aws:sqs:::q"] {
        assert!(target(&port).deliver(&delivery(arn)).await.unwrap_err().permanent);
    }
    let mut binary = queue;
    binary.payload = vec![0xff].into();
    assert!(target(&port).deliver(&binary).await.unwrap_err().permanent);
}
