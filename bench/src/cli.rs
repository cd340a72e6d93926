//! The command line.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    client::Credentials,
    compare::{Comparison, Peer, Subject},
    error::{Error, Result},
    functions::Plan,
    limit::Limit,
    load::{Sizes, Workload},
    promise::Promise,
};

/// Load generator, limits and side-by-side comparison for servers that speak Amazon SQS.
#[derive(Debug, Parser)]
#[command(name = "moln-bench", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one workload against one server.
    Run(RunArgs),
    /// Serve a limit until standard input ends.
    Limit(LimitArgs),
    /// Run all workloads against Moln, peers and limits, side by side; exit with 1 when a promise is missed.
    Compare(Box<CompareArgs>),
    /// Measure how fast functions run; exit with 1 when a promise is missed.
    Functions(FunctionsArgs),
}

/// Arguments of `functions`.
#[derive(Args, Debug)]
pub struct FunctionsArgs {
    /// Moln's binary [moln beside this binary].
    #[arg(long)]
    moln_bin: Option<PathBuf>,
    /// An argument more for `moln serve`.
    #[arg(long, allow_hyphen_values = true)]
    moln_arg: Vec<String>,
    /// Directory for data, on a disk [beside this binary].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Small sizes, to see that everything works: figures say little.
    #[arg(long)]
    quick: bool,
}

impl FunctionsArgs {
    /// The measurement to run.
    pub fn plan(&self) -> Result<Plan> {
        let this = std::env::current_exe().map_err(Error::io("find this binary"))?;
        let beside = this.parent().map(PathBuf::from).unwrap_or_default();
        Ok(Plan {
            binary: self.moln_bin.clone().unwrap_or_else(|| beside.join("moln")),
            arguments: self.moln_arg.clone(),
            dir: self.dir.clone().unwrap_or(beside),
            warm: if self.quick { 500 } else { 20_000 },
            starts: if self.quick { 3 } else { 15 },
            measure: Duration::from_secs(if self.quick { 1 } else { 5 }),
            messages: if self.quick { 500 } else { 10_000 },
        })
    }
}

/// Sizes of the loads. Without a value the usual one is taken, with `--quick` a smaller one.
#[derive(Args, Debug)]
pub struct SizeArgs {
    /// Connections, each with one request under way [64].
    #[arg(long)]
    connections: Option<usize>,
    /// Seconds before figures count [1].
    #[arg(long)]
    warm_up: Option<f64>,
    /// Seconds measured [4].
    #[arg(long)]
    seconds: Option<f64>,
    /// Bytes of a message's body.
    #[arg(long, default_value_t = 300)]
    pub body_bytes: usize,
    /// Groups of fifo-send.
    #[arg(long, default_value_t = 100)]
    groups: usize,
    /// Messages that drain finds [100000].
    #[arg(long)]
    drain: Option<u64>,
    /// Messages of backlog's large queue [1000000].
    #[arg(long)]
    backlog: Option<u64>,
    /// Receivers of waiters [10000].
    #[arg(long)]
    waiters: Option<usize>,
    /// Small sizes, to see that everything works: figures say little.
    #[arg(long)]
    pub quick: bool,
    /// Threads of the client.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
}

impl SizeArgs {
    /// The sizes to run with.
    pub fn sizes(&self) -> Result<Sizes> {
        let seconds = |given: Option<f64>, usual: f64, quick: f64| {
            let seconds = given.unwrap_or(if self.quick { quick } else { usual });
            Duration::try_from_secs_f64(seconds)
                .map_err(|error| Error::usage(format!("{seconds} seconds: {error}")))
        };
        Ok(Sizes {
            connections: self.connections.unwrap_or(64).max(1),
            warm_up: seconds(self.warm_up, 1.0, 0.3)?,
            measure: seconds(self.seconds, 4.0, 1.0)?,
            groups: self.groups,
            drain: self.drain.unwrap_or(if self.quick { 20_000 } else { 100_000 }),
            backlog: self.backlog.unwrap_or(if self.quick { 50_000 } else { 1_000_000 }),
            waiters: self.waiters.unwrap_or(if self.quick { 1_000 } else { 10_000 }),
            idle: Duration::from_secs(if self.quick { 1 } else { 5 }),
            fill: Duration::from_secs(if self.quick { 15 } else { 120 }),
        })
    }
}

/// Keys that sign; also taken from the environment, as the AWS CLI does, else one of our own: eight characters at least
/// in the secret, or Moln does not take it.
#[derive(Args, Debug)]
pub struct CredentialArgs {
    /// Access key id [`AWS_ACCESS_KEY_ID`, or one of our own].
    #[arg(long)]
    access_key: Option<String>,
    /// Region [us-east-1].
    #[arg(long, default_value = "us-east-1")]
    region: String,
}

impl CredentialArgs {
    /// The credentials. The secret key comes from `AWS_SECRET_ACCESS_KEY` only: arguments are seen by everybody.
    pub fn credentials(&self) -> Arc<Credentials> {
        let from = |name: &str| std::env::var(name).ok();
        let (access_key, usual) = (self.access_key.clone(), Credentials::default());
        Arc::new(Credentials {
            access_key: access_key.or_else(|| from("AWS_ACCESS_KEY_ID")).unwrap_or(usual.access_key),
            secret_key: from("AWS_SECRET_ACCESS_KEY").unwrap_or(usual.secret_key),
            region: self.region.clone(),
        })
    }
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The workload.
    pub workload: Workload,
    /// The server: <http://127.0.0.1:PORT>.
    #[arg(long, default_value = "http://127.0.0.1:4566")]
    pub url: String,
    /// The server's process, for CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// The server is a limit: it answers with the request's body.
    #[arg(long)]
    pub echo: bool,
    /// Sizes.
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Keys.
    #[command(flatten)]
    pub credentials: CredentialArgs,
}

