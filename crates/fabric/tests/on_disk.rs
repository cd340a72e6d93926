//! Timers and the outbox over the engine that writes to disk: killed again and again, nothing is lost.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction
)]

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use moln_fabric::{
    Delivery, Outbox, Target, Timer,
    outbox::{Address, Failure},
};
use moln_kernel::{Clock, MovableClock, clock::BoxFuture};
use moln_store::{Batch, FjallStore, Options};
use support::{Handler, LIMIT, Log, World};

/// Takes so many, then hangs.
struct Mortal(Log, AtomicUsize);
impl Target for Mortal {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                std::future::pending::<()>().await;
            }
            self.0.note(0, String::from_utf8_lossy(&delivery.payload));
            Ok(())
        })
    }
}

/// Each timer causes a delivery in its own commit; each delivery arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_timers_and_deliveries_survives_lives_that_end_early() {
    const MANY: usize = 1_500;
    let dir = tempfile::tempdir().unwrap();
    let (arrived, fired) = (Log::default(), Log::default());
    let clock = World::new().clock;
    for life in 0..100 {
        let world =
            World { store: FjallStore::open(Options::new(dir.path())).unwrap(), clock: clock.clone() };
        let (workers, timers) = (world.workers(), world.timers());
        let outbox = Outbox::new(world.store.clone(), world.shared_clock());
        outbox.register("test", Arc::new(Mortal(arrived.clone(), AtomicUsize::new(400))));
        let (l, c) = (fired.clone(), clock.clone());
        timers.register(
            "test",
            Arc::new(Handler(move |timer: Timer| {
                let name = String::from_utf8_lossy(&timer.key.id).into_owned();
                l.note(timer.key.due.millis(), name.clone());
                let arn = format!("arn:{}", name.len() * 7 % 11);
                let mut batch = Batch::default();
                Outbox::put(&mut batch, &Delivery::new(Address::new("test", arn), name, c.now())).unwrap();
                std::future::ready(Ok(batch))
            })),
        );
        if life == 0 {
            let mut batch = Batch::default();
            for n in 0..MANY {
                let due = clock.now().after(Duration::from_millis(u64::try_from(n * 7 % 1_000).unwrap()));
                timers.schedule(&mut batch, "test", n.to_string(), due, "").unwrap();
            }
            world.store.commit(batch).await.unwrap();
        }
        outbox.start(&workers, None);
        timers.start(&workers, None);
        clock.advance(Duration::from_millis(300));
        let finished = workers.quiescent(Duration::from_millis(300)).await.is_ok();
        workers.stop(Duration::ZERO).await;
        let left = world.rows("tm/") + world.rows("ob/") + world.rows("od/");
        world.store.close().unwrap();
        if finished && left == 0 {
            let names = |log: &Log| log.names().into_iter().collect::<BTreeSet<_>>().len();
            assert_eq!((names(&fired), names(&arrived)), (MANY, MANY));
            assert!(life >= 3, "it was killed on the way: {life}");
            let mut seen = BTreeSet::new();
            let first = fired.all().into_iter().filter(|(_, name)| seen.insert(name.clone()));
            assert!(first.map(|(at, _)| at).is_sorted(), "over all lives they fired in order");
            return;
        }
    }
    panic!("not through after a hundred lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_timers_fire_once_each_and_in_order() {
    const MANY: usize = 5_000;
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(Options::new(dir.path())).unwrap();
    let world = World { store, clock: World::new().clock };
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let l = log.clone();
    timers.register(
        "test",
        Arc::new(Handler(move |timer: Timer| {
            l.note(timer.key.due.millis(), "");
            let mut batch = Batch::default();
            batch.add("fired", 1);
            std::future::ready(Ok(batch))
        })),
    );
    timers.start(&workers, None);
    for some in 0..MANY / 500 {
        let mut batch = Batch::default();
        for n in some * 500..(some + 1) * 500 {
            let due = world.clock.now().after(Duration::from_millis(u64::try_from(n * 31 % 977).unwrap()));
            timers.schedule(&mut batch, "test", n.to_string(), due, "").unwrap();
        }
        world.store.commit(batch).await.unwrap();
    }
    workers.quiescent(LIMIT).await.unwrap();
    // Those that were due at once fired on the way.
    let before = log.len();
    world.clock.advance(Duration::from_secs(1));
    workers.quiescent(LIMIT).await.unwrap();
    let moments: Vec<_> = log.all().into_iter().map(|(at, _)| at).skip(before).collect();
    assert!(moments.is_sorted());
    let fired = world.store.snapshot().get(b"fired").unwrap().unwrap().0;
    assert_eq!(fired, 5_000_i64.to_be_bytes()[..]);
    workers.stop(LIMIT).await;
    world.store.close().unwrap();
}
