//! What a person, or a script, sees while something is deployed.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
};

use moln_kernel::Timestamp;
use serde_json::{Value, json};

use moln_deploy::project::Source;

use crate::failure::Failure;

/// Something that happened to a resource.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// By the server's clock.
    pub(crate) at: Timestamp,
}

/// Where it is told.
pub(crate) struct Progress {
    json: bool,
    colour: bool,
    /// When work on a resource began, by the server's clock.
    began: BTreeMap<String, Timestamp>,
    /// Where what is deployed is written.
    pub(crate) source: Source,
}

impl Progress {
    /// Lines for people, or one JSON object a line.
    pub(crate) fn new(json: bool) -> Self {
        let colour = !json && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour, began: BTreeMap::new(), source: Source::default() }
    }

    /// A line for people.
    pub(crate) fn say(&self, line: &str) {
        if !self.json {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// A line for scripts.
    pub(crate) fn tell(&self, value: &Value) {
        if self.json {
            let _ = writeln!(io::stdout(), "{value}");
        }
    }

    /// What went wrong, though it ends nothing.
    pub(crate) fn problem(&self, failure: &Failure) {
        self.say(&self.paint(31, &failure.to_string()));
        self.tell(&json!({ "problem": failure.to_string() }));
    }

    /// Text in an ANSI colour, where there is one.
    pub(crate) fn paint(&self, colour: u8, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Shows an event: the end of each piece of work with the time it took, and every failure with its reason.
    pub(crate) fn event(&mut self, event: &Event) {
        self.tell(&json!({
            "event": event.status, "resource": event.logical_id, "type": event.kind, "reason": event.reason,
            "time": event.at.millis(),
        }));
        if event.status.ends_with("_IN_PROGRESS") {
            self.began.entry(event.logical_id.clone()).or_insert(event.at);
            if event.status.contains("ROLLBACK") && event.kind == "AWS::CloudFormation::Stack" {
                self.say(
                    &self.paint(33, &format!("  ↶ {}", event.reason.as_deref().unwrap_or("rolling back"))),
                );
            }
            return;
        }
        let began = self.began.remove(&event.logical_id);
        let took =
            began.map(|began| format!("  {} ms", event.at.since(began).as_millis())).unwrap_or_default();
        let verb = match event.status.split('_').next() {
            Some("CREATE") => "made",
            Some("UPDATE") => "changed",
            Some("DELETE") => "removed",
            _ => "done",
        };
        let line = if event.status.ends_with("ROLLBACK_COMPLETE") {
            self.paint(33, &format!("  ↶ rolled back{took}"))
        } else if event.status.ends_with("_FAILED") {
            let reason = event.reason.as_deref().unwrap_or("no reason given");
            let property = reason.strip_prefix("Encountered unsupported property ").unwrap_or_default();
            // What was only cancelled is not what is wrong.
            let place = if reason.ends_with(" cancelled") {
                String::new()
            } else {
                let place = self.source.says(&event.logical_id, property);
                place.map_or_else(String::new, |place| format!("\n      {place}"))
            };
            self.paint(31, &format!("  ✗ {}  {}\n      {reason}{place}", event.logical_id, event.kind))
        } else {
            let mark = self.paint(32, "✓");
            format!("  {mark} {verb:8}{:44} {}{took}", event.logical_id, self.paint(2, &event.kind))
        };
        self.say(&line);
    }
}
