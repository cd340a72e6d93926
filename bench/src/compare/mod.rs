//! All servers under the same loads in one run: interleaved, in several rounds, each run on a machine that has settled.

mod server;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub use server::{Scratch, Server};

use crate::{
    body::Bodies,
    client::{Credentials, Endpoint},
    error::{Error, Result},
    limit::Limit,
    load::{self, Dialect, Outcome, Sizes, Target, Workload, metric},
    process::Process,
    results::Results,
};

/// Name of the server whose promises are checked.
pub const SUBJECT: &str = "moln";
/// Filling a peer's queue takes this long at most: a slow one shall not stop the others.
const PEER_FILL: Duration = Duration::from_secs(15);

/// Where Moln comes from.
#[derive(Clone, Debug)]
pub enum Subject {
    /// It runs already.
    Running {
        /// Its endpoint.
        url: String,
        /// Its process, when known.
        pid: Option<u32>,
    },
    /// This binary is started on a free port with an empty data directory.
    Binary {
        /// Path of the binary.
        path: PathBuf,
        /// Arguments beyond `serve --auth required --listen ADDRESS --data DIR`.
        arguments: Vec<String>,
    },
    /// Limits and peers only.
    None,
}

/// Another server to compare with.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name in the report.
    pub name: String,
    /// Its endpoint.
    pub url: String,
    /// Its process, when known.
    pub pid: Option<u32>,
}

/// A comparison to run.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Moln.
    pub subject: Subject,
    /// Others that speak as AWS does.
    pub peers: Vec<Peer>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Workloads.
    pub workloads: Vec<Workload>,
    /// Rounds of the steady workloads.
    pub rounds: usize,
    /// Sizes of the loads.
    pub sizes: Sizes,
    /// Bytes of a message's body.
    pub body_bytes: usize,
    /// Who signs.
    pub credentials: Arc<Credentials>,
    /// Directory for journals and data, on a disk; everything in it that was made here is removed.
    pub dir: PathBuf,
}

/// The results with the servers' names, Moln first, limits last.
pub struct Compared {
    /// Outcomes.
    pub results: Results,
    /// Names in the order of the report.
    pub servers: Vec<String>,
}

impl Comparison {
    /// Runs it. A failure of one run stands in its outcome; an error here means that a server could not be started.
    pub async fn run(&self) -> Result<Compared> {
        let scratch = Scratch::new(&self.dir)?;
        let mut results = Results::default();
        let mut started = Vec::new();
        let mut targets = Vec::new();
        match &self.subject {
            Subject::None => {}
            Subject::Running { url, pid } => targets.push(self.target(SUBJECT, url, *pid)?),
            Subject::Binary { .. } => {
                let server = self.fresh(&scratch, SUBJECT).await?;
                if let Some(ms) = server.start_ms.filter(|_| self.workloads.contains(&Workload::Start)) {
                    let values = [(metric::MS, ms)].into_iter().collect();
                    results.add(Workload::Start, SUBJECT, Outcome { values, trouble: None });
                }
                targets.push(self.spawned(SUBJECT, &server, Dialect::Aws));
                started.push(server);
            }
        }
        for peer in &self.peers {
            targets.push(self.target(&peer.name, &peer.url, peer.pid)?);
        }
        for limit in &self.limits {
            let server = Server::limit(*limit, &scratch.join(limit.name()), &self.credentials)?;
            targets.push(self.spawned(limit.name(), &server, limit.dialect()));
            started.push(server);
        }
        let servers = targets.iter().map(|target| target.name.clone()).collect();
        self.rounds(&targets, &mut results).await;
        drop(started);
        for workload in self.chosen(&Workload::SINGLE) {
            for target in targets.iter().filter(|target| target.dialect == Dialect::Aws) {
                self.single(workload, target, &scratch, &mut results).await?;
            }
        }
        Ok(Compared { results, servers })
    }

    /// A Moln of our own with an empty data directory.
    async fn fresh(&self, scratch: &Scratch, name: &str) -> Result<Server> {
        match &self.subject {
            Subject::Binary { path, arguments } => {
                Server::moln(path, arguments, &scratch.join(name), &self.credentials).await
            }
            Subject::Running { .. } | Subject::None => Err(Error::usage("there is no binary to start")),
        }
    }

    fn chosen(&self, from: &[Workload]) -> Vec<Workload> {
        from.iter().copied().filter(|workload| self.workloads.contains(workload)).collect()
    }

    /// Each workload against one server after the other, beginning with another one in each round.
    async fn rounds(&self, targets: &[Target], results: &mut Results) {
        let bodies = Bodies::new(self.body_bytes);
        for round in 0..self.rounds {
            for workload in self.chosen(&Workload::STEADY) {
                for index in 0..targets.len() {
                    let target = targets.get((index + round) % targets.len());
                    let Some(target) = target.filter(|target| workload.is_for(target.dialect)) else {
                        continue;
                    };
                    let label = format!("round {} of {}: {}", round + 1, self.rounds, workload.name());
                    self.once(&label, workload, target, targets, &bodies, results).await;
                }
            }
        }
    }

    /// Against a Moln started for it alone, where we can start one: memory that another load left behind would be used
    /// again, and hide what this one needs.
    async fn single(
        &self,
        workload: Workload,
        target: &Target,
        scratch: &Scratch,
        results: &mut Results,
    ) -> Result<()> {
        let bodies = Bodies::new(self.body_bytes);
        if target.name == SUBJECT && matches!(self.subject, Subject::Binary { .. }) {
            let server = self.fresh(scratch, workload.name()).await?;
            let target = self.spawned(SUBJECT, &server, Dialect::Aws);
            self.once(workload.name(), workload, &target, &[], &bodies, results).await;
        } else {
            self.once(workload.name(), workload, target, &[], &bodies, results).await;
        }
        Ok(())
    }

    async fn once(
        &self,
        label: &str,
        workload: Workload,
        target: &Target,
        all: &[Target],
        bodies: &Bodies,
        results: &mut Results,
    ) {
        load::settle(all.iter().filter_map(|target| target.process)).await;
        let mut sizes = self.sizes.clone();
        if target.name != SUBJECT {
            sizes.fill = sizes.fill.min(PEER_FILL);
        }
        eprint!("{label}, {}: ", target.name);
        let outcome = load::run(workload, target, &sizes, bodies).await;
        match (&outcome.trouble, outcome.values.get(metric::RATE)) {
            (Some(trouble), _) => eprintln!("FAILED: {trouble}"),
            (None, Some(rate)) => eprintln!("{rate:.0}/s"),
            (None, None) => eprintln!("done"),
        }
        results.add(workload, &target.name, outcome);
    }

    fn target(&self, name: &str, url: &str, pid: Option<u32>) -> Result<Target> {
        let endpoint = Endpoint::parse(url, Arc::clone(&self.credentials))?;
        if !endpoint.address.ip().is_loopback() {
            return Err(Error::usage(format!("{url}: loads are for servers on this machine")));
        }
        let process = pid.map(Process::new);
        Ok(Target { name: name.to_owned(), endpoint, process, dialect: Dialect::Aws })
    }

    fn spawned(&self, name: &str, server: &Server, dialect: Dialect) -> Target {
        let endpoint = Endpoint::at(server.address, Arc::clone(&self.credentials));
        Target { name: name.to_owned(), endpoint, process: Some(server.process()), dialect }
    }
}
