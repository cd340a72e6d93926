//! `moln logs`: a function's, or a group's, log lines, through the public API.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use http::Method;
use moln_gateway::admin::parse_duration;
use moln_kernel::{Clock as _, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::say;
use crate::{cli::Logs, client::Server, failure::Failure};

/// Between two looks when following.
const EVERY: Duration = Duration::from_millis(500);
/// How far back each look goes again: lines of other streams may come in later than younger ones.
const AGAIN_MS: u64 = 10_000;

/// What to ask for next.
struct Tail<'a> {
    server: &'a Server,
    group: String,
    filter: Option<&'a str>,
    since: u64,
    /// Events shown already, with their times: those that may be found again.
    shown: BTreeSet<(u64, String)>,
}

pub(super) async fn run(options: &Logs) -> Result<ExitCode, Failure> {
    let since = parse_duration(&options.since).ok_or_else(|| {
        Failure::usage(format!("'{}' is not a duration.", options.since)).next("Write 90s, 15m, 1h30m or 2d.")
    })?;
    let server = Server::find(&options.target)?;
    let now = now(&server).await?;
    let back = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut tail = Tail {
        server: &server,
        group: String::new(),
        filter: options.filter.as_deref(),
        since: now.millis().saturating_sub(back),
        shown: BTreeSet::new(),
    };
    let mut found = tail.find(&options.name).await?;
    if !found && !options.follow {
        return Err(Failure::new(format!(
            "there is no log group /aws/lambda/{0} and none {0}.",
            options.name
        ))
        .next("A function has one once it has run; `-f` waits for it."));
    }
    loop {
        if found {
            tail.show().await?;
        } else {
            found = tail.find(&options.name).await?;
        }
        if !options.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// The server's time: its clock may have been moved.
async fn now(server: &Server) -> Result<Timestamp, Failure> {
    let (status, answer) = server.json(Method::GET, "/_moln/clock", bytes::Bytes::new()).await?;
    let offset = answer.get("offsetMillis").and_then(Value::as_u64).filter(|_| status.is_success());
    Ok(SystemClock::default().now().after(Duration::from_millis(offset.unwrap_or(0))))
}

impl Tail<'_> {
    /// Finds the group that a name means: the function's, else the group's own.
    async fn find(&mut self, name: &str) -> Result<bool, Failure> {
        for group in [format!("/aws/lambda/{name}"), name.to_owned()] {
            let input = json!({ "logGroupName": group, "limit": 1 });
            let (status, answer) =
                self.server.call("logs", "Logs_20140328.DescribeLogStreams", &input).await?;
            if status.is_success() {
                self.group = group;
                return Ok(true);
            }
            let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
            if !code.ends_with("ResourceNotFoundException") && !code.ends_with("InvalidParameterException") {
                return Err(self.server.refused(status, &answer));
            }
        }
        Ok(false)
    }

    /// Shows what there is that was not shown yet.
    async fn show(&mut self) -> Result<(), Failure> {
        let mut newest = self.since;
        let mut token: Option<Value> = None;
        loop {
            let mut input = json!({ "logGroupName": self.group, "startTime": self.since });
            if let Some(members) = input.as_object_mut() {
                members.extend(self.filter.map(|filter| ("filterPattern".to_owned(), filter.into())));
                members.extend(token.take().map(|token| ("nextToken".to_owned(), token)));
            }
            let (status, answer) = self.server.call("logs", "Logs_20140328.FilterLogEvents", &input).await?;
            if !status.is_success() {
                return Err(self.server.refused(status, &answer));
            }
            for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
                let time = event.get("timestamp").and_then(Value::as_u64).unwrap_or(0);
                let text = |member| event.get(member).and_then(Value::as_str).unwrap_or_default();
                if self.shown.insert((time, text("eventId").to_owned())) {
                    say(&format!("{} {}", clock_time(time), text("message").trim_end_matches('\n')));
                }
                newest = newest.max(time);
            }
            token = answer.get("nextToken").filter(|token| token.is_string()).cloned();
            if token.is_none() {
                break;
            }
        }
        self.since = self.since.max(newest.saturating_sub(AGAIN_MS));
        let since = self.since;
        self.shown.retain(|(time, _)| *time >= since);
        Ok(())
    }
}

/// `22:13:20.123`, UTC.
fn clock_time(millis: u64) -> String {
    let (seconds, milli) = (millis / 1_000, millis % 1_000);
    format!("{:02}:{:02}:{:02}.{milli:03}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(clock_time(1_700_000_000_123), "22:13:20.123");
    }
}
