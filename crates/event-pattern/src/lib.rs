//! `EventBridge`'s pattern language: rules, pipes, event source mappings and filter policies all say with it which events
//! they want. Pure: a [`Pattern`] is read once and judges any number of events.
//!
//! A pattern is an object like the events it wants, whose leaves are lists of what the value may be; of each list one
//! entry must hold, of the keys all. A list in the event matches when one of its elements does; what stands within a list
//! of objects must hold for one and the same object.
//!
//! Facts: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>, and the words of
//! errors as the service tells them behind `Event pattern is not valid. Reason: `.

mod cidr;
mod matching;
mod parse;
mod text;

use std::fmt;

use serde_json::Value;

use cidr::Network;
use text::Wildcard;

/// How deep a pattern may nest: a bound on recursion far beyond what is written.
pub const MAX_DEPTH: usize = 100;
/// How many combinations of `$or` branches a pattern may have (the service's own bound).
pub const MAX_COMBINATIONS: usize = 1_000;

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    root: Node,
}

/// Why a text is no pattern, in the service's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// The reason, as it stands behind `Event pattern is not valid. Reason: `.
    pub reason: String,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event pattern is not valid. Reason: {}", self.reason)
    }
}
impl std::error::Error for BadPattern {}

impl Pattern {
    /// Reads a pattern from its text.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| BadPattern { reason: format!("Filter is not valid JSON: {error}") })?;
        Self::from_value(&value)
    }

    /// Reads a pattern that is JSON already.
    pub fn from_value(value: &Value) -> Result<Self, BadPattern> {
        parse::root(value).map(|root| Self { root })
    }

    /// Whether the event is wanted.
    pub fn matches(&self, event: &Value) -> bool {
        matching::object(&self.root, Some(event))
    }

    /// Whether the pattern says something about this member of the event, and whether it looks into it (an object) or
    /// judges it as it is (a list).
    pub fn looks_into(&self, member: &str) -> Option<bool> {
        self.root.looks_into(member)
    }
}

/// What must hold of an object.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// Of each of these members.
    members: Vec<(String, Rule)>,
    /// Of each of these lists one branch.
    either: Vec<Vec<Node>>,
}

impl Node {
    fn looks_into(&self, member: &str) -> Option<bool> {
        let own = self.members.iter().find(|(name, _)| name == member);
        let branches = || self.either.iter().flatten().filter_map(|node| node.looks_into(member));
        own.map(|(_, rule)| matches!(rule, Rule::Within(_))).or_else(|| branches().max())
    }
}

/// What must hold of a member.
#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// It is an object (or a list with one) of which this holds.
    Within(Node),
    /// One of these holds.
    AnyOf(Vec<Test>),
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// `null`, `true`, `false`.
    Literal(Value),
    Text(String),
    Number(f64),
    Prefix(Affix),
    Suffix(Affix),
    IgnoreCase(String),
    Wildcard(Wildcard),
    /// Bounds, and whether each belongs to the range.
    Range {
        low: Option<(f64, bool)>,
        high: Option<(f64, bool)>,
    },
    Cidr(Network),
    Exists(bool),
    AnythingBut(But),
}

/// What an `anything-but` excludes.
#[derive(Clone, Debug, PartialEq)]
enum But {
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    Prefixes(Vec<Affix>),
    Suffixes(Vec<Affix>),
    IgnoreCase(Vec<String>),
    Wildcards(Vec<Wildcard>),
}

/// How a text begins or ends.
#[derive(Clone, Debug, PartialEq)]
struct Affix {
    text: String,
    ignore_case: bool,
}
