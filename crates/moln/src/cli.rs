//! The command line. Every option of `serve` can also stand in the environment (`MOLN_…`) and in `moln.toml`; the command
//! line wins over the environment, the environment over the file.

#![allow(clippy::doc_markdown)] // the texts are help for a terminal, not Markdown

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::s3::S3;

const EXAMPLES: &str = "\
Examples:
  moln serve                          answer on http://127.0.0.1:4566, data in ~/.local/share/moln
  eval \"$(moln env)\"                  point the AWS CLI and SDKs of this shell at it
  aws --endpoint-url $AWS_ENDPOINT_URL sqs create-queue --queue-name orders
                                      (only version 1 of the AWS CLI needs --endpoint-url)
  moln clock advance 15m              let fifteen minutes pass at once
  moln backup state.moln              save everything while it runs

Exit codes: 0 done, 1 it did not work, 2 wrong use or configuration, 3 no server answers.";

/// The serverless cloud you own: AWS's APIs from one program, durable and secure.
#[derive(Debug, Parser)]
#[command(name = "moln", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the application of a directory: start a server if none answers, deploy, follow logs, deploy again on changes.
    Up(Box<Up>),
    /// Deploy the application of a directory.
    Deploy(Box<Deploy>),
    /// Remove what was deployed from a directory.
    Remove(Box<Shown>),
    /// Print what was deployed from a directory: endpoints, functions, queues, outputs.
    Info(Box<Shown>),
    /// Print the CloudFormation that a directory comes to, with everything written out.
    Template(Box<Application>),
    /// Look for traps in a deployment file and its code; exit code 1 when there are any.
    Check(Box<Check>),
    /// Start the server.
    Serve(Box<Serve>),
    /// Print the environment that points AWS clients at a server.
    Env(Env),
    /// Show or move the clock that everything in the server waits by.
    Clock(Clock),
    /// Look for what could keep a server from running well, and say what to do.
    Doctor(Doctor),
    /// Save everything to a file: of a running server, or of a stopped one with --data.
    Backup(Backup),
    /// Fill an empty data directory from a backup.
    Restore(Restore),
    /// Call a function and print its answer.
    Invoke(Invoke),
    /// Print what a function, or a log group, has logged.
    Logs(Logs),
    /// Tell why an object is what it is.
    S3(S3),
    /// Ask a running server how it is.
    Health(Health),
    /// Look at or install the languages that functions run in.
    Runtimes(Runtimes),
}

const SERVE_EXAMPLES: &str = "\
Examples:
  moln serve --data ./data --listen 127.0.0.1:4566
  moln serve --listen 127.0.0.1:0                     any free port; it is printed
  moln serve --listen 0.0.0.0:4566 --access-key-file keys --tls-cert c.pem --tls-key k.pem

On loopback any credentials are welcome: that is for development. On every other address
requests must be signed with a key that was configured, and there is no default key.
SIGTERM and SIGINT stop: open requests end, long polls are answered.
SIGHUP reads the certificate again.";

