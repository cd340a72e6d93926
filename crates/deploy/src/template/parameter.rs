//! Parameters of templates: types, constraints, values.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>.

use std::collections::BTreeMap;

use serde_json::Value;

use super::limits;
use crate::document::{Entry, Node, Problem};

/// A declared parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type as declared: `String`, `CommaDelimitedList`, `AWS::SSM::Parameter::Value<String>`.
    pub kind: String,
    /// The default, as text.
    pub default: Option<String>,
    /// Whether its value is never shown.
    pub no_echo: bool,
    /// `Description`.
    pub description: Option<String>,
    /// What values must satisfy.
    pub constraint: Constraint,
}

/// What a parameter's value must satisfy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraint {
    /// `AllowedValues`, as texts.
    pub allowed_values: Option<Vec<String>>,
    /// `AllowedPattern`: a regular expression for the whole value.
    pub allowed_pattern: Option<String>,
    /// `MinLength`, characters.
    pub min_length: Option<u64>,
    /// `MaxLength`, characters.
    pub max_length: Option<u64>,
    /// `MinValue`.
    pub min_value: Option<f64>,
    /// `MaxValue`.
    pub max_value: Option<f64>,
    /// `ConstraintDescription`: what is said when a value does not satisfy.
    pub description: Option<String>,
}

/// What a caller gives for a template's parameters.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// Values by parameter's name, as the API has them: lists are comma-separated.
    pub given: BTreeMap<String, String>,
    /// Of parameters with a type `AWS::SSM::Parameter::Value<…>`: what the SSM parameter holds, by parameter's name.
    pub resolved: BTreeMap<String, String>,
}

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The parameter's name.
    pub name: String,
    /// The value as the API shows it: given, or the default. Of an SSM type the SSM parameter's name.
    pub text: String,
    /// Of an SSM type: the text that the SSM parameter holds.
    pub resolved: Option<String>,
    /// What `Ref` gives: a string, or a list of strings.
    pub value: Value,
    /// Whether `text` must not be shown (`****` instead).
    pub no_echo: bool,
}

impl Parameter {
    /// Whether its value is the name of an SSM parameter whose value is meant.
    pub fn is_ssm(&self) -> bool {
        self.kind.starts_with("AWS::SSM::Parameter::Value<")
    }

    /// Whether `Ref` gives a list.
    pub fn is_list(&self) -> bool {
        let kind = self.kind.strip_prefix("AWS::SSM::Parameter::Value<").unwrap_or(&self.kind);
        kind.starts_with("List<") || kind.starts_with("CommaDelimitedList")
    }
}

/// What a declaration of a parameter may have.
const MEMBERS: [&str; 11] = [
    "Type",
    "Default",
    "NoEcho",
    "AllowedValues",
    "AllowedPattern",
    "MaxLength",
    "MinLength",
    "MaxValue",
    "MinValue",
    "Description",
    "ConstraintDescription",
];

/// The types of things in AWS that are texts to us.
const THINGS: [&str; 11] = [
    "String",
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::Volume::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
];

fn is_type(kind: &str) -> bool {
    let inner = |prefix: &str| kind.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inner("AWS::SSM::Parameter::Value<") {
        return inner == "CommaDelimitedList"
            || is_type(inner) && inner != "Number" && inner != "List<Number>";
    }
    match inner("List<") {
        Some(inner) => inner == "Number" || THINGS.contains(&inner),
        None => {
            ["Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name"].contains(&kind)
                || THINGS.contains(&kind)
        }
    }
}

/// Reads a parameter's declaration.
pub(super) fn read(entry: &Entry) -> Result<Parameter, Problem> {
    let (name, node) = (&entry.key, &entry.value);
    let wrong =
        |at: &Node, text: String| Problem::at(at, text).code("template").path(format!("Parameters.{name}"));
    let Some(mapping) = node.as_mapping() else {
        return Err(wrong(node, "Template format error: Any Parameters member must be an object.".into()));
    };
    if let Some(stray) = mapping.iter().find(|e| !MEMBERS.contains(&e.key.as_str())) {
        return Err(wrong(&stray.value, format!("Invalid template parameter property '{}'", stray.key)));
    }
    let Some(kind) = node.get("Type").and_then(Node::as_str) else {
        let text = format!(
            "Template format error: [/Parameters/{name}] Every Parameters object must contain a Type member."
        );
        return Err(wrong(node, text));
    };
    if !is_type(kind) {
        return Err(wrong(node, format!("Template format error: Unrecognized parameter type: {kind}")));
    }
    let text = |member: &str| -> Result<Option<String>, Problem> {
        let Some(value) = node.get(member) else { return Ok(None) };
        let text = value.scalar_text();
        text.map(Some).ok_or_else(|| {
            wrong(value, format!("Template format error: Every {member} member must be a string."))
        })
    };
    let number = |member: &str| -> Result<Option<f64>, Problem> {
        let Some(text) = text(member)? else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            wrong(
                node,
                format!("Template format error: Parameter {name}: {member} must be a number, it is '{text}'"),
            )
        });
        number.map(Some)
    };
    let length = |member: &str| -> Result<Option<u64>, Problem> {
        let Some(text) = text(member)? else { return Ok(None) };
        let length = text.parse().map_err(|_| {
            wrong(
                node,
                format!(
                    "Template format error: Parameter {name}: {member} must be a whole number, it is '{text}'"
                ),
            )
        });
        length.map(Some)
    };
    let allowed_values = match node.get("AllowedValues") {
        None => None,
        Some(values) => {
            let texts = values
                .as_sequence()
                .map(|items| items.iter().map(Node::scalar_text).collect::<Option<Vec<_>>>());
            let otherwise = || {
                wrong(
                    values,
                    "Template format error: Every AllowedValues member must be a list of strings.".into(),
                )
            };
            Some(texts.flatten().ok_or_else(otherwise)?)
        }
    };
    Ok(Parameter {
        name: name.clone(),
        kind: kind.to_owned(),
        default: text("Default")?,
        no_echo: text("NoEcho")?.is_some_and(|text| text.eq_ignore_ascii_case("true")),
        description: text("Description")?,
        constraint: Constraint {
            allowed_values,
            allowed_pattern: text("AllowedPattern")?,
            min_length: length("MinLength")?,
            max_length: length("MaxLength")?,
            min_value: number("MinValue")?,
            max_value: number("MaxValue")?,
            description: text("ConstraintDescription")?,
        },
    })
}

