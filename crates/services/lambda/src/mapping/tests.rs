//! Mappings from end to end, with queues in memory and functions that do as they are told.

use std::{sync::Arc, time::Duration};

use moln_kernel::{ApiError, Lineage, pagination::Pagination};
use serde_json::{Value, json};

use super::Mappings;
use crate::{
    model::*,
    testing::{FakeFunctions, FakeQueues, World, endpoint, failed, ok, throttled, until},
};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const FIFO: &str = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
const OWN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn start(world: &World) -> Arc<Mappings> {
    let (metrics, queues) = (Arc::clone(&world.metrics), Arc::<FakeQueues>::clone(&world.queues));
    let mappings = Mappings::open(world.store.clone(), world.clock(), metrics, queues, endpoint()).unwrap();
    mappings.start(&world.workers, &world.function());
    mappings
}

fn wish(queue: &str) -> CreateEventSourceMappingRequest {
    CreateEventSourceMappingRequest {
        event_source_arn: Some(queue.into()),
        function_name: "f".into(),
        ..CreateEventSourceMappingRequest::default()
    }
}

async fn create(
    world: &World,
    mappings: &Arc<Mappings>,
    wish: CreateEventSourceMappingRequest,
) -> Result<EventSourceMappingConfiguration, ApiError> {
    mappings.create(&world.ctx(), &*world.functions, wish).await
}

fn state(world: &World, mappings: &Mappings, uuid: &str) -> String {
    let input = GetEventSourceMappingRequest { uuid: uuid.into() };
    mappings.get(&world.ctx(), &input).map_or("gone".to_owned(), |told| told.state.unwrap())
}

fn fill(world: &World, queue: &str, count: usize) {
    for n in 0..count {
        world.queues.put(queue, None, &n.to_string(), Lineage::default());
    }
}

/// Bodies of each batch.
fn batches(functions: &FakeFunctions) -> Vec<Vec<String>> {
    let records = |event: &String| {
        let event: Value = serde_json::from_str(event).unwrap();
        let records = event["Records"].as_array().unwrap();
        records.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect()
    };
    functions.bodies().iter().map(records).collect()
}

fn reports(ids: &[&str]) -> String {
    let failures: Vec<_> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": failures}).to_string()
}

#[tokio::test]
async fn messages_come_in_batches_and_are_removed() {
    let world = World::new();
    let mappings = start(&world);
    fill(&world, QUEUE, 25);
    let made = create(&world, &mappings, wish(QUEUE)).await.unwrap();
    assert_eq!((made.state.as_deref(), made.batch_size), (Some("Creating"), Some(10)));
    assert_eq!(made.function_arn.as_deref(), Some(OWN));
    world.rest().await;
    assert_eq!(state(&world, &mappings, &made.uuid.unwrap()), "Enabled");
    let mut sizes: Vec<_> = batches(&world.functions).iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 10, 10]);
    assert!(world.queues.all(QUEUE).is_empty());
    fill(&world, QUEUE, 1);
    until(|| world.queues.all(QUEUE).is_empty()).await;
}

#[tokio::test]
async fn what_failed_comes_back_after_its_visibility_timeout() {
    let world = World::new();
    let mappings = start(&world);
    create(&world, &mappings, wish(QUEUE)).await.unwrap();
    world.answer([failed("boom"), ok("null")]);
    fill(&world, QUEUE, 2);
    world.pass(Duration::from_secs(29)).await;
    assert_eq!(world.queues.all(QUEUE).len(), 2);
    world.pass(Duration::from_secs(2)).await;
    assert!(world.queues.all(QUEUE).is_empty());
    assert_eq!(world.functions.moments(), [0, 30]);
}

