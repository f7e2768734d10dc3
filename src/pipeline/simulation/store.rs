//! Simulated store whose failures are drawn from a seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::draw_delay;
use super::oracle::Oracle;
use crate::pipeline::testing::TestRng;
use crate::store::{PointWriter, StoreError};
use crate::types::{Digest, Point, PointId};

/// Number of contents that several documents share.
pub const SHARED_CONTENTS: u64 = 3;
/// Content that the store refuses. Contents above it are unique to a document.
pub const REFUSED_CONTENT: u64 = 100;
/// Maximum time after the failure of a call at which its write may still land.
const MAX_LATE_MS: u64 = 5_000;

/// Failure model of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// Server behind a network: applied writes are durable. Responses get lost, and writes land after their call
    /// failed.
    Remote,
    /// In-process store: applied writes are durable after a flush.
    Embedded,
}

/// Points of one collection.
#[derive(Debug)]
pub struct SimStore {
    kind: StoreKind,
    oracle: Arc<Oracle>,
    max_in_flight: usize,
    state: Arc<Mutex<State>>,
    /// Lock of the embedded store's writer thread, which handles one request at a time.
    writer: tokio::sync::Mutex<()>,
    landed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    rng: TestRng,
    applied: Points,
    durable: Points,
    in_flight: usize,
    /// Writes that will land although their call has failed, by number.
    late: BTreeMap<u64, Write>,
    writes: u64,
    /// End of an outage.
    outage_until: Option<Instant>,
    /// Set after a failed flush: no write is confirmed until a restart.
    broken: bool,
}

type Points = BTreeMap<PointId, (u64, Option<Digest>)>;

#[derive(Debug, Clone)]
enum Write {
    Upsert(Vec<(PointId, u64, Option<Digest>)>),
    Delete(Vec<PointId>),
}

impl Write {
    fn apply(self, points: &mut Points) {
        match self {
            Self::Upsert(upserted) => {
                points.extend(upserted.into_iter().map(|(id, content, digest)| (id, (content, digest))));
            }
            Self::Delete(ids) => ids.iter().for_each(|id| drop(points.remove(id))),
        }
    }

    /// Removes points that the store refuses. Returns true if there were any.
    fn remove_refused(&mut self) -> bool {
        let Self::Upsert(points) = self else { return false };
        let before = points.len();
        points.retain(|(_, content, _)| *content != REFUSED_CONTENT);
        points.len() < before
    }
}

/// Outcome of a write to the simulated server.
enum DrawnOutcome {
    Applied,
    Failed(StoreError),
    /// Applied, but the response is lost.
    ResponseLost,
    /// Applied after the call has failed.
    Late(Duration),
}

impl SimStore {
    pub fn new(kind: StoreKind, rng: TestRng, oracle: Arc<Oracle>, max_in_flight: usize) -> Self {
        let state = State {
            rng,
            applied: Points::new(),
            durable: Points::new(),
            in_flight: 0,
            late: BTreeMap::new(),
            writes: 0,
            outage_until: None,
            broken: false,
        };
        let state = Arc::new(Mutex::new(state));
        Self { kind, oracle, max_in_flight, state, writer: tokio::sync::Mutex::default(), landed: Arc::default() }
    }

    /// Returns the points that survive a kill.
    pub fn durable(&self) -> BTreeMap<PointId, u64> {
        self.lock().durable.iter().map(|(id, (content, _))| (*id, *content)).collect()
    }

    /// Kills the process: unflushed writes are lost; of the writes on their way to a server, a random part lands.
    pub fn kill(&self) {
        let State { rng, applied, durable, in_flight, late, outage_until, broken, .. } = &mut *self.lock();
        for (_, write) in std::mem::take(late) {
            if rng.one_in(2) {
                write.apply(durable);
            }
        }
        *applied = durable.clone();
        (*in_flight, *outage_until, *broken) = (0, None, false);
    }

    /// Waits until no write can land any more.
    pub async fn wait_landed(&self) {
        let last = self.lock().writes;
        self.wait_landed_through(last).await;
    }

