//! Asynchronous invokes from end to end, with functions that do as they are told.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moln_kernel::{ApiError, Lineage};
use serde_json::{Value, json};

use super::Asynchronous;
use crate::{
    destinations::Destinations,
    testing::{FakeQueues, World, callee, failed, ok, throttled, until},
};

const DLQ: &str = "arn:aws:sqs:us-east-1:000000000000:dlq";
const GOOD: &str = "arn:aws:sqs:us-east-1:000000000000:good";
const BAD: &str = "arn:aws:sqs:us-east-1:000000000000:bad";

fn open(world: &World) -> Arc<Asynchronous> {
    let queues = Arc::<FakeQueues>::clone(&world.queues);
    let destinations = Destinations { queues: Some(queues), ..Destinations::default() };
    let metrics = Arc::clone(&world.metrics);
    Asynchronous::open(world.store.clone(), world.clock(), metrics, destinations).unwrap()
}

fn start(world: &World) -> Arc<Asynchronous> {
    let events = open(world);
    events.start(&world.workers, &world.function());
    events
}

async fn send(world: &World, events: &Asynchronous, name: &str, payload: &str) {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    events.enqueue(&world.ctx(), &callee(name), payload, None).await.unwrap();
}

#[tokio::test]
async fn a_failing_event_is_tried_three_times_and_told_of_everywhere() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| {
        profile.dead_letter = Some(DLQ.into());
        profile.on_failure = Some(BAD.into());
        profile.on_success = Some(GOOD.into());
    });
    world.answer([failed("one"), failed("two"), failed("boom")]);
    send(&world, &events, "f", r#"{"raise": 1}"#).await;
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.functions.moments(), [0, 60, 180]);
    let ids: Vec<_> =
        world.functions.calls.lock().unwrap().iter().map(|(_, call)| call.request_id.clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same request at every try");

    let dead = world.queues.all(DLQ);
    assert_eq!((dead.len(), dead[0].message.body.as_str()), (1, r#"{"raise": 1}"#));
    let attributes = ["RequestID", "ErrorCode", "ErrorMessage"].map(|name| dead[0].attribute(name));
    assert_eq!(attributes, [ids[0].as_str(), "200", "boom"]);
    assert_eq!(dead[0].message.attributes["ErrorCode"].data_type, "Number");

    let told = world.queues.all(BAD);
    let record: Value = serde_json::from_str(&told[0].message.body).unwrap();
    assert_eq!((told.len(), &record["requestContext"]["condition"]), (1, &json!("RetriesExhausted")));
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"], json!({"raise": 1}));
    assert_eq!(record["responsePayload"]["errorMessage"], "boom");
    assert_eq!(record["timestamp"], "2027-01-15T08:03:00.000Z");
    assert!(record["requestContext"]["functionArn"].as_str().unwrap().ends_with(":function:f:$LATEST"));
    let own = "arn:aws:lambda:us-east-1:000000000000:function:f";
    assert_eq!(told[0].lineage.times(own), 1, "what is told of it comes from the function");

    assert!(world.queues.all(GOOD).is_empty());
    assert_eq!(world.rows("lam/"), 0, "nothing is left");
    assert_eq!((world.metrics.sum("AsyncEventsReceived"), world.metrics.sum("AsyncEventsDropped")), (1, 1));
}

#[tokio::test]
async fn an_event_that_leaves_no_room_for_attributes_is_not_lost() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| (profile.dead_letter, profile.retries) = (Some(DLQ.into()), 0));
    for (bytes, attributes) in [(1_048_576, 0), (1_048_576 - 60, 1), (1_048_576 - 200, 3)] {
        world.answer([failed("boom")]);
        send(&world, &events, "f", &"1".repeat(bytes)).await;
        world.rest().await;
        let letter = world.queues.all(DLQ).pop().unwrap();
        assert_eq!((letter.message.body.len(), letter.message.attributes.len()), (bytes, attributes));
    }
}

#[tokio::test]
async fn a_success_is_told_of() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| profile.on_success = Some(GOOD.into()));
    world.answer([failed("once"), ok(r#"{"fine": true}"#)]);
    send(&world, &events, "f", "{}").await;
    world.pass(Duration::from_mins(2)).await;
    let told = world.queues.all(GOOD);
    let record: Value = serde_json::from_str(&told[0].message.body).unwrap();
    assert_eq!((told.len(), &record["requestContext"]["condition"]), (1, &json!("Success")));
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["responsePayload"], json!({"fine": true}));
}

#[tokio::test]
async fn throttles_wait_without_using_up_retries_until_the_event_is_too_old() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| (profile.retries, profile.on_failure) = (0, Some(BAD.into())));
    world.answer([throttled(), throttled(), throttled(), throttled()]);
    send(&world, &events, "f", "{}").await;
    world.pass(Duration::from_mins(5)).await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 5);
    assert!(world.queues.all(BAD).is_empty());

    world.set(|profile| profile.max_age = Duration::from_mins(1));
    world.answer((0..1_000).map(|_| throttled()));
    send(&world, &events, "f", "{}").await;
    world.pass(Duration::from_mins(2)).await;
    let record: Value = serde_json::from_str(&world.queues.all(BAD)[0].message.body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(world.rows("lam/"), 0);
}

