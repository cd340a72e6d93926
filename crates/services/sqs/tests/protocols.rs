//! The generated code in all three protocols SQS answers, without the queue behind it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use moln_kernel::{ApiError, Context, Endpoint, Lineage, Principal, Timestamp};
use moln_sqs::model::{
    self, GetQueueAttributesRequest, GetQueueAttributesResult, Message, MessageAttributeValue,
    ReceiveMessageRequest, ReceiveMessageResult, SendMessageRequest, SendMessageResult, Sqs,
};
use moln_wire::http::{Request, Response, request::Parts};
use moln_wire::{Hooks, Operation, Protocol, query::Params, server};

/// Answers what it was asked.
struct Echo;

impl Hooks for Echo {
    fn adopt(&self, _: &'static Operation, head: &Parts, params: &mut Params<'_>) {
        if !params.contains("QueueUrl") {
            params.insert("QueueUrl", head.uri.path().to_owned());
        }
    }
}

impl Sqs for Echo {
    async fn send_message(
        &self,
        _: &Context,
        input: SendMessageRequest,
    ) -> Result<SendMessageResult, ApiError> {
        if input.queue_url == "none" {
            return Err(model::errors::queue_does_not_exist("The specified queue does not exist."));
        }
        Ok(SendMessageResult {
            message_id: Some(input.message_body),
            sequence_number: input.delay_seconds.map(|n| n.to_string()),
            md5_of_message_attributes: input.message_attributes.map(|all| format!("{all:?}")),
            ..Default::default()
        })
    }

    async fn get_queue_attributes(
        &self,
        _: &Context,
        input: GetQueueAttributesRequest,
    ) -> Result<GetQueueAttributesResult, ApiError> {
        let names = input.attribute_names.unwrap_or_default();
        let attributes = names.into_iter().map(|name| (name, input.queue_url.clone())).collect();
        Ok(GetQueueAttributesResult { attributes: Some(attributes) })
    }

    async fn receive_message(
        &self,
        _: &Context,
        _: ReceiveMessageRequest,
    ) -> Result<ReceiveMessageResult, ApiError> {
        let value = MessageAttributeValue {
            binary_value: Some(Bytes::from_static(b"\x00\xff")),
            data_type: "Binary".into(),
            ..Default::default()
        };
        let message = |body: &str| Message {
            body: Some(body.into()),
            message_attributes: Some(BTreeMap::from([("a".to_owned(), value.clone())])),
            attributes: Some(BTreeMap::from([("SenderId".to_owned(), "me".to_owned())])),
            ..Default::default()
        };
        Ok(ReceiveMessageResult { messages: Some(vec![message("<1>"), message("\"2\"\n")]) })
    }
}

fn context() -> Context {
    Context {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        caller: None,
        principal: Principal::Anonymous,
        request_id: "11111111-2222-3333-4444-555555555555".into(),
        trace: None,
        lineage: Lineage::default(),
        endpoint: Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() }),
        source: None,
        now: Timestamp(0),
    }
}

async fn ask(protocol: Protocol, operation: &str, uri: &str, body: &str) -> (Response<Bytes>, String) {
    let index = server::operation_index(&model::MODEL, operation).expect("a modelled operation");
    let mut request = Request::builder().method("POST").uri(uri);
    if protocol == Protocol::Query {
        request = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let service = Arc::new(model::Api(Arc::new(Echo)));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let response = server::serve(service, context(), protocol, index, &head, body).await;
    let response = response.map(|body| body.whole().expect("nothing streams here"));
    let text = String::from_utf8(response.body().to_vec()).unwrap();
    (response, text)
}

async fn json(operation: &str, body: &str) -> (Response<Bytes>, String) {
    ask(Protocol::Json10, operation, "/", body).await
}

#[tokio::test]
async fn json_in_and_out() {
    let (response, text) = json(
        "SendMessage",
        r#"{ "Unknown": [1, {"a": null}], "QueueUrl": "q", "MessageBody": "h\u00e9\ud83d\ude00\n", "DelaySeconds": 5,
            "MessageAttributes": {"x": {"DataType": "Binary", "BinaryValue": "AP8="}}, "MessageGroupId": null }"#,
    )
    .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    assert_eq!(response.headers()["x-amzn-requestid"], "11111111-2222-3333-4444-555555555555");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["MessageId"], "hé😀\n");
    assert_eq!(answer["SequenceNumber"], "5");
    assert!(
        answer["MD5OfMessageAttributes"].as_str().unwrap().contains(r#"binary_value: Some(b"\0\xff")"#),
        "{answer}"
    );
}

