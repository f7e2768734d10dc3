//! Tracking of visible changes that are not durable yet.
//!
//! The engine shows a change as soon as it is applied, but a crash reverts the change until the following flush has
//! completed. A digest that is read in between would make the pipeline report UNCHANGED for a document that isn't durable.
//! So the writer registers the points of a commit here before it applies the first change, and removes them when the commit
//! is durable; a reader reads the engine first and checks the registered points afterwards. Each change that the reader saw
//! was registered before it became visible, so it is either still registered, and ignored, or durable by now.
//!
//! When a flush or an append to the journal fails, the state on disk is unknown: a later successful flush may lack changes
//! that the failed flush had removed from memory. From then on the collection is out of service until it is reopened.
//!
//! See docs/adr/0032-embedded-confirm-after-flush.md.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use parking_lot::{Mutex, MutexGuard};
use qdrant_edge::PointId;

use super::net_changes::NetChanges;
use crate::store::StoreError;

/// Tracks the points whose visible state isn't durable, and whether the collection is in service.
#[derive(Debug, Default)]
pub(super) struct DurabilityTracker(Mutex<DurabilityState>);

#[derive(Debug, Default)]
struct DurabilityState {
    /// Points of the commit in progress. Commits are sequential, so one set is enough.
    unflushed: HashSet<PointId>,
    /// Points that were deleted during a merge. If the merge fails, the engine shows them again until they are deleted
    /// again. They stay registered until a merge succeeds.
    deleted_during_optimize: HashSet<PointId>,
    /// Error that took the collection out of service, if any.
    failure: Option<String>,
}

impl DurabilityTracker {
    /// Registers the points of a commit. Call this before the first change is applied.
    pub(super) fn begin_commit(&self, ids: impl IntoIterator<Item = PointId>) {
        self.state().unflushed.extend(ids);
    }

    /// Removes the points of the commit, which is durable now. `net_changes` are the changes that were journaled because a
    /// merge is running.
    pub(super) fn end_commit(&self, net_changes: &NetChanges) {
        let mut state = self.state();
        state.unflushed.clear();
        state.deleted_during_optimize.extend(net_changes.deleted_ids());
        for id in net_changes.present_ids() {
            state.deleted_during_optimize.remove(id);
        }
    }

    /// Clears the points that were deleted during a merge, after the merge succeeded and is durable.
    pub(super) fn finish_optimize(&self) {
        self.state().deleted_during_optimize.clear();
    }

    /// Takes the collection out of service until it is reopened. Keeps only the first error.
    pub(super) fn take_out_of_service(&self, collection: &Path, error: &StoreError) {
        let collection = collection.display();
        tracing::error!(%collection, %error, "collection out of service after a failed flush");
        self.state().failure.get_or_insert_with(|| {
            format!(
                "the collection in {collection} is out of service after a failed flush ({error}); check the disk, then \
                 restart this process"
            )
        });
    }

    /// Checks that the collection is in service.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the cause and the remedy after [`Self::take_out_of_service`].
    pub(super) fn check_in_service(&self) -> Result<(), StoreError> {
        self.state().check_in_service()
    }

    /// Reads values by point, such as digests, and removes the values of points whose visible state isn't durable.
    ///
    /// # Errors
    /// The error of `read`; [`StoreError::Unavailable`] if the collection is out of service.
    pub(super) fn read_durable<T>(
        &self,
        read: impl FnOnce() -> Result<HashMap<PointId, T>, StoreError>,
    ) -> Result<HashMap<PointId, T>, StoreError> {
        // Read the values before the registered points. In the reverse order, a change that is applied in between would be
        // read but not ignored.
        let mut values = read()?;
        let state = self.state();
        state.check_in_service()?;
        values.retain(|id, _| !state.unflushed.contains(id) && !state.deleted_during_optimize.contains(id));
        Ok(values)
    }

    fn state(&self) -> MutexGuard<'_, DurabilityState> {
        self.0.lock()
    }
}

impl DurabilityState {
    fn check_in_service(&self) -> Result<(), StoreError> {
        self.failure.clone().map_or(Ok(()), |failure| Err(StoreError::Unavailable(failure)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::edge::journal_entry::JournalEntry;

    fn recorded(entry: JournalEntry) -> NetChanges {
        let mut changes = NetChanges::default();
        changes.add(entry);
        changes
    }

    fn ids(numbers: &[u64]) -> Vec<PointId> {
        numbers.iter().copied().map(PointId::NumId).collect()
    }

    /// Returns the durable points among 1 to 4.
    fn durable(tracker: &DurabilityTracker) -> Result<Vec<u64>, StoreError> {
        let read = || Ok((1..=4).map(|number| (PointId::NumId(number), number)).collect());
        let mut numbers: Vec<_> = tracker.read_durable(read)?.into_values().collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    #[test]
    fn a_point_is_hidden_from_before_it_changes_until_the_change_is_durable() {
        let tracker = DurabilityTracker::default();
        // The commit begins while the reader reads the engine, so the reader may see the change.
        let read = || {
            tracker.begin_commit(ids(&[2]));
            Ok(HashMap::from([(PointId::NumId(1), ()), (PointId::NumId(2), ())]))
        };
        assert_eq!(tracker.read_durable(read), Ok(HashMap::from([(PointId::NumId(1), ())])));
        assert_eq!(durable(&tracker), Ok(vec![1, 3, 4]));
        tracker.end_commit(&NetChanges::default());
        assert_eq!(durable(&tracker), Ok(vec![1, 2, 3, 4]));
    }

    #[test]
    fn points_deleted_in_a_merge_stay_hidden_until_a_merge_succeeds_or_they_are_written_again() {
        let tracker = DurabilityTracker::default();
        tracker.begin_commit(ids(&[1, 2]));
        tracker.end_commit(&recorded(JournalEntry::Deleted(ids(&[1, 2]))));
        tracker.begin_commit(ids(&[2, 3]));
        tracker.end_commit(&recorded(JournalEntry::Upserted(ids(&[2, 3]))));
        assert_eq!(durable(&tracker), Ok(vec![2, 3, 4]));
        tracker.finish_optimize();
        assert_eq!(durable(&tracker), Ok(vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_collection_that_failed_says_why_and_what_to_do() {
        let tracker = DurabilityTracker::default();
        assert_eq!(tracker.check_in_service(), Ok(()));
        tracker.take_out_of_service(Path::new("/data/docs"), &StoreError::Failed("disk on fire".to_owned()));
        tracker.take_out_of_service(Path::new("/data/docs"), &StoreError::Failed("again".to_owned()));
        let error = tracker.check_in_service().expect_err("it is out of service");
        assert_eq!(durable(&tracker), Err(error.clone()));
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let message = error.to_string();
        for part in ["/data/docs", "disk on fire", "restart this process"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
