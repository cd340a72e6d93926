//! What of the file became which resources: for those who find something wrong with a resource.

use super::naming;
use super::service::{Event, Service, get};
use crate::document::{Node, Place};
use crate::project::{Origin, Source};

/// The parts of a service, before its own `resources`: these have the names that are written there.
pub(super) fn source(service: &Service<'_>) -> Source {
    let root = &service.root;
    let at = |path: &str, prefix: String, node: &Node| {
        let place = place_of(root, path).unwrap_or(node.place);
        Origin { prefix, path: path.to_owned(), place, node: node.clone() }
    };
    let provider = get(root, "provider").map(|node| at("provider", String::new(), node));
    let mut origins: Vec<Origin> = provider.into_iter().collect();
    for function in &service.functions {
        origins.push(at(&function.path, naming::normalized(&function.key), &function.node));
        for event in &function.events {
            origins.extend(made_by(event).map(|prefix| at(&event.path, prefix, &event.node)));
        }
    }
    origins
        .extend(get(root, "provider.httpApi").map(|node| at("provider.httpApi", "HttpApi".to_owned(), node)));
    for (section, words) in [("constructs", ""), ("layers", "LambdaLayer")] {
        for entry in get(root, section).and_then(Node::as_mapping).into_iter().flatten() {
            let letters: String = entry.key.chars().filter(char::is_ascii_alphanumeric).collect();
            let name = if words.is_empty() { letters } else { naming::normalized(&entry.key) };
            origins.push(at(&format!("{section}.{}", entry.key), format!("{name}{words}"), &entry.value));
        }
    }
    for entry in get(root, "resources.Resources").and_then(Node::as_mapping).into_iter().flatten() {
        origins.push(at(&format!("resources.Resources.{}", entry.key), entry.key.clone(), &entry.value));
    }
    Source { file: service.dir.join(&service.file), origins }
}

/// The id of what an event makes besides what belongs to its function.
fn made_by(event: &Event) -> Option<String> {
    let name = |member: &str| event.text(member).or_else(|| event.node.scalar_text());
    match event.kind.as_str() {
        "httpApi" => Some("HttpApi".to_owned()),
        "websocket" => Some("WebsocketsApi".to_owned()),
        "s3" => Some(format!("S3Bucket{}", naming::alphanumeric(&name("bucket")?))),
        "sns" => Some(format!("SNSTopic{}", naming::alphanumeric(&name("topicName")?))),
        _ => None,
    }
}

/// Where the last key of a path stands.
fn place_of(root: &Node, path: &str) -> Option<Place> {
    let mut place = None;
    let mut node = root;
    for key in path.split('.') {
        if let Some(entry) = node.as_mapping().and_then(|mapping| mapping.entry(key)) {
            place = Some(entry.place);
            node = &entry.value;
        } else {
            node = node.as_sequence()?.get(key.parse::<usize>().ok()?)?;
        }
    }
    place
}
