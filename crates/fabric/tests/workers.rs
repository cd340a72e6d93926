//! Supervision, waiting and rest of background workers.
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

use moln_fabric::{Worker, WorkerError, WorkerState, worker::Phase};
use moln_kernel::{Clock, MovableClock, clock::BoxFuture};
use support::{LIMIT, START, World};

/// A worker made of a closure that is told the number of its step.
struct Script<F>(F);
impl<F> Worker for Script<F>
where
    F: FnMut() -> Result<WorkerState, WorkerError> + Send + 'static,
{
    fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
        Box::pin(std::future::ready((self.0)()))
    }
}

const IDLE: WorkerState = WorkerState::Idle { until: None };

#[tokio::test]
async fn errors_and_panics_restart_after_growing_pauses() {
    let world = World::new();
    let workers = world.workers();
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    workers.spawn("fragile", move || {
        let attempt = count.fetch_add(1, Ordering::SeqCst);
        Script(move || match attempt {
            0 => Err("broken".into()),
            1 => panic!("very broken"),
            _ => Ok(IDLE),
        })
    });
    workers.quiescent(LIMIT).await.unwrap();
    let report = workers.report().remove(0);
    assert_eq!((report.errors, report.failures, report.last_error.as_deref()), (1, 1, Some("broken")));
    let Phase::Failed { until } = report.phase else { panic!("{report:?}") };
    assert!((50..=100).contains(&until.since(START).as_millis()));
    assert_eq!(workers.next_due(), Some(until));
    assert_eq!(made.load(Ordering::SeqCst), 1, "not started again before its time");

    world.clock.advance_to(until);
    workers.quiescent(LIMIT).await.unwrap();
    let report = workers.report().remove(0);
    assert_eq!((report.errors, report.last_error.as_deref()), (2, Some("panicked: very broken")));
    let Phase::Failed { until } = report.phase else { panic!("{report:?}") };
    assert!((100..=200).contains(&until.since(world.clock.now()).as_millis()));

    world.clock.advance_to(until);
    workers.quiescent(LIMIT).await.unwrap();
    let report = workers.report().remove(0);
    assert_eq!((report.phase, report.failures, report.errors), (Phase::Idle { until: None }, 0, 2));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn rest_means_that_nobody_has_made_work_for_another() {
    let world = World::new();
    let workers = world.workers();
    // Each takes from the one before; the first has five things to give.
    let stations: Vec<Arc<AtomicU32>> =
        (0..4).map(|n| Arc::new(AtomicU32::new(if n == 0 { 5 } else { 0 }))).collect();
    // Spawned from the last to the first, so that one round of steps is not enough.
    for n in (0..3).rev() {
        let (from, to) = (Arc::clone(&stations[n]), Arc::clone(&stations[n + 1]));
        workers.spawn(format!("station {n}"), move || {
            let (from, to) = (Arc::clone(&from), Arc::clone(&to));
            Script(move || {
                if from.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
                {
                    return Ok(IDLE);
                }
                to.fetch_add(1, Ordering::SeqCst);
                Ok(WorkerState::Busy)
            })
        });
    }
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(stations[3].load(Ordering::SeqCst), 5);
    stations[0].store(7, Ordering::SeqCst);
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(stations[3].load(Ordering::SeqCst), 12);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn idle_until_a_moment_throttled_and_done() {
    let world = World::new();
    let workers = world.workers();
    let clock = world.clock.clone();
    workers.spawn("hourly", move || {
        let clock = clock.clone();
        Script(move || Ok(WorkerState::Idle { until: Some(clock.now().after(Duration::from_hours(1))) }))
    });
    let steps = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&steps);
    let wake = workers.spawn("throttled", move || {
        let count = Arc::clone(&count);
        Script(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(WorkerState::Throttled { pause: Duration::from_mins(5) })
        })
    });
    workers.spawn("once", || Script(|| Ok(WorkerState::Done)));
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(workers.next_due(), Some(START.after(Duration::from_mins(5))));
    wake.wake();
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(steps.load(Ordering::SeqCst), 1, "a throttled worker cannot be woken");
    world.clock.advance(Duration::from_mins(5));
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(steps.load(Ordering::SeqCst), 2);
    let names: Vec<_> = workers.report().into_iter().map(|report| report.name.to_string()).collect();
    assert_eq!(names, ["hourly", "throttled"], "who is done is not shown");
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_worker_that_never_rests_is_named() {
    let world = World::new();
    let workers = world.workers();
    workers.spawn("restless", || Script(|| Ok(WorkerState::Busy)));
    let error = workers.quiescent(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "background work did not come to rest in time: restless");
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn stopping_ends_the_stubborn_too() {
    struct Stubborn;
    impl Worker for Stubborn {
        fn step(&mut self) -> BoxFuture<'_, Result<WorkerState, WorkerError>> {
            Box::pin(std::future::pending())
        }
        fn stop(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::pending())
        }
    }
    let world = World::new();
    let workers = world.workers();
    workers.spawn("stubborn", || Stubborn);
    workers.stop(Duration::from_millis(20)).await;
}
