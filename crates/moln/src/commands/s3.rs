//! `moln s3 why`: who wrote an object's versions, whom that was told, and which version a function read.

use std::{fmt::Write as _, process::ExitCode};

use clap::{Args, Subcommand};
use http::Method;
use moln_kernel::encoding::percent_encode;
use serde_json::Value;

use super::say;
use crate::{cli::Target, client::Server, failure::Failure};

const EXAMPLES: &str = "\
Examples:
  moln s3 why s3://uploads/report.pdf
  moln s3 why s3://uploads/report.pdf --json | jq '.versions[0].readers'

Events are told of buckets with notifications: the last 32 of a key, for two weeks. `delivered` means that the
queue or the function has it. Readers are functions; the last 16 of a key, for two weeks.";

/// Options of `s3`.
#[derive(Debug, Args)]
pub(crate) struct S3 {
    #[command(subcommand)]
    pub(crate) what: S3Command,
}

/// What to do with S3.
#[derive(Debug, Subcommand)]
pub(crate) enum S3Command {
    /// Tell who wrote each version of an object, which events it fired and where they went, and which version functions read
    #[command(after_help = EXAMPLES)]
    Why {
        /// The object, `s3://BUCKET/KEY`
        object: String,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(options: &S3) -> Result<ExitCode, Failure> {
    let S3Command::Why { object, json, target } = &options.what;
    let place = object.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let Some((bucket, key)) = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(Failure::usage(format!("'{object}' is no object.")).next("Write s3://BUCKET/KEY."));
    };
    let server = Server::find(target)?;
    let path = format!("/_moln/s3/why?bucket={}&key={}", percent_encode(bucket), percent_encode(key));
    let (status, answer) = server.json(Method::GET, &path, bytes::Bytes::new()).await?;
    if !status.is_success() {
        return Err(server.refused(status, &answer));
    }
    if *json {
        say(&format!("{answer:#}"));
    } else {
        for line in lines(&answer) {
            say(&line);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text<'v>(of: &'v Value, member: &str) -> &'v str {
    of.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn items<'v>(of: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    of.get(member).and_then(Value::as_array).into_iter().flatten()
}

/// The answer for people.
fn lines(answer: &Value) -> Vec<String> {
    let mut out = vec![format!("s3://{}/{}", text(answer, "bucket"), text(answer, "key"))];
    if items(answer, "versions").next().is_none() {
        out.push("There is no version of it now.".into());
    }
    for version in items(answer, "versions") {
        let flag = |member: &str| version.get(member).and_then(Value::as_bool) == Some(true);
        let latest = if flag("latest") { "  (latest)" } else { "" };
        let what = if flag("deleteMarker") {
            "delete marker".to_owned()
        } else {
            let size = version.get("size").and_then(Value::as_u64).unwrap_or_default();
            format!("{size} bytes, {}", text(version, "etag"))
        };
        out.push(String::new());
        out.push(format!("version {}{latest}: {what}", text(version, "versionId")));
        let written = version.get("written").unwrap_or(&Value::Null);
        out.push(format!(
            "  {}  written by {}, {}",
            text(version, "modified"),
            who(written),
            text(written, "operation")
        ));
        items(version, "events").for_each(|event| out.extend(told(event)));
        items(version, "readers").for_each(|read| out.push(reader(read)));
    }
    if answer.get("moreVersions").and_then(Value::as_bool) == Some(true) {
        out.extend([String::new(), "There are older versions, which are not told of.".into()]);
    }
    let gone: Vec<String> =
        items(answer, "goneEvents").flat_map(told).chain(items(answer, "goneReads").map(reader)).collect();
    if !gone.is_empty() {
        out.extend([String::new(), "versions that are gone:".into()]);
        out.extend(gone);
    }
    out
}

/// A function's ARN, where there is one in the chain, and the principal.
fn who(by: &Value) -> String {
    let principal = text(by, "principal");
    let request = text(by, "requestId");
    match by.get("cause").and_then(Value::as_str) {
        Some(cause) => format!("{cause} as {principal} (request {request})"),
        None => format!("{principal} (request {request})"),
    }
}

fn told(event: &Value) -> Vec<String> {
    let by = who(event.get("by").unwrap_or(&Value::Null));
    let mut out = vec![format!("  {}  {} by {by}", text(event, "when"), text(event, "event"))];
    for delivery in items(event, "deliveries") {
        let mut line = format!("      → {}: {}", text(delivery, "target"), text(delivery, "state"));
        let failures = delivery.get("failures").and_then(Value::as_u64).unwrap_or_default();
        if failures > 0 {
            let _ = write!(line, ", failed {failures} times, again at {}", text(delivery, "next"));
        }
        if !text(delivery, "why").is_empty() {
            let _ = write!(line, " since {}: {}", text(delivery, "since"), text(delivery, "why"));
        }
        if !text(delivery, "deadLetter").is_empty() {
            let _ = write!(line, "; went to {}", text(delivery, "deadLetter"));
        }
        out.push(line);
    }
    out
}

fn reader(read: &Value) -> String {
    let times = match read.get("times").and_then(Value::as_u64) {
        Some(times) if times > 1 => format!(", {times} times"),
        _ => String::new(),
    };
    let (when, reader, request) = (text(read, "when"), text(read, "reader"), text(read, "requestId"));
    format!("  {when}  read by {reader} (request {request}){times}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_for_people() {
        let by = json!({ "principal": "000000000000", "requestId": "R1", "cause": null, "operation": "PutObject" });
        let answer = json!({
            "bucket": "b", "key": "k",
            "versions": [{
                "versionId": "v2", "latest": true, "deleteMarker": false, "modified": "2026-01-01T00:00:00Z",
                "size": 3, "etag": "e", "written": by,
                "events": [{ "event": "ObjectCreated:Put", "when": "2026-01-01T00:00:00Z", "by": by, "deliveries": [
                    { "target": "arn:q", "state": "pending", "failures": 2, "next": "2026-01-01T00:00:09Z" },
                    { "target": "arn:f", "state": "dead", "since": "S", "why": "Gone: away", "deadLetter": null },
                ]}],
                "readers": [{ "reader": "arn:f", "when": "W", "requestId": "R2", "times": 3 }],
            }],
            "goneReads": [{ "reader": "arn:g", "when": "W", "requestId": "R3", "times": 1 }],
        });
        assert_eq!(
            lines(&answer),
            [
                "s3://b/k",
                "",
                "version v2  (latest): 3 bytes, e",
                "  2026-01-01T00:00:00Z  written by 000000000000 (request R1), PutObject",
                "  2026-01-01T00:00:00Z  ObjectCreated:Put by 000000000000 (request R1)",
                "      → arn:q: pending, failed 2 times, again at 2026-01-01T00:00:09Z",
                "      → arn:f: dead since S: Gone: away",
                "  W  read by arn:f (request R2), 3 times",
                "",
                "versions that are gone:",
                "  W  read by arn:g (request R3)",
            ]
        );
    }
}
