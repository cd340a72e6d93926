//! The domain alone: a command and a moment in, rows and a reply out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

use bytes::Bytes;
use moln_sqs::{
    limits::IN_FLIGHT,
    queue::{Ask, Changed, Counts, Deleted, Fifo, Incoming, Share, Standard, State},
    receipt::Receipt,
    tables::{Hidden, Message},
};
use moln_store::{Batch, Op};

const QUEUE: u64 = 7;

fn incoming(now: u64, delay: u64, group: Option<&str>) -> Incoming {
    let message = Message {
        delayed: delay > 0,
        id: [1; 16],
        sent: now,
        body_md5: [2; 16],
        sender: "s",
        group,
        deduplication: None,
        trace: None,
        attributes: Vec::new(),
        history: None,
        lineage: None,
        body: "body",
    };
    Incoming { row: message.encode(), visible_at: now + delay, group: group.map(Into::into) }
}

fn standard() -> State {
    State::Standard(Standard::restore(QUEUE, 0, 0, std::iter::empty(), Share::default()))
}

fn fifo() -> State {
    State::Fifo(Fifo::restore(QUEUE, 0, 0, std::iter::empty(), Share::default()))
}

fn ask(now: u64, max: usize, visibility: u64) -> Ask {
    Ask { now, max, visibility, max_receives: None, expired_before: 0 }
}

fn receipt(stamp: u64, count: u32) -> Receipt {
    Receipt { queue: QUEUE, stamp, count, received: 0, rows: 1 }
}

