//! `moln serve`.

use std::{io, process::ExitCode, sync::Arc};

use moln_gateway::server::{Listener, Tls, serve};
use moln_sandbox::LauncherProcess;
use moln_store::Threads;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::say;
use crate::{
    cli::Serve,
    compose,
    config::{Config, Listen, key_of_environment},
    failure::Failure,
    logging, sandbox,
};

pub(super) fn run(options: Serve) -> Result<ExitCode, Failure> {
    let config = Config::new(options, key_of_environment().as_ref())?;
    // First of all: the launcher is forked while there is one thread.
    let launcher = sandbox::fork(&config)?;
    logging::start(config.log_level, config.log_format);
    raise_open_files(config.limits.connections);
    let threads = Arc::new(Threads::default());
    let (parking, unparking) = (Arc::clone(&threads), Arc::clone(&threads));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(move || parking.parks())
        .on_thread_unpark(move || unparking.unparks())
        .build();
    let runtime = runtime.map_err(|why| Failure::new(format!("the system gives no threads: {why}")))?;
    runtime.block_on(serve_until_stopped(config, launcher, threads))?;
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve_until_stopped(
    config: Config,
    launcher: LauncherProcess,
    threads: Arc<Threads>,
) -> Result<(), Failure> {
    let launcher = sandbox::attach(launcher, config.isolate_functions)?;
    let listeners = bind(&config.listen, config.tls.as_ref())?;
    let store = compose::open(&config.data, Some(threads))?;
    let (stop, mut stopped) = watch::channel(false);
    let (limits, tls, data) = (config.limits, config.tls.clone(), config.data.clone());
    let platform = listeners.first().map(|listener| (listener.scheme(), listener.address()));
    let platform = platform.ok_or_else(|| Failure::new("there is no address to listen on.".to_owned()))?;
    let moln = compose::compose(config, store, &stopped, launcher, platform)?;
    for listener in &listeners {
        say(&format!("moln answers on {}://{}", listener.scheme(), listener.address()));
    }
    tracing::info!(data = %data.display(), "started");
    let watching = tokio::spawn(watch_signals(stop, tls));
    let serving = tokio::spawn(serve(listeners, Arc::clone(&moln.gateway), limits, stopped.clone()));
    // An error would mean that nobody watches for signals any more: then it is time to stop, too.
    let _ = stopped.wait_for(|stop| *stop).await;
    moln.stopping();
    let served = serving.await;
    let ended = moln.end().await;
    watching.abort();
    served.map_err(|why| Failure::new(format!("the server ended unexpectedly: {why}.")))?;
    ended?;
    tracing::info!("stopped");
    Ok(())
}

fn bind(addresses: &[Listen], tls: Option<&Arc<Tls>>) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    for Listen { address, access, optional } in addresses {
        match Listener::bind(*address, *access, tls.cloned()) {
            Ok(listener) => listeners.push(listener),
            Err(why) if *optional => tracing::debug!(%address, %why, "not listening there"),
            Err(why) => {
                let failure = Failure::new(format!("cannot listen on {address}: {why}."));
                return Err(match why.kind() {
                    io::ErrorKind::AddrInUse => failure
                        .next("Something listens there already: stop it, or take another --listen ADDR."),
                    io::ErrorKind::PermissionDenied => {
                        failure.next("Ports below 1024 need a privilege; take a higher one.")
                    }
                    _ => failure.next("Is that an address of this machine?"),
                });
            }
        }
    }
    Ok(listeners)
}

/// SIGTERM and SIGINT stop; a second one stops at once. SIGHUP reads the certificate again.
async fn watch_signals(stop: watch::Sender<bool>, tls: Option<Arc<Tls>>) {
    let signals =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
        tracing::warn!("the system gives no signals; stop with SIGKILL, nothing acknowledged is lost");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                match tls.as_ref().map(|tls| tls.reload()) {
                    Some(Ok(())) => tracing::info!("read the certificate again"),
                    Some(Err(why)) => tracing::error!(%why, "kept the old certificate"),
                    None => {}
                }
                continue;
            }
        }
        if stop.send_replace(true) {
            tracing::warn!("stopping at once");
            std::process::exit(130);
        }
        tracing::info!("stopping: open requests may end");
    }
}

/// One file descriptor a connection, and some for the store.
fn raise_open_files(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(1_024);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let Some(now) = current.filter(|now| *now < possible) else { return };
    if setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }).is_err() || possible < wanted
    {
        let limit = possible.max(now);
        tracing::warn!(
            limit,
            wanted,
            "the limit of open files is low for this many connections (see `ulimit -n`)"
        );
    }
}
