//! The pipeline: from a client's document to a confirmed write, with a bound on everything.
//!
//! ```text
//!  gRPC stream ──▶ admission ──▶ lanes ──▶ encoder threads ──▶ writer ──▶ store
//!                  documents,    query,    one batch each      batches,
//!       ▲          bytes         bulk                          retries     │
//!       └────────────────────────── results ◀─────────────────────────────┘
//! ```
//!
//! A [`Finalizer`] travels with each document. It owns the document's permit and the duty to answer, so that every
//! document gets exactly one result, and permits come back however the document ends.
//!
//! What waits for the encoders alone and what waits for the store too have permits of their own: a store that is away
//! holds up neither queries nor streams of texts.

mod admission;
mod aimd;
mod batcher;
mod delete;
mod encode;
mod encoder_pool;
mod faults;
mod finalizer;
mod in_flight_ids;
mod ingest;
mod lane;
mod progress;
mod result_slots;
mod route;
mod screen;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
mod ticket;
mod writer;

use std::sync::Arc;
use std::thread::JoinHandle;

use metrics::{counter, gauge, histogram};

pub use encode::{Encode, EncodeOptions, Vectors};
pub use encoder_pool::{Continuation, EncodeJob, Encoded, EncoderPool, EncoderPoolConfig, Took};
pub use finalizer::{Finalizer, Finished};
pub use ingest::{Change, Indexed, Ingest, IngestOptions, OperationKey, Results, Stored, Submission, Unreadable};
pub use lane::{Lane, Queued};
pub use progress::Progress;
pub use result_slots::{Slot, StallClock};
pub use ticket::{Delivery, ResultReceiver, Ticket, Tickets};
pub use writer::WriterConfig;

use crate::metrics as names;
use crate::store::{PointWriter, StoreError};
use crate::types::Fault;
use admission::{Admission, Meter};
use delete::Deletes;
use encode::MAX_VECTORS;
use faults::{closed, overloaded};
use result_slots::ResultSlots;
use writer::{WriterHandle, Writers};

/// Everything that bounds the pipeline.
#[derive(Debug, Clone, Copy)]
pub struct PipelineConfig {
    pub encoders: EncoderPoolConfig,
    pub writer: WriterConfig,
    /// The most documents, and the most texts, of streams that are under way.
    pub max_documents: usize,
    /// The most bytes of each of these.
    pub max_bytes: usize,
    /// The same of unary calls; they have permits of their own, so that bulk work can't hold them up.
    pub max_interactive: usize,
}

/// Whether somebody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody does: unary calls. Goes through the query lane.
    Interactive,
    /// A stream, which is after throughput. Goes through the bulk lane.
    Bulk,
}

/// What metrics call the two lanes.
const QUERY_LANE: &str = "query";
const BULK_LANE: &str = "bulk";

/// A handle to the pipeline. When the last one is dropped, what is under way is finished and the threads end.
#[derive(Debug, Clone)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: PipelineConfig,
    texts: Permits,
    documents: Permits,
    deletes: Deletes,
    pool: EncoderPool,
    writers: Arc<Writers>,
}

/// The permits of one kind of work, by its urgency.
#[derive(Debug)]
struct Permits {
    /// What metrics call it.
    work: &'static str,
    interactive: Admission,
    bulk: Admission,
    /// Slots for the results of all streams.
    results: ResultSlots,
}

impl Permits {
    /// Of one kind of work, with the calls that bring it.
    fn new(config: &PipelineConfig, work: &'static str, [unary, stream]: [&'static str; 2], slots: usize) -> Self {
        let meter = |lane: &'static str, call: &'static str| Meter {
            admitted: counter!(names::ADMITTED, "work" => work, "lane" => lane),
            seconds: histogram!(names::DOCUMENT_SECONDS, "call" => call),
        };
        let (query, bulk) = (meter(QUERY_LANE, unary), meter(BULK_LANE, stream));
        Self {
            work,
            interactive: Admission::new(config.max_interactive, config.max_bytes).metered(query),
            bulk: Admission::new(config.max_documents, config.max_bytes).metered(bulk),
            results: ResultSlots::new(slots),
        }
    }

    fn of(&self, urgency: Urgency) -> &Admission {
        match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Bulk => &self.bulk,
        }
    }

    /// Returns one client's tickets and the receiver of its results. A unary call has slots of its own, for its results
    /// are collected at once; streams share theirs.
    fn tickets<K, T>(&self, urgency: Urgency) -> (Tickets<K, T>, ResultReceiver<K, T>) {
        let admission = self.of(urgency).clone();
        match urgency {
            Urgency::Interactive => {
                let slots = admission.max_documents();
                Tickets::new(admission, slots)
            }
            Urgency::Bulk => Tickets::sharing(admission, &self.results),
        }
    }

    /// Sets the gauges of how many are held, and how many there are.
    fn observe(&self) {
        for (lane, admission) in [(QUERY_LANE, &self.interactive), (BULK_LANE, &self.bulk)] {
            gauge!(names::PERMITS, "work" => self.work, "lane" => lane).set(admission.held() as f64);
            gauge!(names::PERMITS_LIMIT, "work" => self.work, "lane" => lane).set(admission.max_documents() as f64);
        }
        gauge!(names::RESULTS_WAITING, "work" => self.work).set(self.results.waiting() as f64);
    }
}

