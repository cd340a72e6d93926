//! `moln invoke`: calls a function and prints what it answers.

use std::{io::Read, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;

use super::say;
use crate::{aws::Aws, cli::Invoke, client::Server, failure::Failure};

/// Exit code when the function itself failed.
const FUNCTION_FAILED: u8 = 2;

pub(super) async fn run(options: &Invoke) -> Result<ExitCode, Failure> {
    let payload = match options.payload.as_deref() {
        Some("-") => {
            let mut text = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut text);
            read.map_err(|why| Failure::new(format!("cannot read the payload: {why}.")))?;
            Bytes::from(text)
        }
        Some(text) => Bytes::from(text.to_owned()),
        None => Bytes::from_static(b"{}"),
    };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:.$".contains(&b));
    if !plain(&options.name) || !options.qualifier.as_deref().is_none_or(plain) {
        return Err(Failure::usage("that is no function's name."));
    }
    let mut path = format!("/2015-03-31/functions/{}/invocations", options.name.replace('$', "%24"));
    if let Some(qualifier) = &options.qualifier {
        path = format!("{path}?Qualifier={}", qualifier.replace('$', "%24"));
    }
    let server = Server::find(&options.target)?;
    let tail = if options.logs { "Tail" } else { "None" };
    let headers = [("x-amz-log-type", tail.to_owned())];
    let answer = Aws::of_environment(&server).send("lambda", Method::POST, &path, &headers, payload).await?;
    if let Some(tail) = answer.header("x-amz-log-result").and_then(|tail| STANDARD.decode(tail).ok()) {
        eprint!("{}", String::from_utf8_lossy(&tail));
    }
    if !answer.status.is_success() {
        return Err(server.refused(answer.status, &answer.json()));
    }
    say(&String::from_utf8_lossy(&answer.body));
    let failed = answer.header("x-amz-function-error").is_some();
    Ok(if failed { ExitCode::from(FUNCTION_FAILED) } else { ExitCode::SUCCESS })
}
