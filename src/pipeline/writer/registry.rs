//! The writers of all collections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::retry::{RetryBudget, retry};
use super::settler::Settler;
use super::task::Writer;
use super::{Inbox, Lease, WriterConfig, WriterHandle};
use crate::pipeline::in_flight_ids::InFlightIds;
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
    retries: Arc<RetryBudget>,
    settler: Settler,
}

/// The open writers, which a writer that has had nothing to do for long leaves by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Mutex<HashMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    inbox: Inbox,
    ids: InFlightIds,
    lease: Weak<Lease>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a collection's writer out if nobody has a handle to it, nothing waits for it, and no change is in flight. Then
    /// it must end; the next handle is to a new one.
    pub(super) fn retire(&self, collection: &str) -> bool {
        let mut open = self.lock();
        let idle = open.get(collection).is_some_and(|Entry { inbox, ids, lease }| {
            let empty = inbox.jobs.capacity() == inbox.jobs.max_capacity();
            lease.strong_count() == 0 && empty && ids.is_empty()
        });
        if idle {
            open.remove(collection);
        }
        idle
    }
}

impl Writers {
    /// No writer yet. Must be called within a Tokio runtime.
    pub fn new(store: Arc<dyn PointWriter>, config: WriterConfig, capacity: usize) -> Self {
        let settler = Settler::start(Arc::clone(&store), config.retry_deadline);
        let (open, tasks, retries) = (Registry::default(), TaskTracker::new(), Arc::default());
        Self { store, config, capacity, open, tasks, retries, settler }
    }

    /// The way to a collection's writer, which is started if there is none.
    pub fn open(&self, collection: &str) -> WriterHandle {
        let mut open = self.open.lock();
        if let Some(entry) = open.get_mut(collection) {
            return entry.handle();
        }
        let mut entry = self.start(collection);
        let handle = entry.handle();
        open.insert(collection.to_owned(), entry);
        handle
    }

    fn start(&self, collection: &str) -> Entry {
        let (jobs, waiting_jobs) = mpsc::channel(self.capacity);
        let (deletes, waiting_deletes) = mpsc::channel(DELETES);
        let flush_now = Arc::new(Notify::new());
        let writer = Writer::new(
            super::upsert::Target {
                store: Arc::clone(&self.store),
                collection: collection.to_owned(),
                retries: Arc::clone(&self.retries),
                settler: self.settler.clone(),
            },
            self.config,
            Arc::clone(&flush_now),
            self.open.clone(),
        );
        self.tasks.spawn(writer.run(waiting_jobs, waiting_deletes));
        Entry { inbox: Inbox { jobs, deletes, flush_now }, ids: InFlightIds::default(), lease: Weak::new() }
    }

    /// Calls the store, and again while it can't answer, as long as a write may take.
    pub async fn retrying<'a, T, F: Future<Output = Result<T, StoreError>>>(
        &'a self,
        mut attempt: impl FnMut(&'a dyn PointWriter) -> F,
    ) -> Result<T, StoreError> {
        let deadline = deadline_after(Instant::now(), self.config.retry_deadline);
        retry(deadline, &self.retries, || attempt(&*self.store)).await
    }

    /// Waits until every writer has answered for all that it has, and has ended. No handle may be opened any more.
    pub async fn drained(&self) {
        self.open.lock().clear();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Entry {
    fn handle(&mut self) -> WriterHandle {
        let lease = self.lease.upgrade().unwrap_or_else(|| {
            let lease = Arc::new(Lease { flush_now: Arc::clone(&self.inbox.flush_now) });
            self.lease = Arc::downgrade(&lease);
            lease
        });
        WriterHandle { inbox: self.inbox.clone(), ids: self.ids.clone(), _lease: lease }
    }
}
