//! Roles of functions and state machines: managed policies, policy templates, statements.

use serde_json::{Map, Value, json};

use super::resource::{Made, is_intrinsic, is_set, no_value};

const TEMPLATES: &str = include_str!("policy_templates.txt");
const MANAGED: &str = include_str!("managed_policies.txt");

/// A role that is being made: events add to it.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) made: Made,
    pub(super) managed: Vec<Value>,
    pub(super) policies: Vec<Value>,
}

impl Role {
    /// The role as a resource.
    pub(super) fn finish(&self) -> Made {
        let mut made = self.made.clone();
        made.set("ManagedPolicyArns", self.managed.clone());
        if !self.policies.is_empty() {
            made.set("Policies", self.policies.clone());
        }
        made
    }

    /// Adds a managed policy once.
    pub(super) fn add_managed(&mut self, arn: Value) {
        if !self.managed.contains(&arn) {
            self.managed.push(arn);
        }
    }

    /// Adds a policy, unless there is one with the same document.
    pub(super) fn add_policy(&mut self, policy: Value) {
        let document = policy.get("PolicyDocument");
        if !self.policies.iter().any(|there| there.get("PolicyDocument") == document) {
            self.policies.push(policy);
        }
    }
}

/// Who may take a role on.
pub(super) fn trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": { "Service": [service] } }],
    })
}

/// A policy with one statement, as SAM gives it to roles: `{PolicyName, PolicyDocument}`.
pub(super) fn policy(name: &str, action: &str, resource: &Value) -> Value {
    json!({
        "PolicyName": name,
        "PolicyDocument": { "Statement": [{ "Action": action, "Effect": "Allow", "Resource": resource }] },
    })
}

/// The ARN of a managed policy of AWS by its name. Names that are none (ARNs) stay.
pub(super) fn managed_arn(name: &str, partition: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let mut path = "";
    for line in MANAGED.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix(' ') {
            None => path = line,
            Some(names) if names.split_whitespace().any(|there| there == name) => {
                return format!("arn:{partition}:iam::aws:policy/{path}/{name}");
            }
            Some(_) => {}
        }
    }
    format!("arn:{partition}:iam::aws:policy/{name}")
}

/// Puts the entries of `Policies` into a role.
pub(super) fn add(role: &mut Role, entries: Option<&Value>, partition: &str) -> Result<(), String> {
    let entries: Vec<Value> = match entries {
        Some(Value::Array(items)) => items.clone(),
        Some(value) if is_set(Some(value)) => vec![value.clone()],
        _ => Vec::new(),
    };
    for (index, entry) in entries.iter().enumerate() {
        let name = format!("{}Policy{index}", role.made.logical);
        let wrong = || format!("Policy at index {index} in the 'Policies' property is not valid");
        match expanded(entry)? {
            Entry::Managed(value) => {
                let arn = each_branch(&value, &|value| match value {
                    Value::String(name) => managed_arn(name, partition).into(),
                    other => other.clone(),
                });
                role.add_managed(arn);
            }
            Entry::Statement(value) => {
                let policy = each_branch(
                    &value,
                    &|document| json!({ "PolicyName": name, "PolicyDocument": document }),
                );
                role.policies.push(policy);
            }
            Entry::Unknown => return Err(wrong()),
        }
    }
    Ok(())
}

enum Entry {
    Managed(Value),
    Statement(Value),
    Unknown,
}

/// What an entry of `Policies` is, policy templates written out.
fn expanded(entry: &Value) -> Result<Entry, String> {
    if let Value::String(_) = entry {
        return Ok(Entry::Managed(entry.clone()));
    }
    if let Some([condition, then, otherwise]) =
        entry.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice)
    {
        let build = |a: Value, b: Value| json!({ "Fn::If": [condition, a, b] });
        let is_none = |value: &Value| *value == no_value();
        return Ok(match (is_none(then), is_none(otherwise)) {
            (true, true) => Entry::Managed(entry.clone()),
            (true, false) => match expanded(otherwise)? {
                Entry::Managed(value) => Entry::Managed(build(then.clone(), value)),
                Entry::Statement(value) => Entry::Statement(build(then.clone(), value)),
                Entry::Unknown => Entry::Unknown,
            },
            (false, true) => match expanded(then)? {
                Entry::Managed(value) => Entry::Managed(build(value, otherwise.clone())),
                Entry::Statement(value) => Entry::Statement(build(value, otherwise.clone())),
                Entry::Unknown => Entry::Unknown,
            },
            (false, false) => {
                match (expanded(then)?, expanded(otherwise)?) {
                    (Entry::Managed(a), Entry::Managed(b)) => Entry::Managed(build(a, b)),
                    (Entry::Statement(a), Entry::Statement(b)) => Entry::Statement(build(a, b)),
                    _ => {
                        return Err("Different policy types within the same Fn::If statement is unsupported. Separate \
                                different policy types into different Fn::If statements"
                        .into());
                    }
                }
            }
        });
    }
    if is_intrinsic(entry) {
        return Ok(Entry::Managed(entry.clone()));
    }
    let Some(members) = entry.as_object() else { return Ok(Entry::Unknown) };
    if members.contains_key("Statement") {
        return Ok(Entry::Statement(entry.clone()));
    }
    match members.iter().next().filter(|_| members.len() == 1) {
        Some((name, parameters)) => Ok(template(name, parameters)?.map_or(Entry::Unknown, Entry::Statement)),
        None => Ok(Entry::Unknown),
    }
}