#[tokio::test]
async fn what_was_accepted_survives_a_restart() {
    let world = World::new();
    let long = json!("x".repeat(1_000_000)).to_string();
    let events = open(&world);
    send(&world, &events, "f", &long).await;
    send(&world, &events, "g", "2").await;
    drop(events);
    let world = world.restart().await;
    world.answer([failed("again"), failed("again")]);
    let _events = start(&world);
    world.rest().await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 2);
    // Stopped between two tries.
    let world = world.restart().await;
    let _events = start(&world);
    world.pass(Duration::from_mins(2)).await;
    let mut bodies = world.functions.bodies();
    bodies.sort();
    assert_eq!(bodies.len(), 2);
    assert!(bodies[0] == long && bodies[1] == "2");
    assert_eq!(world.rows("lam/"), 0);
}

#[tokio::test]
async fn what_runs_when_the_process_ends_runs_again() {
    let world = World::new();
    world.functions.slow.lock().unwrap().push("f".into());
    let events = start(&world);
    send(&world, &events, "f", "1").await;
    until(|| world.functions.calls.lock().unwrap().len() == 1).await;
    drop(events);
    let world = world.restart().await;
    let _events = start(&world);
    world.rest().await;
    assert_eq!(world.functions.bodies(), ["1"]);
}

#[tokio::test]
async fn a_slow_function_holds_up_nobody_else() {
    let world = World::new();
    world.functions.slow.lock().unwrap().push("slow".into());
    let events = start(&world);
    for n in 0..200 {
        send(&world, &events, "slow", &n.to_string()).await;
    }
    send(&world, &events, "quick", "\"q\"").await;
    until(|| world.functions.bodies().contains(&"\"q\"".to_owned())).await;
    let under_way = world.functions.calls.lock().unwrap().len() - 1;
    assert!(under_way <= super::limits::LANE_WIDTH, "{under_way}");
    world.functions.gate.add_permits(1_000);
    world.rest().await;
    assert_eq!((world.functions.calls.lock().unwrap().len(), world.rows("lam/")), (201, 0));
}

#[tokio::test]
async fn a_loop_is_stopped_and_goes_to_the_dead_letter_queue_with_its_chain() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| {
        profile.dead_letter = Some(DLQ.into());
        profile.on_failure = Some(BAD.into());
    });
    let own = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let hops = |count: usize| Lineage { hops: (0..count).map(|_| own.into()).collect() };
    let mut ctx = world.ctx();
    for count in [15, 16] {
        ctx.lineage = hops(count);
        events.enqueue(&ctx, &callee("f"), Bytes::from_static(b"{}"), None).await.unwrap();
    }
    world.rest().await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 1, "the seventeenth hop is stopped");
    let dead = world.queues.all(DLQ);
    assert_eq!((dead.len(), dead[0].attribute("ErrorCode")), (1, "400".to_owned()));
    assert!(dead[0].attribute("ErrorMessage").contains(&format!("{own} → {own}")));
    assert_eq!(dead[0].lineage.times(own), 16);
    let record: Value = serde_json::from_str(&world.queues.all(BAD)[0].message.body).unwrap();
    assert_eq!(record["responsePayload"]["errorType"], "RecursiveInvocationException");
    assert_eq!(world.metrics.sum("RecursiveInvocationsDropped"), 1);

    world.set(|profile| profile.recursion = moln_kernel::RecursiveLoop::Allow);
    events.enqueue(&ctx, &callee("f"), Bytes::from_static(b"{}"), None).await.unwrap();
    world.rest().await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 2, "allowed");
}

#[tokio::test]
async fn a_record_can_go_to_a_function() {
    let world = World::new();
    let events = start(&world);
    let to = "arn:aws:lambda:us-east-1:000000000000:function:after:live";
    world.set(|profile| profile.on_success = Some(to.into()));
    send(&world, &events, "f", "1").await;
    until(|| world.functions.calls.lock().unwrap().len() >= 2).await;
    world.set(|profile| profile.on_success = None);
    world.rest().await;
    let calls = world.functions.calls.lock().unwrap();
    let (_, call) = &calls[1];
    assert_eq!((&*call.callee.name, call.callee.qualifier.as_deref()), ("after", Some("live")));
    let record: Value = serde_json::from_slice(&call.payload).unwrap();
    assert_eq!(record["requestPayload"], 1);
    assert_eq!(call.lineage.hops.len(), 1);
}

#[tokio::test]
async fn a_destination_that_fails_is_tried_again_and_one_that_is_not_there_is_told() {
    let world = World::new();
    let events = start(&world);
    world.set(|profile| profile.on_success = Some(GOOD.into()));
    *world.queues.broken.lock().unwrap() = Some(ApiError::internal("away"));
    send(&world, &events, "f", "1").await;
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(world.rows("lam/q/"), 1);
    *world.queues.broken.lock().unwrap() = None;
    world.pass(Duration::from_mins(5)).await;
    assert_eq!((world.queues.all(GOOD).len(), world.rows("lam/")), (1, 0));

    for to in ["arn:aws:sns:us-east-1:000000000000:t", "arn:aws:dynamodb:us-east-1:000000000000:table/t"] {
        world.set(|profile| profile.on_success = Some(to.into()));
        send(&world, &events, "f", "1").await;
        world.rest().await;
    }
    assert_eq!((world.metrics.sum("DestinationDeliveryErrors"), world.rows("lam/")), (2, 0));
}

#[tokio::test]
async fn events_of_a_function_that_is_gone_are_dropped() {
    let world = World::new();
    let events = start(&world);
    send(&world, &events, "gone", "1").await;
    world.rest().await;
    assert_eq!((world.rows("lam/"), world.metrics.sum("AsyncEventsDropped")), (0, 1));
}
