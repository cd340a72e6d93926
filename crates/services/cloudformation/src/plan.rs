//! What an update comes to, before it is made: the changes of a change set.

use std::collections::{BTreeMap, BTreeSet};

use moln_deploy::{
    document::Node,
    template::{Prepared, Resource as Wanted},
};
use moln_kernel::{ApiError, Context};
use serde_json::{Map, Value, json};

use crate::{
    Stacks,
    core::STACK,
    engine::{Scope, tagged},
    own::Maker,
    sources::problem,
    tables::{ChangeRow, Config, DetailRow, ResourceRow},
};

/// Stands for what only the update will know.
const LATER: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// What a value in a template refers to.
#[derive(Default)]
struct References {
    /// By `Ref`: parameters and resources.
    names: BTreeSet<String>,
    /// By `Fn::GetAtt`: `Resource.Attribute`.
    attributes: BTreeSet<String>,
}

fn references(value: &Value, found: &mut References) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("Ref", Value::String(name)) => drop(found.names.insert(name.clone())),
                    ("Fn::GetAtt", Value::String(path)) => drop(found.attributes.insert(path.clone())),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                        found.attributes.insert(parts.join("."));
                    }
                    ("Fn::Sub", value) => {
                        let text = value.as_str().or_else(|| value.get(0).and_then(Value::as_str));
                        substituted(text.unwrap_or_default(), found);
                        references(value, found);
                    }
                    _ => references(value, found),
                }
            }
        }
        _ => {}
    }
}

fn substituted(text: &str, found: &mut References) {
    for piece in text.split("${").skip(1) {
        let Some((name, _)) = piece.split_once('}') else { continue };
        if name.starts_with('!') {
            continue;
        }
        let set = if name.contains('.') { &mut found.attributes } else { &mut found.names };
        set.insert(name.to_owned());
    }
}

/// A value as contexts show it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Flat values as contexts show them: all are strings.
fn flattened(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => value.to_string().into(),
        Value::Array(items) => items.iter().map(flattened).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), flattened(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Properties and metadata together, as contexts show them.
fn context(properties: &Value, metadata: Option<&Value>) -> String {
    let mut all = json!({"Properties": flattened(properties)});
    if let (Some(metadata), Some(members)) = (metadata, all.as_object_mut()) {
        members.insert("Metadata".to_owned(), flattened(metadata));
    }
    if properties.as_object().is_some_and(Map::is_empty) && metadata.is_none() {
        all = json!({});
    }
    all.to_string()
}

/// What goes into changes: the stack as it is, and as it is to be.
pub(crate) struct Plan<'p> {
    pub(crate) service: &'p Stacks,
    pub(crate) ctx: &'p Context,
    /// Resources that are there.
    pub(crate) rows: &'p BTreeMap<String, ResourceRow>,
    /// What the stack is made of now, and its template.
    pub(crate) old: Option<(&'p Config, &'p Prepared)>,
    /// What it is to be made of.
    pub(crate) config: &'p Config,
    pub(crate) new: &'p Prepared,
}

/// A property of a resource as the template writes it.
fn written(prepared: &Prepared, logical: &str, member: &str, name: Option<&str>) -> Option<Value> {
    let declared = prepared.template().resources().find(|declared| declared.logical == logical)?;
    let node = declared.node.get(member)?;
    match name {
        Some(name) => node.get(name).map(Node::to_json),
        None => Some(node.to_json()),
    }
}

