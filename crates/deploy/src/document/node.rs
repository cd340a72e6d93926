//! The tree: values with places.

use std::collections::HashMap;
use std::fmt;

use serde_json::Number;

/// A place in a text. Both count from 1; columns count characters. 0 says that there is none (made, not read).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Place {
    /// Whether it stands in a text.
    pub fn is_known(self) -> bool {
        self.line > 0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins; of a value with a short tag, where the tag stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// Equal values are equal wherever they stand; the order of a mapping's keys does not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Sequence(a), Value::Sequence(b)) => a == b,
            (Value::Mapping(a), Value::Mapping(b)) => {
                a.len() == b.len() && a.iter().all(|entry| b.get(&entry.key) == Some(&entry.value))
            }
            _ => false,
        }
    }
}

/// What a node can be.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the text.
    Mapping(Mapping),
}

/// Keys and values in the order of the text. Keys are strings, as in JSON: a number or boolean is a key as it is
/// written.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Mapping {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    /// A key with its value and place.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.iter_mut().map(|entry| &mut entry.value)
    }

    /// The only key with its value, if there is exactly one.
    pub fn only(&self) -> Option<&Entry> {
        match self.entries.as_slice() {
            [entry] => Some(entry),
            _ => None,
        }
    }

    /// Sets a key: in its place if it is there, else at the end. Returns what was there.
    pub fn insert(&mut self, entry: Entry) -> Option<Node> {
        if let Some(there) = self.get_mut(&entry.key) {
            return Some(std::mem::replace(there, entry.value));
        }
        self.entries.push(entry);
        None
    }

    /// Adds a key that is known not to be there.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    /// Keeps what the condition holds for.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
    }
}

impl IntoIterator for Mapping {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl FromIterator<Entry> for Mapping {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let (mut mapping, mut seen) = (Self::new(), HashMap::new());
        for entry in entries {
            let there = seen.get(&entry.key).and_then(|&index: &usize| mapping.entries.get_mut(index));
            if let Some(there) = there {
                there.value = entry.value;
            } else {
                seen.insert(entry.key.clone(), mapping.len());
                mapping.push(entry);
            }
        }
        mapping
    }
}

impl Node {
    /// A node at a place.
    pub fn new(place: Place, value: Value) -> Self {
        Self { place, value }
    }

    /// A string at a place.
    pub fn string(place: Place, text: impl Into<String>) -> Self {
        Self::new(place, Value::String(text.into()))
    }

    /// `{key: value}`, all at one place.
    pub fn tagged(place: Place, key: &str, value: Node) -> Self {
        let entry = Entry { key: key.to_owned(), place, value };
        Self::new(place, Value::Mapping(Mapping { entries: vec![entry] }))
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// What a JSON pointer (RFC 6901) leads to: `/functions/jobs/handler`, `/list/0`.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        let Some(parts) = pointer.strip_prefix('/') else {
            return pointer.is_empty().then_some(self);
        };
        parts.split('/').try_fold(self, |node, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Mapping(mapping) => mapping.get(&part),
                Value::Sequence(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The mapping, to be changed.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// A scalar's text as AWS writes one where a string is wanted: `true`, `1`, the string itself. None for lists,
    /// mappings and null.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value without places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text) => text.clone().into(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(mapping) => serde_json::Value::Object(
                mapping.iter().map(|e| (e.key.clone(), e.value.to_json())).collect(),
            ),
        }
    }

    /// A value that was made, all of it at one place.
    pub fn from_json(value: &serde_json::Value, place: Place) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => Value::Number(number.clone()),
            serde_json::Value::String(text) => Value::String(text.clone()),
            serde_json::Value::Array(items) => {
                Value::Sequence(items.iter().map(|item| Self::from_json(item, place)).collect())
            }
            serde_json::Value::Object(members) => {
                let entries = members.iter();
                let entries = entries.map(|(key, value)| Entry {
                    key: key.clone(),
                    place,
                    value: Self::from_json(value, place),
                });
                Value::Mapping(Mapping { entries: entries.collect() })
            }
        };
        Self { place, value }
    }
}
