use std::fs;

use serde_json::json;

use super::{Finding, RULES, template};
use crate::document;
use crate::project::{Content, Package, Slot, SlotShape, Source};

fn found(yaml: &str) -> Vec<Finding> {
    let source = document::read(yaml).unwrap();
    template(&source.to_json(), &[], &Source::of_template("t.yaml".into(), &source))
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
        rules(&template(&json!({"Resources": {}}), &[package], &Source::default())).len()
    };
    assert_eq!([of("node_modules/a/index.js"), of("a.py")], [1, 1]);
    assert_eq!([of("nodejs/node_modules/a/index.js"), of("python/a.py"), of("lib/a.so")], [0, 0, 0]);
}

fn in_code(mapping: &str, queue: &str, source: &str) -> Vec<Finding> {
    in_code_of("nodejs22.x", "src/a.js", mapping, queue, source)
}

fn in_code_of(runtime: &str, file: &str, mapping: &str, queue: &str, source: &str) -> Vec<Finding> {
    let yaml = format!(
        "Resources:\n  Q: {{Type: 'AWS::SQS::Queue', Properties: {{VisibilityTimeout: 60{queue}}}}}\n  F: {{Type: 'AWS::Lambda::Function', Properties: {{Runtime: {runtime}, Handler: src/a.handler, Environment: {{Variables: {{U: !Ref Out}}}}}}}}\n  Out: {{Type: 'AWS::SQS::Queue', Properties: {{FifoQueue: true}}}}\n  M: {{Type: 'AWS::Lambda::EventSourceMapping', Properties: {{{mapping}, FunctionName: !GetAtt F.Arn}}}}\n"
    );
    let source_of = document::read(&yaml).unwrap();
    let (_dir, package) = package("F", "Code", &[(file, source)]);
    template(&source_of.to_json(), &[package], &Source::of_template("t.yaml".into(), &source_of))
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
        rules(&in_code_of(
            "python3.13",
            "src/a.py",
            "EventSourceArn: s, StartingPosition: LATEST",
            "",
            "def handler(event, context):\n    x = event['Records'][0]"
        )),
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
fn loops_by_way_of_topics_tables_and_other_functions() {
    let told = |resource: &str| {
        format!(
            "F: {{Type: 'AWS::Lambda::Function', Properties: {{Environment: {{Variables: {{X: !Ref {resource}}}}}}}}}"
        )
    };
    let of = |resources: &[&str]| {
        let findings = found(&format!("Resources:\n  {}\n", resources.join("\n  ")));
        findings.into_iter().map(|finding| (finding.rule, finding.problem.text)).collect::<Vec<_>>()
    };
    let topic = "T: {Type: 'AWS::SNS::Topic', Properties: {Subscription: [{Protocol: lambda, Endpoint: !GetAtt F.Arn}]}}";
    let table = "D: {Type: 'AWS::DynamoDB::Table'}";
    let stream = "M: {Type: 'AWS::Lambda::EventSourceMapping', Properties: {StartingPosition: LATEST, EventSourceArn: !GetAtt D.StreamArn, FunctionName: !Ref F}}";
    assert_eq!(of(&[&told("T"), topic])[0].0, "topic-loop");
    assert!(of(&[&told("Other"), topic]).is_empty());
    assert_eq!(of(&[&told("D"), table, stream])[0].0, "table-loop");
    assert!(of(&[&told("D"), table]).is_empty());
    // A topic that fills the queue that calls the function.
    let queue = "Q: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: 60}}";
    let subscription = "S: {Type: 'AWS::SNS::Subscription', Properties: {Protocol: sqs, TopicArn: !Ref T, Endpoint: !GetAtt Q.Arn}}";
    let mapping = "M: {Type: 'AWS::Lambda::EventSourceMapping', Properties: {EventSourceArn: !GetAtt Q.Arn, FunctionName: !Ref F}}";
    let far = of(&[&told("T"), "T: {Type: 'AWS::SNS::Topic'}", queue, subscription, mapping]);
    assert!(far[0].0 == "topic-loop" && far[0].1.contains("by way of T → Q"), "{far:?}");
    // Two functions that call each other.
    let other = "G: {Type: 'AWS::Lambda::Function', Properties: {Environment: {Variables: {X: !Ref Q}}}}";
    let there = topic.replace("F.Arn", "G.Arn");
    let both = of(&[&told("T"), &there, other, queue, mapping]);
    assert_eq!(both.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["topic-loop", "queue-loop"]);
}

#[test]
fn a_loop_needs_code_that_writes() {
    let source = |code: &str| {
        let yaml = "Resources:\n  Q: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: 60}}\n  F: {Type: 'AWS::Lambda::Function', Properties: {Runtime: nodejs22.x, Handler: a.work, Environment: {Variables: {U: !Ref Q}}}}\n  M: {Type: 'AWS::Lambda::EventSourceMapping', Properties: {EventSourceArn: !GetAtt Q.Arn, FunctionName: !GetAtt F.Arn}}\n";
        let source_of = document::read(yaml).unwrap();
        let (_dir, package) = package("F", "Code", &[("a.js", code)]);
        rules(&template(&source_of.to_json(), &[package], &Source::default())).len()
    };
    assert_eq!(source("exports.work = async () => { await q.send(new SendMessageCommand({})); };"), 1);
    assert_eq!(source("exports.work = async () => 1;"), 0);
    // What another handler of the same file does is not this one's.
    let two = "const { SendMessageCommand } = require('@aws-sdk/client-sqs');\nexports.produce = async () => { await q.send(new SendMessageCommand({})); };\nexports.work = async () => 1;\n";
    assert_eq!(source(two), 0);
}

#[test]
fn promises_and_catches() {
    let queue = "EventSourceArn: !GetAtt Q.Arn";
    let lost = "exports.handler = async (e) => {\n  for (const r of e.Records) {\n    try { await w(r); } catch (x) { console.log(x); }\n    fetch(r.url);\n  }\n};";
    let found = in_code(queue, "", lost);
    let seen: Vec<_> = found.iter().map(|f| (f.rule, f.problem.place.unwrap().line)).collect();
    assert_eq!(seen, [("promise-unawaited", 4), ("catch-swallows", 3)]);
    let kept = lost.replace("console.log(x)", "throw x").replace("fetch", "await fetch");
    assert!(in_code(queue, "", &kept).is_empty());
    let python = "def handler(e, c):\n    for r in e['Records']:\n        try:\n            w(r)\n        except Exception as x:\n            print(x)\n";
    let of = |source: &str| rules(&in_code_of("python3.13", "src/a.py", queue, "", source)).concat();
    assert_eq!(of(python), "catch-swallows");
    assert_eq!(of(&python.replace("print(x)", "raise")), "");
    // Who calls and waits is told by the answer: nothing is lost.
    let alone = json!({"Resources": {"F": {"Type": "AWS::Lambda::Function",
        "Properties": {"Runtime": "nodejs22.x", "Handler": "a.handler"}}}});
    let (_dir, package) = package("F", "Code", &[("a.js", &lost.replace("fetch", "await fetch"))]);
    assert!(template(&alone, &[package], &Source::default()).is_empty());
}

#[test]
fn callbacks_without_tls() {
    let function = |value: &str| {
        found(&format!(
            "Resources: {{F: {{Type: 'AWS::Lambda::Function', Properties: {{Environment: {{Variables: {{CALLBACK_URL: {value}}}}}}}}}}}"
        ))
    };
    assert_eq!(rules(&function("'http://shop.example/done'")), ["callback-plain"]);
    assert_eq!(rules(&function("!Sub ['http://shop.example/${X}', {X: 1}]")), ["callback-plain"]);
    assert!(function("'https://shop.example/done'").is_empty());
    assert!(function("'http://localhost:3000/done'").is_empty() && function("!Ref Url").is_empty());
    let subscription = |protocol: &str, endpoint: &str| {
        found(&format!(
            "Resources: {{S: {{Type: 'AWS::SNS::Subscription', Properties: {{TopicArn: t, Protocol: {protocol}, Endpoint: '{endpoint}'}}}}}}"
        ))
    };
    assert_eq!(rules(&subscription("http", "http://shop.example/x")), ["callback-plain"]);
    assert!(subscription("https", "https://shop.example/x").is_empty());
    let queue = "EventSourceArn: !GetAtt Q.Arn";
    let code =
        |url: &str| in_code(queue, "", &format!("exports.handler = () => ({{\n  CallbackUrl: '{url}' }})"));
    assert_eq!(rules(&code("http://a.example/x")), ["callback-plain"]);
    assert!(
        in_code(queue, "", "exports.handler = (e, c, callback) => callback(null, 'http://a.example/x')")
            .is_empty()
    );
    assert!(code("https://a.example/x").is_empty() && code("http://127.0.0.1/x").is_empty());
}

#[test]
fn mail_that_must_be_confirmed() {
    let topic = |protocol: &str| {
        found(&format!(
            "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      Subscription: [{{Protocol: {protocol}, Endpoint: a@b.example}}]\n"
        ))
    };
    let finding = topic("email").remove(0);
    assert_eq!((finding.rule, finding.problem.place.unwrap().line), ("mail-unconfirmed", 5));
    assert!(topic("sqs").is_empty());
}

#[test]
fn alarms_finer_than_their_metric() {
    let alarm = |more: &str, code: &str| {
        let yaml = format!(
            "Resources:\n  F: {{Type: 'AWS::Lambda::Function', Properties: {{Runtime: nodejs22.x, Handler: a.handler}}}}\n  A: {{Type: 'AWS::CloudWatch::Alarm', Properties: {{{more}}}}}\n"
        );
        let source_of = document::read(&yaml).unwrap();
        let (_dir, package) = package("F", "Code", &[("a.js", code)]);
        rules(&template(&source_of.to_json(), &[package], &Source::default())).concat()
    };
    let puts = "exports.handler = () => cw.send(new PutMetricDataCommand({ Namespace: 'Q' }))";
    let fine = puts.replace("'Q'", "'Q', StorageResolution: 1");
    assert_eq!(alarm("Namespace: Q, Period: 10", puts), "alarm-resolution");
    assert_eq!(
        alarm("Metrics: [{MetricStat: {Metric: {Namespace: Q}, Period: 30}}]", puts),
        "alarm-resolution"
    );
    assert_eq!(alarm("Namespace: AWS/SQS, Period: 10", ""), "alarm-resolution");
    assert_eq!(alarm("Namespace: Q, Period: 10", &fine), "");
    assert_eq!(alarm("Namespace: Q, Period: 60", puts), "");
    // Somebody else puts it.
    assert_eq!(alarm("Namespace: Q, Period: 10", "exports.handler = () => 1"), "");
}

#[test]
fn schedules_that_overlap() {
    let machine = |rate: &str, definition: &str| {
        let yaml = format!(
            "Resources:\n  R: {{Type: 'AWS::Events::Rule', Properties: {{ScheduleExpression: {rate}, Targets: [{{Id: x, Arn: !Ref M}}]}}}}\n  M: {{Type: 'AWS::StepFunctions::StateMachine', Properties: {{Definition: {{States: {{{definition}}}}}}}}}\n"
        );
        rules(&found(&yaml)).concat()
    };
    let looped = |rounds: i64| {
        format!(
            "W: {{Type: Wait, Seconds: 10, Next: T}}, T: {{Type: Task, Next: C}}, C: {{Type: Choice, Choices: [{{Variable: $.n, NumericLessThan: {rounds}, Next: W}}], Default: E}}, E: {{Type: Succeed}}"
        )
    };
    assert_eq!(machine("rate(1 minute)", &looped(6)), "schedule-overlap");
    assert_eq!(machine("cron(* * * * ? *)", &looped(6)), "schedule-overlap");
    assert_eq!(machine("rate(1 minute)", &looped(5)), "");
    assert_eq!(machine("rate(2 minutes)", &looped(6)), "");
    assert_eq!(
        machine(
            "rate(1 minute)",
            "A: {Type: Wait, Seconds: 30, Next: B}, B: {Type: Wait, Seconds: 30, End: true}"
        ),
        "schedule-overlap"
    );
    let function = |more: &str, code: &str| {
        let yaml = format!(
            "Resources:\n  R: {{Type: 'AWS::Scheduler::Schedule', Properties: {{ScheduleExpression: rate(1 minute), Target: {{Arn: !GetAtt F.Arn}}}}}}\n  F: {{Type: 'AWS::Lambda::Function', Properties: {{Runtime: nodejs22.x, Handler: a.handler, {more}}}}}\n"
        );
        let source_of = document::read(&yaml).unwrap();
        let (_dir, package) = package("F", "Code", &[("a.js", code)]);
        rules(&template(&source_of.to_json(), &[package], &Source::default())).concat()
    };
    let sleeps = "exports.handler = async () => { for (let i = 0; i < 6; i++) await new Promise((r) => setTimeout(r, 10000)); };";
    assert_eq!(function("Timeout: 90", sleeps), "schedule-overlap");
    assert_eq!(function("Timeout: 55", sleeps), "");
    assert_eq!(function("Timeout: 90, ReservedConcurrentExecutions: 1", sleeps), "");
    assert_eq!(function("Timeout: 90", "exports.handler = async () => 1"), "");
}

fn service(yml: &str, files: &[(&str, &str)]) -> Vec<(String, u32, String)> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("serverless.yml", yml)].iter().chain(files) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let project = crate::serverless::project(dir.path(), &crate::serverless::Options::default()).unwrap();
    told(&super::project(&project).unwrap())
}

