use std::fs;

use serde_json::json;

use super::{Finding, RULES, template};
use crate::document::{self, Node};
use crate::project::{Content, Package, Slot, SlotShape};

fn found(yaml: &str) -> Vec<Finding> {
    let source = document::read(yaml).unwrap();
    template(&source.to_json(), &[], Some(&source))
}

fn rules(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule).collect()
}

fn worker(queue: &str, function: &str) -> String {
    format!(
        "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {{{queue}}}\n  F:\n    Type: AWS::Lambda::Function\n    Properties: {{{function}}}\n  M: {{Type: 'AWS::Lambda::EventSourceMapping', Properties: {{EventSourceArn: !GetAtt Q.Arn, FunctionName: !Ref F}}}}\n"
    )
}

#[test]
fn visibility_and_receives() {
    let of = |queue: &str, function: &str| {
        let found = found(&worker(queue, function));
        rules(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("VisibilityTimeout: 36", "Timeout: 6"), Vec::<String>::new());
    assert_eq!(of("VisibilityTimeout: 35", "Timeout: 6"), ["queue-visibility-margin"]);
    assert_eq!(of("VisibilityTimeout: 5", "Timeout: 6"), ["queue-visibility"]);
    assert_eq!(of("", ""), Vec::<String>::new());
    assert_eq!(of("RedrivePolicy: {maxReceiveCount: 3, deadLetterTargetArn: a}", ""), ["queue-receives"]);
    assert_eq!(of("RedrivePolicy: {maxReceiveCount: '5', deadLetterTargetArn: a}", ""), Vec::<String>::new());
    let finding = found(&worker("VisibilityTimeout: 5", "Timeout: 6")).remove(0);
    assert_eq!(
        (finding.problem.place.unwrap().line, finding.problem.path.as_str()),
        (4, "Resources.Q.Properties.VisibilityTimeout")
    );
    assert_eq!(finding.mend, "Set VisibilityTimeout to 36 or more, or Timeout lower.");
}

#[test]
fn loops() {
    let loops = |function: &str| rules(&found(&worker("QueueName: jobs", function))).contains(&"queue-loop");
    assert!(loops("Environment: {Variables: {U: !Ref Q}}"));
    assert!(loops("Environment: {Variables: {U: 'http://localhost:4566/000000000000/jobs'}}"));
    assert!(!loops("Environment: {Variables: {U: !Ref Other}}"));
    assert!(!loops("RecursiveLoop: Allow, Environment: {Variables: {U: !Sub '${Q}'}}"));
    let bucket = |variable: &str, event: &str| {
        found(&format!(
            "Resources:\n  F: {{Type: 'AWS::Lambda::Function', Properties: {{Environment: {{Variables: {{B: {variable}}}}}}}}}\n  B:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: files, NotificationConfiguration: {{LambdaConfigurations: [{{Event: '{event}', Function: !GetAtt F.Arn}}]}}}}\n"
        ))
    };
    assert_eq!(rules(&bucket("!Ref B", "s3:ObjectCreated:*")), ["bucket-loop"]);
    assert_eq!(rules(&bucket("files", "s3:ObjectCreated:Put")), ["bucket-loop"]);
    assert!(
        bucket("others", "s3:ObjectCreated:*").is_empty() && bucket("files", "s3:ObjectRemoved:*").is_empty()
    );
}

#[test]
fn runtimes_and_apis() {
    let function = |runtime: &str| {
        found(&format!(
            "Resources: {{F: {{Type: 'AWS::Lambda::Function', Properties: {{Runtime: {runtime}}}}}}}"
        ))
    };
    assert_eq!(rules(&function("nodejs14.x")), ["runtime-retired"]);
    assert!(function("nodejs22.x").is_empty());
    let api = |more: &str| {
        found(&format!("Resources: {{A: {{Type: 'AWS::ApiGatewayV2::Api', Properties: {{{more}}}}}}}"))
    };
    assert_eq!(rules(&api("ProtocolType: HTTP")), ["cors-missing"]);
    assert_eq!(rules(&api("Body: {paths: {/a: {get: {}}}}")), ["cors-missing"]);
    assert!(api("ProtocolType: HTTP, CorsConfiguration: {}").is_empty());
    assert!(api("ProtocolType: WEBSOCKET").is_empty());
    assert!(api("Body: {paths: {/a: {options: {}}}}").is_empty());
}

fn package(id: &str, property: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Package) {
    let dir = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        all.push(((*name).to_owned(), path));
    }
    let slot = Slot { pointer: format!("/Resources/{id}/Properties/{property}"), shape: SlotShape::Url };
    let root = dir.path().to_owned();
    (dir, Package { name: id.to_owned(), root, content: Content::Files(all), places: vec![slot] })
}

