//! Queues in memory, as simple as may be.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use moln_fabric::DueSource;
use moln_kernel::{
    ApiError, Context, Lineage, SharedClock, Timestamp,
    clock::BoxFuture,
    ports::{QueueAttributeValue, QueueFacts, QueueMessage, ReceiveFromQueue, ReceivedMessage, SendToQueue},
};
use tokio::sync::Notify;

use crate::destinations::is_fifo;

/// A message, wherever it is.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) queue: String,
    pub(crate) id: String,
    pub(crate) message: QueueMessage,
    pub(crate) lineage: Lineage,
    pub(crate) visible: Timestamp,
    pub(crate) receives: u32,
}

impl Kept {
    /// Text of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> String {
        match self.message.attributes.get(name).map(|attribute| &attribute.value) {
            Some(QueueAttributeValue::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }
}

/// Queues that exist as soon as they are named, except those called `missing`.
pub(crate) struct FakeQueues {
    clock: SharedClock,
    messages: Mutex<Vec<Kept>>,
    sent: Notify,
    pub(crate) visibility: Mutex<Duration>,
    waiting: Mutex<usize>,
    /// Sends fail with this.
    pub(crate) broken: Mutex<Option<ApiError>>,
}

impl FakeQueues {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            messages: Mutex::default(),
            sent: Notify::new(),
            visibility: Mutex::new(Duration::from_secs(30)),
            waiting: Mutex::new(0),
            broken: Mutex::new(None),
        }
    }

    pub(crate) fn put(&self, queue: &str, group: Option<&str>, body: &str, lineage: Lineage) {
        let message = QueueMessage {
            body: body.to_owned(),
            group_id: group.map(str::to_owned),
            ..QueueMessage::default()
        };
        self.keep(queue, message, lineage);
    }

    fn keep(&self, queue: &str, message: QueueMessage, lineage: Lineage) -> String {
        let mut messages = self.messages.lock().unwrap();
        let id = format!("m{}", messages.len());
        let visible = Timestamp(0);
        messages.push(Kept { queue: queue.into(), id: id.clone(), message, lineage, visible, receives: 0 });
        self.sent.notify_waiters();
        id
    }

    pub(crate) fn all(&self, queue: &str) -> Vec<Kept> {
        let messages = self.messages.lock().unwrap();
        messages.iter().filter(|kept| kept.queue == queue).cloned().collect()
    }

    fn take(&self, queue: &str, max: usize, visibility: Duration) -> Vec<ReceivedMessage> {
        let now = self.clock.now();
        let mut messages = self.messages.lock().unwrap();
        let mut locked: Vec<_> = messages
            .iter()
            .filter(|kept| kept.queue == queue && kept.visible > now)
            .filter_map(|kept| kept.message.group_id.clone())
            .collect();
        if !is_fifo(queue) {
            locked.clear();
        }
        let mut taken = Vec::new();
        for kept in messages.iter_mut() {
            let free = kept.message.group_id.as_ref().is_none_or(|group| !locked.contains(group));
            if kept.queue == queue && kept.visible <= now && free && taken.len() < max {
                kept.visible = now.after(visibility);
                kept.receives += 1;
                let mut system =
                    BTreeMap::from([("ApproximateReceiveCount".to_owned(), kept.receives.to_string())]);
                system
                    .extend(kept.message.group_id.clone().map(|group| ("MessageGroupId".to_owned(), group)));
                taken.push(ReceivedMessage {
                    id: kept.id.clone(),
                    receipt_handle: kept.id.clone(),
                    body: kept.message.body.clone(),
                    body_md5: "md5".into(),
                    attributes_md5: None,
                    attributes: kept.message.attributes.clone(),
                    system,
                    lineage: kept.lineage.clone(),
                });
            }
        }
        taken
    }
}

struct Waits<'a>(&'a FakeQueues);
impl Drop for Waits<'_> {
    fn drop(&mut self) {
        *self.0.waiting.lock().unwrap() -= 1;
    }
}

impl ReceiveFromQueue for FakeQueues {
    fn facts<'a>(&'a self, _: &'a Context, arn: &'a str) -> BoxFuture<'a, Result<QueueFacts, ApiError>> {
        let missing = arn.ends_with(":missing");
        let facts = QueueFacts {
            fifo: is_fifo(arn),
            visibility_timeout: *self.visibility.lock().unwrap(),
            created: Timestamp(0),
        };
        let error = || ApiError::sender("QueueDoesNotExist", "The specified queue does not exist.");
        Box::pin(std::future::ready(if missing { Err(error()) } else { Ok(facts) }))
    }

    fn receive<'a>(
        &'a self,
        _: &'a Context,
        arn: &'a str,
        max: usize,
        longer: Duration,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Vec<ReceivedMessage>, ApiError>> {
        Box::pin(async move {
            let deadline = self.clock.now().after(wait);
            *self.waiting.lock().unwrap() += 1;
            let _waits = Waits(self);
            loop {
                let mut sent = std::pin::pin!(self.sent.notified());
                sent.as_mut().enable();
                let visibility = *self.visibility.lock().unwrap() + longer;
                let taken = self.take(arn, max, visibility);
                if !taken.is_empty() || self.clock.now() >= deadline {
                    return Ok(taken);
                }
                let next = self.all(arn).iter().map(|kept| kept.visible).min().unwrap_or(deadline);
                tokio::select! {
                    () = &mut sent => {}
                    () = self.clock.sleep_until(next.min(deadline)) => {}
                }
            }
        })
    }

    fn delete<'a>(
        &'a self,
        _: &'a Context,
        _: &'a str,
        handles: Vec<String>,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        for kept in self.messages.lock().unwrap().iter_mut() {
            if handles.contains(&kept.id) {
                kept.queue.clear();
            }
        }
        self.sent.notify_waiters();
        Box::pin(std::future::ready(Ok(())))
    }

    fn change_visibility<'a>(
        &'a self,
        _: &'a Context,
        _: &'a str,
        handles: Vec<String>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        let until = self.clock.now().after(timeout);
        for kept in self.messages.lock().unwrap().iter_mut() {
            if handles.contains(&kept.id) {
                kept.visible = until;
            }
        }
        self.sent.notify_waiters();
        Box::pin(std::future::ready(Ok(())))
    }
}

impl SendToQueue for FakeQueues {
    fn send<'a>(
        &'a self,
        ctx: &'a Context,
        arn: &'a str,
        message: QueueMessage,
    ) -> BoxFuture<'a, Result<String, ApiError>> {
        let sent = match self.broken.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(self.keep(arn, message, ctx.lineage.clone())),
        };
        Box::pin(std::future::ready(sent))
    }
}

impl DueSource for FakeQueues {
    fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let messages = self.messages.lock().unwrap();
        let due = messages.iter().filter(|kept| !kept.queue.is_empty() && kept.visible > after);
        due.map(|kept| kept.visible).min()
    }

    /// Whoever waits is served in a moment.
    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        })
    }
}
