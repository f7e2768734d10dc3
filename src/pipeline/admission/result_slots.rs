//! Slots for results that wait for their clients, bounded over all streams together.
//!
//! A stream acquires a slot before it reads an item from the network, and releases it when the client has taken the
//! item's result. A client that doesn't read keeps its slots, so without a shared bound the number of waiting results
//! grows with the number of such clients.
//!
//! The bound is the harmonic policy for shared-memory switches (Kesselman and Mansour, "Harmonic buffer management
//! policy for shared memory switches", Theoretical Computer Science 324, 2004): with a maximum of `M` slots per stream,
//! at most `M / n` streams may hold `n` slots or more; every stream may hold one. It follows that
//!
//! - `N` streams that acquire all slots they can leave at least `M / (N + 1)` slots to every other stream, regardless
//!   of the order of arrival;
//! - all streams together hold at most one slot each and `M/2 + M/3 + … + 1`, which is less than `M · ln(M)`.
//!
//! Dynamic thresholds (Choudhury and Hahne, 1998), where a stream may hold as many slots as are free, rely on queues
//! that drain. Streams that arrive one after another and never drain halve the free slots each time: a dozen of them
//! starve all others.
//!
//! The policy is enforced with one counter for each `n`, so that acquiring and releasing a slot take constant time. A
//! stream waits for one counter only, and a release changes one counter only: it wakes the stream that has waited
//! longest for that counter.
//!
//! See docs/adr/0041-harmonic-result-slots.md.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

/// Slots shared by all streams of one kind of work.
#[derive(Debug, Clone)]
pub struct ResultSlots {
    max_per_stream: usize,
    budget: Arc<Mutex<SlotBudget>>,
    /// Number of results that wait for their clients.
    waiting_results: Arc<AtomicUsize>,
}

/// Slots of one stream. Dropped when the stream takes no more items.
#[derive(Debug)]
pub struct StreamSlots {
    stream: Arc<SharedStream>,
    /// Lets one task at a time wait for a slot.
    acquire_lock: tokio::sync::Mutex<()>,
}

/// Capacity for one result. Released on drop, when the client has taken the result.
#[derive(Debug)]
pub struct Slot {
    stream: Arc<SharedStream>,
    is_waiting: bool,
}

/// Detector of clients that don't take their results.
#[derive(Debug, Clone)]
pub struct StallDetector {
    stream: Arc<SharedStream>,
}

/// Counters and wait queue over all streams. Lock order: the budget, then a stream's state.
#[derive(Debug, Default)]
struct SlotBudget {
    /// Number of streams that hold at least `n` slots, at index `n - 1`.
    holders: Vec<usize>,
    /// Streams that wait for a slot, by the number of slots that they would hold, then by arrival.
    queue: BTreeMap<QueueKey, SlotWaiter>,
    arrival_count: u64,
}

/// Position in the wait queue: the number of slots that the stream would hold, then the order of arrival.
type QueueKey = (usize, u64);

#[derive(Debug)]
struct SlotWaiter {
    stream: Arc<SharedStream>,
    granted: oneshot::Sender<Slot>,
}

#[derive(Debug)]
struct SharedStream {
    slots: ResultSlots,
    state: Mutex<StreamState>,
    /// Notified when the stream holds no slots.
    all_released: Notify,
}

#[derive(Debug, Default)]
struct StreamState {
    held: usize,
    /// Position of the stream in the wait queue, if it waits for a slot.
    queue_key: Option<QueueKey>,
    /// Number of results that wait for the client.
    waiting_results: usize,
    /// Set when the stream takes no more items.
    is_ended: bool,
    /// Time since which results, or the stream's end, have waited without the client taking any; `None` if nothing
    /// waits.
    waiting_since: Option<Instant>,
}

impl ResultSlots {
    /// Creates slots of which a single stream can hold at most `max_per_stream`.
    pub fn new(max_per_stream: usize) -> Self {
        Self { max_per_stream, budget: Arc::default(), waiting_results: Arc::default() }
    }

    /// Opens a stream that shares these slots.
    pub fn open_stream(&self) -> StreamSlots {
        let stream = SharedStream { slots: self.clone(), state: Mutex::default(), all_released: Notify::new() };
        StreamSlots { stream: Arc::new(stream), acquire_lock: tokio::sync::Mutex::default() }
    }

    /// Returns the maximum number of slots that one stream can hold.
    pub fn max_per_stream(&self) -> usize {
        self.max_per_stream
    }

    /// Returns the number of results that wait for their clients.
    pub fn count_waiting(&self) -> usize {
        self.waiting_results.load(Ordering::Relaxed)
    }

    fn lock_budget(&self) -> MutexGuard<'_, SlotBudget> {
        self.budget.lock()
    }

    /// Returns the maximum number of streams that may hold at least `count` slots.
    fn max_holders(&self, count: usize) -> usize {
        if count <= 1 { usize::MAX } else { self.max_per_stream / count }
    }
}

impl SlotBudget {
    /// Acquires a stream's `count`-th slot if the policy allows it.
    fn try_acquire(&mut self, slots: &ResultSlots, count: usize) -> bool {
        if self.holders.len() < count {
            self.holders.resize(count, 0);
        }
        let Some(holders) = self.holders.get_mut(count - 1) else { return false };
        let is_free = *holders < slots.max_holders(count);
        *holders += usize::from(is_free);
        is_free
    }

    fn release(&mut self, count: usize) {
        if let Some(holders) = self.holders.get_mut(count - 1) {
            *holders -= 1;
        }
    }

