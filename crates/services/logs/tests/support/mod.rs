//! A service in memory, with a clock that is moved by hand, functions that only write down what they get, and metrics.
// Every test file takes what it needs of this; helpers of tests may panic like tests.
#![allow(dead_code, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    io::Read,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::Engine as _;
use bytes::Bytes;
use moln_fabric::{Outbox, Workers};
use moln_kernel::{
    AccountId, ApiError, Clock, Context, Endpoint, Lineage, ManualClock, MovableClock, Principal, Region,
    Timestamp,
    clock::BoxFuture,
    ports::{
        FunctionAnswer, InvocationType, InvokeFunction, LogLine, LogTarget, MetricPoint, RecordMetric,
        WriteLogs,
    },
};
use moln_logs::{LogGroups, model::*};
use moln_store::{MemoryStore, Store};

pub const START: u64 = 1_800_000_000_000;
pub const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

#[derive(Default)]
pub struct Functions {
    pub allowed: Mutex<bool>,
    pub failing: Mutex<usize>,
    pub payloads: Mutex<Vec<serde_json::Value>>,
    /// What led to each of them.
    pub chains: Mutex<Vec<Lineage>>,
}

impl InvokeFunction for Functions {
    fn invoke<'a>(
        &'a self,
        ctx: &'a Context,
        arn: &'a str,
        payload: Bytes,
        kind: InvocationType,
    ) -> BoxFuture<'a, Result<FunctionAnswer, ApiError>> {
        assert_eq!((arn, kind), (FUNCTION, InvocationType::Event));
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Box::pin(async { Err(ApiError::internal("down")) });
        }
        let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let data = event["awslogs"]["data"].as_str().unwrap();
        let gzip = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut text).unwrap();
        self.payloads.lock().unwrap().push(serde_json::from_str(&text).unwrap());
        self.chains.lock().unwrap().push(ctx.lineage.clone());
        let answer = FunctionAnswer { payload: Bytes::new(), error: None, version: "$LATEST".into() };
        Box::pin(async { Ok(answer) })
    }

    fn may_invoke<'a>(
        &'a self,
        _: &'a Context,
        _: &'a str,
        principal: &'a str,
        source: &'a str,
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        assert!(
            source.starts_with("arn:aws:logs:us-east-1:000000000000:log-group:") && source.ends_with(":*")
        );
        let may = *self.allowed.lock().unwrap() && principal == "logs.amazonaws.com";
        Box::pin(async move { Ok(may) })
    }
}

#[derive(Default)]
pub struct Metrics(pub Mutex<Vec<MetricPoint>>);

impl RecordMetric for Metrics {
    fn record(&self, point: MetricPoint) {
        self.0.lock().unwrap().push(point);
    }
}

pub struct World {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub logs: Arc<LogGroups>,
    pub functions: Arc<Functions>,
    pub metrics: Arc<Metrics>,
    pub workers: Workers,
    pub ctx: Context,
}

impl World {
    pub fn new() -> Self {
        Self::on(MemoryStore::new(), Arc::new(ManualClock::new(Timestamp(START))))
    }

    pub fn on(store: Store, clock: Arc<ManualClock>) -> Self {
        let (functions, metrics) = (Arc::new(Functions::default()), Arc::new(Metrics::default()));
        *functions.allowed.lock().unwrap() = true;
        let logs = LogGroups::open(store.clone(), clock.clone(), metrics.clone()).unwrap();
        logs.functions(functions.clone());
        let workers = Workers::new(clock.clone());
        let outbox = Outbox::new(store.clone(), clock.clone());
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
        logs.register(&outbox, endpoint.clone());
        outbox.start(&workers, None);
        logs.start(&workers);
        let account = AccountId::parse("000000000000").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let ctx =
            Context::internal(account.clone(), region, Principal::Account(account), endpoint, clock.now());
        Self { store, clock, logs, functions, metrics, workers, ctx }
    }

    /// The same data in a new process.
    pub async fn restart(self) -> Self {
        self.workers.stop(Duration::from_secs(5)).await;
        Self::on(self.store, self.clock)
    }

    /// Until the background has nothing to do at this moment.
    pub async fn rest(&self) {
        self.workers.quiescent(Duration::from_secs(20)).await.unwrap();
    }

    pub fn now(&self) -> u64 {
        self.clock.now().millis()
    }

    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        self.rest().await;
    }

    pub async fn group(&self, group: &str, streams: &[&str]) {
        let input = CreateLogGroupRequest { log_group_name: group.into(), ..Default::default() };
        self.logs.create_log_group(&self.ctx, input).await.unwrap();
        for stream in streams {
            let input =
                CreateLogStreamRequest { log_group_name: group.into(), log_stream_name: (*stream).into() };
            self.logs.create_log_stream(&self.ctx, input).await.unwrap();
        }
    }

    pub async fn put(&self, group: &str, stream: &str, messages: &[&str]) -> Result<(), ApiError> {
        let timestamp = self.now() as i64;
        let event = |m: &&str| InputLogEvent { timestamp, message: (*m).into() };
        let input = PutLogEventsRequest {
            log_group_name: group.into(),
            log_stream_name: stream.into(),
            log_events: messages.iter().map(event).collect(),
            ..Default::default()
        };
        self.logs.put_log_events(&self.ctx, input).await.map(drop)
    }

    pub async fn all(&self, group: &str) -> Vec<(String, String)> {
        let (mut found, mut next_token) = (Vec::new(), None);
        loop {
            let input = FilterLogEventsRequest {
                log_group_name: Some(group.into()),
                next_token: next_token.take(),
                ..Default::default()
            };
            let page = self.logs.filter_log_events(&self.ctx, input).await.unwrap();
            let pair = |e: FilteredLogEvent| (e.log_stream_name.unwrap(), e.message.unwrap());
            found.extend(page.events.unwrap().into_iter().map(pair));
            next_token = page.next_token;
            if next_token.is_none() {
                return found;
            }
        }
    }

    pub fn target(&self, group: &str, stream: &str) -> LogTarget {
        LogTarget {
            account: self.ctx.account.clone(),
            region: self.ctx.region.clone(),
            group: group.into(),
            stream: stream.into(),
        }
    }

    pub fn print(&self, group: &str, stream: &str, message: impl Into<Bytes>) -> bool {
        self.print_after(group, stream, message, None)
    }

    /// Prints what a chain of events led to.
    pub fn print_after(
        &self,
        group: &str,
        stream: &str,
        message: impl Into<Bytes>,
        chain: Option<Arc<Lineage>>,
    ) -> bool {
        let line = LogLine { time: self.clock.now(), message: message.into(), chain };
        self.logs.write(&self.target(group, stream), vec![line])
    }

    pub async fn subscribe(&self, group: &str, pattern: &str) -> Result<(), ApiError> {
        let input = PutSubscriptionFilterRequest {
            log_group_name: group.into(),
            filter_name: "f".into(),
            filter_pattern: pattern.into(),
            destination_arn: FUNCTION.into(),
            ..Default::default()
        };
        self.logs.put_subscription_filter(&self.ctx, input).await
    }
}
