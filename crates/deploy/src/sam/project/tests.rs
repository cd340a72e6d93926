use std::fs;
use std::path::Path;

use super::{Options, project};
use crate::document::Problem;
use crate::project::{Content, Project, SlotShape};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("shop").tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn of(files: &[(&str, &str)]) -> Project {
    project(directory(files).path(), &Options::default()).unwrap()
}

fn refused(files: &[(&str, &str)]) -> Vec<Problem> {
    project(directory(files).path(), &Options::default()).unwrap_err()
}

fn names(content: &Content) -> Vec<String> {
    match content {
        Content::Files(files) => files.iter().map(|(name, _)| name.clone()).collect(),
        Content::File(path) => vec![format!("={}", path.file_name().unwrap().to_str().unwrap())],
        Content::Template(nested) => {
            let names = nested.packages.iter().flat_map(|package| names(&package.content));
            [format!("={}", nested.source.file.file_name().unwrap().to_str().unwrap())]
                .into_iter()
                .chain(names)
                .collect()
        }
    }
}

const SAM: &str =
    "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Runtime: nodejs22.x}}\nResources:\n";

#[test]
fn local_paths_become_packages() {
    let template = format!(
        "{SAM}  A: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: src/, Handler: a.handler, Layers: [!Ref L]}}}}\n  \
         B: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: ./src/, Handler: lib/b.handler, Layers: [!Ref L]}}}}\n  \
         C: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: c.zip, Handler: c.handler}}}}\n  \
         D: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: 's3://b/k', Handler: d.handler}}}}\n  \
         E: {{Type: 'AWS::Serverless::Function', Properties: {{InlineCode: x, Handler: d.handler}}}}\n  \
         L: {{Type: 'AWS::Serverless::LayerVersion', Properties: {{ContentUri: layer}}}}\n  \
         M: {{Type: 'AWS::Serverless::StateMachine', Properties: {{DefinitionUri: m.json}}}}\n  \
         P: {{Type: 'AWS::Lambda::Function', Properties: {{Code: p.js, Handler: p.handler, Runtime: nodejs22.x, Role: r}}}}\n  \
         S: {{Type: 'AWS::CloudFormation::Stack', Properties: {{TemplateURL: nested.yaml}}}}\n"
    );
    let project = of(&[
        ("template.yaml", &template),
        ("src/a.js", "require('./lib/b'); require('shared')"),
        ("src/lib/b.js", ""),
        ("c.zip", "zip"),
        ("p.js", ""),
        ("layer/nodejs/node_modules/shared/index.js", ""),
        ("m.json", "{}"),
        ("nested.yaml", "Resources: {Q: {Type: 'AWS::SQS::Queue'}}"),
    ]);
    assert!(project.stack.starts_with("shop"));
    let seen: Vec<(String, Vec<String>, Vec<&str>)> = project
        .packages
        .iter()
        .map(|p| (p.name.clone(), names(&p.content), p.places.iter().map(|s| s.pointer.as_str()).collect()))
        .collect();
    let expected = [
        (
            "A",
            vec!["a.js", "lib/b.js"],
            vec!["/Resources/A/Properties/CodeUri", "/Resources/B/Properties/CodeUri"],
        ),
        ("C", vec!["=c.zip"], vec!["/Resources/C/Properties/CodeUri"]),
        ("L", vec!["nodejs/node_modules/shared/index.js"], vec!["/Resources/L/Properties/ContentUri"]),
        ("M", vec!["=m.json"], vec!["/Resources/M/Properties/DefinitionUri"]),
        ("P", vec!["p.js"], vec!["/Resources/P/Properties/Code"]),
        ("S", vec!["=nested.yaml"], vec!["/Resources/S/Properties/TemplateURL"]),
    ];
    let expected: Vec<(String, Vec<String>, Vec<&str>)> = expected
        .into_iter()
        .map(|(name, files, places)| {
            (name.to_owned(), files.into_iter().map(str::to_owned).collect(), places)
        })
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(project.packages[4].places[0].shape, SlotShape::Members { bucket: "S3Bucket", key: "S3Key" });
    assert!(project.notices.is_empty());
}

#[test]
fn a_function_that_says_nothing_is_the_directory() {
    let template =
        format!("{SAM}  A: {{Type: 'AWS::Serverless::Function', Properties: {{Handler: a.handler}}}}\n");
    let project =
        of(&[("template.yml", &template), ("a.js", ""), (".aws-sam/build/x", ""), (".git/HEAD", "")]);
    assert_eq!(names(&project.packages[0].content), ["a.js", "template.yml"]);
    // The place is there, so that it can be filled.
    assert_eq!(project.template["Resources"]["A"]["Properties"]["CodeUri"], ".");
}

#[test]
fn settings_beside_the_template() {
    let config = "[default.deploy.parameters]\nstack_name = \"live\"\nregion = \"eu-north-1\"\nparameter_overrides = \"A=1 B=2\"\ntags = \"x=y\"\n";
    let template =
        "Parameters: {A: {Type: String}, B: {Type: String}}\nResources: {Q: {Type: 'AWS::SQS::Queue'}}";
    let dir = directory(&[("template.json", ""), ("other.yaml", template), ("samconfig.toml", config)]);
    let options = Options { parameters: vec![("B".into(), "3".into())], ..Options::default() };
    let project = project(&dir.path().join("other.yaml"), &options).unwrap();
    assert_eq!((project.stack.as_str(), project.region.as_deref()), ("live", Some("eu-north-1")));
    assert_eq!(project.parameters, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "3".to_owned())]);
    assert_eq!(project.tags, [("x".to_owned(), "y".to_owned())]);
}