#[tokio::test]
async fn json_errors() {
    let (response, text) = json("SendMessage", r#"{"QueueUrl": "none", "MessageBody": "x"}"#).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-query-error"], "AWS.SimpleQueueService.NonExistentQueue;Sender");
    assert_eq!(
        text,
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
    );

    let (response, text) = json("SendMessage", r#"{"DelaySeconds": 1}"#).await;
    assert_eq!(response.status(), 400);
    assert!(
        text.contains(
            "2 validation errors detected: Value null at 'queueUrl' failed to satisfy constraint: Member must not be \
             null; Value null at 'messageBody' failed to satisfy constraint: Member must not be null"
        ),
        "{text}"
    );

    for (body, message) in [
        (r#"{"QueueUrl": 1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"DelaySeconds": "1"}"#, "STRING_VALUE can not be converted to an Integer"),
        (r#"{"DelaySeconds": 99999999999}"#, "NUMBER_VALUE can not be converted to an Integer"),
        (r#"{"QueueUrl": "q""#, "Unexpected end of the JSON document"),
        (
            r#"{"QueueUrl": "q", "MessageBody": "b"} x"#,
            "Unexpected character in the JSON document at byte 38",
        ),
    ] {
        let (response, text) = json("SendMessage", body).await;
        assert_eq!(response.status(), 400);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["__type"], "com.amazon.coral.service#SerializationException", "{body}");
        assert_eq!(answer["message"], message, "{body}");
    }

    let (response, text) = json("PurgeQueue", r#"{"QueueUrl": "q"}"#).await;
    assert_eq!(response.status(), 501);
    assert!(text.contains("NotImplemented"), "{text}");
}

#[tokio::test]
async fn query_in_and_out() {
    let body = "Action=SendMessage&Version=2012-11-05&MessageBody=a+b%26%E2%82%AC&MessageAttribute.1.Name=x\
                &MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=AP8%3D&DelaySeconds=3\n";
    let (response, text) = ask(Protocol::Query, "SendMessage", "/000000000000/q", body).await;
    assert_eq!(response.status(), 200, "{text}");
    assert_eq!(response.headers()["content-type"], "text/xml");
    assert!(
        text.starts_with(
            "<?xml version=\"1.0\"?><SendMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
             <SendMessageResult>"
        ),
        "{text}"
    );
    assert!(text.contains("<MessageId>a b&amp;€</MessageId>"), "{text}");
    assert!(text.contains("<SequenceNumber>3</SequenceNumber>"), "{text}");
    assert!(text.contains("binary_value: Some(b&quot;\\0\\xff&quot;)"), "{text}");
    assert!(
        text.ends_with(
            "</SendMessageResult><ResponseMetadata><RequestId>11111111-2222-3333-4444-555555555555</RequestId>\
             </ResponseMetadata></SendMessageResponse>"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn query_lists_come_in_order_of_their_numbers() {
    let uri = "/?Action=GetQueueAttributes&QueueUrl=u&AttributeName.10=Policy&AttributeName.2=QueueArn";
    let (_, text) = ask(Protocol::Query, "GetQueueAttributes", uri, "").await;
    let attribute = |name| format!("<Attribute><Name>{name}</Name><Value>u</Value></Attribute>");
    let expected = format!(
        "<GetQueueAttributesResult>{}{}</GetQueueAttributesResult>",
        attribute("Policy"),
        attribute("QueueArn")
    );
    assert!(text.contains(&expected), "{text}");
    let (_, text) = ask(Protocol::Query, "GetQueueAttributes", "/?QueueUrl=u&AttributeName=All", "").await;
    assert!(text.contains(&attribute("All")), "{text}");
}

#[tokio::test]
async fn query_errors_and_nested_answers() {
    let (response, text) =
        ask(Protocol::Query, "SendMessage", "/", "Action=SendMessage&QueueUrl=none&MessageBody=x").await;
    assert_eq!(response.status(), 400);
    assert!(
        text.contains(
            "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
             <Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message>"
        ),
        "{text}"
    );
    let (_, text) = ask(Protocol::Query, "ReceiveMessage", "/q", "Action=ReceiveMessage").await;
    assert!(text.contains("<ReceiveMessageResult><Message>"), "{text}");
    assert!(
        text.contains("<Body>&lt;1&gt;</Body><Attribute><Name>SenderId</Name><Value>me</Value></Attribute>"),
        "{text}"
    );
    assert!(
        text.contains(
            "<MessageAttribute><Name>a</Name><Value><BinaryValue>AP8=</BinaryValue><DataType>Binary</DataType></Value>\
             </MessageAttribute></Message><Message>"
        ),
        "{text}"
    );
}
