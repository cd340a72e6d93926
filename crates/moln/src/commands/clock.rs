//! `moln clock`.

use std::{fmt::Write as _, process::ExitCode};

use bytes::Bytes;
use http::Method;
use moln_gateway::admin::parse_duration;
use serde_json::{Value, json};

use super::say;
use crate::{cli::ClockCommand, client::Server, failure::Failure};

pub(super) async fn run(command: &ClockCommand) -> Result<ExitCode, Failure> {
    let (target, method, body) = match command {
        ClockCommand::Show { target } => (target, Method::GET, Bytes::new()),
        ClockCommand::Advance { by, target } => {
            if parse_duration(by).is_none() {
                return Err(
                    Failure::usage(format!("'{by}' is not a duration.")).next("Write 90s, 15m, 1h30m or 2d.")
                );
            }
            (target, Method::POST, json!({ "advance": by }).to_string().into())
        }
    };
    let server = Server::find(target)?;
    let (status, answer) = server.json(method, "/_moln/clock", body).await?;
    if !status.is_success() {
        return Err(server.refused(status, &answer));
    }
    let now = answer.get("now").and_then(Value::as_str).unwrap_or("?");
    let offset = answer.get("offsetMillis").and_then(Value::as_u64).unwrap_or(0);
    say(&match offset {
        0 => format!("{now}  (the system's time)"),
        offset => format!("{now}  ({} ahead of the system's time)", human(offset)),
    });
    Ok(ExitCode::SUCCESS)
}

/// `1d2h3m4s`
fn human(millis: u64) -> String {
    let mut rest = if millis < 1_000 { 0 } else { (millis + 500) / 1_000 };
    let mut text = String::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            let _ = write!(text, "{}{unit}", rest / seconds);
            rest %= seconds;
        }
    }
    if text.is_empty() { format!("{millis}ms") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_for_people() {
        for (millis, text) in
            [(900_000, "15m"), (93_784_000, "1d2h3m4s"), (12, "12ms"), (1_499, "1s"), (86_399_999, "1d")]
        {
            assert_eq!(human(millis), text);
        }
    }
}