/// Options of the server.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// Where everything is kept [default: ~/.local/share/moln]
    #[arg(long, env = "MOLN_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address and port to listen on; can be given several times [default: 127.0.0.1:4566 and [::1]:4566]
    #[arg(long, env = "MOLN_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub(crate) listen: Vec<SocketAddr>,
    /// Region of requests that name none [default: us-east-1]
    #[arg(long, env = "MOLN_REGION")]
    pub(crate) region: Option<String>,
    /// Account of requests that name none [default: 000000000000]
    #[arg(long, env = "MOLN_ACCOUNT", value_name = "12 DIGITS")]
    pub(crate) account: Option<String>,
    /// Who is let in [default: auto]
    #[arg(long, env = "MOLN_AUTH", value_enum)]
    pub(crate) auth: Option<Auth>,
    /// A file with root keys, one ID:SECRET a line; or set `MOLN_ACCESS_KEY_ID` and `MOLN_SECRET_ACCESS_KEY`
    #[arg(long, env = "MOLN_ACCESS_KEY_FILE", value_name = "FILE")]
    pub(crate) access_key_file: Option<PathBuf>,
    /// Certificate chain in PEM; makes all listeners speak TLS
    #[arg(long, env = "MOLN_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, env = "MOLN_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Origin of a web page that may call, such as https://console.example.org; pages on loopback may anyway
    #[arg(long, env = "MOLN_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allow_origin: Vec<String>,
    /// A host name of this server that browsers may use, besides localhost and AWS's names
    #[arg(long, env = "MOLN_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,
    /// How much to log [default: info]
    #[arg(long, env = "MOLN_LOG_LEVEL", value_enum)]
    pub(crate) log_level: Option<LogLevel>,
    /// How to log [default: text]
    #[arg(long, env = "MOLN_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Log every request, not only failed and slow ones
    #[arg(long, env = "MOLN_LOG_REQUESTS")]
    pub(crate) log_requests: bool,
    /// Open connections at once [default: 20000]
    #[arg(long, env = "MOLN_MAX_CONNECTIONS", value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// How well functions must be confined [default: best]
    #[arg(long, env = "MOLN_SANDBOX", value_enum)]
    pub(crate) sandbox: Option<Sandbox>,
    /// Functions reach this server and nothing else: no internet, no other port of this machine
    #[arg(long, env = "MOLN_ISOLATE_FUNCTIONS")]
    pub(crate) isolate_functions: bool,
    #[command(flatten)]
    pub(crate) languages: Languages,
    /// Configuration file [default: ./moln.toml if it is there]
    #[arg(long, env = "MOLN_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// On loopback everyone, elsewhere who signs with a known key
    Auto,
    /// Who signs with a known key, everywhere
    Required,
}

/// How well functions must be confined. `moln doctor` tells what this machine gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// In namespaces of their own, or the server does not start
    Require,
    /// As well as this machine can
    Best,
    /// Not at all: functions may do whatever the server may
    Off,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Failures only
    Error,
    /// And what may become one
    Warn,
    /// And what an operator wants to know
    Info,
    /// And what a developer of Moln wants to know
    Debug,
    /// Everything
    Trace,
}

/// How it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Which server a command talks to.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// The server's address [default: MOLN_ENDPOINT, AWS_ENDPOINT_URL, else http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Certificates to trust for https, in PEM
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// Options of `env`.
#[derive(Debug, Args)]
pub(crate) struct Env {
    /// For which shell [default: sh, which suits bash and zsh]
    #[arg(long, value_enum, default_value = "sh", hide_default_value = true)]
    pub(crate) shell: Shell,
    /// The server's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4566")]
    pub(crate) endpoint: String,
    /// The region
    #[arg(long, env = "MOLN_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    /// The account: 12 digits are taken as access key id; none means `test`, account 000000000000
    #[arg(long, value_name = "12 DIGITS")]
    pub(crate) account: Option<String>,
}

/// A shell's way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// export NAME=value
    Sh,
    /// set -gx NAME value
    Fish,
    /// $Env:NAME = 'value'
    Powershell,
}

/// Options of `clock`.
#[derive(Debug, Args)]
pub(crate) struct Clock {
    #[command(subcommand)]
    pub(crate) what: ClockCommand,
}

/// What to do with the clock.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Print the server's time and how far it was moved
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// Move the clock on; everything that falls due on the way happens, in order, before this returns
    Advance {
        /// How far: 90s, 15m, 1h30m, 2d
        by: String,
        #[command(flatten)]
        target: Target,
    },
}

const RUNTIMES_EXAMPLES: &str = "\
Examples:
  moln runtimes list                        what this machine has, and how to get the rest
  moln runtimes install nodejs20.x          Node.js and the AWS SDK, from the npm registry
  moln runtimes install --all               everything that can be installed

Node.js is fetched in the exact version AWS last had; Python is the machine's own of the same
minor version, and boto3 is fetched. A server fetches by itself what a function needs when it is
first invoked, unless --offline is given.";

/// Where languages are found.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Languages {
    /// Where runtimes and SDKs are kept, for all data directories [default: ~/.cache/moln]
    #[arg(long, env = "MOLN_RUNTIMES", value_name = "DIR")]
    pub(crate) runtimes: Option<PathBuf>,
    /// A directory with Python interpreters (DIR/bin/python3.12 or DIR/*/bin/python3.12), besides PATH, pyenv's and uv's
    #[arg(long, env = "MOLN_PYTHON", value_name = "DIR", value_delimiter = ':')]
    pub(crate) python: Vec<PathBuf>,
    /// Fetch no runtime or SDK when a function needs it
    #[arg(long, env = "MOLN_OFFLINE")]
    pub(crate) offline: bool,
}

