//! Writes what a call answered.

use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE};
use moln_kernel::{ApiError, RequestId};

use super::{respond, xml_request_id};
use crate::{
    ByteStream, Operation, Pieces, Protocol, Schema, ServiceModel, ShapeWriter, WriteShape,
    cbor::CborWriter,
    events,
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
) -> Response<ByteStream> {
    let rest_alone = matches!(protocol, Protocol::RestJson | Protocol::RestXml);
    let mut body = Vec::with_capacity(if rest_alone { 0 } else { 512 });
    match protocol {
        Protocol::Json10 | Protocol::Json11 if operation.events_out().is_some() => {
            return json_events(protocol, model, operation, output, request_id);
        }
        Protocol::Json10 | Protocol::Json11 => output.write(&mut JsonWriter::new(&mut body)),
        Protocol::Query => query(&mut body, model, operation, output, request_id),
        Protocol::RpcV2Cbor => output.write(&mut CborWriter::new(&mut body)),
        Protocol::RestJson | Protocol::RestXml => {
            return rest(protocol, model, operation, output, request_id);
        }
    }
    respond(protocol, Some(model), operation.status, body, request_id)
}

/// A JSON answer with a stream of events: everything else is its first frame.
fn json_events(
    protocol: Protocol,
    model: &ServiceModel,
    operation: &'static Operation,
    output: &dyn WriteShape,
    request_id: &RequestId,
) -> Response<ByteStream> {
    struct Apart {
        json: Vec<u8>,
        events: ByteStream,
    }
    impl ShapeWriter for Apart {
        fn structure(&mut self, schema: &'static Schema, values: &[&dyn WriteShape]) {
            self.json.push(b'{');
            let mut writer = JsonWriter::new(&mut self.json);
            for (member, value) in schema.members.iter().zip(values).filter(|(_, value)| !value.absent()) {
                if member.target().traits.event_stream {
                    self.events = events::stream_of(*value, Codec::Json);
                } else {
                    writer.member(member, *value);
                }
            }
            self.json.push(b'}');
        }
    }
    let mut apart = Apart { json: Vec::new(), events: ByteStream::default() };
    output.write(&mut apart);
    let mut response = respond(protocol, Some(model), operation.status, Vec::new(), request_id);
    let first = match events::initial_response(apart.json) {
        Ok(first) => first,
        Err(error) => {
            return super::error_response(protocol, Some(model), &error, request_id).map(Into::into);
        }
    };
    *response.body_mut() = ByteStream::new(None, After { first: Some(first), rest: apart.events });
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(events::CONTENT_TYPE));
    response
}

/// A piece, then a stream.
struct After {
    first: Option<bytes::Bytes>,
    rest: ByteStream,
}

impl Pieces for After {
    fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<bytes::Bytes, ApiError>>> {
        match self.first.take() {
            Some(first) => std::task::Poll::Ready(Some(Ok(first))),
            None => self.rest.poll_next(cx),
        }
    }
}

fn rest(
    protocol: Protocol,
    model: &ServiceModel,
    operation: &'static Operation,
    output: &dyn WriteShape,
    request_id: &RequestId,
) -> Response<ByteStream> {
    let codec = if protocol == Protocol::RestJson { Codec::Json } else { Codec::Xml };
    let mut writer = RestWriter::new(codec, model.xml_namespace);
    if model.buckets {
        writer = writer.buckets();
    }
    output.write(&mut writer);
    let parts = writer.into_parts();
    let mut response = Response::new(ByteStream::default());
    *response.status_mut() = super::status(parts.status.unwrap_or(operation.status));
    *response.headers_mut() = parts.headers;
    super::identify(response.headers_mut(), model.buckets, request_id);
    if response.status() != StatusCode::NO_CONTENT && operation.method != Method::HEAD.as_str() {
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
