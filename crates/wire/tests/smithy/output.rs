//! A case's response, written.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use moln_kernel::{ApiError, Fault};
use moln_wire::{Protocol, schema::Schema};
use serde_json::Value as Json;

use crate::{
    compare,
    schema::keep_text,
    service::{Probe, model, serve},
    value::Value,
};

/// Writes the result or error and compares with the response.
pub(crate) fn run(suite: &Json, case: &Json) -> Result<(), String> {
    let (protocol, model, schemas) = model(suite, case);
    let operation = &model.operations[0];
    let output = match case.get("error") {
        None => Ok(Value::from_json(operation.output, false, &case["result"])),
        Some(members) => Err(error(case, members, model.error(case["errorCode"].as_str().unwrap()))),
    };
    drop(schemas);
    let is_error = output.is_err();
    // The request is as empty as its protocol allows; its labels are any text.
    let uri = operation.uri.split('?').next().unwrap().replace(['{', '}', '+'], "");
    let (head, ()) = Request::builder().method(operation.method).uri(uri).body(()).unwrap().into_parts();
    let (probe, head) = (Probe { model, input: Mutex::new(None), output }, head);
    let written = serve(&Arc::new(probe), protocol, &head, Bytes::new());

    let expected = &case["response"];
    let status = expected["status_code"].as_u64().unwrap();
    if u64::from(written.status().as_u16()) != status {
        return Err(format!("status {} instead of {status}: {}", written.status(), lossy(written.body())));
    }
    let body = expected["body"].as_str().unwrap_or_default();
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let wanted = value.as_str().unwrap();
        // The length is the connection's business, what is not there has no type, and a target belongs to requests.
        let no_matter = name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("x-amz-target")
            || name.eq_ignore_ascii_case("content-type") && body.is_empty();
        if no_matter {
            continue;
        }
        let sent = written.headers().get(name).and_then(|value| value.to_str().ok());
        if sent != Some(wanted) {
            return Err(format!("header {name}: {sent:?} instead of {wanted:?}"));
        }
    }
    if expected.get("body").is_none() {
        return Ok(());
    }
    match protocol {
        Protocol::RpcV2Cbor => compare::cbor(written.body(), &STANDARD.decode(body).unwrap()),
        Protocol::Json10 | Protocol::Json11 => compare::json(written.body(), body, is_error),
        // An answer always has its request id, also where the case has no body.
        Protocol::Query if body.is_empty() => Ok(()),
        Protocol::Query => compare::xml(written.body(), body, is_error),
        Protocol::RestJson if compare::is_json(body) => compare::json(written.body(), body, is_error),
        Protocol::RestXml if body.trim_start().starts_with('<') => {
            compare::xml(written.body(), body, is_error)
        }
        Protocol::RestJson | Protocol::RestXml => compare::plain(written.body(), body),
    }
}

fn error(case: &Json, members: &Json, shape: Option<&'static Schema>) -> ApiError {
    let code: &'static str = keep_text(case["errorCode"].as_str().unwrap());
    let traits = shape.and_then(|shape| shape.traits.error);
    // Some suites give an error's code instead of its name.
    let name = shape.map_or(code, |shape| shape.name);
    let mut error = ApiError::sender(name, case["errorMessage"].as_str().unwrap_or_default());
    error.query_code = (name != code).then_some(Cow::Borrowed(code));
    error.status = traits.map_or(400, |traits| traits.status);
    error.fault = if traits.is_none_or(|traits| traits.sender) { Fault::Sender } else { Fault::Receiver };
    for (name, value) in members.as_object().unwrap() {
        if name.eq_ignore_ascii_case("message") {
            value.as_str().unwrap_or_default().clone_into(&mut error.message);
        } else {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            error.members.push((keep_text(name), text));
        }
    }
    error
}

fn lossy(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}
