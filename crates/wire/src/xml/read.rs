//! Reads shapes from XML.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use moln_kernel::Timestamp;
use roxmltree::{Document, Node, ParsingOptions};

use crate::{
    Location, Member, Schema,
    schema::TimestampFormat,
    shape::{OnEntry, OnItem, OnMember, Read, ReadError, ShapeReader},
    time,
};

/// Elements and texts of a document, at most. S3's largest body (10,000 parts) has 60,000.
const NODES: u32 = 500_000;
/// Structures, lists and maps inside of each other, at most.
const DEPTH: usize = 100;

/// Parses a body. Document type definitions are refused, and with them entities that expand.
pub fn parse(body: &[u8]) -> Read<Document<'_>> {
    let text = std::str::from_utf8(body).map_err(|_| ReadError::new("The body is not UTF-8"))?;
    let options = ParsingOptions { nodes_limit: NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options)
        .map_err(|error| ReadError::new(format!("Malformed XML: {error}")))
}

/// A reader of one value: an element, the elements of a flattened list or map, or an attribute.
pub struct XmlReader<'d> {
    nodes: Vec<Node<'d, 'd>>,
    attribute: Option<&'d str>,
    schema: &'static Schema,
    member: Option<&'static Member>,
    depth: usize,
}

impl<'d> XmlReader<'d> {
    /// A reader of a document's root.
    pub fn new(document: &'d Document<'d>, schema: &'static Schema) -> Self {
        Self { nodes: vec![document.root_element()], attribute: None, schema, member: None, depth: 0 }
    }

    /// Positions it on the value of a member of the REST protocols.
    pub(crate) fn at(mut self, member: &'static Member) -> Self {
        self.schema = member.target();
        self.member = Some(member);
        self
    }

    fn under(&self, nodes: Vec<Node<'d, 'd>>, member: &'static Member) -> Read<Self> {
        if self.depth == DEPTH {
            return Err(ReadError::new(format!("The XML document is nested deeper than {DEPTH}")));
        }
        Ok(Self {
            nodes,
            attribute: None,
            schema: member.target(),
            member: Some(member),
            depth: self.depth + 1,
        })
    }

    fn children(&self, name: &str) -> Vec<Node<'d, 'd>> {
        let of = |node: &Node<'d, 'd>| node.children().filter(Node::is_element).collect::<Vec<_>>();
        self.nodes
            .first()
            .map(of)
            .unwrap_or_default()
            .into_iter()
            .filter(|child| is_named(child, name))
            .collect()
    }

    /// The elements of a list or the entries of a map.
    fn items(&mut self, wrapped: &str) -> Vec<Node<'d, 'd>> {
        if self.member.is_some_and(Member::flattened) {
            std::mem::take(&mut self.nodes)
        } else {
            self.children(wrapped)
        }
    }

    fn text(&self) -> String {
        if let Some(attribute) = self.attribute {
            return attribute.to_owned();
        }
        let texts = |node: &Node<'d, 'd>| {
            node.children().filter_map(|child| child.text().filter(|_| child.is_text()))
        };
        self.nodes.first().map(|node| texts(node).collect()).unwrap_or_default()
    }

    fn name(&self) -> &'static str {
        self.member.map_or("The value", |member| member.wire)
    }
}

/// Whether an element has this name, whatever its namespace's prefix.
fn is_named(node: &Node<'_, '_>, name: &str) -> bool {
    node.tag_name().name() == local(name)
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl ShapeReader for XmlReader<'_> {
    fn structure(&mut self, schema: &'static Schema, member: &mut OnMember<'_>) -> Read<()> {
        for (index, of) in schema.members.iter().enumerate().filter(|(_, of)| of.location == Location::Body) {
            if of.traits.xml_attribute {
                let attributes = self.nodes.first().map(Node::attributes);
                let attribute = attributes.into_iter().flatten().find(|a| a.name() == local(of.wire));
                if let Some(attribute) = attribute {
                    member(
                        index,
                        &mut Self { attribute: Some(attribute.value()), ..self.under(Vec::new(), of)? },
                    )?;
                }
                continue;
            }
            let name = if of.flattened() { of.repeated(|member| member.wire) } else { of.wire };
            let mut nodes = self.children(name);
            if !of.flattened() {
                nodes.truncate(1);
            }
            if !nodes.is_empty() {
                member(index, &mut self.under(nodes, of)?)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, item: &mut OnItem<'_>) -> Read<()> {
        let Some(of) = self.schema.element() else { return Ok(()) };
        for node in self.items(of.wire) {
            item(&mut self.under(vec![node], of)?)?;
        }
        Ok(())
    }

    fn map(&mut self, entry: &mut OnEntry<'_>) -> Read<()> {
        let [key_of, of] = self.schema.members else { return Ok(()) };
        for node in self.items("entry") {
            let pair = self.under(vec![node], of)?;
            let key = self.under(pair.children(key_of.wire), key_of)?;
            let value = pair.children(of.wire);
            if key.nodes.is_empty() {
                return Err(ReadError::new(format!("An entry of a map has no {}", key_of.wire)));
            }
            if !value.is_empty() {
                entry(key.text(), &mut self.under(value, of)?)?;
            }
        }
        Ok(())
    }

    fn scalar(&self) -> Read<(Cow<'_, str>, &'static str)> {
        Ok((Cow::Owned(self.text()), self.name()))
    }

    fn blob(&mut self) -> Read<Bytes> {
        let bytes = STANDARD.decode(self.text().trim());
        bytes.map(Bytes::from).map_err(|_| ReadError::new("Invalid base64 in a Blob"))
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.text().trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(ReadError::new(format!("{} must be true or false", self.name()))),
        }
    }

    fn timestamp(&mut self) -> Read<Timestamp> {
        let default = TimestampFormat::DateTime;
        time::parse(&self.text(), self.member.map_or(default, |member| member.timestamp_format(default)))
    }
}