/// Rule, line and file's name.
fn told(findings: &[Finding]) -> Vec<(String, u32, String)> {
    let one = |finding: &Finding| {
        let file =
            finding.problem.file.as_deref().and_then(|file| file.file_name()?.to_str()).unwrap_or_default();
        (finding.rule.to_owned(), finding.problem.place.unwrap().line, file.to_owned())
    };
    findings.iter().map(one).collect()
}

#[test]
fn findings_of_a_service_stand_in_its_file() {
    let yml = "service: shop\nprovider:\n  name: aws\n  runtime: nodejs18.x\nplugins: [serverless-lift]\nconstructs:\n  jobs:\n    type: queue\n    worker:\n      handler: index.work\n      environment:\n        U: ${construct:jobs.queueUrl}\nfunctions:\n  api:\n    handler: index.api\n    runtime: nodejs16.x\n    events:\n      - httpApi: GET /\nresources:\n  Resources:\n    Mails:\n      Type: AWS::SNS::Topic\n      Properties:\n        Subscription:\n          - {Protocol: email, Endpoint: a@b.example}\n";
    let code = "exports.work = async () => { await q.send(new SendMessageCommand({})); };\nexports.api = async () => {\n  require('axios');\n  require('jest');\n};\n";
    let files = [
        ("index.js", code),
        ("package.json", "{\"devDependencies\": {\"jest\": \"1\"}}"),
        ("node_modules/jest/package.json", "{}"),
    ];
    let yml_of = |rule: &str, line: u32| (rule.to_owned(), line, "serverless.yml".to_owned());
    let js_of = |rule: &str, line: u32| (rule.to_owned(), line, "index.js".to_owned());
    assert_eq!(
        service(yml, &files),
        [
            js_of("module-missing", 3),
            js_of("module-left-out", 4),
            yml_of("runtime-retired", 4),
            yml_of("queue-receives", 7),
            yml_of("queue-loop", 11),
            yml_of("runtime-retired", 16),
            yml_of("cors-missing", 18),
            yml_of("mail-unconfirmed", 24),
        ]
    );
}

