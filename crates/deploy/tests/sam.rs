//! What the transform makes, compared with what the public translator made of the same templates: `tools/sam-oracle.sh`
//! records that.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

use std::fs;
use std::path::Path;

use moln_deploy::sam;
use moln_deploy::template::{Arguments, Pseudo, Template};
use serde_json::Value;

fn pseudo() -> Pseudo {
    Pseudo { region: "eu-west-1".into(), partition: "aws".into(), ..Pseudo::default() }
}

fn expanded(text: &str) -> Result<Value, String> {
    let template = Template::parse(text).unwrap();
    let settled = template.settle(&Arguments::default()).unwrap();
    sam::expand(&template.to_json(), &settled, &pseudo()).map_err(|problem| problem.text)
}

/// The hash of a deployment is our own: both are written as the same text. The order of tags is that of a mapping, and
/// which of a bucket's dependencies stands first is chance in the translator.
fn comparable(mut value: Value) -> Value {
    let mut text = value.to_string();
    for (id, resource) in value["Resources"].as_object().unwrap() {
        if resource["Type"] == "AWS::ApiGateway::Deployment" {
            let digest = resource["Properties"]["Description"].as_str().unwrap().rsplit(' ').next().unwrap();
            assert!(id.ends_with(&digest[..10]) && digest.len() == 40, "{id} {digest}");
            text = text.replace(digest, "HASH").replace(&digest[..10], "HASH");
        }
    }
    value = serde_json::from_str(&text).unwrap();
    for resource in value["Resources"].as_object_mut().unwrap().values_mut() {
        for pointer in ["/DependsOn", "/Properties/Body/tags", "/Properties/Tags"] {
            if let Some(all) = resource.pointer_mut(pointer).and_then(Value::as_array_mut) {
                all.sort_by_key(Value::to_string);
            }
        }
    }
    value
}

/// Where two values differ, one line for each place.
fn differences(path: &str, ours: &Value, theirs: &Value, out: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                match a.get(key) {
                    Some(own) => differences(&format!("{path}/{key}"), own, value, out),
                    None => out.push(format!("{path}/{key}: missing, wanted {value}")),
                }
            }
            for key in a.keys().filter(|key| !b.contains_key(*key)) {
                out.push(format!("{path}/{key}: too much: {}", a[key]));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{index}"), a, b, out);
            }
        }
        _ if ours == theirs => {}
        _ => out.push(format!("{path}: {ours}, wanted {theirs}")),
    }
}

fn compare(name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sam");
    let text = fs::read_to_string(dir.join(format!("{name}.yaml"))).unwrap();
    let recorded = fs::read_to_string(dir.join(format!("{name}.json"))).unwrap();
    let theirs = comparable(serde_json::from_str(&recorded).unwrap());
    let ours = comparable(expanded(&text).unwrap());
    let mut out = Vec::new();
    differences("", &ours, &theirs, &mut out);
    assert!(out.is_empty(), "{} differences:\n{}", out.len(), out.join("\n"));
}

#[test]
fn functions() {
    compare("functions");
}

#[test]
fn events() {
    compare("events");
}

#[test]
fn rest_apis() {
    compare("rest");
}

#[test]
fn http_apis() {
    compare("http");
}

#[test]
fn state_machines() {
    compare("machine");
}

/// The answer of the transform to one function with these properties.
fn refused(resources: &str) -> String {
    expanded(&format!("Transform: AWS::Serverless-2016-10-31\nResources:\n{resources}")).unwrap_err()
}

#[test]
fn what_is_wrong_is_said_in_the_translators_words() {
    let function = |more: &str| {
        let plain = "Runtime: r, Handler: h, CodeUri: 's3://b/k'";
        refused(&format!("  F: {{Type: 'AWS::Serverless::Function', Properties: {{{plain}, {more}}}}}\n"))
    };
    let prefix = "Invalid Serverless Application Specification document. Number of errors found: 1. Resource with id [F] is \
                  invalid. ";
    for (more, said) in [
        (
            "Policies: [{DynamoDBCrudPolicy: {}}]",
            "Following required parameters of template 'DynamoDBCrudPolicy' don't have values: ['TableName']",
        ),
        ("Policies: [{NoSuchPolicy: {}}]", "Policy at index 0 in the 'Policies' property is not valid"),
        ("Foo: 1", "property Foo not defined for resource of type AWS::Serverless::Function"),
        (
            "DeadLetterQueue: {Type: SQS}",
            "'DeadLetterQueue' requires Type and TargetArn properties to be specified.",
        ),
        (
            "AutoPublishAlias: '1'",
            "AutoPublishAlias name ('1') must contain only alphanumeric characters, hyphens, or underscores matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.",
        ),
        (
            "Events: {E: {Type: S3, Properties: {Bucket: b, Events: x}}}",
            "Event with id [E] is invalid. S3 events must reference an S3 bucket in the same template.",
        ),
    ] {
        assert_eq!(function(more), format!("{prefix}{said}"));
    }
    assert!(
        function("DeploymentPreference: {}")
            .contains("DeploymentPreference of AWS::Serverless::Function is not built here")
    );
    assert!(function("Events: {E: {Type: IoTRule}}").contains("events of type 'IoTRule' are not built"));
    assert!(
        refused("  A: {Type: 'AWS::Serverless::Application'}\n")
            .contains("AWS::Serverless::Application are not built")
    );
    assert!(refused("  L: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: ./x}}\n")
        .ends_with("'ContentUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter."));
    let two = refused("  A: {Type: 'AWS::Serverless::Api'}\n  B: {Type: 'AWS::Serverless::Api'}\n");
    assert!(two.contains("errors found: 2. Resource with id [A] is invalid. Missing required property 'StageName'. Resource with id [B]"));
    assert!(
        expanded(
            "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Role: x}}\nResources: {R: {Type: T}}"
        )
        .unwrap_err()
        .contains("'Role' is not a supported property of 'Function'.")
    );
}

/// What the translator makes of a condition on both a function and its destination, `CloudFormation` refuses: here it is good.
#[test]
fn conditions_of_functions_and_destinations_are_combined() {
    let text = "Transform: AWS::Serverless-2016-10-31\nConditions: {C: !Equals [a, a], D: !Equals [a, b]}\nResources:\n  Q: {Type: 'AWS::SQS::Queue'}\n  F:\n    Type: AWS::Serverless::Function\n    Condition: C\n    Properties:\n      {Runtime: r, Handler: h, CodeUri: 's3://b/k', EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS, Destination: !If [D, !Ref 'AWS::NoValue', !GetAtt Q.Arn]}}}}\n";
    let template = expanded(text).unwrap();
    let name =
        template["Resources"]["FEventInvokeConfigOnFailureQueue"]["Condition"].as_str().unwrap().to_owned();
    assert_eq!(
        template["Conditions"][&name],
        serde_json::json!({"Fn::And": [{"Condition": "C"}, {"Condition": "D"}]})
    );
    Template::processed(&template).unwrap().validate().unwrap();
}
