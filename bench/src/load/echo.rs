//! The workloads' requests sent to a limit: the same bytes, answered with themselves.

use super::{Outcome, Pace, Script, Sizes, Step, Target, Workload, drive, figures};
use crate::{
    body::Bodies,
    client::{Line, Request, payload, payload::BATCH},
    error::Result,
};

/// A queue URL and a receipt handle as long as usual ones.
const QUEUE: &[u8] = b"http://127.0.0.1:4566/000000000000/bench-queue-of-usual-length";
const HANDLE: &[u8] = &[b'h'; 96];

struct Echo {
    line: Line,
    /// The requests of one step, in order.
    requests: Vec<(Request, Vec<u8>)>,
    messages: u64,
}

impl Script for Echo {
    async fn step(&mut self) -> Result<Step> {
        for (request, payload) in &mut self.requests {
            self.line.echo(request, payload).await?;
        }
        Ok(Step::Did(self.messages))
    }
}

/// The requests that one step of a workload makes, and the messages it counts.
fn requests(workload: Workload, bodies: &Bodies, number: usize) -> (Vec<(Request, Vec<u8>)>, u64) {
    let written = |operation, write: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = Vec::new();
        write(&mut payload);
        (Request::new(operation), payload)
    };
    let send = || written("SendMessage", &|out| payload::send(out, QUEUE, bodies.get(number), None));
    let receive = |max| written("ReceiveMessage", &|out| payload::receive(out, QUEUE, max, 0, None));
    let batch = (number..number + BATCH).map(|number| bodies.get(number));
    match workload {
        Workload::SendBatch => (
            vec![written("SendMessageBatch", &|out| payload::send_batch(out, QUEUE, batch.clone()))],
            BATCH as u64,
        ),
        Workload::Cycle => (
            vec![send(), receive(1), written("DeleteMessage", &|out| payload::delete(out, QUEUE, HANDLE))],
            1,
        ),
        Workload::Drain => {
            let handles = std::iter::repeat_n(HANDLE, BATCH);
            let delete =
                written("DeleteMessageBatch", &|out| payload::delete_batch(out, QUEUE, handles.clone()));
            (vec![receive(BATCH), delete], BATCH as u64)
        }
        Workload::FifoSend => {
            let fifo = Some((number % 100, "1234567890"));
            (vec![written("SendMessage", &|out| payload::send(out, QUEUE, bodies.get(number), fifo))], 1)
        }
        _ => (vec![send()], 1),
    }
}

/// Runs one of [`Workload::STEADY`] against a limit.
pub(super) async fn run(
    workload: Workload,
    target: &Target,
    sizes: &Sizes,
    bodies: &Bodies,
) -> Result<Outcome> {
    let mut scripts = Vec::with_capacity(sizes.connections);
    for number in 0..sizes.connections {
        let (requests, messages) = requests(workload, bodies, number * 17);
        scripts.push(Echo { line: Line::open(&target.endpoint).await?, requests, messages });
    }
    let pace = Pace { warm_up: sizes.warm_up, measure: sizes.measure };
    Ok(figures(&drive(scripts, pace, target.process).await, target))
}
