use serde_json::json;

use super::{arguments, prepared, refused};
use crate::template::Template;

fn template(declaration: &str) -> String {
    format!("Parameters: {{P: {declaration}}}\nResources: {{R: {{Type: T, Properties: {{V: !Ref P}}}}}}\n")
}

fn said(declaration: &str, value: &str) -> String {
    refused(&template(declaration), &[("P", value)])
}

#[test]
fn values_must_satisfy() {
    for (declaration, good, bad, expected) in [
        ("{Type: String, AllowedValues: [a, 1]}", "1", "b", "Parameter 'P' must be one of AllowedValues"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "ab", "ab1", "Parameter 'P' must match pattern [a-z]+"),
        (
            "{Type: String, AllowedPattern: '^(?=.*[0-9])[a-z0-9]+$'}",
            "ab1",
            "ab",
            "Parameter 'P' must match pattern ^(?=.*[0-9])[a-z0-9]+$",
        ),
        ("{Type: String, MinLength: 2}", "ab", "a", "Parameter 'P' must contain at least 2 characters"),
        ("{Type: String, MaxLength: '2'}", "ab", "abc", "Parameter 'P' must contain at most 2 characters"),
        ("{Type: Number, MinValue: 2}", "2", "1.5", "Parameter 'P' must be a number not less than 2"),
        ("{Type: Number, MaxValue: 2}", "2", "3", "Parameter 'P' must be a number not greater than 2"),
        ("{Type: Number}", "1e3", "x", "Parameter 'P' must be a number"),
        ("{Type: List<Number>}", "1, 2", "1,x", "Parameter 'P' must be a number"),
        (
            "{Type: CommaDelimitedList, AllowedValues: [a, b]}",
            "a,b",
            "a,c",
            "Parameter 'P' must be one of AllowedValues",
        ),
        (
            "{Type: String, MinLength: 2, ConstraintDescription: be long}",
            "ab",
            "a",
            "Parameter 'P' failed to satisfy constraint: be long",
        ),
    ] {
        prepared(&template(declaration), &[("P", good)]);
        assert_eq!(said(declaration, bad), expected);
    }
    assert!(said("{Type: String}", &"x".repeat(4097)).contains("4096 bytes"));
    assert_eq!(refused(&template("{Type: Number, Default: x}"), &[]), "Parameter 'P' must be a number");
}

#[test]
fn declarations_must_be_good() {
    for (declaration, expected) in [
        ("{Type: Text}", "Template format error: Unrecognized parameter type: Text"),
        (
            "{Type: 'List<List<Number>>'}",
            "Template format error: Unrecognized parameter type: List<List<Number>>",
        ),
        (
            "{Default: a}",
            "Template format error: [/Parameters/P] Every Parameters object must contain a Type member.",
        ),
        ("{Type: String, Defualt: a}", "Invalid template parameter property 'Defualt'"),
        ("{Type: String, Default: [a]}", "Template format error: Every Default member must be a string."),
    ] {
        assert_eq!(refused(&template(declaration), &[]), expected);
    }
    for kind in [
        "String",
        "Number",
        "List<Number>",
        "CommaDelimitedList",
        "AWS::EC2::VPC::Id",
        "List<AWS::EC2::Subnet::Id>",
        "AWS::SSM::Parameter::Name",
        "AWS::SSM::Parameter::Value<String>",
        "AWS::SSM::Parameter::Value<List<String>>",
        "AWS::SSM::Parameter::Value<CommaDelimitedList>",
        "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
    ] {
        Template::parse(&template(&format!("{{Type: '{kind}'}}"))).unwrap();
    }
}

#[test]
fn all_must_have_values_and_none_may_be_strange() {
    let text = "Parameters: {A: {Type: String}, B: {Type: String, Default: ''}, C: {Type: String}}\nResources: {R: {Type: T}}\n";
    assert_eq!(refused(text, &[]), "Parameters: [A, C] must have values");
    assert_eq!(
        refused(text, &[("A", ""), ("C", "c"), ("X", "x"), ("Y", "")]),
        "Parameters: [X, Y] do not exist in the template"
    );
    prepared(text, &[("A", ""), ("C", "c")]);
}

#[test]
fn values_of_ssm_parameters() {
    let template =
        Template::parse(&template("{Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /net/ids}"))
            .unwrap();
    assert!(template.parameters()[0].is_ssm() && template.parameters()[0].is_list());
    let mut arguments = arguments(&[]);
    arguments.resolved.insert("P".into(), "x,y".into());
    let settled = template.settle(&arguments).unwrap();
    assert_eq!((settled[0].text.as_str(), settled[0].resolved.as_deref()), ("/net/ids", Some("x,y")));
    assert_eq!(settled[0].value, json!(["x", "y"]));
}

#[test]
fn secrets_are_marked() {
    let declared = |no_echo: &str| {
        let template =
            Template::parse(&template(&format!("{{Type: String, Default: s, NoEcho: {no_echo}}}"))).unwrap();
        template.settle(&arguments(&[])).unwrap()[0].no_echo
    };
    assert!(declared("true") && declared("'true'") && !declared("false"));
}

#[test]
fn rules() {
    let text = "Parameters: {Env: {Type: String}, Size: {Type: String, Default: s}, L: {Type: CommaDelimitedList, Default: 'a,a'}}\n\
                Rules:\n  \
                Prod:\n    RuleCondition: !Equals [!Ref Env, prod]\n    Assertions:\n      \
                - {Assert: !Contains [[l, xl], !Ref Size], AssertDescription: prod wants large}\n  \
                All:\n    Assertions:\n      \
                - Assert: !EachMemberEquals [!Ref L, a]\n      \
                - Assert: !EachMemberIn [!Ref L, [a, b]]\n      \
                - Assert: !Not [!Contains [!RefAll String, nothing]]\n\
                Resources: {R: {Type: T}}\n";
    prepared(text, &[("Env", "dev")]);
    prepared(text, &[("Env", "prod"), ("Size", "xl")]);
    assert!(refused(text, &[("Env", "prod")]).ends_with("rule Prod does not hold: prod wants large"));
    assert!(refused(text, &[("Env", "dev"), ("L", "a,b")]).contains("rule All does not hold"));
    assert!(refused(text, &[("Env", "nothing")]).contains("rule All does not hold"));
}

#[test]
fn the_rule_of_cdk() {
    let text = "Parameters: {BootstrapVersion: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /v}}\n\
                Rules: {Check: {Assertions: [{Assert: {'Fn::Not': [{'Fn::Contains': [['1', '2'], {Ref: BootstrapVersion}]}]}, AssertDescription: bootstrap}]}}\n\
                Resources: {R: {Type: T}}\n";
    let template = Template::parse(text).unwrap();
    let mut arguments = arguments(&[]);
    arguments.resolved.insert("BootstrapVersion".into(), "2".into());
    assert!(super::prepare(&template, &arguments, &super::pseudo()).unwrap_err().text.contains("bootstrap"));
    arguments.resolved.insert("BootstrapVersion".into(), "21".into());
    super::prepare(&template, &arguments, &super::pseudo()).unwrap();
}