    async fn wait_landed_through(&self, number: u64) {
        loop {
            let landed = self.landed.notified();
            if self.lock().late.range(..=number).next().is_none() {
                return;
            }
            landed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    async fn pause(&self) {
        let time = draw_delay(&mut self.lock().rng);
        sleep(time).await;
        self.oracle.step();
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        match &write {
            Write::Upsert(points) => {
                points.iter().for_each(|(id, content, _)| self.oracle.check_sent(*id, Some(*content)))
            }
            Write::Delete(ids) => ids.iter().for_each(|id| self.oracle.check_sent(*id, None)),
        }
        let in_flight = {
            let mut state = self.lock();
            state.in_flight += 1;
            state.in_flight
        };
        self.oracle.expect(in_flight <= self.max_in_flight, || format!("{in_flight} writes are in flight"));
        let outcome = match self.kind {
            StoreKind::Remote => self.write_remote(write).await,
            StoreKind::Embedded => self.write_embedded(write).await,
        };
        self.lock().in_flight -= 1;
        outcome
    }

    async fn write_remote(&self, mut write: Write) -> Result<(), StoreError> {
        self.pause().await;
        let outcome = self.lock().draw_outcome();
        let refused = write.remove_refused();
        match outcome {
            DrawnOutcome::Failed(error) => return Err(error),
            DrawnOutcome::Late(time) => {
                self.land_later(write, time);
                self.pause().await;
                return Err(StoreError::Timeout("late".to_owned()));
            }
            DrawnOutcome::Applied | DrawnOutcome::ResponseLost => {}
        }
        {
            let State { applied, durable, rng, .. } = &mut *self.lock();
            // The server may have applied the valid points of a request that it refuses.
            if !refused || rng.one_in(2) {
                write.clone().apply(applied);
                write.apply(durable);
            }
        }
        self.pause().await;
        match outcome {
            DrawnOutcome::ResponseLost => Err(StoreError::Interrupted("the response was lost".to_owned())),
            _ if refused => Err(StoreError::Refused("a point".to_owned())),
            _ => Ok(()),
        }
    }

    fn land_later(&self, write: Write, time: Duration) {
        let number = {
            let mut state = self.lock();
            state.writes += 1;
            let number = state.writes;
            state.late.insert(number, write);
            number
        };
        let (state, landed, oracle) = (Arc::clone(&self.state), Arc::clone(&self.landed), Arc::clone(&self.oracle));
        tokio::spawn(async move {
            sleep(time).await;
            oracle.step();
            let State { late, applied, durable, .. } = &mut *state.lock();
            if let Some(write) = late.remove(&number) {
                write.clone().apply(applied);
                write.apply(durable);
            }
            landed.notify_waiters();
        });
    }

    async fn write_embedded(&self, mut write: Write) -> Result<(), StoreError> {
        let _writer_guard = self.writer.lock().await;
        self.pause().await;
        let refused = {
            let State { broken, applied, rng, .. } = &mut *self.lock();
            if *broken || rng.one_in(20) {
                return Err(StoreError::Failed("the disk is full".to_owned()));
            }
            let refused = write.remove_refused();
            write.clone().apply(applied);
            refused
        };
        self.pause().await;
        let State { broken, durable, rng, .. } = &mut *self.lock();
        if rng.one_in(60) {
            *broken = true;
            return Err(StoreError::Failed("flush failed".to_owned()));
        }
        write.apply(durable);
        if refused { Err(StoreError::Refused("a point".to_owned())) } else { Ok(()) }
    }

    /// Returns an error during an outage or after a failed flush.
    fn check_available(&self) -> Result<(), StoreError> {
        let State { outage_until, broken, .. } = &*self.lock();
        if *broken {
            return Err(StoreError::Failed("flush failed".to_owned()));
        }
        match outage_until {
            Some(until) if Instant::now() < *until => Err(StoreError::Unavailable("outage".to_owned())),
            _ => Ok(()),
        }
    }
}

impl State {
    fn draw_outcome(&mut self) -> DrawnOutcome {
        let (now, rng) = (Instant::now(), &mut self.rng);
        if rng.one_in(40) {
            self.outage_until = Some(now + Duration::from_millis(rng.choose(&[50, 1_000, 9_000, 15_000])));
        }
        let retry_after = rng.choose(&[None, Some(Duration::from_secs(1)), Some(Duration::from_secs(u64::MAX))]);
        let name = String::new;
        match rng.below(24) {
            _ if self.outage_until.is_some_and(|until| now < until) => DrawnOutcome::Failed(match rng.below(3) {
                0 => StoreError::Timeout(name()),
                1 => StoreError::Interrupted(name()),
                _ => StoreError::Unavailable(name()),
            }),
            0 => DrawnOutcome::Failed(StoreError::Unavailable(name())),
            1 => DrawnOutcome::Failed(StoreError::Interrupted(name())),
            2 => DrawnOutcome::Failed(StoreError::Overloaded { message: name(), retry_after }),
            3 => DrawnOutcome::Failed(StoreError::Internal(name())),
            4 | 5 => DrawnOutcome::ResponseLost,
            6 | 7 => DrawnOutcome::Late(Duration::from_millis(rng.below(MAX_LATE_MS))),
            _ => DrawnOutcome::Applied,
        }
    }
}

#[async_trait]
impl PointWriter for SimStore {
    async fn upsert(&self, _: &str, _: &str, points: &[Point]) -> Result<(), StoreError> {
        let points = points.iter().map(|point| {
            let content = point.payload["text"].as_str().and_then(|text| text.parse().ok()).unwrap();
            (point.id, content, Digest::from_payload(&point.payload))
        });
        let points: Vec<_> = points.collect();
        let ids: BTreeSet<_> = points.iter().map(|(id, ..)| *id).collect();
        self.oracle.expect(ids.len() == points.len(), || format!("an id is twice in {points:?}"));
        self.write(Write::Upsert(points)).await
    }

    async fn delete(&self, _: &str, ids: &[PointId]) -> Result<(), StoreError> {
        self.write(Write::Delete(ids.to_vec())).await
    }

    async fn fetch_digests(&self, _: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        self.pause().await;
        self.check_available()?;
        let digests = {
            let State { applied, durable, .. } = &*self.lock();
            let digest = |id: &PointId| {
                let (_, digest) = applied.get(id).filter(|applied| durable.get(id) == Some(applied))?;
                Some((*id, digest.clone()?))
            };
            ids.iter().filter_map(digest).collect()
        };
        self.pause().await;
        Ok(digests)
    }

    async fn wait_until_settled(&self) -> Result<(), StoreError> {
        self.pause().await;
        self.check_available()?;
        let last = self.lock().writes;
        self.wait_landed_through(last).await;
        Ok(())
    }
}
