use http::Request;
use moln_wire::{Hooks, Operation, ShapeReader};

use super::*;

/// A service of which only the model matters.
struct Modelled(&'static ServiceModel);

impl Hooks for Modelled {}

impl Service for Modelled {
    fn model(&self) -> &'static ServiceModel {
        self.0
    }
    fn call(
        self: Arc<Self>,
        _: moln_kernel::Context,
        _: usize,
        _: &mut dyn ShapeReader,
    ) -> Result<moln_wire::Answer, ApiError> {
        Err(ApiError::internal("only routed to"))
    }
    fn hooks(&self) -> &dyn Hooks {
        self
    }
}

const QUEUES: &ServiceModel = &ServiceModel {
    signing_name: "sqs",
    endpoint_prefix: "sqs",
    api_version: "2012-11-05",
    target_prefix: Some("AmazonSQS"),
    protocols: &[Protocol::Json10, Protocol::Query],
    operations: &[Operation::new("ListQueues"), Operation::new("SendMessage")],
    ..ServiceModel::NONE
};
const TABLES: &ServiceModel = &ServiceModel {
    signing_name: "dynamodb",
    endpoint_prefix: "dynamodb",
    target_prefix: Some("DynamoDB_20120810"),
    protocols: &[Protocol::Json10],
    operations: &[Operation::new("ListTables")],
    ..ServiceModel::NONE
};
const STREAMS: &ServiceModel = &ServiceModel {
    signing_name: "dynamodb",
    endpoint_prefix: "streams.dynamodb",
    target_prefix: Some("DynamoDBStreams_20120810"),
    protocols: &[Protocol::Json10],
    operations: &[Operation::new("ListStreams")],
    ..ServiceModel::NONE
};
const FUNCTIONS: &ServiceModel = &ServiceModel {
    signing_name: "lambda",
    endpoint_prefix: "lambda",
    protocols: &[Protocol::RestJson],
    operations: &[Operation {
        method: "GET",
        uri: "/2015-03-31/functions",
        ..Operation::new("ListFunctions")
    }],
    ..ServiceModel::NONE
};
const ALARMS: &ServiceModel = &ServiceModel {
    signing_name: "monitoring",
    endpoint_prefix: "monitoring",
    api_version: "2010-08-01",
    target_prefix: Some("GraniteServiceVersion20100801"),
    protocols: &[Protocol::RpcV2Cbor, Protocol::Json10, Protocol::Query],
    operations: &[Operation::new("ListMetrics")],
    ..ServiceModel::NONE
};

fn router() -> Router {
    let queue_path = |head: &Parts| head.uri.path().starts_with("/000000000000/");
    Router::new(vec![
        Registration::new(Arc::new(Modelled(QUEUES))).aliases(&["queue"]).claims(queue_path).body_limit(7),
        Registration::new(Arc::new(Modelled(TABLES))),
        Registration::new(Arc::new(Modelled(STREAMS))),
        Registration::new(Arc::new(Modelled(FUNCTIONS))),
        Registration::new(Arc::new(Modelled(ALARMS))),
    ])
}

