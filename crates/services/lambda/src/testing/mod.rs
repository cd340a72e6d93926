//! What tests of events stand on: functions, queues and figures that are not the real ones, on a clock moved by hand.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_wraps)] // tests

mod queue;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use moln_fabric::{Advance, Workers};
use moln_kernel::{
    ApiError, Clock, Context, Endpoint, ManualClock, Principal, RecursiveLoop, SharedClock, Timestamp,
    clock::BoxFuture,
    ports::{MetricPoint, RecordMetric},
};
use moln_store::{KeyRange, MemoryStore, Scan, Store};
use tokio::sync::Semaphore;

use crate::running::{Answer, Call, Callee, Profile, RunFunction, judge};

pub(crate) use queue::FakeQueues;

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

/// Functions that do as they are told.
pub(crate) struct FakeFunctions {
    clock: SharedClock,
    pub(crate) profile: Mutex<Profile>,
    /// What the next calls come to; then everything succeeds.
    pub(crate) answers: Mutex<VecDeque<Result<Answer, ApiError>>>,
    /// When each call came, and what it was.
    pub(crate) calls: Mutex<Vec<(Timestamp, Call)>>,
    /// Names of functions that do not answer until there is a permit.
    pub(crate) slow: Mutex<Vec<String>>,
    pub(crate) gate: Semaphore,
}

pub(crate) fn ok(payload: &str) -> Result<Answer, ApiError> {
    let payload = payload.as_bytes().to_vec().into();
    Ok(Answer { payload, error: None, version: "$LATEST".into() })
}

pub(crate) fn failed(message: &str) -> Result<Answer, ApiError> {
    let payload = format!(r#"{{"errorMessage":"{message}","errorType":"Error"}}"#).into_bytes().into();
    Ok(Answer { payload, error: Some("Unhandled"), version: "$LATEST".into() })
}

pub(crate) fn throttled() -> Result<Answer, ApiError> {
    Err(ApiError::sender("TooManyRequestsException", "Rate Exceeded.").with_status(429))
}

impl FakeFunctions {
    pub(crate) fn bodies(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(_, call)| String::from_utf8(call.payload.to_vec()).unwrap()).collect()
    }

    /// Seconds after the start at which calls came.
    pub(crate) fn moments(&self) -> Vec<u64> {
        self.calls.lock().unwrap().iter().map(|(at, _)| at.since(START).as_secs()).collect()
    }
}

impl RunFunction for FakeFunctions {
    fn profile(&self, callee: &Callee) -> Result<Profile, ApiError> {
        if &*callee.name == "gone" {
            return Err(crate::errors::not_found("Function not found"));
        }
        Ok(self.profile.lock().unwrap().clone())
    }

    fn run(&self, call: Call) -> BoxFuture<'_, Result<Answer, ApiError>> {
        Box::pin(async move {
            judge(&call.callee, &self.profile(&call.callee)?, &call.lineage).unwrap();
            let slow = self.slow.lock().unwrap().iter().any(|name| **name == *call.callee.name);
            self.calls.lock().unwrap().push((self.clock.now(), call));
            if slow {
                self.gate.acquire().await.unwrap().forget();
            }
            self.answers.lock().unwrap().pop_front().unwrap_or_else(|| ok("null"))
        })
    }

    fn endpoint(&self) -> Arc<Endpoint> {
        endpoint()
    }
}

pub(crate) fn endpoint() -> Arc<Endpoint> {
    Arc::new(Endpoint { scheme: "http", authority: "localhost".into() })
}

/// Figures, kept.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<Vec<MetricPoint>>);

impl RecordMetric for Metrics {
    fn record(&self, point: MetricPoint) {
        self.0.lock().unwrap().push(point);
    }
}

impl Metrics {
    pub(crate) fn sum(&self, name: &str) -> u64 {
        let points = self.0.lock().unwrap();
        points.iter().filter(|point| point.name == name).map(|point| point.value as u64).sum()
    }
}

/// All of it.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) workers: Workers,
    pub(crate) advance: Advance,
    pub(crate) functions: Arc<FakeFunctions>,
    pub(crate) queues: Arc<FakeQueues>,
    pub(crate) metrics: Arc<Metrics>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new(), Arc::new(ManualClock::new(START)))
    }

    fn on(store: Store, clock: Arc<ManualClock>) -> Self {
        let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
        let workers = Workers::new(Arc::clone(&shared));
        let advance = Advance::new(Arc::<ManualClock>::clone(&clock), store.clone(), workers.clone());
        let profile = Profile {
            timeout: Duration::from_secs(3),
            recursion: RecursiveLoop::Terminate,
            off: false,
            dead_letter: None,
            retries: 2,
            max_age: Duration::from_hours(6),
            on_success: None,
            on_failure: None,
        };
        let functions = Arc::new(FakeFunctions {
            clock: Arc::clone(&shared),
            profile: Mutex::new(profile),
            answers: Mutex::default(),
            calls: Mutex::default(),
            slow: Mutex::default(),
            gate: Semaphore::new(0),
        });
        let queues = Arc::new(FakeQueues::new(shared));
        advance.add(Arc::<FakeQueues>::clone(&queues));
        Self { store, clock, workers, advance, functions, queues, metrics: Arc::default() }
    }

    /// The same store and queues in a new process.
    pub(crate) async fn restart(self) -> Self {
        self.workers.stop(Duration::from_secs(5)).await;
        let mut world = Self::on(self.store, self.clock);
        world.advance.add(Arc::<FakeQueues>::clone(&self.queues));
        world.queues = self.queues;
        world
    }

    pub(crate) fn ctx(&self) -> Context {
        let principal = Principal::Account("000000000000".into());
        Context::internal("000000000000".into(), "us-east-1".into(), principal, endpoint(), self.clock.now())
    }

    pub(crate) fn function(&self) -> Arc<dyn RunFunction> {
        Arc::<FakeFunctions>::clone(&self.functions)
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Profile)) {
        change(&mut self.functions.profile.lock().unwrap());
    }

    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Result<Answer, ApiError>>) {
        self.functions.answers.lock().unwrap().extend(answers);
    }

    /// Lets everything that is due happen.
    pub(crate) async fn rest(&self) {
        self.advance.by(Duration::ZERO).await.unwrap();
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.advance.by(time).await.unwrap();
    }

    /// Rows that begin so.
    pub(crate) fn rows(&self, prefix: &str) -> usize {
        let range = KeyRange::prefix(prefix.to_owned());
        self.store.snapshot().scan(&range, Scan::default()).unwrap().rows.len()
    }

    pub(crate) fn clock(&self) -> SharedClock {
        Arc::<ManualClock>::clone(&self.clock)
    }
}

pub(crate) fn callee(name: &str) -> Callee {
    let (account, region) = ("000000000000".into(), "us-east-1".into());
    Callee { account, region, name: name.into(), qualifier: None }
}

/// Waits, in real time, for what another task is about to do.
pub(crate) async fn until(mut what: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come");
}
