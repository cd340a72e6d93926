//! Traps, found before they are deployed: what AWS takes and what then does not work as meant.
//!
//! A rule looks at a template that is written out and at the files of its packages, and says where, why and how to mend.
//! Every rule has a page in `docs/checks`.

mod apis;
mod code;
mod facts;
mod functions;
mod loops;
mod queues;

use serde_json::Value;

use crate::document::{Node, Place, Problem};
use crate::project::{Package, Project};
use crate::sam;
use crate::template::{Arguments, Pseudo, Template};
use facts::Facts;

/// The rules: id and one line.
pub const RULES: [(&str, &str); 10] = [
    ("queue-visibility", "messages come again while a function still works on them"),
    ("queue-visibility-margin", "the visibility timeout leaves no room for retries of the poller"),
    ("queue-receives", "a message goes to the dead-letter queue after few tries"),
    ("queue-loop", "a function is called by the queue that it is told to send to"),
    ("bucket-loop", "a function is called by the bucket that it is told to write to"),
    ("fifo-delay", "a message of a FIFO queue has no delay of its own"),
    ("records-first", "only the first record of a batch is looked at"),
    ("runtime-retired", "AWS does not take new functions of this runtime any more"),
    ("layer-shape", "a layer's files lie where no runtime looks for them"),
    ("cors-missing", "pages of other origins cannot call the API"),
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

/// Looks at a project. A SAM template is written out first, with the parameters' values.
///
/// # Errors
/// A template that cannot be written out: it says what is wrong with it.
pub fn project(project: &Project, source: Option<&Node>) -> Result<Vec<Finding>, Problem> {
    let declared = Template::processed(&project.template)?;
    if declared.declared_transforms() != [sam::TRANSFORM] {
        return Ok(template(&project.template, &project.packages, source));
    }
    let known = |name: &str| declared.parameters().iter().any(|parameter| parameter.name == name);
    let given = project.parameters.iter().filter(|(name, _)| known(name)).cloned().collect();
    let settled = declared.settle(&Arguments { given, ..Arguments::default() })?;
    let region = project.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    let pseudo = Pseudo { region, partition: "aws".to_owned(), ..Pseudo::default() };
    let filled = sam::project::filled(&project.template, &project.packages);
    Ok(template(&sam::expand(&filled, &settled, &pseudo)?, &project.packages, source))
}

/// Looks at a template that is written out (no SAM, no macros), at the packages of its functions and layers, and where
/// there is a source, for places in it.
pub fn template(template: &Value, packages: &[Package], source: Option<&Node>) -> Vec<Finding> {
    let facts = Facts::new(template, packages, source);
    let mut findings = Vec::new();
    for rule in [queues::find, loops::find, functions::find, apis::find, code::find] {
        rule(&facts, &mut findings);
    }
    findings.sort_by(|a, b| {
        (a.problem.place, &a.problem.path, a.rule).cmp(&(b.problem.place, &b.problem.path, b.rule))
    });
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
        let place = facts.place(logical, property);
        let path = format!("Resources.{logical}.Properties.{property}");
        let problem = Problem::new(why).code(rule).path(path).placed(place.unwrap_or_default());
        Self { rule, problem, mend: mend.to_owned() }
    }

    /// One about a line of a file.
    fn in_code(rule: &'static str, file: &std::path::Path, line: usize, why: String, mend: &str) -> Self {
        let place = Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
        Self {
            rule,
            problem: Problem::new(why).code(rule).placed(place).in_file(file),
            mend: mend.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
