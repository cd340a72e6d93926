//! Subscriptions to telemetry. Listeners are reached on the sandbox's loopback; in an isolated network they are not.

use std::time::Duration;

use serde::Deserialize;

use super::{Api, http::Head, serve::Success, state::Refusal};
use crate::capture::{Destination, Platform, Schema, Subscription, Types};

#[derive(Deserialize)]
struct Subscribe {
    #[serde(rename = "schemaVersion")]
    schema: Option<String>,
    types: Option<Vec<String>>,
    buffering: Option<Buffering>,
    destination: Option<Target>,
}

#[derive(Deserialize)]
struct Buffering {
    #[serde(rename = "maxItems")]
    items: Option<u64>,
    #[serde(rename = "maxBytes")]
    bytes: Option<u64>,
    #[serde(rename = "timeoutMs")]
    timeout: Option<u64>,
}

#[derive(Deserialize)]
struct Target {
    protocol: Option<String>,
    #[serde(rename = "URI")]
    uri: Option<String>,
    port: Option<u16>,
}

impl Api {
    /// `PUT /telemetry` and `PUT /logs`
    pub(super) fn subscribe(&self, head: &Head, logs: bool, body: &[u8]) -> Result<Success, Refusal> {
        let api = if logs { "Logs" } else { "Telemetry" };
        let id = head.header("Lambda-Extension-Identifier");
        let (name, open) = self.with(|state| {
            let open = state.open;
            Ok::<_, Refusal>((state.extension(id)?.name.clone(), open))
        })?;
        if !self.telemetry {
            // 202 and not an error, as from AWS's own emulator: an extension that gets an error here ends, and the function with it.
            let body = serde_json::json!({
                "errorType": format!("{api}.NotSupported"),
                "errorMessage": format!("{api} API is not supported in an isolated network"),
            });
            return Ok(Success { status: 202, header: None, body: body.to_string().into_bytes() });
        }
        if !open {
            let kind = if logs { "Logs.SubscriptionClosed" } else { "Telemetry.SubscriptionClosed" };
            return Err(Refusal::forbidden(kind, format!("{api} API subscription is closed already")));
        }
        let subscription =
            read(logs, body).map_err(|message| Refusal { status: 400, kind: "ValidationError", message })?;
        if self.log.subscribed(&name).is_some_and(|by| by != subscription.schema) {
            let message = "The extension has subscribed by the other API already.".into();
            return Err(Refusal { status: 400, kind: "ValidationError", message });
        }
        let names: Vec<&'static str> = [
            (subscription.types.platform, "platform"),
            (subscription.types.function, "function"),
            (subscription.types.extension, "extension"),
        ]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
        self.log.subscribe(&name, subscription);
        let kind = if logs { "platform.logsSubscription" } else { "platform.telemetrySubscription" };
        self.log.platform(&Platform::Subscription { kind, name: &name, types: &names });
        Ok(Success { status: 200, header: None, body: b"\"OK\"".to_vec() })
    }
}

fn read(logs: bool, body: &[u8]) -> Result<Subscription, String> {
    let request: Subscribe = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let schemas: &[&str] =
        if logs { &["2020-08-15", "2021-03-18"] } else { &["2022-07-01", "2022-12-13", "2025-01-29"] };
    match request.schema.as_deref() {
        Some(schema) if schemas.contains(&schema) => {}
        None if logs => {}
        other => {
            return Err(format!(
                "schemaVersion {} is not one of {}",
                other.unwrap_or("(none)"),
                schemas.join(", ")
            ));
        }
    }
    let mut types = Types::default();
    for name in request.types.unwrap_or_default() {
        match name.as_str() {
            "platform" => types.platform = true,
            "function" => types.function = true,
            "extension" => types.extension = true,
            other => return Err(format!("types: {other} is not one of platform, function, extension")),
        }
    }
    if types == Types::default() {
        return Err("types must not be empty".into());
    }
    let target = request.destination.ok_or("destination is missing")?;
    let uri = target.uri.as_deref().unwrap_or_default();
    let destination = match target.protocol.as_deref() {
        Some("HTTP") => {
            let rest = uri.strip_prefix("http://").ok_or("destination.URI must begin with http://")?;
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = port(authority)?;
            if path.bytes().any(|b| b <= b' ' || b == 127) {
                return Err("destination.URI is not a URI".into());
            }
            Destination::Http { port, path: format!("/{path}") }
        }
        Some("TCP") => Destination::Tcp {
            port: match target.port {
                Some(port) => port,
                None => port(uri.strip_prefix("tcp://").unwrap_or(uri))?,
            },
        },
        _ => return Err("destination.protocol is not one of HTTP, TCP".into()),
    };
    let buffering = request.buffering.unwrap_or(Buffering { items: None, bytes: None, timeout: None });
    let within = |name: &str, value: Option<u64>, default: u64, least: u64, most: u64| match value {
        None => Ok(default),
        Some(value) if (least..=most).contains(&value) => Ok(value),
        Some(value) => Err(format!("buffering.{name} {value} is not from {least} to {most}")),
    };
    let (items, least_items) = if logs { (10_000, 1_000) } else { (1_000, 1_000) };
    Ok(Subscription {
        types,
        destination,
        max_items: usize::try_from(within("maxItems", buffering.items, items, least_items, 10_000)?)
            .unwrap_or(1_000),
        max_bytes: usize::try_from(within("maxBytes", buffering.bytes, 262_144, 262_144, 1_048_576)?)
            .unwrap_or(262_144),
        wait: Duration::from_millis(within("timeoutMs", buffering.timeout, 1_000, 25, 30_000)?),
        schema: if logs { Schema::Logs } else { Schema::Telemetry },
    })
}

/// Listeners are inside the sandbox and nowhere else.
fn port(authority: &str) -> Result<u16, String> {
    let (host, port) = authority.rsplit_once(':').ok_or("destination.URI has no port")?;
    if !matches!(host, "sandbox" | "sandbox.localdomain") {
        return Err("destination.URI: the host must be sandbox.localdomain".into());
    }
    port.parse()
        .ok()
        .filter(|port| *port != 9001 && *port != 0)
        .ok_or_else(|| "destination.URI: bad port".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_checked() {
        let good = br#"{"schemaVersion":"2022-12-13","types":["platform","function"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/logs"}}"#;
        let read_good = read(false, good).unwrap();
        assert_eq!(read_good.destination, Destination::Http { port: 8080, path: "/logs".into() });
        assert_eq!((read_good.max_items, read_good.wait), (1_000, Duration::from_millis(25)));
        let text = std::str::from_utf8(good).unwrap();
        for (from, to) in [
            ("2022-12-13", "2001-01-01"),
            ("function", "funktion"),
            ("sandbox.localdomain", "example.com"),
            ("8080", "9001"),
            ("8080", "x"),
            ("HTTP", "UDP"),
            ("\"timeoutMs\":25", "\"timeoutMs\":24"),
            ("\"maxItems\":1000", "\"maxItems\":1"),
            ("/logs", "/a b"),
        ] {
            assert!(read(false, text.replacen(from, to, 1).as_bytes()).is_err(), "{from} → {to}");
        }
    }
}
