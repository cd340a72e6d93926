//! A service in memory over resources that are nothing but rows, and a server that dies when it is told to.
// Every test file takes what it needs of this; helpers of tests may panic like tests.
#![allow(dead_code, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod mortal;
pub mod things;
pub mod values;

use std::{sync::Arc, time::Duration};

use moln_cloudformation::{Ports, Stacks, model::*};
use moln_fabric::Workers;
use moln_kernel::ports::{Secrets, StoredParameters};
use moln_kernel::{AccountId, ApiError, Clock, Context, Endpoint, ManualClock, Principal, Region, Timestamp};
use moln_store::Store;

use mortal::{Life, mortal};
use things::{Things, handlers};
use values::Values;

/// Longest wait for the engine, real time: a limit, never a pause.
const LONG: Duration = Duration::from_secs(30);

/// A call, and whether it was answered.
pub type Asking<'w> = std::pin::Pin<Box<dyn Future<Output = bool> + 'w>>;

/// A server: it can die, and another one goes on with what it has left.
pub struct World {
    pub store: Store,
    pub things: Things,
    pub clock: Arc<ManualClock>,
    pub life: Life,
    pub stacks: Arc<Stacks>,
    pub ctx: Context,
    pub values: Option<Values>,
    workers: Workers,
}

impl World {
    pub fn new(store: &Store) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
        Self::on(store.clone(), Things::default(), clock, None)
    }

    pub fn with(store: &Store, values: Values) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
        Self::on(store.clone(), Things::default(), clock, Some(values))
    }

    fn on(store: Store, things: Things, clock: Arc<ManualClock>, values: Option<Values>) -> Self {
        let life = Life::default();
        let endpoint = Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() };
        let stacks = Stacks::open(Ports {
            store: mortal(&store, &life),
            clock: clock.clone(),
            handlers: handlers(&things, &life),
            objects: None,
            functions: None,
            topics: None,
            parameters: values.clone().map(|values| Arc::new(values) as Arc<dyn StoredParameters>),
            secrets: values.clone().map(|values| Arc::new(values) as Arc<dyn Secrets>),
            endpoint: endpoint.clone(),
        })
        .unwrap();
        let account = AccountId::parse("000000000000").unwrap();
        let ctx = Context::internal(
            account.clone(),
            Region::parse("us-east-1").unwrap(),
            Principal::Account(account),
            Arc::new(endpoint),
            clock.now(),
        );
        let workers = Workers::new(clock.clone());
        stacks.start(&workers);
        Self { store, things, clock, life, stacks, ctx, values, workers }
    }

    /// Waits until nothing is under way. `false`: the server died.
    pub async fn rest(&self) -> bool {
        tokio::select! {
            biased;
            () = self.life.died() => false,
            rested = self.workers.quiescent(LONG) => { rested.unwrap(); true }
        }
    }

    /// What a caller gets; `None`: the server died before it answered.
    pub async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, ApiError>>,
    ) -> Option<Result<T, ApiError>> {
        tokio::select! {
            biased;
            () = self.life.died() => None,
            answer = call => Some(answer),
        }
    }

    /// The process ends as it stands, and another one begins.
    pub async fn restart(self) -> Self {
        self.workers.stop(Duration::ZERO).await;
        Self::on(self.store, self.things, self.clock, self.values)
    }

    pub async fn create(&self, body: &str) -> Option<Result<CreateStackOutput, ApiError>> {
        self.ask(self.stacks.create_stack(&self.ctx, creation(body))).await
    }

    pub async fn update(&self, body: &str) -> Option<Result<UpdateStackOutput, ApiError>> {
        self.ask(self.stacks.update_stack(&self.ctx, change(body))).await
    }

    pub async fn delete(&self) -> Option<Result<(), ApiError>> {
        let input = DeleteStackInput { stack_name: "s".into(), ..DeleteStackInput::default() };
        self.ask(self.stacks.delete_stack(&self.ctx, input)).await
    }

    /// The state of the only stack, also when it is deleted.
    pub async fn status(&self) -> String {
        let all = self.stacks.list_stacks(&self.ctx, ListStacksInput::default()).await.unwrap();
        all.stack_summaries.unwrap().remove(0).stack_status
    }

    /// Why states were come into: the reasons of all events, oldest first.
    pub async fn reasons(&self) -> Vec<String> {
        let input =
            DescribeStackEventsInput { stack_name: "s".into(), ..DescribeStackEventsInput::default() };
        let events = self.stacks.describe_stack_events(&self.ctx, input).await.unwrap().stack_events.unwrap();
        events.into_iter().rev().filter_map(|event| event.resource_status_reason).collect()
    }
}

pub fn creation(body: &str) -> CreateStackInput {
    CreateStackInput {
        stack_name: "s".into(),
        template_body: Some(body.to_owned()),
        ..CreateStackInput::default()
    }
}

pub fn change(body: &str) -> UpdateStackInput {
    UpdateStackInput {
        stack_name: "s".into(),
        template_body: Some(body.to_owned()),
        ..UpdateStackInput::default()
    }
}
