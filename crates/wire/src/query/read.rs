//! Reads shapes from the parameters of a query request: `Attribute.1.Name=…&Attribute.1.Value=…`.

use std::borrow::Cow;

use moln_kernel::Timestamp;

use super::Params;
use crate::{
    Member, Schema,
    schema::TimestampFormat,
    shape::{OnEntry, OnItem, OnMember, Read, ReadError, ShapeReader},
    time,
};

/// Dots in a parameter's name, at most: as deep as shapes may nest.
const DEPTH: usize = 100;

/// A reader of the parameters that stand under one prefix.
pub struct QueryReader<'p> {
    /// Sorted, so that what stands under one prefix is together.
    pairs: &'p [(Cow<'p, str>, Cow<'p, str>)],
    /// Bytes of the prefix, its last dot included.
    prefix: usize,
    /// The value of the parameter that is named as the prefix is, without its dot.
    leaf: Option<&'p str>,
    schema: &'static Schema,
    member: Option<&'static Member>,
    depth: usize,
}

impl<'p> QueryReader<'p> {
    /// A reader of all parameters. Sorts them.
    pub fn new(params: &'p mut Params<'_>, schema: &'static Schema) -> Self {
        params.sort();
        Self { pairs: &params.pairs, prefix: 0, leaf: None, schema, member: None, depth: 0 }
    }

    /// What stands under each next segment of the names, in order of the names.
    fn groups(&self) -> Read<Groups<'p>> {
        if self.depth >= DEPTH {
            return Err(ReadError::new(format!("The parameters are nested deeper than {DEPTH}")));
        }
        Ok(Groups { pairs: self.pairs, prefix: self.prefix })
    }

    /// The reader of a group, as this member's value.
    fn under(&self, group: &Group<'p>, member: &'static Member) -> QueryReader<'p> {
        QueryReader {
            pairs: group.pairs,
            prefix: self.prefix + group.segment.len() + 1,
            leaf: group.leaf,
            schema: member.target(),
            member: Some(member),
            depth: self.depth + 1,
        }
    }

    /// The numbered groups of a list or map, in order of their numbers; the wrapper (`member`, `entry`) is passed over.
    fn numbered(&self, wrapper: &str) -> Read<Vec<(u32, QueryReader<'p>)>> {
        let Some(member) = self.member else { return Ok(Vec::new()) };
        let flattened = member.flattened();
        let mut items = Vec::new();
        for group in self.groups()? {
            if !flattened && group.segment == wrapper {
                let inner = self.under(&group, member);
                for group in inner.groups()? {
                    items.extend(group.number().map(|number| (number, inner.under(&group, member))));
                }
            } else if flattened {
                items.extend(group.number().map(|number| (number, self.under(&group, member))));
            }
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items)
    }

    fn text(&self) -> &'p str {
        self.leaf.unwrap_or_default()
    }

    fn name(&self) -> &'static str {
        self.member.map_or("The value", |member| member.query_name())
    }
}

struct Group<'p> {
    segment: &'p str,
    pairs: &'p [(Cow<'p, str>, Cow<'p, str>)],
    leaf: Option<&'p str>,
}

impl Group<'_> {
    fn number(&self) -> Option<u32> {
        self.segment.parse().ok()
    }
}

struct Groups<'p> {
    pairs: &'p [(Cow<'p, str>, Cow<'p, str>)],
    prefix: usize,
}

impl<'p> Groups<'p> {
    /// The next segment of a name, and whether it is the last.
    fn segment(&self, name: &'p str) -> Option<(&'p str, bool)> {
        let rest = name.get(self.prefix..)?;
        Some(rest.split_once('.').map_or((rest, true), |(segment, _)| (segment, false)))
    }
}

impl<'p> Iterator for Groups<'p> {
    type Item = Group<'p>;

    fn next(&mut self) -> Option<Group<'p>> {
        loop {
            let (name, value) = self.pairs.first()?;
            let Some((segment, last)) = self.segment(name) else {
                // The prefix itself, without a dot: the leaf of the reader above.
                self.pairs = self.pairs.get(1..)?;
                continue;
            };
            let same = |name: &'p str| self.segment(name).is_some_and(|(other, _)| other == segment);
            let length = self.pairs.iter().take_while(|(name, _)| same(name)).count();
            let (pairs, rest) = self.pairs.split_at(length);
            self.pairs = rest;
            return Some(Group { segment, pairs, leaf: last.then_some(value.as_ref()) });
        }
    }
}

/// Whether a segment names this member: by its name, an alias, or, for flattened lists, its element's name.
fn names(member: &Member, segment: &str) -> bool {
    member.query_name() == segment
        || member.traits.query_aliases.contains(&segment)
        || member.flattened() && member.repeated(Member::query_name) == segment
}

impl ShapeReader for QueryReader<'_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        for group in self.groups()? {
            let found = schema.members.iter().enumerate().find(|(_, of)| names(of, group.segment));
            if let Some((index, of)) = found {
                member(index, &mut self.under(&group, of))?;
            }
        }
        Ok(())
    }

    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let Some(of) = self.schema.element() else { return Ok(()) };
        for (_, mut reader) in self.numbered(of.query_name())? {
            (reader.schema, reader.member) = (of.target(), Some(of));
            item(&mut reader)?;
        }
        // `AttributeName=All`: a list of one, without its number.
        if let Some(text) = self.leaf.filter(|text| !text.is_empty() && self.pairs.len() == 1) {
            let only = QueryReader {
                pairs: &[],
                prefix: 0,
                leaf: Some(text),
                schema: of.target(),
                member: Some(of),
                depth: self.depth + 1,
            };
            item(&mut { only })?;
        }
        Ok(())
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let [key_of, of] = self.schema.members else { return Ok(()) };
        for (_, reader) in self.numbered("entry")? {
            let (mut key, mut value) = (None, None);
            for group in reader.groups()? {
                if group.segment == key_of.query_name() {
                    key = group.leaf;
                } else if group.segment == of.query_name() {
                    value = Some(reader.under(&group, of));
                }
            }
            match (key, value) {
                (Some(key), Some(mut value)) => entry(key.to_owned(), &mut value)?,
                (Some(key), None) => {
                    // A name without a value is an empty one.
                    let mut empty = QueryReader {
                        pairs: &[],
                        prefix: 0,
                        leaf: Some(""),
                        schema: of.target(),
                        member: Some(of),
                        depth: self.depth + 1,
                    };
                    entry(key.to_owned(), &mut empty)?;
                }
                (None, _) => {
                    let (name, key) = (self.name(), key_of.query_name());
                    return Err(ReadError::new(format!("{name} has an entry without its {key}")));
                }
            }
        }
        Ok(())
    }

    fn scalar(&self) -> Read<(Cow<'_, str>, &'static str)> {
        Ok((Cow::Borrowed(self.text()), self.name()))
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.text().to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(ReadError::new(format!("{} must be true or false", self.name()))),
        }
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        let default = TimestampFormat::DateTime;
        time::parse(self.text(), self.member.map_or(default, |member| member.timestamp_format(default)))
    }
}
