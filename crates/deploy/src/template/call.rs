//! Which nodes are calls of intrinsic functions, and with what. What is wrong with a call is said in AWS's words.

use std::borrow::Cow;

use crate::document::{Mapping, Node, Problem, Value};

/// A call of an intrinsic function.
#[derive(Debug)]
pub(super) enum Call<'a> {
    And(&'a [Node]),
    Base64(&'a Node),
    Cidr { block: &'a Node, count: &'a Node, bits: Option<&'a Node> },
    Contains(&'a Node, &'a Node),
    EachMemberEquals(&'a Node, &'a Node),
    EachMemberIn(&'a Node, &'a Node),
    Equals(&'a Node, &'a Node),
    FindInMap { map: &'a Node, first: &'a Node, second: &'a Node, default: Option<&'a Node> },
    GetAtt { resource: Cow<'a, Node>, attribute: Cow<'a, Node> },
    GetAzs(&'a Node),
    If { condition: &'a str, then: &'a Node, otherwise: &'a Node },
    ImportValue(&'a Node),
    Join { delimiter: &'a str, list: &'a Node },
    Length(&'a Node),
    Not(&'a Node),
    Or(&'a [Node]),
    Ref(&'a str),
    RefAll(&'a str),
    Select { index: &'a Node, list: &'a Node },
    Split { delimiter: &'a str, text: &'a Node },
    Sub { parts: Vec<Part<'a>>, variables: Option<&'a Mapping> },
    ToJsonString(&'a Node),
    Transform,
}

/// A piece of a `Fn::Sub` text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// As it is; `${!x}` is the text `${x}`.
    Text(Cow<'a, str>),
    /// What is between `${` and `}`.
    Variable(&'a str),
}

const SUB_ARGUMENTS: &str = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. \
                             Specify a string as first argument, and an optional second argument to specify a mapping \
                             of values to replace in the string";
const GET_ATT: &str = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and \
                       the resource attribute";
const JOIN: &str = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list \
                    of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
const SPLIT: &str = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a \
                     string to be split or a function that returns a string to be split.";
const CIDR: &str = "Template error: every Fn::Cidr object requires two or three parameters, the IP address block, the \
                    number of CIDRs to generate and the number of subnet bits";
const SELECT: &str =
    "Template error: Fn::Select requires a list argument with two elements: an integer index and a list";
const FIND_IN_MAP: &str = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key \
                           and the attribute for return value";

/// Whether a key is that of a function.
pub(super) fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

/// The call that a node is, if it is one.
///
/// # Errors
/// A function that there is not, or wrong arguments, in AWS's words.
pub(super) fn call(node: &Node) -> Option<Result<Call<'_>, Problem>> {
    let mapping = node.as_mapping()?;
    let Some(entry) = mapping.only() else {
        let stray = mapping.iter().find(|e| is_function(&e.key) && e.key != "Ref")?;
        if stray.key == "Fn::Transform" || stray.key.starts_with("Fn::ForEach::") {
            return None;
        }
        let text = format!(
            "Template format error: {} stands beside other keys: a function must be the only key of its object",
            stray.key
        );
        return Some(Err(Problem::at(&stray.value, text).code("template")));
    };
    if !is_function(&entry.key) || entry.key.starts_with("Fn::ForEach::") {
        return None;
    }
    Some(read(&entry.key, &entry.value).map_err(|text| Problem::at(node, text).code("template")))
}

/// `{"Condition": "Name"}`, which is a call only where conditions are.
pub(super) fn condition_name(node: &Node) -> Option<&str> {
    let entry = node.as_mapping()?.only()?;
    (entry.key == "Condition").then(|| entry.value.as_str())?
}

fn read<'a>(name: &str, argument: &'a Node) -> Result<Call<'a>, String> {
    let list = argument.as_sequence();
    Ok(match (name, list) {
        ("Ref", _) => Call::Ref(match argument.as_str() {
            Some(name) if !name.is_empty() => name,
            _ => return Err("Template error: every Ref object must have a single String value.".into()),
        }),
        ("Fn::GetAtt", _) => get_att(argument)?,
        ("Fn::Sub", Some([text, variables])) => match (text.as_str(), variables.as_mapping()) {
            (Some(text), Some(variables)) => Call::Sub { parts: parts(text)?, variables: Some(variables) },
            _ => return Err(SUB_ARGUMENTS.into()),
        },
        ("Fn::Sub", Some([text])) if text.as_str().is_some() => {
            Call::Sub { parts: parts(text.as_str().unwrap_or_default())?, variables: None }
        }
        ("Fn::Sub", _) => match argument.as_str() {
            Some(text) => Call::Sub { parts: parts(text)?, variables: None },
            None => return Err(SUB_ARGUMENTS.into()),
        },
        ("Fn::Join", Some([delimiter, list])) if delimiter.as_str().is_some() && may_be_list(list) => {
            Call::Join { delimiter: delimiter.as_str().unwrap_or_default(), list }
        }
        ("Fn::Join", _) => return Err(JOIN.into()),
        ("Fn::Select", Some([index, list])) if may_be_list(list) => Call::Select { index, list },
        ("Fn::Select", _) => return Err(SELECT.into()),
        ("Fn::Split", Some([delimiter, text])) if delimiter.as_str().is_some_and(|d| !d.is_empty()) => {
            Call::Split { delimiter: delimiter.as_str().unwrap_or_default(), text }
        }
        ("Fn::Split", _) => return Err(SPLIT.into()),
        ("Fn::FindInMap", Some([map, first, second])) => {
            Call::FindInMap { map, first, second, default: None }
        }
        ("Fn::FindInMap", Some([map, first, second, more])) if more.get("DefaultValue").is_some() => {
            Call::FindInMap { map, first, second, default: more.get("DefaultValue") }
        }
        ("Fn::FindInMap", _) => return Err(FIND_IN_MAP.into()),
        ("Fn::If", Some([condition, then, otherwise])) if condition.as_str().is_some() => {
            Call::If { condition: condition.as_str().unwrap_or_default(), then, otherwise }
        }
        ("Fn::If", _) => {
            return Err(
                "Template error: Fn::If requires a list argument with the first element being a condition"
                    .into(),
            );
        }
        ("Fn::Base64", _) => Call::Base64(argument),
        ("Fn::GetAZs", _) => Call::GetAzs(argument),
        ("Fn::Cidr", Some([block, count])) => Call::Cidr { block, count, bits: None },
        ("Fn::Cidr", Some([block, count, bits])) => Call::Cidr { block, count, bits: Some(bits) },
        ("Fn::Cidr", _) => return Err(CIDR.into()),
        ("Fn::ImportValue", _) => Call::ImportValue(argument),
        ("Fn::Length", _) => Call::Length(argument),
        ("Fn::ToJsonString", _) => Call::ToJsonString(argument),
        ("Fn::Transform", _) => Call::Transform,
        _ => return logic(name, argument),
    })
}

/// The functions of conditions and rules.
fn logic<'a>(name: &str, argument: &'a Node) -> Result<Call<'a>, String> {
    let operands = |list: &'a [Node]| (2..=super::limits::OPERANDS).contains(&list.len()).then_some(list);
    let list = argument.as_sequence();
    Ok(match (name, list) {
        ("Fn::And" | "Fn::Or", list) => match list.and_then(operands) {
            Some(list) if name == "Fn::And" => Call::And(list),
            Some(list) => Call::Or(list),
            None => {
                return Err(format!(
                    "Template error: every {name} object requires a list of at least 2 and at most 10 boolean parameters."
                ));
            }
        },
        ("Fn::Not", Some([operand])) => Call::Not(operand),
        ("Fn::Not", _) => {
            return Err("Template error: every Fn::Not object requires one boolean parameter.".into());
        }
        ("Fn::Equals", Some([a, b])) => Call::Equals(a, b),
        ("Fn::Equals", _) => {
            return Err(
                "Template error: every Fn::Equals object requires a list of 2 string parameters.".into()
            );
        }
        ("Fn::Contains", Some([a, b])) => Call::Contains(a, b),
        ("Fn::EachMemberEquals", Some([a, b])) => Call::EachMemberEquals(a, b),
        ("Fn::EachMemberIn", Some([a, b])) => Call::EachMemberIn(a, b),
        ("Fn::Contains" | "Fn::EachMemberEquals" | "Fn::EachMemberIn", _) => {
            return Err(format!("Template error: every {name} object requires a list of 2 parameters."));
        }
        ("Fn::RefAll", _) => Call::RefAll(
            argument
                .as_str()
                .ok_or("Template error: every Fn::RefAll object must have a single String value.")?,
        ),
        _ => {
            return Err(format!(
                "Template error: Encountered unsupported function: {name} Supported functions are: [Fn::Base64, \
                 Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, \
                 Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, \
                 Fn::RefAll, Fn::Sub, Fn::Cidr]"
            ));
        }
    })
}

/// A list, or a function that may give one.
fn may_be_list(node: &Node) -> bool {
    matches!(node.value, Value::Sequence(_))
        || node.as_mapping().and_then(Mapping::only).is_some_and(|e| is_function(&e.key))
}

fn get_att(argument: &Node) -> Result<Call<'_>, String> {
    let filled = |node: &Node| node.as_str().is_none_or(|text| !text.is_empty()) && !node.is_null();
    match (&argument.value, argument.as_sequence()) {
        (Value::String(text), _) => match text.split_once('.') {
            Some((resource, attribute)) if !resource.is_empty() && !attribute.is_empty() => {
                Ok(Call::GetAtt {
                    resource: Cow::Owned(Node::string(argument.place, resource)),
                    attribute: Cow::Owned(Node::string(argument.place, attribute)),
                })
            }
            _ => Err(GET_ATT.into()),
        },
        (_, Some([resource, attribute])) if filled(resource) && filled(attribute) => {
            Ok(Call::GetAtt { resource: Cow::Borrowed(resource), attribute: Cow::Borrowed(attribute) })
        }
        _ => Err(GET_ATT.into()),
    }
}

/// The pieces of a `Fn::Sub` text. A `${` that is not closed is text.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inner, behind)) = after.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        if let Some(literal) = inner.strip_prefix('!') {
            parts.push(Part::Text(format!("${{{literal}}}").into()));
        } else if !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || "_.:".contains(c)) {
            parts.push(Part::Variable(inner));
        } else {
            return Err("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, \
                        underscores, periods, and colons"
                .into());
        }
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}
