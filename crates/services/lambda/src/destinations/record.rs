//! The record of an event's end, as destinations get it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>

use bytes::Bytes;
use moln_kernel::Timestamp;
use moln_wire::{schema::TimestampFormat, time};
use serde_json::json;

use crate::running::Answer;

/// All that a record tells.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) now: Timestamp,
    pub(crate) request_id: &'a str,
    /// With the qualifier, `$LATEST` where none was asked for.
    pub(crate) function_arn: &'a str,
    pub(crate) condition: &'static str,
    pub(crate) invokes: u32,
    pub(crate) request: &'a [u8],
    /// What the function answered at last.
    pub(crate) answer: Option<&'a Answer>,
    /// What went wrong where it gave no answer: its type and words.
    pub(crate) why: Option<(&'a str, &'a str)>,
}

/// `2026-11-21T05:30:00.000Z`, always with milliseconds.
pub(crate) fn timestamp(moment: Timestamp) -> String {
    let mut text = time::format(Timestamp(moment.seconds() * 1_000), TimestampFormat::DateTime);
    text.pop();
    format!("{text}.{:03}Z", moment.millis() % 1_000)
}

impl Record<'_> {
    /// The document, at most `most` bytes: payloads that are too long for the destination are left out, the answer first.
    pub(crate) fn write(&self, most: usize) -> Bytes {
        let whole = self.document(true, true);
        if whole.len() <= most {
            return whole.into();
        }
        let without_answer = self.document(true, false);
        if without_answer.len() <= most {
            return without_answer.into();
        }
        self.document(false, false).into()
    }

    fn document(&self, request: bool, response: bool) -> Vec<u8> {
        let context = json!({
            "requestId": self.request_id,
            "functionArn": self.function_arn,
            "condition": self.condition,
            "approximateInvokeCount": self.invokes,
        });
        let mut members: Vec<(&str, Vec<u8>)> = vec![
            ("version", b"\"1.0\"".to_vec()),
            ("timestamp", json!(timestamp(self.now)).to_string().into_bytes()),
            ("requestContext", context.to_string().into_bytes()),
        ];
        if request {
            members.push(("requestPayload", payload(self.request)));
        }
        match (self.answer, self.why) {
            (Some(answer), _) => {
                let mut context = json!({"statusCode": 200, "executedVersion": answer.version});
                if let (Some(error), Some(context)) = (answer.error, context.as_object_mut()) {
                    context.insert("functionError".to_owned(), json!(error));
                }
                members.push(("responseContext", context.to_string().into_bytes()));
                if response {
                    members.push(("responsePayload", payload(&answer.payload)));
                }
            }
            (None, Some((kind, words))) => {
                let document = json!({"errorType": kind, "errorMessage": words});
                members.push(("responsePayload", document.to_string().into_bytes()));
            }
            (None, None) => {}
        }
        let mut document = vec![b'{'];
        for (n, (name, value)) in members.into_iter().enumerate() {
            if n > 0 {
                document.push(b',');
            }
            document.extend_from_slice(format!("\"{name}\":").as_bytes());
            document.extend_from_slice(&value);
        }
        document.push(b'}');
        document
    }
}

/// A payload as a member: JSON as it is, anything else as a text.
fn payload(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return b"null".to_vec();
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Ok(_) => bytes.to_vec(),
        Err(_) => json!(String::from_utf8_lossy(bytes)).to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn record<'a>(answer: Option<&'a Answer>, request: &'a [u8]) -> Record<'a> {
        Record {
            now: Timestamp(1_573_754_776_568),
            request_id: "e4b46cbf",
            function_arn: "arn:aws:lambda:us-east-2:123456789012:function:f:$LATEST",
            condition: "RetriesExhausted",
            invokes: 3,
            request,
            answer,
            why: None,
        }
    }

    fn failed(payload: &[u8]) -> Answer {
        Answer {
            payload: Bytes::copy_from_slice(payload),
            error: Some("Unhandled"),
            version: "$LATEST".into(),
        }
    }

    #[test]
    fn it_tells_what_there_is_to_tell() {
        let answer = failed(br#"{"errorMessage":"boom"}"#);
        let document: Value =
            serde_json::from_slice(&record(Some(&answer), br#"{"order": 1.50}"#).write(10_000)).unwrap();
        assert_eq!(
            document,
            json!({
                "version": "1.0",
                "timestamp": "2019-11-14T18:06:16.568Z",
                "requestContext": {
                    "requestId": "e4b46cbf",
                    "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:f:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": 3,
                },
                "requestPayload": {"order": 1.5},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "responsePayload": {"errorMessage": "boom"},
            })
        );
        let success = Answer { error: None, ..failed(b"") };
        let document: Value = serde_json::from_slice(&record(Some(&success), b"{}").write(10_000)).unwrap();
        assert_eq!(document["responseContext"], json!({"statusCode": 200, "executedVersion": "$LATEST"}));
        assert_eq!(document["responsePayload"], Value::Null);
    }

    #[test]
    fn payloads_go_in_as_they_are_or_as_text() {
        let text = record(None, br#"{"n": 1.000000000000000000001}"#).write(10_000);
        assert!(
            String::from_utf8_lossy(&text).contains(r#""requestPayload":{"n": 1.000000000000000000001}"#)
        );
        let text = record(None, b"\xffnot JSON").write(10_000);
        let document: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["requestPayload"], "\u{fffd}not JSON");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let answer = failed(json!("x".repeat(5_000)).to_string().as_bytes());
        let request = json!("y".repeat(2_000)).to_string();
        let size = |most| record(Some(&answer), request.as_bytes()).write(most);
        assert!(size(10_000).len() > 7_000);
        let shorter: Value = serde_json::from_slice(&size(3_000)).unwrap();
        assert!(shorter.get("requestPayload").is_some() && shorter.get("responsePayload").is_none());
        let shortest: Value = serde_json::from_slice(&size(1_000)).unwrap();
        assert!(shortest.get("requestPayload").is_none() && shortest["requestContext"].is_object());
    }

    #[test]
    fn a_moment_always_has_milliseconds() {
        assert_eq!(timestamp(Timestamp(1_800_000_000_000)), "2027-01-15T08:00:00.000Z");
        assert_eq!(timestamp(Timestamp(1_800_000_000_007)), "2027-01-15T08:00:00.007Z");
    }
}
