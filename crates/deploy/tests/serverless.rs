//! Services of the Serverless framework against what the framework itself makes of them.
//!
//! `fixtures/serverless/NAME.template.json` is the framework's own template (3.40.0 with serverless-lift 1.37.7) without
//! what is listed as different in `moln_deploy::serverless`: the deployment bucket, where objects lie, hashes. The framework's
//! mistakes that are listed there are mended here, each by itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use moln_deploy::document::Problem;
use moln_deploy::project::{Content, Project, SlotShape};
use moln_deploy::serverless::{Options, Outside, project};
use serde_json::{Value, json};

/// Where the framework makes a mistake that we do not: fixture, place, what stands there, what should.
const MENDED: [(&str, &str, &str, &str); 2] = [
    (
        "everything",
        "/Resources/RedToQueuedDLQPolicy/Properties/PolicyDocument/Statement/0/Condition/ArnEquals",
        "{}",
        r#"{"aws:SourceArn": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":sns:", {"Ref": "AWS::Region"}, ":",
            {"Ref": "AWS::AccountId"}, ":", "red"]]}}"#,
    ),
    (
        "lifted",
        "/Resources/WorkerLambdaFunction/Properties/Environment/Variables/MIX",
        r#""prefix-[object Object]-suffix""#,
        r#"{"Fn::Join": ["", ["prefix-", {"Fn::GetAtt": ["plainqQueue6328629A", "Arn"]}, "-suffix"]]}"#,
    ),
];

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/serverless")
}

fn tutorial(step: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systems/queue-tutorial").join(step)
}

/// The template without the digits of hashes.
fn comparable(template: &Value) -> Value {
    let mut template = template.clone();
    let mut renamed = BTreeMap::new();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let mark = match resource["Type"].as_str().unwrap() {
            "AWS::Lambda::Version" => "LambdaVersion",
            "AWS::Lambda::LayerVersion" => "LambdaLayer",
            "AWS::ApiGatewayV2::Deployment" => "WebsocketsDeployment",
            _ => continue,
        };
        renamed.insert(id.clone(), id[..id.rfind(mark).unwrap() + mark.len()].to_owned());
    }
    for (id, output) in template["Outputs"].as_object_mut().unwrap() {
        if id.ends_with("LambdaLayerHash") {
            output["Value"] = json!("");
        }
    }
    let mut text = template.to_string();
    for (id, name) in renamed {
        text = text.replace(&format!("\"{id}\""), &format!("\"{name}\""));
    }
    serde_json::from_str(&text).unwrap()
}

