//! Queues against a naive reference: any sequence of operations, restarts and passing time among them, must give what a
//! plain list of messages gives. No message is lost, none is handed out while hidden, groups keep their order, counts
//! are exact.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use moln_sqs::model::{Message, PurgeQueueRequest, Sqs};
use proptest::prelude::*;
use support::{START, World};

#[derive(Clone, Debug)]
enum Step {
    Send { group: usize, delay: u64 },
    Receive { max: usize, visibility: u64 },
    Delete { handle: usize },
    Change { handle: usize, visibility: u64 },
    Pass { seconds: u64 },
    Purge,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4usize, prop_oneof![3 => Just(0u64), 1 => 1..20u64]).prop_map(|(group, delay)| Step::Send { group, delay }),
        6 => (1..=10usize, prop_oneof![1 => Just(0u64), 4 => 1..30u64]).prop_map(|(max, visibility)| Step::Receive { max, visibility }),
        5 => (0..8usize).prop_map(|handle| Step::Delete { handle }),
        2 => (0..8usize, prop_oneof![Just(0u64), 1..30u64]).prop_map(|(handle, visibility)| Step::Change { handle, visibility }),
        3 => (1..15u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Restart),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Clone, Debug)]
struct Expected {
    body: String,
    group: usize,
    visible_at: u64,
    count: u32,
}

/// The reference: messages in the order they were sent.
#[derive(Default)]
struct Reference {
    messages: Vec<Expected>,
    now: u64,
}

impl Reference {
    fn counts(&self) -> (u64, u64, u64) {
        let count =
            |keep: &dyn Fn(&Expected) -> bool| self.messages.iter().filter(|m| keep(m)).count() as u64;
        (
            count(&|m| m.visible_at <= self.now),
            count(&|m| m.visible_at > self.now && m.count > 0),
            count(&|m| m.visible_at > self.now && m.count == 0),
        )
    }

    /// What a FIFO queue may hand out: of each group what comes before its first hidden message.
    fn deliverable(&self) -> Vec<Vec<usize>> {
        (0..4)
            .map(|group| {
                let of_group = self.messages.iter().enumerate().filter(|(_, m)| m.group == group);
                of_group.take_while(|(_, m)| m.visible_at <= self.now).map(|(at, _)| at).collect()
            })
            .collect()
    }

    /// Judges a receive.
    fn received(&mut self, got: &[Message], max: usize, visibility: u64, fifo: bool) {
        let visible = if fifo {
            self.deliverable().iter().map(Vec::len).sum()
        } else {
            usize::try_from(self.counts().0).unwrap()
        };
        assert_eq!(got.len(), visible.min(max), "as many as there are");
        if fifo {
            let mut turns = self.deliverable();
            for message in got {
                let at = self.find(message);
                let turn = &mut turns[self.messages[at].group];
                assert_eq!(turn.first(), Some(&at), "in order within its group");
                turn.remove(0);
            }
        }
        for message in got {
            let at = self.find(message);
            let now = self.now;
            let expected = &mut self.messages[at];
            assert!(expected.visible_at <= now, "not while hidden, and once per receive");
            expected.count += 1;
            let told = &message.attributes.as_ref().unwrap()["ApproximateReceiveCount"];
            assert_eq!(told, &expected.count.to_string());
        }
        for message in got {
            let at = self.find(message);
            self.messages[at].visible_at = self.now + visibility;
        }
    }

    fn find(&self, message: &Message) -> usize {
        let body = message.body.as_deref().unwrap();
        self.messages
            .iter()
            .position(|m| m.body == body)
            .unwrap_or_else(|| panic!("{body} is gone or never was"))
    }

    /// The message of a handle, when the handle is its newest.
    fn held(&self, message: &Message) -> Option<usize> {
        let at = self.messages.iter().position(|m| Some(&m.body) == message.body.as_ref())?;
        let count = &message.attributes.as_ref().unwrap()["ApproximateReceiveCount"];
        (self.messages[at].count.to_string() == *count).then_some(at)
    }
}

async fn play(steps: Vec<Step>, fifo: bool) {
    let mut world = World::new();
    let (name, attributes): (_, &[_]) = if fifo {
        ("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")])
    } else {
        ("q", &[])
    };
    let url = world.create(name, attributes).await;
    let mut reference = Reference { now: START / 1_000, ..Reference::default() };
    let mut handles: Vec<Message> = Vec::new();
    let mut purged = None;
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Step::Send { group, delay } => {
                let delay = if fifo { 0 } else { delay };
                let body = format!("m{n}");
                let sent = world.send_with(&url, &body, |input| {
                    // On a standard queue: the tenant.
                    input.message_group_id = (fifo || group > 0).then(|| format!("g{group}"));
                    input.delay_seconds = (!fifo).then(|| i32::try_from(delay).unwrap());
                });
                sent.await.unwrap();
                reference.messages.push(Expected {
                    body,
                    group,
                    visible_at: reference.now + delay,
                    count: 0,
                });
            }
            Step::Receive { max, visibility } => {
                let got = world.receive_with(&url, |input| {
                    input.max_number_of_messages = Some(i32::try_from(max).unwrap());
                    input.visibility_timeout = Some(i32::try_from(visibility).unwrap());
                });
                let got = got.await.unwrap();
                reference.received(&got, max, visibility, fifo);
                handles.extend(got);
                handles.drain(..handles.len().saturating_sub(8));
            }
            Step::Delete { handle } => {
                let Some(message) = handles.get(handle) else { continue };
                let result = world.delete(&url, message).await;
                let exists = reference.messages.iter().any(|m| Some(&m.body) == message.body.as_ref());
                match reference.held(message) {
                    Some(at) if !fifo || reference.messages[at].visible_at > reference.now => {
                        result.unwrap();
                        reference.messages.remove(at);
                    }
                    _ => assert_eq!(result.is_err(), fifo && exists),
                }
            }
            Step::Change { handle, visibility } => {
                let Some(message) = handles.get(handle) else { continue };
                let result = world.change(&url, message, i32::try_from(visibility).unwrap()).await;
                match reference.held(message) {
                    Some(at) if reference.messages[at].visible_at > reference.now => {
                        result.unwrap();
                        reference.messages[at].visible_at = reference.now + visibility;
                    }
                    _ => assert!(result.is_err()),
                }
            }
            Step::Pass { seconds } => {
                world.advance(seconds);
                reference.now += seconds;
            }
            Step::Purge => {
                if purged.is_some_and(|at| reference.now < at + 60) {
                    continue;
                }
                let input = PurgeQueueRequest { queue_url: url.clone() };
                world.sqs.purge_queue(&world.ctx, input).await.unwrap();
                purged = Some(reference.now);
                reference.messages.clear();
            }
            Step::Restart => {
                world = world.restart();
                purged = None;
            }
        }
        assert_eq!(world.counts(&url).await, reference.counts(), "after step {n}");
    }
}

fn run(steps: Vec<Step>, fifo: bool) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(steps, fifo));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_standard_queue_is_a_list(steps in steps()) {
        run(steps, false);
    }

    #[test]
    fn a_fifo_queue_is_a_list_with_locks(steps in steps()) {
        run(steps, true);
    }
}
