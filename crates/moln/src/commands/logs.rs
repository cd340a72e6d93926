//! `moln logs`: a function's, or a group's, log lines, through the public API.

use std::{process::ExitCode, time::Duration};

use moln_gateway::admin::parse_duration;

use super::say;
use crate::{
    aws::Aws,
    cli::Logs,
    client::Server,
    failure::Failure,
    tail::{Tail, clock_time, now},
};

/// Between two looks when following.
const EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(options: &Logs) -> Result<ExitCode, Failure> {
    let since = parse_duration(&options.since).ok_or_else(|| {
        Failure::usage(format!("'{}' is not a duration.", options.since)).next("Write 90s, 15m, 1h30m or 2d.")
    })?;
    let server = Server::find(&options.target)?;
    let aws = Aws::of_environment(&server);
    let back = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let since = now(&server).await?.millis().saturating_sub(back);
    let mut tail = Tail::new(&aws, options.filter.as_deref(), since);
    let groups = [format!("/aws/lambda/{}", options.name), options.name.clone()];
    if !tail.find(&groups).await? && !options.follow {
        return Err(Failure::new(format!(
            "there is no log group /aws/lambda/{0} and none {0}.",
            options.name
        ))
        .next("A function has one once it has run; `-f` waits for it."));
    }
    loop {
        if tail.find(&groups).await? {
            tail.show(|time, text| say(&format!("{} {text}", clock_time(time)))).await?;
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
