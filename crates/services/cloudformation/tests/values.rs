//! Values that stand elsewhere: parameters and secrets that a template names.

// Tests may panic.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use moln_cloudformation::model::{
    Cloudformation as _, CreateChangeSetInput, DescribeChangeSetInput, DescribeStackEventsInput,
};
use moln_store::MemoryStore;
use serde_json::{Value, json};

use support::{World, change, creation, values::Values};

fn body(value: &str) -> String {
    let thing = json!({"Type": "Test::Fake::Thing", "Properties": {"Label": "a", "Value": value}});
    json!({ "Resources": {"A": thing} }).to_string()
}

fn values() -> Values {
    let parameter = |kind: &str, value: &str| (kind.to_owned(), value.to_owned());
    Values {
        parameters: [
            ("/plain".to_owned(), parameter("String", "blue")),
            ("/list".to_owned(), parameter("StringList", "a,b")),
            ("/hidden".to_owned(), parameter("SecureString", "x")),
        ]
        .into(),
        secrets: [("db".to_owned(), json!({"user": "root", "port": 5}).to_string())].into(),
    }
}

fn value_of(world: &World) -> Value {
    world.things.labels().first().map(|thing| thing["Value"].clone()).unwrap_or_default()
}

async fn proposed(world: &World, body: &str) -> (String, String) {
    let input = CreateChangeSetInput {
        stack_name: "s".into(),
        change_set_name: "c".into(),
        change_set_type: Some("CREATE".into()),
        template_body: Some(body.to_owned()),
        ..CreateChangeSetInput::default()
    };
    world.stacks.create_change_set(&world.ctx, input).await.unwrap();
    let input = DescribeChangeSetInput {
        stack_name: Some("s".into()),
        change_set_name: "c".into(),
        ..DescribeChangeSetInput::default()
    };
    let set = world.stacks.describe_change_set(&world.ctx, input).await.unwrap();
    (set.status.unwrap(), set.status_reason.unwrap_or_default())
}

#[tokio::test]
async fn without_the_service_a_stack_fails_and_names_the_reference() {
    for reference in ["{{resolve:ssm:/plain:1}}", "{{resolve:secretsmanager:db:SecretString:user}}"] {
        let world = World::new(&MemoryStore::new());
        world.create(&body(&format!("x{reference}"))).await.unwrap().unwrap();
        assert!(world.rest().await);
        assert_eq!(world.status().await, "ROLLBACK_COMPLETE");
        let reasons = world.reasons().await;
        assert!(reasons.iter().any(|why| why.contains(reference)), "{reasons:?}");
        assert!(world.things.all().is_empty());
        let world = World::new(&MemoryStore::new());
        let (status, why) = proposed(&world, &body(reference)).await;
        assert_eq!(status, "FAILED");
        assert!(why.contains(reference), "{why}");
    }
    let world = World::new(&MemoryStore::new());
    let typed = json!({
        "Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/plain"}},
        "Resources": {"A": {"Type": "Test::Fake::Thing", "Properties": {"Value": {"Ref": "P"}}}},
    });
    let error = world.create(&typed.to_string()).await.unwrap().unwrap_err();
    assert!(error.message.contains("Parameter P has type AWS::SSM::Parameter::Value<String>"), "{error}");
}

#[tokio::test]
async fn a_secure_parameter_is_no_property_of_any_type_here() {
    let world = World::with(&MemoryStore::new(), values());
    let body = body("{{resolve:ssm-secure:/hidden:1}}");
    let words = "SSM Secure reference is not supported in: [Test::Fake::Thing/Properties/Value]";
    assert_eq!(world.create(&body).await.unwrap().unwrap_err().message, words);
    assert_eq!(proposed(&world, &body).await, ("FAILED".to_owned(), words.to_owned()));
}

#[tokio::test]
async fn references_are_resolved_for_the_resource_and_shown_to_nobody() {
    let world = World::with(&MemoryStore::new(), values());
    let reference = "{{resolve:ssm:/plain}}-{{resolve:secretsmanager:db:SecretString:port}}";
    assert_eq!(proposed(&world, &body(reference)).await.0, "CREATE_COMPLETE");
    let world = World::with(&MemoryStore::new(), values());
    world.create(&body(reference)).await.unwrap().unwrap();
    assert!(world.rest().await);
    assert_eq!(world.status().await, "CREATE_COMPLETE");
    assert_eq!(value_of(&world), "blue-5");
    let input = DescribeStackEventsInput { stack_name: "s".into(), ..DescribeStackEventsInput::default() };
    let events = world.stacks.describe_stack_events(&world.ctx, input).await.unwrap().stack_events.unwrap();
    let told: Vec<String> = events.into_iter().filter_map(|event| event.resource_properties).collect();
    assert!(!told.is_empty() && told.iter().all(|one| one.contains(reference) && !one.contains("blue")));
    world.update(&body("{{resolve:secretsmanager:db:SecretString:user}}")).await.unwrap().unwrap();
    assert!(world.rest().await);
    assert_eq!(value_of(&world), "root");
    // An update that names what is not there goes back.
    world.update(&body("{{resolve:ssm:/nowhere}}")).await.unwrap().unwrap();
    assert!(world.rest().await);
    assert_eq!(world.status().await, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(value_of(&world), "root");
    let reasons = world.reasons().await;
    assert!(reasons.iter().any(|why| why.contains("{{resolve:ssm:/nowhere}}")), "{reasons:?}");
}

#[tokio::test]
async fn typed_parameters_have_what_the_store_holds() {
    let typed = |kind: &str, name: &str| {
        json!({
            "Parameters": {"P": {"Type": format!("AWS::SSM::Parameter::Value<{kind}>"), "Default": name}},
            "Resources": {"A": {"Type": "Test::Fake::Thing", "Properties": {"Value": {"Ref": "P"}}}},
        })
        .to_string()
    };
    let world = World::with(&MemoryStore::new(), values());
    world.stacks.create_stack(&world.ctx, creation(&typed("String", "/plain"))).await.unwrap();
    assert!(world.rest().await);
    assert_eq!(value_of(&world), "blue");
    world.stacks.update_stack(&world.ctx, change(&typed("List<String>", "/list"))).await.unwrap();
    assert!(world.rest().await);
    assert_eq!(value_of(&world), json!(["a", "b"]));
    let world = &world;
    let refused = |body: String| async move { world.update(&body).await.unwrap().unwrap_err().message };
    let words = "Parameter P should either have input value or default value";
    assert_eq!(refused(typed("String", "/nowhere")).await, words);
    let words = "Parameters [/hidden] referenced by template have types not supported by CloudFormation.";
    assert_eq!(refused(typed("String", "/hidden")).await, words);
}

#[tokio::test]
async fn a_policy_that_a_type_does_not_support_is_refused() {
    let world = World::new(&MemoryStore::new());
    for (policy, words) in
        [("DeletionPolicy", "deletion policy"), ("UpdateReplacePolicy", "update replace policy")]
    {
        let mut body: Value = serde_json::from_str(&body("x")).unwrap();
        body["Resources"]["A"][policy] = json!("Snapshot");
        let error = world.create(&body.to_string()).await.unwrap().unwrap_err();
        let told =
            format!("Template error: resource type Test::Fake::Thing does not support {words} Snapshot");
        assert_eq!(error.message, told);
    }
}
