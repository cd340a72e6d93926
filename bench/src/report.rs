//! The report of a comparison: Markdown for people, JSON for programs.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use serde_json::{Map, Value, json};

use crate::{
    compare::{Compared, SUBJECT},
    load::{Workload, metric},
    promise::{Promise, Verdict},
};

/// Columns of a steady workload: title, figure, decimals.
const COLUMNS: [(&str, &str, usize); 7] = [
    ("per second", metric::RATE, 0),
    ("p50 ms", metric::P50, 2),
    ("p99 ms", metric::P99, 2),
    ("server CPU ms per 1,000", metric::CPU, 1),
    ("client CPU ms per 1,000", metric::CLIENT_CPU, 1),
    ("RSS MiB", metric::RSS, 0),
    ("others %", metric::OTHERS, 0),
];

/// The machine that the figures are of: processor, cores, kernel.
pub fn machine() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim())
}

/// The report as Markdown.
pub fn markdown(compared: &Compared, promises: &[Promise]) -> String {
    let mut out = format!("# Comparison\n\n{}. Medians over the rounds of one run.\n", machine());
    for workload in Workload::STEADY {
        steady(&mut out, compared, workload);
    }
    for workload in [Workload::Start].into_iter().chain(Workload::SINGLE) {
        single(&mut out, compared, workload);
    }
    if !promises.is_empty() {
        out.push_str("\n## Promises\n\n| promise | measured | |\n|---|---:|---|\n");
        for promise in promises {
            let (measured, word) = match promise.check(&compared.results, SUBJECT) {
                Verdict::Kept(value) => (number(value, 2), "kept"),
                Verdict::Missed(value) => (number(value, 2), "MISSED"),
                Verdict::Unknown => ("–".to_owned(), "MISSED: not measured"),
                Verdict::NotRun => ("–".to_owned(), "not run"),
            };
            let _ = writeln!(out, "| {promise} | {measured} | {word} |");
        }
    }
    out
}

fn steady(out: &mut String, compared: &Compared, workload: Workload) {
    let (results, servers) = (&compared.results, &compared.servers);
    let servers: Vec<_> = servers.iter().filter(|server| results.has(workload, server)).collect();
    if servers.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {}\n\n| |", workload.name());
    for (title, ..) in COLUMNS {
        let _ = write!(out, " {title} |");
    }
    let _ = writeln!(out, " {SUBJECT} ÷ it |\n|---|{}---:|", "---:|".repeat(COLUMNS.len()));
    for server in servers {
        let _ = write!(out, "| {server} |");
        if let Some(trouble) = results.trouble(workload, server) {
            let _ = writeln!(out, " FAILED: {} |", trouble.replace(['|', '\n'], " "));
            continue;
        }
        for (_, figure, decimals) in COLUMNS {
            let _ = write!(out, " {} |", optional(results.median(workload, server, figure), decimals));
        }
        let ratio = results.ratio((workload, SUBJECT), (workload, server), metric::RATE);
        let _ = writeln!(out, " {} |", optional(ratio, 2));
    }
}

fn single(out: &mut String, compared: &Compared, workload: Workload) {
    let (results, servers) = (&compared.results, &compared.servers);
    let servers: Vec<_> = servers.iter().filter(|server| results.has(workload, server)).collect();
    if servers.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {}\n\n| |", workload.name());
    for server in &servers {
        let _ = write!(out, " {server} |");
    }
    let _ = writeln!(out, "\n|---|{}", "---:|".repeat(servers.len()));
    for server in &servers {
        if let Some(trouble) = results.trouble(workload, server) {
            let _ = writeln!(out, "| {server} FAILED: {} |", trouble.replace(['|', '\n'], " "));
        }
    }
    let outcomes = servers.iter().flat_map(|server| results.rounds(workload, server));
    let figures: BTreeSet<_> = outcomes.flat_map(|outcome| outcome.values.keys().copied()).collect();
    for figure in figures {
        let _ = write!(out, "| {figure} |");
        for server in &servers {
            let _ = write!(out, " {} |", optional(results.median(workload, server, figure), 2));
        }
        out.push('\n');
    }
}

fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| number(value, decimals))
}

/// A number with at most so many decimals, and thousands apart.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.*}", if value.abs() >= 1000.0 { 0 } else { decimals }, value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

/// The report as JSON: every figure of every round.
pub fn json(compared: &Compared, promises: &[Promise]) -> Value {
    let mut workloads = Map::new();
    for workload in [Workload::Start].into_iter().chain(Workload::STEADY).chain(Workload::SINGLE) {
        let mut servers = Map::new();
        for server in compared.servers.iter().filter(|server| compared.results.has(workload, server)) {
            let rounds = compared.results.rounds(workload, server);
            let rounds: Vec<_> = rounds
                .iter()
                .map(|outcome| json!({ "figures": outcome.values, "trouble": outcome.trouble }))
                .collect();
            servers.insert(server.clone(), rounds.into());
        }
        if !servers.is_empty() {
            workloads.insert(workload.name().to_owned(), servers.into());
        }
    }
    let promises: Vec<_> = promises
        .iter()
        .map(|promise| {
            let verdict = promise.check(&compared.results, SUBJECT);
            let measured = match verdict {
                Verdict::Kept(value) | Verdict::Missed(value) => Some(value),
                Verdict::Unknown | Verdict::NotRun => None,
            };
            json!({ "promise": promise.to_string(), "measured": measured, "failed": verdict.failed(),
                "run": verdict != Verdict::NotRun })
        })
        .collect();
    json!({ "machine": machine(), "workloads": workloads, "promises": promises })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{load::Outcome, results::Results};

    fn compared() -> Compared {
        let mut results = Results::default();
        for (server, rate) in [("moln", 30_000.0), ("sync", 50_000.0)] {
            let values = BTreeMap::from([(metric::RATE, rate), (metric::P50, 1.5)]);
            results.add(Workload::Send, server, Outcome { values, trouble: None });
        }
        results.add(Workload::Send, "peer", Outcome::failed("it | broke"));
        results.add(
            Workload::Start,
            "moln",
            Outcome { values: BTreeMap::from([(metric::MS, 20.0)]), trouble: None },
        );
        Compared { results, servers: ["moln", "peer", "sync"].map(str::to_owned).into() }
    }

    #[test]
    fn the_table_shows_figures_ratios_failures_and_promises() {
        let promises = Promise::parse_all("send>=0.5:sync\nsend>=40000\ndrain>=1").unwrap();
        let text = markdown(&compared(), &promises);
        for line in [
            "| moln | 30,000 | 1.50 | – | – | – | – | – | 1.00 |",
            "| sync | 50,000 | 1.50 | – | – | – | – | – | 0.60 |",
            "| peer | FAILED: it   broke |",
            "| ms | 20.00 |",
            "| send>=0.5:sync | 0.60 | kept |",
            "| send>=40000 | 30,000 | MISSED |",
            "| drain>=1 | – | not run |",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn json_has_every_round() {
        let report = json(&compared(), &Promise::parse_all("send>=40000").unwrap());
        assert_eq!(report["workloads"]["send"]["sync"][0]["figures"]["rate"], json!(50_000.0));
        assert_eq!(report["workloads"]["send"]["peer"][0]["trouble"], json!("it | broke"));
        assert_eq!(report["promises"][0]["failed"], json!(true));
    }

    #[test]
    fn numbers() {
        assert_eq!(number(1_234_567.0, 2), "1,234,567");
        assert_eq!(number(-0.125, 2), "-0.12");
        assert_eq!(number(999.0, 0), "999");
    }
}