/// What a batch writes: table and stamp, `-` before removals.
fn ops(batch: &Batch) -> Vec<String> {
    let name = |key: &Bytes| {
        let stamp = key.get(10..18).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
        let table = std::str::from_utf8(&key[..2]).unwrap();
        stamp.map_or(table.to_owned(), |stamp| format!("{table}{stamp}"))
    };
    batch
        .ops
        .iter()
        .map(|op| match op {
            Op::Put { key, .. } => name(key),
            Op::Delete(key) => format!("-{}", name(key)),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn decide<T>(state: &mut State, decision: impl FnOnce(&mut State, &mut Batch) -> T) -> (T, Vec<String>) {
    let mut batch = Batch::default();
    let outcome = decision(state, &mut batch);
    (outcome, ops(&batch))
}

fn send(state: &mut State, now: u64, stamp: u64, delay: u64, group: Option<&str>) -> Vec<String> {
    decide(state, |state, batch| state.send(now, stamp, &incoming(now, delay, group), batch)).1
}

fn receive(state: &mut State, ask: &Ask) -> (Vec<u64>, Vec<String>) {
    let (received, ops) = decide(state, |state, batch| state.receive(ask, batch));
    (received.messages.iter().map(|taken| taken.stamp).collect(), ops)
}

#[test]
fn a_standard_message_costs_four_rows_in_its_life() {
    let mut state = standard();
    assert_eq!(send(&mut state, 100, 1, 0, None), ["qb1"]);
    assert_eq!(send(&mut state, 100, 2, 0, None), ["qb2"]);
    assert_eq!(send(&mut state, 100, 3, 50, None), ["qb3", "qf3"]);
    assert_eq!(receive(&mut state, &ask(110, 10, 30)), (vec![1, 2], ["qf1", "qf2"].map(String::from).into()));
    assert_eq!(receive(&mut state, &ask(110, 10, 30)), (vec![], vec![]), "nothing to receive costs nothing");
    assert_eq!(state.counts(), Counts { visible: 0, in_flight: 2, delayed: 1 });
    assert_eq!(state.next_due(), Some(140));
    let (outcome, rows) = decide(&mut state, |state, batch| state.delete(111, &receipt(1, 1), batch));
    assert_eq!((outcome, rows), (Deleted::Done, vec!["-qb1".into(), "-qf1".into()]));
    let (_, rows) = decide(&mut state, |state, batch| state.delete(112, &receipt(1, 1), batch));
    assert!(rows.is_empty(), "deleted before");
    let (outcome, rows) = decide(&mut state, |state, batch| state.change(113, &receipt(2, 1), 120, batch));
    assert_eq!((outcome, rows), (Changed::Done, vec!["qf2".into()]));
    assert_eq!(receive(&mut state, &ask(120, 1, 30)), (vec![2], vec!["qf2".into()]), "redelivery is one row");
    assert_eq!(receive(&mut state, &ask(150, 10, 30)).0, [2, 3], "who became visible first comes first");
}

#[test]
fn a_message_received_often_enough_is_handed_to_the_caller_as_dead() {
    let mut state = standard();
    send(&mut state, 100, 1, 0, None);
    let often = |now| Ask { max_receives: Some(2), ..ask(now, 10, 5) };
    assert_eq!(receive(&mut state, &often(100)).0, [1]);
    assert_eq!(receive(&mut state, &often(105)).0, [1]);
    let (received, rows) = decide(&mut state, |state, batch| state.receive(&often(110), batch));
    assert_eq!(
        (received.dead, rows),
        (vec![(1, Hidden::new(110, 2, 100))], vec![]),
        "its rows stay until moved"
    );
    assert_eq!(state.counts(), Counts::default());
}

#[test]
fn expired_messages_are_removed_in_the_receive_that_meets_them() {
    let mut state = standard();
    send(&mut state, 100, 1, 0, None);
    send(&mut state, 200, 2, 0, None);
    let late = Ask { expired_before: 150, ..ask(300, 10, 5) };
    assert_eq!(receive(&mut state, &late), (vec![2], ["-qb1", "qf2"].map(String::from).into()));
}

#[test]
fn at_the_in_flight_limit_a_standard_queue_says_so_and_a_fifo_queue_is_silent() {
    for (mut state, says) in [(standard(), true), (fifo(), false)] {
        for stamp in 1..=IN_FLIGHT as u64 + 2 {
            let mut batch = Batch::default();
            state.send(100, stamp, &incoming(100, 0, Some(&stamp.to_string())), &mut batch);
            let mut batch = Batch::default();
            let received = state.receive(&ask(100, 1, 1_000), &mut batch);
            let over = stamp > IN_FLIGHT as u64;
            assert_eq!((received.messages.len(), received.over_limit), (usize::from(!over), over && says));
        }
        assert_eq!(state.counts().in_flight, IN_FLIGHT as u64);
        assert_eq!(receive(&mut state, &ask(1_100, 10, 1)).0.len(), 10);
    }
}

#[test]
fn a_fifo_group_goes_as_far_as_its_first_hidden_message() {
    let mut state = fifo();
    for (stamp, group) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
        assert_eq!(send(&mut state, 100, stamp, 0, Some(group)), [format!("qb{stamp}")]);
    }
    assert_eq!(receive(&mut state, &ask(100, 2, 30)), (vec![1, 2], vec!["qf1".into(), "qf2".into()]));
    assert_eq!(state.ready(), 1);
    decide(&mut state, |state, batch| state.change(101, &receipt(1, 1), 101, batch));
    assert_eq!(receive(&mut state, &ask(101, 10, 30)).0, [3, 1]);
    let (outcome, _) = decide(&mut state, |state, batch| state.delete(130, &receipt(2, 1), batch));
    assert_eq!(outcome, Deleted::Expired);
    let (outcome, rows) = decide(&mut state, |state, batch| state.delete(130, &receipt(1, 2), batch));
    assert_eq!((outcome, rows), (Deleted::Done, vec!["-qb1".into(), "-qf1".into()]));
    assert_eq!(receive(&mut state, &ask(130, 10, 30)).0, [2, 4]);
    assert_eq!(state.counts(), Counts { visible: 0, in_flight: 3, delayed: 0 });
}

#[test]
fn rows_tell_the_state_again() {
    let hidden = [(1, Hidden::new(140, 1, 100)), (3, Hidden::new(150, 0, 0)), (2, Hidden::new(90, 4, 80))];
    let mut state = State::Standard(Standard::restore(QUEUE, 2, 5, hidden.into_iter(), Share::default()));
    state.advance(100);
    assert_eq!(state.counts(), Counts { visible: 1, in_flight: 1, delayed: 1 });
    let gap = state.gap().unwrap();
    assert_eq!((gap.after, gap.last), (2, 5));
    let rows = [(3, 50), (4, 0), (5, 0)].map(|(stamp, delay)| (stamp, incoming(100, delay, None).row));
    state.fill(&gap, rows.into(), 5);
    assert_eq!(receive(&mut state, &ask(100, 10, 30)).0, [2, 4, 5], "the delayed one is not fresh");
}

#[test]
fn the_cursor_is_written_now_and_then() {
    let mut state = standard();
    let mut written = Vec::new();
    for stamp in 1..=600 {
        send(&mut state, 100, stamp, 0, None);
        let (_, rows) = receive(&mut state, &ask(100, 1, 30));
        if rows.contains(&"qc".to_owned()) {
            written.push(stamp);
        }
    }
    assert_eq!(written, [256, 512]);
}
