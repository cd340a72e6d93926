//! Documents that remember where everything in them stands: JSON, and YAML as AWS and as js-yaml read it.
//!
//! [`read`] gives a tree of [`Node`]s. Short tags are written out long (`!Sub x` is `{"Fn::Sub": "x"}`), anchors and merge
//! keys are resolved, duplicate keys refused; size, depth and what aliases multiply are bounded ([`limits`]).

mod compose;
mod json;
pub mod limits;
mod node;
mod problem;
mod scalar;
mod tags;

pub use node::{Entry, Mapping, Node, Place, Value};
pub use problem::Problem;

/// Whose YAML it is: what a plain scalar means differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// YAML 1.1, as `CloudFormation` reads it: `yes` is true, `0644` is octal. Dates stay strings.
    Aws,
    /// js-yaml 4, as the Serverless framework reads it: `yes` is a string, `0644` is 644, `0o644` is octal. Dates stay strings.
    Js,
}

/// Reads JSON or YAML 1.1 as AWS does.
///
/// # Errors
/// What is not well-formed, in AWS's words (`Template format error: YAML not well-formed. (line 3, column 5)`), duplicate
/// keys, and what crosses [`limits`].
pub fn read(text: &str) -> Result<Node, Problem> {
    read_as(text, Dialect::Aws)
}

/// Reads JSON or YAML of a dialect. Text whose first character is `{` is JSON; for js-yaml, if it is not good JSON, YAML.
///
/// # Errors
/// As [`read`]; with [`Dialect::Js`] the text says what the parser found.
pub fn read_as(text: &str, dialect: Dialect) -> Result<Node, Problem> {
    if text.len() > limits::TEXT {
        return Err(Problem::new(format!("the document is longer than {} bytes", limits::TEXT)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        match json::read(text, dialect) {
            Err(_) if dialect == Dialect::Js => {}
            outcome => return outcome,
        }
    }
    compose::read(text, dialect)
}

#[cfg(test)]
mod tests;
