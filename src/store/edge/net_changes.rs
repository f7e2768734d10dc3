//! The changes of one commit, as the journal records them.

use std::collections::{BTreeMap, BTreeSet};

use qdrant_edge::{PointId, PointStructPersisted};

use super::journal_entry::JournalEntry;

/// What the changes of one commit come to, by point: the last change of a point decides.
///
/// While segments are merged, the disk keeps old copies of the points that are deleted or replaced. So what is appended
/// when matters:
/// - A deletion is appended before the flush. After it, a crash would leave neither the point's newest copy nor a word
///   of its deletion, and an older copy would come back.
/// - An upsert is appended after the flush. Before it, a crash would leave no new copy, but the word that an earlier
///   deletion of the point is over, and an older copy would come back.
#[derive(Debug, Default)]
pub(super) struct NetChanges {
    deleted: BTreeSet<PointId>,
    upserted: BTreeSet<PointId>,
    rewritten: BTreeMap<PointId, PointStructPersisted>,
}

impl NetChanges {
    /// Adds what was done to points after all before.
    pub(super) fn add(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Upserted(ids) => ids.into_iter().for_each(|id| {
                self.remove(id);
                self.upserted.insert(id);
            }),
            JournalEntry::Deleted(ids) => ids.into_iter().for_each(|id| {
                self.remove(id);
                self.deleted.insert(id);
            }),
            JournalEntry::Rewriting(points) => points.into_iter().for_each(|point| {
                self.remove(point.id);
                self.rewritten.insert(point.id, point);
            }),
        }
    }

    fn remove(&mut self, id: PointId) {
        self.deleted.remove(&id);
        self.upserted.remove(&id);
        self.rewritten.remove(&id);
    }

    /// The points that are not there any more.
    pub(super) fn deleted_ids(&self) -> impl Iterator<Item = PointId> {
        self.deleted.iter().copied()
    }

    /// The points that are there.
    pub(super) fn present_ids(&self) -> impl Iterator<Item = &PointId> {
        self.upserted.iter().chain(self.rewritten.keys())
    }

    /// What to append before the flush.
    pub(super) fn deletion_entries(&self) -> Vec<JournalEntry> {
        match self.deleted.is_empty() {
            true => Vec::new(),
            false => vec![JournalEntry::Deleted(self.deleted_ids().collect())],
        }
    }

    /// What to append after the flush.
    pub(super) fn upsert_entries(&self) -> Vec<JournalEntry> {
        let mut entries = Vec::new();
        if !self.upserted.is_empty() {
            entries.push(JournalEntry::Upserted(self.upserted.iter().copied().collect()));
        }
        if !self.rewritten.is_empty() {
            entries.push(JournalEntry::Rewriting(self.rewritten.values().cloned().collect()));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::edge::simulation::simulated_point;

    fn ids(numbers: &[u64]) -> Vec<PointId> {
        numbers.iter().copied().map(PointId::NumId).collect()
    }

    #[test]
    fn the_last_change_of_a_point_in_a_commit_decides() {
        let mut changes = NetChanges::default();
        let point = |number| simulated_point(number, 7);
        changes.add(JournalEntry::Upserted(ids(&[1, 2, 3])));
        changes.add(JournalEntry::Deleted(ids(&[2, 4, 5])));
        changes.add(JournalEntry::Rewriting(vec![point(3), point(5)]));
        changes.add(JournalEntry::Upserted(ids(&[4])));
        assert_eq!(changes.deletion_entries(), [JournalEntry::Deleted(ids(&[2]))]);
        let upserts = [JournalEntry::Upserted(ids(&[1, 4])), JournalEntry::Rewriting(vec![point(3), point(5)])];
        assert_eq!(changes.upsert_entries(), upserts);
    }
}