impl Plan<'_> {
    /// Every change, in the template's order; what goes comes last.
    ///
    /// Errors: properties that cannot be evaluated, in AWS's words.
    pub(crate) fn changes(&self) -> Result<Vec<ChangeRow>, ApiError> {
        let mut scope =
            Scope { exports: self.service.exports(self.ctx)?, unknown: Some(LATER), ..Scope::default() };
        let there = |row: &&ResourceRow| !row.physical_id.is_empty() && row.status != "DELETE_COMPLETE";
        for row in self.rows.values().filter(there) {
            scope.add(row);
        }
        let mut found: BTreeMap<String, ChangeRow> = BTreeMap::new();
        let order = in_order(self.new);
        for wanted in &order {
            let row = self.rows.get(&wanted.logical).filter(there);
            if row.is_none() {
                scope.unsettled.insert(wanted.logical.clone());
            }
            let mut properties = self.new.properties(&wanted.logical, &scope).map_err(problem)?;
            let maker = self.service.maker(&wanted.kind);
            if let Some(maker) = &maker {
                tagged(maker, &mut properties, &self.config.tags);
            }
            let change = match row {
                None => Some(added(wanted, &properties)),
                Some(row) => self.modified(wanted, row, &properties, &found),
            };
            if let Some(change) = change {
                if change.replacement.as_deref() == Some("True") {
                    scope.unsettled.insert(wanted.logical.clone());
                }
                found.insert(wanted.logical.clone(), change);
            }
        }
        let mut changes: Vec<ChangeRow> = Vec::new();
        for wanted in self.new.resources() {
            changes.extend(found.remove(&wanted.logical));
        }
        for row in self.rows.values().filter(there) {
            if self.new.resource(&row.logical_id).is_none() {
                changes.push(removed(row));
            }
        }
        // AWS lists them by name.
        changes.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
        Ok(changes)
    }

    #[allow(clippy::too_many_lines)] // the list of all that can differ
    fn modified(
        &self,
        wanted: &Wanted,
        row: &ResourceRow,
        properties: &Value,
        changed: &BTreeMap<String, ChangeRow>,
    ) -> Option<ChangeRow> {
        let maker = self.service.maker(&wanted.kind);
        let replacing = maker.as_ref().map(Maker::replacing).unwrap_or_default();
        let (mut scope, mut details) = (Vec::new(), Vec::new());
        let empty = Map::new();
        let (old, new) =
            (row.properties.as_object().unwrap_or(&empty), properties.as_object().unwrap_or(&empty));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let (before, after) = (old.get(name), new.get(name));
            if before == after {
                continue;
            }
            let tags = name == "Tags";
            let word = if tags { "Tags" } else { "Properties" };
            if !scope.iter().any(|known| known == word) {
                scope.push(word.to_owned());
            }
            let recreation = if replacing.contains(&name.as_str()) { "Always" } else { "Never" };
            let target = DetailRow {
                name: (!tags).then(|| name.clone()),
                recreation: Some(recreation.to_owned()),
                ..difference(word, format!("/Properties/{name}"), before, after)
            };
            details.extend(self.causes(wanted, name, &target, changed));
        }
        let metadata = row.metadata != wanted.metadata;
        if metadata {
            scope.push("Metadata".to_owned());
            let (before, after) = (row.metadata.as_ref(), wanted.metadata.as_ref());
            details.push(difference("Metadata", "/Metadata".to_owned(), before, after));
        }
        for (word, before, after) in [
            ("DeletionPolicy", row.deletion_policy.as_deref(), &wanted.deletion_policy),
            ("UpdateReplacePolicy", row.replace_policy.as_deref(), &wanted.update_replace_policy),
        ] {
            if before.is_some_and(|before| before != after) {
                scope.push(word.to_owned());
                details.push(DetailRow {
                    attribute: word.to_owned(),
                    recreation: Some("Never".to_owned()),
                    evaluation: "Static".to_owned(),
                    source: "DirectModification".to_owned(),
                    ..DetailRow::default()
                });
            }
        }
        let other_type = row.type_name != wanted.kind;
        let nested = wanted.kind == STACK;
        if scope.is_empty() && !other_type && !nested {
            return None;
        }
        let replaces = other_type || maker.is_some_and(|maker| maker.replaces(&row.properties, properties));
        let kept = row.replace_policy.as_deref() == Some("Retain");
        if nested && details.is_empty() {
            // A nested template may have changed behind the same URL.
            details.push(DetailRow {
                attribute: "Properties".to_owned(),
                recreation: Some("Never".to_owned()),
                evaluation: "Dynamic".to_owned(),
                source: "Automatic".to_owned(),
                ..DetailRow::default()
            });
            scope.push("Properties".to_owned());
        }
        Some(ChangeRow {
            action: "Modify".to_owned(),
            logical_id: wanted.logical.clone(),
            physical_id: Some(row.physical_id.clone()),
            type_name: wanted.kind.clone(),
            replacement: Some(if replaces { "True" } else { "False" }.to_owned()),
            scope,
            details,
            policy_action: replaces
                .then(|| if kept { "ReplaceAndRetain" } else { "ReplaceAndDelete" }.to_owned()),
            before: Some(context(&row.properties, row.metadata.as_ref())),
            after: Some(context(properties, wanted.metadata.as_ref())),
            change_set: None,
        })
    }

    /// Why a property changes: what it refers to has changed, or the template says something else.
    fn causes(
        &self,
        wanted: &Wanted,
        name: &str,
        target: &DetailRow,
        changed: &BTreeMap<String, ChangeRow>,
    ) -> Vec<DetailRow> {
        let after = written(self.new, &wanted.logical, "Properties", Some(name));
        let before = self.old.and_then(|(_, old)| written(old, &wanted.logical, "Properties", Some(name)));
        if before != after || after.is_none() {
            return vec![target.clone()];
        }
        let mut found = References::default();
        if let Some(after) = &after {
            references(after, &mut found);
        }
        let mut causes = Vec::new();
        for name in &found.names {
            let value = |config: &Config| config.parameters.iter().find(|row| row.key == *name).cloned();
            let old = self.old.and_then(|(config, _)| value(config));
            let new = value(self.config);
            if new.is_some() && old != new {
                causes.push(("ParameterReference", name, "Static"));
            } else if let Some(change) = changed.get(name) {
                let always = change.replacement.as_deref() == Some("True") || change.action == "Add";
                causes.push(("ResourceReference", name, if always { "Static" } else { "Dynamic" }));
            }
        }
        for path in &found.attributes {
            if let Some(change) = path.split('.').next().and_then(|name| changed.get(name)) {
                let always = change.replacement.as_deref() == Some("True") || change.action == "Add";
                causes.push(("ResourceAttribute", path, if always { "Static" } else { "Dynamic" }));
            }
        }
        if causes.is_empty() {
            return vec![target.clone()];
        }
        let direct = DetailRow { evaluation: "Dynamic".to_owned(), ..target.clone() };
        let caused = causes.into_iter().map(|(source, cause, evaluation)| DetailRow {
            source: source.to_owned(),
            cause: Some(cause.clone()),
            evaluation: evaluation.to_owned(),
            ..target.clone()
        });
        std::iter::once(direct).chain(caused).collect()
    }
}

