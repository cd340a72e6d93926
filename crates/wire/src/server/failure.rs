//! Writes errors in each protocol's own form.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use moln_kernel::{ApiError, Fault, RequestId};

use super::{host_id, respond, xml_request_id};
use crate::{
    Location, Member, Protocol, Schema, ServiceModel, WriteShape,
    cbor::{self, CborWriter},
    json::{self, JsonWriter},
    loose::Loose,
    schema::Namespace,
    values::text_of,
    xml::{Dialect, XmlWriter, escape, start_tag},
};

/// An error in the protocol's own form; without a model for errors before the service is known.
pub fn error_response(
    protocol: Protocol,
    model: Option<&ServiceModel>,
    error: &ApiError,
    request_id: &RequestId,
) -> Response<Bytes> {
    let told = Told::new(protocol, model, error);
    let mut body = Vec::with_capacity(256 + error.message.len());
    match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => told.json(&mut body),
        Protocol::Query | Protocol::RestXml => told.xml(&mut body, request_id),
        Protocol::RpcV2Cbor => told.cbor(&mut body),
    }
    let mut response = respond(protocol, model, told.status(), body, request_id);
    let mut header = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    };
    if protocol == Protocol::RestJson {
        header("x-amzn-errortype", told.name());
    }
    if told.query_compatible() {
        header("x-amzn-query-error", &format!("{};{}", told.query_code(), told.fault()));
    }
    for (member, value) in told.modelled.iter().filter(|(member, _)| told.in_header(member)) {
        header(member.wire, &text_of(value));
    }
    for (name, text) in error.members.iter().filter(|(name, _)| is_header(name)) {
        header(name, text);
    }
    response
}

/// A member that is a header of the answer, whatever the shape says (S3 tells of delete markers so).
fn is_header(member: &str) -> bool {
    member.starts_with("x-") || member == "allow"
}

/// Codes that the framework of AWS's services answers by itself, whatever the service.
const COMMON: [&str; 16] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InternalFailure",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotImplemented",
    "OptInRequired",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
];

/// What is told, and how.
struct Told<'e> {
    protocol: Protocol,
    model: Option<&'e ServiceModel>,
    error: &'e ApiError,
    shape: Option<&'static Schema>,
    /// Members of the error's shape, the message among them if the shape has one.
    modelled: Vec<(&'static Member, Loose)>,
    /// What the shape does not have: name and text.
    others: Vec<(&'e str, &'e str)>,
}

impl<'e> Told<'e> {
    fn new(protocol: Protocol, model: Option<&'e ServiceModel>, error: &'e ApiError) -> Self {
        let shape = model.and_then(|model| model.error(&error.code));
        let members = shape.map_or(&[][..], |shape| shape.members);
        let mut told = Self { protocol, model, error, shape, modelled: Vec::new(), others: Vec::new() };
        match members.iter().find(|member| member.name.eq_ignore_ascii_case("message")) {
            _ if told.is_xml() => {}
            Some(member) => told.modelled.push((member, Loose::parse(member, &error.message))),
            // A shape without a message stays without one unless there is something to say.
            None if error.message.is_empty() => {}
            None => told.others.push(("message", &error.message)),
        }
        for (name, text) in error.members.iter().filter(|(name, _)| !is_header(name)) {
            match members.iter().find(|member| member.name == *name) {
                Some(member) => told.modelled.push((member, Loose::parse(member, text))),
                None => told.others.push((name, text)),
            }
        }
        told
    }

    fn is_xml(&self) -> bool {
        matches!(self.protocol, Protocol::Query | Protocol::RestXml)
    }

    /// REST protocols bind members to headers.
    fn in_header(&self, member: &Member) -> bool {
        matches!(self.protocol, Protocol::RestJson | Protocol::RestXml) && member.location == Location::Header
    }

    fn in_body(&self) -> impl Iterator<Item = (&'static Member, &Loose)> {
        self.modelled
            .iter()
            .filter(|(member, _)| !self.in_header(member))
            .map(|(member, value)| (*member, value))
    }

    /// A service that moved from the query protocol says the old codes too.
    fn query_compatible(&self) -> bool {
        let moved = matches!(self.protocol, Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor);
        moved && self.model.is_some_and(|model| model.query_compatible)
    }

    /// The modelled status of such a service is the query protocol's; in the others it is 400.
    fn status(&self) -> u16 {
        let modelled = self.shape.and_then(|shape| shape.traits.error).map(|traits| traits.status);
        let is_modelled = self.query_compatible() && modelled == Some(self.error.status);
        if is_modelled && self.error.fault == Fault::Sender { 400 } else { self.error.status }
    }

