//! The answer that what a function returned becomes: payload format 2.0, and the parts of it that 1.0 shares.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// Headers that are the connection's, not the function's: they come under another name.
const REMAPPED: [&str; 11] = [
    "authorization",
    "connection",
    "content-length",
    "date",
    "host",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Status and headers.
#[derive(Debug, PartialEq)]
pub struct Front {
    /// The status, 200 and above.
    pub status: StatusCode,
    /// The headers, with a content type.
    pub headers: HeaderMap,
}

/// What a function returned is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// The content type of what has no status of its own.
const JSON: &str = "application/json";

/// Reads what a function returned. An object with `statusCode` says all itself, its content type apart when it names none:
/// that is `untyped` then. Anything else is the body of a 200.
pub fn read(payload: &[u8], untyped: &'static str) -> Result<(Front, Bytes), NoAnswer> {
    if payload.is_empty() {
        return Ok((front(&Map::new(), JSON)?, Bytes::new()));
    }
    let value: Value = serde_json::from_slice(payload).map_err(|_| NoAnswer)?;
    match value {
        Value::Object(members) if members.contains_key("statusCode") => {
            let body = body(&members)?;
            Ok((front(&members, untyped)?, body))
        }
        Value::String(text) => Ok((front(&Map::new(), JSON)?, text.into())),
        other => Ok((front(&Map::new(), JSON)?, other.to_string().into())),
    }
}

/// Reads what a function returned in payload format 1.0: an object with `statusCode`, headers with one value or with
/// several, a body.
pub fn read_legacy(payload: &[u8], untyped: &'static str) -> Result<(Front, Bytes), NoAnswer> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(payload) else { return Err(NoAnswer) };
    if !members.contains_key("statusCode") {
        return Err(NoAnswer);
    }
    members.remove("cookies");
    let several = members.remove("multiValueHeaders").unwrap_or_default();
    let body = body(&members)?;
    let names = |all: &Value| {
        all.as_object().is_some_and(|all| all.keys().any(|name| name.eq_ignore_ascii_case("content-type")))
    };
    let mut front = front(&members, untyped)?;
    if names(&several) && !members.get("headers").is_some_and(names) {
        front.headers.remove(header::CONTENT_TYPE);
    }
    match several {
        Value::Null => {}
        Value::Object(all) => {
            for (name, values) in all {
                for value in values.as_array().ok_or(NoAnswer)? {
                    add(&mut front.headers, &name, value, true)?;
                }
            }
        }
        _ => return Err(NoAnswer),
    }
    Ok((front, body))
}

/// Reads `statusCode`, `headers`, `cookies`: of an answer, or of the prelude of a streamed one. `untyped`: the content type
/// when none is named.
pub fn front(members: &Map<String, Value>, untyped: &'static str) -> Result<Front, NoAnswer> {
    let status = match members.get("statusCode") {
        None | Some(Value::Null) => 200,
        Some(Value::Number(number)) => number.as_u64().and_then(|n| u16::try_from(n).ok()).ok_or(NoAnswer)?,
        Some(Value::String(text)) => text.parse().map_err(|_| NoAnswer)?,
        Some(_) => return Err(NoAnswer),
    };
    // Interim answers are not an answer.
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200).ok_or(NoAnswer)?;
    let mut headers = HeaderMap::new();
    match members.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(all)) => {
            for (name, value) in all {
                add(&mut headers, name, value, false)?;
            }
        }
        Some(_) => return Err(NoAnswer),
    }
    match members.get("cookies") {
        None | Some(Value::Null) => {}
        Some(Value::Array(cookies)) => {
            for cookie in cookies {
                let value = cookie.as_str().and_then(|text| HeaderValue::from_str(text).ok());
                headers.append(header::SET_COOKIE, value.ok_or(NoAnswer)?);
            }
        }
        Some(_) => return Err(NoAnswer),
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(untyped));
    }
    Ok(Front { status, headers })
}

/// `more`: beside values of the same name, unless it is there already.
fn add(headers: &mut HeaderMap, name: &str, value: &Value, more: bool) -> Result<(), NoAnswer> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => return Err(NoAnswer),
    };
    let name = name.to_ascii_lowercase();
    let name = if REMAPPED.contains(&name.as_str()) { format!("x-amzn-remapped-{name}") } else { name };
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NoAnswer)?;
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| NoAnswer)?;
    if !more {
        headers.insert(name, value);
    } else if !headers.get_all(&name).iter().any(|known| *known == value) {
        headers.append(name, value);
    }
    Ok(())
}