/// How a place in a template differs.
fn difference(attribute: &str, path: String, before: Option<&Value>, after: Option<&Value>) -> DetailRow {
    let kind = match (before, after) {
        (None, _) => "Add",
        (_, None) => "Remove",
        _ => "Modify",
    };
    DetailRow {
        attribute: attribute.to_owned(),
        recreation: Some("Never".to_owned()),
        path: Some(path),
        before: before.map(|value| shown(&flattened(value))),
        after: after.map(|value| shown(&flattened(value))),
        kind: Some(kind.to_owned()),
        evaluation: "Static".to_owned(),
        source: "DirectModification".to_owned(),
        ..DetailRow::default()
    }
}

fn added(wanted: &Wanted, properties: &Value) -> ChangeRow {
    ChangeRow {
        action: "Add".to_owned(),
        logical_id: wanted.logical.clone(),
        type_name: wanted.kind.clone(),
        after: Some(context(properties, wanted.metadata.as_ref())),
        ..ChangeRow::default()
    }
}

fn removed(row: &ResourceRow) -> ChangeRow {
    let kept = row.deletion_policy.as_deref() == Some("Retain");
    ChangeRow {
        action: "Remove".to_owned(),
        logical_id: row.logical_id.clone(),
        physical_id: Some(row.physical_id.clone()),
        type_name: row.type_name.clone(),
        policy_action: Some(if kept { "Retain" } else { "Delete" }.to_owned()),
        before: Some(context(&row.properties, row.metadata.as_ref())),
        ..ChangeRow::default()
    }
}

/// Resources after all they depend on.
fn in_order(prepared: &Prepared) -> Vec<&Wanted> {
    let mut left: Vec<&Wanted> = prepared.resources().iter().collect();
    let (mut done, mut order) = (BTreeSet::new(), Vec::new());
    while !left.is_empty() {
        let known: BTreeSet<&str> = left.iter().map(|wanted| wanted.logical.as_str()).collect();
        let (ready, rest): (Vec<&Wanted>, Vec<&Wanted>) = left.iter().partition(|wanted| {
            wanted
                .depends_on
                .iter()
                .all(|name| done.contains(name.as_str()) || !known.contains(name.as_str()))
        });
        if ready.is_empty() {
            // A cycle, which preparing refuses.
            order.extend(rest);
            break;
        }
        done.extend(ready.iter().map(|wanted| wanted.logical.as_str()));
        order.extend(ready);
        left = rest;
    }
    order
}