    /// Adds a waiter behind those that wait for the same number of slots.
    fn enqueue(&mut self, count: usize, waiter: SlotWaiter) -> QueueKey {
        self.arrival_count += 1;
        let key = (count, self.arrival_count);
        self.queue.insert(key, waiter);
        key
    }

    /// Grants a `count`-th slot to the stream that has waited longest for one, if the policy allows it and a stream
    /// waits.
    fn grant_next(&mut self, slots: &ResultSlots, count: usize) -> Option<(oneshot::Sender<Slot>, Slot)> {
        let (&key, _) = self.queue.range((count, 0)..=(count, u64::MAX)).next()?;
        if !self.try_acquire(slots, count) {
            return None;
        }
        let SlotWaiter { stream, granted } = self.queue.remove(&key)?;
        {
            let mut state = stream.lock_state();
            state.held = count;
            state.queue_key = None;
        }
        Some((granted, Slot { stream, is_waiting: false }))
    }
}

impl StreamSlots {
    /// Waits for a slot. Cancel safe.
    pub async fn acquire(&self) -> Slot {
        let _guard = self.acquire_lock.lock().await;
        loop {
            let granted = match self.stream.acquire_or_enqueue() {
                Ok(slot) => return slot,
                Err(granted) => granted,
            };
            // If this future is dropped, the guard removes the waiter. A slot granted in the meantime is released with
            // `granted`.
            let _queue_guard = QueueGuard(&self.stream);
            if let Ok(slot) = granted.await {
                return slot;
            }
        }
    }

    /// Waits until the stream holds no slot: every item has its result, and the client has taken it.
    pub async fn wait_all_released(&self) {
        loop {
            let all_released = self.stream.all_released.notified();
            tokio::pin!(all_released);
            all_released.as_mut().enable();
            if self.stream.lock_state().held == 0 {
                return;
            }
            all_released.await;
        }
    }

    /// Returns the detector that reports a client that doesn't take its results.
    pub fn stall_detector(&self) -> StallDetector {
        StallDetector { stream: Arc::clone(&self.stream) }
    }
}

impl Drop for StreamSlots {
    fn drop(&mut self) {
        let mut state = self.stream.lock_state();
        state.is_ended = true;
        state.mark_end_waiting();
    }
}

impl Slot {
    /// Marks the slot's result as waiting for the client.
    pub fn mark_waiting(&mut self) {
        if !std::mem::replace(&mut self.is_waiting, true) {
            self.stream.slots.waiting_results.fetch_add(1, Ordering::Relaxed);
            let mut state = self.stream.lock_state();
            state.waiting_results += 1;
            state.waiting_since.get_or_insert_with(Instant::now);
        }
    }

    /// Marks the slot's result as taken by the client, or as waiting for something other than the client.
    pub fn clear_waiting(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.stream.slots.waiting_results.fetch_sub(1, Ordering::Relaxed);
            let mut state = self.stream.lock_state();
            state.waiting_results -= 1;
            state.waiting_since = (state.waiting_results > 0).then(Instant::now);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.clear_waiting();
        if let Some((granted, slot)) = self.stream.release() {
            // If the waiter was cancelled, the send fails and drops the slot, which grants it to the next waiter.
            let _unwanted = granted.send(slot);
        }
    }
}

impl StallDetector {
    /// Waits until results, or the end of the stream, have waited for `timeout` without the client taking any.
    pub async fn wait_stalled(&self, timeout: Duration) {
        let mut pause = timeout;
        loop {
            sleep(pause).await;
            let waiting_time = self.stream.lock_state().waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
            if waiting_time >= timeout {
                return;
            }
            pause = timeout - waiting_time;
        }
    }
}

impl SharedStream {
    fn lock_state(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock()
    }

    /// Acquires a slot, or enqueues the stream for one.
    fn acquire_or_enqueue(self: &Arc<Self>) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut budget = self.slots.lock_budget();
        let mut state = self.lock_state();
        let count = state.held + 1;
        if budget.try_acquire(&self.slots, count) {
            state.held = count;
            return Ok(Slot { stream: Arc::clone(self), is_waiting: false });
        }
        let (granted, receiver) = oneshot::channel();
        state.queue_key = Some(budget.enqueue(count, SlotWaiter { stream: Arc::clone(self), granted }));
        Err(receiver)
    }

    /// Releases the stream's highest-numbered slot, and grants a slot of that number to the stream that has waited
    /// longest.
    fn release(&self) -> Option<(oneshot::Sender<Slot>, Slot)> {
        let mut budget = self.slots.lock_budget();
        let mut state = self.lock_state();
        let count = state.held;
        state.held -= 1;
        budget.release(count);
        // This stream's own waiter now needs a slot of a lower number: it queues behind those that already wait for
        // that number.
        if let Some(waiter) = state.queue_key.take().and_then(|key| budget.queue.remove(&key)) {
            state.queue_key = Some(budget.enqueue(count, waiter));
        }
        if state.held == 0 {
            self.all_released.notify_waiters();
            state.mark_end_waiting();
        }
        drop(state);
        budget.grant_next(&self.slots, count)
    }
}

impl StreamState {
    /// Starts the stall clock for the end of the stream when it takes no more items and all results were taken.
    fn mark_end_waiting(&mut self) {
        if self.is_ended && self.held == 0 {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
    }
}

/// Removes a stream's waiter from the queue on drop.
struct QueueGuard<'a>(&'a SharedStream);

impl Drop for QueueGuard<'_> {
    fn drop(&mut self) {
        let mut budget = self.0.slots.lock_budget();
        let queue_key = self.0.lock_state().queue_key.take();
        let _waiter = queue_key.and_then(|key| budget.queue.remove(&key));
    }
}

#[cfg(test)]
mod tests;
