//! `moln health`.

use std::process::ExitCode;

use bytes::Bytes;
use http::Method;

use super::say;
use crate::{cli::Health, client::Server, failure::Failure};

pub(super) async fn run(options: &Health) -> Result<ExitCode, Failure> {
    let server = Server::find(&options.target)?;
    let (status, answer) = server.json(Method::GET, "/_moln/health", Bytes::new()).await?;
    say(&format!("{answer:#}"));
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
