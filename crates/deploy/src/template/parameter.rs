//! Parameters of templates: types, constraints, values.

use std::collections::BTreeMap;

use serde_json::Value;

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
