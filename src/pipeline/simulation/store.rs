//! A store that a seed scripts.

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

/// What documents are made of: a number below this,
pub const CONTENTS: u64 = 3;
/// or this, which the store refuses, or one above it, which no other document has.
pub const BAD: u64 = 100;
/// How long after its call failed a write may land.
const MAX_LATE_MS: u64 = 5_000;

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A server behind a network: what it has taken is durable. Answers get lost, and writes land after their call failed.
    Remote,
    /// In this process: what is applied is durable when it has been flushed.
    Embedded,
}

/// The points of one collection.
#[derive(Debug)]
pub struct SimStore {
    kind: StoreKind,
    oracle: Arc<Oracle>,
    max_in_flight: usize,
    state: Arc<Mutex<State>>,
    /// The embedded store's writer does one thing at a time.
    writer: tokio::sync::Mutex<()>,
    landed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    rng: TestRng,
    applied: Points,
    durable: Points,
    in_flight: usize,
    /// Writes that are to land though their call has failed, by their number.
    late: BTreeMap<u64, Write>,
    writes: u64,
    /// Until then it is away.
    away_until: Option<Instant>,
    /// A flush failed: nothing is confirmed until a start.
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

    /// Takes out what the store refuses, if there is any.
    fn take_bad(&mut self) -> bool {
        let Self::Upsert(points) = self else { return false };
        let before = points.len();
        points.retain(|(_, content, _)| *content != BAD);
        points.len() < before
    }
}

/// What is to become of a write.
enum DrawnOutcome {
    Taken,
    Failed(StoreError),
    /// Taken, and the answer is lost.
    Unanswered,
    /// Lands after its call has failed.
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
            away_until: None,
            broken: false,
        };
        let state = Arc::new(Mutex::new(state));
        Self { kind, oracle, max_in_flight, state, writer: tokio::sync::Mutex::default(), landed: Arc::default() }
    }

    /// What would be there after a kill.
    pub fn durable(&self) -> BTreeMap<PointId, u64> {
        self.lock().durable.iter().map(|(id, (content, _))| (*id, *content)).collect()
    }

    /// The process is killed: what was not flushed is gone; of what was on its way to a server, some lands and some
    /// doesn't.
    pub fn kill(&self) {
        let State { rng, applied, durable, in_flight, late, away_until, broken, .. } = &mut *self.lock();
        for (_, write) in std::mem::take(late) {
            if rng.one_in(2) {
                write.apply(durable);
            }
        }
        *applied = durable.clone();
        (*in_flight, *away_until, *broken) = (0, None, false);
    }

    /// Waits until nothing is to land any more.
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
            Write::Upsert(points) => points.iter().for_each(|(id, content, _)| self.oracle.sent(*id, Some(*content))),
            Write::Delete(ids) => ids.iter().for_each(|id| self.oracle.sent(*id, None)),
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
        let refused = write.take_bad();
        match outcome {
            DrawnOutcome::Failed(error) => return Err(error),
            DrawnOutcome::Late(time) => {
                self.land_later(write, time);
                self.pause().await;
                return Err(StoreError::Timeout("late".to_owned()));
            }
            DrawnOutcome::Taken | DrawnOutcome::Unanswered => {}
        }
        {
            let State { applied, durable, rng, .. } = &mut *self.lock();
            // Of what it refuses it may have taken a part.
            if !refused || rng.one_in(2) {
                write.clone().apply(applied);
                write.apply(durable);
            }
        }
        self.pause().await;
        match outcome {
            DrawnOutcome::Unanswered => Err(StoreError::Interrupted("the answer is lost".to_owned())),
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
        let _turn = self.writer.lock().await;
        self.pause().await;
        let refused = {
            let State { broken, applied, rng, .. } = &mut *self.lock();
            if *broken || rng.one_in(20) {
                return Err(StoreError::Failed("the disk is full".to_owned()));
            }
            let refused = write.take_bad();
            write.clone().apply(applied);
            refused
        };
        self.pause().await;
        let State { broken, durable, rng, .. } = &mut *self.lock();
        if rng.one_in(60) {
            *broken = true;
            return Err(StoreError::Failed("a flush failed".to_owned()));
        }
        write.apply(durable);
        if refused { Err(StoreError::Refused("a point".to_owned())) } else { Ok(()) }
    }

    /// Whether it can't be asked now.
    fn check_available(&self) -> Result<(), StoreError> {
        let State { away_until, broken, .. } = &*self.lock();
        if *broken {
            return Err(StoreError::Failed("a flush failed".to_owned()));
        }
        match away_until {
            Some(until) if Instant::now() < *until => Err(StoreError::Unavailable("away".to_owned())),
            _ => Ok(()),
        }
    }
}

impl State {
    fn draw_outcome(&mut self) -> DrawnOutcome {
        let (now, rng) = (Instant::now(), &mut self.rng);
        if rng.one_in(40) {
            self.away_until = Some(now + Duration::from_millis(rng.choose(&[50, 1_000, 9_000, 15_000])));
        }
        let retry_after = rng.choose(&[None, Some(Duration::from_secs(1)), Some(Duration::from_secs(u64::MAX))]);
        let name = String::new;
        match rng.below(24) {
            _ if self.away_until.is_some_and(|away| now < away) => DrawnOutcome::Failed(match rng.below(3) {
                0 => StoreError::Timeout(name()),
                1 => StoreError::Interrupted(name()),
                _ => StoreError::Unavailable(name()),
            }),
            0 => DrawnOutcome::Failed(StoreError::Unavailable(name())),
            1 => DrawnOutcome::Failed(StoreError::Interrupted(name())),
            2 => DrawnOutcome::Failed(StoreError::Overloaded { message: name(), retry_after }),
            3 => DrawnOutcome::Failed(StoreError::Internal(name())),
            4 | 5 => DrawnOutcome::Unanswered,
            6 | 7 => DrawnOutcome::Late(Duration::from_millis(rng.below(MAX_LATE_MS))),
            _ => DrawnOutcome::Taken,
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
