use super::{refused, template};
use crate::document::Place;
use crate::template::Template;

fn of(yaml: &str) -> String {
    refused(&template(yaml), &[])
}

#[test]
fn shape_of_templates() {
    for (text, said) in [
        ("{}", "Template format error: At least one Resources member must be defined."),
        ("Resources: {}", "Template format error: At least one Resources member must be defined."),
        ("- a", "Template format error: unsupported structure."),
        ("x", "Template format error: unsupported structure."),
        ("Resources: {R: {Type: T}}\nFoo: 1\nBar: 2", "Invalid template property or properties [Foo, Bar]"),
        (
            "AWSTemplateFormatVersion: 2011-01-01\nResources: {R: {Type: T}}",
            "Template format error: unsupported value for AWSTemplateFormatVersion.",
        ),
        (
            "Resources: {Foo: {Properties: {}}}",
            "Template format error: [/Resources/Foo] Every Resources object must contain a Type member.",
        ),
        ("Resources: {R: {Type: T, Propertys: {}}}", "Invalid template resource property 'Propertys'"),
        ("Resources: {R: x}", "Template format error: Any Resources member must be an object."),
        ("Resources: {my-r: {Type: T}}", "Template format error: Resource name my-r is non alphanumeric."),
        (
            "Resources:\n  R:\n    Type: T\n    Properties:\n      A: [1,]\n      B:\n",
            "Template format error: [/Resources/R/Properties/B] 'null' values are not allowed in templates",
        ),
        (
            "Resources: {R: {Type: T, DeletionPolicy: Keep}}",
            "Template format error: Unrecognized DeletionPolicy Keep for resource R",
        ),
        (
            "Resources: {R: {Type: T}}\nOutputs: {O: {Export: {Name: x}}}",
            "Template format error: Every Outputs member must contain a Value object",
        ),
        (
            "Resources: {R: {Type: T}}\nOutputs: {O: {Value: [1]}}",
            "Template format error: The Value field of every Outputs member must evaluate to a String.",
        ),
        (
            "Resources: {R: {Type: T}}\nMappings: {M: {a: {b: {c: d}}}}",
            "Template format error: Every Mappings attribute must be a String or a List.",
        ),
    ] {
        assert_eq!(refused(text, &[]), said, "{text}");
    }
    let many = (0..501).map(|n| format!("  R{n}: {{Type: T}}\n")).collect::<Vec<_>>().concat();
    assert_eq!(
        refused(&format!("Resources:\n{many}"), &[]),
        "Template format error: Number of resources, 501, is greater than maximum allowed, 500"
    );
}

