//! How fast functions run: through Moln's HTTP front door, against the bare round trip of their runtime and the bare start
//! of its interpreter, on the same machine in the same run.

mod api;
mod bare;
mod mapping;
mod zip;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    compare::{Scratch, Server},
    error::{Error, Result},
    histogram::Histogram,
};

use api::Api;

/// Invocations per second at sixteen at once: twenty times what a Python emulator without containers did on two cores.
const RATE: f64 = 5_400.0;
/// Turns that the kinds of round trip take.
const TURNS: u32 = 40;
/// Warm invocation over HTTP, as a multiple of the bare round trip over a Runtime API.
const WARM: f64 = 2.5;
/// Cold start over HTTP, as a multiple of the interpreter's own start.
const COLD: f64 = 1.3;
/// Start in a pre-warmed process, over HTTP, in milliseconds.
const POOL_MS: f64 = 15.0;

/// Messages a second through an event source mapping, ten in a batch.
const MAPPED: f64 = 2_000.0;

/// What to measure with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Moln's binary.
    pub binary: PathBuf,
    /// Arguments beyond `serve --listen ADDRESS --data DIR`.
    pub arguments: Vec<String>,
    /// Directory for its data.
    pub dir: PathBuf,
    /// Invocations of a warm function.
    pub warm: u32,
    /// Starts of each kind.
    pub starts: u32,
    /// How long sixteen at once are kept up.
    pub measure: Duration,
    /// Messages that go through an event source mapping.
    pub messages: u32,
}

/// A language to measure.
struct Language {
    name: &'static str,
    runtime: &'static str,
    file: &'static str,
    code: &'static str,
    /// How the interpreter runs nothing.
    nothing: &'static [&'static str],
    /// How it runs the runtime for the bare round trip.
    bare: &'static [&'static str],
    /// A variable that only a process of its own can take; what it is set to changes nothing here.
    own: &'static str,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "node",
        runtime: "nodejs20.x",
        file: "index.js",
        code: "exports.handler = async () => null\n",
        nothing: &["-e", "0"],
        bare: &["-e", include_str!("bare.js")],
        own: "UV_THREADPOOL_SIZE",
    },
    Language {
        name: "python",
        runtime: "python3.11",
        file: "index.py",
        code: "def handler(event, context):\n    return None\n",
        nothing: &["-S", "-c", "0"],
        bare: &["-S", "-c", include_str!("bare.py")],
        own: "PYTHONHASHSEED",
    },
];

/// A figure, and what it must be.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// At most this, or at least.
    bound: Option<(f64, bool)>,
}

impl Figure {
    fn kept(&self) -> bool {
        self.bound.is_none_or(|(bound, most)| if most { self.value <= bound } else { self.value >= bound })
    }
}

/// Measures; the report, and whether everything is as promised.
pub async fn run(plan: &Plan) -> Result<(String, bool)> {
    let scratch = Scratch::new(&plan.dir)?;
    let server = Server::development(&plan.binary, &plan.arguments, &scratch.join("functions")).await?;
    let api = Arc::new(Api::new(server.address));
    let mut figures = Vec::new();
    for language in LANGUAGES {
        measure(plan, &api, language, &mut figures).await?;
    }
    drop(server);
    let mut report = String::from("| figure | value | promise |\n|---|---|---|\n");
    for figure in &figures {
        let promise = figure.bound.map_or_else(
            || "–".to_owned(),
            |(bound, most)| {
                let word = if figure.kept() { "kept" } else { "**missed**" };
                format!("{} {bound} {}: {word}", if most { "≤" } else { "≥" }, figure.unit)
            },
        );
        let _ = writeln!(report, "| {} | {:.2} {} | {promise} |", figure.name, figure.value, figure.unit);
    }
    Ok((report, figures.iter().all(Figure::kept)))
}

