//! Many environments: parallel, bounded, reused, ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Bed, Plan, invocation, write};
use moln_functions::{Code, Provisioned, Revision, Unavailable};
use moln_kernel::MovableClock as _;
use serde_json::{Value, json};

/// Answers its process' number inside, which is the same everywhere, and a number of its own, after a while.
const OWN: &str = "
own = os.urandom(4).hex()
def handler(event, headers):
    time.sleep(event)
    return own
serve(handler)
";

async fn at_once(
    bed: &Bed,
    revision: &Arc<Revision>,
    count: usize,
    seconds: f64,
) -> Vec<Result<Value, Unavailable>> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (functions, revision) = (bed.functions.clone(), Arc::clone(revision));
        calls.spawn(async move {
            let finished = functions.invoke(&revision, invocation(json!(seconds))).await?;
            Ok(serde_json::from_slice::<Value>(&finished.payload).unwrap())
        });
    }
    calls.join_all().await
}

fn different(values: &[Result<Value, Unavailable>]) -> usize {
    let mut own: Vec<String> = values.iter().map(|value| value.as_ref().unwrap().to_string()).collect();
    own.sort();
    own.dedup();
    own.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_run_side_by_side_and_later_ones_reuse() {
    let mut plan = Plan::default();
    plan.limits.starting = 4;
    let bed = Bed::with(plan);
    let revision = Arc::new(bed.script(OWN));
    let running = at_once(&bed, &revision, 4, 1.0);
    tokio::pin!(running);
    let busy = async {
        while bed.functions.busy(&revision.id) < 4 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        _ = &mut running => panic!("all four were busy at once"),
        () = busy => {}
    }
    assert_eq!(different(&running.await), 4);
    assert_eq!((bed.functions.environments(), bed.functions.busy(&revision.id)), (4, 0));
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(Ok(bed.value(&revision, json!(0)).await));
    }
    assert_eq!(different(&all), 1, "one after the other: the one used last");
    assert_eq!(bed.functions.environments(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_is_bounded_and_waiting_has_an_end() {
    let mut plan = Plan::default();
    plan.limits.environments = 2;
    let bed = Bed::with(plan);
    let revision = Arc::new(bed.script(OWN));
    let all = at_once(&bed, &revision, 6, 0.1).await;
    assert!(different(&all) <= 2, "{all:?}");
    assert!(bed.functions.environments() <= 2);
    // Another function takes the place of the one that has been idle longest.
    let other = Arc::new(bed.script(OWN));
    bed.value(&other, json!(0)).await;
    assert!(bed.functions.environments() <= 2);

    let mut plan = Plan::default();
    plan.limits.environments = 1;
    plan.limits.waiting = Duration::from_millis(300);
    let bed = Bed::with(plan);
    let revision = Arc::new(bed.script(OWN));
    let all = at_once(&bed, &revision, 2, 2.0).await;
    let exhausted = all.iter().filter(|one| matches!(one, Err(Unavailable::Exhausted))).count();
    assert_eq!(exhausted, 1, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_environments_end_by_the_clock() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(OWN));
    let first = bed.value(&revision, json!(0)).await;
    bed.clock.advance(Duration::from_mins(6));
    assert_eq!(bed.value(&revision, json!(0)).await, first, "not idle for long enough");
    bed.clock.advance(Duration::from_mins(6));
    assert_eq!(bed.value(&revision, json!(0)).await, first, "the time counts from the last invocation");
    bed.clock.advance(Duration::from_mins(8));
    bed.settle(0).await;
    assert_ne!(bed.value(&revision, json!(0)).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_revision_ends_after_what_runs() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(OWN));
    let running = at_once(&bed, &revision, 1, 0.5);
    tokio::pin!(running);
    let retire = async {
        while bed.functions.busy(&revision.id) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bed.functions.retire(&revision.id);
    };
    tokio::select! {
        _ = &mut running => panic!("it was busy"),
        () = retire => {}
    }
    assert!(running.await[0].is_ok(), "what runs ends as it would have");
    bed.settle(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_served_at_the_next_call() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "import sys\nsys.path.insert(0, '/var/task')\nimport code_\nserve(lambda e, h: code_.VALUE)\n",
    ));
    let Code::Directory(path) = &revision.code else { panic!() };
    write(&path.join("code_.py"), "VALUE = 1\n");
    assert_eq!(bed.value(&revision, json!(0)).await, 1);
    write(&path.join("code_.py"), "VALUE = 22\n");
    assert_eq!(bed.value(&revision, json!(0)).await, 22);
    write(&path.join("lib/deep/more.py"), "x\n");
    let before = bed.lines.streams().len();
    assert_eq!(bed.value(&revision, json!(0)).await, 22);
    assert!(bed.lines.streams().len() > before, "a new file counts too");
    let count = bed.lines.streams().len();
    assert_eq!(bed.value(&revision, json!(0)).await, 22);
    assert_eq!(bed.lines.streams().len(), count, "nothing changed: the environment stays");
}

async fn until(bed: &Bed, revision: &Revision, over: impl Fn(&Provisioned) -> bool) -> Provisioned {
    let begun = Instant::now();
    loop {
        let now = bed.functions.provisioned(&revision.id);
        if over(&now) {
            return now;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{now:?} {:#?}", bed.lines.all());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_environments_are_kept_ready_and_replaced() {
    let bed = Bed::new();
    let mut revision = bed.script(
        "
own = os.urandom(4).hex()
def handler(event, headers):
    if event == 'exit': os._exit(1)
    return [own, os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']]
serve(handler)
",
    );
    revision.provisioned = true;
    let revision = Arc::new(revision);
    bed.functions.provision(&revision, 2);
    until(&bed, &revision, |now| now.ready == 2).await;
    assert_eq!(bed.functions.environments(), 2);
    bed.clock.advance(Duration::from_hours(6));
    let call = bed.invoke(&revision, json!(1)).await;
    let value: Value = serde_json::from_slice(&call.payload).unwrap();
    assert_eq!((value[1].as_str(), call.init_duration), (Some("provisioned-concurrency"), None));
    bed.invoke(&revision, json!("exit")).await;
    until(&bed, &revision, |now| now.ready == 1).await;
    until(&bed, &revision, |now| now.ready == 2).await;
    bed.functions.provision(&revision, 1);
    bed.settle(1).await;
    bed.functions.provision(&revision, 0);
    bed.settle(0).await;
    assert_eq!(bed.functions.provisioned(&revision.id), Provisioned::default());

    let broken = Arc::new(bed.script("sys.exit(1)\n"));
    bed.functions.provision(&broken, 1);
    let failed = until(&bed, &broken, |now| now.failure.is_some()).await;
    assert_eq!((failed.ready, failed.failure.as_deref()), (0, Some("Runtime.ExitError")));
    bed.functions.provision(&broken, 0);
}

/// All names below a directory.
fn files_below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        found.extend(files_below(&entry.path()));
        found.push(entry.path());
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_nothing() {
    let bed = Bed::new();
    let run = bed.directory.join("run");
    let entries = || files_below(&run);
    let before = entries();
    let revision = Arc::new(bed.script(OWN));
    bed.value(&revision, json!(0)).await;
    let running = at_once(&bed, &revision, 2, 60.0);
    tokio::pin!(running);
    let stop = async {
        while bed.functions.busy(&revision.id) < 2 || bed.lines.with("START").len() < 3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bed.functions.stop(Duration::from_millis(200)).await;
    };
    let (ended, ()) = tokio::join!(running, stop);
    assert_eq!(ended.len(), 2);
    assert_eq!(bed.functions.environments(), 0);
    let refused = bed.functions.invoke(&revision, invocation(json!(0))).await;
    assert_eq!(refused.unwrap_err(), Unavailable::Stopping);
    assert_eq!(entries(), before, "nothing of a sandbox is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_what_is_idle() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(OWN));
    bed.value(&revision, json!(0)).await;
    let stop = bed.functions.stop(Duration::from_mins(1));
    assert!(tokio::time::timeout(Duration::from_secs(4), stop).await.is_ok(), "the whole grace passed");
    assert_eq!(bed.functions.environments(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_stops_nothing() {
    let bed = Bed::new();
    let revision = Arc::new(bed.script(
        "def handler(event, headers):\n    time.sleep(0.3)\n    print('done', flush=True)\nserve(handler)\n",
    ));
    let call = bed.functions.invoke(&revision, invocation(json!(1)));
    assert!(tokio::time::timeout(Duration::from_millis(5), call).await.is_err());
    bed.lines.wait("done").await;
    bed.lines.wait("REPORT").await;
}
