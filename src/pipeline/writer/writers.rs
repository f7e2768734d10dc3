//! The writers of all collections: started when they are needed, and waited for at the end.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tower::retry::budget::TpsBudget;

use super::config::WriterConfig;
use super::handle::{Inbox, WriterHandle};
use super::registry::Registry;
use super::retry::{new_retry_budget, retry};
use super::settler::Settler;
use super::target::Target;
use super::task::Writer;
use crate::store::{PointWriter, StoreError};
use crate::types::deadline_after;

/// How many deletes may wait for a writer; a caller waits where there are more.
const DELETES: usize = 16;

/// The writers by their collection's own name.
#[derive(Debug)]
pub struct Writers {
    store: Arc<dyn PointWriter>,
    config: WriterConfig,
    /// Room for every document that can hold a permit: sending to a writer never waits.
    capacity: usize,
    open: Registry,
    tasks: TaskTracker,
    retries: Arc<TpsBudget>,
    settler: Settler,
}

impl Writers {
    /// No writer yet. Must be called within a Tokio runtime.
    pub fn new(store: Arc<dyn PointWriter>, config: WriterConfig, capacity: usize) -> Self {
        let settler = Settler::start(Arc::clone(&store), config.retry_deadline);
        let (open, tasks, retries) = (Registry::default(), TaskTracker::new(), Arc::new(new_retry_budget()));
        Self { store, config, capacity, open, tasks, retries, settler }
    }

    /// The way to a collection's writer, which is started if there is none.
    pub fn open(&self, collection: &str) -> WriterHandle {
        self.open.open(collection, || self.start(collection))
    }

    fn start(&self, collection: &str) -> Inbox {
        let (jobs, waiting_jobs) = mpsc::channel(self.capacity);
        let (deletes, waiting_deletes) = mpsc::channel(DELETES);
        let flush_now = Arc::new(Notify::new());
        let target = Target {
            store: Arc::clone(&self.store),
            collection: collection.to_owned(),
            retries: Arc::clone(&self.retries),
            settler: self.settler.clone(),
        };
        let writer = Writer::new(target, self.config, Arc::clone(&flush_now), self.open.clone());
        self.tasks.spawn(writer.run(waiting_jobs, waiting_deletes));
        Inbox { jobs, deletes, flush_now }
    }

    /// Calls the store, and again while it can't answer, as long as a write may take.
    pub async fn retrying<'a, T, F: Future<Output = Result<T, StoreError>>>(
        &'a self,
        mut attempt: impl FnMut(&'a dyn PointWriter) -> F,
    ) -> Result<T, StoreError> {
        let deadline = deadline_after(Instant::now(), self.config.retry_deadline);
        retry(deadline, &*self.retries, || attempt(&*self.store)).await
    }

    /// Waits until every writer has answered for all that it has, and has ended. No handle may be opened any more.
    pub async fn drained(&self) {
        self.open.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
