//! Traps, found before they are deployed: what AWS takes and what then does not work as meant.
//!
//! A rule looks at a template that is written out and at the files of its packages, and says where, why and how to mend.
//! Every rule has a page in `docs/checks`.

mod alarms;
mod apis;
mod callbacks;
mod catches;
mod code;
mod facts;
mod functions;
mod loops;
mod promises;
mod queues;
mod schedules;
mod scripts;

use std::fmt;

use serde_json::Value;

use crate::document::Problem;
use crate::project::{Content, Package, Project, Source};
use crate::sam;
use facts::Facts;
use scripts::Script;

/// The rules: id and one line.
pub const RULES: [(&str, &str); 21] = [
    ("handler-missing", "the handler's file is not in the package"),
    ("module-missing", "a module that the code asks for is not in the package"),
    ("module-left-out", "a module lies beside the code and is left out of the package"),
    ("queue-visibility", "messages come again while a function still works on them"),
    ("queue-visibility-margin", "the visibility timeout leaves no room for retries of the poller"),
    ("queue-receives", "a message goes to the dead-letter queue after few tries"),
    ("queue-loop", "a function is called by the queue that it is told to send to"),
    ("bucket-loop", "a function is called by the bucket that it is told to write to"),
    ("topic-loop", "a function is called by the topic that it is told to publish to"),
    ("table-loop", "a function is called by the stream of the table that it is told to write to"),
    ("fifo-delay", "a message of a FIFO queue has no delay of its own"),
    ("records-first", "only the first record of a batch is looked at"),
    ("promise-unawaited", "nobody waits for a promise, and the environment freezes"),
    ("catch-swallows", "a failure is caught and not told, and the event counts as done"),
    ("runtime-retired", "AWS does not take new functions of this runtime any more"),
    ("layer-shape", "a layer's files lie where no runtime looks for them"),
    ("cors-missing", "pages of other origins cannot call the API"),
    ("alarm-resolution", "an alarm looks more often than its metric has values"),
    ("schedule-overlap", "a schedule begins again before its work has ended"),
    ("callback-plain", "an address to be called at has no TLS"),
    ("mail-unconfirmed", "mail goes nowhere until its receiver has confirmed"),
];

/// Something that will not work as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id; also its page's name.
    pub rule: &'static str,
    /// Where, and why.
    pub problem: Problem,
    /// What to do.
    pub mend: String,
}

/// `file:line:column: path: why: what to do`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.mend)
    }
}

/// Looks at a project and its nested templates. What lacks is among the findings.
///
/// # Errors
/// A template that cannot be written out: it says what is wrong with it.
pub fn project(project: &Project) -> Result<Vec<Finding>, Problem> {
    let filled = sam::project::filled(&project.template, &project.packages);
    let written = project.written_out(&filled).map_err(|problem| problem.in_file(&project.source.file))?;
    let mut findings = project.lacks.clone();
    findings.extend(template(&written, &project.packages, &project.source));
    for package in &project.packages {
        if let Content::Template(nested) = &package.content {
            findings.extend(self::project(nested)?);
        }
    }
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let problem = &finding.problem;
            (problem.file.clone(), problem.place, problem.path.clone(), finding.rule, problem.text.clone())
        };
        key(a).cmp(&key(b))
    });
    // What holds for several functions of one file, or stands once for all of them, is told once.
    findings.dedup_by(|a, b| {
        (a.rule, &a.problem.file, a.problem.place) == (b.rule, &b.problem.file, b.problem.place)
            && a.problem.place.is_some()
            && (a.problem.path.is_empty() || a.problem.text == b.problem.text)
    });
    Ok(findings)
}

/// Looks at a template that is written out (no SAM, no macros), at the packages of its functions and layers, and for
/// places at the file that it was made of.
fn template(template: &Value, packages: &[Package], source: &Source) -> Vec<Finding> {
    let facts = Facts::new(template, packages, source);
    let mut findings = Vec::new();
    let rules = [
        queues::find,
        loops::find,
        functions::find,
        apis::find,
        code::find,
        alarms::find,
        schedules::find,
        callbacks::find,
    ];
    for rule in rules {
        rule(&facts, &mut findings);
    }
    findings
}

impl Finding {
    /// One about a resource's property.
    fn of(
        facts: &Facts<'_>,
        rule: &'static str,
        logical: &str,
        property: &str,
        why: String,
        mend: &str,
    ) -> Self {
        let (path, place) = facts.place(logical, property);
        let problem = Problem::new(why).code(rule).path(path).placed(place).in_file(facts.file());
        Self { rule, problem, mend: mend.to_owned() }
    }

    /// One about a place in the code.
    fn in_code(rule: &'static str, script: &Script<'_>, at: usize, why: String, mend: &str) -> Self {
        let problem = Problem::new(why).code(rule).placed(script.place(at)).in_file(script.path);
        Self { rule, problem, mend: mend.to_owned() }
    }
}

#[cfg(test)]
mod tests;
