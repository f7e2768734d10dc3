//! Slots for results that wait for their clients, bounded over all streams together.
//!
//! A stream takes a slot before it reads an item from the network, and releases it when the client has taken the item's
//! result. A client that doesn't read keeps its slots, so without a shared bound the results that wait grow with the
//! number of such clients.
//!
//! The bound is the harmonic policy for shared-memory switches (Kesselman and Mansour, "Harmonic buffer management
//! policy for shared memory switches", Theoretical Computer Science 324, 2004): with a maximum of `M` slots per stream,
//! at most `M / n` streams may hold `n` slots or more; every stream may hold one. It follows that
//!
//! - `N` streams that keep whatever they could get leave at least `M / (N + 1)` slots to every other stream, in
//!   whichever order they came;
//! - all streams together hold at most one slot each and `M/2 + M/3 + … + 1`, which is less than `M · ln(M)`.
//!
//! Dynamic thresholds (Choudhury and Hahne, 1998), where a stream may hold as many slots as are free, rely on queues
//! that drain. Streams that never drain and come one after another halve what is free each time: a dozen of them stop
//! all others.
//!
//! The rule is checked by a counter for each `n`, so that taking and releasing a slot take constant time. A stream
//! waits for one counter only, and a release changes one counter only: it wakes the one stream that waited longest for
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

/// The slots that streams of one kind of work share.
#[derive(Debug, Clone)]
pub struct ResultSlots {
    max_per_stream: usize,
    budget: Arc<Mutex<Budget>>,
    /// Results that wait for their clients.
    waiting: Arc<AtomicUsize>,
}

/// The slots of one stream. Dropped when the stream takes no more items.
#[derive(Debug)]
pub struct StreamSlots {
    stream: Arc<Stream>,
    /// Lets one task at a time wait for a slot.
    turn: tokio::sync::Mutex<()>,
}

/// Room for one result. Released on drop, which means that the client has taken the result.
#[derive(Debug)]
pub struct Slot {
    stream: Arc<Stream>,
    waiting: bool,
}

/// Tells whether a client takes what waits for it.
#[derive(Debug, Clone)]
pub struct StallClock {
    stream: Arc<Stream>,
}

/// Lock order: the budget, then a stream's state.
#[derive(Debug, Default)]
struct Budget {
    /// Number of streams that hold at least `n` slots, at index `n - 1`.
    holders: Vec<usize>,
    /// Streams that wait for a slot, by the number of slots that they would hold, then by arrival.
    queue: BTreeMap<QueueKey, Taker>,
    arrivals: u64,
}

type QueueKey = (usize, u64);

#[derive(Debug)]
struct Taker {
    stream: Arc<Stream>,
    granted: oneshot::Sender<Slot>,
}

#[derive(Debug)]
struct Stream {
    slots: ResultSlots,
    state: Mutex<State>,
    /// Notified when the stream holds no slot any more.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    /// Where the stream's taker waits.
    queued: Option<QueueKey>,
    /// Results that wait for the client.
    waiting: usize,
    /// Whether no more items are taken.
    ended: bool,
    /// Since when something has waited without the client taking anything; `None` if nothing waits.
    since: Option<Instant>,
}

impl ResultSlots {
    /// Slots of which one stream alone can hold `max_per_stream`.
    pub fn new(max_per_stream: usize) -> Self {
        Self { max_per_stream, budget: Arc::default(), waiting: Arc::default() }
    }

    /// Opens a stream that shares these slots.
    pub fn stream(&self) -> StreamSlots {
        let stream = Stream { slots: self.clone(), state: Mutex::default(), emptied: Notify::new() };
        StreamSlots { stream: Arc::new(stream), turn: tokio::sync::Mutex::default() }
    }

    /// Maximum number of slots that one stream can hold.
    pub fn max_per_stream(&self) -> usize {
        self.max_per_stream
    }

    /// Number of results that wait for their clients.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock()
    }

    /// Maximum number of streams that may hold at least `count` slots.
    fn max_holders(&self, count: usize) -> usize {
        if count <= 1 { usize::MAX } else { self.max_per_stream / count }
    }
}

impl Budget {
    /// Counts a stream's `count`-th slot, if there is one.
    fn take(&mut self, slots: &ResultSlots, count: usize) -> bool {
        if self.holders.len() < count {
            self.holders.resize(count, 0);
        }
        let Some(holders) = self.holders.get_mut(count - 1) else { return false };
        let free = *holders < slots.max_holders(count);
        *holders += usize::from(free);
        free
    }

    fn release(&mut self, count: usize) {
        if let Some(holders) = self.holders.get_mut(count - 1) {
            *holders -= 1;
        }
    }

    /// Adds a taker behind those that wait for the same.
    fn enqueue(&mut self, count: usize, taker: Taker) -> QueueKey {
        self.arrivals += 1;
        let key = (count, self.arrivals);
        self.queue.insert(key, taker);
        key
    }

