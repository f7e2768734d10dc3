//! Puts a collection in order after its process died, or a merge failed.
//!
//! While the engine merges segments, it keeps in memory which of their points have been deleted or replaced, and a
//! moment before the merge is done the old and the merged segments lie side by side on disk. A process that dies then
//! leaves old copies of points, and points that had been deleted. Even without a merge, a flush that was cut short can
//! leave a point's new copy and its old one. The engine's server replays its log and removes the duplicates on start;
//! the embedded engine does neither. So:
//! - what the journal says was deleted is deleted again;
//! - of points that exist more than once, the old copies are dropped.

use std::collections::HashMap;

use qdrant_edge::PointId;

use super::engine::{Change, Engine};
use super::journal::Entry;
use crate::store::StoreError;

/// How many points are looked at together.
const PAGE: usize = 1_000;

/// Repairs, and makes it durable. Reads every id: about a second for a million points.
pub(super) fn repair(engine: &Engine, entries: &[Entry]) -> Result<(), StoreError> {
    let deleted = deleted(entries);
    if !deleted.is_empty() {
        engine.apply(Change::Delete(deleted))?;
    }
    drop_duplicates(engine)?;
    engine.flush()
}

/// The points whose last change was that they were deleted.
fn deleted(entries: &[Entry]) -> Vec<PointId> {
    let mut last = HashMap::new();
    for entry in entries {
        let (ids, was_deleted) = match entry {
            Entry::Upserted(ids) => (ids, false),
            Entry::Deleted(ids) => (ids, true),
        };
        last.extend(ids.iter().map(|&id| (id, was_deleted)));
    }
    last.into_iter().filter_map(|(id, was_deleted)| was_deleted.then_some(id)).collect()
}

fn drop_duplicates(engine: &Engine) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let (page, next) = engine.ids(from, PAGE)?;
        let copies = if page.is_empty() { 0 } else { engine.copies(&page)? };
        if copies > page.len() {
            tracing::info!(points = page.len(), copies, "dropping old copies of points");
            engine.drop_old_copies(page)?;
        }
        if next.is_none() {
            return Ok(());
        }
        from = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_point_counts() {
        let ids = |numbers: &[u64]| numbers.iter().map(|&number| PointId::NumId(number)).collect::<Vec<_>>();
        let entries = [Entry::Deleted(ids(&[1, 2, 3])), Entry::Upserted(ids(&[2, 3, 4])), Entry::Deleted(ids(&[3, 5]))];
        let mut deleted = deleted(&entries);
        deleted.sort();
        assert_eq!(deleted, ids(&[1, 3, 5]));
    }
}
