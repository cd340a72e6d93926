//! A case's request, read.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use moln_kernel::ApiError;
use moln_wire::{Protocol, server};
use serde_json::Value as Json;

use crate::{
    service::{Probe, model, serve},
    value::Value,
};

/// Reads the serialized request and compares with the parameters.
pub(crate) fn run(suite: &Json, case: &Json) -> Result<(), String> {
    let (protocol, model, _) = model(suite, case);
    let request = &case["serialized"];
    let mut builder =
        Request::builder().method(request["method"].as_str().unwrap()).uri(request["uri"].as_str().unwrap());
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        builder = builder.header(name, value.as_str().unwrap());
    }
    let (head, ()) = builder.body(()).map_err(|error| error.to_string())?.into_parts();
    let body = request["body"].as_str().unwrap_or_default();
    let body = match protocol {
        Protocol::RpcV2Cbor => Bytes::from(STANDARD.decode(body).map_err(|error| error.to_string())?),
        _ => Bytes::copy_from_slice(body.as_bytes()),
    };
    if matches!(protocol, Protocol::RestJson | Protocol::RestXml) {
        let routes = server::Routes::new(model);
        let route = routes.find(head.method.as_str(), head.uri.path(), head.uri.query(), &head.headers);
        if route.is_none() {
            return Err(format!("{} does not match {}", head.uri, model.operations[0].uri));
        }
    }
    let probe =
        Arc::new(Probe { model, input: Mutex::new(None), output: Err(ApiError::internal("not asked")) });
    let response = serve(&probe, protocol, &head, body);
    let expected = Value::from_json(model.operations[0].input, false, &case["params"]);
    match probe.input.lock().unwrap().take() {
        Some(read) if read == expected => Ok(()),
        Some(read) => Err(format!("\n  read     {read:?}\n  expected {expected:?}")),
        None => Err(format!("not read: {}", String::from_utf8_lossy(response.body()))),
    }
}
