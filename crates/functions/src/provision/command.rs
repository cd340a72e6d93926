//! Other programs (npm, pip, interpreters), bounded in time and in what they say.

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Longest time npm or pip may take.
pub(super) const FETCHING: Duration = Duration::from_mins(10);
/// Longest time an interpreter may take to tell its version.
pub(super) const ASKING: Duration = Duration::from_secs(10);
/// What is kept of what a program says, bytes.
const KEPT: u64 = 64 * 1024;

/// Runs a program to its end and gives its standard output. An error says what the program said last.
pub(super) fn run(command: &mut Command, limit: Duration) -> io::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    let output = child.stdout.take().map(|pipe| std::thread::spawn(move || read(pipe)));
    let errors = child.stderr.take().map(|pipe| std::thread::spawn(move || read(pipe)));
    // Monotonic: this bounds a program of this machine and has nothing to do with the server's clock.
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |thread: Option<std::thread::JoinHandle<String>>| {
        thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    };
    let (output, errors) = (text(output), text(errors));
    match status {
        Some(status) if status.success() => Ok(output),
        Some(status) => Err(io::Error::other(format!("{name}: {status}: {}", last_words(&errors)))),
        None => Err(io::Error::other(format!("{name} took more than {} s", limit.as_secs()))),
    }
}

fn read(pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut pipe = pipe;
    // What comes beyond is read and dropped, so that the program does not wait for us.
    let _ = pipe.by_ref().take(KEPT).read_to_end(&mut bytes);
    let _ = io::copy(&mut pipe, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines that tell why: npm's `error` lines without its pointers to logs, otherwise the last ones.
fn last_words(errors: &str) -> String {
    let lines: Vec<&str> = errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("npm error "))
        .filter(|line| !line.contains("complete log"))
        .collect();
    let told = if told.is_empty() { lines } else { told };
    let from = told.len().saturating_sub(4);
    let text = told.get(from..).unwrap_or_default().join("; ");
    text.chars().take(600).collect()
}
