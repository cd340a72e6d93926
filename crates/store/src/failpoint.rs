//! Places where a test makes the disk fail. Off (one relaxed load per place) unless the environment variable
//! `MOLN_FAILPOINTS` or [`arm`] says otherwise.
//!
//! `MOLN_FAILPOINTS="store.commit.before_sync=abort@100;store.journal=sleep:5"`: at the place named, do what is named:
//! `error`, `panic`, `abort`, `sleep:MILLISECONDS`, `partial:BYTES` (write only so much, then fail); with `@N` only the
//! Nth time it is passed, else every time.

use std::{
    collections::HashMap,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What happens at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The step answers an I/O error.
    Error,
    /// The thread panics.
    Panic,
    /// The process ends at once, as by a power cut (but for what the operating system still holds).
    Abort,
    /// The step takes longer.
    Sleep(Duration),
    /// A write writes only so many bytes, then answers an I/O error.
    Partial(usize),
}

struct Point {
    action: Action,
    /// Passes left until it acts; `None`: it acts always.
    countdown: Option<u64>,
}

static ARMED: AtomicBool = AtomicBool::new(false);
static POINTS: Mutex<Option<HashMap<String, Point>>> = Mutex::new(None);

/// Arms what `MOLN_FAILPOINTS` says, if anything. An entry that is not understood is an error that names it.
pub fn from_env() -> Result<(), String> {
    match std::env::var("MOLN_FAILPOINTS") {
        Ok(spec) if !spec.is_empty() => arm(&spec),
        _ => Ok(()),
    }
}

/// Arms failpoints, see the module's text for the form; what was armed before stays.
pub fn arm(spec: &str) -> Result<(), String> {
    for entry in spec.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, point) = parse(entry).ok_or_else(|| format!("failpoint not understood: {entry}"))?;
        points().get_or_insert_with(HashMap::new).insert(name.to_owned(), point);
    }
    ARMED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Disarms all failpoints.
pub fn disarm() {
    ARMED.store(false, Ordering::Relaxed);
    *points() = None;
}

/// Passes a place: does nothing, or what was armed for it.
#[inline]
pub fn pass(name: &str) -> io::Result<()> {
    if ARMED.load(Ordering::Relaxed) { act(name).map(|_| ()) } else { Ok(()) }
}

/// Passes a place that writes: `Some(n)` when only the first `n` bytes are to be written, and then it fails.
#[inline]
pub fn pass_write(name: &str) -> io::Result<Option<usize>> {
    if ARMED.load(Ordering::Relaxed) { act(name) } else { Ok(None) }
}

#[cold]
fn act(name: &str) -> io::Result<Option<usize>> {
    let action = {
        let mut points = points();
        let Some(point) = points.as_mut().and_then(|points| points.get_mut(name)) else { return Ok(None) };
        match &mut point.countdown {
            Some(0) => return Ok(None),
            Some(left) => {
                *left -= 1;
                if *left > 0 {
                    return Ok(None);
                }
            }
            None => {}
        }
        point.action.clone()
    };
    match action {
        Action::Error => Err(io::Error::other(format!("failpoint {name}"))),
        #[expect(clippy::panic, reason = "a test asked for it")]
        Action::Panic => panic!("failpoint {name}"),
        Action::Abort => std::process::abort(),
        Action::Sleep(time) => {
            std::thread::sleep(time);
            Ok(None)
        }
        Action::Partial(bytes) => Ok(Some(bytes)),
    }
}

fn parse(entry: &str) -> Option<(&str, Point)> {
    let (name, what) = entry.split_once('=')?;
    let (what, countdown) = match what.split_once('@') {
        Some((what, nth)) => (what, Some(nth.parse().ok().filter(|nth| *nth > 0)?)),
        None => (what, None),
    };
    let action = match what.split_once(':') {
        None if what == "error" => Action::Error,
        None if what == "panic" => Action::Panic,
        None if what == "abort" => Action::Abort,
        Some(("sleep", millis)) => Action::Sleep(Duration::from_millis(millis.parse().ok()?)),
        Some(("partial", bytes)) => Action::Partial(bytes.parse().ok()?),
        _ => return None,
    };
    Some((name.trim(), Point { action, countdown }))
}

fn points() -> MutexGuard<'static, Option<HashMap<String, Point>>> {
    POINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_where_and_when_it_was_told() {
        assert!(pass("failpoint.test").is_ok());
        arm("failpoint.test=error@2; failpoint.write=partial:7").unwrap();
        assert!(pass("failpoint.test").is_ok());
        assert!(pass("failpoint.test").is_err());
        assert!(pass("failpoint.test").is_ok(), "only the second time");
        assert_eq!(pass_write("failpoint.write").unwrap(), Some(7));
        assert_eq!(arm("x=explode").unwrap_err(), "failpoint not understood: x=explode");
    }
}
