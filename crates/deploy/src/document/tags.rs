//! Short tags, written out long.

use super::{Dialect, Node, Place, Value, scalar};

/// The functions that have a short form, which is `!Name` for `Fn::Name`. `Ref` and `Condition` are their own long form.
const FUNCTIONS: [&str; 21] = [
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "RefAll",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
];

/// More of them: those whose place is in a template only.
const RARE: [&str; 3] = ["Transform", "ValueOf", "ValueOfAll"];

/// The long form of a short tag's name, if it is one: `Sub` is `Fn::Sub`.
pub(super) fn long(name: &str) -> Option<String> {
    match name {
        "Ref" | "Condition" => Some(name.to_owned()),
        _ if FUNCTIONS.contains(&name) || RARE.contains(&name) => Some(format!("Fn::{name}")),
        _ => None,
    }
}

/// `{"Fn::Name": value}`; the attribute of `!GetAtt Resource.Attribute` becomes a list's second element.
pub(super) fn write_out(place: Place, key: &str, value: Node) -> Node {
    let value = match (&value.value, key) {
        (Value::String(text), "Fn::GetAtt") => match text.split_once('.') {
            Some((resource, attribute)) => {
                let parts = vec![Node::string(value.place, resource), Node::string(value.place, attribute)];
                Node::new(value.place, Value::Sequence(parts))
            }
            None => value,
        },
        _ => value,
    };
    Node::tagged(place, key, value)
}

/// A scalar with one of YAML's own tags (`!!str 1`). None if the tag is not understood, or the text not of its type.
pub(super) fn core(name: &str, text: &str, dialect: Dialect) -> Option<Value> {
    let value = scalar::resolve(text, dialect);
    match (name, &value) {
        ("str", _) => Some(Value::String(text.to_owned())),
        ("int" | "float", Value::Number(_)) | ("bool", Value::Bool(_)) | ("null", Value::Null) => Some(value),
        _ => None,
    }
}
