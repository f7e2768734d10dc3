//! Entry point of the pipeline: the handle to start work, and the tasks to wait for at shutdown.

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

/// Handle to the pipeline. When the last handle is dropped, operations in flight are completed and the threads exit.
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

/// Tasks to wait for after the last [`Pipeline`] handle is dropped.
#[derive(Debug)]
pub struct PipelineTasks {
    encoder_threads: Vec<JoinHandle<()>>,
    writers: Arc<Writers>,
}

impl Pipeline {
    /// Starts the encoder threads and creates the pipeline.
    ///
    /// # Errors
    /// If the operating system can't create a thread.
    pub fn start(config: PipelineConfig, store: Arc<dyn PointWriter>) -> std::io::Result<(Self, PipelineTasks)> {
        let (pool, encoder_threads) = EncoderPool::start(config.encoders)?;
        Ok(Self::with_encoder_pool(pool, encoder_threads, config, store))
    }

    /// Creates a pipeline over an existing encoder pool, whose lanes the caller serves.
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

    /// Starts the ingestion of one client's documents.
    pub fn start_ingest(&self, urgency: Urgency, options: IngestOptions) -> (IngestHandle, OperationResults) {
        let Inner { documents, pool, writers, .. } = &*self.inner;
        IngestHandle::new(urgency, options, documents, Arc::clone(pool), writers)
    }

    /// Starts the encoding of one client's texts.
    pub fn start_encode(&self, urgency: Urgency, options: EncodeOptions) -> (EncodeHandle, VectorResults) {
        EncodeHandle::new(urgency, options, &self.inner.texts, Arc::clone(&self.inner.pool))
    }

    /// Encodes one text of a unary call.
    ///
    /// # Errors
    /// `Overloaded` if there is no permit, `ShuttingDown` if the pipeline is closed, or the reason why the text was
    /// rejected.
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

    /// Deletes points of a collection after all earlier changes of their ids. `collection` must not be an alias. Ids
    /// without a point are ignored. Returns when the deletion is durable. If the future is dropped before the deletion
    /// is sent, nothing is deleted.
    ///
    /// # Errors
    /// `Overloaded` if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, collection: &str, ids: BTreeSet<PointId>) -> Result<(), ApiError> {
        self.inner.deletes.delete(&self.inner.writers, collection, ids).await
    }

    /// Returns the limits of the pipeline.
    pub fn config(&self) -> &PipelineConfig {
        &self.inner.config
    }

    /// Returns the number of encoder threads.
    pub fn encoder_threads(&self) -> usize {
        self.inner.pool.threads
    }

    /// Updates the gauges of permits, threads and lanes.
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
    /// Waits until the threads and the writers have completed all operations in flight. Returns only after the last
    /// [`Pipeline`] handle is dropped.
    pub async fn wait_drained(self) {
        let encoder_threads = self.encoder_threads;
        let joined_threads =
            tokio::task::spawn_blocking(move || encoder_threads.into_iter().all(|encoder| encoder.join().is_ok()));
        if !joined_threads.await.unwrap_or(false) {
            tracing::error!("encoder thread panicked");
        }
        self.writers.wait_drained().await;
    }
}
