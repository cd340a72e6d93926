//! The file as a service: checked, its lists merged, its functions named.

use std::path::{Path, PathBuf};

use super::schema;
use crate::document::{Entry, Mapping, Node, Problem, Value};

/// A service.
pub(super) struct Service<'a> {
    /// Everything, without variables and checked.
    pub(super) root: Node,
    pub(super) dir: &'a Path,
    /// The file's name within the directory.
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) stage: String,
    pub(super) region: String,
    pub(super) functions: Vec<Function>,
    /// What the person should know.
    pub(super) notices: Vec<String>,
}

/// A function of the service.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// Its key under `functions`.
    pub(super) key: String,
    /// Its name in the cloud.
    pub(super) name: String,
    /// What the file says about it.
    pub(super) node: Node,
    /// Where it comes from: `functions.KEY`, or a construct's worker.
    pub(super) path: String,
    /// Its events: kind, what is said, path.
    pub(super) events: Vec<Event>,
}

/// An event of a function.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) node: Node,
    pub(super) path: String,
}

impl<'a> Service<'a> {
    /// Reads the resolved file as a service.
    pub(super) fn new(
        root: Node,
        dir: &'a Path,
        file: &Path,
        stage: String,
        region: String,
    ) -> Result<Self, Vec<Problem>> {
        let mut root = without_nulls_of_ours(root);
        let mut problems = Vec::new();
        for key in ["functions", "resources"] {
            if let Some(node) = root.as_mapping_mut().and_then(|root| root.get_mut(key))
                && let Err(problem) = merge_list(node)
            {
                problems.push(problem.path(key));
            }
        }
        problems.extend(refused(&root));
        problems.extend(schema::service(&mut root));
        let name = root.get("service").and_then(Node::scalar_text).unwrap_or_default();
        if get(&root, "provider.name").and_then(Node::as_str).is_some_and(|provider| provider != "aws") {
            problems.push(problem(&root, "provider.name", "only the provider aws can be deployed"));
        }
        if let Some(version) = root.get("frameworkVersion").and_then(Node::scalar_text)
            && !serves_version_3(&version)
        {
            let text = format!(
                "this file asks for version {version} of the framework; Moln has the semantics of version 3"
            );
            problems.push(problem(&root, "frameworkVersion", text));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let functions = root.get("functions").and_then(Node::as_mapping).cloned().unwrap_or_default();
        let file = file.strip_prefix(dir).unwrap_or(file).to_owned();
        let mut service =
            Self { root, dir, file, name, stage, region, functions: Vec::new(), notices: Vec::new() };
        for entry in functions {
            let path = format!("functions.{}", entry.key);
            service.add_function(&entry.key, entry.value, path);
        }
        Ok(service)
    }

    /// Adds a function.
    pub(super) fn add_function(&mut self, key: &str, node: Node, path: String) {
        let name = text(&node, "name").unwrap_or_else(|| format!("{}-{}-{key}", self.name, self.stage));
        let events = list(&node, "events").iter().enumerate();
        let events = events.filter_map(|(index, event)| {
            let entry = event.as_mapping()?.only()?;
            let path = format!("{path}.events.{index}.{}", entry.key);
            Some(Event { kind: entry.key.clone(), node: entry.value.clone(), path })
        });
        let events = events.collect();
        self.functions.push(Function { key: key.to_owned(), name, node, path, events });
    }

    /// The stack's name.
    pub(super) fn stack_name(&self) -> String {
        self.provider("stackName").unwrap_or_else(|| format!("{}-{}", self.name, self.stage))
    }

    /// A text of the provider.
    pub(super) fn provider(&self, path: &str) -> Option<String> {
        text(&self.root, &format!("provider.{path}"))
    }

    /// Anything of the provider.
    pub(super) fn provider_node(&self, path: &str) -> Option<&Node> {
        get(&self.root, &format!("provider.{path}"))
    }

    /// The function of a key.
    pub(super) fn function(&self, key: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.key == key)
    }
}

impl Function {
    /// A text that it says.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        text(&self.node, path)
    }

    /// Anything that it says.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        get(&self.node, path)
    }

    /// What is wrong with something that it says.
    pub(super) fn problem(&self, path: &str, text: impl Into<String>) -> Problem {
        problem(&self.node, path, text).path(if path.is_empty() {
            self.path.clone()
        } else {
            format!("{}.{path}", self.path)
        })
    }

    /// Its runtime.
    pub(super) fn runtime(&self, service: &Service<'_>) -> String {
        self.text("runtime")
            .or_else(|| service.provider("runtime"))
            .unwrap_or_else(|| "nodejs16.x".to_owned())
    }

    /// The events of a kind.
    pub(super) fn events<'f>(&'f self, kind: &'f str) -> impl Iterator<Item = &'f Event> {
        self.events.iter().filter(move |event| event.kind == kind)
    }
}

impl Event {
    /// What is wrong with it.
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::at(&self.node, text).path(self.path.clone()).code("event")
    }

    /// Anything that it says.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        get(&self.node, path)
    }

    /// A text that it says.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        text(&self.node, path)
    }
}

/// What stands at a dotted path; nothing if it is null.
pub(super) fn get<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, key| node.get(key)).filter(|node| !node.is_null())
}

/// The text at a dotted path.
pub(super) fn text(node: &Node, path: &str) -> Option<String> {
    get(node, path).and_then(Node::scalar_text)
}

/// The list at a dotted path; an empty one if there is none.
pub(super) fn list<'n>(node: &'n Node, path: &str) -> &'n [Node] {
    get(node, path).and_then(Node::as_sequence).unwrap_or_default()
}

