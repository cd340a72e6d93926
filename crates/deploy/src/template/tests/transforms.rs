use serde_json::json;

use super::{arguments, pseudo};
use crate::template::Template;

#[test]
fn inner_macros_come_first_and_then_the_section_in_order() {
    let text = "Transform: [M1, {Name: M2, Parameters: {A: !Ref P}}, AWS::LanguageExtensions]\nParameters: {P: {Type: String, Default: p}}\nResources:\n  R:\n    Type: T\n    Properties:\n      X:\n        a: 1\n        'Fn::Transform': {Name: Inner, Parameters: {B: !Sub '${AWS::Region}'}}\n";
    let template = Template::parse(text).unwrap();
    assert_eq!(template.declared_transforms(), ["M1", "M2", "AWS::LanguageExtensions"]);
    let settled = template.settle(&arguments(&[])).unwrap();
    let next = |template: &Template| template.next_transform(&settled, &pseudo()).unwrap();
    let inner = next(&template).unwrap();
    assert_eq!((inner.name.as_str(), inner.pointer.as_str()), ("Inner", "/Resources/R/Properties/X"));
    assert_eq!(
        (inner.parameters.clone(), inner.fragment.clone()),
        (json!({"B": "eu-west-1"}), json!({"a": 1}))
    );
    let template = template.transformed(&inner, &json!({"b": 2})).unwrap();
    let first = next(&template).unwrap();
    assert_eq!((first.name.as_str(), first.pointer.as_str()), ("M1", ""));
    assert_eq!(first.fragment.pointer("/Resources/R/Properties/X"), Some(&json!({"b": 2})));
    assert!(first.fragment.get("Transform").is_none());
    let template = template.transformed(&first, &first.fragment).unwrap();
    let second = next(&template).unwrap();
    assert_eq!((second.name.as_str(), &second.parameters), ("M2", &json!({"A": "p"})));
    let template = template.transformed(&second, &second.fragment).unwrap();
    assert!(next(&template).is_none() && template.is_extended() && !template.has_transforms());
}

#[test]
fn what_is_included_joins_what_is_there() {
    let text = "Resources:\n  'Fn::Transform': {Name: AWS::Include, Parameters: {Location: 's3://b/k'}}\n  R: {Type: T}\n";
    let template = Template::parse(text).unwrap();
    let include = template.next_transform(&[], &pseudo()).unwrap().unwrap();
    assert_eq!(
        (include.pointer.as_str(), include.parameters["Location"].as_str()),
        ("/Resources", Some("s3://b/k"))
    );
    let template = template.transformed(&include, &json!({"S": {"Type": "U"}})).unwrap();
    let ids: Vec<&str> = template.resources().map(|r| r.logical).collect();
    assert_eq!(ids, ["R", "S"]);
    assert!(!template.has_transforms());
}

#[test]
fn capabilities() {
    let of = |yaml: &str| {
        let capabilities = Template::parse(yaml).unwrap().capabilities();
        (capabilities.needed, capabilities.reason)
    };
    assert_eq!(of("Resources: {R: {Type: 'AWS::SQS::Queue'}}"), (vec![], String::new()));
    assert_eq!(
        of(
            "Resources: {R: {Type: 'AWS::IAM::Role'}, S: {Type: 'AWS::IAM::Policy', Properties: {PolicyName: x}}}"
        ),
        (
            vec!["CAPABILITY_IAM"],
            "The following resource(s) require capabilities: [AWS::IAM::Policy, AWS::IAM::Role]".into()
        )
    );
    assert_eq!(
        of("Resources: {R: {Type: 'AWS::IAM::Role', Properties: {RoleName: x}}}").0,
        ["CAPABILITY_NAMED_IAM"]
    );
    assert_eq!(of("Transform: M\nResources: {R: {Type: T}}").0, ["CAPABILITY_AUTO_EXPAND"]);
}
