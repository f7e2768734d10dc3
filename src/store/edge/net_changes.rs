//! Net changes of one commit, as the journal records them.

use std::collections::{BTreeMap, BTreeSet};

use qdrant_edge::{PointId, PointStructPersisted};

use super::journal_entry::JournalEntry;

/// Net effect of the changes of one commit, by point: the last change of a point wins.
///
/// During a merge, the disk keeps old copies of points that are deleted or replaced. So the order of journal and flush
/// matters:
/// - A deletion is journaled before the flush. In the reverse order, a crash in between would lose the point's newest copy
///   without a record of its deletion, and an older copy would reappear.
/// - An upsert is journaled after the flush. In the reverse order, a crash in between would lose the new copy but cancel an
///   earlier deletion of the point, and an older copy would reappear.
#[derive(Debug, Default)]
pub(super) struct NetChanges {
    deleted: BTreeSet<PointId>,
    upserted: BTreeSet<PointId>,
    rewritten: BTreeMap<PointId, PointStructPersisted>,
}

impl NetChanges {
    /// Adds an entry, which overrides earlier entries of its points.
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

    /// Returns the points that are deleted by the commit.
    pub(super) fn deleted_ids(&self) -> impl Iterator<Item = PointId> {
        self.deleted.iter().copied()
    }

    /// Returns the points that exist after the commit.
    pub(super) fn present_ids(&self) -> impl Iterator<Item = &PointId> {
        self.upserted.iter().chain(self.rewritten.keys())
    }

    /// Returns the entries to append before the flush.
    pub(super) fn deletion_entries(&self) -> Vec<JournalEntry> {
        match self.deleted.is_empty() {
            true => Vec::new(),
            false => vec![JournalEntry::Deleted(self.deleted_ids().collect())],
        }
    }

    /// Returns the entries to append after the flush.
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
    fn the_last_change_of_a_point_in_a_commit_wins() {
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
