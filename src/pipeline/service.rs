//! The handle to the pipeline, and the wait for its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use metrics::gauge;

use super::admission::AdmissionControl;
use super::config::PipelineConfig;
use super::delete::Deletes;
use super::encode::{Encode, EncodeOptions, MAX_VECTORS, Vectors};
use super::encoder_pool::{Encoded, EncoderPool};
use super::faults::{closed, overloaded};
use super::ingest::{Ingest, IngestOptions, Results};
use super::urgency::Urgency;
use super::writer::Writers;
use crate::metrics as names;
use crate::store::PointWriter;
use crate::types::{Fault, PointId};

/// A handle to the pipeline. When the last one is dropped, what is under way is finished and the threads end.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    config: PipelineConfig,
    texts: AdmissionControl,
    pub(super) documents: AdmissionControl,
    deletes: Deletes,
    pool: Arc<EncoderPool>,
    writers: Arc<Writers>,
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
    pub(super) fn over(
        pool: EncoderPool,
        encoders: Vec<JoinHandle<()>>,
        config: PipelineConfig,
        store: Arc<dyn PointWriter>,
    ) -> (Self, Running) {
        let capacity = config.max_documents + config.max_interactive;
        let writers = Arc::new(Writers::new(store, config.writer, capacity));
        let inner = Inner {
            config,
            texts: AdmissionControl::new(
                &config,
                "texts",
                ["encode", "encode_stream"],
                config.max_documents.min(MAX_VECTORS),
            ),
            documents: AdmissionControl::new(&config, "documents", ["upsert", "ingest"], config.max_documents),
            deletes: Deletes::default(),
            pool: Arc::new(pool),
            writers: Arc::clone(&writers),
        };
        (Self { inner: Arc::new(inner) }, Running { encoders, writers })
    }

    /// Opens the way for one client's documents.
    pub fn ingest(&self, urgency: Urgency, options: IngestOptions) -> (Ingest, Results) {
        let Inner { documents, pool, writers, .. } = &*self.inner;
        Ingest::new(urgency, options, documents, Arc::clone(pool), writers)
    }

    /// Opens the way for one client's texts.
    pub fn encode(&self, urgency: Urgency, options: EncodeOptions) -> (Encode, Vectors) {
        Encode::new(urgency, options, &self.inner.texts, Arc::clone(&self.inner.pool))
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

    /// Deletes points of a collection, given by its own name, after all changes of their ids that were accepted before. Ids
    /// without a point are ignored. Returns when the deletion is durable. If the caller goes away before it is sent, it is
    /// not.
    ///
    /// # Errors
    /// OVERLOADED if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, collection: &str, ids: BTreeSet<PointId>) -> Result<(), Fault> {
        self.inner.deletes.delete(&self.inner.writers, collection, ids).await
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
