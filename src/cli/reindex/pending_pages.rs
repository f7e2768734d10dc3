//! Pages in flight, and the task that updates the checkpoint as they complete.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::checkpoint::ReindexCheckpoint;
use crate::cli::ingest::IngestStats;

/// Pages with documents that have no result yet. Bounded by the number of documents in flight.
#[derive(Debug, Default)]
pub struct PendingPages(Mutex<VecDeque<PageEnd>>);

#[derive(Debug)]
struct PageEnd {
    /// Number of the last document of the page.
    last_document: u64,
    /// Token of the next page; empty for the last page.
    next_token: String,
}

impl PendingPages {
    /// Adds the end of a page that was read.
    pub fn add(&self, last_document: u64, next_token: String) {
        self.0.lock().push_back(PageEnd { last_document, next_token });
    }

    /// Removes the pages that are complete when all documents up to `number` have results, and returns the last of them.
    fn pop_completed(&self, number: u64) -> Option<PageEnd> {
        let mut pages = self.0.lock();
        let completed_count = pages.partition_point(|page| page.last_document <= number);
        pages.drain(..completed_count).next_back()
    }
}

/// Writes the checkpoint each time that further pages are complete. Returns the final checkpoint when the sender of
/// `stats_updates` is dropped.
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
    async fn the_checkpoint_advances_when_all_documents_of_a_page_have_results() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docs.json");
        let pages = Arc::new(PendingPages::default());
        for (last, token) in [(10, "b"), (20, "c"), (30, "")] {
            pages.add(last, token.to_owned());
        }
        let stats = |lines, rejected| IngestStats {
            position: InputPosition { lines, bytes: lines, ..InputPosition::default() },
            rejected,
            ..IngestStats::default()
        };
        let (sender, updates) = watch::channel(IngestStats::default());
        let checkpoint_task =
            tokio::spawn(maintain_checkpoint(path.clone(), ReindexCheckpoint::default(), Arc::clone(&pages), updates));
        sender.send_replace(stats(9, 0));
        sender.send_replace(stats(29, 1));
        drop(sender);
        let checkpoint = checkpoint_task.await.unwrap().unwrap();
        assert_eq!((checkpoint.page_token.as_str(), checkpoint.documents, checkpoint.is_complete), ("c", 20, false));
        assert!(checkpoint.has_rejections);
        assert_eq!(ReindexCheckpoint::read(&path).unwrap(), Some(checkpoint.clone()));

        let (sender, updates) = watch::channel(IngestStats::default());
        sender.send_replace(stats(30, 0));
        drop(sender);
        let checkpoint = maintain_checkpoint(path.clone(), checkpoint, pages, updates).await.unwrap();
        assert!(checkpoint.is_complete && checkpoint.has_rejections && checkpoint.documents == 30);
    }
}
