//! What the source of functions says, read simply and without running it.

use serde_json::Value;

use super::Finding;
use super::catches::swallowed;
use super::facts::{Facts, is_told, is_true, number};
use super::promises::unawaited;
use super::scripts::Script;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for (id, function) in facts.all("AWS::Lambda::Function") {
        let fifo = facts.all("AWS::SQS::Queue").find(|(queue, properties)| {
            let name = properties.get("QueueName").and_then(Value::as_str);
            is_true(properties.get("FifoQueue")) && is_told(function, queue, name)
        });
        for script in facts.scripts(id) {
            records(facts, id, script, findings);
            if let Some((queue, _)) = fifo {
                delays(queue, script, findings);
            }
            promises(id, script, findings);
            catches(facts, id, script, findings);
        }
    }
}

fn records(facts: &Facts<'_>, id: &str, script: &Script<'_>, findings: &mut Vec<Finding>) {
    let is_first = |line: &str| {
        let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        ["Records[0]", "['Records'][0]", "[\"Records\"][0]", "Records?.[0]"]
            .iter()
            .any(|way| plain.contains(way))
    };
    if let Some((mapping, size)) = batches(facts, id)
        && let Some((at, _)) = script.lines().find(|(_, line)| is_first(line))
    {
        let why = format!(
            "{mapping} gives {id} up to {size} records at once, and the code looks at the first: the others count as done \
             and are gone"
        );
        let mend = "Go through all records, and report those that failed (ReportBatchItemFailures); or set BatchSize to 1.";
        findings.push(Finding::in_code("records-first", script, at, why, mend));
    }
}

fn delays(queue: &str, script: &Script<'_>, findings: &mut Vec<Finding>) {
    if let Some((at, _)) = script.lines().find(|(_, line)| line.contains("DelaySeconds")) {
        let why = format!(
            "{queue} is a FIFO queue, and the code gives a message a delay: AWS refuses DelaySeconds of a message there"
        );
        let mend = "Set DelaySeconds of the queue, or use a standard queue.";
        findings.push(Finding::in_code("fifo-delay", script, at, why, mend));
    }
}

fn promises(id: &str, script: &Script<'_>, findings: &mut Vec<Finding>) {
    if script.is_python {
        return;
    }
    for found in unawaited(&script.text).into_iter().filter(|found| script.reaches(found.at)) {
        let why = format!(
            "nobody waits for {}: when {id} returns, its environment freezes, and what is under way goes on at the next \
             invocation or never",
            found.call
        );
        let mend =
            "await it, or collect the promises and await Promise.all; instead of forEach use for … of.";
        findings.push(Finding::in_code("promise-unawaited", script, found.at, why, mend));
    }
}

fn catches(facts: &Facts<'_>, id: &str, script: &Script<'_>, findings: &mut Vec<Finding>) {
    let Some(source) = facts.fed_by(id) else { return };
    for at in swallowed(script).into_iter().filter(|at| script.reaches(*at)) {
        let why = format!(
            "a failure is caught here and goes no further: {source} takes what {id} was given as done, and it is gone"
        );
        let mend = "Throw it again, or report the record as failed (batchItemFailures).";
        findings.push(Finding::in_code("catch-swallows", script, at, why, mend));
    }
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
