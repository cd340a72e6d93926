mod errors;
mod extensions;
mod functions;
mod parameters;
mod transforms;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Arguments, Known, Prepared, Pseudo, Template, prepare};

/// A stack whose resources have the physical ids `<id>-id` and any attribute but `Nothing`.
pub(super) struct Stack;

impl Known for Stack {
    fn reference(&self, logical: &str) -> Option<Value> {
        Some(json!(format!("{logical}-id")))
    }

    fn attribute(&self, logical: &str, name: &str) -> Option<Value> {
        match name {
            "Nothing" => None,
            "Number" => Some(json!(7)),
            "List" => Some(json!(["a", "b"])),
            _ => Some(json!(format!("{logical}:{name}"))),
        }
    }

    fn import(&self, export: &str) -> Option<String> {
        (export != "absent").then(|| format!("value of {export}"))
    }
}

pub(super) fn pseudo() -> Pseudo {
    Pseudo {
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        partition: "aws".into(),
        url_suffix: "amazonaws.com".into(),
        stack_name: "shop".into(),
        stack_id: "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1".into(),
        notification_arns: vec!["arn:aws:sns:eu-west-1:123456789012:t".into()],
    }
}

pub(super) fn arguments(given: &[(&str, &str)]) -> Arguments {
    let given: BTreeMap<_, _> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Arguments { given, ..Arguments::default() }
}

pub(super) fn prepared(text: &str, given: &[(&str, &str)]) -> Prepared {
    prepare(&Template::parse(text).unwrap(), &arguments(given), &pseudo()).unwrap()
}

/// What AWS says of a template, whenever it says it.
pub(super) fn refused(text: &str, given: &[(&str, &str)]) -> String {
    let outcome = Template::parse(text).and_then(|template| prepare(&template, &arguments(given), &pseudo()));
    let outcome = outcome.and_then(|prepared| {
        let ids: Vec<String> = prepared.resources().iter().map(|r| r.logical.clone()).collect();
        ids.iter().try_for_each(|id| prepared.properties(id, &Stack).map(|_| ()))?;
        prepared.outputs(&Stack).map(|_| ())
    });
    outcome.unwrap_err().text
}

/// The value of property `V` of resource `R`, in a template with some of everything.
pub(super) fn value(yaml: &str) -> Value {
    let text = template(yaml);
    prepared(&text, &[]).properties("R", &Stack).unwrap()["V"].clone()
}

pub(super) fn template(yaml: &str) -> String {
    format!(
        "Parameters:\n  Text: {{Type: String, Default: hello}}\n  Number: {{Type: Number, Default: 3}}\n  Words: {{Type: \
         CommaDelimitedList, Default: 'a, b,c'}}\n  Env: {{Type: String, Default: prod}}\nMappings:\n  M:\n    prod: {{Size: 5, \
         Zones: [x, y]}}\n    dev: {{Size: 1}}\nConditions:\n  IsProd: !Equals [!Ref Env, prod]\n  IsDev: !Not \
         [!Condition IsProd]\nResources:\n  Q: {{Type: 'AWS::SQS::Queue'}}\n  Off: {{Type: 'AWS::SQS::Queue', Condition: \
         IsDev}}\n  R:\n    Type: AWS::SSM::Parameter\n    Properties:\n      V: {yaml}\n"
    )
}
