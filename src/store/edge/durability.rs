//! Which points of a collection a reader may vouch for.
//!
//! The engine shows a change as soon as it is applied, and a kill undoes the change until the flush after it has ended.
//! A digest that is read in between would make the pipeline answer UNCHANGED for a document that isn't durable. So the
//! writer registers the points of a commit here before it applies the first change, and removes them when the commit is
//! durable; a reader reads the engine first and looks here afterwards. Whatever the reader saw was registered before it
//! became visible, so it is either still registered, and ignored, or durable by now.
//!
//! When a flush or an append to the journal fails, nobody knows what is on the disk: a later flush that succeeds may
//! lack what the failed one took. From then on the collection is out of service until it is opened again.
//!
//! See docs/adr/0032-embedded-confirm-after-flush.md.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use parking_lot::{Mutex, MutexGuard};
use qdrant_edge::PointId;

use super::net_changes::NetChanges;
use crate::store::StoreError;

/// Tracks the points whose visible state isn't durable, and whether anything can become durable at all.
#[derive(Debug, Default)]
pub(super) struct DurabilityTracker(Mutex<DurabilityState>);

#[derive(Debug, Default)]
struct DurabilityState {
    /// Points of the commit in progress. Commits are sequential, so one set is enough.
    unflushed: HashSet<PointId>,
    /// Points that were deleted while a merge ran. If the merge fails, the engine shows them again until they are
    /// deleted once more. They stay here until a merge has succeeded.
    deleted_during_optimize: HashSet<PointId>,
    /// Why the collection is out of service.
    failure: Option<String>,
}

impl DurabilityTracker {
    /// Registers the points of a commit. Call this before the first change is applied.
    pub(super) fn begin_commit(&self, ids: impl IntoIterator<Item = PointId>) {
        self.state().unflushed.extend(ids);
    }

    /// Removes the points of the commit, which is durable now. `recorded` is what the journal got because a merge runs.
    pub(super) fn end_commit(&self, net_changes: &NetChanges) {
        let mut state = self.state();
        state.unflushed.clear();
        state.deleted_during_optimize.extend(net_changes.deleted_ids());
        for id in net_changes.present_ids() {
            state.deleted_during_optimize.remove(id);
        }
    }

    /// Forgets what was deleted during a merge, which has succeeded and is durable.
    pub(super) fn finish_optimize(&self) {
        self.state().deleted_during_optimize.clear();
    }

    /// Takes the collection out of service, for good. Only the first reason is kept.
    pub(super) fn take_out_of_service(&self, collection: &Path, error: &StoreError) {
        let collection = collection.display();
        tracing::error!(%collection, %error, "collection out of service: a change could not be made durable");
        self.state().failure.get_or_insert_with(|| {
            format!(
                "the collection in {collection} is out of service, because a change could not be made durable \
                 ({error}); check the disk, then restart this process"
            )
        });
    }

    /// Checks that the collection is in service.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the reason and the remedy after [`Self::fail`].
    pub(super) fn check_in_service(&self) -> Result<(), StoreError> {
        self.state().check_in_service()
    }

    /// Reads values by point, such as digests, and removes those of points whose visible state a kill would undo.
    ///
    /// # Errors
    /// Those of `read`; [`StoreError::Unavailable`] if the collection is out of service.
    pub(super) fn read_durable<T>(
        &self,
        read: impl FnOnce() -> Result<HashMap<PointId, T>, StoreError>,
    ) -> Result<HashMap<PointId, T>, StoreError> {
        // The order matters: a change that is applied after a look at the set would be read and not be ignored.
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

    /// The points 1 to 4, as far as they are durable.
    fn durable(tracker: &DurabilityTracker) -> Result<Vec<u64>, StoreError> {
        let read = || Ok((1..=4).map(|number| (PointId::NumId(number), number)).collect());
        let mut numbers: Vec<_> = tracker.read_durable(read)?.into_values().collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    #[test]
    fn a_point_is_hidden_from_before_it_changes_until_the_change_is_durable() {
        let tracker = DurabilityTracker::default();
        // The reader has read the engine when the change begins: what it saw may be the change.
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