#[test]
fn snippets_are_uploaded() {
    let template = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      Fn::Transform: {Name: AWS::Include, Parameters: {Location: more/q.yaml}}\n";
    let project = of(&[("template.yaml", template), ("more/q.yaml", "DelaySeconds: 1")]);
    assert_eq!(
        project.packages[0].places[0].pointer,
        "/Resources/Q/Properties/Fn::Transform/Parameters/Location"
    );
    assert!(project.template.pointer(&project.packages[0].places[0].pointer).is_some());
}

#[test]
fn what_is_wrong_has_file_and_line() {
    let template = format!(
        "{SAM}  A:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: nowhere\n      Handler: a.handler\n"
    );
    let problem = refused(&[("template.yaml", &template)]).remove(0);
    assert!(problem.file.as_deref().is_some_and(|file| file.ends_with(Path::new("template.yaml"))));
    assert_eq!((problem.place.unwrap().line, problem.path.as_str()), (7, "Resources.A.Properties.CodeUri"));
    assert!(problem.text.starts_with("there is no file or directory "));

    let template = template.replace("nowhere", "src");
    let problem = of(&[("template.yaml", &template), ("src/b.js", "")]).lacks.remove(0).problem;
    assert!(problem.file.as_deref().is_some_and(|file| file.ends_with(Path::new("template.yaml"))));
    assert_eq!((problem.place.unwrap().line, problem.path.as_str()), (8, "Resources.A.Properties.Handler"));

    let template = template.replace("Handler: a.handler", "Handler: a.handler\n      Foo: 1");
    let problem = refused(&[("template.yaml", &template), ("src/a.js", "")]).remove(0);
    assert_eq!((problem.place.unwrap().line, problem.path.as_str()), (5, "Resources.A"));
    assert!(
        problem.text.ends_with("property Foo not defined for resource of type AWS::Serverless::Function")
    );

    let problem =
        refused(&[("template.json", "{\"Resources\": {\"Q\": {\"Type\": \"T\", \"DependsOn\": \"R\"}}}")])
            .remove(0);
    assert!(problem.text.contains("Unresolved resource dependencies [R]"));
    assert!(refused(&[])[0].text.contains("there is no template.yaml"));
}

#[test]
fn nested_templates_are_packaged_with_what_they_name() {
    let leaf = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}";
    let nested = "Resources:\n  F: {Type: 'AWS::Lambda::Function', Properties: {Code: code, Handler: a.b, Runtime: nodejs22.x, Role: r}}\n  S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: ../leaf.yaml}}\n";
    let template = "Resources:\n  S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: n/t.yaml}}\n  L: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: ./leaf.yaml}}\n  M: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: leaf.yaml}}\n";
    let code = "require('./gone')";
    let files =
        [("template.yaml", template), ("n/t.yaml", nested), ("leaf.yaml", leaf), ("n/code/a.js", code)];
    let project = of(&files);
    let seen: Vec<(&str, Vec<String>, usize)> =
        project.packages.iter().map(|p| (p.name.as_str(), names(&p.content), p.places.len())).collect();
    let inner = vec!["=t.yaml".to_owned(), "a.js".to_owned(), "=leaf.yaml".to_owned()];
    assert_eq!(seen, [("S", inner, 1), ("L", vec!["=leaf.yaml".to_owned()], 2)]);
    let Content::Template(nested) = &project.packages[0].content else { panic!() };
    assert_eq!(nested.packages[0].places[0].pointer, "/Resources/F/Properties/Code");
    // What lacks inside is told of the whole.
    assert!(
        project.lacks[0]
            .to_string()
            .contains("n/code/a.js:1:9: Resources.F.Properties.Handler: a.js asks for ./gone")
    );

    let myself =
        "Resources: {S: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: template.yaml}}}";
    let problem = refused(&[("template.yaml", myself)]).remove(0);
    assert!(problem.text.ends_with("names itself"), "{problem}");
    let wrong =
        [("template.yaml", template), ("leaf.yaml", leaf), ("n/t.yaml", "Resources: {F: {Type: [x]}}")];
    let problem = refused(&wrong).remove(0);
    assert!(problem.to_string().contains("n/t.yaml:1:"), "{problem}");
}

#[test]
fn templates_are_written_out() {
    let template = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\nParameters: {N: {Type: Number, Default: 1}}\nResources:\n  F: {Type: 'AWS::Serverless::Function', Properties: {Runtime: nodejs22.x, Handler: a.handler}}\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {'Fn::Transform': {Name: 'AWS::Include', Parameters: {Location: q.yaml}}}\n";
    let dir = directory(&[("template.yaml", template), ("a.js", ""), ("q.yaml", "DelaySeconds: 3")]);
    let project = project(dir.path(), &Options::default()).unwrap();
    let written = project.written_out(&super::filled(&project.template, &project.packages)).unwrap();
    assert_eq!(written["Resources"]["F"]["Type"], "AWS::Lambda::Function");
    assert_eq!(written["Resources"]["FRole"]["Type"], "AWS::IAM::Role");
    assert_eq!(written["Resources"]["Q"]["Properties"], serde_json::json!({"DelaySeconds": 3}));
    assert!(written.get("Transform").is_none(), "{written}");
}
