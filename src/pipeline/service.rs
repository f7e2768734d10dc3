//! The handle to the pipeline, and the wait for its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use metrics::gauge;

use super::admission::AdmissionControl;
use super::config::PipelineConfig;
use super::delete::DeleteLimiter;
use super::encode::{EncodeHandle, EncodeOptions, MAX_PENDING_VECTORS, VectorResults};
use super::encoder_pool::{EncodedVector, EncoderPool};
use super::errors::{new_overloaded_error, new_shutting_down_error};
use super::ingest::{IngestHandle, IngestOptions, OperationResults};
use super::urgency::Urgency;
use super::writer::Writers;
use crate::metrics as names;
use crate::store::PointWriter;
use crate::types::{ApiError, PointId};

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
    deletes: DeleteLimiter,
    pool: Arc<EncoderPool>,
    writers: Arc<Writers>,
}

/// What is left to wait for when the last handle is gone.
#[derive(Debug)]
pub struct PipelineTasks {
    encoder_threads: Vec<JoinHandle<()>>,
    writers: Arc<Writers>,
}

impl Pipeline {
    /// Starts the encoder threads.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(config: PipelineConfig, store: Arc<dyn PointWriter>) -> std::io::Result<(Self, PipelineTasks)> {
        let (pool, encoder_threads) = EncoderPool::start(config.encoders)?;
        Ok(Self::with_encoder_pool(pool, encoder_threads, config, store))
    }

    /// A pipeline whose texts are encoded by whoever receives from the pool's lanes.
    pub(super) fn with_encoder_pool(
        pool: EncoderPool,
        encoder_threads: Vec<JoinHandle<()>>,
        config: PipelineConfig,
        store: Arc<dyn PointWriter>,
    ) -> (Self, PipelineTasks) {
        let capacity = config.max_documents + config.max_interactive;
        let writers = Arc::new(Writers::new(store, config.writer, capacity));
        let inner = Inner {
            config,
            texts: AdmissionControl::new(
                &config,
                "texts",
                ["encode", "encode_stream"],
                config.max_documents.min(MAX_PENDING_VECTORS),
            ),
            documents: AdmissionControl::new(&config, "documents", ["upsert", "ingest"], config.max_documents),
            deletes: DeleteLimiter::default(),
            pool: Arc::new(pool),
            writers: Arc::clone(&writers),
        };
        (Self { inner: Arc::new(inner) }, PipelineTasks { encoder_threads, writers })
    }

    /// Opens the way for one client's documents.
    pub fn start_ingest(&self, urgency: Urgency, options: IngestOptions) -> (IngestHandle, OperationResults) {
        let Inner { documents, pool, writers, .. } = &*self.inner;
        IngestHandle::new(urgency, options, documents, Arc::clone(pool), writers)
    }

    /// Opens the way for one client's texts.
    pub fn start_encode(&self, urgency: Urgency, options: EncodeOptions) -> (EncodeHandle, VectorResults) {
        EncodeHandle::new(urgency, options, &self.inner.texts, Arc::clone(&self.inner.pool))
    }

    /// Encodes one text for somebody who waits.
    ///
    /// # Errors
    /// If the text is refused or the pipeline is closed.
    pub async fn encode_one(&self, options: EncodeOptions, text: String) -> Result<EncodedVector, ApiError> {
        let (handle, mut vectors) = self.start_encode(Urgency::Interactive, options);
        let reservation = handle.tickets.try_reserve_all(&[text.len()])?.pop().ok_or_else(new_overloaded_error)?;
        handle.submit(handle.tickets.acquire_for(reservation).await?, 1, Ok(text)).await?;
        drop(handle);
        match vectors.recv().await {
            Some(result) => result.outcome,
            None => Err(new_shutting_down_error()),
        }
    }

    /// Deletes points of a collection, given by its own name, after all changes of their ids that were accepted before. Ids
    /// without a point are ignored. Returns when the deletion is durable. If the caller goes away before it is sent, it is
    /// not.
    ///
    /// # Errors
    /// OVERLOADED if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, collection: &str, ids: BTreeSet<PointId>) -> Result<(), ApiError> {
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
    pub fn record_gauges(&self) {
        let Inner { texts, documents, pool, .. } = &*self.inner;
        texts.record_gauges();
        documents.record_gauges();
        gauge!(names::ENCODER_THREADS).set(pool.threads as f64);
        pool.query.record_gauges();
        pool.bulk.record_gauges();
    }
}

impl PipelineTasks {
    /// Waits until the threads and the writers have finished what was under way. Ends only after the last [`Pipeline`]
    /// is dropped.
    pub async fn wait_drained(self) {
        let encoder_threads = self.encoder_threads;
        let joined_threads =
            tokio::task::spawn_blocking(move || encoder_threads.into_iter().all(|encoder| encoder.join().is_ok()));
        if !joined_threads.await.unwrap_or(false) {
            tracing::error!("an encoder thread ended by a panic");
        }
        self.writers.wait_drained().await;
    }
}