/// The texts of the list at a dotted path.
pub(super) fn texts(node: &Node, path: &str) -> Vec<String> {
    list(node, path).iter().filter_map(Node::scalar_text).collect()
}

/// Whether there is something at a path that is not false, zero or empty: what JavaScript calls true.
pub(super) fn truthy(node: &Node, path: &str) -> bool {
    get(node, path).is_some_and(|node| match &node.value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Sequence(_) | Value::Mapping(_) => true,
    })
}

/// What is wrong at a dotted path, placed as near to it as there is something.
pub(super) fn problem(root: &Node, path: &str, text: impl Into<String>) -> Problem {
    let mut place = root.place;
    let mut node = root;
    for key in path.split('.') {
        let Some(entry) = node.as_mapping().and_then(|mapping| mapping.entry(key)) else { break };
        place = entry.place;
        node = &entry.value;
    }
    Problem::new(text).placed(place).path(path).code("serverless")
}

/// Whether a range of versions has one of version 3: `3`, `^3.40`, `>=2.0.0 <4`, `*`.
fn serves_version_3(range: &str) -> bool {
    range.split("||").any(|range| {
        let mut bounds = range.split_whitespace().filter(|word| *word != "-");
        bounds.all(|bound| {
            let (sign, version) =
                bound.split_at(bound.find(|c: char| c.is_ascii_digit()).unwrap_or(bound.len()));
            let mut numbers = version.split('.').map(str::parse::<u32>);
            let Some(Ok(major)) = numbers.next() else { return true };
            let minor = numbers.next().and_then(Result::ok).unwrap_or_default();
            match sign {
                ">=" | ">" => (major, minor) <= (3, 40),
                "<" => (major, minor) > (3, 0),
                "<=" => major >= 3,
                _ => major == 3,
            }
        })
    })
}

/// Events of the framework that Moln has no service for, and why.
pub(super) const REFUSED_EVENTS: [(&str, &str); 11] = [
    ("alb", "there are no load balancers; httpApi serves HTTP"),
    ("alexaSkill", "there is no Alexa"),
    ("alexaSmartHome", "there is no Alexa"),
    ("iot", "there is no IoT"),
    ("iotFleetProvisioning", "there is no IoT"),
    ("cognitoUserPool", "there is no Cognito"),
    ("cloudFront", "there is no CloudFront"),
    ("kafka", "there is no Kafka"),
    ("msk", "there is no Kafka"),
    ("activemq", "there is no Amazon MQ"),
    ("rabbitmq", "there is no Amazon MQ"),
];

/// Keys of the framework whose meaning Moln does not have: a word on each instead of silence.
fn refused(root: &Node) -> Vec<Problem> {
    let keys = [
        ("provider.ecr", "container images are not run"),
        ("provider.alb", "there are no load balancers"),
        ("provider.cloudFront", "there is no CloudFront"),
    ];
    let mut problems: Vec<Problem> = keys
        .iter()
        .filter(|(path, _)| get(root, path).is_some())
        .map(|(path, why)| problem(root, path, *why))
        .collect();
    for entry in root.get("functions").and_then(Node::as_mapping).into_iter().flatten() {
        for (index, event) in list(&entry.value, "events").iter().enumerate() {
            for (kind, why) in REFUSED_EVENTS {
                if event.get(kind).is_some() || event.as_str() == Some(kind) {
                    let path = format!("functions.{}.events.{index}.{kind}", entry.key);
                    let text = format!("events of the kind {kind} are not there: {why}");
                    problems.push(Problem::at(event, text).path(path).code("event"));
                }
            }
        }
    }
    problems
}

/// `functions` and `resources` may be lists of parts that are merged.
fn merge_list(node: &mut Node) -> Result<(), Problem> {
    let Value::Sequence(parts) = &node.value else { return Ok(()) };
    let mut merged = Node::new(node.place, Value::Mapping(Mapping::new()));
    for part in parts {
        if part.is_null() {
            continue;
        }
        if part.as_mapping().is_none() {
            return Err(Problem::at(part, "every part of the list must be a mapping"));
        }
        merge(&mut merged, part);
    }
    *node = merged;
    Ok(())
}

/// Merges as lodash does it: mappings and lists by their members, everything else is replaced.
pub(super) fn merge(into: &mut Node, from: &Node) {
    match (&mut into.value, &from.value) {
        (Value::Mapping(into), Value::Mapping(from)) => {
            for entry in from {
                match into.get_mut(&entry.key) {
                    Some(there) => merge(there, &entry.value),
                    None => {
                        into.insert(entry.clone());
                    }
                }
            }
        }
        (Value::Sequence(into), Value::Sequence(from)) => {
            for (index, item) in from.iter().enumerate() {
                match into.get_mut(index) {
                    Some(there) => merge(there, item),
                    None => into.push(item.clone()),
                }
            }
        }
        _ => *into = from.clone(),
    }
}

/// Null members mean nothing, except in `resources`, where the framework keeps them until the end.
fn without_nulls_of_ours(root: Node) -> Node {
    let Value::Mapping(mapping) = root.value else { return root };
    let kept = mapping.into_iter().filter(|e| !e.value.is_null()).map(|entry| {
        let value = if entry.key == "resources" || entry.key == "custom" {
            entry.value
        } else {
            schema::without_nulls(&entry.value)
        };
        Entry { key: entry.key, place: entry.place, value }
    });
    Node::new(root.place, Value::Mapping(kept.collect()))
}
