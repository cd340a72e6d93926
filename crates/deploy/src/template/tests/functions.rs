use serde_json::{Value, json};

use super::{Stack, prepared, refused, template, value};

#[test]
fn references() {
    assert_eq!(value("!Ref Text"), json!("hello"));
    assert_eq!(value("!Ref Number"), json!("3"));
    assert_eq!(value("!Ref Words"), json!(["a", "b", "c"]));
    assert_eq!(value("!Ref Q"), json!("Q-id"));
    assert_eq!(value("!GetAtt Q.Arn"), json!("Q:Arn"));
    assert_eq!(value("!GetAtt Q.Endpoint.Address"), json!("Q:Endpoint.Address"));
    assert_eq!(value("{'Fn::GetAtt': Q.Arn}"), json!("Q:Arn"));
    assert_eq!(value("!GetAtt [Q, !Ref Text]"), json!("Q:hello"));
}

#[test]
fn pseudo_parameters() {
    assert_eq!(value("!Ref AWS::AccountId"), json!("123456789012"));
    assert_eq!(value("!Ref AWS::Region"), json!("eu-west-1"));
    assert_eq!(value("!Ref AWS::Partition"), json!("aws"));
    assert_eq!(value("!Ref AWS::URLSuffix"), json!("amazonaws.com"));
    assert_eq!(value("!Ref AWS::StackName"), json!("shop"));
    assert_eq!(
        value("!Ref AWS::StackId"),
        json!("arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1")
    );
    assert_eq!(value("!Ref AWS::NotificationARNs"), json!(["arn:aws:sns:eu-west-1:123456789012:t"]));
}

#[test]
fn no_value_removes_what_holds_it() {
    assert_eq!(value("{a: !Ref AWS::NoValue, b: [1, !Ref AWS::NoValue, 2]}"), json!({"b": [1, 2]}));
    assert_eq!(value("!If [IsDev, x, !Ref AWS::NoValue]"), Value::Null);
}

#[test]
fn sub() {
    assert_eq!(value("!Sub '${Text}-${Number}-${AWS::Region}'"), json!("hello-3-eu-west-1"));
    assert_eq!(value("!Sub '${Q}/${Q.Arn}/${Q.A.B}/${Q.Number}'"), json!("Q-id/Q:Arn/Q:A.B/7"));
    assert_eq!(value("!Sub ['${Text}-${x}-${!Text}', {x: !Ref Env, Text: own}]"), json!("own-prod-${Text}"));
    assert_eq!(value("!Sub '$Text {Text} ${'"), json!("$Text {Text} ${"));
    assert_eq!(value("!Sub ['${n}', {n: 5}]"), json!("5"));
}

#[test]
fn join_split_select() {
    assert_eq!(value("!Join ['-', [a, 1, true, !Ref Text]]"), json!("a-1-true-hello"));
    assert_eq!(value("!Join ['', !Ref Words]"), json!("abc"));
    assert_eq!(value("!Join [',', []]"), json!(""));
    assert_eq!(value("!Split ['.', a.b.]"), json!(["a", "b", ""]));
    assert_eq!(value("!Select [1, !Split ['-', !Ref AWS::Region]]"), json!("west"));
    assert_eq!(value("!Select ['2', !Ref Words]"), json!("c"));
    assert_eq!(value("!Select [0, [!If [IsProd, p, d]]]"), json!("p"));
    assert_eq!(value("!Join ['+', !GetAtt Q.List]"), json!("a+b"));
}

#[test]
fn find_in_map() {
    assert_eq!(value("!FindInMap [M, prod, Size]"), json!(5));
    assert_eq!(value("!FindInMap [M, !Ref Env, Zones]"), json!(["x", "y"]));
    assert_eq!(value("!FindInMap [M, gone, Size, {DefaultValue: 9}]"), json!(9));
    assert_eq!(value("!FindInMap [Gone, gone, Size, {DefaultValue: !Ref Text}]"), json!("hello"));
}

#[test]
fn base64_zones_and_networks() {
    assert_eq!(value("{'Fn::Base64': !Ref Text}"), json!("aGVsbG8="));
    assert_eq!(value("!GetAZs ''"), json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]));
    assert_eq!(value("!GetAZs {Ref: 'AWS::Region'}"), json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]));
    assert_eq!(
        value("!Cidr [192.168.0.0/24, 3, 5]"),
        json!(["192.168.0.0/27", "192.168.0.32/27", "192.168.0.64/27"])
    );
    assert_eq!(value("!Cidr ['2001:db8::/56', 2, 64]"), json!(["2001:db8::/64", "2001:db8:0:1::/64"]));
    assert_eq!(value("!Select [1, !Cidr [10.0.7.9/16, '2', '8']]"), json!("10.0.1.0/24"));
    for (arguments, why) in [
        ("[10.0.0.0/24, 2, 8]", "no room"),
        ("[10.0.0.0/24, 300, 1]", "from 1 to 256"),
        ("[10.0.0.0/24, 1, 9]", "do not fit"),
        ("[10.0.0/24, 1, 2]", "not a CIDR block"),
        ("['::/0', 1, 128]", ""),
    ] {
        let text = template(&format!("!Cidr {arguments}"));
        if why.is_empty() {
            assert_eq!(value(&format!("!Cidr {arguments}")), json!(["::/0"]));
        } else {
            assert!(refused(&text, &[]).contains(why), "{arguments}: {}", refused(&text, &[]));
        }
    }
}

