//! The open writers of all collections.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::handle::{Inbox, Lease, WriterHandle};
use crate::pipeline::in_flight_ids::InFlightIds;

/// The open writers, which a writer that has had nothing to do for long leaves by itself.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    inbox: Inbox,
    ids: InFlightIds,
    lease: Weak<Lease>,
}

impl Registry {
    /// Returns a handle to a collection's writer. If there is none, `start` starts it and gives its inbox.
    pub fn open(&self, collection: &str, start: impl FnOnce() -> Inbox) -> WriterHandle {
        let mut open = self.0.lock();
        if let Some(entry) = open.get_mut(collection) {
            return entry.handle();
        }
        let mut entry = Entry { inbox: start(), ids: InFlightIds::default(), lease: Weak::new() };
        let handle = entry.handle();
        open.insert(collection.to_owned(), entry);
        handle
    }

    /// Forgets all writers: each ends when the last handle to it is gone.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Takes a collection's writer out if nobody has a handle to it, nothing waits for it, and no change is in flight. Then
    /// it must end; the next handle is to a new one.
    pub fn retire(&self, collection: &str) -> bool {
        let mut open = self.0.lock();
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
