//! Variables: a document with `${…}` in its strings becomes one without.
//!
//! What a variable gives is resolved in its turn. Nothing that cannot be resolved is left or guessed: every such variable
//! is a problem with its place.

mod parse;
mod sources;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use self::parse::{Piece, Source};
use super::Options;
use crate::document::{Entry, Mapping, Node, Place, Problem, Value};

/// Variables that lead to variables that lead to variables…: more than this is a circle.
const CHAIN: usize = 100;

/// Bytes that resolving may make; a few lines that double each other would fill any memory.
const GROWTH: usize = 64 * 1024 * 1024;

/// A document whose variables are being resolved.
pub(super) struct Variables<'a> {
    root: Node,
    dir: &'a Path,
    options: &'a Options<'a>,
    env: BTreeMap<String, String>,
    files: RefCell<BTreeMap<PathBuf, Option<Node>>>,
    chain: RefCell<Vec<String>>,
    made: Cell<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Variables<'a> {
    /// A document that was read from a directory.
    pub(super) fn new(root: Node, dir: &'a Path, options: &'a Options<'a>) -> Self {
        let mut variables = Self {
            root,
            dir,
            options,
            env: options.env.clone(),
            files: RefCell::default(),
            chain: RefCell::default(),
            made: Cell::new(0),
            problems: RefCell::default(),
        };
        let dotenv = variables.root.get("useDotenv").and_then(Node::as_bool) == Some(true);
        if dotenv {
            let stage = variables.stage();
            for (name, value) in sources::dotenv(dir, &stage) {
                variables.env.entry(name).or_insert(value);
            }
            // What could not be resolved yet is found again with the file's variables.
            variables.problems.borrow_mut().clear();
        }
        variables
    }

    /// The stage: what was asked for, what the file says, or `dev`.
    pub(super) fn stage(&self) -> String {
        self.options
            .stage
            .clone()
            .or_else(|| self.text_at("provider.stage"))
            .unwrap_or_else(|| "dev".to_owned())
    }

    /// The region: what was asked for, what the file says, or `us-east-1`.
    pub(super) fn region(&self) -> String {
        self.options
            .region
            .clone()
            .or_else(|| self.text_at("provider.region"))
            .unwrap_or_else(|| "us-east-1".to_owned())
    }

    fn text_at(&self, address: &str) -> Option<String> {
        self.own(address, Place::default()).ok().flatten().and_then(|node| node.scalar_text())
    }

    /// The document without variables.
    pub(super) fn resolve(self) -> Result<Node, Vec<Problem>> {
        let mut node = self.deep(&self.root, "");
        let problems = self.problems.into_inner();
        if !problems.is_empty() {
            return Err(problems);
        }
        // Everything that follows asks the document for the stage and the region.
        if let Some(provider) = node.as_mapping_mut().and_then(|root| root.get_mut("provider"))
            && provider.as_str().is_some()
        {
            *provider = Node::tagged(provider.place, "name", provider.clone());
        }
        Ok(node)
    }

    /// A node with everything in it resolved. What fails becomes null and a problem.
    fn deep(&self, node: &Node, path: &str) -> Node {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let value = match &node.value {
            Value::String(text) if text.contains("${") => {
                return match self.string(text, node.place) {
                    Ok(node) => node,
                    Err(problem) => {
                        let problem = if problem.path.is_empty() { problem.path(path) } else { problem };
                        let problem =
                            if problem.place.is_some() { problem } else { problem.placed(node.place) };
                        let mut problems = self.problems.borrow_mut();
                        if !problems.contains(&problem) {
                            problems.push(problem.code("variable"));
                        }
                        Node::new(node.place, Value::Null)
                    }
                };
            }
            Value::Sequence(items) => Value::Sequence(
                items.iter().enumerate().map(|(i, item)| self.deep(item, &below(&i.to_string()))).collect(),
            ),
            Value::Mapping(mapping) => Value::Mapping(
                mapping
                    .iter()
                    .map(|entry| Entry {
                        key: entry.key.clone(),
                        place: entry.place,
                        value: self.deep(&entry.value, &below(&entry.key)),
                    })
                    .collect::<Mapping>(),
            ),
            other => other.clone(),
        };
        Node::new(node.place, value)
    }

    /// What a string with variables comes to.
    fn string(&self, text: &str, place: Place) -> Result<Node, Problem> {
        let pieces = parse::parse(text).map_err(Problem::new)?;
        self.pieces(&pieces, place)
    }

    fn pieces(&self, pieces: &[Piece], place: Place) -> Result<Node, Problem> {
        if let [Piece::Variable(sources)] = pieces {
            return self.variable(sources, place);
        }
        let mut parts: Vec<Node> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => parts.push(Node::string(place, text)),
                Piece::Variable(sources) => parts.push(self.variable(sources, place)?),
            }
        }
        if parts.iter().all(|part| part.scalar_text().is_some()) {
            let text: String = parts.iter().filter_map(Node::scalar_text).collect();
            self.count(text.len())?;
            return Ok(Node::string(place, text));
        }
        // What a construct gives is known when the stack is made: the string is put together there.
        if parts.iter().all(|part| part.scalar_text().is_some() || is_intrinsic(part)) {
            let parts: Vec<_> = parts.iter().map(Node::to_json).collect();
            return Ok(Node::from_json(&json!({"Fn::Join": ["", parts]}), place));
        }
        Err(Problem::new("a variable within a longer string must resolve to a string, a number or a boolean"))
    }

    fn variable(&self, sources: &[Source], place: Place) -> Result<Node, Problem> {
        if self.chain.borrow().len() > CHAIN {
            return Err(Problem::new(format!(
                "variables refer to each other in a circle: {}",
                self.circle()
            )));
        }
        let mut asked = Vec::new();
        for source in sources {
            match source {
                // A literal null is an answer; any other source that has nothing is not.
                Source::Literal(value) => return Ok(Node::from_json(value, place)),
                Source::Of { kind, params, address } => {
                    let params =
                        params.iter().map(|p| self.pieces(p, place)).collect::<Result<Vec<_>, _>>()?;
                    let address = match address {
                        Some(pieces) => Some(self.pieces(pieces, place)?.scalar_text().ok_or_else(|| {
                            Problem::new(format!("the address of a \"{kind}\" variable must be a string"))
                        })?),
                        None => None,
                    };
                    if let Some(found) = self.ask(kind, &params, address.as_deref(), place)? {
                        return Ok(found);
                    }
                    asked.push(match address {
                        Some(address) => format!("\"{kind}\" has no \"{address}\""),
                        None => format!("\"{kind}\" has nothing"),
                    });
                }
            }
        }
        Err(Problem::new(format!(
            "the variable cannot be resolved: {}. Give it a value, or a fallback: ${{…, 'value'}}",
            asked.join(", ")
        )))
    }

    /// What stands at an address of the document itself, resolved; none if nothing or null stands there.
    fn own(&self, address: &str, place: Place) -> Result<Option<Node>, Problem> {
        let step = format!("self:{address}");
        if self.chain.borrow().contains(&step) {
            self.chain.borrow_mut().push(step);
            let circle = self.circle();
            self.chain.borrow_mut().pop();
            return Err(Problem::new(format!("variables refer to each other in a circle: {circle}")));
        }
        self.chain.borrow_mut().push(step);
        let found = self.walk(&self.root, address, place);
        self.chain.borrow_mut().pop();
        found
    }

    /// Follows an address from a node, resolving what it meets on the way.
    fn walk(&self, from: &Node, address: &str, place: Place) -> Result<Option<Node>, Problem> {
        let mut node = from.clone();
        for key in address.split('.').filter(|key| !key.is_empty()) {
            if let Some(text) = node.as_str().filter(|text| text.contains("${")) {
                node = self.string(text, place)?;
            }
            let next = match &node.value {
                Value::Mapping(mapping) => mapping.get(key),
                Value::Sequence(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => node = next.clone(),
                None => return Ok(None),
            }
        }
        let before = self.problems.borrow().len();
        let node = self.deep(&node, address);
        // A problem inside is a problem of whoever asked. The others are met again where they stand.
        let first = self.problems.borrow_mut().drain(before..).next();
        if let Some(problem) = first {
            return Err(problem);
        }
        self.count(size(&node))?;
        Ok((!node.is_null()).then_some(node))
    }

    fn circle(&self) -> String {
        let chain = self.chain.borrow();
        let last = chain.last().cloned().unwrap_or_default();
        let start = chain.iter().position(|step| *step == last).unwrap_or_default();
        chain.iter().skip(start).cloned().collect::<Vec<_>>().join(" → ")
    }

    fn count(&self, bytes: usize) -> Result<(), Problem> {
        self.made.set(self.made.get().saturating_add(bytes));
        if self.made.get() > GROWTH {
            return Err(Problem::new(format!("what the variables resolve to is more than {GROWTH} bytes")));
        }
        Ok(())
    }
}

/// `{Ref: …}` or `{Fn::…: …}`.
pub(super) fn is_intrinsic(node: &Node) -> bool {
    node.as_mapping().and_then(Mapping::only).is_some_and(|e| e.key == "Ref" || e.key.starts_with("Fn::"))
}

/// About how many bytes a node is.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::String(text) => text.len() + 8,
        Value::Sequence(items) => 8 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(mapping) => 8 + mapping.iter().map(|e| e.key.len() + size(&e.value)).sum::<usize>(),
        _ => 8,
    }
}

/// A node as if all of it stood at one place.
fn moved(node: &Node, place: Place) -> Node {
    let value = match &node.value {
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| moved(item, place)).collect()),
        Value::Mapping(mapping) => Value::Mapping(
            mapping
                .iter()
                .map(|entry| Entry { key: entry.key.clone(), place, value: moved(&entry.value, place) })
                .collect(),
        ),
        other => other.clone(),
    };
    Node::new(place, value)
}