/// Options of `runtimes`.
#[derive(Debug, Args)]
#[command(after_help = RUNTIMES_EXAMPLES)]
pub(crate) struct Runtimes {
    #[command(subcommand)]
    pub(crate) what: RuntimesCommand,
}

/// What to do with runtimes.
#[derive(Debug, Subcommand)]
pub(crate) enum RuntimesCommand {
    /// Print every runtime that functions can use and whether it is there
    List {
        /// As JSON, with the places
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        languages: Languages,
    },
    /// Fetch what runtimes need
    Install {
        /// Names such as nodejs20.x or python3.12
        #[arg(value_name = "RUNTIME", required_unless_present = "all")]
        names: Vec<String>,
        /// Every runtime for which there is a way
        #[arg(long, conflicts_with = "names")]
        all: bool,
        #[command(flatten)]
        languages: Languages,
    },
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The data directory to look at [default: as for serve]
    #[arg(long, env = "MOLN_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) languages: Languages,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write; `-` is the standard output
    pub(crate) file: PathBuf,
    /// The data directory of a stopped server; without it a running server is asked
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup to read; `-` is the standard input
    pub(crate) file: PathBuf,
    /// The data directory to fill: missing or empty [default: as for serve]
    #[arg(long, env = "MOLN_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

const DEPLOY_EXAMPLES: &str = "\
Examples:
  moln up                                    the application of this directory, as long as you like
  moln deploy services/orders --stage test
  moln deploy --stack shop --param Stage=test   a plain or a SAM template
  moln info; moln remove

A directory holds a serverless.yml, a template.yaml (SAM or CloudFormation) or a template.json.";

/// What a deployment depends on besides its files.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Choices {
    /// The stage [default: the file's own, else dev]
    #[arg(short, long)]
    pub(crate) stage: Option<String>,
    /// The region [default: the file's own, else AWS_REGION, else us-east-1]
    #[arg(short, long)]
    pub(crate) region: Option<String>,
    /// The stack's name [default: the file's own, else the directory's]
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// A parameter; can be given several times
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// A serverless.yml's plugin that Moln does not know and that may be left out
    #[arg(long = "ignore-plugin", value_name = "NAME")]
    pub(crate) ignore_plugins: Vec<String>,
}

/// An application's directory, and what its deployment depends on besides.
#[derive(Clone, Debug, Args)]
pub(crate) struct Application {
    /// The directory, or the deployment file itself
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) choices: Choices,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `info` and `remove`, and of all that shows what becomes of an application.
#[derive(Clone, Debug, Args)]
#[command(after_help = DEPLOY_EXAMPLES)]
pub(crate) struct Shown {
    #[command(flatten)]
    pub(crate) of: Application,
    /// One JSON object a line, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `deploy`.
#[derive(Clone, Debug, Args)]
#[command(after_help = DEPLOY_EXAMPLES)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// Keep what was made when something fails, to look at it [default: all goes back to what it was]
    #[arg(long)]
    pub(crate) disable_rollback: bool,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) shown: Shown,
    /// A rule to pass over; can be given several times
    #[arg(long = "ignore", value_name = "RULE")]
    pub(crate) ignored: Vec<String>,
}

/// Options of `up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) deploy: Deploy,
    /// Where a server that is started here keeps everything [default: as for serve]
    #[arg(long, env = "MOLN_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// Options of `invoke`.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function's name or ARN
    pub(crate) name: String,
    /// The event, JSON; `-` reads it from the standard input [default: {}]
    #[arg(short, long, value_name = "JSON")]
    pub(crate) payload: Option<String>,
    /// A version or an alias
    #[arg(short, long)]
    pub(crate) qualifier: Option<String>,
    /// Print the last 4 KiB of the function's log, too, to the standard error output
    #[arg(long)]
    pub(crate) logs: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// A function's name, or a log group's
    pub(crate) name: String,
    /// Go on printing as lines come in, until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How far back to begin: 90s, 15m, 1h30m, 2d
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub(crate) since: String,
    /// Only lines that match a filter pattern: ERROR, '?WARN ?ERROR', '{ $.level = "error" }'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `health`.
#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) target: Target,
}
