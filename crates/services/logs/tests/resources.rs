//! The `CloudFormation` types.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use moln_kernel::resources::{Origin, ResourceHandler};
use moln_logs::resources::handlers;
use serde_json::{Value, json};
use support::{FUNCTION, World};

fn handler<'a>(all: &'a [Box<dyn ResourceHandler>], name: &str) -> &'a dyn ResourceHandler {
    &**all.iter().find(|handler| handler.type_name() == name).unwrap()
}

#[tokio::test]
async fn every_type_is_made_changed_read_and_deleted() {
    let world = World::new();
    world.group("base", &[]).await;
    let all = handlers(&world.logs);
    let origin = Origin { stack: "stack".into(), logical_id: "Thing".into(), ..Origin::default() };
    let metric = |value: &str| {
        json!([{"MetricName": "m", "MetricNamespace": "n", "MetricValue": value,
                "Dimensions": [{"Key": "Path", "Value": "$.path"}]}])
    };
    let cases: [(&str, Value, Value); 5] = [
        (
            "AWS::Logs::LogGroup",
            json!({"RetentionInDays": 7, "Tags": [{"Key": "a", "Value": "b"}]}),
            json!({"RetentionInDays": "14", "Tags": [{"Key": "c", "Value": "d"}]}),
        ),
        ("AWS::Logs::LogStream", json!({"LogGroupName": "base"}), json!({"LogGroupName": "base"})),
        (
            "AWS::Logs::MetricFilter",
            json!({"LogGroupName": "base", "FilterPattern": "{ $.path = * }", "MetricTransformations": metric("1")}),
            json!({"LogGroupName": "base", "FilterPattern": "ERROR", "MetricTransformations": metric("2")}),
        ),
        (
            "AWS::Logs::SubscriptionFilter",
            json!({"LogGroupName": "base", "FilterPattern": "", "DestinationArn": FUNCTION}),
            json!({"LogGroupName": "base", "FilterPattern": "ERROR", "DestinationArn": FUNCTION}),
        ),
        (
            "AWS::Logs::QueryDefinition",
            json!({"Name": "q", "QueryString": "fields @message", "LogGroupNames": ["base"]}),
            json!({"Name": "q", "QueryString": "stats count(*)"}),
        ),
    ];
    for (name, before, after) in cases {
        let handler = handler(&all, name);
        let made = handler.create(&world.ctx, &origin, &before).await.unwrap();
        for property in before.as_object().unwrap().keys() {
            assert!(handler.properties().contains(&property.as_str()), "{name} {property}");
        }
        assert_eq!(handler.read(&world.ctx, &made.id).await.unwrap().as_ref(), Some(&made), "{name}");
        let changed = handler.update(&world.ctx, &made.id, &before, &after).await.unwrap();
        assert_eq!(changed, made, "{name}: the same resource");
        handler.delete(&world.ctx, &made.id, &after).await.unwrap();
        assert_eq!(handler.read(&world.ctx, &made.id).await.unwrap(), None, "{name}");
        let gone = handler.delete(&world.ctx, &made.id, &after).await;
        assert!(gone.is_ok(), "{name}: what is gone is no error: {gone:?}");
    }
}

#[tokio::test]
async fn a_group_with_a_bad_value_is_not_made() {
    let world = World::new();
    let all = handlers(&world.logs);
    let group = handler(&all, "AWS::Logs::LogGroup");
    let properties = json!({"LogGroupName": "g", "RetentionInDays": 2});
    let error = group.create(&world.ctx, &Origin::default(), &properties).await.unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
    assert_eq!(group.read(&world.ctx, "g").await.unwrap(), None);
}