/// Routes `METHOD url` with headers and a body; gives `service.Operation protocol`, or the error.
fn route(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let router = router();
    let (method, url) = line.split_once(' ').unwrap();
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut request = Request::builder().method(method).uri(format!("/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let head = request.body(()).unwrap().into_parts().0;
    let signed = Presented::read(&head.uri, &head.headers).unwrap();
    let addressed = router.service(&head, authority, signed.as_ref());
    match router.operation(&addressed, &head, body.as_bytes(), signed.as_ref()) {
        Ok(Routed { service, protocol, operation }) => {
            let model = router.get(service).unwrap().model();
            format!("{}.{} {protocol:?}", model.signing_name, model.operations[operation].name)
        }
        Err(Lost::UnknownOperation) => "unknown".into(),
        Err(Lost::Error(protocol, _, error)) => format!("{} {} {protocol:?}", error.status, error.code),
    }
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

const HERE: &str = "http://127.0.0.1:4566";
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

#[test]
fn by_target() {
    let post = format!("POST {HERE}/");
    let call = |kind, target| route(&post, &[kind, ("x-amz-target", target)], "{}");
    assert_eq!(call(JSON, "AmazonSQS.SendMessage"), "sqs.SendMessage Json10");
    assert_eq!(
        call(("content-type", "application/x-amz-json-1.1"), "AmazonSQS.SendMessage"),
        "sqs.SendMessage Json10"
    );
    assert_eq!(call(JSON, "DynamoDBStreams_20120810.ListStreams"), "dynamodb.ListStreams Json10");
    assert_eq!(call(JSON, "AmazonSQS.Fly"), "400 UnknownOperationException Json10");
    assert_eq!(call(JSON, "AmazonSQS"), "400 UnknownOperationException Json10");
    assert_eq!(call(JSON, "Nobody.Fly"), "501 NotImplemented Json10");
    assert_eq!(call(("content-type", "text/plain"), "AmazonSQS.SendMessage"), "unknown");
    // To a queue's URL, as some SDKs do.
    let there = format!("POST {HERE}/000000000000/q");
    assert_eq!(
        route(&there, &[JSON, ("x-amz-target", "AmazonSQS.SendMessage")], "{}"),
        "sqs.SendMessage Json10"
    );
}

#[test]
fn by_action() {
    let sqs = scope("sqs");
    let signed = [FORM, ("authorization", sqs.as_str())];
    assert_eq!(
        route(&format!("POST {HERE}/"), &signed, "Action=ListQueues&Version=2012-11-05"),
        "sqs.ListQueues Query"
    );
    assert_eq!(route(&format!("POST {HERE}/?Action=ListQueues"), &signed[1..], ""), "sqs.ListQueues Query");
    assert_eq!(route(&format!("POST {HERE}/"), &signed, "Action=Fly"), "400 InvalidAction Query");
    assert_eq!(route(&format!("POST {HERE}/"), &signed, ""), "unknown");
    assert_eq!(
        route(&format!("POST {HERE}/"), &[FORM], "Version=2012-11-05&Action=SendMessage"),
        "sqs.SendMessage Query"
    );
    assert_eq!(
        route(&format!("POST {HERE}/"), &[FORM], "Action=ListMetrics"),
        "monitoring.ListMetrics Query"
    );
    assert_eq!(
        route(&format!("POST {HERE}/"), &[FORM], "Action=ListQueues&Version=1999-01-01"),
        "501 NotImplemented Query"
    );
    let sns = scope("sns");
    let other = [FORM, ("authorization", sns.as_str())];
    assert_eq!(route(&format!("POST {HERE}/"), &other, "Action=Publish"), "501 NotImplemented Query");
}

#[test]
fn by_host_and_path_of_queues() {
    for url in [
        "http://sqs.us-east-1.amazonaws.com/000000000000/q",
        "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q",
        "http://us-east-1.queue.amazonaws.com/000000000000/q",
        "http://us-east-1.queue.localhost.localstack.cloud:4566/000000000000/q",
        "http://queue.amazonaws.com/000000000000/q",
        "http://queue.localhost.localstack.cloud:4566/000000000000/q",
        "http://sqs.us-east-1.localhost:4566/000000000000/q",
        "http://127.0.0.1:4566/000000000000/q",
        "http://localhost:4566/000000000000/q",
        "http://localhost:4566/queue/us-east-1/000000000000/q",
    ] {
        assert_eq!(
            route(&format!("GET {url}?Action=SendMessage&MessageBody=x"), &[], ""),
            "sqs.SendMessage Query",
            "{url}"
        );
        assert_eq!(
            route(&format!("POST {url}"), &[FORM], "Action=SendMessage"),
            "sqs.SendMessage Query",
            "{url}"
        );
        assert_eq!(route(&format!("GET {url}"), &[], ""), "unknown", "{url}");
        assert_eq!(route(&format!("DELETE {url}?Action=SendMessage"), &[], ""), "unknown", "{url}");
    }
}

#[test]
fn by_rest_route_and_cbor_path() {
    let lambda = scope("lambda");
    let signed = [("authorization", lambda.as_str())];
    assert_eq!(
        route(&format!("GET {HERE}/2015-03-31/functions"), &signed, ""),
        "lambda.ListFunctions RestJson"
    );
    assert_eq!(route(&format!("GET {HERE}/nowhere"), &signed, ""), "404 UnknownOperationException RestJson");
    let host = "http://lambda.us-east-1.amazonaws.com/2015-03-31/functions";
    assert_eq!(route(&format!("GET {host}"), &[], ""), "lambda.ListFunctions RestJson");
    let cbor = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
    let path = "service/GraniteServiceVersion20100801/operation/ListMetrics";
    assert_eq!(route(&format!("POST {HERE}/{path}"), &cbor, ""), "monitoring.ListMetrics RpcV2Cbor");
    assert_eq!(route(&format!("POST {HERE}/{path}s"), &cbor, ""), "404 UnknownOperationException RpcV2Cbor");
    assert_eq!(
        route(&format!("POST {HERE}/service/X/operation/Y"), &cbor, ""),
        "501 NotImplemented RpcV2Cbor"
    );
}

#[test]
fn signing_names_that_are_shared() {
    let dynamodb = scope("dynamodb");
    let router = router();
    let head =
        Request::builder().uri("/").header("authorization", &dynamodb).body(()).unwrap().into_parts().0;
    let signed = Presented::read(&head.uri, &head.headers).unwrap();
    for (host, service) in
        [("dynamodb.us-east-1.amazonaws.com", 1), ("streams.dynamodb.us-east-1.amazonaws.com", 2), ("x", 1)]
    {
        assert_eq!(router.service(&head, host, signed.as_ref()).service, Some(service), "{host}");
    }
}

#[test]
fn a_signed_request_for_a_service_that_is_not_here_goes_nowhere() {
    let s3 = scope("s3");
    assert_eq!(
        route(&format!("GET {HERE}/000000000000/q"), &[("authorization", &s3)], ""),
        "501 NotImplemented RestJson"
    );
}

#[test]
fn limits_are_the_services_own() {
    let router = router();
    assert_eq!((router.body_limit(Some(0)), router.body_limit(Some(1))), (7, DEFAULT_BODY_LIMIT));
    assert_eq!(
        (router.body_limit(None), router.body_limit(Some(99))),
        (DEFAULT_BODY_LIMIT, DEFAULT_BODY_LIMIT)
    );
}
