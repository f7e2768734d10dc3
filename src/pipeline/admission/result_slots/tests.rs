use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::{advance, timeout};

use super::*;
use crate::pipeline::testing::is_pending;

/// Returns the upper bound of the harmonic policy on all slots together.
fn bound(max_per_stream: usize, streams: usize) -> usize {
    streams + (2..=max_per_stream).map(|count| (max_per_stream / count).min(streams)).sum::<usize>()
}

/// Acquires all slots that a stream can get without waiting.
fn acquire_available(stream: &StreamSlots) -> Vec<Slot> {
    let mut held = Vec::new();
    while let Some(slot) = futures_util::FutureExt::now_or_never(stream.acquire()) {
        held.push(slot);
    }
    held
}

#[test]
fn one_stream_alone_can_hold_the_maximum() {
    let slots = ResultSlots::new(100);
    let stream = slots.open_stream();
    let held = acquire_available(&stream);
    assert_eq!(held.len(), 100);
    drop(held);
    assert_eq!(acquire_available(&stream).len(), 100);
}

#[test]
fn streams_that_never_read_leave_a_share_to_each_other() {
    const MAX: usize = 8_192;
    let slots = ResultSlots::new(MAX);
    let mut stalled = Vec::new();
    for streams in 0..4_096 {
        // Each stream acquires all it can before the next one arrives: the worst order.
        let stream = slots.open_stream();
        let held = acquire_available(&stream);
        assert!(held.len() >= (MAX / (streams + 1)).max(1), "{} after {streams} others", held.len());
        stalled.push((stream, held));
    }
    let total: usize = stalled.iter().map(|(_, held)| held.len()).sum();
    println!("4,096 streams hold {total} slots; the first 40 {}", bound(MAX, 40));
    assert_eq!(total, bound(MAX, 4_096));
    assert!(total < 9 * MAX);
}

#[tokio::test]
async fn a_slot_goes_to_the_stream_that_waited_longest_for_one() {
    let slots = ResultSlots::new(4);
    let streams: Vec<_> = (0..4).map(|_| slots.open_stream()).collect();
    // Two streams with two slots each exhaust the second slots.
    let mut held: Vec<_> = streams[..2].iter().map(acquire_available).collect();
    let mut others: Vec<_> = streams[2..].iter().map(acquire_available).collect();
    assert_eq!((held[1].len(), others[0].len(), others[1].len()), (2, 1, 1));
    let (mut third, mut fourth) = (Box::pin(streams[2].acquire()), Box::pin(streams[3].acquire()));
    assert!(is_pending(&mut third).await && is_pending(&mut fourth).await);
    held[1].pop();
    assert!(is_pending(&mut fourth).await);
    others[0].push(third.await);
    // The stream that released its second slot queues behind the fourth stream.
    let mut second = Box::pin(streams[1].acquire());
    assert!(is_pending(&mut second).await);
    others[0].pop();
    assert!(is_pending(&mut second).await);
    others[1].push(fourth.await);
    others[1].pop();
    held[1].push(second.await);
}

#[tokio::test]
async fn a_slot_granted_to_a_cancelled_waiter_is_passed_to_the_next() {
    let slots = ResultSlots::new(3);
    let streams: Vec<_> = (0..3).map(|_| slots.open_stream()).collect();
    let mut held: Vec<_> = streams.iter().map(acquire_available).collect();
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 1]);
    let (mut second, mut third) = (Box::pin(streams[1].acquire()), Box::pin(streams[2].acquire()));
    assert!(is_pending(&mut second).await && is_pending(&mut third).await);
    held[0].clear();
    drop(second);
    third.await;
    assert!(slots.lock_budget().queue.is_empty());
}