#[test]
fn the_tutorials_are_judged_as_their_page_says() {
    let of = |step: &str| {
        let dir =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systems/queue-tutorial").join(step);
        let project = crate::serverless::project(&dir, &crate::serverless::Options::default()).unwrap();
        told(&super::project(&project).unwrap())
            .into_iter()
            .map(|(rule, line, _)| (rule, line))
            .collect::<Vec<_>>()
    };
    let found = |rule: &str, line: u32| (rule.to_owned(), line);
    assert_eq!(of("step-1"), [found("runtime-retired", 5), found("cors-missing", 12)]);
    assert_eq!(
        of("step-2"),
        [found("runtime-retired", 5), found("queue-receives", 8), found("cors-missing", 16)]
    );
}

#[test]
fn projects_of_sam_are_written_out_first() {
    let yaml = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Q: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: 5}}\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: nodejs22.x, Handler: a.handler, Timeout: 9, Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}}\n";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("template.yaml"), yaml).unwrap();
    fs::write(dir.path().join("a.js"), "exports.handler = e => e.Records[0]").unwrap();
    let project = crate::sam::project(dir.path(), &crate::sam::Options::default()).unwrap();
    let found = super::project(&project).unwrap();
    assert_eq!(rules(&found), ["records-first", "queue-visibility"]);
    assert_eq!(found[1].problem.place.unwrap().line, 3);
    assert!(found[1].problem.file.as_deref().unwrap().ends_with("template.yaml"));
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
