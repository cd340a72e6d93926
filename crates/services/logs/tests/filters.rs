//! What filters cause: deliveries to functions, metrics.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{sync::Arc, time::Duration};

use moln_kernel::Lineage;
use moln_logs::model::{
    DeleteSubscriptionFilterRequest, Logs as _, MetricTransformation, PutMetricFilterRequest,
};
use support::World;

async fn metric(
    world: &World,
    pattern: &str,
    value: &str,
    default: Option<f64>,
    dimensions: &[(&str, &str)],
) {
    let dimensions = dimensions.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let transformation = MetricTransformation {
        metric_name: "m".into(),
        metric_namespace: "n".into(),
        metric_value: value.into(),
        default_value: default,
        dimensions: Some(dimensions).filter(|d: &std::collections::BTreeMap<_, _>| !d.is_empty()),
        unit: Some("Milliseconds".into()),
    };
    let input = PutMetricFilterRequest {
        log_group_name: "g".into(),
        filter_name: format!("{pattern}{value}"),
        filter_pattern: pattern.into(),
        metric_transformations: vec![transformation],
        ..Default::default()
    };
    world.logs.put_metric_filter(&world.ctx, input).await.unwrap();
}

fn messages(payload: &serde_json::Value) -> Vec<&str> {
    payload["logEvents"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_function_gets_what_matches() {
    let world = World::new();
    world.group("g", &["s"]).await;
    world.subscribe("g", "ERROR").await.unwrap();
    world.put("g", "s", &["INFO a", "ERROR b", "ERROR c"]).await.unwrap();
    world.put("g", "s", &["INFO nothing"]).await.unwrap();
    world.rest().await;
    let payloads = world.functions.payloads.lock().unwrap().clone();
    assert_eq!(payloads.len(), 1);
    let payload = &payloads[0];
    assert_eq!(messages(payload), ["ERROR b", "ERROR c"]);
    assert_eq!(payload["messageType"], "DATA_MESSAGE");
    assert_eq!((&payload["owner"], &payload["logGroup"]), (&"000000000000".into(), &"g".into()));
    assert_eq!((&payload["logStream"], &payload["subscriptionFilters"][0]), (&"s".into(), &"f".into()));
    let first = &payload["logEvents"][0];
    assert_eq!(first["timestamp"], support::START);
    assert_eq!(first["id"].as_str().unwrap().len(), 56);
}

#[tokio::test]
async fn lines_of_functions_are_delivered_too_and_large_ones_whole() {
    let world = World::new();
    world.group("g", &[]).await;
    world.subscribe("g", "").await.unwrap();
    let large = "x".repeat(300_000);
    assert!(world.print("g", "s", large.clone()));
    for _ in 0..500 {
        assert!(world.print("g", "s", "y".repeat(1_000)));
    }
    world.rest().await;
    let payloads = world.functions.payloads.lock().unwrap().clone();
    let all: Vec<&str> = payloads.iter().flat_map(messages).collect();
    assert_eq!((all.len(), all[0]), (501, large.as_str()));
}

#[tokio::test]
async fn what_led_to_a_line_goes_on_to_the_function() {
    let mut world = World::new();
    world.group("g", &["s"]).await;
    world.subscribe("g", "").await.unwrap();
    let chain = |hops: &[&str]| Lineage { hops: hops.iter().map(|hop| (*hop).into()).collect() };
    assert!(world.print_after("g", "s", "a line of a function", Some(Arc::new(chain(&["f", "q", "f"])))));
    world.rest().await;
    world.ctx.lineage = chain(&["f"]);
    world.put("g", "s", &["put by a function"]).await.unwrap();
    world.rest().await;
    assert!(world.print("g", "s", "nobody's"));
    world.rest().await;
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let came = [chain(&["f", "q", "f", group]), chain(&["f", group]), chain(&[group])];
    assert_eq!(*world.functions.chains.lock().unwrap(), came);
}

#[tokio::test]
async fn a_delivery_survives_failures_and_a_restart() {
    let world = World::new();
    world.group("g", &["s"]).await;
    world.subscribe("g", "").await.unwrap();
    *world.functions.failing.lock().unwrap() = usize::MAX;
    world.put("g", "s", &["kept"]).await.unwrap();
    world.rest().await;
    let world = world.restart().await;
    world.pass(Duration::from_hours(1)).await;
    let payloads = world.functions.payloads.lock().unwrap().clone();
    assert_eq!(payloads.iter().flat_map(messages).collect::<Vec<_>>(), ["kept"]);
}

#[tokio::test]
async fn a_filter_that_was_deleted_delivers_nothing_more() {
    let world = World::new();
    world.group("g", &["s"]).await;
    world.subscribe("g", "").await.unwrap();
    *world.functions.failing.lock().unwrap() = usize::MAX;
    world.put("g", "s", &["m"]).await.unwrap();
    world.rest().await;
    let input = DeleteSubscriptionFilterRequest { log_group_name: "g".into(), filter_name: "f".into() };
    world.logs.delete_subscription_filter(&world.ctx, input).await.unwrap();
    *world.functions.failing.lock().unwrap() = 0;
    world.pass(Duration::from_hours(24)).await;
    assert!(world.functions.payloads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_function_that_does_not_allow_it_is_no_destination() {
    let world = World::new();
    world.group("g", &["s"]).await;
    *world.functions.allowed.lock().unwrap() = false;
    let error = world.subscribe("g", "").await.unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
    assert!(error.message.starts_with("Could not execute the lambda function."), "{}", error.message);
}

#[tokio::test]
async fn metrics_are_taken_out_of_events() {
    let world = World::new();
    world.group("g", &["s"]).await;
    metric(&world, "{ $.ms = * }", "$.ms", None, &[("Path", "$.path")]).await;
    metric(&world, "ERROR", "1", Some(0.0), &[]).await;
    world.put("g", "s", &[r#"{"ms":12.5,"path":"/a"}"#, r#"{"ms":"x","path":"/a"}"#]).await.unwrap();
    world.put("g", "s", &[r#"{"ms":3}"#, "ERROR one", "ERROR two"]).await.unwrap();
    let points = world.metrics.0.lock().unwrap();
    let seen: Vec<_> = points.iter().map(|p| (p.value, p.dimensions.clone(), p.unit)).collect();
    let path = vec![("Path".to_owned(), "/a".to_owned())];
    assert_eq!(
        seen,
        [
            // Nothing matched in the first batch: the default. What has no number, or lacks a dimension, counts nowhere.
            (0.0, vec![], "Milliseconds"),
            (12.5, path, "Milliseconds"),
            (1.0, vec![], "Milliseconds"),
            (1.0, vec![], "Milliseconds"),
        ]
    );
}
