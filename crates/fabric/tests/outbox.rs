//! The outbox: delivery, retries, dead letters, order, isolation, restarts.
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
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use moln_fabric::{
    Backoff, Delivery, Outbox, RecursiveLoop, Target, Workers,
    outbox::{Address, Attribute, Failure, MAX_DELIVERY, Retry},
};
use moln_kernel::{Clock, MovableClock, clock::BoxFuture};
use moln_store::Batch;
use support::{LIMIT, Log, START, World, advance};
use tokio::sync::Notify;

const SECOND: Duration = Duration::from_secs(1);

/// A target made of a closure.
struct To<F>(F);
impl<F, R> Target for To<F>
where
    F: Fn(Delivery) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin((self.0)(delivery.clone()))
    }
    fn timeout(&self) -> Duration {
        Duration::from_millis(500)
    }
    fn recursive_loop(&self, arn: &str) -> RecursiveLoop {
        if arn.contains("allow") { RecursiveLoop::Allow } else { RecursiveLoop::Terminate }
    }
}

/// The same with time to spare.
struct Patient<T>(T);
impl<T: Target> Target for Patient<T> {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        self.0.deliver(delivery)
    }
    fn timeout(&self) -> Duration {
        2 * LIMIT
    }
}

fn body(delivery: &Delivery) -> String {
    String::from_utf8(delivery.payload.to_vec()).unwrap()
}

/// Writes down what arrives.
fn recorder(world: &World, log: &Log) -> Arc<dyn Target> {
    let (world, log) = (world.clone(), log.clone());
    Arc::new(To(move |delivery: Delivery| {
        log.note(world.at(), body(&delivery));
        std::future::ready(Ok(()))
    }))
}

fn delivery(world: &World, arn: &str, payload: impl Into<String>) -> Delivery {
    Delivery::new(Address::new("test", arn), payload.into(), world.clock.now())
}

async fn put(world: &World, deliveries: &[Delivery]) {
    let mut batch = Batch::default();
    for delivery in deliveries {
        Outbox::put(&mut batch, delivery).unwrap();
    }
    world.store.commit(batch).await.unwrap();
}

fn start(world: &World, target: Arc<dyn Target>) -> (Workers, Outbox) {
    let (workers, outbox) = (world.workers(), Outbox::new(world.store.clone(), world.shared_clock()));
    outbox.register("test", target);
    outbox.start(&workers, None);
    (workers, outbox)
}

