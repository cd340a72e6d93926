//! `moln doctor`: what could keep a server from running well.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use moln_sandbox::Tier;
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};

use super::say;
use crate::{
    cli::{Doctor, Languages, Target},
    client::Server,
    config::default_data,
    failure::Failure,
    sandbox,
};

/// Below this the store cannot work for long, in bytes.
const LITTLE_DISK: u64 = 256 << 20;
/// Below this it is time to look for more.
const SOME_DISK: u64 = 2 << 30;
/// Syncs slower than this make every write slow.
const SLOW_SYNC: Duration = Duration::from_millis(10);
/// Enough open files for the default number of connections.
const OPEN_FILES: u64 = 20_000 + 1_024;

enum Finding {
    Ok(String),
    Warn(String, &'static str),
    Fail(String, &'static str),
}
use Finding::{Fail, Ok as Fine, Warn};

pub(super) fn run(options: &Doctor) -> ExitCode {
    let data = options.data.clone().unwrap_or_else(default_data);
    let mut failed = false;
    let mut tell = |what: &str, finding: Finding| {
        let (word, text, hint) = match finding {
            Fine(text) => ("OK  ", text, None),
            Warn(text, hint) => ("WARN", text, Some(hint)),
            Fail(text, hint) => {
                failed = true;
                ("FAIL", text, Some(hint))
            }
        };
        say(&format!("{word}  {what}: {text}"));
        if let Some(hint) = hint {
            say(&format!("      {hint}"));
        }
    };
    tell("version", Fine(format!("moln {}", env!("CARGO_PKG_VERSION"))));
    match writable(&data) {
        Ok(place) => {
            tell("data directory", Fine(format!("{} can be written", data.display())));
            tell("disk", free(&place));
            tell("sync", sync_speed(&place));
        }
        Err(why) => tell(
            "data directory",
            Fail(
                format!("{} cannot be used: {why}", data.display()),
                "Take another --data DIR, or give this user the right to write there.",
            ),
        ),
    }
    tell("clock", clock());
    tell("open files", open_files());
    tell("runtimes", runtimes(&options.languages));
    sandboxes(&mut tell);
    tell("server", server(&options.target));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The directory itself, or the nearest one above in which it would be made; a probe file was written there.
fn writable(data: &Path) -> Result<PathBuf, String> {
    let mut place = std::path::absolute(data).map_err(|why| why.to_string())?;
    while !place.exists() {
        if !place.pop() {
            return Err("no directory above it exists".to_owned());
        }
    }
    if !place.is_dir() {
        return Err(format!("{} is not a directory", place.display()));
    }
    let probe = place.join(format!(".moln-doctor-{}", std::process::id()));
    let written = File::create(&probe).and_then(|mut file| file.write_all(b"probe"));
    // The probe may not be there when writing failed.
    let _ = fs::remove_file(&probe);
    written.map_err(|why| why.to_string()).map(|()| place)
}

fn free(place: &Path) -> Finding {
    match statvfs(place) {
        Ok(stat) => {
            let bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{} MiB free", bytes >> 20);
            match bytes {
                bytes if bytes < LITTLE_DISK => Fail(text, "The store needs room to write: free some."),
                bytes if bytes < SOME_DISK => Warn(text, "That may not last: keep an eye on it."),
                _ => Fine(text),
            }
        }
        Err(why) => Warn(format!("free space is unknown: {why}"), "Look with `df`."),
    }
}

/// How long it takes until a small write is on disk: what every acknowledged write waits for.
fn sync_speed(place: &Path) -> Finding {
    const ROUNDS: u32 = 20;
    let probe = place.join(format!(".moln-doctor-{}", std::process::id()));
    let measure = || -> std::io::Result<Duration> {
        let mut file = File::create(&probe)?;
        let started = Instant::now();
        for _ in 0..ROUNDS {
            file.write_all(&[0; 4_096])?;
            file.sync_data()?;
        }
        Ok(started.elapsed() / ROUNDS)
    };
    let measured = measure();
    // The probe may not be there when writing failed.
    let _ = fs::remove_file(&probe);
    match measured {
        Ok(took) if took > SLOW_SYNC => Warn(
            format!("a write takes {} ms to reach the disk", took.as_millis()),
            "Every acknowledged request waits for that. A local SSD takes less than 1 ms.",
        ),
        Ok(took) => Fine(format!("a write takes {} µs to reach the disk", took.as_micros())),
        Err(why) => {
            Fail(format!("writes do not reach the disk: {why}"), "The store cannot promise anything here.")
        }
    }
}

fn clock() -> Finding {
    use moln_kernel::Clock as _;
    let now = moln_kernel::SystemClock::default().now();
    // 2026-01-01: before that, this version did not exist.
    if now.seconds() < 1_767_225_600 {
        return Fail(
            "the system's clock is in the past".into(),
            "Set it: signatures are refused when it is off by 15 minutes.",
        );
    }
    Fine(moln_gateway::admin::iso(now))
}

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < OPEN_FILES => Warn(
            format!("at most {limit}"),
            "20,000 connections need more: raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd).",
        ),
        Some(limit) => Fine(format!("at most {limit}")),
        None => Fine("no limit".into()),
    }
}

/// Which languages functions can run in right away, and what it takes for the others.
fn runtimes(languages: &Languages) -> Finding {
    let runtimes = match super::runtimes::found(languages) {
        Ok(runtimes) => runtimes,
        Err(failure) => return Warn(failure.to_string(), "Name a directory with --runtimes DIR."),
    };
    let (mut ready, mut installable, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (runtime, found) in runtimes {
        match found {
            Ok(_) => ready.push(runtime.name()),
            Err(missing) if missing.installable => installable.push(runtime.name()),
            Err(_) => absent.push(runtime.name()),
        }
    }
    let mut parts = vec![format!("ready: {}", ready.join(", "))];
    if !installable.is_empty() {
        parts.push(format!("installed when first used: {}", installable.join(", ")));
    }
    if absent.is_empty() {
        return Fine(parts.join("; "));
    }
    parts.push(format!("missing: {}", absent.join(", ")));
    Warn(parts.join("; "), "`moln runtimes list` says what each needs.")
}

/// How well functions are confined on this machine, step by step where something is missing.
fn sandboxes(tell: &mut impl FnMut(&str, Finding)) {
    let directory = std::env::temp_dir().join(format!("moln-doctor-{}", std::process::id()));
    let report = match super::blocking(async { Ok(sandbox::probe(&directory)) }) {
        Ok(Ok(report)) => report,
        Ok(Err(why)) => {
            return tell("sandbox", Fail(why.to_string(), "Functions cannot run without a launcher."));
        }
        Err(why) => return tell("sandbox", Fail(why.to_string(), "Functions cannot run here.")),
    };
    let what = match report.tier {
        Tier::A => "tier A: functions run in namespaces, with limits held by the kernel",
        Tier::B => "tier B: functions run in namespaces, memory is watched",
        Tier::C => "tier C: functions run as confined processes that see the machine's files",
        Tier::D => "tier D: functions run as plain processes",
    };
    tell(
        "sandbox",
        if report.tier >= Tier::B {
            Fine(what.into())
        } else {
            Warn(what.into(), "Run only code you trust, or see below.")
        },
    );
    for step in report.steps.iter().filter(|step| !step.holds) {
        tell(&format!("sandbox, {}", step.name), Warn(step.how.clone(), sandbox::hint(step)));
    }
}

fn server(target: &Target) -> Finding {
    let asked = Server::find(target).and_then(|server| {
        super::blocking(async {
            let (status, answer) =
                server.json(http::Method::GET, "/_moln/health", bytes::Bytes::new()).await?;
            let version =
                answer.get("version").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            if !status.is_success() || version.is_empty() {
                return Err(Failure::new(format!("what answers at {} is not moln", server.url())));
            }
            Ok(format!("moln {version} answers at {}", server.url()))
        })
    });
    match asked {
        Ok(text) => Fine(text),
        Err(failure) if failure.is_unreachable() => Fine("none runs there; its port is free to use".into()),
        Err(failure) => {
            Warn(failure.to_string(), "Take another port with --listen, or stop what uses this one.")
        }
    }
}
