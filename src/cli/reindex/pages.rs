//! The pages that are being copied, and the checkpoint that follows them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::checkpoint::Checkpoint;
use crate::cli::ingest::Tally;

/// The pages with documents that have no result yet: as many as there are such documents, at most.
#[derive(Debug, Default)]
pub struct Pages(Mutex<VecDeque<PageEnd>>);

#[derive(Debug)]
struct PageEnd {
    /// The number of its last document.
    last: u64,
    /// Where the next page begins; empty after the last one.
    next_token: String,
}

impl Pages {
    /// Adds a page that was read.
    pub fn add(&self, last: u64, next_token: String) {
        self.0.lock().push_back(PageEnd { last, next_token });
    }

    /// Returns the last page that is done when all documents up to this number are, and forgets it and those before it.
    fn done_through(&self, number: u64) -> Option<PageEnd> {
        let mut pages = self.0.lock();
        let done = pages.partition_point(|page| page.last <= number);
        pages.drain(..done).next_back()
    }
}

/// Writes the checkpoint each time that further pages are done. Ends when there are no more tallies.
///
/// # Errors
/// If the file can't be written.
pub async fn keep_checkpoint(
    path: PathBuf,
    mut checkpoint: Checkpoint,
    pages: Arc<Pages>,
    mut tallies: watch::Receiver<Tally>,
) -> anyhow::Result<Checkpoint> {
    loop {
        let ended = tallies.changed().await.is_err();
        let (through, rejected) = {
            let tally = tallies.borrow_and_update();
            (tally.done.lines, tally.rejected)
        };
        checkpoint.some_rejected |= rejected > 0;
        if let Some(page) = pages.done_through(through) {
            checkpoint.documents = page.last;
            checkpoint.complete = page.next_token.is_empty();
            checkpoint.page_token = page.next_token;
            let (path, noted) = (path.clone(), checkpoint.clone());
            spawn_blocking(move || noted.write(&path)).await??;
        }
        if ended {
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
        let pages = Arc::new(Pages::default());
        for (last, token) in [(10, "b"), (20, "c"), (30, "")] {
            pages.add(last, token.to_owned());
        }
        let tally = |lines, rejected| Tally {
            done: InputPosition { lines, bytes: lines, ..InputPosition::default() },
            rejected,
            ..Tally::default()
        };
        let (sender, tallies) = watch::channel(Tally::default());
        let keeper = tokio::spawn(keep_checkpoint(path.clone(), Checkpoint::default(), Arc::clone(&pages), tallies));
        sender.send_replace(tally(9, 0));
        sender.send_replace(tally(29, 1));
        drop(sender);
        let kept = keeper.await.unwrap().unwrap();
        assert_eq!((kept.page_token.as_str(), kept.documents, kept.complete), ("c", 20, false));
        assert!(kept.some_rejected);
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(kept.clone()));

        let (sender, tallies) = watch::channel(Tally::default());
        sender.send_replace(tally(30, 0));
        drop(sender);
        let kept = keep_checkpoint(path.clone(), kept, pages, tallies).await.unwrap();
        assert!(kept.complete && kept.some_rejected && kept.documents == 30);
    }
}
