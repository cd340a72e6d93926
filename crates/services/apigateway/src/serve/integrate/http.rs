//! Addresses of others: what came is sent on, what they answer is given back.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html>

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};
use moln_kernel::encoding::percent_encode_into;

use super::Reply;
use crate::{
    Apis, limits,
    serve::{exchange::Exchange, plan::Target, refusal::Refusal},
};

/// Headers of one connection, in either direction.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Apis {
    /// Sends a request to an address.
    pub(super) async fn to_address(
        &self,
        exchange: &Exchange<'_>,
        target: &Target,
        head: &Parts,
    ) -> Result<Reply, Refusal> {
        let wanted = target.integration.integration_method.as_deref().unwrap_or("ANY");
        let method = match wanted {
            "ANY" => head.method.clone(),
            one => Method::from_bytes(one.as_bytes()).unwrap_or_else(|_| head.method.clone()),
        };
        let uri = address(exchange, target, head)?;
        let mut request = Request::new(exchange.body.clone());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        copy(&head.headers, headers);
        for name in [header::HOST, header::CONTENT_LENGTH] {
            headers.remove(name);
        }
        forwarded(exchange, headers);
        let answer = self.outbound.send(request, limits::PAYLOAD).await.map_err(Refusal::unavailable)?;
        let (front, body) = answer.into_parts();
        // It was not asked to take the connection over, and must not make the caller's server believe so.
        if front.status.is_informational() {
            return Err(Refusal::failed(format!("The integration answered {}.", front.status)));
        }
        let mut headers = HeaderMap::new();
        copy(&front.headers, &mut headers);
        headers.remove(header::CONTENT_LENGTH);
        Ok(Reply { status: front.status, headers, body })
    }
}

/// Without what belongs to a connection.
fn copy(from: &HeaderMap, to: &mut HeaderMap) {
    let named: Vec<String> = from
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for (name, value) in from {
        let own = |name: &HeaderName| {
            HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|known| known == name.as_str())
        };
        if !own(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// What the edge says of the way here.
fn forwarded(exchange: &Exchange<'_>, headers: &mut HeaderMap) {
    let scheme = exchange.ctx.endpoint.scheme;
    let said =
        format!("by={};for={};host={};proto={scheme}", exchange.domain, exchange.source, exchange.domain);
    for (name, value) in [("forwarded", said.as_str()), ("x-amzn-trace-id", &exchange.trace)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.append(header::VIA, HeaderValue::from_static("HTTP/1.1 AmazonAPIGateway"));
}

/// A parameter's value, which is decoded, in a path; its slashes stay.
fn parameter(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    percent_encode_into(&mut out, value.as_bytes(), b"/:@!$&'()*+,;=");
    out
}

/// The integration's address, its parameters filled in, with the request's query; another path when mapping says so.
fn address(exchange: &Exchange<'_>, target: &Target, head: &Parts) -> Result<Uri, Refusal> {
    let mut text = target.uri.fill("", |name| exchange.value(name));
    for (name, value) in &exchange.parameters {
        let filled = parameter(value);
        for form in [format!("{{{name}}}"), format!("{{{name}+}}")] {
            text = text.replace(&form, &filled);
        }
    }
    let bad = |text: &str| Refusal::failed(format!("The integration's URI is not valid: {text}"));
    if head.uri.path() != exchange.head.uri.path() {
        let uri: Uri = text.parse().map_err(|_| bad(&text))?;
        let origin = (uri.scheme_str(), uri.authority());
        let (Some(scheme), Some(authority)) = origin else { return Err(bad(&text)) };
        text = format!("{scheme}://{authority}{}", head.uri.path());
    }
    if let Some(query) = head.uri.query().filter(|query| !query.is_empty()) {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(query);
    }
    text.parse().map_err(|_| bad(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_whole_again_in_a_path() {
        assert_eq!(parameter("a/b c"), "a/b%20c");
        // A caller's `%253F` is the text `%3F`, not a question mark.
        assert_eq!(parameter("100%"), "100%25");
        assert_eq!(parameter("%3F?#"), "%253F%3F%23");
    }

    #[test]
    fn what_is_of_one_connection_stays_there() {
        let mut from = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("x-other", "2"),
        ] {
            from.append(name, HeaderValue::from_static(value));
        }
        let mut to = HeaderMap::new();
        copy(&from, &mut to);
        assert_eq!(to.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    }
}