#[test]
fn layers_must_have_their_shape() {
    let of = |name: &str| {
        let (_dir, package) = package("L", "Content", &[(name, "")]);
        rules(&template(&json!({"Resources": {}}), &[package], None)).len()
    };
    assert_eq!([of("node_modules/a/index.js"), of("a.py")], [1, 1]);
    assert_eq!([of("nodejs/node_modules/a/index.js"), of("python/a.py"), of("lib/a.so")], [0, 0, 0]);
}

fn in_code(mapping: &str, queue: &str, source: &str) -> Vec<Finding> {
    let yaml = format!(
        "Resources:\n  Q: {{Type: 'AWS::SQS::Queue', Properties: {{VisibilityTimeout: 60{queue}}}}}\n  F: {{Type: 'AWS::Lambda::Function', Properties: {{Handler: src/a.handler, Environment: {{Variables: {{U: !Ref Out}}}}}}}}\n  Out: {{Type: 'AWS::SQS::Queue', Properties: {{FifoQueue: true}}}}\n  M: {{Type: 'AWS::Lambda::EventSourceMapping', Properties: {{{mapping}, FunctionName: !GetAtt F.Arn}}}}\n"
    );
    let source_of: Node = document::read(&yaml).unwrap();
    let (_dir, package) = package("F", "Code", &[("src/a.js", source)]);
    template(&source_of.to_json(), &[package], Some(&source_of))
}

#[test]
fn code_that_looks_at_one_record() {
    let queue = "EventSourceArn: !GetAtt Q.Arn";
    let finding =
        in_code(queue, "", "exports.handler = async e => {\n  const m = e.Records[ 0 ];\n};").remove(0);
    assert_eq!((finding.rule, finding.problem.place.unwrap().line), ("records-first", 2));
    assert!(finding.problem.file.unwrap().ends_with("src/a.js"));
    assert!(in_code(&format!("{queue}, BatchSize: 1"), "", "e.Records[0]").is_empty());
    assert!(in_code(queue, "", "// e.Records[0]\nfor (const r of e.Records) {}").is_empty());
    assert_eq!(
        rules(&in_code("EventSourceArn: s, StartingPosition: LATEST", "", "x = event['Records'][0]")),
        ["records-first"]
    );
}

#[test]
fn delays_of_messages_in_fifo_queues() {
    let queue = "EventSourceArn: !GetAtt Q.Arn";
    assert_eq!(rules(&in_code(queue, "", "send({\n DelaySeconds: 5 })")), ["fifo-delay"]);
    assert!(in_code(queue, "", "send({})").is_empty());
}

#[test]
fn projects_of_sam_are_written_out_first() {
    let yaml = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Q: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: 5}}\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: nodejs22.x, Handler: a.handler, Timeout: 9, Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}}\n";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("template.yaml"), yaml).unwrap();
    fs::write(dir.path().join("a.js"), "exports.handler = e => e.Records[0]").unwrap();
    let project = crate::sam::project(dir.path(), &crate::sam::Options::default()).unwrap();
    let source = document::read(yaml).unwrap();
    let found = super::project(&project, Some(&source)).unwrap();
    assert_eq!(rules(&found), ["records-first", "queue-visibility"]);
    assert_eq!(found[1].problem.place.unwrap().line, 3);
}

#[test]
fn every_rule_has_a_page() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks");
    for (rule, line) in RULES {
        let page = fs::read_to_string(pages.join(format!("{rule}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {rule}\n")) && page.contains(line), "{rule}");
    }
    assert_eq!(fs::read_dir(pages).unwrap().count(), RULES.len());
}
