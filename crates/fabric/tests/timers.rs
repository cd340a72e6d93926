//! Timers: order, cancelling, failures, restarts, many of them.
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
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moln_fabric::{Backoff, Fence, Timer, timer::BadTimer};
use moln_kernel::{Clock, MovableClock};
use moln_store::Batch;
use support::{Handler, LIMIT, Log, START, World, advance, recorder, schedule};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn they_fire_in_order_and_not_before_their_time() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    timers.register("test", recorder(&world, &log));
    timers.start(&workers, None);
    for (id, seconds) in [("c", 30), ("a", 10), ("d", 31), ("b", 20)] {
        schedule(&world, &timers, id, seconds * SECOND).await;
    }
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(workers.next_due(), Some(START.after(10 * SECOND)));
    advance(&world, &workers, 10 * SECOND - Duration::from_millis(1)).await;
    assert_eq!(log.len(), 0);
    advance(&world, &workers, Duration::from_millis(1)).await;
    assert_eq!(log.names(), ["a"]);
    advance(&world, &workers, 20 * SECOND).await;
    assert_eq!(log.names(), ["a", "b", "c"]);
    assert_eq!((world.rows("tm/"), timers.counts().fired), (1, 3));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_cancelled_timer_does_not_fire_and_a_past_one_fires_at_once() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    timers.register("test", recorder(&world, &log));
    timers.start(&workers, None);
    let key = schedule(&world, &timers, "cancelled", SECOND).await;
    schedule(&world, &timers, "kept", SECOND).await;
    workers.quiescent(LIMIT).await.unwrap();
    let mut batch = Batch::default();
    timers.cancel(&mut batch, &key);
    let past = timers.schedule(&mut batch, "test", "past", moln_kernel::Timestamp(5), "").unwrap();
    assert_eq!(past.due, START);
    world.store.commit(batch).await.unwrap();
    advance(&world, &workers, SECOND).await;
    assert_eq!(log.names(), ["past", "kept"]);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_batch_that_does_not_commit_schedules_nothing() {
    let world = World::new();
    let timers = world.timers();
    let mut batch = Batch::default();
    timers.schedule(&mut batch, "test", "x", START, "").unwrap();
    batch.equals("absent", "value");
    world.store.commit(batch).await.unwrap_err();
    assert_eq!(world.rows("tm/"), 0);
}

#[tokio::test]
async fn a_failing_handler_is_asked_again_by_the_schedule_and_holds_nobody_up() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    timers.register(
        "test",
        Arc::new(Handler(move |timer: Timer| {
            let (w, l) = (w.clone(), l.clone());
            async move {
                l.note(w.at(), format!("{} {}", String::from_utf8_lossy(&timer.key.id), timer.failures));
                match (&*timer.key.id, timer.failures) {
                    (b"bad", 0) => Err("no".into()),
                    (b"bad", 1) => panic!("no!"),
                    _ => Ok(Batch::default()),
                }
            }
        })),
    );
    timers.start(&workers, None);
    schedule(&world, &timers, "bad", SECOND).await;
    schedule(&world, &timers, "good", SECOND).await;
    advance(&world, &workers, SECOND).await;
    let mut first: Vec<_> = log.names();
    first.sort();
    assert_eq!(first, ["bad 0", "good 0"]);
    let backoff = Backoff::new(SECOND, Duration::from_mins(5));
    for failures in 1..=2 {
        let due = workers.next_due().unwrap();
        let pause = due.since(world.clock.now());
        assert!(pause >= backoff.first * failures / 2 && pause <= backoff.first * 2 * failures, "{pause:?}");
        world.clock.advance_to(due);
        workers.quiescent(LIMIT).await.unwrap();
        assert_eq!(log.all().pop().unwrap(), (world.at(), format!("bad {failures}")));
    }
    assert_eq!((world.rows("tm/"), timers.counts().failed), (0, 2));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_handler_whose_target_changed_is_asked_again() {
    let world = World::new();
    let (workers, timers) = (world.workers(), world.timers());
    let asked = Arc::new(AtomicU32::new(0));
    let (store, count) = (world.store.clone(), Arc::clone(&asked));
    timers.register(
        "test",
        Arc::new(Handler(move |_: Timer| {
            let (store, count) = (store.clone(), Arc::clone(&count));
            async move {
                let version = store.snapshot().get(b"target")?.map_or(0, |(_, version)| version);
                if count.fetch_add(1, Ordering::SeqCst) == 0 {
                    // Somebody is quicker.
                    let mut other = Batch::default();
                    other.put("target", "theirs");
                    store.commit(other).await?;
                }
                let mut batch = Batch::default();
                batch.unchanged("target", version).put("target", "ours");
                Ok(batch)
            }
        })),
    );
    timers.start(&workers, None);
    schedule(&world, &timers, "x", SECOND).await;
    advance(&world, &workers, SECOND).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(world.store.snapshot().get(b"target").unwrap().unwrap().0, "ours");
    assert_eq!((world.rows("tm/"), timers.counts().failed), (0, 0));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let world = World::new();
    let log = Log::default();
    for life in 0..5 {
        let (workers, timers) = (world.workers(), world.timers());
        timers.register("test", recorder(&world, &log));
        if life == 0 {
            for n in 0..50_u32 {
                schedule(&world, &timers, &format!("{n:02}"), n * 10 * SECOND).await;
            }
        }
        timers.start(&workers, None);
        // Time passes while nobody is there, too.
        advance(&world, &workers, 60 * SECOND).await;
        workers.stop(LIMIT).await;
        world.clock.advance(60 * SECOND);
    }
    let expected: Vec<String> = (0..50).map(|n| format!("{n:02}")).collect();
    assert_eq!(log.names(), expected);
}