/// What is left to wait for when the last handle is gone.
#[derive(Debug)]
pub struct Running {
    encoders: Vec<JoinHandle<()>>,
    writers: Arc<Writers>,
}

impl Pipeline {
    /// Starts the encoder threads.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(config: PipelineConfig, store: Arc<dyn PointWriter>) -> std::io::Result<(Self, Running)> {
        let (pool, encoders) = EncoderPool::start(config.encoders)?;
        Ok(Self::over(pool, encoders, config, store))
    }

    /// A pipeline whose texts are encoded by whoever receives from the pool's lanes.
    fn over(
        pool: EncoderPool,
        encoders: Vec<JoinHandle<()>>,
        config: PipelineConfig,
        store: Arc<dyn PointWriter>,
    ) -> (Self, Running) {
        let capacity = config.max_documents + config.max_interactive;
        let writers = Arc::new(Writers::new(store, config.writer, capacity));
        let inner = Inner {
            config,
            texts: Permits::new(&config, "texts", ["encode", "encode_stream"], config.max_documents.min(MAX_VECTORS)),
            documents: Permits::new(&config, "documents", ["upsert", "ingest"], config.max_documents),
            deletes: Deletes::default(),
            pool,
            writers: Arc::clone(&writers),
        };
        (Self { inner: Arc::new(inner) }, Running { encoders, writers })
    }

    /// Opens the way for one client's documents.
    pub fn ingest(&self, urgency: Urgency, options: IngestOptions) -> (Ingest, Results) {
        Ingest::new(self.clone(), urgency, options)
    }

    /// Opens the way for one client's texts.
    pub fn encode(&self, urgency: Urgency, options: EncodeOptions) -> (Encode, Vectors) {
        Encode::new(self.clone(), urgency, options)
    }

    /// Encodes one text for somebody who waits.
    ///
    /// # Errors
    /// If the text is refused or the pipeline is closed.
    pub async fn encode_one(&self, options: EncodeOptions, text: String) -> Result<Encoded, Fault> {
        let (encode, mut vectors) = self.encode(Urgency::Interactive, options);
        let place = encode.tickets.places(&[text.len()])?.pop().ok_or_else(overloaded)?;
        encode.submit(encode.tickets.at(place).await?, 1, Ok(text)).await?;
        drop(encode);
        match vectors.recv().await {
            Some(finished) => finished.outcome,
            None => Err(closed()),
        }
    }

    /// What bounds it.
    pub fn config(&self) -> &PipelineConfig {
        &self.inner.config
    }

    /// How many encoder threads there are.
    pub fn encoder_threads(&self) -> usize {
        self.inner.pool.threads
    }

    /// Sets the gauges that are read off the pipeline as it stands.
    pub fn observe(&self) {
        let Inner { texts, documents, pool, .. } = &*self.inner;
        texts.observe();
        documents.observe();
        gauge!(names::ENCODER_THREADS).set(pool.threads as f64);
        pool.query.observe();
        pool.bulk.observe();
    }

    async fn submit(&self, urgency: Urgency, job: EncodeJob) -> Result<(), Fault> {
        let lane = match urgency {
            Urgency::Interactive => &self.inner.pool.query,
            Urgency::Bulk => &self.inner.pool.bulk,
        };
        lane.send(job).await.map_err(|_unsent| closed())
    }

    /// Asks the store, and again while it can't answer, as long as a document may wait for it.
    async fn retrying<'a, T, F: Future<Output = Result<T, StoreError>>>(
        &'a self,
        attempt: impl FnMut(&'a dyn PointWriter) -> F,
    ) -> Result<T, StoreError> {
        self.inner.writers.retrying(attempt).await
    }

    /// The way to the writer of a collection, given by its own name.
    fn writer(&self, collection: &str) -> WriterHandle {
        self.inner.writers.open(collection)
    }
}

impl Running {
    /// Waits until the threads and the writers have finished what was under way. Ends only after the last [`Pipeline`]
    /// is dropped.
    pub async fn drained(self) {
        let encoders = self.encoders;
        let joined = tokio::task::spawn_blocking(move || encoders.into_iter().all(|encoder| encoder.join().is_ok()));
        if !joined.await.unwrap_or(false) {
            tracing::error!("an encoder thread ended by a panic");
        }
        self.writers.drained().await;
    }
}
