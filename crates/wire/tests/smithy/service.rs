//! A service made of one case: notes its input, answers the case's result or error.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

use bytes::Bytes;
use http::{Response, request::Parts};
use moln_codegen::model::{Ordered, Shape};
use moln_kernel::{ApiError, Context, Endpoint, Lineage, Principal, Timestamp};
use moln_wire::{
    Answer, Hooks, Operation, Protocol, Schema, Service, ServiceModel, ShapeReader, answer, schema::UNIT,
    server,
};
use serde_json::Value as Json;

use crate::{
    schema::{self, keep, keep_text},
    value::Value,
};

/// See the module.
pub(crate) struct Probe {
    pub(crate) model: &'static ServiceModel,
    pub(crate) input: Mutex<Option<Value>>,
    pub(crate) output: Result<Value, ApiError>,
}

impl Hooks for Probe {}

impl Service for Probe {
    fn model(&self) -> &'static ServiceModel {
        self.model
    }
    fn hooks(&self) -> &dyn Hooks {
        self
    }
    fn call(
        self: Arc<Self>,
        _: Context,
        operation: usize,
        input: &mut dyn ShapeReader,
    ) -> Result<Answer, ApiError> {
        let read = Value::read(self.model.operations[operation].input, false, input);
        let read = read.map_err(|error| ApiError::sender("SerializationException", error.message))?;
        *self.input.lock().unwrap() = Some(read);
        let output = self.output.clone();
        Ok(answer(async move { output }))
    }
}

/// The model of a suite, with the case's operation.
pub(crate) fn model(
    suite: &Json,
    case: &Json,
) -> (Protocol, &'static ServiceModel, HashMap<String, &'static Schema>) {
    let text = |json: &Json| json.as_str().map(keep_text);
    let shapes: Ordered<Shape> = serde_json::from_value(suite["shapes"].clone()).expect("shapes");
    let schemas = schema::build(&shapes);
    let (metadata, given) = (&suite["metadata"], &case["given"]);
    let protocol = match (metadata["protocol"].as_str().unwrap(), metadata["jsonVersion"].as_str()) {
        ("json", Some("1.0")) => Protocol::Json10,
        ("json", _) => Protocol::Json11,
        ("query", _) => Protocol::Query,
        ("rest-json", _) => Protocol::RestJson,
        ("rest-xml", _) => Protocol::RestXml,
        ("smithy-rpc-v2-cbor", _) => Protocol::RpcV2Cbor,
        other => panic!("unknown protocol {other:?}"),
    };
    let shape = |side: &str| given[side]["shape"].as_str().map(|name| schemas[name]);
    let operation = Operation {
        name: text(&given["name"]).expect("a name"),
        method: text(&given["http"]["method"]).expect("a method"),
        uri: text(&given["http"]["requestUri"]).expect("a URI"),
        status: given["http"]["responseCode"].as_u64().map_or(200, |status| status.try_into().unwrap()),
        input: shape("input").unwrap_or(&UNIT),
        output: shape("output").unwrap_or(&UNIT),
        result_wrapper: shape("output").is_some_and(|schema| !schema.members.is_empty()),
        implemented: true,
    };
    let mut errors: Vec<&'static Schema> =
        schemas.values().copied().filter(|schema| schema.traits.error.is_some()).collect();
    errors.sort_by_key(|schema| schema.name);
    let model = ServiceModel {
        service_id: "Protocol",
        api_version: text(&metadata["apiVersion"]).unwrap_or_default(),
        target_prefix: text(&metadata["targetPrefix"]),
        // The query cases' answers are written for this namespace, which their metadata do not name.
        xml_namespace: text(&metadata["xmlNamespace"])
            .or((protocol == Protocol::Query).then_some("https://example.com/")),
        query_compatible: metadata.get("awsQueryCompatible").is_some(),
        protocols: vec![protocol].leak(),
        operations: vec![operation].leak(),
        errors: errors.leak(),
        ..ServiceModel::NONE
    };
    (protocol, keep(model), schemas)
}

/// Serves one request.
pub(crate) fn serve(probe: &Arc<Probe>, protocol: Protocol, head: &Parts, body: Bytes) -> Response<Bytes> {
    let ctx = Context {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        caller: None,
        principal: Principal::Anonymous,
        request_id: "foo-id".into(),
        trace: None,
        lineage: Lineage::default(),
        endpoint: Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() }),
        source: None,
        now: Timestamp(0),
    };
    let service: Arc<dyn Service> = Arc::<Probe>::clone(probe);
    let mut work = pin!(server::serve(service, ctx, protocol, 0, head, body));
    match work.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response.map(|body| body.whole().expect("nothing streams here")),
        Poll::Pending => panic!("nothing waits here"),
    }
}
