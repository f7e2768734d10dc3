//! Registry of the open writers, by collection.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::handle::{WriterHandle, WriterInbox, WriterLease};
use crate::pipeline::in_flight_ids::InFlightIds;

/// Open writers, by collection. Idle writers remove themselves.
#[derive(Debug, Clone, Default)]
pub struct WriterRegistry(Arc<Mutex<HashMap<String, RegistryEntry>>>);

#[derive(Debug)]
struct RegistryEntry {
    inbox: WriterInbox,
    ids: InFlightIds,
    lease: Weak<WriterLease>,
}

impl WriterRegistry {
    /// Returns a handle to a collection's writer. If there is none, calls `start` to start one and get its inbox.
    pub fn open(&self, collection: &str, start: impl FnOnce() -> WriterInbox) -> WriterHandle {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.get_mut(collection) {
            return entry.create_handle();
        }
        let mut entry = RegistryEntry { inbox: start(), ids: InFlightIds::default(), lease: Weak::new() };
        let handle = entry.create_handle();
        entries.insert(collection.to_owned(), entry);
        handle
    }

    /// Removes all writers: each ends when its last handle is dropped.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Removes a collection's writer if it has no handles, no queued jobs and no in-flight changes. The writer must
    /// then end; the next call of `open` starts a new one.
    pub fn remove_if_idle(&self, collection: &str) -> bool {
        let mut entries = self.0.lock();
        let is_idle = entries.get(collection).is_some_and(|RegistryEntry { inbox, ids, lease }| {
            let is_empty = inbox.jobs.capacity() == inbox.jobs.max_capacity();
            lease.strong_count() == 0 && is_empty && ids.is_empty()
        });
        if is_idle {
            entries.remove(collection);
        }
        is_idle
    }
}

impl RegistryEntry {
    fn create_handle(&mut self) -> WriterHandle {
        let lease = self.lease.upgrade().unwrap_or_else(|| {
            let lease = Arc::new(WriterLease { flush_now: Arc::clone(&self.inbox.flush_now) });
            self.lease = Arc::downgrade(&lease);
            lease
        });
        WriterHandle { inbox: self.inbox.clone(), ids: self.ids.clone(), _lease: lease }
    }
}
