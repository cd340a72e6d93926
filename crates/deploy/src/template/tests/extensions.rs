use serde_json::json;

use super::{Stack, arguments, prepared, pseudo, refused};
use crate::template::Template;

#[test]
fn loops_in_loops() {
    let text = "Transform: AWS::LanguageExtensions\nResources:\n  'Fn::ForEach::Top':\n    - Prefix\n    - [Foo, Bar]\n    - 'My${Prefix}':\n        Type: T\n        Properties:\n          Value: !Sub 'my ${Prefix} ${AWS::Region}'\n      'Fn::ForEach::Low':\n        - Suffix\n        - [A, B]\n        - 'My${Prefix}${Suffix}':\n            Type: T\n            Properties:\n              V: !Ref Suffix\n              W: {'Fn::GetAtt': [!Sub 'My${Prefix}', Arn]}\n";
    let prepared = prepared(text, &[]);
    let ids: Vec<&str> = prepared.resources().iter().map(|r| r.logical.as_str()).collect();
    assert_eq!(ids, ["MyFoo", "MyFooA", "MyFooB", "MyBar", "MyBarA", "MyBarB"]);
    assert_eq!(prepared.properties("MyBar", &Stack).unwrap(), json!({"Value": "my Bar eu-west-1"}));
    assert_eq!(prepared.properties("MyBarB", &Stack).unwrap(), json!({"V": "B", "W": "MyBar:Arn"}));
    assert_eq!(prepared.resource("MyBarB").unwrap().depends_on, ["MyBar"]);
    assert!(prepared.template().to_json().get("Transform").is_none());
}

#[test]
fn loops_over_parameters_in_all_sections() {
    let text = "Transform: [AWS::LanguageExtensions]\nParameters: {Names: {Type: CommaDelimitedList, Default: 'a.b,c'}}\n\
                Conditions:\n  'Fn::ForEach::Conditions':\n    - N\n    - !Ref Names\n    - 'Is&{N}': !Equals ['${N}', c]\n\
                Resources:\n  'Fn::ForEach::R':\n    - N\n    - !Ref Names\n    - 'R&{N}':\n        Type: T\n        Properties:\n          'Fn::ForEach::P':\n            - K\n            - [X, Y]\n            - '${K}': '${N}-${K}'\n\
                Outputs:\n  'Fn::ForEach::O':\n    - N\n    - !Ref Names\n    - 'O&{N}': {Value: !GetAtt ['R&{N}', Arn], Condition: 'Is&{N}'}\n";
    let prepared = prepared(text, &[]);
    assert_eq!(prepared.properties("Rab", &Stack).unwrap(), json!({"X": "a.b-X", "Y": "a.b-Y"}));
    let outputs = prepared.outputs(&Stack).unwrap();
    assert_eq!((outputs.len(), outputs[0].name.as_str(), outputs[0].value.as_str()), (1, "Oc", "Rc:Arn"));
}

#[test]
fn lengths_and_json() {
    let text = "Transform: AWS::LanguageExtensions\nParameters: {L: {Type: CommaDelimitedList, Default: 'a,b,c'}}\nResources:\n  Q: {Type: T}\n  R:\n    Type: T\n    DeletionPolicy: !If [IsOn, Retain, Delete]\n    Properties:\n      A: {'Fn::Length': !Ref L}\n      B: {'Fn::Length': [1, 2]}\n      C: {'Fn::ToJsonString': {a: !Ref L, b: [1, true]}}\n      D: {'Fn::ToJsonString': {a: !GetAtt Q.Arn}}\nConditions: {IsOn: !Equals [a, a]}\n";
    let template = Template::parse(text).unwrap();
    let settled = template.settle(&arguments(&[])).unwrap();
    let extended = template.extended(&settled, &pseudo()).unwrap();
    assert_eq!(extended.to_json().pointer("/Resources/R/Properties/A"), Some(&json!(3)));
    let prepared = prepared(text, &[]);
    assert_eq!(
        prepared.properties("R", &Stack).unwrap(),
        json!({"A": 3, "B": 2, "C": "{\"a\":[\"a\",\"b\",\"c\"],\"b\":[1,true]}", "D": "{\"a\":\"Q:Arn\"}"})
    );
    assert_eq!(prepared.resource("R").unwrap().depends_on, ["Q"]);
}

#[test]
fn what_loops_must_not() {
    let with = |yaml: &str| {
        refused(&format!("Transform: AWS::LanguageExtensions\nResources:\n  'Fn::ForEach::X': {yaml}\n"), &[])
    };
    assert!(with("[I, [a]]").contains("must be a list of three"));
    assert!(with("[I, {Ref: Q}, {'R${I}': {Type: T}}]").contains("Unresolved resource dependencies [Q]"));
    assert!(with("[I, x, {'R${I}': {Type: T}}]").contains("is not a list"));
    assert!(with("[I, [a, b], {'R': {Type: T}}]").contains("makes the key R twice"));
    assert!(with("[I, [1, [2]], {'R${I}': {Type: T}}]").contains("must hold strings"));
    // Without the transform a loop is no resource.
    assert!(
        refused("Resources: {'Fn::ForEach::X': [I, [a], {'R${I}': {Type: T}}]}", &[])
            .contains("AWS::LanguageExtensions")
    );
}

#[test]
fn loops_are_bounded() {
    let list: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let list = list.join(",");
    let text = format!(
        "Transform: AWS::LanguageExtensions\nResources:\n  'Fn::ForEach::A':\n    - I\n    - [{list}]\n    - 'Fn::ForEach::B':\n        - J\n        - [{list}]\n        - 'R${{I}}x${{J}}': {{Type: T, Properties: {{A: a, B: b}}}}\n"
    );
    assert!(refused(&text, &[]).contains("too large"));
}
