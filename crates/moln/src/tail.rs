//! What a log group has been told since the last look.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use moln_kernel::{Clock as _, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::{aws::Aws, client::Server, failure::Failure};

/// How far back each look goes again: lines of other streams may come in later than younger ones.
const AGAIN_MS: u64 = 10_000;

/// What to ask for next.
pub(crate) struct Tail<'a> {
    aws: &'a Aws<'a>,
    group: Option<String>,
    filter: Option<&'a str>,
    since: u64,
    /// Events shown already, with their times: those that may be found again.
    shown: BTreeSet<(u64, String)>,
}

/// The server's time: its clock may have been moved.
pub(crate) async fn now(server: &Server) -> Result<Timestamp, Failure> {
    let (status, answer) = server.json(Method::GET, "/_moln/clock", bytes::Bytes::new()).await?;
    let offset = answer.get("offsetMillis").and_then(Value::as_u64).filter(|_| status.is_success());
    Ok(SystemClock::default().now().after(Duration::from_millis(offset.unwrap_or(0))))
}

impl<'a> Tail<'a> {
    /// From a moment on, in milliseconds.
    pub(crate) fn new(aws: &'a Aws<'a>, filter: Option<&'a str>, since: u64) -> Self {
        Self { aws, group: None, filter, since, shown: BTreeSet::new() }
    }

    /// Looks for the first of some groups that is there; true once it was found.
    pub(crate) async fn find(&mut self, groups: &[String]) -> Result<bool, Failure> {
        if self.group.is_some() {
            return Ok(true);
        }
        for group in groups {
            let input = json!({ "logGroupName": group, "limit": 1 });
            let (status, answer) = self.aws.json("logs", "Logs_20140328.DescribeLogStreams", &input).await?;
            if status.is_success() {
                self.group = Some(group.clone());
                return Ok(true);
            }
            let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
            if !code.ends_with("ResourceNotFoundException") && !code.ends_with("InvalidParameterException") {
                return Err(self.aws.server.refused(status, &answer));
            }
        }
        Ok(false)
    }

    /// Shows what there is that was not shown yet: time in milliseconds, and text.
    pub(crate) async fn show(&mut self, mut line: impl FnMut(u64, &str)) -> Result<(), Failure> {
        let mut newest = self.since;
        let mut token: Option<Value> = None;
        loop {
            let mut input = json!({ "logGroupName": self.group, "startTime": self.since });
            if let Some(members) = input.as_object_mut() {
                members.extend(self.filter.map(|filter| ("filterPattern".to_owned(), filter.into())));
                members.extend(token.take().map(|token| ("nextToken".to_owned(), token)));
            }
            let (status, answer) = self.aws.json("logs", "Logs_20140328.FilterLogEvents", &input).await?;
            if !status.is_success() {
                return Err(self.aws.server.refused(status, &answer));
            }
            for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
                let time = event.get("timestamp").and_then(Value::as_u64).unwrap_or(0);
                let text = |member| event.get(member).and_then(Value::as_str).unwrap_or_default();
                if self.shown.insert((time, text("eventId").to_owned())) {
                    line(time, text("message").trim_end_matches('\n'));
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
pub(crate) fn clock_time(millis: u64) -> String {
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
