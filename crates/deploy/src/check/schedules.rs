//! Schedules whose work is not done when the next one begins.

use serde_json::Value;

use super::Finding;
use super::facts::{Facts, beginning, number};

/// Seconds that a function may run, where nothing is said.
const TIMEOUT: i64 = 3;
/// How often a loop goes round of which nothing is known.
const ROUND: i64 = 1;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for (id, rule) in facts.all("AWS::Events::Rule") {
        let targets = rule.get("Targets").and_then(Value::as_array).into_iter().flatten();
        for target in targets {
            schedule(facts, id, rule, target.get("Arn"), findings);
        }
    }
    for (id, schedule_of) in facts.all("AWS::Scheduler::Schedule") {
        schedule(facts, id, schedule_of, schedule_of.pointer("/Target/Arn"), findings);
    }
}

fn schedule(facts: &Facts<'_>, id: &str, rule: &Value, target: Option<&Value>, findings: &mut Vec<Finding>) {
    let Some(interval) = rule.get("ScheduleExpression").and_then(Value::as_str).and_then(interval) else {
        return;
    };
    let machine = facts.mentioned("AWS::StepFunctions::StateMachine", target);
    let function = facts.mentioned("AWS::Lambda::Function", target);
    let overlap = match (machine, function) {
        (Some((machine, properties)), _) => {
            let waits = facts.definition(machine, properties).map_or(0, |definition| waits(&definition));
            (waits >= interval).then(|| format!("{machine} waits for {waits} s, and works besides"))
        }
        (_, Some((function, properties))) => {
            let timeout = number(properties.get("Timeout")).unwrap_or(TIMEOUT);
            let alone = number(properties.get("ReservedConcurrentExecutions")) == Some(1);
            let loops = facts.scripts(function).iter().any(|script| {
                script.says(&["for ", "for(", "while ", "while("]) && script.says(&["setTimeout", "sleep("])
            });
            (timeout >= interval && loops && !alone)
                .then(|| format!("{function} sleeps in a loop, and may run for {timeout} s"))
        }
        _ => None,
    };
    if let Some(what) = overlap {
        let why = format!(
            "{id} begins every {interval} s, and {what}: the next one begins before this one has ended"
        );
        let mend = "End in time: one wait less, and a deadline that the loop looks at.";
        findings.push(Finding::of(facts, "schedule-overlap", id, "ScheduleExpression", why, mend));
    }
}

/// Seconds between two times of a schedule, where they are always the same: minutes.
fn interval(expression: &str) -> Option<i64> {
    let within = |name: &str| expression.strip_prefix(name)?.trim().strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = within("rate") {
        let (count, unit) = rate.trim().split_once(' ')?;
        let count: i64 = count.parse().ok()?;
        return unit.trim().starts_with("minute").then(|| count.saturating_mul(60));
    }
    let minutes = within("cron")?.split_whitespace().next()?;
    match minutes.strip_prefix("*/").or_else(|| minutes.strip_prefix("0/")) {
        Some(step) => step.parse::<i64>().ok().map(|step| step.saturating_mul(60)),
        None => (minutes == "*").then_some(60),
    }
}

/// Seconds that a state machine waits at least. What lies on a loop counts as often as a number says with which a choice
/// compares: that is how loops count.
fn waits(definition: &Value) -> i64 {
    let Some(states) = definition.get("States").and_then(Value::as_object) else { return 0 };
    let counts = states.values().filter(|state| state.get("Type").is_some_and(|kind| kind == "Choice"));
    let rounds = counts.filter_map(largest).max().unwrap_or(ROUND).max(ROUND);
    let loops = |name: &str| {
        let mut open = vec![name];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(state) = open.pop() {
            for next in states.get(state).map(nexts).unwrap_or_default() {
                if next == name {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    let waits = states.iter().filter_map(|(name, state)| {
        let seconds =
            number(state.get("Seconds")).filter(|_| state.get("Type").is_some_and(|kind| kind == "Wait"))?;
        Some(if loops(name) { seconds.saturating_mul(rounds) } else { seconds })
    });
    waits.sum()
}

/// The states that may follow upon one.
fn nexts(state: &Value) -> Vec<&str> {
    let members = [state.get("Next"), state.get("Default")].into_iter().flatten();
    let choices = state.get("Choices").and_then(Value::as_array).into_iter().flatten();
    members.chain(choices.filter_map(|choice| choice.get("Next"))).filter_map(Value::as_str).collect()
}

/// The largest number with which a choice compares.
fn largest(choice: &Value) -> Option<i64> {
    let choices = choice.get("Choices").and_then(Value::as_array)?.iter().filter_map(Value::as_object);
    let numbers = choices.flatten().filter(|(key, _)| key.starts_with("Numeric"));
    numbers.filter_map(|(_, value)| value.as_i64()).max()
}

impl Facts<'_> {
    /// The definition of a state machine: an object, a text, or a file.
    fn definition(&self, machine: &str, properties: &Value) -> Option<Value> {
        if let Some(definition) = properties.get("Definition") {
            return Some(definition.clone());
        }
        if let Some(text) = properties.get("DefinitionString") {
            let joined = text.pointer("/Fn::Join/1").and_then(Value::as_array).map(|parts| {
                let parts = parts.iter().map(|part| part.as_str().unwrap_or("x"));
                parts.collect::<Vec<_>>().join(joint(text))
            });
            let text = joined.or_else(|| beginning(text).map(str::to_owned))?;
            return serde_json::from_str(&text).ok();
        }
        let crate::project::Content::File(path) = &self.package(machine)?.content else { return None };
        Some(crate::document::read(&std::fs::read_to_string(path).ok()?).ok()?.to_json())
    }
}

/// What stands between the parts of a join.
fn joint(text: &Value) -> &str {
    text.pointer("/Fn::Join/0").and_then(Value::as_str).unwrap_or_default()
}
