//! The composition root: the only place that knows every service, and the engine under them.

use std::{path::Path, sync::Arc, time::Duration};

use moln_gateway::{
    Gateway, Settings,
    identity::Doorkeeper,
    route::{Registration, Router},
    sigv4::Verifier,
};
use moln_kernel::{SharedClock, SystemClock};
use moln_store::{FjallStore, Options, Store, StoreError};
use tokio::sync::watch;

use crate::{config::Config, control::Operator, failure::Failure};

/// The parts of a running server that outlive its connections.
pub(crate) struct Parts {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) store: Store,
}

/// Opens the store of a data directory.
pub(crate) fn open(data: &Path) -> Result<Store, Failure> {
    let mut options = Options::new(data);
    options.on_fatal = Arc::new(|why| {
        // Nothing may be answered as if it were durable. What the disk holds is decided at the next start.
        tracing::error!(why, "the disk failed; stopping at once");
        std::process::exit(1);
    });
    FjallStore::open(options).map_err(|why| {
        let failure = Failure::new(format!("cannot open the data directory {}: {why}.", data.display()));
        match why {
            StoreError::Locked(_) => {
                failure.next("Another moln uses it. Stop that one, or take another --data DIR.")
            }
            _ => failure.next("`moln doctor --data DIR` looks closer."),
        }
    })
}

/// Puts a server together. `stop` turns true when it is to end: long polls then answer at once.
pub(crate) fn compose(config: Config, store: Store, stop: &watch::Receiver<bool>) -> Parts {
    let clock = Arc::new(SystemClock::new(Duration::ZERO));
    let shared: SharedClock = Arc::<SystemClock>::clone(&clock);
    let services = services();
    let operator = Operator::new(Arc::clone(&clock), store.clone(), stop.clone());
    let doorkeeper = Doorkeeper {
        verifier: Verifier::new(Arc::new(config.keys)),
        account: config.account,
        region: config.region,
    };
    let settings =
        Settings { log_requests: config.log_requests, origins: config.origins, ..Settings::default() };
    let gateway = Gateway::new(Router::new(services), doorkeeper, shared, settings, Arc::new(operator));
    Parts { gateway: Arc::new(gateway), store }
}

fn services() -> Vec<Registration> {
    Vec::new()
}
