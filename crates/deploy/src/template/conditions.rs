//! Conditions and rules: what holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::call::{self, Call};
use super::evaluate::{Nothing, Scope, scalar_text};
use super::{Pseudo, Settled, Template};
use crate::document::{Entry, Node, Problem};

/// All conditions of a template.
pub(super) fn evaluate(
    template: &Template,
    settled: &[Settled],
    pseudo: &Pseudo,
) -> Result<BTreeMap<String, bool>, Problem> {
    let mut judge = Judge { template, settled, pseudo, done: BTreeMap::new(), open: Vec::new() };
    for entry in template.section("Conditions") {
        judge.condition(&entry.key, &entry.value)?;
    }
    Ok(judge.done)
}

/// Rules: of each whose condition holds, every assertion must hold.
pub(super) fn check_rules(template: &Template, settled: &[Settled], pseudo: &Pseudo) -> Result<(), Problem> {
    let mut judge = Judge { template, settled, pseudo, done: BTreeMap::new(), open: Vec::new() };
    for Entry { key: name, value: rule, .. } in template.section("Rules") {
        if let Some(condition) = rule.get("RuleCondition")
            && !judge.holds(condition)?
        {
            continue;
        }
        for assertion in rule.get("Assertions").and_then(Node::as_sequence).unwrap_or_default() {
            let Some(assert) = assertion.get("Assert") else {
                let text = format!(
                    "Template format error: Every assertion of rule {name} must contain an Assert member."
                );
                return Err(Problem::at(assertion, text).code("template"));
            };
            if !judge.holds(assert)? {
                let description = assertion.get("AssertDescription").and_then(Node::as_str);
                let text = match description {
                    Some(description) => format!("Template error: rule {name} does not hold: {description}"),
                    None => format!("Template error: rule {name} does not hold"),
                };
                return Err(Problem::at(assert, text).code("template").path(format!("Rules.{name}")));
            }
        }
    }
    Ok(())
}

struct Judge<'a> {
    template: &'a Template,
    settled: &'a [Settled],
    pseudo: &'a Pseudo,
    done: BTreeMap<String, bool>,
    /// The names on the way to what is judged now: one that comes again is a cycle.
    open: Vec<String>,
}

impl Judge<'_> {
    fn condition(&mut self, name: &str, node: &Node) -> Result<bool, Problem> {
        if let Some(&done) = self.done.get(name) {
            return Ok(done);
        }
        if self.open.iter().any(|open| open == name) {
            let text =
                format!("Template error: Found circular condition dependency: [{}]", self.open.join(", "));
            return Err(Problem::at(node, text).code("template"));
        }
        self.open.push(name.to_owned());
        let holds = self.holds(node)?;
        self.open.pop();
        self.done.insert(name.to_owned(), holds);
        Ok(holds)
    }

    fn holds(&mut self, node: &Node) -> Result<bool, Problem> {
        if let Some(name) = call::condition_name(node) {
            let Some(other) = self.template.node().get("Conditions").and_then(|all| all.get(name)) else {
                let text = format!("Template error: unresolved condition dependency {name} in Condition");
                return Err(Problem::at(node, text).code("template"));
            };
            return self.condition(name, other);
        }
        match call::call(node).transpose()? {
            Some(Call::And(all)) => self.count(all).map(|holding| holding == all.len()),
            Some(Call::Or(all)) => self.count(all).map(|holding| holding > 0),
            Some(Call::Not(one)) => self.holds(one).map(|holds| !holds),
            Some(Call::Equals(a, b)) => Ok(same(&self.value(a)?, &self.value(b)?)),
            Some(Call::Contains(list, value)) => {
                let (list, value) = (self.list(list)?, self.value(value)?);
                Ok(list.iter().any(|item| same(item, &value)))
            }
            Some(Call::EachMemberEquals(list, value)) => {
                let (list, value) = (self.list(list)?, self.value(value)?);
                Ok(list.iter().all(|item| same(item, &value)))
            }
            Some(Call::EachMemberIn(list, among)) => {
                let (list, among) = (self.list(list)?, self.list(among)?);
                Ok(list.iter().all(|item| among.iter().any(|other| same(item, other))))
            }
            _ => {
                let text = "Template format error: Conditions can only be boolean operations on parameters and other conditions";
                Err(Problem::at(node, text).code("template"))
            }
        }
    }

    /// How many hold. All are judged, so that what is wrong in any of them is told.
    fn count(&mut self, nodes: &[Node]) -> Result<usize, Problem> {
        nodes.iter().try_fold(0, |count, node| Ok(count + usize::from(self.holds(node)?)))
    }

    fn list(&self, node: &Node) -> Result<Vec<Value>, Problem> {
        match self.value(node)? {
            Value::Array(items) => Ok(items),
            value => Ok(vec![value]),
        }
    }

    fn value(&self, node: &Node) -> Result<Value, Problem> {
        if let Some(Call::RefAll(kind)) = call::call(node).transpose()? {
            let of_kind =
                |name: &str| self.template.parameters().iter().any(|p| p.name == name && p.kind == kind);
            let values = self.settled.iter().filter(|settled| of_kind(&settled.name));
            return Ok(values.map(|settled| settled.value.clone()).collect());
        }
        let scope = Scope {
            template: self.template,
            settled: self.settled,
            pseudo: self.pseudo,
            conditions: &self.done,
            known: &Nothing,
        };
        Ok(scope.value(node)?.unwrap_or(Value::Null))
    }
}

/// Equality of conditions: scalars by their texts, lists by their elements.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => match (scalar_text(a), scalar_text(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}