#[tokio::test]
async fn what_is_committed_is_delivered_once_and_nothing_else() {
    let (world, log) = (World::new(), Log::default());
    let (workers, outbox) = start(&world, recorder(&world, &log));
    let mut refused = Batch::default();
    Outbox::put(&mut refused, &delivery(&world, "arn:a", "never")).unwrap();
    refused.equals("absent", "value");
    world.store.commit(refused).await.unwrap_err();
    put(
        &world,
        &[delivery(&world, "arn:a", "1"), delivery(&world, "arn:a", "2"), delivery(&world, "arn:b", "3")],
    )
    .await;
    workers.quiescent(LIMIT).await.unwrap();
    let mut names = log.names();
    names.sort();
    assert_eq!(names, ["1", "2", "3"]);
    assert_eq!((world.rows("ob/"), outbox.counts().delivered), (0, 3));
    // Two halves of a batch that do not know of each other.
    let (mut one, mut two) = (Batch::default(), Batch::default());
    Outbox::put(&mut one, &delivery(&world, "arn:a", "4")).unwrap();
    Outbox::put(&mut two, &delivery(&world, "arn:a", "5")).unwrap();
    one.append(two);
    world.store.commit(one).await.unwrap();
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(log.len(), 5);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn failures_are_retried_by_the_schedule_over_restarts_until_the_dead_letter() {
    let (world, log) = (World::new(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    let target: Arc<dyn Target> = Arc::new(To(move |delivery: Delivery| {
        l.note(w.at(), format!("{} {}", delivery.target.arn, delivery.failures));
        let good = delivery.is_dead_letter;
        if good {
            assert_eq!(delivery.attributes["ErrorCode"], Attribute::text("Broken"));
            assert_eq!(delivery.attributes["ErrorMessage"], Attribute::text("no luck"));
            assert_eq!(body(&delivery), "precious");
        }
        std::future::ready(if good { Ok(()) } else { Err(Failure::passing("Broken", "no luck")) })
    }));
    let mut precious = delivery(&world, "arn:broken", "precious");
    let backoff = Backoff::new(SECOND, 3 * SECOND);
    precious.retry = Retry { backoff, attempts: 4, age: Duration::from_hours(1) };
    precious.dead_letter = Some(Address::new("test", "arn:dlq"));
    put(&world, &[precious]).await;
    let mut expected = Vec::new();
    for failures in 0..4_u32 {
        // A new process for every attempt: count and moment are durable.
        let (workers, outbox) = start(&world, Arc::clone(&target));
        workers.quiescent(LIMIT).await.unwrap();
        expected.push((world.at(), format!("arn:broken {failures}")));
        if failures == 3 {
            expected.push((world.at(), "arn:dlq 0".to_owned()));
            assert_eq!((outbox.counts().dead_lettered, outbox.counts().delivered), (1, 1));
        } else {
            let due = workers.next_due().unwrap();
            let pause = due.since(world.clock.now());
            let whole = (SECOND * (1 << failures)).min(3 * SECOND);
            assert!(pause >= whole / 2 && pause <= whole, "{pause:?}");
            advance(&world, &workers, pause - Duration::from_millis(1)).await;
            assert_eq!(log.all(), expected, "not a millisecond too early");
            workers.stop(LIMIT).await;
            world.clock.advance_to(due);
            continue;
        }
        workers.stop(LIMIT).await;
    }
    assert_eq!(log.all(), expected);
    assert_eq!(world.rows("o"), 0);
}

#[tokio::test]
async fn the_hopeless_is_given_up_and_panics_and_silence_are_failures() {
    let (world, log) = (World::new(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    let (workers, outbox) = start(
        &world,
        Arc::new(To(move |delivery: Delivery| {
            let (w, l) = (w.clone(), l.clone());
            async move {
                l.note(w.at(), body(&delivery));
                match (&*body(&delivery), delivery.failures) {
                    ("hopeless", _) => Err(Failure::permanent("Gone", "no such thing")),
                    ("panics", 0) => panic!("oh"),
                    ("silent", 0) => std::future::pending().await,
                    _ => Ok(()),
                }
            }
        })),
    );
    let unknown = Delivery::new(Address::new("unknown", "arn:x"), "x", START);
    let mut old = unknown.clone();
    old.retry.age = SECOND;
    let all = ["hopeless", "panics", "silent"].map(|body| delivery(&world, "arn:a", body));
    put(&world, &all).await;
    put(&world, &[unknown, old]).await;
    workers.quiescent(LIMIT).await.unwrap();
    let counts = outbox.counts();
    assert_eq!((counts.dropped, counts.retried, counts.delivered), (1, 4, 0));
    advance(&world, &workers, 2 * SECOND).await;
    let counts = outbox.counts();
    assert_eq!((counts.dropped, counts.delivered), (2, 2));
    assert_eq!((log.len(), world.rows("od/")), (5, 1));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_stuck_target_with_a_long_backlog_delays_nobody_else() {
    struct Slow(Log, World, Arc<Notify>, Arc<AtomicBool>);
    impl Target for Slow {
        fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async move {
                if &*delivery.target.arn == "arn:slow" {
                    let open = self.2.notified();
                    if !self.3.load(Ordering::SeqCst) {
                        open.await;
                    }
                }
                self.0.note(self.1.at(), body(delivery));
                Ok(())
            })
        }
    }
    let (world, log) = (World::new(), Log::default());
    let (gate, open) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let slow: Vec<_> = (0..500).map(|n| delivery(&world, "arn:slow", format!("slow {n}"))).collect();
    for _ in 0..4 {
        put(&world, &slow).await;
    }
    let others: Vec<_> = (0..200).map(|n| delivery(&world, &format!("arn:{}", n % 40), "quick")).collect();
    put(&world, &others).await;
    let target = Slow(log.clone(), world.clone(), Arc::clone(&gate), Arc::clone(&open));
    let (workers, _outbox) = start(&world, Arc::new(target));
    tokio::time::timeout(LIMIT, async {
        while log.len() < 200 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the others are through");
    assert!(log.names().iter().all(|name| name == "quick"));
    open.store(true, Ordering::SeqCst);
    gate.notify_waiters();
    workers.quiescent(LIMIT).await.unwrap();
    // The same five hundred ids were put four times, under stamps of their own.
    assert_eq!((log.len(), world.rows("ob/")), (2_200, 0));
    let distinct: BTreeSet<_> = log.names().into_iter().collect();
    assert_eq!(distinct.len(), 501);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn ordered_deliveries_keep_their_order_through_failures_and_restarts() {
    let (world, log) = (World::new(), Log::default());
    let (w, l) = (world.clone(), log.clone());
    let target: Arc<dyn Target> = Arc::new(To(move |delivery: Delivery| {
        let body = body(&delivery);
        let fails = body.ends_with('7') && delivery.failures < 2;
        if !fails {
            l.note(w.at(), body);
        }
        std::future::ready(if fails { Err(Failure::passing("Busy", "")) } else { Ok(()) })
    }));
    for n in 0..300 {
        let mut one = delivery(&world, "arn:fifo", format!("{} {n}", n % 3));
        one.ordered = true;
        one.group_id = Some((n % 3).to_string());
        put(&world, &[one]).await;
    }
    let mut lives = 0;
    while world.rows("ob/") > 0 {
        let (workers, _outbox) = start(&world, Arc::clone(&target));
        workers.quiescent(LIMIT).await.unwrap();
        let due = workers.next_due();
        workers.stop(LIMIT).await;
        if let Some(due) = due {
            world.clock.advance_to(due);
        }
        lives += 1;
    }
    assert!(lives > 10, "{lives}");
    for group in 0..3 {
        let prefix = format!("{group} ");
        let seen: Vec<u32> =
            log.names().iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
        let expected: Vec<u32> = (0..300).filter(|n| n % 3 == group).collect();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_restart_does_not_shorten_the_pause_of_an_ordered_delivery() {
    let (world, log) = (World::new(), Log::default());
    let mut head = delivery(&world, "arn:fifo", "head");
    head.ordered = true;
    head.retry.backoff = Backoff::new(60 * SECOND, 60 * SECOND);
    let mut tail = head.clone();
    (tail.id, tail.payload) = ([1; 16], "tail".into());
    put(&world, &[head, tail]).await;
    let (w, l) = (world.clone(), log.clone());
    let target: Arc<dyn Target> = Arc::new(To(move |delivery: Delivery| {
        l.note(w.at(), body(&delivery));
        let fails = delivery.failures == 0 && body(&delivery) == "head";
        std::future::ready(if fails { Err(Failure::passing("Busy", "")) } else { Ok(()) })
    }));
    let mut due = None;
    for _ in 0..3 {
        let (workers, _outbox) = start(&world, Arc::clone(&target));
        workers.quiescent(LIMIT).await.unwrap();
        assert_eq!(log.names(), ["head"]);
        let next = workers.next_due().unwrap();
        assert_eq!(*due.get_or_insert(next), next);
        workers.stop(LIMIT).await;
        world.clock.advance(10 * SECOND);
    }
    let (workers, _outbox) = start(&world, target);
    world.clock.advance_to(due.unwrap());
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(log.names(), ["head", "head", "tail"]);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn what_is_noted_as_drained_leaves_out_what_still_runs() {
    const MANY: usize = 9_000;
    let (world, log) = (World::new(), Log::default());
    let all: Vec<_> = (0..MANY).map(|n| delivery(&world, "arn:a", n.to_string())).collect();
    for some in all.chunks(500) {
        put(&world, some).await;
    }
    let (w, l) = (world.clone(), log.clone());
    let (workers, _outbox) = start(
        &world,
        Arc::new(Patient(To(move |delivery: Delivery| {
            let (w, l) = (w.clone(), l.clone());
            async move {
                if body(&delivery) == "3" {
                    std::future::pending::<()>().await;
                }
                l.note(w.at(), body(&delivery));
                Ok(())
            }
        }))),
    );
    tokio::time::timeout(LIMIT, async {
        while log.len() < MANY - 1 || world.rows("oc/") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("all but one are through");
    workers.stop(Duration::ZERO).await;
    let log = Log::default();
    let (workers, _outbox) = start(&world, recorder(&world, &log));
    workers.quiescent(LIMIT).await.unwrap();
    assert!(log.names().contains(&"3".to_owned()), "{:?}", log.names());
    assert_eq!(world.rows("ob/"), 0);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_nothing() {
    let (world, log) = (World::new(), Log::default());
    let all: Vec<_> = (0..900).map(|n| delivery(&world, &format!("arn:{}", n % 20), n.to_string())).collect();
    put(&world, &all).await;
    for life in 0.. {
        let (l, w, left) = (log.clone(), world.clone(), AtomicUsize::new(150));
        let (workers, _outbox) = start(
            &world,
            Arc::new(To(move |delivery: Delivery| {
                // From some delivery on this process hangs, then it is killed.
                let hangs =
                    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err();
                let (l, w) = (l.clone(), w.clone());
                async move {
                    l.note(w.at(), body(&delivery));
                    if hangs { std::future::pending().await } else { Ok(()) }
                }
            })),
        );
        let finished = workers.quiescent(Duration::from_millis(100)).await.is_ok();
        workers.stop(Duration::ZERO).await;
        if finished && world.rows("o") == world.rows("oc") {
            break;
        }
        assert!(life < 50);
    }
    let distinct: BTreeSet<_> = log.names().into_iter().collect();
    assert_eq!(distinct.len(), 900);
    assert_eq!(world.rows("ob/") + world.rows("od/"), 0);
}

/// Whatever arrives at one goes on to the other.
async fn ping_pong(
    world: &World,
    one: &'static str,
    other: &'static str,
    until: usize,
) -> (Log, Outbox, Workers) {
    let log = Log::default();
    let (w, l) = (world.clone(), log.clone());
    let (workers, outbox) = start(
        world,
        Arc::new(To(move |arrived: Delivery| {
            let (w, l) = (w.clone(), l.clone());
            async move {
                l.note(w.at(), &*arrived.target.arn);
                if arrived.is_dead_letter {
                    assert_eq!(arrived.attributes["ErrorCode"], Attribute::text("RecursiveLoop"));
                } else if l.len() < until {
                    let to = if &*arrived.target.arn == one { other } else { one };
                    let mut next = delivery(&w, to, "ball");
                    next.lineage = arrived.lineage;
                    next.dead_letter = Some(Address::new("test", "arn:dlq"));
                    put(&w, &[next]).await;
                }
                Ok(())
            }
        })),
    );
    put(world, &[delivery(world, one, "ball")]).await;
    workers.quiescent(LIMIT).await.unwrap();
    (log, outbox, workers)
}

#[tokio::test]
async fn a_loop_is_stopped_at_its_seventeenth_round() {
    let world = World::new();
    let (log, outbox, workers) = ping_pong(&world, "arn:ping", "arn:pong", 1_000).await;
    let names = log.names();
    assert_eq!(names.iter().filter(|name| *name == "arn:ping").count(), 16);
    assert_eq!(names.iter().filter(|name| *name == "arn:pong").count(), 16);
    assert_eq!(names.last().unwrap(), "arn:dlq");
    let counts = outbox.counts();
    assert_eq!((counts.loops_stopped, counts.dead_lettered, counts.dropped), (1, 1, 0));
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_loop_that_is_wanted_goes_on() {
    let world = World::new();
    let (log, outbox, workers) = ping_pong(&world, "arn:allow-1", "arn:allow-2", 400).await;
    assert_eq!((log.len(), outbox.counts().loops_stopped), (400, 0));
    workers.stop(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_arrive_once_each_within_the_targets_limits() {
    struct Limited(Mutex<BTreeSet<String>>, AtomicUsize, AtomicUsize);
    impl Target for Limited {
        fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async move {
                let running = self.1.fetch_add(1, Ordering::SeqCst) + 1;
                self.2.fetch_max(running, Ordering::SeqCst);
                tokio::task::yield_now().await;
                assert!(self.0.lock().unwrap().insert(body(delivery)), "came twice");
                self.1.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        }
        fn concurrency(&self) -> usize {
            5
        }
    }
    const MANY: usize = 20_000;
    let world = World::new();
    let limited = Arc::new(Limited(Mutex::default(), AtomicUsize::new(0), AtomicUsize::new(0)));
    let (workers, outbox) = start(&world, Arc::clone(&limited) as Arc<dyn Target>);
    for chunk in 0..MANY / 500 {
        let some: Vec<_> =
            (0..500).map(|n| delivery(&world, "arn:one", (chunk * 500 + n).to_string())).collect();
        put(&world, &some).await;
    }
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(outbox.counts().delivered, u64::try_from(MANY).unwrap());
    assert_eq!((limited.0.lock().unwrap().len(), limited.2.load(Ordering::SeqCst)), (MANY, 5));
    assert_eq!((world.rows("ob/"), world.rows("oc/")), (0, 1), "how far it is drained is written down");
    workers.stop(LIMIT).await;
    // The next process begins there and misses nothing.
    let log = Log::default();
    let (workers, _outbox) = start(&world, recorder(&world, &log));
    put(&world, &[delivery(&world, "arn:one", "next")]).await;
    workers.quiescent(LIMIT).await.unwrap();
    assert_eq!(log.names(), ["next"]);
    workers.stop(LIMIT).await;
}

#[tokio::test]
async fn a_delivery_that_fits_no_row_is_refused_and_the_largest_dies_well() {
    let (world, log) = (World::new(), Log::default());
    let mut batch = Batch::default();
    let big = delivery(&world, "arn:a", "x".repeat(MAX_DELIVERY));
    Outbox::put(&mut batch, &big).unwrap_err();
    assert!(batch.is_empty());
    let mut size = MAX_DELIVERY;
    let mut largest = loop {
        let mut one = delivery(&world, "arn:broken", "x".repeat(size));
        one.dead_letter = Some(Address::new("test", "arn:dlq"));
        one.retry =
            Retry { backoff: Backoff::new(SECOND, SECOND), attempts: 1_000, age: Duration::from_mins(5) };
        if Outbox::put(&mut batch, &one).is_ok() {
            break one;
        }
        size -= 1;
    };
    largest.attributes.clear();
    world.store.commit(batch).await.unwrap();
    let (w, l) = (world.clone(), log.clone());
    let (workers, outbox) = start(
        &world,
        Arc::new(To(move |delivery: Delivery| {
            let dead = delivery.is_dead_letter;
            if dead {
                l.note(w.at(), delivery.payload.len().to_string());
            }
            std::future::ready(if dead { Ok(()) } else { Err(Failure::passing("E", "m".repeat(5_000))) })
        })),
    );
    while let Some(due) = {
        workers.quiescent(LIMIT).await.unwrap();
        workers.next_due()
    } {
        world.clock.advance_to(due);
    }
    assert_eq!(log.names(), [size.to_string()]);
    assert_eq!((outbox.counts().dead_lettered, outbox.counts().dropped, world.rows("o")), (1, 0, 0));
    workers.stop(LIMIT).await;
}