async fn measure(plan: &Plan, api: &Arc<Api>, language: &Language, figures: &mut Vec<Figure>) -> Result<()> {
    let mut put = |name: &str, value: f64, unit: &'static str, bound: Option<(f64, bool)>| {
        figures.push(Figure { name: format!("{} {name}", language.name), value, unit, bound });
    };
    let function = format!("bench-{}", language.name);
    let code = zip::stored(language.file, language.code.as_bytes());
    let interpreter = interpreter_of(plan, language.runtime)?;
    let mut client = api.connect().await?;
    client.create(&function, language.runtime, &code).await?;
    client.invoke(&function).await?;

    let turns = one_at_a_time(plan, api, &function, language, &interpreter).await?;
    let mut all = Kinds::default();
    for turn in &turns {
        all.iter_mut().zip(turn).for_each(|(all, turn)| all.merge(turn));
    }
    let [socket, bare, warm] = &all;
    // Within a turn: what slowed the machine down slowed all kinds.
    let times = |of: fn(&Kinds) -> &Histogram| {
        let ratio = |turn: &Kinds| turn.last().map(|warm| warm.quantile_ms(0.5) / of(turn).quantile_ms(0.5));
        median(turns.iter().filter_map(ratio).collect())
    };
    put("bare socket, p50", socket.quantile_ms(0.5) * 1e3, "µs", None);
    put("bare Runtime API, p50", bare.quantile_ms(0.5) * 1e3, "µs", None);
    put("warm over HTTP, p50", warm.quantile_ms(0.5) * 1e3, "µs", None);
    put("warm over HTTP, p99", warm.quantile_ms(0.99) * 1e3, "µs", None);
    put("warm ÷ bare socket, p50", times(|[socket, ..]| socket), "×", None);
    put("warm ÷ bare Runtime API, p50", times(|[_, bare, _]| bare), "×", Some((WARM, true)));

    let rate = at_once(api, &function, 16, plan.measure).await?;
    put("sixteen at once", rate, "per second", (language.name == "node").then_some((RATE, false)));

    let mapped = mapping::through(api, &function, plan.messages).await?;
    put("through a queue, ten in a batch", mapped, "messages per second", Some((MAPPED, false)));

    // Cold: a variable that only a process of its own can take. Pre-warmed: any other variable.
    let mut nothing = Vec::new();
    let (mut cold, mut pool) = (Vec::new(), Vec::new());
    for number in 0..plan.starts {
        nothing.push(alone(&interpreter, language.nothing)?);
        cold.push(client.start(&function, language.own, number).await?);
    }
    for number in 0..plan.starts {
        // The process for the next start is made ready meanwhile.
        client.start(&function, "POOL_BENCH", number * 2).await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
        pool.push(client.start(&function, "POOL_BENCH", number * 2 + 1).await?);
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let (nothing, cold, pool) = (median(nothing), median(cold), median(pool));
    put("interpreter alone", nothing, "ms", None);
    put("cold over HTTP", cold, "ms", None);
    put("cold ÷ interpreter", cold / nothing, "×", (language.name == "node").then_some((COLD, true)));
    put("pre-warmed over HTTP", pool, "ms", Some((POOL_MS, true)));
    Ok(())
}

/// Round trips by the bare socket, by the bare Runtime API, over HTTP.
type Kinds = [Histogram; 3];

/// One invocation after the other, of each kind; in turns, since the machine changes under us. Before the first each is
/// warmed up.
async fn one_at_a_time(
    plan: &Plan,
    api: &Arc<Api>,
    function: &str,
    language: &Language,
    interpreter: &Path,
) -> Result<Vec<Kinds>> {
    let mut client = api.blocking(function)?;
    let mut socket = bare::Socket::start(interpreter, language.bare)?;
    let mut served = bare::Api::start(interpreter, language.bare).await?;
    let mut turns = Vec::new();
    for turn in 0..=TURNS {
        let mut kinds = Kinds::default();
        let [bytes, http, warm] = &mut kinds;
        let rounds = if turn == 0 { plan.warm / 2 } else { plan.warm / TURNS };
        socket.rounds(rounds, bytes)?;
        served.rounds(rounds, http).await?;
        for _ in 0..rounds {
            let begun = Instant::now();
            client.invoke()?;
            warm.record(begun.elapsed());
        }
        if turn > 0 {
            turns.push(kinds);
        }
    }
    Ok(turns)
}

/// Invocations a second from so many connections.
async fn at_once(api: &Arc<Api>, function: &str, connections: usize, measure: Duration) -> Result<f64> {
    let warm_up = Duration::from_secs(1);
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (api, function) = (Arc::clone(api), function.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut client = api.connect().await?;
            let mut counted = 0_u32;
            while begun.elapsed() < warm_up + measure {
                client.invoke(&function).await?;
                counted += u32::from(begun.elapsed() >= warm_up);
            }
            Ok::<_, Error>(counted)
        }));
    }
    let mut total = 0.0;
    for task in tasks {
        total += f64::from(task.await.map_err(|error| Error::usage(error.to_string()))??);
    }
    Ok(total / measure.as_secs_f64())
}

/// The interpreter that Moln runs functions of this runtime with: another one, or a version manager's script before it,
/// would be no yardstick.
fn interpreter_of(plan: &Plan, runtime: &str) -> Result<PathBuf> {
    let listed = Command::new(&plan.binary)
        .args(["runtimes", "list"])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("list runtimes"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    // Runtime, state, version, path.
    let line = listed.lines().find(|line| line.split_whitespace().next() == Some(runtime));
    let path = line.and_then(|line| line.split_whitespace().nth(3)).filter(|path| path.starts_with('/'));
    path.map(PathBuf::from).ok_or_else(|| Error::usage(format!("{runtime} is not there")))
}

/// Milliseconds that the interpreter takes for nothing.
fn alone(program: &Path, arguments: &[&str]) -> Result<f64> {
    let begun = Instant::now();
    Command::new(program)
        .args(arguments)
        // What the caller's environment makes an interpreter load (certificates, options) a function's does not.
        .env_clear()
        .stdin(Stdio::null())
        .status()
        .map_err(Error::io(format!("run {}", program.display())))?;
    Ok(millis(begun.elapsed()))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
