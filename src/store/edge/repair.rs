//! Repair of a collection after a crash or a failed merge.
//!
//! During a merge, the engine keeps deletions and replacements of points in the merged segments only in memory, and at the
//! end of the merge the old and the merged segments exist side by side on disk. A crash then leaves old copies of points,
//! and points that had been deleted. Even without a merge, an interrupted flush can leave both a point's new copy and its
//! old one. Qdrant's server replays its log and removes the duplicates on startup; the embedded engine does neither. So:
//! - points that the journal lists as deleted are deleted again;
//! - a point that exists more than once is deleted, and its newest copy is upserted.
//!
//! See docs/adr/0033-embedded-crash-recovery.md.

use std::collections::{BTreeMap, BTreeSet};

use qdrant_edge::PointId;

use super::apply_error::ApplyError;
use super::journal::Journal;
use super::journal_entry::JournalEntry;
use super::point_change::PointChange;
use super::shard_engine::ShardEngine;
use crate::store::StoreError;

/// Number of points that are checked for duplicates at once.
const PAGE_SIZE: usize = 1_000;

/// Repairs a collection after a crash, durably.
pub(super) fn recover(shard: &impl ShardEngine, journal: &mut Journal) -> Result<(), StoreError> {
    repair(shard, journal)?;
    shard.flush()?;
    journal.clear()
}

/// Repairs a collection in memory; the caller must flush. Reads every id.
///
/// The journal keeps its entries. They may be cleared after the flush only if every segment on disk is open. This is the
/// case on startup, but not after a failed merge, which can leave segments that are opened only on the next startup.
pub(super) fn repair(shard: &impl ShardEngine, journal: &mut Journal) -> Result<(), StoreError> {
    for change in collect_pending_changes(journal.read_entries()?) {
        shard.apply(change).map_err(ApplyError::into_error)?;
    }
    let mut from = None;
    loop {
        let (page, next) = shard.list_ids(from, PAGE_SIZE)?;
        rewrite_newest(shard, journal, &find_duplicated(shard, &page)?)?;
        if next.is_none() {
            return Ok(());
        }
        from = next;
    }
}

/// Returns the deletions that a crash may have reverted, and the upserts of points that an interrupted repair may have
/// deleted without restoring them.
fn collect_pending_changes(entries: Vec<JournalEntry>) -> [PointChange; 2] {
    let mut deleted = BTreeSet::new();
    let mut rewritten = BTreeMap::new();
    for entry in entries {
        match entry {
            JournalEntry::Upserted(ids) => {
                for id in ids {
                    deleted.remove(&id);
                    rewritten.remove(&id);
                }
            }
            JournalEntry::Deleted(ids) => {
                for id in ids {
                    deleted.insert(id);
                    rewritten.remove(&id);
                }
            }
            JournalEntry::Rewriting(points) => rewritten.extend(points.into_iter().map(|point| (point.id, point))),
        }
    }
    [PointChange::Delete(deleted.into_iter().collect()), PointChange::Upsert(rewritten.into_values().collect())]
}

/// Returns the points that exist more than once, by bisection: counting is much cheaper than reading the points.
fn find_duplicated(shard: &impl ShardEngine, ids: &[PointId]) -> Result<Vec<PointId>, StoreError> {
    match ids {
        [] => Ok(Vec::new()),
        _ if shard.count_versions(ids)? == ids.len() => Ok(Vec::new()),
        &[id] => Ok(vec![id]),
        _ => {
            let (left, right) = ids.split_at(ids.len() / 2);
            Ok([find_duplicated(shard, left)?, find_duplicated(shard, right)?].concat())
        }
    }
}

/// Replaces all copies of each point by the newest one.
fn rewrite_newest(shard: &impl ShardEngine, journal: &mut Journal, ids: &[PointId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    tracing::info!(points = ids.len(), "removing old copies of points");
    let points = shard.get_full(ids)?;
    // Journal the points before they are deleted, so that a crash before their upsert can't lose them.
    journal.append(&[JournalEntry::Rewriting(points.clone())])?;
    let result = shard.apply(PointChange::Delete(ids.to_vec())).and_then(|()| shard.apply(PointChange::Upsert(points)));
    result.map_err(ApplyError::into_error)
}

#[cfg(test)]
mod tests {
    use qdrant_edge::{Payload, PointStructPersisted, VectorStructPersisted};

    use super::*;

    #[test]
    fn the_last_entry_of_a_point_determines_its_pending_change() {
        let ids = |numbers: &[u64]| numbers.iter().copied().map(PointId::NumId).collect::<Vec<_>>();
        let point = |number, payload| {
            let vector = VectorStructPersisted::Named(Default::default());
            PointStructPersisted { id: PointId::NumId(number), vector, payload }
        };
        let entries = vec![
            JournalEntry::Deleted(ids(&[1, 2, 3])),
            JournalEntry::Upserted(ids(&[2, 3, 4])),
            JournalEntry::Deleted(ids(&[3, 5])),
            JournalEntry::Rewriting(vec![point(6, None), point(7, None), point(8, None)]),
            JournalEntry::Rewriting(vec![point(6, Some(Payload::default()))]),
            JournalEntry::Upserted(ids(&[7])),
            JournalEntry::Deleted(ids(&[8])),
        ];
        let [deleted, rewritten] = collect_pending_changes(entries);
        assert_eq!(deleted, PointChange::Delete(ids(&[1, 3, 5, 8])));
        assert_eq!(rewritten, PointChange::Upsert(vec![point(6, Some(Payload::default()))]));
    }
}
