//! From the parser's events to a tree: places, tags, anchors, merge keys, duplicate keys, limits.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Dialect, Entry, Mapping, Node, Place, Problem, Value, limits, scalar, tags};

/// Reads a text with one YAML document. An empty one is null.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Node, Problem> {
    let mut composer =
        Composer { events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, dialect };
    let mut root = None;
    loop {
        let (event, span) = composer.next()?;
        match event {
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            _ if root.is_some() => {
                return Err(
                    composer.problem(place(&span.start), "there is more than one document in the text")
                );
            }
            event => root = Some(composer.node(event, span, 0)?.0),
        }
    }
    Ok(root.unwrap_or(Node::new(Place { line: 1, column: 1 }, Value::Null)))
}

/// A key that is there twice.
pub(super) fn duplicate(key: &str, place: Place) -> Problem {
    let text = format!("the key '{key}' is there twice in the same mapping: remove one of them");
    Problem::new(text).placed(place).code("duplicate-key")
}

struct Composer<'a> {
    events: Parser<'a, StrInput<'a>>,
    /// What anchors stand for, and how many nodes that is.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    dialect: Dialect,
}

fn place(marker: &Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(marker.line()), column: number(marker.col().saturating_add(1)) }
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.malformed(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn malformed(&self, error: &ScanError) -> Problem {
        self.problem(place(error.marker()), error.info())
    }

    fn problem(&self, place: Place, what: &str) -> Problem {
        Problem::new(match self.dialect {
            Dialect::Aws => {
                let Place { line, column } = place;
                format!("Template format error: YAML not well-formed. (line {line}, column {column})")
            }
            Dialect::Js => format!("YAML not well-formed: {what}"),
        })
        .placed(place)
        .code("yaml")
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > limits::NODES {
            let text =
                format!("the document has more than {} values, those of aliases counted", limits::NODES);
            return Err(Problem::new(text).placed(place).code("yaml"));
        }
        Ok(())
    }

    /// The node that begins with an event, and how many nodes it is.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Node, usize), Problem> {
        let place = place(&span.start);
        if depth > limits::DEPTH {
            let text = format!("the document is nested deeper than {} levels", limits::DEPTH);
            return Err(Problem::new(text).placed(place).code("yaml"));
        }
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(self.problem(place, "an alias of an anchor that is not complete"));
                };
                let (mut node, size) = (node.clone(), *size);
                node.place = place;
                self.count(size, place)?;
                return Ok((node, size));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, place)?;
                (self.scalar(&text, style, tag.as_deref(), place)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.count(1, place)?;
                let items = Value::Sequence(self.sequence(depth)?);
                (self.collection(Node::new(place, items), "seq", tag.as_deref())?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.count(1, place)?;
                let mapping = Value::Mapping(self.mapping(depth)?);
                (self.collection(Node::new(place, mapping), "map", tag.as_deref())?, anchor)
            }
            _ => return Err(self.problem(place, "a value is missing")),
        };
        let size = self.nodes.saturating_sub(before);
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<Node, Problem> {
        let Some(tag) = tag else {
            let value = match style {
                ScalarStyle::Plain => scalar::resolve(text, self.dialect),
                _ => Value::String(text.to_owned()),
            };
            return Ok(Node::new(place, value));
        };
        if tag.is_yaml_core_schema() {
            let value = tags::core(&tag.suffix, text, self.dialect);
            return value.map(|value| Node::new(place, value)).ok_or_else(|| self.unknown_tag(tag, place));
        }
        if tag.handle.is_empty() && tag.suffix == "!" {
            return Ok(Node::string(place, text));
        }
        self.function(tag, Node::string(place, text))
    }

    fn collection(&self, node: Node, kind: &str, tag: Option<&Tag>) -> Result<Node, Problem> {
        match tag {
            None => Ok(node),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == kind => Ok(node),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(node),
            Some(tag) => self.function(tag, node),
        }
    }

    fn function(&self, tag: &Tag, value: Node) -> Result<Node, Problem> {
        let place = value.place;
        match tags::long(&tag.suffix) {
            Some(key) if tag.handle == "!" => Ok(tags::write_out(place, &key, value)),
            _ => Err(self.unknown_tag(tag, place)),
        }
    }

    fn unknown_tag(&self, tag: &Tag, place: Place) -> Problem {
        self.problem(place, &format!("the tag {tag} is not known here"))
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?.0),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Mapping, Problem> {
        let (mut mapping, mut seen, mut merged) = (Mapping::new(), HashSet::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            let is_merge = match &event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
                _ => false,
            };
            let place = place(&span.start);
            // A key without quotes is the text that stands there, whatever a value would be: `yes`, `012345670123`.
            let key = match event {
                Event::Scalar(text, _, 0, None) => {
                    self.count(1, place)?;
                    text.into_owned()
                }
                event => {
                    let key = self.node(event, span, depth + 1)?.0;
                    key.scalar_text().ok_or_else(|| self.problem(place, "a key is not a scalar"))?
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?.0;
            if is_merge {
                merged.push((place, value));
            } else if seen.insert(key.clone()) {
                mapping.push(Entry { key, place, value });
            } else {
                return Err(duplicate(&key, place));
            }
        }
        for (place, value) in merged {
            self.merge(&mut mapping, &mut seen, place, value)?;
        }
        Ok(mapping)
    }

    /// What a merge key brings: keys that are not there yet. Of several mappings, an earlier one goes before a later one.
    fn merge(
        &self,
        mapping: &mut Mapping,
        seen: &mut HashSet<String>,
        place: Place,
        value: Node,
    ) -> Result<(), Problem> {
        match value.value {
            Value::Mapping(more) => {
                for entry in more {
                    if seen.insert(entry.key.clone()) {
                        mapping.push(entry);
                    }
                }
                Ok(())
            }
            Value::Sequence(items) if items.iter().all(|item| item.as_mapping().is_some()) => {
                items.into_iter().try_for_each(|item| self.merge(mapping, seen, place, item))
            }
            _ => Err(self.problem(place, "the value of '<<' is neither a mapping nor a list of mappings")),
        }
    }
}
