//! `moln up`: a directory runs, and goes on running as its files change.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::deploy::show;
use crate::{
    aws::Aws,
    cli::{Deploy, Up},
    client::Server,
    deploy::{self, directory, follow::Follow, progress::Progress, watch::Watch},
    failure::Failure,
};

/// Between two looks at files and logs.
const EVERY: Duration = Duration::from_millis(200);
/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

pub(super) async fn run(options: &Up) -> Result<ExitCode, Failure> {
    let application = &options.deploy.shown.of;
    let server = Server::find(&application.target)?;
    // What is wrong with the files is said before anything is started.
    let project = directory::deployable(&options.deploy, &server)?;
    let started = start(&server, options).await?;
    let region = directory::region(&application.choices, project.region.as_deref());
    let aws = Aws { server: &server, region };
    let mut progress = Progress::new(options.deploy.shown.json);
    let work = stay(&aws, &options.deploy, project, &mut progress);
    let ended = tokio::select! {
        ended = work => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    drop(started);
    ended.map(|()| ExitCode::SUCCESS)
}

/// Deploys, and again whenever a file changes; shows logs in between.
async fn stay(
    aws: &Aws<'_>,
    options: &Deploy,
    project: moln_deploy::project::Project,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut watch = Watch::new(&options.shown.of.directory);
    let mut follow = Follow::new(aws).await?;
    let mut deployed = deploy::deploy(aws, project, progress).await?;
    let mut name = deployed.project.stack.clone();
    let mut summary = show(aws, &name, progress).await?;
    progress.say("Watching for changes; Ctrl-C ends, what is stored stays.\n");
    follow.turn_to(&name, &summary.names());
    loop {
        follow.look(progress).await?;
        sleep(EVERY).await;
        if !watch.changed() {
            continue;
        }
        // A file that does not parse is being written, or wrong: both are told, and what runs goes on.
        let changed = match directory::deployable(options, aws.server) {
            Ok(changed) => changed,
            Err(failure) => {
                progress.problem(&failure);
                continue;
            }
        };
        match deploy::again(aws, &deployed, changed, progress).await {
            Ok((now, true)) => {
                deployed = now;
                name.clone_from(&deployed.project.stack);
                summary = show(aws, &name, progress).await?;
                follow.turn_to(&name, &summary.names());
            }
            Ok((now, false)) => deployed = now,
            Err(failure) => progress.problem(&failure),
        }
    }
}

/// Starts a server, unless one answers.
async fn start(server: &Server, options: &Up) -> Result<Option<Started>, Failure> {
    let health = || server.json(Method::GET, "/_moln/health", bytes::Bytes::new());
    match health().await {
        Ok(_) => return Ok(None),
        Err(failure) if !failure.is_unreachable() || !server.is_here() => return Err(failure),
        Err(_) => {}
    }
    let unable = |why: std::io::Error| Failure::new(format!("cannot start a server: {why}."));
    let mut command = Command::new(std::env::current_exe().map_err(unable)?);
    command.args(["serve", "--log-level", "warn", "--listen", &server.address()]);
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    // A process group of its own: a Ctrl-C reaches it from here, once.
    command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let mut started = Started(command.spawn().map_err(unable)?);
    let until = Instant::now() + START;
    while health().await.is_err() {
        if let Ok(Some(_)) = started.0.try_wait() {
            return Err(Failure::new("the server that was started ended at once; why, stands above."));
        }
        if Instant::now() > until {
            return Err(Failure::new("the server that was started does not answer."));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(Some(started))
}

/// A server that was started here. It ends with this: it stores what it has and goes.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(id) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