/// Gives every parameter its value, and judges it.
pub(super) fn settle(parameters: &[Parameter], arguments: &Arguments) -> Result<Vec<Settled>, Problem> {
    let wrong = |text: String| Problem::new(text).code("template").path("Parameters");
    let unknown: Vec<&str> = arguments.given.keys().map(String::as_str).collect();
    let unknown: Vec<&str> =
        unknown.into_iter().filter(|name| parameters.iter().all(|p| p.name != *name)).collect();
    if !unknown.is_empty() {
        return Err(wrong(format!("Parameters: [{}] do not exist in the template", unknown.join(", "))));
    }
    let value_of =
        |parameter: &Parameter| arguments.given.get(&parameter.name).or(parameter.default.as_ref()).cloned();
    let missing: Vec<&str> =
        parameters.iter().filter(|p| value_of(p).is_none()).map(|p| p.name.as_str()).collect();
    if !missing.is_empty() {
        return Err(wrong(format!("Parameters: [{}] must have values", missing.join(", "))));
    }
    let mut settled = Vec::new();
    for parameter in parameters {
        let text = value_of(parameter).unwrap_or_default();
        parameter.judge(&text).map_err(wrong)?;
        let resolved = arguments.resolved.get(&parameter.name).filter(|_| parameter.is_ssm()).cloned();
        let effective = resolved.as_deref().unwrap_or(&text);
        let value = if parameter.is_list() {
            effective.split(',').map(|item| Value::from(item.trim())).collect()
        } else {
            Value::from(effective)
        };
        let (name, no_echo) = (parameter.name.clone(), parameter.no_echo);
        settled.push(Settled { name, text, resolved, value, no_echo });
    }
    Ok(settled)
}

impl Parameter {
    /// Judges a value, in AWS's words.
    fn judge(&self, text: &str) -> Result<(), String> {
        let name = &self.name;
        if text.len() > limits::PARAMETER_VALUE {
            return Err(format!("Parameter '{name}' must be at most {} bytes long", limits::PARAMETER_VALUE));
        }
        let constraint = &self.constraint;
        let is_number = self.kind == "Number" || self.kind == "List<Number>";
        let items: Vec<&str> = if self.is_list() && !self.is_ssm() {
            text.split(',').map(str::trim).collect()
        } else {
            vec![text]
        };
        let outcome = items.iter().try_for_each(|item| {
            if is_number && item.parse::<f64>().is_err() {
                return Err(format!("Parameter '{name}' must be a number"));
            }
            constraint.judge(name, item, is_number)
        });
        outcome.map_err(|text| match &constraint.description {
            Some(description) => format!("Parameter '{name}' failed to satisfy constraint: {description}"),
            None => text,
        })
    }
}

impl Constraint {
    fn judge(&self, name: &str, item: &str, is_number: bool) -> Result<(), String> {
        if self.allowed_values.as_ref().is_some_and(|allowed| allowed.iter().all(|value| value != item)) {
            return Err(format!("Parameter '{name}' must be one of AllowedValues"));
        }
        if let Some(pattern) = &self.allowed_pattern
            && !matches(pattern, item)
                .map_err(|why| format!("Parameter '{name}' has a pattern that is not valid: {why}"))?
        {
            return Err(format!("Parameter '{name}' must match pattern {pattern}"));
        }
        let length = item.chars().count() as u64;
        if let Some(min) = self.min_length
            && length < min
        {
            return Err(format!("Parameter '{name}' must contain at least {min} characters"));
        }
        if let Some(max) = self.max_length
            && length > max
        {
            return Err(format!("Parameter '{name}' must contain at most {max} characters"));
        }
        let Some(number) = item.parse::<f64>().ok().filter(|_| is_number) else { return Ok(()) };
        match (self.min_value, self.max_value) {
            (Some(min), _) if number < min => {
                Err(format!("Parameter '{name}' must be a number not less than {min}"))
            }
            (_, Some(max)) if number > max => {
                Err(format!("Parameter '{name}' must be a number not greater than {max}"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the whole of a text matches. Patterns are Java's, with look-around; the effort is bounded.
fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    let regex = fancy_regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|why| why.to_string())?;
    regex.is_match(text).map_err(|why| why.to_string())
}
