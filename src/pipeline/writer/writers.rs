//! Writers of all collections: started on demand, and drained at shutdown.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tower::retry::budget::TpsBudget;

use super::config::WriterConfig;
use super::handle::{WriterHandle, WriterInbox};
use super::late_write_barrier::LateWriteBarrier;
use super::registry::WriterRegistry;
use super::retry::{new_retry_budget, retry};
use super::task::WriterTask;
use super::write_target::WriteTarget;
use crate::store::{PointWriter, StoreError};
use crate::types::compute_deadline;

/// Maximum number of unary deletes that wait for a writer. Callers wait if there are more.
const MAX_QUEUED_DELETES: usize = 16;

/// Writers by collection name, with aliases resolved.
#[derive(Debug)]
pub struct Writers {
    store: Arc<dyn PointWriter>,
    config: WriterConfig,
    /// Capacity of a writer's channel: one place per permit, so that sending never waits.
    job_capacity: usize,
    registry: WriterRegistry,
    tasks: TaskTracker,
    retry_budget: Arc<TpsBudget>,
    late_writes: LateWriteBarrier,
}

impl Writers {
    /// Creates the registry without starting a writer. Must be called within a Tokio runtime.
    pub fn new(store: Arc<dyn PointWriter>, config: WriterConfig, job_capacity: usize) -> Self {
        let late_writes = LateWriteBarrier::start(Arc::clone(&store), config.retry_timeout);
        let (registry, tasks, retry_budget) =
            (WriterRegistry::default(), TaskTracker::new(), Arc::new(new_retry_budget()));
        Self { store, config, job_capacity, registry, tasks, retry_budget, late_writes }
    }

    /// Returns a handle to a collection's writer, and starts the writer if necessary.
    pub fn open(&self, collection: &str) -> WriterHandle {
        self.registry.open(collection, || self.start(collection))
    }

    fn start(&self, collection: &str) -> WriterInbox {
        let (jobs, job_receiver) = mpsc::channel(self.job_capacity);
        let (deletes, delete_receiver) = mpsc::channel(MAX_QUEUED_DELETES);
        let flush_now = Arc::new(Notify::new());
        let target = WriteTarget {
            store: Arc::clone(&self.store),
            collection: collection.to_owned(),
            retry_budget: Arc::clone(&self.retry_budget),
            late_writes: self.late_writes.clone(),
        };
        let writer = WriterTask::new(target, self.config, Arc::clone(&flush_now), self.registry.clone());
        self.tasks.spawn(writer.run(job_receiver, delete_receiver));
        WriterInbox { jobs, deletes, flush_now }
    }

    /// Calls the store with retries, until the retry timeout of writes has passed.
    pub async fn call_with_retries<'a, T, F: Future<Output = Result<T, StoreError>>>(
        &'a self,
        mut attempt: impl FnMut(&'a dyn PointWriter) -> F,
    ) -> Result<T, StoreError> {
        let deadline = compute_deadline(Instant::now(), self.config.retry_timeout);
        retry(deadline, &*self.retry_budget, || attempt(&*self.store)).await
    }

    /// Waits until all writers have answered for their jobs and ended. No handle may be opened afterwards.
    pub async fn wait_drained(&self) {
        self.registry.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