#[test]
fn imports() {
    assert_eq!(value("!ImportValue 'net-Subnet'"), json!("value of net-Subnet"));
    assert_eq!(value("{'Fn::ImportValue': !Sub '${Env}-vpc'}"), json!("value of prod-vpc"));
    assert_eq!(refused(&template("!ImportValue absent"), &[]), "No export named absent found.");
    let prepared =
        prepared(&template("[!ImportValue b, !ImportValue a, !If [IsDev, !ImportValue c, d]]"), &[]);
    assert_eq!(prepared.imports(&Stack).unwrap(), ["a", "b"]);
}

#[test]
fn conditions() {
    let text = "Parameters: {A: {Type: String}, N: {Type: Number, Default: 1}, L: {Type: CommaDelimitedList, Default: 'x,y'}}\n\
                Conditions:\n  \
                Both: !And [!Condition IsA, !Equals [!Ref N, 1]]\n  \
                Either: !Or [!Equals [!Ref A, b], !Equals [true, 'true']]\n  \
                IsA: !Equals [!Ref A, a]\n  \
                NotA: !Not [!Condition IsA]\n  \
                Second: !Equals [!Select [1, !Ref L], y]\n  \
                Joined: !Equals [!Join ['', !Ref L], xy]\n  \
                Subbed: !Equals [!Sub '${A}-${AWS::Region}', a-eu-west-1]\n\
                Resources: {R: {Type: T, Condition: Both}, S: {Type: T, Condition: NotA, DependsOn: R}}\n";
    let holding = |a: &str| {
        let prepared = prepared(text, &[("A", a)]);
        let ids: Vec<_> =
            prepared.resources().iter().map(|r| (r.logical.clone(), r.depends_on.clone())).collect();
        let all: Vec<_> =
            prepared.conditions().iter().filter(|(_, holds)| **holds).map(|(k, _)| k.clone()).collect();
        (all.join(" "), ids)
    };
    assert_eq!(holding("a"), ("Both Either IsA Joined Second Subbed".into(), vec![("R".into(), vec![])]));
    // What depends on a resource that is left out does not wait for it.
    assert_eq!(holding("b"), ("Either Joined NotA Second".into(), vec![("S".into(), vec![])]));
}

#[test]
fn order_of_resources() {
    let text = "Conditions: {IsOn: !Equals [a, a]}\nResources:\n  \
                A: {Type: T, Properties: {X: !GetAtt B.Arn, Y: !Sub '${C}', Z: !Ref AWS::Region}}\n  \
                B: {Type: T, DependsOn: [D], Metadata: {M: !Ref E}}\n  \
                C: {Type: T, Properties: {X: !If [IsOn, !Ref D, !Ref A]}}\n  \
                D: {Type: T}\n  E: {Type: T, DependsOn: D, DeletionPolicy: Retain, UpdateReplacePolicy: Snapshot}\n";
    let prepared = prepared(text, &[]);
    let of = |id: &str| prepared.resource(id).unwrap().depends_on.join(" ");
    assert_eq!([of("A"), of("B"), of("C"), of("D"), of("E")], ["B C", "D E", "D", "", "D"]);
    let e = prepared.resource("E").unwrap();
    assert_eq!((e.deletion_policy.as_str(), e.update_replace_policy.as_str()), ("Retain", "Snapshot"));
    assert_eq!(prepared.resource("D").unwrap().deletion_policy, "Delete");
}

#[test]
fn outputs() {
    let text = "Conditions: {IsOff: !Equals [a, b]}\nResources: {R: {Type: T}}\nOutputs:\n  \
                B: {Value: !Ref R, Description: what, Export: {Name: !Sub '${AWS::StackName}-R'}}\n  \
                A: {Value: !GetAtt R.Number}\n  C: {Value: x, Condition: IsOff}\n";
    let outputs = prepared(text, &[]).outputs(&Stack).unwrap();
    let seen: Vec<_> =
        outputs.iter().map(|o| (o.name.as_str(), o.value.as_str(), o.export.as_deref())).collect();
    assert_eq!(seen, [("B", "R-id", Some("shop-R")), ("A", "7", None)]);
    assert_eq!(outputs[0].description.as_deref(), Some("what"));
}

#[test]
fn dynamic_references_stay_text() {
    assert_eq!(value("'{{resolve:ssm:/a:1}}'"), json!("{{resolve:ssm:/a:1}}"));
    assert_eq!(
        value("!Sub '{{resolve:secretsmanager:${Q}:SecretString:p}}'"),
        json!("{{resolve:secretsmanager:Q-id:SecretString:p}}")
    );
}

#[test]
fn a_policy_condition_is_no_function() {
    assert_eq!(value("{Condition: IsProd}"), json!({"Condition": "IsProd"}));
}