#[test]
fn functions_with_wrong_arguments() {
    for (yaml, said) in [
        (
            "!GetAtt Q",
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
        ),
        (
            "!GetAtt [!Ref Text]",
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
        ),
        (
            "{'Fn::GetAtt': [Q, '']}",
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
        ),
        ("{Ref: [a]}", "Template error: every Ref object must have a single String value."),
        (
            "!Sub [a]\n      W: !Sub [!Ref Q, {}]",
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
        ),
        (
            "!Sub '${a-b}'",
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
        ),
        (
            "!Sub '${Words}'",
            "Template error: variable Words in Fn::Sub expression does not resolve to a string",
        ),
        (
            "!Join [a]",
            "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
        ),
        (
            "!Split ['', a]",
            "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
        ),
        ("!Select [5, !Ref Words]", "Template error: Fn::Select cannot select nonexistent value at index 5"),
        (
            "!Select [x, !Ref Words]",
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        (
            "!FindInMap [M, a]",
            "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
        ),
        ("!FindInMap [M, a, Size]", "Template error: Unable to get mapping for M::a::Size"),
        (
            "!FindInMap [N, a, Size]",
            "Template error: Mapping named 'N' is not present in the 'Mappings' section of template.",
        ),
        ("!If [Missing, a, b]", "Template error: unresolved condition dependency Missing in Fn::If"),
        (
            "!GetAtt Q.Nothing",
            "Template error: resource Q does not support attribute type Nothing in Fn::GetAtt",
        ),
        ("!GetAtt Nobody.Arn", "Template error: instance of Fn::GetAtt references undefined resource Nobody"),
        (
            "!Sub '${Nobody.Arn}'",
            "Template error: instance of Fn::Sub references invalid resource attribute Nobody.Arn",
        ),
        (
            "!Ref Nobody",
            "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of the template",
        ),
        (
            "[!Ref Z, !Sub '${Y}']",
            "Template format error: Unresolved resource dependencies [Y, Z] in the Resources block of the template",
        ),
        // Left out by its condition.
        (
            "!Ref Off",
            "Template format error: Unresolved resource dependencies [Off] in the Resources block of the template",
        ),
    ] {
        assert_eq!(of(yaml), said, "{yaml}");
    }
    assert!(
        of("{'Fn::Foo': 1}").starts_with(
            "Template error: Encountered unsupported function: Fn::Foo Supported functions are: ["
        )
    );
    assert!(of("{'Fn::Sub': a, b: c}").contains("Fn::Sub stands beside other keys"));
    assert!(of("!Equals [a, b]").contains("sections Conditions and Rules"));
}

#[test]
fn dependencies() {
    let resources = |yaml: &str| refused(&format!("Resources:\n{yaml}"), &[]);
    assert_eq!(
        resources(
            "  A: {Type: T, Properties: {X: !Ref B}}\n  B: {Type: T, DependsOn: C}\n  C: {Type: T, Properties: {X: !Sub '${A.Arn}'}}\n  D: {Type: T, DependsOn: A}\n  E: {Type: T}\n"
        ),
        "Circular dependency between resources: [A, B, C]"
    );
    assert_eq!(
        resources("  A: {Type: T, Properties: {X: !Ref A}}\n"),
        "Circular dependency between resources: [A]"
    );
    assert_eq!(
        resources("  A: {Type: T, DependsOn: [B, C]}\n  C: {Type: T}\n"),
        "Template format error: Unresolved resource dependencies [B] in the Resources block of the template"
    );
    assert_eq!(
        resources("  A: {Type: T, DependsOn: {a: b}}\n"),
        "Template format error: DependsOn must be a string or list of strings."
    );
}

#[test]
fn conditions_and_outputs() {
    let with = |more: &str| refused(&format!("Resources: {{R: {{Type: T, Condition: C}}}}\n{more}"), &[]);
    assert_eq!(
        with("Conditions: {C: !Equals [!Ref R, a]}"),
        "Template format error: Unresolved dependencies [R]. Cannot reference resources in the Conditions block of the template"
    );
    assert!(with("").contains("unresolved condition dependency C"));
    assert_eq!(
        with("Conditions: {C: !Not [!Condition D], D: !Not [!Condition C]}"),
        "Template error: Found circular condition dependency: [C, D]"
    );
    assert_eq!(
        with("Conditions: {C: !And [!Equals [a, a]]}"),
        "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."
    );
    assert_eq!(
        with("Conditions: {C: !Equals [a]}"),
        "Template error: every Fn::Equals object requires a list of 2 string parameters."
    );
    assert_eq!(
        with("Conditions: {C: {a: b}}"),
        "Template format error: Conditions can only be boolean operations on parameters and other conditions"
    );
    assert_eq!(
        with("Conditions: {C: !Equals [a, a]}\nOutputs: {O: {Value: !Ref Gone}}"),
        "Template format error: Unresolved resource dependencies [Gone] in the Outputs block of the template"
    );
    assert_eq!(
        with("Conditions: {C: !Equals [a, b]}\nOutputs: {O: {Value: !Ref R}}"),
        "Template format error: Unresolved resource dependencies [R] in the Outputs block of the template"
    );
}

#[test]
fn problems_have_places() {
    let text = "Resources:\n  R:\n    Type: T\n    Properties:\n      A:\n        - !Ref Nobody\n";
    let problem = Template::parse(text).unwrap().validate().unwrap_err();
    assert_eq!(problem.place, Some(Place { line: 6, column: 11 }));
}
