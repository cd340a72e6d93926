//! What the source of handlers says, read simply: by lines, without running it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, is_told, is_true, number};
use crate::project::Content;

/// Bytes of a handler's file that is looked at.
const BYTES: u64 = 512 * 1024;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for (id, function) in facts.all("AWS::Lambda::Function") {
        let Some((file, source)) = handler(facts, id, function) else { continue };
        let is_first = |line: &str| {
            let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
            ["Records[0]", "['Records'][0]", "[\"Records\"][0]", "Records?.[0]"]
                .iter()
                .any(|way| plain.contains(way))
        };
        if let Some((mapping, size)) = batches(facts, id)
            && let Some(line) = lines(&source).find(|(_, line)| is_first(line))
        {
            let why = format!(
                "{mapping} gives {id} up to {size} records at once, and the code looks at the first: the others count as done \
                 and are gone"
            );
            let mend = "Go through all records, and report those that failed (ReportBatchItemFailures); or set BatchSize to 1.";
            findings.push(Finding::in_code("records-first", &file, line.0, why, mend));
        }
        let fifo = facts.all("AWS::SQS::Queue").find(|(queue, properties)| {
            let name = properties.get("QueueName").and_then(Value::as_str);
            is_true(properties.get("FifoQueue")) && is_told(function, queue, name)
        });
        if let Some((queue, _)) = fifo
            && let Some(line) = lines(&source).find(|(_, line)| line.contains("DelaySeconds"))
        {
            let why = format!(
                "{queue} is a FIFO queue, and the code gives a message a delay: AWS refuses DelaySeconds of a message there"
            );
            let mend = "Set DelaySeconds of the queue, or use a standard queue.";
            findings.push(Finding::in_code("fifo-delay", &file, line.0, why, mend));
        }
    }
}

/// Lines with their numbers, comments left out.
fn lines(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_code = |line: &str| {
        let line = line.trim_start();
        !(line.starts_with("//") || line.starts_with('#') || line.starts_with('*') || line.starts_with("/*"))
    };
    source.lines().enumerate().filter(move |(_, line)| is_code(line)).map(|(index, line)| (index + 1, line))
}

/// The mapping that gives a function more than one record, and how many.
fn batches<'a>(facts: &Facts<'a>, function: &str) -> Option<(&'a str, i64)> {
    let queues = facts.queue_mappings();
    let of_queue = queues
        .iter()
        .filter(|mapping| mapping.function == function)
        .map(|mapping| (mapping.id, number(mapping.properties.get("BatchSize")).unwrap_or(10)));
    let of_stream = facts.all("AWS::Lambda::EventSourceMapping").filter(|(_, mapping)| {
        mapping.get("StartingPosition").is_some()
            && facts
                .mentioned("AWS::Lambda::Function", mapping.get("FunctionName"))
                .is_some_and(|(id, _)| id == function)
    });
    let of_stream = of_stream.map(|(id, mapping)| (id, number(mapping.get("BatchSize")).unwrap_or(100)));
    of_queue.chain(of_stream).find(|(_, size)| *size > 1)
}

/// The file of a function's handler, and its text.
fn handler(facts: &Facts<'_>, id: &str, function: &Value) -> Option<(PathBuf, String)> {
    let Content::Files(files) = &facts.package(id)?.content else { return None };
    let (module, _) = function.get("Handler")?.as_str()?.rsplit_once('.')?;
    let names = ["js", "mjs", "cjs", "ts", "py"].map(|extension| format!("{module}.{extension}"));
    let (_, path) = files.iter().find(|(name, _)| names.contains(name))?;
    let small = fs::metadata(path).is_ok_and(|facts| facts.len() <= BYTES);
    let source = small.then(|| fs::read_to_string(path).ok())??;
    Some((path.clone(), source))
}
