//! The composition root: the only place that knows every service, and the engine under them.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use http::request;
use moln_apigateway::{Apis, ExecuteApi};
use moln_cloudformation::Stacks;
use moln_fabric::{Advance, DueSource, Outbox, Timers, Workers, advance::stored_offset, outbox::QueueTarget};
use moln_functions::Functions;
use moln_gateway::{
    Gateway, Settings,
    identity::Doorkeeper,
    route::{Registration, Router},
    sigv4::Verifier,
};
use moln_iam::Iam;
use moln_kernel::{
    AccountId, Endpoint, MovableClock, SharedClock, SystemClock, Timestamp, clock::BoxFuture,
    ports::NoMetrics,
};
use moln_lambda::{Lambda, Ports, Urls};
use moln_logs::LogGroups;
use moln_s3::Buckets;
use moln_sandbox::Launcher;
use moln_sqs::Queues;
use moln_store::{
    Blobs, FjallStore, Options, Store, StoreError, Threads,
    backup::{self, BackupError},
};
use moln_sts::Sessions;
use moln_wire::site::Site;
use tokio::sync::watch;

use crate::{
    blobs, config::Config, control::Operator, failure::Failure, figures::Figures, functions, keys::Keyring,
};

/// How long background work may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// The host in URLs made for calls from inside, which no client reads.
const INTERNAL_HOST: &str = "localhost:4566";

/// A server that is put together, without its sockets.
pub(crate) struct Moln {
    pub(crate) gateway: Arc<Gateway>,
    store: Store,
    workers: Workers,
    queues: Arc<Queues>,
    logs: Arc<LogGroups>,
    apis: Arc<Apis>,
    functions: Functions,
    launcher: Launcher,
}

/// Opens the store of a data directory.
///
/// `threads`: those that will commit, when they tell whether they are busy.
pub(crate) fn open(data: &Path, threads: Option<Arc<Threads>>) -> Result<Store, Failure> {
    let mut options = Options { threads, ..Options::new(data) };
    options.on_fatal = Arc::new(|why| {
        // Nothing may be answered as if it were durable. What the disk holds is decided at the next start.
        tracing::error!(why, "the disk failed; stopping at once");
        std::process::exit(1);
    });
    FjallStore::open(options).map_err(|why| unreadable(data, &why))
}

/// Opens the blobs of a data directory.
pub(crate) fn open_blobs(data: &Path) -> Result<Blobs, Failure> {
    blobs::open(data).map_err(|why| {
        Failure::new(format!("cannot open the data directory {}: {why}.", data.display()))
            .next("`moln doctor --data DIR` looks closer.")
    })
}

/// Writes everything the store holds, and the blobs it refers to.
pub(crate) fn backup(store: &Store, blobs: &Blobs, out: &mut dyn Write) -> Result<(), BackupError> {
    backup::backup(store, Some(blobs), out).map(drop)
}

/// Fills an empty data directory; leaves it as it was when the backup is damaged.
pub(crate) fn restore(data: &Path, from: &mut dyn Read) -> Result<(), BackupError> {
    backup::restore(from, data).map(drop)
}

fn unreadable(data: &Path, why: &StoreError) -> Failure {
    let failure = Failure::new(format!("cannot open the data directory {}: {why}.", data.display()));
    match why {
        StoreError::Locked(_) => {
            failure.next("Another moln uses it. Stop that one, or take another --data DIR.")
        }
        _ => failure.next("`moln doctor --data DIR` looks closer."),
    }
}