#[tokio::test]
async fn a_crash_between_firing_and_commit_fires_again() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    timers.register(
        "test",
        Arc::new(Handler(move |timer: Timer| {
            l.note(w.at(), String::from_utf8_lossy(&timer.key.id));
            std::future::pending()
        })),
    );
    timers.start(&workers, None);
    schedule(&world, &timers, "x", SECOND).await;
    world.clock.advance(SECOND);
    while log.len() == 0 {
        tokio::task::yield_now().await;
    }
    workers.stop(Duration::ZERO).await;
    assert_eq!(world.rows("tm/"), 1);

    let (workers, timers) = (world.workers(), world.timers());
    timers.register("test", recorder(&world, &log));
    timers.start(&workers, None);
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!((log.names(), world.rows("tm/")), (vec!["x".to_owned(), "x".to_owned()], 0));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_firing_that_is_cancelled_before_it_commits_has_no_effect() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let gate = Arc::new(tokio::sync::Notify::new());
    let (w, l, g) = (world.clone(), log.clone(), Arc::clone(&gate));
    timers.register(
        "test",
        Arc::new(Handler(move |_: Timer| {
            l.note(w.at(), "asked");
            let gate = Arc::clone(&g);
            async move {
                gate.notified().await;
                let mut batch = Batch::default();
                batch.put("effect", "");
                Ok(batch)
            }
        })),
    );
    timers.start(&workers, None);
    let key = schedule(&world, &timers, "x", SECOND).await;
    world.clock.advance(SECOND);
    while log.len() == 0 {
        tokio::task::yield_now().await;
    }
    let mut batch = Batch::default();
    timers.cancel(&mut batch, &key);
    world.store.commit(batch).await.unwrap();
    gate.notify_one();
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!((log.len(), world.rows("tm/"), world.rows("effect")), (1, 0, 0));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_timer_that_becomes_visible_late_fires_all_the_same() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    timers.register("test", recorder(&world, &log));
    timers.start(&workers, None);
    let (mut late, mut later) = (Batch::default(), Batch::default());
    timers.schedule(&mut late, "test", "late", START.after(55 * SECOND), "").unwrap();
    timers.schedule(&mut later, "test", "much later", START.after(SECOND), "").unwrap();
    for n in 0..600_u32 {
        schedule(&world, &timers, "x", n * Duration::from_millis(100)).await;
    }
    advance(&world, &workers, 60 * SECOND).await;
    world.store.commit(late).await.unwrap();
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(log.names().pop().unwrap(), "late");
    world.store.commit(later).await.unwrap();
    advance(&world, &workers, 600 * SECOND).await;
    assert_eq!(log.names().pop().unwrap(), "much later");
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn an_owner_that_lost_its_lease_fires_nothing() {
    let world = World::new();
    let (workers, timers) = (world.workers(), world.timers());
    timers.register(
        "test",
        Arc::new(Handler(|_: Timer| {
            let mut batch = Batch::default();
            batch.add("effects", 1);
            std::future::ready(Ok(batch))
        })),
    );
    let mut lease = Batch::default();
    lease.max("lease", 7);
    world.store.commit(lease).await.unwrap();
    timers.start(&workers, Some(Fence { lease: "lease".into(), epoch: 7 }));
    schedule(&world, &timers, "mine", SECOND).await;
    schedule(&world, &timers, "theirs", 2 * SECOND).await;
    advance(&world, &workers, SECOND).await;
    let mut lease = Batch::default();
    lease.max("lease", 8);
    world.store.commit(lease).await.unwrap();
    advance(&world, &workers, SECOND).await;
    let effects = world.store.snapshot().get(b"effects").unwrap().unwrap().0;
    assert_eq!((&effects[..], world.rows("tm/")), (&1_i64.to_be_bytes()[..], 1));
    let report = workers.report().remove(0);
    assert_eq!(report.last_error.as_deref(), Some("another owner holds the lease"));
    workers.stop(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_fire_in_order() {
    const MANY: u64 = 100_000;
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    timers.register(
        "test",
        Arc::new(Handler(move |timer: Timer| {
            l.note(timer.key.due.millis() - START.millis(), "");
            assert!(timer.key.due <= w.clock.now());
            std::future::ready(Ok(Batch::default()))
        })),
    );
    for chunk in 0..MANY / 1_000 {
        let mut batch = Batch::default();
        for n in chunk * 1_000..(chunk + 1) * 1_000 {
            // Scattered over an hour, about thirty of them in the same millisecond of each second.
            let due = START.after(SECOND * u32::try_from(n.wrapping_mul(7_919) % 3_600).unwrap());
            timers.schedule(&mut batch, "test", n.to_be_bytes().to_vec(), due, "").unwrap();
        }
        world.store.commit(batch).await.unwrap();
    }
    timers.start(&workers, None);
    advance(&world, &workers, Duration::from_mins(30)).await;
    assert!(log.len() < 60_000);
    advance(&world, &workers, Duration::from_mins(30)).await;
    let moments: Vec<u64> = log.all().into_iter().map(|(at, _)| at).collect();
    assert_eq!(moments.len(), usize::try_from(MANY).unwrap());
    assert!(moments.is_sorted());
    assert_eq!(world.rows("tm/"), 0);
    assert!(world.rows("tc/") > 0, "how far it is drained is written down");
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_timer_without_a_handler_waits_for_one() {
    let world = World::new();
    let (workers, timers, log) = (world.workers(), world.timers(), Log::default());
    timers.start(&workers, None);
    schedule(&world, &timers, "x", SECOND).await;
    advance(&world, &workers, SECOND).await;
    assert_eq!((world.rows("tm/"), timers.counts().failed), (1, 1));
    timers.register("test", recorder(&world, &log));
    advance(&world, &workers, SECOND).await;
    assert_eq!((world.rows("tm/"), log.len()), (0, 1));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let timers = World::new().timers();
    let schedule = |kind, id: usize, payload: usize| {
        timers.schedule(&mut Batch::default(), kind, vec![0; id], START, vec![0; payload]).map(|_| ())
    };
    assert_eq!(schedule("", 1, 1), Err(BadTimer::Kind));
    assert_eq!(schedule("a\0b", 1, 1), Err(BadTimer::Kind));
    assert_eq!(schedule("k", 3_000, 1), Err(BadTimer::Id));
    assert_eq!(schedule("k", 1, 20_000), Err(BadTimer::Payload));
    assert_eq!(schedule("k", 2_048, 16 << 10), Ok(()));
}
