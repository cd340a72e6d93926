//! Writes what a call answered.

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use moln_kernel::RequestId;

use super::{respond, xml_request_id};
use crate::{
    Operation, Protocol, ServiceModel, WriteShape,
    cbor::CborWriter,
    json::JsonWriter,
    rest::{Codec, RestWriter},
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
        Protocol::RpcV2Cbor => output.write(&mut CborWriter::new(&mut body)),
        Protocol::RestJson | Protocol::RestXml => {
            return rest(protocol, model, operation, output, request_id);
        }
    }
    respond(protocol, operation.status, body, request_id)
}

fn rest(
    protocol: Protocol,
    model: &ServiceModel,
    operation: &'static Operation,
    output: &dyn WriteShape,
    request_id: &RequestId,
) -> Response<Bytes> {
    let codec = if protocol == Protocol::RestJson { Codec::Json } else { Codec::Xml };
    let mut writer = RestWriter::new(codec, model.xml_namespace);
    output.write(&mut writer);
    let parts = writer.into_parts();
    let mut response = respond(protocol, parts.status.unwrap_or(operation.status), Vec::new(), request_id);
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().extend(parts.headers);
    if response.status() != StatusCode::NO_CONTENT {
        *response.body_mut() = parts.body;
    }
    response
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
