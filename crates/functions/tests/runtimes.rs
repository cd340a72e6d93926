//! Real Node.js and Python in environments, cold, pre-warmed and again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers of tests

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Bed, Plan, document};
use moln_functions::{FunctionError, Revision};
use serde_json::json;

const PYTHON: &str = "
import os, json
count = 0
def handler(event, context):
    global count
    print('hello', event)
    if event == 'fail': raise ValueError('bad')
    count += 1
    return {'event': event, 'count': count, 'id': context.aws_request_id, 'left': context.get_remaining_time_in_millis(), 'env': dict(os.environ)}
";

const NODE: &str = "
let count = 0;
exports.handler = async (event, context) => {
  console.log('hello', event);
  if (event === 'fail') throw new TypeError('bad');
  return { event, count: ++count, id: context.awsRequestId, left: context.getRemainingTimeInMillis(), env: process.env };
};
";

async fn round(bed: &Bed, revision: Revision, trace: &str) {
    let revision = Arc::new(revision);
    let first = bed.invoke(&revision, json!({ "a": 1 })).await;
    let answer = document(&first);
    assert_eq!(first.error, None, "{answer} {:#?}", bed.lines.all());
    assert_eq!((&answer["event"], &answer["count"]), (&json!({ "a": 1 }), &json!(1)));
    assert!((10_000..=20_000).contains(&answer["left"].as_u64().unwrap()));
    let env = &answer["env"];
    assert_eq!(env["_HANDLER"], "index.handler");
    assert_eq!(env["AWS_EXECUTION_ENV"], format!("AWS_Lambda_{}", revision.runtime));
    assert_eq!(env["AWS_LAMBDA_LOG_STREAM_NAME"], bed.lines.streams().pop().unwrap());
    let failed = bed.invoke(&revision, json!("fail")).await;
    assert_eq!(failed.error, Some(FunctionError::Handled));
    let error = document(&failed);
    assert!(error[trace].is_array() && error["errorMessage"] == "bad", "{error}");
    assert_eq!(bed.value(&revision, json!(0)).await["count"], 2, "the environment survived");
    let begun = bed.lines.with("INIT_START Runtime Version: ");
    assert!(
        begun.len() == 1
            && begun[0].ends_with("\tRuntime Version ARN: arn:aws:lambda:eu-north-1::runtime:0f")
    );
    assert!(!bed.lines.with("hello").is_empty());
    bed.functions.retire(&revision.id);
    bed.settle(bed.functions.environments() - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_runs() {
    let bed = Bed::new();
    round(&bed, bed.function("python3.11", &[("index.py", PYTHON)]), "stackTrace").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_runs() {
    let bed = Bed::new();
    round(&bed, bed.function("nodejs20.x", &[("index.js", NODE)]), "trace").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pre_warmed_process_serves_the_next_environment() {
    let mut plan = Plan::default();
    plan.limits.warm = 1;
    let bed = Bed::with(plan);
    for (runtime, file, text) in [("python3.11", "index.py", PYTHON), ("nodejs20.x", "index.js", NODE)] {
        let first = Arc::new(bed.function(runtime, &[(file, text)]));
        let cold = bed.invoke(&first, json!(1)).await;
        assert_eq!(cold.error, None, "{:?} {:#?}", cold.payload, bed.lines.all());
        let begun = Instant::now();
        while bed.functions.waiting() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "a process is started ahead");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut second = bed.function(runtime, &[(file, text)]);
        second.environment.insert("MINE".into(), "yes".into());
        let second = Arc::new(second);
        let warm = bed.invoke(&second, json!(1)).await;
        let answer = document(&warm);
        assert_eq!(warm.error, None, "{answer} {:#?}", bed.lines.all());
        assert_eq!((&answer["count"], &answer["env"]["MINE"]), (&json!(1), &json!("yes")));
        assert!(
            answer["env"].get("MOLN_ASSIGNMENT_FD").is_none(),
            "nothing of the waiting is left: {answer}"
        );
        eprintln!("{runtime}: cold {:?}, pre-warmed {:?}", cold.init_duration, warm.init_duration);
        assert!(warm.init_duration < cold.init_duration);
        // What an interpreter reads at its start needs a process of its own.
        let mut own = bed.function(runtime, &[(file, text)]);
        own.environment.insert("NODE_OPTIONS".into(), "--no-warnings".into());
        own.environment.insert("PYTHONUNBUFFERED".into(), "1".into());
        assert_eq!(bed.value(&Arc::new(own), json!(1)).await["count"], 1);
        for revision in [&first, &second] {
            bed.functions.retire(&revision.id);
        }
    }
    bed.functions.stop(Duration::from_secs(1)).await;
    assert_eq!(bed.functions.environments(), 0);
}
