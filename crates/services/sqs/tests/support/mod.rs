//! A service in memory, with a clock that is moved by hand.
// Every test file takes what it needs of this; helpers of tests may panic like tests.
#![allow(dead_code, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod faulty;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use moln_kernel::{
    AccountId, ApiError, Clock, Context, Endpoint, ManualClock, MovableClock, Principal, Region, Timestamp,
};
use moln_sqs::{Queues, model::*};
use moln_store::{MemoryStore, Store};

pub const START: u64 = 1_800_000_000_000;

pub struct World {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub sqs: Arc<Queues>,
    pub ctx: Context,
}

pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

impl World {
    pub fn new() -> Self {
        Self::on(MemoryStore::new(), Arc::new(ManualClock::new(Timestamp(START))))
    }

    pub fn on(store: Store, clock: Arc<ManualClock>) -> Self {
        let sqs = Queues::open(store.clone(), clock.clone()).unwrap();
        let account = AccountId::parse("000000000000").unwrap();
        let ctx = Context::internal(
            account.clone(),
            Region::parse("us-east-1").unwrap(),
            Principal::Account(account),
            Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() }),
            clock.now(),
        );
        Self { store, clock, sqs, ctx }
    }

    /// The same data in a new process.
    pub fn restart(&self) -> Self {
        Self::on(self.store.clone(), self.clock.clone())
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        self.try_create(name, attributes).await.unwrap()
    }

    pub async fn try_create(&self, name: &str, attributes: &[(&str, &str)]) -> Result<String, ApiError> {
        let input = CreateQueueRequest {
            queue_name: name.into(),
            attributes: (!attributes.is_empty()).then(|| map(attributes)),
            tags: None,
        };
        Ok(self.sqs.create_queue(&self.ctx, input).await?.queue_url.unwrap())
    }

    pub async fn send(&self, url: &str, body: &str) -> SendMessageResult {
        self.send_with(url, body, |_| ()).await.unwrap()
    }

    pub async fn send_with(
        &self,
        url: &str,
        body: &str,
        change: impl FnOnce(&mut SendMessageRequest),
    ) -> Result<SendMessageResult, ApiError> {
        let mut input =
            SendMessageRequest { queue_url: url.into(), message_body: body.into(), ..Default::default() };
        change(&mut input);
        self.sqs.send_message(&self.ctx, input).await
    }

    pub async fn send_fifo(&self, url: &str, group: &str, body: &str) -> SendMessageResult {
        self.send_with(url, body, |input| input.message_group_id = Some(group.into())).await.unwrap()
    }

    pub async fn receive(&self, url: &str, max: i32) -> Vec<Message> {
        self.receive_with(url, |input| input.max_number_of_messages = Some(max)).await.unwrap()
    }

    pub async fn receive_with(
        &self,
        url: &str,
        change: impl FnOnce(&mut ReceiveMessageRequest),
    ) -> Result<Vec<Message>, ApiError> {
        let mut input = ReceiveMessageRequest {
            queue_url: url.into(),
            max_number_of_messages: Some(10),
            message_system_attribute_names: Some(vec!["All".into()]),
            message_attribute_names: Some(vec!["All".into()]),
            ..Default::default()
        };
        change(&mut input);
        Ok(self.sqs.receive_message(&self.ctx, input).await?.messages.unwrap_or_default())
    }

    pub async fn delete(&self, url: &str, message: &Message) -> Result<(), ApiError> {
        let receipt_handle = message.receipt_handle.clone().unwrap();
        self.sqs
            .delete_message(&self.ctx, DeleteMessageRequest { queue_url: url.into(), receipt_handle })
            .await
    }

    pub async fn change(&self, url: &str, message: &Message, seconds: i32) -> Result<(), ApiError> {
        let input = ChangeMessageVisibilityRequest {
            queue_url: url.into(),
            receipt_handle: message.receipt_handle.clone().unwrap(),
            visibility_timeout: seconds,
        };
        self.sqs.change_message_visibility(&self.ctx, input).await
    }

    pub async fn attributes(&self, url: &str) -> BTreeMap<String, String> {
        let input =
            GetQueueAttributesRequest { queue_url: url.into(), attribute_names: Some(vec!["All".into()]) };
        self.sqs.get_queue_attributes(&self.ctx, input).await.unwrap().attributes.unwrap()
    }

    pub async fn set(&self, url: &str, attributes: &[(&str, &str)]) -> Result<(), ApiError> {
        let input = SetQueueAttributesRequest { queue_url: url.into(), attributes: map(attributes) };
        self.sqs.set_queue_attributes(&self.ctx, input).await
    }

    /// Visible, in flight, delayed.
    pub async fn counts(&self, url: &str) -> (u64, u64, u64) {
        let attributes = self.attributes(url).await;
        let count = |name: &str| attributes[name].parse().unwrap();
        (
            count("ApproximateNumberOfMessages"),
            count("ApproximateNumberOfMessagesNotVisible"),
            count("ApproximateNumberOfMessagesDelayed"),
        )
    }
}

pub fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_deref().unwrap()).collect()
}
