//! The pages that are being copied, and the checkpoint that follows them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::checkpoint::ReindexCheckpoint;
use crate::cli::ingest::IngestStats;

/// The pages with documents that have no result yet: as many as there are such documents, at most.
#[derive(Debug, Default)]
pub struct PendingPages(Mutex<VecDeque<PageEnd>>);

#[derive(Debug)]
struct PageEnd {
    /// The number of its last document.
    last_document: u64,
    /// Where the next page begins; empty after the last one.
    next_token: String,
}

impl PendingPages {
    /// Adds a page that was read.
    pub fn add(&self, last_document: u64, next_token: String) {
        self.0.lock().push_back(PageEnd { last_document, next_token });
    }

    /// Returns the last page that is done when all documents up to this number are, and forgets it and those before it.
    fn pop_completed(&self, number: u64) -> Option<PageEnd> {
        let mut pages = self.0.lock();
        let completed_count = pages.partition_point(|page| page.last_document <= number);
        pages.drain(..completed_count).next_back()
    }
}

/// Writes the checkpoint each time that further pages are done. Ends when there are no more tallies.
///
/// # Errors
/// If the file can't be written.
pub async fn maintain_checkpoint(
    path: PathBuf,
    mut checkpoint: ReindexCheckpoint,
    pages: Arc<PendingPages>,
    mut stats_updates: watch::Receiver<IngestStats>,
) -> anyhow::Result<ReindexCheckpoint> {
    loop {
        let is_last = stats_updates.changed().await.is_err();
        let (acked_through, rejected) = {
            let stats = stats_updates.borrow_and_update();
            (stats.position.lines, stats.rejected)
        };
        checkpoint.has_rejections |= rejected > 0;
        if let Some(page) = pages.pop_completed(acked_through) {
            checkpoint.documents = page.last_document;
            checkpoint.is_complete = page.next_token.is_empty();
            checkpoint.page_token = page.next_token;
            let (path, snapshot) = (path.clone(), checkpoint.clone());
            spawn_blocking(move || snapshot.write(&path)).await??;
        }
        if is_last {
            return Ok(checkpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ingest::InputPosition;

    #[tokio::test]
    async fn a_page_is_noted_when_all_its_documents_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.json");
        let pages = Arc::new(PendingPages::default());
        for (last, token) in [(10, "b"), (20, "c"), (30, "")] {
            pages.add(last, token.to_owned());
        }
        let tally = |lines, rejected| IngestStats {
            position: InputPosition { lines, bytes: lines, ..InputPosition::default() },
            rejected,
            ..IngestStats::default()
        };
        let (sender, tallies) = watch::channel(IngestStats::default());
        let keeper =
            tokio::spawn(maintain_checkpoint(path.clone(), ReindexCheckpoint::default(), Arc::clone(&pages), tallies));
        sender.send_replace(tally(9, 0));
        sender.send_replace(tally(29, 1));
        drop(sender);
        let kept = keeper.await.unwrap().unwrap();
        assert_eq!((kept.page_token.as_str(), kept.documents, kept.is_complete), ("c", 20, false));
        assert!(kept.has_rejections);
        assert_eq!(ReindexCheckpoint::read(&path).unwrap(), Some(kept.clone()));

        let (sender, tallies) = watch::channel(IngestStats::default());
        sender.send_replace(tally(30, 0));
        drop(sender);
        let kept = maintain_checkpoint(path.clone(), kept, pages, tallies).await.unwrap();
        assert!(kept.is_complete && kept.has_rejections && kept.documents == 30);
    }
}
