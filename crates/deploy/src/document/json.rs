//! JSON with places (RFC 8259): what `serde_json` reads, but every value knows where it stands.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::Chars;

use super::{Dialect, Entry, Mapping, Node, Place, Problem, Value, limits};

/// Reads a whole JSON text.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Node, Problem> {
    let mut reader =
        Reader { rest: text.chars().peekable(), place: Place { line: 1, column: 1 }, nodes: 0, dialect };
    reader.blank();
    let node = reader.value(0)?;
    reader.blank();
    match reader.rest.peek() {
        None => Ok(node),
        Some(_) => Err(reader.malformed()),
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    place: Place,
    nodes: usize,
    dialect: Dialect,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
        } else {
            self.place.column = self.place.column.saturating_add(1);
        }
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.rest.peek() == Some(&wanted);
        if there {
            self.next();
        }
        there
    }

    fn blank(&mut self) {
        while self.rest.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn malformed(&self) -> Problem {
        let Place { line, column } = self.place;
        // AWS names the column after the character that it could not read.
        let column = column.saturating_add(1);
        Problem::new(match self.dialect {
            Dialect::Aws => {
                format!("Template format error: JSON not well-formed. (line {line}, column {column})")
            }
            Dialect::Js => format!("JSON not well-formed at line {line}, column {column}"),
        })
        .placed(self.place)
    }

    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        self.nodes += 1;
        if depth > limits::DEPTH || self.nodes > limits::NODES {
            return Err(Problem::new("the document is nested too deeply or too large").placed(self.place));
        }
        let place = self.place;
        let value = match self.rest.peek() {
            Some('{') => Value::Mapping(self.object(depth)?),
            Some('[') => Value::Sequence(self.array(depth)?),
            Some('"') => Value::String(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('t') => self.word("true", Value::Bool(true))?,
            Some('f') => self.word("false", Value::Bool(false))?,
            Some('n') => self.word("null", Value::Null)?,
            _ => return Err(self.malformed()),
        };
        Ok(Node { place, value })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Problem> {
        for c in word.chars() {
            if !self.take(c) {
                return Err(self.malformed());
            }
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Mapping, Problem> {
        let (mut mapping, mut seen) = (Mapping::new(), HashSet::new());
        self.next();
        self.blank();
        if self.take('}') {
            return Ok(mapping);
        }
        loop {
            self.blank();
            let place = self.place;
            if self.rest.peek() != Some(&'"') {
                return Err(self.malformed());
            }
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                return Err(super::compose::duplicate(&key, place));
            }
            self.blank();
            if !self.take(':') {
                return Err(self.malformed());
            }
            self.blank();
            let value = self.value(depth + 1)?;
            mapping.push(Entry { key, place, value });
            self.blank();
            if self.take('}') {
                return Ok(mapping);
            }
            if !self.take(',') {
                return Err(self.malformed());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        self.next();
        self.blank();
        if self.take(']') {
            return Ok(items);
        }
        loop {
            self.blank();
            items.push(self.value(depth + 1)?);
            self.blank();
            if self.take(']') {
                return Ok(items);
            }
            if !self.take(',') {
                return Err(self.malformed());
            }
        }
    }

    /// The text of a string goes to `serde_json` as it stands, which knows escapes and surrogates.
    fn string(&mut self) -> Result<String, Problem> {
        let mut raw = String::new();
        raw.extend(self.next());
        loop {
            match self.next() {
                Some('\\') => {
                    raw.push('\\');
                    raw.extend(self.next());
                }
                // AWS takes line breaks and tabs in strings, which JSON does not allow.
                Some(c @ ('\n' | '\r' | '\t')) if self.dialect == Dialect::Aws => {
                    raw.push_str(match c {
                        '\n' => "\\n",
                        '\r' => "\\r",
                        _ => "\\t",
                    });
                }
                Some('"') => {
                    raw.push('"');
                    return serde_json::from_str(&raw).map_err(|_| self.malformed());
                }
                Some(c) => raw.push(c),
                None => return Err(self.malformed()),
            }
        }
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let mut raw = String::new();
        while let Some(&c) = self.rest.peek() {
            if !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E') {
                break;
            }
            raw.extend(self.next());
        }
        serde_json::from_str(&raw).map(Value::Number).map_err(|_| self.malformed())
    }
}
