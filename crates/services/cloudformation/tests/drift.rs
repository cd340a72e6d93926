//! What is not any more as a template says it.

// Tests may panic.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use moln_cloudformation::model::{
    Cloudformation as _, DescribeStackDriftDetectionStatusInput, DescribeStackResourceDriftsInput,
    DetectStackDriftInput, StackResourceDrift,
};
use moln_store::MemoryStore;
use serde_json::json;

use support::World;

async fn detected(world: &World) -> (String, i32, Vec<StackResourceDrift>) {
    let input = DetectStackDriftInput { stack_name: "s".into(), ..DetectStackDriftInput::default() };
    let id = world.stacks.detect_stack_drift(&world.ctx, input).await.unwrap().stack_drift_detection_id;
    let input = DescribeStackDriftDetectionStatusInput { stack_drift_detection_id: id };
    let status = world.stacks.describe_stack_drift_detection_status(&world.ctx, input).await.unwrap();
    let input = DescribeStackResourceDriftsInput {
        stack_name: "s".into(),
        ..DescribeStackResourceDriftsInput::default()
    };
    let drifts = world.stacks.describe_stack_resource_drifts(&world.ctx, input).await.unwrap();
    let count = status.drifted_stack_resource_count.unwrap();
    (status.stack_drift_status.unwrap(), count, drifts.stack_resource_drifts)
}

#[tokio::test]
async fn differences_are_told_until_the_stack_changes_them() {
    let body = |value: i32| {
        let thing = |kind: &str, name: &str| {
            let properties = json!({"Name": name, "Label": name, "Value": value});
            json!({"Type": format!("Test::Fake::{kind}"), "Properties": properties})
        };
        json!({"Resources": {"A": thing("Thing", "a"), "B": thing("Thing", "b"), "C": thing("Put", "c")}})
            .to_string()
    };
    let world = World::new(&MemoryStore::new());
    world.create(&body(1)).await.unwrap().unwrap();
    assert!(world.rest().await);
    let (status, count, drifts) = detected(&world).await;
    assert_eq!((status.as_str(), count), ("IN_SYNC", 0));
    // The other type does not tell.
    let told: Vec<_> = drifts.iter().map(|one| one.logical_resource_id.as_str()).collect();
    assert_eq!(told, ["A", "B"]);
    {
        let mut things = world.things.0.lock().unwrap();
        things.insert("a".into(), json!({"Name": "a", "Label": null, "Value": "7"}));
        things.remove("b");
    }
    let (status, count, drifts) = detected(&world).await;
    assert_eq!((status.as_str(), count), ("DRIFTED", 2));
    assert_eq!(drifts[0].stack_resource_drift_status, "MODIFIED");
    let differences: Vec<_> = drifts[0]
        .property_differences
        .iter()
        .flatten()
        .map(|one| {
            let values = (one.expected_value.as_str(), one.actual_value.as_str());
            (one.property_path.as_str(), values, one.difference_type.as_str())
        })
        .collect();
    assert_eq!(differences, [("/Label", ("a", ""), "REMOVE"), ("/Value", ("1", "7"), "NOT_EQUAL")]);
    assert_eq!(drifts[1].stack_resource_drift_status, "DELETED");
    assert_eq!(drifts[1].property_differences, None);
}