    /// The error's name without its namespace.
    fn name(&self) -> &str {
        let code: &str = &self.error.code;
        code.rsplit_once('#').map_or(code, |(_, name)| name)
    }

    /// `__type`: some services write the whole name.
    fn full_name(&self) -> String {
        let code: &str = &self.error.code;
        let namespace = self.model.map_or("", |model| model.error_namespace);
        let framework =
            self.shape.is_none() && matches!(self.protocol, Protocol::Json10 | Protocol::RpcV2Cbor);
        if code.contains('#') || namespace.is_empty() {
            code.to_owned()
        } else if framework && code == "ValidationException" {
            format!("com.amazon.coral.validate#{code}")
        } else if framework && COMMON.contains(&code) {
            format!("com.amazon.coral.service#{code}")
        } else {
            format!("{namespace}#{code}")
        }
    }

    /// The code of the query and REST-XML protocols.
    fn query_code(&self) -> &str {
        let modelled = self.shape.and_then(|shape| shape.traits.error).and_then(|traits| traits.code);
        match (self.error.query_code.as_deref().or(modelled), self.name()) {
            (Some(code), _) => code,
            (None, "SerializationException") if self.bare() => "MalformedXML",
            (None, "SerializationException") if self.is_xml() => "MalformedInput",
            (None, "ValidationException") if self.protocol == Protocol::Query => "ValidationError",
            (None, name) => name,
        }
    }

    /// The words of the query protocol, where it has its own.
    fn query_message(&self) -> &str {
        let own = self.error.query_message.as_deref().filter(|_| self.protocol == Protocol::Query);
        own.unwrap_or(&self.error.message)
    }

    fn fault(&self) -> &'static str {
        match self.error.fault {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }

    /// S3's errors have no wrapper.
    fn bare(&self) -> bool {
        self.protocol == Protocol::RestXml && self.model.is_some_and(|model| model.buckets)
    }

    fn json(&self, body: &mut Vec<u8>) {
        body.push(b'{');
        let pair = |body: &mut Vec<u8>, name: &str, value: &str| {
            if body.len() > 1 {
                body.push(b',');
            }
            json::text(body, name);
            body.push(b':');
            json::text(body, value);
        };
        if self.protocol != Protocol::RestJson {
            pair(body, "__type", &self.full_name());
        }
        for (member, value) in self.in_body() {
            JsonWriter::new(body).member(member, value);
        }
        for (name, value) in &self.others {
            pair(body, name, value);
        }
        body.push(b'}');
    }

    fn cbor(&self, body: &mut Vec<u8>) {
        cbor::head(body, cbor::Major::Map, (1 + self.in_body().count() + self.others.len()) as u64);
        cbor::text(body, "__type");
        cbor::text(body, &self.full_name());
        for (member, value) in self.in_body() {
            cbor::text(body, member.wire);
            value.write(&mut CborWriter::new(body));
        }
        for (name, value) in &self.others {
            cbor::text(body, name);
            cbor::text(body, value);
        }
    }

    fn xml(&self, body: &mut Vec<u8>, request_id: &RequestId) {
        let element = |body: &mut Vec<u8>, name: &str, value: &str| {
            start_tag(body, name, None);
            body.push(b'>');
            escape(body, value);
            body.extend_from_slice(format!("</{name}>").as_bytes());
        };
        body.extend_from_slice(b"<?xml version=\"1.0\"?>");
        let bare = self.bare();
        if !bare {
            let uri = self.model.and_then(|model| model.xml_namespace);
            start_tag(body, "ErrorResponse", uri.map(|uri| Namespace { uri, prefix: None }));
            body.push(b'>');
        }
        body.extend_from_slice(b"<Error>");
        if !bare {
            element(body, "Type", self.fault());
        }
        element(body, "Code", self.query_code());
        element(body, "Message", self.query_message());
        let dialect = if self.protocol == Protocol::Query { Dialect::Query } else { Dialect::Rest };
        for (member, value) in self.in_body() {
            XmlWriter::new(body, dialect).member(member, value);
        }
        for (name, value) in &self.others {
            element(body, name, value);
        }
        if bare {
            xml_request_id(body, request_id);
            element(body, "HostId", &host_id(request_id));
            body.extend_from_slice(b"</Error>");
        } else {
            body.extend_from_slice(b"</Error>");
            xml_request_id(body, request_id);
            body.extend_from_slice(b"</ErrorResponse>");
        }
    }
}