fn compare(dir: &Path, name: &str) -> Project {
    let made = project(dir, &Options::default()).unwrap_or_else(|problems| panic!("{}", told(&problems)));
    let ours = comparable(&made.template);
    let mut theirs: Value =
        serde_json::from_str(&fs::read_to_string(here().join(format!("{name}.template.json"))).unwrap())
            .unwrap();
    for (_, pointer, theirs_is, ours_is) in MENDED.iter().filter(|(of, ..)| *of == name) {
        let place = theirs.pointer_mut(pointer).unwrap();
        assert_eq!(place.to_string(), *theirs_is);
        *place = serde_json::from_str(ours_is).unwrap();
    }
    let mut wrong = Vec::new();
    for section in ["Resources", "Outputs"] {
        let (ours, theirs) = (ours[section].as_object().unwrap(), theirs[section].as_object().unwrap());
        for (id, resource) in theirs {
            match ours.get(id) {
                None => wrong.push(format!("{section} lacks {id}")),
                Some(own) if own != resource => {
                    wrong.push(format!("{section} {id}:\n  ours   {own}\n  theirs {resource}"));
                }
                Some(_) => {}
            }
        }
        wrong.extend(
            ours.keys()
                .filter(|id| !theirs.contains_key(*id))
                .map(|id| format!("{section} has {id} besides")),
        );
    }
    let rest = |template: &Value| {
        let mut rest = template.clone();
        rest.as_object_mut().unwrap().retain(|key, _| key != "Resources" && key != "Outputs");
        rest
    };
    if rest(&ours) != rest(&theirs) {
        wrong.push(format!("ours {} theirs {}", rest(&ours), rest(&theirs)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    made
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_step_of_the_tutorial() {
    let made = compare(&tutorial("step-1"), "step-1");
    assert_eq!(made.stack, "tutorial-step-1-dev");
    assert_eq!(made.region.as_deref(), Some("ap-northeast-2"));
    assert_eq!(made.tags, [("STAGE".to_owned(), "dev".to_owned())]);
    let [package] = made.packages.as_slice() else { panic!("{:?}", made.packages) };
    let Content::Files(files) = &package.content else { panic!() };
    assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["index.js"]);
    // Both places are there, and named by the package.
    for slot in &package.places {
        assert!(made.template.pointer(&slot.pointer).is_some(), "{}", slot.pointer);
    }
    assert!(package.places.iter().any(|slot| slot.shape == SlotShape::Sha256));
}

#[test]
fn the_second_step_of_the_tutorial() {
    compare(&tutorial("step-2"), "step-2");
}

#[test]
fn a_shop_with_its_own_resources() {
    compare(&here().join("donut"), "donut");
}

#[test]
fn every_kind_of_event_and_setting() {
    let made = compare(&here().join("everything"), "everything");
    assert_eq!(made.packages.len(), 3, "the functions' and two layers");
    assert_eq!(made.tags, [("STAGE".to_owned(), "test".to_owned()), ("owner".to_owned(), "me".to_owned())]);
}

#[test]
fn constructs_with_all_their_settings() {
    compare(&here().join("lifted"), "lifted");
}

/// A directory with a serverless.yml and a handler.
fn service(yml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("serverless.yml"), yml).unwrap();
    fs::write(dir.path().join("index.js"), "exports.handler = async () => 1;\n").unwrap();
    dir
}

fn problems(yml: &str) -> Vec<Problem> {
    let dir = service(yml);
    project(dir.path(), &Options::default()).err().unwrap_or_default()
}

const HEAD: &str = "service: s-1\nprovider:\n  name: aws\n  runtime: nodejs20.x\n";

#[test]
fn what_is_not_known_stops_with_file_line_and_path() {
    let found = problems(&format!("{HEAD}  memorysize: 512\nfunctions:\n  a:\n    handlr: index.handler\n"));
    let text = told(&found);
    assert!(text.contains("serverless.yml:5:3: provider.memorysize: "), "{text}");
    assert!(text.contains("did you mean \"memorySize\"?"), "{text}");
    assert!(text.contains("serverless.yml:8:5: functions.a.handlr: "), "{text}");
    let text = told(&problems(&format!(
        "{HEAD}functions:\n  a:\n    handler: index.handler\n    events:\n      - sqz: x\n"
    )));
    assert!(text.contains(":9:9: functions.a.events.0.sqz: "), "{text}");
    let text = told(&problems(&format!(
        "{HEAD}functions:\n  a:\n    handler: index.handler\n    events:\n      - alb: {{listenerArn: x}}\n"
    )));
    assert!(text.contains("there are no load balancers") && !text.contains("not known"), "{text}");
    let text =
        told(&problems(&format!("{HEAD}functions:\n  a:\n    handler: index.handler\n    timeout: soon\n")));
    assert!(text.contains(":8:14: functions.a.timeout: a whole number is expected"), "{text}");
}

#[test]
fn what_is_not_there_stops_with_its_place() {
    let lacks = |dir: &Path| {
        let made = project(dir, &Options::default()).unwrap();
        made.lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let text = lacks(service(&format!("{HEAD}functions:\n  a:\n    handler: src/main.handler\n")).path());
    assert!(
        text.contains(
            "serverless.yml:7:5: functions.a.handler: the handler's file src/main.js does not exist"
        ),
        "{text}"
    );
    let dir = service(&format!("{HEAD}functions:\n  a:\n    handler: index.handler\n"));
    fs::write(dir.path().join("index.js"), "// the shop\nrequire('axios')").unwrap();
    let text = lacks(dir.path());
    let said = "index.js:2:9: functions.a.handler: index.js asks for the module axios, which is not in the package: npm install";
    assert!(text.contains(said), "{text}");
    let text = told(&problems(&format!(
        "{HEAD}functions:\n  a:\n    handler: index.handler\n    environment:\n      X: ${{env:NOPE}}\n"
    )));
    assert!(
        text.contains(
            ":9:10: functions.a.environment.X: the variable cannot be resolved: \"env\" has no \"NOPE\""
        ),
        "{text}"
    );
}

#[test]
fn plugins_that_would_be_missed_stop_and_can_be_ignored() {
    let yml = format!(
        "{HEAD}functions:\n  a:\n    handler: index.handler\nplugins: [serverless-offline, serverless-webpack, my-own]\n"
    );
    let text = told(&problems(&yml));
    assert!(text.contains("plugins.1: The plugin serverless-webpack would bundle the handlers"), "{text}");
    assert!(text.contains("plugins.2: The plugin my-own is not known"), "{text}");
    assert!(!text.contains("serverless-offline"), "{text}");
    let dir = service(&yml);
    let ignored = vec!["serverless-webpack".to_owned(), "my-own".to_owned()];
    assert!(project(dir.path(), &Options { ignore_plugins: ignored, ..Options::default() }).is_ok());
}

#[test]
fn what_moln_does_not_have_is_refused_by_name() {
    for (yml, word) in [
        ("functions:\n  a:\n    handler: index.handler\n    events: [{http: GET /}]\n", "REST API"),
        (
            "functions:\n  a:\n    image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/y:1\n",
            "container images",
        ),
        (
            "functions:\n  a:\n    handler: index.handler\n    events: [{s3: {bucket: b-ucket, existing: true}}]\n",
            "existing",
        ),
        ("functions:\n  a:\n    handler: index.handler\n    events: [alexaSkill]\n", "there is no Alexa"),
        ("plugins: [serverless-lift]\nconstructs:\n  w: {type: static-website, path: x}\n", "CloudFront"),
        ("frameworkVersion: '4'\nfunctions:\n  a:\n    handler: index.handler\n", "version 4"),
        ("functions: ${file(x.js):f}\n", "Moln runs none"),
    ] {
        let text = told(&problems(&format!("{HEAD}{yml}")));
        assert!(text.contains(word), "{word}: {text}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("serverless.ts"), "").unwrap();
    assert!(told(&project(dir.path(), &Options::default()).unwrap_err()).contains("Moln runs no program"));
}

/// Every kind of event that Moln has no service for says so, and is told from one that nobody knows.
#[test]
fn events_without_a_service_are_refused_with_a_word() {
    for (kind, word) in [
        ("alb", "there are no load balancers"),
        ("alexaSkill", "there is no Alexa"),
        ("alexaSmartHome", "there is no Alexa"),
        ("iot", "there is no IoT"),
        ("iotFleetProvisioning", "there is no IoT"),
        ("cognitoUserPool", "there is no Cognito"),
        ("cloudFront", "there is no CloudFront"),
        ("kafka", "there is no Kafka"),
        ("msk", "there is no Kafka"),
        ("activemq", "there is no Amazon MQ"),
        ("rabbitmq", "there is no Amazon MQ"),
    ] {
        let yml = format!(
            "{HEAD}functions:\n  a:\n    handler: index.handler\n    events:\n      - {kind}: {{x: y}}\n"
        );
        let found = problems(&yml);
        assert_eq!(found.len(), 1, "{}", told(&found));
        let text = told(&found);
        let place = format!("serverless.yml:9:9: functions.a.events.0.{kind}: ");
        assert!(text.contains(&place) && text.contains(word), "{text}");
    }
}

fn environment(yml: &str, options: &Options<'_>, files: &[(&str, &str)]) -> Result<Value, String> {
    let dir = service(&format!("{HEAD}{yml}"));
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let made = project(dir.path(), options).map_err(|problems| told(&problems))?;
    Ok(made.template.pointer("/Resources/ALambdaFunction/Properties/Environment/Variables").unwrap().clone())
}

#[test]
fn variables_of_every_source() {
    struct Elsewhere;
    impl Outside for Elsewhere {
        fn stack_output(&self, region: &str, stack: &str, output: &str) -> Result<Option<String>, String> {
            Ok((stack == "other").then(|| format!("{region}/{output}")))
        }
        fn parameter(&self, _: &str, name: &str, _: bool) -> Result<Option<(String, String)>, String> {
            Ok((name == "/list").then(|| ("StringList".to_owned(), "a,b".to_owned())))
        }
        fn object(&self, _: &str, bucket: &str, key: &str) -> Result<Option<String>, String> {
            Ok(Some(format!("{bucket} {key}")))
        }
    }
    let yml = r#"useDotenv: true
params:
  default: {p: every, q: every}
  prod: {p: "${self:service}-prod"}
custom:
  stage: ${opt:stage, 'dev'}
  deep: {list: [one, "${self:custom.stage}"], file: "${file(./${self:custom.stage}.yml)}"}
functions:
  a:
    handler: index.handler
    environment:
      SELF: ${self:custom.deep.list.1}
      OPT: ${opt:other, self:custom.missing, 'fallback'}
      ENV: ${env:HOME_OF}-${env:FROM_FILE}
      SLS: ${sls:stage}
      PARAM: ${param:p}/${param:q}/${param:r}
      FILE: ${self:custom.deep.file.inner.value}
      FILE2: ${file(prod.yml):inner.again}
      TEXT: ${file(plain.txt)}
      JSON: ${file(some.json):a.0}
      BOOL: ${strToBool(1)}
      NUMBER: ${self:custom.none, 5}
      CF: ${cf(eu-west-1):other.Out}
      SSM: ${ssm:/list.0, 'whole'}
      SSM2: ${self:custom.missing, ssm:/none, 'none'}
      S3: ${s3:bucket/a/key}
      AWS: ${aws:accountId}-${aws:region}
      SUB: !Sub "${AWS::Region}-${Logical}-${self:service}"
      ESCAPED: \${self:service}
"#;
    let options = Options {
        stage: Some("prod".into()),
        region: Some("ap-northeast-2".into()),
        params: BTreeMap::from([("r".into(), "given".into())]),
        env: BTreeMap::from([("HOME_OF".into(), "me".into())]),
        account: "000000000000".into(),
        outside: Some(&Elsewhere),
        ..Options::default()
    };
    let files = [
        ("prod.yml", "inner:\n  value: v-${sls:stage}\n  again: ${self:service}\n"),
        ("plain.txt", "plain"),
        ("some.json", r#"{"a": ["x"]}"#),
        (".env.prod", "export FROM_FILE=\"f ${HOME}\" # comment\nHOME_OF=not this\n"),
    ];
    let found = environment(yml, &options, &files).unwrap();
    assert_eq!(
        found,
        json!({
            "SELF": "prod", "OPT": "fallback", "ENV": "me-f ", "SLS": "prod", "PARAM": "s-1-prod/every/given",
            "FILE": "v-prod", "FILE2": "s-1", "TEXT": "plain", "JSON": "x", "BOOL": "true", "NUMBER": "5",
            "CF": "eu-west-1/Out", "SSM": "whole", "SSM2": "none", "S3": "bucket a/key",
            "AWS": "000000000000-ap-northeast-2",
            "SUB": {"Fn::Sub": "${AWS::Region}-${Logical}-s-1"}, "ESCAPED": "${self:service}",
        })
    );
}

#[test]
fn circles_and_bombs_of_variables_end() {
    let options = Options::default();
    let circle = "custom: {a: '${self:custom.b}', b: '${self:custom.a}'}\nfunctions:\n  a:\n    handler: index.handler\n    environment: {X: '${self:custom.a}'}\n";
    let text = environment(circle, &options, &[]).unwrap_err();
    assert!(
        text.contains("circle: self:custom.a → self:custom.b → self:custom.a")
            || text.contains("circle: self:custom.b"),
        "{text}"
    );
    let mut bomb = "custom:\n  v0: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        bomb.extend(["  v", &level.to_string(), ": "]);
        let reference = format!("${{self:custom.v{below}}}");
        bomb.extend([reference.as_str(), &reference, "\n"]);
    }
    bomb.push_str(
        "functions:\n  a:\n    handler: index.handler\n    environment: {X: '${self:custom.v39}'}\n",
    );
    let text = environment(&bomb, &options, &[]).unwrap_err();
    assert!(text.contains("is more than"), "{}", &text[..200.min(text.len())]);
}

#[test]
fn packages_have_what_the_patterns_say() {
    let yml = r"package:
  patterns: ['!docs/**', 'docs/keep.md', '!*.log']
functions:
  a:
    handler: index.handler
  b:
    handler: index.handler
    package: {individually: true, patterns: ['!**', 'index.js']}
";
    let dir = service(&format!("{HEAD}{yml}"));
    for name in [
        "docs/x.md",
        "docs/keep.md",
        "a.log",
        ".git/HEAD",
        ".serverless/x.zip",
        "lib/.hidden",
        "node_modules/dev/package.json",
        "node_modules/run/package.json",
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
    fs::write(
        dir.path().join("package.json"),
        r#"{"dependencies":{"run":"1"},"devDependencies":{"dev":"1"}}"#,
    )
    .unwrap();
    let made = project(dir.path(), &Options::default()).unwrap();
    let names = |index: usize| match &made.packages[index].content {
        Content::Files(files) => files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        Content::File(_) | Content::Template(_) => panic!(),
    };
    assert_eq!(
        names(0),
        ["docs/keep.md", "index.js", "lib/.hidden", "node_modules/run/package.json", "package.json"]
    );
    assert_eq!(names(1), ["index.js"]);
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("out")).unwrap();
    let text = told(&project(dir.path(), &Options::default()).unwrap_err());
    assert!(text.contains("out is a link that leads out of the directory"), "{text}");
}

#[test]
fn versions_stand_for_code_and_settings() {
    let version = |yml: &str, code: &str| {
        let dir = service(&format!("{HEAD}{yml}"));
        fs::write(dir.path().join("index.js"), code).unwrap();
        let made = project(dir.path(), &Options::default()).unwrap();
        let resources = made.template["Resources"].as_object().unwrap().clone();
        resources.keys().find(|id| id.contains("LambdaVersion")).unwrap().clone()
    };
    let plain = "functions:\n  a:\n    handler: index.handler\n";
    let one = version(plain, "exports.handler = 1");
    assert_eq!(version(plain, "exports.handler = 1"), one);
    assert_ne!(version(plain, "exports.handler = 2"), one);
    assert_ne!(
        version("functions:\n  a:\n    handler: index.handler\n    timeout: 7\n", "exports.handler = 1"),
        one
    );
    assert_eq!(
        version("functions:\n  a:\n    handler: index.handler\n    tags: {a: b}\n", "exports.handler = 1"),
        one
    );
}
