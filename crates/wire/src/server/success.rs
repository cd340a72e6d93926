//! Writes what a call answered.

use bytes::Bytes;
use http::Response;
use moln_kernel::RequestId;

use super::{respond, xml_request_id};
use crate::{
    Operation, Protocol, ServiceModel, WriteShape,
    json::JsonWriter,
    schema::Namespace,
    xml::{Dialect, XmlWriter, start_tag},
};

/// The response of a success.
pub(super) fn response(
    protocol: Protocol,
    model: &ServiceModel,
    operation: &'static Operation,
    output: &dyn WriteShape,
    request_id: &RequestId,
) -> Response<Bytes> {
    let mut body = Vec::with_capacity(512);
    match protocol {
        Protocol::Json10 | Protocol::Json11 => output.write(&mut JsonWriter::new(&mut body)),
        Protocol::Query => query(&mut body, model, operation, output, request_id),
        Protocol::RestJson | Protocol::RestXml | Protocol::RpcV2Cbor => {}
    }
    respond(protocol, operation.status, body, request_id)
}

/// `<SendMessageResponse xmlns="…"><SendMessageResult>…</SendMessageResult><ResponseMetadata>…`
fn query(
    body: &mut Vec<u8>,
    model: &ServiceModel,
    operation: &'static Operation,
    output: &dyn WriteShape,
    request_id: &RequestId,
) {
    body.extend_from_slice(b"<?xml version=\"1.0\"?>");
    let name = format!("{}Response", operation.name);
    start_tag(body, &name, model.xml_namespace.map(|uri| Namespace { uri, prefix: None }));
    body.push(b'>');
    if operation.result_wrapper {
        let name = format!("{}Result", operation.name);
        XmlWriter::new(body, Dialect::Query).root(&name, None, output);
    }
    body.extend_from_slice(b"<ResponseMetadata>");
    xml_request_id(body, request_id);
    body.extend_from_slice(format!("</ResponseMetadata></{name}>").as_bytes());
}
