//! Moving the clock from one due moment to the next.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction
)]

mod support;

use std::{sync::Arc, time::Duration};

use moln_fabric::{Advance, DueSource, Timer, advance};
use moln_kernel::{Clock, MovableClock, SystemClock, Timestamp};
use moln_store::Batch;
use support::{Handler, LIMIT, Log, START, World, recorder, schedule};

const MINUTE: Duration = Duration::from_mins(1);

fn advancing(world: &World, workers: &moln_fabric::Workers) -> Advance {
    Advance::new(Arc::new(world.clock.clone()), world.store.clone(), workers.clone())
}

#[tokio::test]
async fn what_falls_due_on_the_way_happens_at_its_moment_and_in_order() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let (w, l, t) = (world.clone(), log.clone(), timers.clone());
    timers.register(
        "test",
        Arc::new(Handler(move |timer: Timer| {
            l.note(w.at(), String::from_utf8_lossy(&timer.key.id));
            let mut batch = Batch::default();
            if timer.key.id == "A" {
                t.schedule(&mut batch, "test", "B", w.clock.now().after(5 * MINUTE), "").unwrap();
            }
            std::future::ready(Ok(batch))
        })),
    );
    timers.start(&workers, None);
    for (id, minutes) in [("C", 12), ("D", 15), ("E", 16), ("A", 5)] {
        schedule(&world, &timers, id, minutes * MINUTE).await;
    }
    let advanced = advancing(&world, &workers).by(15 * MINUTE).await.unwrap();
    let minutes = |n: u64| n * 60_000;
    assert_eq!(
        log.all(),
        [(5, "A"), (10, "B"), (12, "C"), (15, "D")].map(|(at, id)| (minutes(at), id.to_owned()))
    );
    assert_eq!((advanced.from, advanced.to, advanced.moments), (START, START.after(15 * MINUTE), 3));
    assert_eq!(world.clock.now(), START.after(15 * MINUTE));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn sources_are_stopped_for_too() {
    struct Every(Duration, World, Log);
    impl DueSource for Every {
        fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
            let period = u64::try_from(self.0.as_millis()).unwrap();
            Some(Timestamp((after.millis() / period + 1) * period))
        }
        fn settled(&self) -> moln_kernel::clock::BoxFuture<'_, ()> {
            self.2.note(self.1.at(), "source");
            Box::pin(std::future::ready(()))
        }
    }
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    timers.register("test", recorder(&world, &log));
    timers.start(&workers, None);
    schedule(&world, &timers, "timer", 90 * Duration::from_secs(1)).await;
    let advance = advancing(&world, &workers);
    advance.add(Arc::new(Every(MINUTE, world.clone(), log.clone())));
    advance.by(2 * MINUTE).await.unwrap();
    let mut seen = log.all();
    seen.dedup();
    let expected =
        [(0, "source"), (60_000, "source"), (90_000, "timer"), (90_000, "source"), (120_000, "source")];
    assert_eq!(seen, expected.map(|(at, what)| (at, what.to_owned())));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn the_moved_clock_survives_a_restart() {
    let world = World::new();
    let workers = world.workers();
    assert_eq!(advance::stored_offset(&world.store).unwrap(), Duration::ZERO);
    let clock = SystemClock::default();
    let before = clock.now();
    Advance::new(Arc::new(clock), world.store.clone(), workers.clone()).by(60 * MINUTE).await.unwrap();
    let offset = advance::stored_offset(&world.store).unwrap();
    assert!(offset >= 59 * MINUTE && offset <= 61 * MINUTE);
    let clock = SystemClock::new(offset);
    assert!(clock.now() >= before.after(60 * MINUTE));
    let again = Advance::new(Arc::new(clock.clone()), world.store.clone(), workers.clone());
    again.by(60 * MINUTE).await.unwrap();
    assert!(clock.offset() >= 119 * MINUTE);
    again.to(before).await.unwrap();
    assert!(clock.offset() <= 121 * MINUTE, "a past moment moves nothing");
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_closed_store_moves_nothing() {
    let world = World::new();
    let workers = world.workers();
    world.store.close().unwrap();
    advancing(&world, &workers).by(MINUTE).await.unwrap_err();
    assert_eq!(world.at(), 0);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn an_endless_chain_of_moments_is_bounded() {
    struct EveryMilli;
    impl DueSource for EveryMilli {
        fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
            Some(after.after(Duration::from_millis(1)))
        }
    }
    let world = World::new();
    let workers = world.workers();
    let advance = advancing(&world, &workers);
    advance.add(Arc::new(EveryMilli));
    let error = advance.by(2 * MINUTE * 60).await.unwrap_err();
    assert_eq!(error, advance::AdvanceError::TooManyMoments { at: START.after(Duration::from_secs(100)) });
    workers.stop(LIMIT).await;
}