/// Puts a server together. `stop` turns true when it is to end.
#[allow(clippy::too_many_lines)] // the one list of everything there is
pub(crate) fn compose(
    config: Config,
    store: Store,
    stop: &watch::Receiver<bool>,
    launcher: Launcher,
    platform: (&'static str, SocketAddr),
) -> Result<Moln, Failure> {
    let bad = |why: StoreError| unreadable(&config.data, &why);
    let system = Arc::new(SystemClock::new(stored_offset(&store).map_err(bad)?));
    let clock: SharedClock = Arc::<SystemClock>::clone(&system);
    let movable: Arc<dyn MovableClock> = system;
    let workers = Workers::new(Arc::clone(&clock));
    let advance = Advance::new(Arc::clone(&movable), store.clone(), workers.clone());

    let queues = Queues::open(store.clone(), Arc::clone(&clock)).map_err(bad)?;
    queues.start(&workers);
    let outbox = Outbox::new(store.clone(), Arc::clone(&clock));
    let here = Arc::new(Endpoint { scheme: "http", authority: INTERNAL_HOST.into() });
    let to_queues = QueueTarget::new(queues.clone(), Arc::clone(&clock), Arc::clone(&here));
    outbox.register(QueueTarget::KIND, Arc::new(to_queues));
    let logs = LogGroups::open(store.clone(), Arc::clone(&clock), Arc::new(NoMetrics)).map_err(bad)?;
    logs.register(&outbox, Arc::clone(&here));
    logs.start(&workers);
    let iam = Iam::open(store.clone(), Arc::clone(&clock)).map_err(bad)?;
    let sessions = Sessions::new(store.clone(), Arc::clone(&clock), iam.clone());
    sessions.start(&workers);
    let timers = Timers::new(store.clone(), Arc::clone(&clock));

    let blobs = open_blobs(&config.data)?;
    blobs::start(&workers, &blobs, &store, &clock);
    let keyring = Arc::new(Keyring(vec![Arc::new(config.keys), iam.clone(), sessions.clone()]));
    let ports = moln_s3::Ports {
        queues: Some(queues.clone()),
        credentials: Some(keyring.clone()),
        timers: Some(timers.clone()),
        ..moln_s3::Ports::default()
    };
    let unprepared = |why: moln_kernel::ApiError| Failure::new(format!("S3 cannot start: {}.", why.message));
    let buckets =
        Buckets::open(store.clone(), blobs.clone(), Arc::clone(&clock), ports).map_err(unprepared)?;
    buckets.register(&outbox);
    buckets.start(&workers);
    let functions = functions::functions(functions::Parts {
        launcher: launcher.clone(),
        clock: Arc::clone(&clock),
        logs: logs.clone(),
        credentials: sessions.clone(),
        blobs: blobs.clone(),
        data: &config.data,
        languages: &config.languages,
        isolated: config.isolate_functions,
        platform,
    })?;
    let figures = Arc::new(Figures::default());
    let lambda = Lambda::open(Ports {
        store: store.clone(),
        blobs: blobs.clone(),
        clock: Arc::clone(&clock),
        execute: Arc::new(functions.clone()),
        timers: timers.clone(),
        outbox: outbox.clone(),
        logs: logs.clone(),
        metrics: figures.clone(),
        queues: queues.clone(),
        sources: queues.clone(),
        topics: None,
        buses: None,
        objects: Some(buckets.clone()),
        roles: Some(iam.clone()),
        endpoint: here,
    })
    .map_err(bad)?;
    lambda.start(&workers);
    logs.functions(lambda.clone());
    buckets.functions(lambda.clone());
    let apis = Apis::open(moln_apigateway::Ports {
        store: store.clone(),
        clock: Arc::clone(&clock),
        functions: lambda.clone(),
        logs: logs.clone(),
        queues: Some(queues.clone()),
        buses: None,
        objects: Some(buckets.clone()),
    })
    .map_err(bad)?;
    let handlers = [
        moln_sqs::resources::handlers(&queues),
        moln_lambda::resources::handlers(&lambda),
        moln_logs::resources::handlers(&logs),
        moln_iam::resources::handlers(&iam),
        moln_s3::resources::handlers(&buckets),
        moln_apigateway::resources::handlers(&apis),
    ];
    let stacks = Stacks::open(moln_cloudformation::Ports {
        store: store.clone(),
        clock: Arc::clone(&clock),
        handlers: handlers.into_iter().flatten().collect(),
        objects: Some(buckets.clone()),
        functions: Some(lambda.clone()),
        topics: None,
        parameters: None,
        secrets: None,
        endpoint: Endpoint { scheme: platform.0, authority: platform.1.to_string().into() },
    })
    .map_err(bad)?;
    stacks.start(&workers);
    let sites: Vec<Arc<dyn Site>> = vec![
        Arc::new(moln_cloudformation::Responses(Arc::clone(&stacks))),
        Arc::new(Urls(Arc::clone(&lambda))),
        Arc::new(ExecuteApi(Arc::clone(&apis))),
        Arc::new(moln_s3::Website(Arc::clone(&buckets))),
    ];
    let apigateway = Registration::new(Arc::new(moln_apigateway::model::Api(Arc::clone(&apis))));
    let cloudformation = Registration::new(Arc::new(moln_cloudformation::model::Api(stacks)));
    let lambda = Registration::new(Arc::new(moln_lambda::model::Api(lambda)))
        .body_limit(moln_lambda::limits::REQUEST_BYTES)
        .claims(moln_lambda::location::is_link)
        .raw(moln_lambda::location::is_link);
    outbox.start(&workers, None);
    timers.start(&workers, None);
    advance.add(Arc::new(Visibility(Arc::clone(&queues))));
    let sqs = Registration::new(Arc::new(moln_sqs::model::Api(Arc::clone(&queues))))
        .aliases(&["queue"])
        .claims(is_queue_path);

    let logs_api = Registration::new(Arc::new(moln_logs::model::Api(Arc::clone(&logs))));

    let iam = Registration::new(Arc::new(moln_iam::model::Api(iam)));
    let sts = Registration::new(Arc::new(moln_sts::model::Api(sessions)));

    // Tools ask it whether there are images to remove with an application.
    let ecr = Registration::new(Arc::new(moln_ecr::model::Api(Arc::new(moln_ecr::Registries))));

    let s3 = Registration::new(Arc::new(moln_s3::model::Api(Arc::clone(&buckets))))
        .claims(moln_s3::claims)
        .raw(moln_s3::is_raw)
        .open()
        .body_limit(moln_s3::limits::BODY);

    let operator = Operator {
        clock: Arc::clone(&movable),
        advance,
        store: store.clone(),
        blobs,
        buckets,
        workers: workers.clone(),
        figures,
        stop: stop.clone(),
    };
    let doorkeeper =
        Doorkeeper { verifier: Verifier::new(keyring), account: config.account, region: config.region };
    let settings =
        Settings { log_requests: config.log_requests, origins: config.origins, ..Settings::default() };
    let gateway = Gateway::new(
        Router::new(vec![sqs, lambda, apigateway, cloudformation, logs_api, iam, sts, ecr, s3]).sites(sites),
        doorkeeper,
        movable,
        settings,
        Arc::new(operator),
    );
    Ok(Moln { gateway: Arc::new(gateway), store, workers, queues, logs, apis, functions, launcher })
}

impl Moln {
    /// The server is about to end: those who wait are answered now.
    pub(crate) fn stopping(&self) {
        self.queues.close();
        self.logs.close();
        self.apis.close();
    }

    /// Ends background work, waits until everything is on disk, and closes the store.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        self.workers.stop(GRACE).await;
        self.functions.stop(GRACE).await;
        // Whatever still runs in a sandbox ends with its launcher.
        drop(self.launcher);
        let store = self.store;
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Failure::new(format!("the store did not close cleanly: {why}."))),
            Err(why) => Err(Failure::new(format!("the store did not close: {why}."))),
        }
    }
}

/// When messages come back by themselves, for the clock that is moved.
struct Visibility(Arc<Queues>);

impl DueSource for Visibility {
    fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        self.0.next_due().filter(|due| *due > after)
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.settled())
    }
}

/// `/ACCOUNT/NAME` and `/queue/REGION/ACCOUNT/NAME`: queue URLs, which name no service.
fn is_queue_path(head: &request::Parts) -> bool {
    let mut parts = head.uri.path().split('/').skip(1);
    let mut first = parts.next();
    if first == Some("queue") {
        first = parts.nth(1);
    }
    let named = parts.next().is_some_and(|name| !name.is_empty());
    first.is_some_and(|account| AccountId::parse(account).is_some()) && named && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_paths_are_known() {
        for (path, is) in [
            ("/000000000000/q", true),
            ("/queue/us-east-1/000000000000/q.fifo", true),
            ("/000000000000/", false),
            ("/000000000000", false),
            ("/bucket/key", false),
            ("/000000000000/q/more", false),
            ("/", false),
        ] {
            let head = http::Request::builder().uri(path).body(()).unwrap().into_parts().0;
            assert_eq!(is_queue_path(&head), is, "{path}");
        }
    }
}
