//! Writes errors in each protocol's own form.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use moln_kernel::{ApiError, Fault, RequestId};

use super::{respond, xml_request_id};
use crate::{
    Kind, Location, Protocol, Schema, ServiceModel, cbor, json,
    schema::Namespace,
    xml::{escape, start_tag},
};

/// An error in the protocol's own form; without a model for errors before the service is known.
pub fn error_response(
    protocol: Protocol,
    model: Option<&ServiceModel>,
    error: &ApiError,
    request_id: &RequestId,
) -> Response<Bytes> {
    let shape = model.and_then(|model| model.error(&error.code));
    let told = Told { protocol, model, error, shape };
    let mut body = Vec::with_capacity(256 + error.message.len());
    match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => told.json(&mut body),
        Protocol::Query | Protocol::RestXml => told.xml(&mut body, request_id),
        Protocol::RpcV2Cbor => told.cbor(&mut body),
    }
    let mut response = respond(protocol, error.status, body, request_id);
    let mut header = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    };
    if protocol == Protocol::RestJson {
        header("x-amzn-errortype", told.name());
    }
    let speaks_json = matches!(protocol, Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor);
    if speaks_json && model.is_some_and(|model| model.query_compatible) {
        header("x-amzn-query-error", &format!("{};{}", told.query_code(), told.fault()));
    }
    for (name, value) in &error.members {
        if let Some(member) = told.member(name).filter(|_| !speaks_json && protocol != Protocol::Query)
            && member.location == Location::Header
        {
            header(member.wire, value);
        }
    }
    response
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
}

impl Told<'_> {
    /// The error's name without its namespace.
    fn name(&self) -> &str {
        let code: &str = &self.error.code;
        code.rsplit_once('#').map_or(code, |(_, name)| name)
    }

    /// `__type`: some services write the whole name.
    fn full_name(&self) -> String {
        let code: &str = &self.error.code;
        let namespace = self.model.map_or("", |model| model.error_namespace);
        let whole = self.protocol == Protocol::Json10 || self.protocol == Protocol::RpcV2Cbor;
        match () {
            () if code.contains('#') || namespace.is_empty() => code.to_owned(),
            () if self.shape.is_some() || !whole => format!("{namespace}#{code}"),
            () if code == "ValidationException" => format!("com.amazon.coral.validate#{code}"),
            () if COMMON.contains(&code) => format!("com.amazon.coral.service#{code}"),
            () => format!("{namespace}#{code}"),
        }
    }

    /// The code of the query and REST-XML protocols.
    fn query_code(&self) -> &str {
        let modelled = self.shape.and_then(|shape| shape.traits.error).and_then(|traits| traits.code);
        match (self.error.query_code.as_deref().or(modelled), self.name()) {
            (Some(code), _) => code,
            (None, "SerializationException") if self.model.is_some_and(|model| model.bare_errors) => {
                "MalformedXML"
            }
            (None, "SerializationException") if self.is_xml() => "MalformedInput",
            (None, "ValidationException") if self.protocol == Protocol::Query => "ValidationError",
            (None, name) => name,
        }
    }

    fn is_xml(&self) -> bool {
        matches!(self.protocol, Protocol::Query | Protocol::RestXml)
    }

    fn fault(&self) -> &'static str {
        match self.error.fault {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }

    fn member(&self, name: &str) -> Option<&'static crate::Member> {
        self.shape.and_then(|shape| shape.members.iter().find(|member| member.name == name))
    }

    /// Name of the message's member, as the shape has it.
    fn message_name(&self) -> &'static str {
        let members = self.shape.map_or(&[][..], |shape| shape.members);
        members.iter().find(|m| m.name.eq_ignore_ascii_case("message")).map_or("message", |m| m.wire)
    }

    /// Further members that stand in the body: wire name, value, whether it is a number or a boolean.
    fn members(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        self.error.members.iter().filter_map(|(name, value)| {
            let member = self.member(name);
            let in_header = member.is_some_and(|m| m.location != Location::Body);
            let rest = matches!(self.protocol, Protocol::RestJson | Protocol::RestXml);
            let bare = member.is_some_and(|m| match m.target().kind {
                Kind::Integer | Kind::Long => value.parse::<i64>().is_ok(),
                Kind::Float | Kind::Double | Kind::Timestamp => {
                    value.parse::<f64>().is_ok_and(f64::is_finite)
                }
                Kind::Boolean => value == "true" || value == "false",
                _ => false,
            });
            (!(in_header && rest)).then_some((member.map_or(*name, |m| m.wire), value.as_str(), bare))
        })
    }

    fn json(&self, body: &mut Vec<u8>) {
        body.push(b'{');
        let mut pair = |name: &str, value: &str, bare: bool| {
            if body.len() > 1 {
                body.push(b',');
            }
            json::text(body, name);
            body.push(b':');
            if bare { body.extend_from_slice(value.as_bytes()) } else { json::text(body, value) }
        };
        if self.protocol != Protocol::RestJson {
            pair("__type", &self.full_name(), false);
        }
        pair(self.message_name(), &self.error.message, false);
        for (name, value, bare) in self.members() {
            pair(name, value, bare);
        }
        body.push(b'}');
    }

    fn cbor(&self, body: &mut Vec<u8>) {
        cbor::head(body, cbor::Major::Map, 2 + self.members().count() as u64);
        let mut pair = |name: &str, value: &str| {
            cbor::text(body, name);
            cbor::text(body, value);
        };
        pair("__type", &self.full_name());
        pair(self.message_name(), &self.error.message);
        for (name, value, bare) in self.members() {
            cbor::text(body, name);
            match (bare, value, value.parse::<i64>(), value.parse::<f64>()) {
                (true, "true" | "false", ..) => cbor::boolean(body, value == "true"),
                (true, _, Ok(whole), _) => cbor::long(body, whole),
                (true, _, _, Ok(real)) => cbor::double(body, real),
                _ => cbor::text(body, value),
            }
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
        let bare = self.protocol == Protocol::RestXml && self.model.is_some_and(|model| model.bare_errors);
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
        element(body, "Message", &self.error.message);
        for (name, value, _) in self.members() {
            element(body, name, value);
        }
        if bare {
            xml_request_id(body, request_id);
            body.extend_from_slice(b"</Error>");
        } else {
            body.extend_from_slice(b"</Error>");
            xml_request_id(body, request_id);
            body.extend_from_slice(b"</ErrorResponse>");
        }
    }
}