#[tokio::test]
async fn wait_all_released_ends_when_every_slot_is_released() {
    let stream = ResultSlots::new(4).open_stream();
    stream.wait_all_released().await;
    let mut held = acquire_available(&stream);
    let mut released = Box::pin(stream.wait_all_released());
    assert!(is_pending(&mut released).await);
    held.truncate(1);
    assert!(is_pending(&mut released).await);
    held.clear();
    released.await;
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn is_stalled_when_results_wait_and_none_is_taken() {
    let slots = ResultSlots::new(4);
    let stream = slots.open_stream();
    let clock = stream.stall_detector();
    let mut stalled = Box::pin(clock.wait_stalled(10 * SECOND));
    let mut held = acquire_available(&stream);
    // Nothing waits: the items are in flight.
    advance(25 * SECOND).await;
    assert!(is_pending(&mut stalled).await);
    held.iter_mut().for_each(Slot::mark_waiting);
    assert_eq!(slots.count_waiting(), 4);
    // The client takes one result every 9 seconds.
    for _ in 0..3 {
        advance(9 * SECOND).await;
        assert!(is_pending(&mut stalled).await);
        held.pop();
    }
    advance(9 * SECOND).await;
    assert!(is_pending(&mut stalled).await);
    held.clear();
    advance(100 * SECOND).await;
    assert!(is_pending(&mut stalled).await, "nothing waits");
    held.push(stream.acquire().await);
    held[0].mark_waiting();
    let before = Instant::now();
    stalled.await;
    assert_eq!(before.elapsed().as_secs(), 10);
    drop(held);
    assert_eq!(slots.count_waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn is_stalled_when_the_end_is_not_taken() {
    let stream = ResultSlots::new(4).open_stream();
    let clock = stream.stall_detector();
    let mut stalled = Box::pin(clock.wait_stalled(10 * SECOND));
    let held = stream.acquire().await;
    drop(stream);
    advance(25 * SECOND).await;
    assert!(is_pending(&mut stalled).await, "an item is in flight");
    drop(held);
    let before = Instant::now();
    stalled.await;
    assert_eq!(before.elapsed().as_secs(), 10);
}

/// Waiter driven as by a runtime: polled only after a wake-up.
struct WaiterTask {
    acquire: Pin<Box<dyn Future<Output = Slot>>>,
    woken: Arc<Flag>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl WaiterTask {
    fn new(stream: &Arc<StreamSlots>) -> Self {
        let stream = Arc::clone(stream);
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        Self { acquire: Box::pin(async move { stream.acquire().await }), woken }
    }

    fn poll(&mut self) -> Poll<Slot> {
        self.acquire.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.woken))))
    }

    fn run(&mut self) -> Option<Slot> {
        let woken = self.woken.0.swap(false, Ordering::Relaxed);
        let polled = woken.then(|| self.poll());
        polled.and_then(|polled| if let Poll::Ready(slot) = polled { Some(slot) } else { None })
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Acquire,
    Cancel,
    Release,
    ReleaseAll,
}

/// Generates steps, each of some stream; most acquire a slot.
fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => Just(Step::Acquire),
        1 => Just(Step::Cancel),
        3 => Just(Step::Release),
        1 => Just(Step::ReleaseAll),
    ];
    prop::collection::vec((0..STREAMS, step), 0..400)
}

const STREAMS: usize = 7;

proptest! {
    /// Invariants: a waiter that can have a slot is woken, no stream holds more slots than it may, and all streams
    /// together hold no more than the bound.
    #[test]
    fn no_wake_up_is_lost_and_the_bound_holds(max in 1_usize..30, steps in steps()) {
        let slots = ResultSlots::new(max);
        let streams: Vec<_> = (0..STREAMS).map(|_| Arc::new(slots.open_stream())).collect();
        let mut held: Vec<Vec<Slot>> = (0..STREAMS).map(|_| Vec::new()).collect();
        let mut tasks: Vec<Option<WaiterTask>> = (0..STREAMS).map(|_| None).collect();
        for (index, step) in steps {
            match step {
                Step::Acquire => { tasks[index].get_or_insert_with(|| WaiterTask::new(&streams[index])); }
                Step::Cancel => tasks[index] = None,
                Step::Release => { held[index].pop(); }
                Step::ReleaseAll => held[index].clear(),
            }
            for (task, held) in tasks.iter_mut().zip(&mut held) {
                if let Some(slot) = task.as_mut().and_then(WaiterTask::run) {
                    held.push(slot);
                    *task = None;
                }
            }
            let holders = |count: usize| held.iter().filter(|held| held.len() >= count).count();
            prop_assert!((2..=max + 1).all(|count| holders(count) <= max / count));
            prop_assert!(held.iter().map(Vec::len).sum::<usize>() <= bound(max, STREAMS));
            for (task, held) in tasks.iter_mut().zip(&held) {
                let Some(task) = task else { continue };
                let next = held.len() + 1;
                prop_assert!(next > 1 && holders(next) == max / next, "it waits for a slot that is free");
                prop_assert!(task.poll().is_pending(), "it was not woken");
            }
        }
        drop((held, tasks));
        let budget = slots.lock_budget();
        prop_assert!(budget.queue.is_empty() && budget.holders.iter().all(|&holders| holders == 0));
    }
}

/// Every stream makes progress on a multi-threaded runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_waiter_gets_a_slot() {
    let slots = ResultSlots::new(8);
    let mut tasks = JoinSet::new();
    for number in 0..24 {
        let stream = slots.open_stream();
        tasks.spawn(async move {
            let mut held = Vec::new();
            for _ in 0..2_000 {
                held.push(stream.acquire().await);
                if held.len() > number % 5 {
                    // Released by another task, as results are.
                    tokio::spawn(std::future::ready(std::mem::take(&mut held)));
                }
            }
        });
    }
    timeout(60 * SECOND, tasks.join_all()).await.expect("a waiter was never woken");
    assert!(slots.lock_budget().queue.is_empty());
}
