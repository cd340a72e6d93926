//! A task that wakes itself while it runs goes on at once, instead of being put at the end of its executor's queue, which
//! would also wake another of the executor's threads, to no purpose. HTTP's machinery does that for every body: whoever
//! reads one wakes whoever takes it from the socket, and both are the same task.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

const RESTS: u8 = 0;
const RUNS: u8 = 1;
/// It runs, and was woken meanwhile.
const AGAIN: u8 = 2;

/// Turns that a task takes in a row before others get theirs.
const IN_A_ROW: usize = 8;

/// The waker of a task, which knows whether the task runs.
struct Bell {
    state: AtomicU8,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            RESTS => None,
            _ => Some(AGAIN),
        });
        if noted.is_err() {
            self.task.wake_by_ref();
        }
    }
}

/// Polls what a task is about.
#[derive(Default)]
pub(super) struct Turns(Option<(Arc<Bell>, Waker)>);

impl Turns {
    /// Polls, and again when it was woken meanwhile.
    pub(super) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let known = self.0.take().filter(|(bell, _)| bell.task.will_wake(cx.waker()));
        let (bell, waker) = self.0.insert(known.unwrap_or_else(|| {
            let bell = Arc::new(Bell { state: AtomicU8::new(RESTS), task: cx.waker().clone() });
            (Arc::clone(&bell), Waker::from(bell))
        }));
        for _ in 0..IN_A_ROW {
            bell.state.store(RUNS, Ordering::Release);
            let polled = poll(&mut Context::from_waker(waker));
            let woken = bell.state.swap(RESTS, Ordering::AcqRel) == AGAIN;
            if polled.is_ready() || !woken {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn who_wakes_itself_goes_on_and_others_get_their_turn() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        let mut turns = Turns::default();
        let mut left = 3;
        let done = turns.poll(&cx, |cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        assert!(done.is_ready() && count.0.load(Relaxed) == 0);

        let (mut polls, mut kept) = (0, None);
        let pending = turns.poll(&cx, |cx| {
            polls += 1;
            kept = Some(cx.waker().clone());
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(pending.is_pending());
        assert_eq!((polls, count.0.load(Relaxed)), (IN_A_ROW, 1));
        kept.unwrap().wake();
        assert_eq!(count.0.load(Relaxed), 2, "one that rests is woken");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_elsewhere_is_lost() {
        let (ping, mut from) = tokio::sync::mpsc::unbounded_channel();
        let (to, mut pong) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut turns = Turns::default();
            loop {
                let next = poll_fn(|cx| turns.poll(cx, |cx| from.poll_recv(cx))).await;
                let Some(number) = next else { return };
                to.send(number).unwrap();
            }
        });
        for number in 0..10_000 {
            ping.send(number).unwrap();
            assert_eq!(pong.recv().await, Some(number));
        }
        drop(ping);
        task.await.unwrap();
    }
}