fn each_branch(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match value.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice) {
        Some([condition, then, otherwise]) => {
            let branch = |value: &Value| if *value == no_value() { value.clone() } else { change(value) };
            json!({ "Fn::If": [condition, branch(then), branch(otherwise)] })
        }
        _ => change(value),
    }
}

/// A policy template's document. None if there is no such template.
fn template(name: &str, values: &Value) -> Result<Option<Value>, String> {
    let mut lines = TEMPLATES
        .lines()
        .skip_while(|line| line.split_whitespace().next() != Some(name) || line.starts_with(' '));
    let Some(head) = lines.next() else { return Ok(None) };
    let parameters: Vec<&str> = head.split_whitespace().skip(1).collect();
    let Some(values) = values.as_object() else {
        return Err(format!("Must specify valid parameter values for policy template '{name}'"));
    };
    let missing: Vec<&str> = parameters.iter().copied().filter(|name| !values.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(format!(
            "Following required parameters of template '{name}' don't have values: ['{}']",
            missing.join("', '")
        ));
    }
    let resource = |text: &str| arn(text, &parameters, values);
    let (mut statements, mut actions, mut single, mut condition) = (Vec::new(), Vec::new(), false, None);
    let mut service = "";
    for line in lines.take_while(|line| line.starts_with(' ')) {
        let line = line.trim();
        if let Some(targets) = line.strip_prefix("-> ") {
            let is_list = targets.starts_with("+ ");
            let all: Vec<Value> = targets.trim_start_matches("+ ").split(" | ").map(resource).collect();
            let target = if is_list { Value::Array(all) } else { all.into_iter().next().unwrap_or_default() };
            let action = if single { actions.pop().unwrap_or_default() } else { Value::Array(actions) };
            let mut statement = Map::from_iter([
                ("Effect".to_owned(), json!("Allow")),
                ("Action".to_owned(), action),
                ("Resource".to_owned(), target),
            ]);
            if let Some(condition) = condition.take() {
                statement.insert("Condition".into(), condition);
            }
            statements.push(Value::Object(statement));
            (actions, single) = (Vec::new(), false);
        } else if let Some(rest) = line.strip_prefix("if ") {
            let (left, right) = rest.split_once(" = ").unwrap_or((rest, ""));
            let (operator, key) = left.split_once(' ').unwrap_or((left, ""));
            condition = Some(json!({ operator: { key: resource(right) } }));
        } else {
            let mut words = line.split_whitespace().peekable();
            if let Some(head) = words.peek().filter(|word| word.ends_with(':') || word.ends_with('!')) {
                single = head.ends_with('!');
                service = head.trim_end_matches([':', '!']);
                words.next();
            }
            actions.extend(words.map(|action| Value::from(format!("{service}:{action}"))));
        }
    }
    Ok(Some(json!({ "Statement": statements })))
}

/// A resource of the table, with the template's parameters in it.
fn arn(text: &str, parameters: &[&str], values: &Map<String, Value>) -> Value {
    let full = if let Some((service, rest)) = text.split_once('!') {
        format!("arn:${{AWS::Partition}}:{service}:{rest}")
    } else if let Some((service, rest)) = text.split_once(' ') {
        format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}")
    } else {
        text.to_owned()
    };
    if !full.contains("${") {
        return Value::String(full);
    }
    let mut variables = Map::new();
    for name in full.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
        let parameter = parameters.iter().find(|parameter| parameter.eq_ignore_ascii_case(name));
        if let Some(value) = parameter.and_then(|parameter| values.get(*parameter)) {
            variables.insert(name.to_owned(), value.clone());
        }
    }
    if variables.is_empty() { json!({ "Fn::Sub": full }) } else { json!({ "Fn::Sub": [full, variables] }) }
}
