//! `moln invoke`: calls a function and prints what it answers.

use std::{io::Read, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::say;
use crate::{cli::Invoke, client::Server, failure::Failure};

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
    let server = Server::find(&options.target)?;
    let answer = server.invoke(&options.name, options.qualifier.as_deref(), payload, options.logs).await?;
    if let Some(tail) = answer.log.as_deref().and_then(|tail| STANDARD.decode(tail).ok()) {
        eprint!("{}", String::from_utf8_lossy(&tail));
    }
    if !answer.status.is_success() {
        return Err(
            server.refused(answer.status, &serde_json::from_slice(&answer.payload).unwrap_or_default())
        );
    }
    say(&String::from_utf8_lossy(&answer.payload));
    Ok(if answer.failed { ExitCode::from(FUNCTION_FAILED) } else { ExitCode::SUCCESS })
}