#[tokio::test]
async fn failures_can_be_reported_one_by_one() {
    let world = World::new();
    let mappings = start(&world);
    let wish = CreateEventSourceMappingRequest {
        function_response_types: Some(vec!["ReportBatchItemFailures".into()]),
        ..wish(QUEUE)
    };
    fill(&world, QUEUE, 3);
    world.answer([ok(&reports(&["m1"])), ok(&reports(&["nonsense"])), ok("{}")]);
    create(&world, &mappings, wish).await.unwrap();
    world.rest().await;
    let left: Vec<_> = world.queues.all(QUEUE).into_iter().map(|kept| kept.id).collect();
    assert_eq!(left, ["m1"]);
    world.pass(Duration::from_secs(61)).await;
    assert!(world.queues.all(QUEUE).is_empty());
    assert_eq!(batches(&world.functions), [vec!["0", "1", "2"], vec!["1"], vec!["1"]]);
}

#[tokio::test]
async fn filters_remove_what_is_not_wanted() {
    let world = World::new();
    let mappings = start(&world);
    let filter = Filter { pattern: Some(json!({"body": {"kind": ["a"]}}).to_string()) };
    let wish = CreateEventSourceMappingRequest {
        filter_criteria: Some(FilterCriteria { filters: Some(vec![filter.clone()]) }),
        ..wish(QUEUE)
    };
    for body in [r#"{"kind": "a"}"#, r#"{"kind": "b"}"#, "plain"] {
        world.queues.put(QUEUE, None, body, Lineage::default());
    }
    let made = create(&world, &mappings, wish).await.unwrap();
    assert_eq!(made.filter_criteria.unwrap().filters, Some(vec![filter]));
    world.rest().await;
    assert_eq!(batches(&world.functions), [[r#"{"kind": "a"}"#]]);
    assert!(world.queues.all(QUEUE).is_empty());
}

#[tokio::test]
async fn a_window_collects_until_it_ends_or_the_batch_is_full() {
    let world = World::new();
    let mappings = start(&world);
    let wish = CreateEventSourceMappingRequest {
        batch_size: Some(20),
        maximum_batching_window_in_seconds: Some(60),
        ..wish(QUEUE)
    };
    create(&world, &mappings, wish).await.unwrap();
    world.rest().await;
    fill(&world, QUEUE, 3);
    world.pass(Duration::from_secs(40)).await;
    fill(&world, QUEUE, 4);
    world.pass(Duration::from_secs(19)).await;
    assert!(world.functions.moments().is_empty(), "visibility has passed, and yet they are ours");
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(batches(&world.functions).iter().map(Vec::len).collect::<Vec<_>>(), [7]);
    fill(&world, QUEUE, 20);
    world.rest().await;
    assert_eq!(batches(&world.functions).iter().map(Vec::len).collect::<Vec<_>>(), [7, 20]);
    assert_eq!(world.functions.moments(), [60, 61]);
}

#[tokio::test]
async fn concurrency_is_bounded_and_what_waits_is_not_received() {
    let world = World::new();
    let mappings = start(&world);
    world.functions.slow.lock().unwrap().push("f".into());
    fill(&world, QUEUE, 100);
    let wish = CreateEventSourceMappingRequest {
        scaling_config: Some(ScalingConfig { maximum_concurrency: Some(2) }),
        ..wish(QUEUE)
    };
    create(&world, &mappings, wish).await.unwrap();
    until(|| world.functions.calls.lock().unwrap().len() == 2).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 2);
    let received = world.queues.all(QUEUE).iter().filter(|kept| kept.receives > 0).count();
    assert_eq!(received, 20, "no receive is wasted");
    world.functions.gate.add_permits(1_000);
    until(|| world.queues.all(QUEUE).is_empty()).await;
    assert_eq!(world.functions.calls.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn throttles_cost_no_receives() {
    let world = World::new();
    let mappings = start(&world);
    world.answer([throttled(), throttled(), throttled()]);
    fill(&world, QUEUE, 5);
    create(&world, &mappings, wish(QUEUE)).await.unwrap();
    world.pass(Duration::from_secs(10)).await;
    assert!(world.queues.all(QUEUE).is_empty());
    let event: Value = serde_json::from_str(world.functions.bodies().last().unwrap()).unwrap();
    assert_eq!(event["Records"][0]["attributes"]["ApproximateReceiveCount"], "1");

    // In vain for longer than they are hidden: then they come anew.
    world.answer((0..12).map(|_| throttled()));
    fill(&world, QUEUE, 1);
    world.pass(Duration::from_mins(5)).await;
    assert!(world.queues.all(QUEUE).is_empty());
}

#[tokio::test]
async fn groups_keep_their_order_and_run_side_by_side() {
    let world = World::new();
    let mappings = start(&world);
    world.functions.slow.lock().unwrap().push("f".into());
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        world.queues.put(FIFO, Some(group), body, Lineage::default());
    }
    let wish = CreateEventSourceMappingRequest { batch_size: Some(1), ..wish(FIFO) };
    create(&world, &mappings, wish).await.unwrap();
    until(|| world.functions.calls.lock().unwrap().len() == 2).await;
    assert_eq!(batches(&world.functions), [["a1"], ["b1"]], "a2 waits for a1");
    world.functions.gate.add_permits(10);
    until(|| world.queues.all(FIFO).is_empty()).await;
    assert_eq!(batches(&world.functions)[2], ["a2"]);
}

#[tokio::test]
async fn what_does_not_fit_an_event_waits_its_turn() {
    let world = World::new();
    let mappings = start(&world);
    world.functions.slow.lock().unwrap().push("f".into());
    for n in 0..8 {
        world.queues.put(FIFO, Some("a"), &format!("{n}{}", "x".repeat(1_000_000)), Lineage::default());
    }
    create(&world, &mappings, wish(FIFO)).await.unwrap();
    until(|| world.functions.calls.lock().unwrap().len() == 1).await;
    world.functions.gate.add_permits(10);
    until(|| world.queues.all(FIFO).is_empty()).await;
    assert_eq!(batches(&world.functions).iter().map(Vec::len).collect::<Vec<_>>(), [6, 2]);
}

#[tokio::test]
async fn loops_are_stopped() {
    let world = World::new();
    let mappings = start(&world);
    let chain = |hops: usize| Lineage { hops: (0..hops).map(|_| OWN.into()).collect() };
    for hops in [0, 15, 16] {
        world.queues.put(QUEUE, None, &hops.to_string(), chain(hops));
    }
    create(&world, &mappings, wish(QUEUE)).await.unwrap();
    world.rest().await;
    assert_eq!(batches(&world.functions), [["0", "15"]]);
    let times = world.functions.calls.lock().unwrap()[0].1.lineage.times(OWN);
    assert_eq!(times, 15, "the longest chain goes on");
    assert_eq!(world.metrics.sum("RecursiveInvocationsDropped"), 1);
    assert_eq!(world.queues.all(QUEUE).len(), 1, "left to the queue's redrive policy");
}

#[tokio::test]
async fn it_is_disabled_enabled_and_deleted() {
    let world = World::new();
    let mappings = start(&world);
    let made =
        create(&world, &mappings, CreateEventSourceMappingRequest { enabled: Some(false), ..wish(QUEUE) });
    let made = made.await.unwrap();
    let uuid = made.uuid.unwrap();
    assert_eq!(made.state.as_deref(), Some("Disabled"));
    fill(&world, QUEUE, 1);
    world.pass(Duration::from_mins(1)).await;
    assert!(world.functions.moments().is_empty());

    let update =
        |enabled| UpdateEventSourceMappingRequest { uuid: uuid.clone(), enabled, ..Default::default() };
    let told = mappings.update(&world.ctx(), &*world.functions, update(Some(true))).await.unwrap();
    assert_eq!(told.state.as_deref(), Some("Enabling"));
    world.rest().await;
    assert_eq!((state(&world, &mappings, &uuid).as_str(), world.functions.moments().len()), ("Enabled", 1));

    let told = mappings.update(&world.ctx(), &*world.functions, update(Some(false))).await.unwrap();
    assert_eq!(told.state.as_deref(), Some("Disabling"));
    world.rest().await;
    assert_eq!(state(&world, &mappings, &uuid), "Disabled");
    let bigger = UpdateEventSourceMappingRequest { batch_size: Some(5), ..update(None) };
    let told = mappings.update(&world.ctx(), &*world.functions, bigger).await.unwrap();
    assert_eq!((told.state.as_deref(), told.batch_size), (Some("Disabled"), Some(5)));

    // All of it is on disk.
    drop(mappings);
    let world = world.restart().await;
    let mappings = start(&world);
    fill(&world, QUEUE, 7);
    world.rest().await;
    assert_eq!((state(&world, &mappings, &uuid).as_str(), world.functions.moments().len()), ("Disabled", 0));
    mappings.update(&world.ctx(), &*world.functions, update(Some(true))).await.unwrap();
    world.rest().await;
    assert_eq!(batches(&world.functions).iter().map(Vec::len).sum::<usize>(), 7);

    let gone =
        mappings.delete(&world.ctx(), &DeleteEventSourceMappingRequest { uuid: uuid.clone() }).await.unwrap();
    assert_eq!(gone.state.as_deref(), Some("Deleting"));
    world.rest().await;
    assert_eq!((state(&world, &mappings, &uuid).as_str(), world.rows("lam/m/")), ("gone", 0));
    fill(&world, QUEUE, 1);
    world.rest().await;
    assert_eq!(world.queues.all(QUEUE).len(), 1);
    let names: Vec<_> = world.workers.report().iter().map(|worker| worker.name.to_string()).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn what_is_in_hand_is_given_back() {
    let world = World::new();
    let mappings = start(&world);
    let wish =
        CreateEventSourceMappingRequest { maximum_batching_window_in_seconds: Some(300), ..wish(QUEUE) };
    let uuid = create(&world, &mappings, wish).await.unwrap().uuid.unwrap();
    fill(&world, QUEUE, 3);
    world.rest().await;
    assert!(world.queues.all(QUEUE).iter().all(|kept| kept.receives == 1));
    let update = UpdateEventSourceMappingRequest { uuid, enabled: Some(false), ..Default::default() };
    mappings.update(&world.ctx(), &*world.functions, update).await.unwrap();
    world.rest().await;
    assert!(
        world.queues.all(QUEUE).iter().all(|kept| kept.visible <= moln_kernel::Clock::now(&*world.clock))
    );
}

#[tokio::test]
async fn bad_wishes_are_refused_in_aws_words() {
    let world = World::new();
    let mappings = start(&world);
    let base = || wish(QUEUE);
    let small =
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
    for (wish, code, words) in [
        (
            CreateEventSourceMappingRequest { function_name: "gone".into(), ..base() },
            "InvalidParameterValueException",
            "Function does not exist",
        ),
        (
            CreateEventSourceMappingRequest { event_source_arn: None, ..base() },
            "InvalidParameterValueException",
            "Unrecognized event source.",
        ),
        (
            wish("arn:aws:sqs:us-east-1:000000000000:missing"),
            "InvalidParameterValueException",
            "Error occurred while ReceiveMessage. SQS Error Code: ",
        ),
        (
            CreateEventSourceMappingRequest { batch_size: Some(11), ..base() },
            "InvalidParameterValueException",
            small,
        ),
        (
            CreateEventSourceMappingRequest { batch_size: Some(11), ..wish(FIFO) },
            "InvalidParameterValueException",
            "Batch size for FIFO",
        ),
        (
            CreateEventSourceMappingRequest { maximum_batching_window_in_seconds: Some(1), ..wish(FIFO) },
            "InvalidParameterValueException",
            "Batching window is not supported",
        ),
        (
            CreateEventSourceMappingRequest { starting_position: Some("LATEST".into()), ..base() },
            "InvalidParameterValueException",
            "Unsupported parameter",
        ),
        (
            CreateEventSourceMappingRequest {
                filter_criteria: Some(FilterCriteria {
                    filters: Some(vec![Filter { pattern: Some("{\"body\": 1}".into()) }]),
                }),
                ..base()
            },
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            wish("arn:aws:kinesis:us-east-1:000000000000:stream/s"),
            "InvalidParameterValueException",
            "1 validation error detected: Value null at 'startingPosition'",
        ),
        (
            CreateEventSourceMappingRequest {
                starting_position: Some("LATEST".into()),
                ..wish("arn:aws:kinesis:us-east-1:000000000000:stream/s")
            },
            "NotImplemented",
            "Moln does not read from Kinesis streams yet",
        ),
    ] {
        let error = create(&world, &mappings, wish.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{wish:?}");
        assert!(error.message.starts_with(words), "{}", error.message);
    }
    world.set(|profile| profile.timeout = Duration::from_mins(1));
    let error = create(&world, &mappings, base()).await.unwrap_err();
    assert_eq!(
        error.message,
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    );
    assert_eq!(world.rows("lam/m/"), 0);
    world.set(|profile| profile.timeout = Duration::from_secs(30));
    let made = create(&world, &mappings, base()).await.unwrap();
    let error = create(&world, &mappings, base()).await.unwrap_err();
    assert_eq!(error.code, "ResourceConflictException");
    assert!(
        error.message.ends_with(&format!("with UUID {}", made.uuid.as_deref().unwrap())),
        "{}",
        error.message
    );
    let update = UpdateEventSourceMappingRequest {
        uuid: made.uuid.unwrap(),
        batch_size: Some(100),
        ..Default::default()
    };
    let error = mappings.update(&world.ctx(), &*world.functions, update).await.unwrap_err();
    assert_eq!(error.message, small);
    let none = GetEventSourceMappingRequest { uuid: "nonsense".into() };
    assert_eq!(mappings.get(&world.ctx(), &none).unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn they_are_listed_page_by_page() {
    let world = World::new();
    let mappings = start(&world);
    let pages = Pagination::new(&[1; 32]);
    for n in 0..5 {
        create(&world, &mappings, wish(&format!("{QUEUE}{n}"))).await.unwrap();
    }
    let other = CreateEventSourceMappingRequest { function_name: "g:live".into(), ..wish(QUEUE) };
    create(&world, &mappings, other).await.unwrap();
    let list = |input: ListEventSourceMappingsRequest| mappings.page(&world.ctx(), &pages, &input).unwrap();
    let mut input = ListEventSourceMappingsRequest { max_items: Some(4), ..Default::default() };
    let first = list(input.clone());
    assert_eq!(first.event_source_mappings.as_ref().unwrap().len(), 4);
    input.marker = first.next_marker;
    let second = list(input);
    assert_eq!((second.event_source_mappings.unwrap().len(), second.next_marker), (2, None));
    for (function_name, event_source_arn, count) in [
        (Some("f"), None, 5),
        (Some(OWN), Some(format!("{QUEUE}3")), 1),
        (Some("g"), None, 1),
        (Some("g:live"), None, 1),
        (Some("g:dead"), None, 0),
        (None, Some(QUEUE.to_owned()), 1),
    ] {
        let function_name = function_name.map(str::to_owned);
        let input = ListEventSourceMappingsRequest { function_name, event_source_arn, ..Default::default() };
        assert_eq!(list(input.clone()).event_source_mappings.unwrap().len(), count, "{input:?}");
    }
}

#[tokio::test]
async fn a_queue_that_goes_and_comes_is_read_again() {
    let world = World::new();
    let mappings = start(&world);
    create(&world, &mappings, wish(QUEUE)).await.unwrap();
    world.rest().await;
    fill(&world, QUEUE, 1);
    world.answer([Err(crate::errors::not_found("Function not found"))]);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.queues.all(QUEUE).is_empty());
}
