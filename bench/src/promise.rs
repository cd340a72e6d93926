//! Promises as numbers: `send>=0.5:sync`, checked against the results of a comparison.
//!
//! `WORKLOAD[.FIGURE] >= | <= NUMBER [:SERVER[.WORKLOAD]]`. Without a figure it is the rate; with a server the number
//! is a ratio to that server's figure, in the same workload or another.

use std::fmt;

use crate::{
    error::{Error, Result},
    load::{Workload, metric},
    results::Results,
};

/// One promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Promise {
    text: String,
    workload: Workload,
    figure: String,
    at_least: bool,
    bound: f64,
    relative: Option<(String, Workload)>,
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Kept, with the figure measured.
    Kept(f64),
    /// Missed, with the figure measured.
    Missed(f64),
    /// The figure was to be measured, and could not be: counts as missed.
    Unknown,
    /// Its workload was not chosen in this run.
    NotRun,
}

impl Verdict {
    /// Whether this is a failure.
    pub fn failed(self) -> bool {
        matches!(self, Self::Missed(_) | Self::Unknown)
    }
}

impl Promise {
    /// Reads one promise.
    pub fn parse(text: &str) -> Result<Self> {
        let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let wrong =
            || Error::usage(format!("{text}: expected WORKLOAD[.FIGURE]>=NUMBER[:SERVER[.WORKLOAD]], or <="));
        let (subject, rest, at_least) = match (text.split_once(">="), text.split_once("<=")) {
            (Some((subject, rest)), _) => (subject, rest, true),
            (_, Some((subject, rest))) => (subject, rest, false),
            _ => return Err(wrong()),
        };
        let (name, figure) = subject.split_once('.').unwrap_or((subject, metric::RATE));
        let workload = Workload::named(name).ok_or_else(wrong)?;
        let (bound, relative) = match rest.split_once(':') {
            None => (rest, None),
            Some((bound, other)) => {
                let (server, other) = other.split_once('.').unwrap_or((other, name));
                (bound, Some((server.to_owned(), Workload::named(other).ok_or_else(wrong)?)))
            }
        };
        let bound = bound.parse().map_err(|_| wrong())?;
        Ok(Self { workload, figure: figure.to_owned(), at_least, bound, relative, text })
    }

    /// Reads a file of promises: one a line, `#` begins a comment.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty()).map(Self::parse).collect()
    }

    /// Checks it for this server.
    pub fn check(&self, results: &Results, server: &str) -> Verdict {
        if !results.has(self.workload, server) {
            return Verdict::NotRun;
        }
        let measured = match &self.relative {
            None => results.median(self.workload, server, &self.figure),
            Some((other, workload)) => {
                results.ratio((self.workload, server), (*workload, other.as_str()), &self.figure)
            }
        };
        match measured {
            None => Verdict::Unknown,
            Some(value)
                if (value >= self.bound) == self.at_least || (value - self.bound).abs() < f64::EPSILON =>
            {
                Verdict::Kept(value)
            }
            Some(value) => Verdict::Missed(value),
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::load::Outcome;

    fn results() -> Results {
        let mut results = Results::default();
        let mut add = |workload, server, figure, value| {
            results.add(
                workload,
                server,
                Outcome { values: BTreeMap::from([(figure, value)]), trouble: None },
            );
        };
        add(Workload::Send, "moln", metric::RATE, 25_000.0);
        add(Workload::Send, "sync", metric::RATE, 50_000.0);
        add(Workload::Cycle, "moln", metric::RATE, 8_000.0);
        add(Workload::Backlog, "moln", metric::BYTES, 70.0);
        results.add(Workload::Drain, "moln", Outcome::failed("broken"));
        results
    }

    fn check(text: &str) -> Verdict {
        Promise::parse(text).unwrap().check(&results(), "moln")
    }

    #[test]
    fn verdicts() {
        assert_eq!(check("send >= 0.5:sync"), Verdict::Kept(0.5));
        assert_eq!(check("send>=0.6:sync"), Verdict::Missed(0.5));
        assert_eq!(check("send>=25000"), Verdict::Kept(25_000.0));
        assert_eq!(check("cycle>=0.1667:sync.send"), Verdict::Missed(0.16));
        assert_eq!(check("cycle>=0.1667:sync"), Verdict::Unknown);
        assert_eq!(check("backlog.bytes<=64"), Verdict::Missed(70.0));
        assert_eq!(check("backlog.bytes<=70"), Verdict::Kept(70.0));
        assert_eq!(check("drain>=30000"), Verdict::Unknown);
        assert_eq!(check("waiters.p99<=50"), Verdict::NotRun);
        assert!(Verdict::Unknown.failed() && !Verdict::NotRun.failed());
    }

    #[test]
    fn bad_ones_are_refused() {
        for bad in ["", "send", "send>0.5", "sent>=1", "send>=much", "send>=1:sync.sent"] {
            assert!(Promise::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_project_s_own_promises_are_readable() {
        assert!(Promise::parse_all(include_str!("../promises.txt")).unwrap().len() >= 5);
    }
}