    /// Gives a `count`-th slot to the stream that has waited longest for one, if there is a slot and a stream.
    fn grant(&mut self, slots: &ResultSlots, count: usize) -> Option<(oneshot::Sender<Slot>, Slot)> {
        let (&key, _) = self.queue.range((count, 0)..=(count, u64::MAX)).next()?;
        if !self.take(slots, count) {
            return None;
        }
        let Taker { stream, granted } = self.queue.remove(&key)?;
        {
            let mut state = stream.state();
            state.held = count;
            state.queued = None;
        }
        Some((granted, Slot { stream, waiting: false }))
    }
}

impl StreamSlots {
    /// Waits for a slot.
    pub async fn take(&self) -> Slot {
        let _turn = self.turn.lock().await;
        loop {
            let granted = match self.stream.take() {
                Ok(slot) => return slot,
                Err(granted) => granted,
            };
            // If this is given up, the queue forgets it. A slot that was granted meanwhile is released with `granted`.
            let _queued = Queued(&self.stream);
            if let Ok(slot) = granted.await {
                return slot;
            }
        }
    }

    /// Waits until the stream holds no slot: every item has its result, and the client has taken it.
    pub async fn settled(&self) {
        loop {
            let emptied = self.stream.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.stream.state().held == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Returns the clock that tells whether the client takes its results.
    pub fn clock(&self) -> StallClock {
        StallClock { stream: Arc::clone(&self.stream) }
    }
}

impl Drop for StreamSlots {
    fn drop(&mut self) {
        let mut state = self.stream.state();
        state.ended = true;
        state.note_end();
    }
}

impl Slot {
    /// Notes that the slot's result waits for the client from now on.
    pub fn wait(&mut self) {
        if !std::mem::replace(&mut self.waiting, true) {
            self.stream.slots.waiting.fetch_add(1, Ordering::Relaxed);
            let mut state = self.stream.state();
            state.waiting += 1;
            state.since.get_or_insert_with(Instant::now);
        }
    }

    /// Notes that the client has taken the slot's result, or that the result waits for something else than the client.
    pub fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.stream.slots.waiting.fetch_sub(1, Ordering::Relaxed);
            let mut state = self.stream.state();
            state.waiting -= 1;
            state.since = (state.waiting > 0).then(Instant::now);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stop_waiting();
        if let Some((granted, slot)) = self.stream.release() {
            // A taker that was given up meanwhile releases the slot in its turn.
            let _unwanted = granted.send(slot);
        }
    }
}

impl StallClock {
    /// Waits until results, or the end of the stream, have waited for `timeout` without the client taking anything.
    pub async fn stalled(&self, timeout: Duration) {
        let mut pause = timeout;
        loop {
            sleep(pause).await;
            let waited = self.stream.state().since.map_or(Duration::ZERO, |since| since.elapsed());
            if waited >= timeout {
                return;
            }
            pause = timeout - waited;
        }
    }
}

impl Stream {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Takes a slot, or queues for one.
    fn take(self: &Arc<Self>) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut budget = self.slots.budget();
        let mut state = self.state();
        let count = state.held + 1;
        if budget.take(&self.slots, count) {
            state.held = count;
            return Ok(Slot { stream: Arc::clone(self), waiting: false });
        }
        let (granted, receiver) = oneshot::channel();
        state.queued = Some(budget.enqueue(count, Taker { stream: Arc::clone(self), granted }));
        Err(receiver)
    }

    /// Releases the stream's last slot, and gives one of that number to the stream that has waited longest for it.
    fn release(&self) -> Option<(oneshot::Sender<Slot>, Slot)> {
        let mut budget = self.slots.budget();
        let mut state = self.state();
        let count = state.held;
        state.held -= 1;
        budget.release(count);
        // This stream's own taker needs a slot of a lower number now: behind those that wait for it already.
        if let Some(taker) = state.queued.take().and_then(|key| budget.queue.remove(&key)) {
            state.queued = Some(budget.enqueue(count, taker));
        }
        if state.held == 0 {
            self.emptied.notify_waiters();
            state.note_end();
        }
        drop(state);
        budget.grant(&self.slots, count)
    }
}

impl State {
    /// When all results of a stream that takes no more items were taken, it is its end that waits for the client.
    fn note_end(&mut self) {
        if self.ended && self.held == 0 {
            self.since.get_or_insert_with(Instant::now);
        }
    }
}

/// A taker's place in the queue, which it leaves on drop.
struct Queued<'a>(&'a Stream);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut budget = self.0.slots.budget();
        let queued = self.0.state().queued.take();
        let _taker = queued.and_then(|key| budget.queue.remove(&key));
    }
}

#[cfg(test)]
mod tests;