fn body(members: &Map<String, Value>) -> Result<Bytes, NoAnswer> {
    let text = match members.get("body") {
        None | Some(Value::Null) => return Ok(Bytes::new()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if members.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) {
        return STANDARD.decode(text).map(Bytes::from).map_err(|_| NoAnswer);
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(value: &Value) -> (u16, String, String) {
        let (front, body) = read(value.to_string().as_bytes(), JSON).unwrap();
        let kind = front.headers["content-type"].to_str().unwrap().to_owned();
        (front.status.as_u16(), kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn without_a_status_the_value_is_the_body() {
        let json_kind = "application/json".to_owned();
        for (value, body) in [
            (json!({"hello": "world"}), r#"{"hello":"world"}"#),
            (json!(["hello", 3, true]), r#"["hello",3,true]"#),
            (json!("hello"), "hello"),
            (json!(3.1), "3.1"),
            (json!(true), "true"),
            (json!(null), "null"),
        ] {
            assert_eq!(read_json(&value), (200, json_kind.clone(), body.to_owned()));
        }
        assert_eq!(read(b"", JSON).unwrap().1.len(), 0);
    }

    #[test]
    fn with_a_status_everything_is_said() {
        let answer = json!({
            "statusCode": "201", "headers": {"Content-Type": "text/plain", "X-N": 1, "Date": "d", "x-null": null},
            "cookies": ["a=1", "b=2"], "body": "aGk=", "isBase64Encoded": true,
        });
        let (front, body) = read(answer.to_string().as_bytes(), JSON).unwrap();
        assert_eq!((front.status.as_u16(), &body[..]), (201, &b"hi"[..]));
        assert_eq!(front.headers["x-n"], "1");
        assert_eq!(front.headers["x-amzn-remapped-date"], "d");
        assert_eq!(front.headers.get_all("set-cookie").iter().count(), 2);
        assert!(!front.headers.contains_key("x-null"));
        assert_eq!(read_json(&json!({"statusCode": 200, "body": {"a": 1}})).2, r#"{"a":1}"#);
        assert_eq!(read_json(&json!({"statusCode": 204})), (204, "application/json".into(), String::new()));
    }

    #[test]
    fn the_older_format_needs_a_status_and_takes_several_values() {
        let answer = json!({
            "statusCode": 200, "headers": {"a": "1", "b": "x"}, "cookies": ["c=1"], "body": "hi",
            "multiValueHeaders": {"a": ["1", "2"], "Content-Type": ["text/html"]},
        });
        let (front, body) = read_legacy(answer.to_string().as_bytes(), "text/plain").unwrap();
        let all: Vec<_> = front.headers.get_all("a").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((all, &body[..]), (vec!["1", "2"], &b"hi"[..]));
        assert_eq!(
            (&front.headers["content-type"], front.headers.get("set-cookie")),
            (&HeaderValue::from_static("text/html"), None)
        );
        for bad in
            ["{\"a\": 1}", "\"text\"", "", "{\"statusCode\": 200, \"multiValueHeaders\": {\"a\": \"b\"}}"]
        {
            assert_eq!(read_legacy(bad.as_bytes(), "text/plain").unwrap_err(), NoAnswer, "{bad}");
        }
    }

    #[test]
    fn what_is_no_answer_is_a_bad_gateway() {
        for value in [
            json!({"statusCode": 99}),
            json!({"statusCode": 101}),
            json!({"statusCode": "x"}),
            json!({"statusCode": {}}),
            json!({"statusCode": 200, "headers": ["a"]}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "b\nc"}}),
            json!({"statusCode": 200, "cookies": [1]}),
            json!({"statusCode": 200, "body": "%", "isBase64Encoded": true}),
        ] {
            assert_eq!(read(value.to_string().as_bytes(), JSON).unwrap_err(), NoAnswer, "{value}");
        }
        assert_eq!(read(b"{", JSON).unwrap_err(), NoAnswer);
    }
}
