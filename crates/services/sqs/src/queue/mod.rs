//! The domain, pure: a queue's state in memory and its transitions. A transition takes the present moment and a command,
//! changes the state at once, and adds the rows to write to the caller's batch; it reads no store and no clock.
//! Whoever holds a queue's lock submits the batch before letting go, so that the store's order is the decisions' order.

pub mod deduplication;
pub mod fifo;
pub mod group;
pub mod share;
pub mod standard;
pub mod tenants;
pub mod waiters;
pub mod window;

use bytes::Bytes;
use moln_store::Batch;

pub use fifo::Fifo;
pub use share::{Pool, Share};
pub use standard::Standard;

use crate::{receipt::Receipt, tables::Hidden};

/// A message on its way into a queue.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its row, see [`crate::tables::Message::encode`].
    pub row: Bytes,
    /// When it becomes visible; not after now: at once. Milliseconds since the epoch.
    pub visible_at: u64,
    /// FIFO group; on a standard queue not looked at.
    pub group: Option<Box<str>>,
}

/// A message handed out.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its stamp.
    pub stamp: u64,
    /// Receives in this queue, this one included, and the first of them.
    pub state: Hidden,
    /// The row when memory had it; else read it once this receive's commit is durable.
    pub row: Option<Bytes>,
}

/// What a receive came to.
#[derive(Debug, Default)]
pub struct Received {
    /// Handed out, in order.
    pub messages: Vec<Taken>,
    /// Received as often as the redrive policy allows: taken out of memory, to be moved by the caller.
    pub dead: Vec<(u64, Hidden)>,
    /// The store may hold more than the window shows: fill it and ask again.
    pub starved: bool,
    /// Nothing may be received: too many messages are in flight.
    pub over_limit: bool,
}

/// As [`Ask::max_receives`]: every visible message leaves, never received ones too. So messages are moved away.
pub const EVERY: Option<u32> = Some(0);

/// How a receive is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The present moment, milliseconds since the epoch.
    pub now: u64,
    /// At most this many messages.
    pub max: usize,
    /// Hidden for this long, milliseconds.
    pub visibility: u64,
    /// The redrive policy's `maxReceiveCount`, or [`EVERY`].
    pub max_receives: Option<u32>,
    /// Messages sent before this moment are past their retention.
    pub expired_before: u64,
}

/// What a delete came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone now, or was before.
    Done,
    /// FIFO: visible again, the handle is worth nothing.
    Expired,
}

/// What a change of visibility came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// It does not exist, or was received by someone else since.
    Gone,
    /// It is visible.
    NotInFlight,
}

/// How many messages are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be received now.
    pub visible: u64,
    /// Received and not visible again.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// Either kind of queue.
#[derive(Debug)]
pub enum State {
    /// At least once, any order.
    Standard(Standard),
    /// Ordered within groups.
    Fifo(Fifo),
}

macro_rules! either {
    ($self:expr, $queue:ident => $call:expr) => {
        match $self {
            State::Standard($queue) => $call,
            State::Fifo($queue) => $call,
        }
    };
}

impl State {
    /// Adds a message under a stamp higher than every one before.
    pub fn send(&mut self, now: u64, stamp: u64, message: &Incoming, batch: &mut Batch) {
        either!(self, queue => queue.send(now, stamp, message, batch));
    }
    /// Hands messages out.
    pub fn receive(&mut self, ask: &Ask, batch: &mut Batch) -> Received {
        either!(self, queue => queue.receive(ask, batch))
    }
    /// Deletes a received message.
    pub fn delete(&mut self, now: u64, receipt: &Receipt, batch: &mut Batch) -> Deleted {
        either!(self, queue => queue.delete(now, receipt, batch))
    }
    /// Hides a received message until another moment.
    pub fn change(&mut self, now: u64, receipt: &Receipt, until: u64, batch: &mut Batch) -> Changed {
        either!(self, queue => queue.change(now, receipt, until, batch))
    }
    /// Makes visible what is due.
    pub fn advance(&mut self, now: u64) {
        either!(self, queue => queue.advance(now));
    }
    /// The next moment something becomes visible.
    pub fn next_due(&self) -> Option<u64> {
        either!(self, queue => queue.next_due())
    }
    /// How many receivers can be served right now, at most: messages, or FIFO groups.
    pub fn ready(&self) -> usize {
        either!(self, queue => queue.ready())
    }
    /// How many messages are in which state, as of the last [`Self::advance`].
    pub fn counts(&self) -> Counts {
        either!(self, queue => queue.counts())
    }
    /// Forgets a message that is deleted without a receipt (retention, a move); its rows are the caller's.
    pub fn forget(&mut self, stamp: u64) {
        either!(self, queue => queue.forget(stamp));
    }
    /// The rows of a message that left memory ([`Received::dead`]) are removed in the batch at hand.
    pub fn left(&mut self, stamp: u64) {
        either!(self, queue => queue.left(stamp));
    }
    /// Forgets a message past its retention, wherever it is. `delayed`: it was delayed when sent. Whether it has a
    /// hidden row.
    pub fn expire(&mut self, stamp: u64, delayed: bool) -> bool {
        match self {
            Self::Standard(queue) => queue.expire(stamp, delayed),
            Self::Fifo(queue) => {
                queue.forget(stamp);
                true
            }
        }
    }
    /// Forgets everything (purge); the rows are the caller's.
    pub fn clear(&mut self) {
        either!(self, queue => queue.clear());
    }
    /// Where the window must be filled from and how far the queue goes; `None`: it holds everything.
    pub fn gap(&self) -> Option<window::Gap> {
        either!(self, queue => queue.gap())
    }
    /// Whether the window should be filled before it runs dry.
    pub fn running_low(&self) -> bool {
        either!(self, queue => queue.running_low())
    }
    /// Appends what was read for a gap.
    pub fn fill(&mut self, gap: &window::Gap, rows: Vec<(u64, Bytes)>, read_to: u64) {
        either!(self, queue => queue.fill(gap, rows, read_to));
    }
}