/// Arguments of `limit`.
#[derive(Args, Debug)]
pub struct LimitArgs {
    /// Which one.
    pub limit: Limit,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Worker threads.
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// Directory for the journal of `sync`, on a disk.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Keys.
    #[command(flatten)]
    pub credentials: CredentialArgs,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Moln's endpoint, when it runs already; without, its binary is started with an empty data directory.
    #[arg(long)]
    moln: Option<String>,
    /// The process of that Moln, for CPU and memory.
    #[arg(long, requires = "moln")]
    moln_pid: Option<u32>,
    /// Moln's binary [moln beside this binary].
    #[arg(long, conflicts_with = "moln")]
    moln_bin: Option<PathBuf>,
    /// An argument more for `moln serve`.
    #[arg(long, allow_hyphen_values = true)]
    moln_arg: Vec<String>,
    /// Peers and limits only.
    #[arg(long, conflicts_with_all = ["moln", "moln_bin"])]
    no_moln: bool,
    /// A peer: NAME=http://127.0.0.1:PORT.
    #[arg(long)]
    peer: Vec<String>,
    /// A peer's process: NAME=PID.
    #[arg(long)]
    peer_pid: Vec<String>,
    /// No limits.
    #[arg(long)]
    no_limits: bool,
    /// These workloads only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Workload>,
    /// Rounds [3].
    #[arg(long)]
    rounds: Option<usize>,
    /// Directory for data and journals, on a disk [beside this binary].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Write the report here too: Markdown, or JSON when it ends in .json.
    #[arg(long)]
    pub out: Vec<PathBuf>,
    /// A promise to check: send>=0.5:sync.
    #[arg(long)]
    require: Vec<String>,
    /// A file of promises to check.
    #[arg(long)]
    promises: Option<PathBuf>,
    /// Sizes.
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Keys.
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl CompareArgs {
    /// The promises to check.
    pub fn promises(&self) -> Result<Vec<Promise>> {
        let mut promises = Vec::new();
        if let Some(path) = &self.promises {
            let text =
                std::fs::read_to_string(path).map_err(Error::io(format!("read {}", path.display())))?;
            promises = Promise::parse_all(&text)?;
        }
        for text in &self.require {
            promises.push(Promise::parse(text)?);
        }
        Ok(promises)
    }

    /// The comparison to run.
    pub fn comparison(&self) -> Result<Comparison> {
        let this = std::env::current_exe().map_err(Error::io("find this binary"))?;
        let beside = this.parent().map(PathBuf::from).unwrap_or_default();
        let all = [Workload::Start].into_iter().chain(Workload::STEADY).chain(Workload::SINGLE);
        Ok(Comparison {
            subject: self.subject(&beside),
            peers: self.peers()?,
            limits: if self.no_limits { Vec::new() } else { Limit::ALL.to_vec() },
            workloads: if self.only.is_empty() { all.collect() } else { self.only.clone() },
            rounds: self.rounds.unwrap_or(if self.sizes.quick { 1 } else { 3 }).max(1),
            sizes: self.sizes.sizes()?,
            body_bytes: self.sizes.body_bytes,
            credentials: self.credentials.credentials(),
            dir: self.dir.clone().unwrap_or(beside),
        })
    }

    fn subject(&self, beside: &std::path::Path) -> Subject {
        if self.no_moln {
            return Subject::None;
        }
        match &self.moln {
            Some(url) => Subject::Running { url: url.clone(), pid: self.moln_pid },
            None => Subject::Binary {
                path: self.moln_bin.clone().unwrap_or_else(|| beside.join("moln")),
                arguments: self.moln_arg.clone(),
            },
        }
    }

    fn peers(&self) -> Result<Vec<Peer>> {
        let pair = |text: &str| {
            let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| Error::usage(format!("{text}: expected NAME=VALUE")))
        };
        let pids = self.peer_pid.iter().map(|text| pair(text)).collect::<Result<Vec<_>>>()?;
        let pid_of = |name: &str| {
            let given = pids.iter().find(|(other, _)| other == name);
            let bad = |pid: &str| Error::usage(format!("{pid}: not a process id"));
            given.map(|(_, pid)| pid.parse().map_err(|_| bad(pid))).transpose()
        };
        let peers = self.peer.iter().map(|text| {
            let (name, url) = pair(text)?;
            Ok(Peer { pid: pid_of(&name)?, name, url })
        });
        peers.collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn peers_and_their_processes() {
        let cli =
            Cli::parse_from(["moln-bench", "compare", "--peer", "a=http://127.0.0.1:1", "--peer-pid", "a=7"]);
        let Command::Compare(arguments) = cli.command else { panic!() };
        let peers = arguments.peers().unwrap();
        assert_eq!((peers[0].name.as_str(), peers[0].pid), ("a", Some(7)));
        let cli = Cli::parse_from(["moln-bench", "compare", "--peer", "nothing"]);
        let Command::Compare(arguments) = cli.command else { panic!() };
        assert!(arguments.comparison().is_err());
    }
}
