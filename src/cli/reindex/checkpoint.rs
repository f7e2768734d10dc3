//! How far a run is, in a file that is there whole or as it was before.

use std::collections::VecDeque;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::cli::ingest::Tally;
use crate::durable;

/// What decides which points a run makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What is read, as it was given: perhaps an alias.
    pub from: String,
    /// The collection that this was when the run began.
    pub collection: String,
    pub into: String,
    pub model: String,
    /// The model's.
    pub fingerprint: String,
    pub text_key: String,
    /// What is done with long texts, and which terms are kept.
    pub encoding: String,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub run: Run,
    /// The token of the first page that is not done.
    pub page_token: String,
    /// Whether all pages are done.
    pub complete: bool,
    /// How many documents the pages have that are done.
    pub documents: u64,
    /// Whether documents were rejected.
    pub some_rejected: bool,
}

impl Checkpoint {
    /// Reads the file, if it is there. Blocks.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("can't read {}", path.display()))?,
        };
        let checkpoint = serde_json::from_slice(&text);
        checkpoint.map(Some).with_context(|| {
            format!("{} is no checkpoint of reindex; name another file with --checkpoint, or remove it", path.display())
        })
    }

    /// Writes the file beside its place, makes it durable, and renames it. Blocks.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        durable::replace(path, &text).with_context(|| format!("can't write the checkpoint {}", path.display()))
    }

    /// Whether a run may go on here.
    ///
    /// # Errors
    /// If it is another run's: what differs, and what to do.
    pub fn check(&self, run: &Run, path: &Path) -> anyhow::Result<()> {
        let Run { from, collection: _, into, model, fingerprint, text_key, encoding } = &self.run;
        let pairs = [
            ("--from", from, &run.from),
            ("--into", into, &run.into),
            ("--model", model, &run.model),
            ("the model's fingerprint", fingerprint, &run.fingerprint),
            ("--text-key", text_key, &run.text_key),
            ("long texts and pruning", encoding, &run.encoding),
        ];
        let Some((what, theirs, ours)) = pairs.into_iter().find(|(_, theirs, ours)| theirs != ours) else {
            return Ok(());
        };
        bail!(
            "the checkpoint {} is of another run: {what} was `{theirs}` and is `{ours}`; give that run's command again to \
             finish it, or name another file with --checkpoint, or remove this one to begin anew",
            path.display()
        )
    }
}

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
    /// A page was read.
    pub fn add(&self, last: u64, next_token: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(PageEnd { last, next_token });
    }

    /// The last page that is done when all documents up to this number are. It and those before it are forgotten.
    fn done_through(&self, number: u64) -> Option<PageEnd> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = pages.partition_point(|page| page.last <= number);
        pages.drain(..done).next_back()
    }
}

/// Notes each time that further pages are done. Ends when there are no more tallies.
///
/// # Errors
/// If the file can't be written.
pub async fn keep(
    path: PathBuf,
    mut checkpoint: Checkpoint,
    pages: std::sync::Arc<Pages>,
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
    use std::sync::Arc;

    use super::*;
    use crate::cli::ingest::Place;

    fn run() -> Run {
        Run { from: "docs".to_owned(), into: "docs-v2".to_owned(), model: "new".to_owned(), ..Run::default() }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.json");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        let checkpoint =
            Checkpoint { run: run(), page_token: "docs/7".to_owned(), documents: 6, ..Checkpoint::default() };
        checkpoint.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint));
        fs::write(&path, "{\"run\": ").unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("is no checkpoint"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_runs_checkpoint_is_refused_by_what_differs() {
        let checkpoint = Checkpoint { run: run(), ..Checkpoint::default() };
        let path = Path::new("here.json");
        let resolved = Run { collection: "docs-v2".to_owned(), ..run() };
        checkpoint.check(&resolved, path).unwrap();
        for (other, what) in [
            (Run { from: "x".to_owned(), ..run() }, "--from was `docs` and is `x`"),
            (Run { into: "x".to_owned(), ..run() }, "--into was"),
            (Run { model: "x".to_owned(), ..run() }, "--model was"),
            (Run { fingerprint: "x".to_owned(), ..run() }, "the model's fingerprint was"),
            (Run { text_key: "x".to_owned(), ..run() }, "--text-key was"),
            (Run { encoding: "x".to_owned(), ..run() }, "long texts and pruning was"),
        ] {
            let error = checkpoint.check(&other, path).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("here.json is of another run"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_page_is_noted_when_all_its_documents_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docs.json");
        let pages = Arc::new(Pages::default());
        for (last, token) in [(10, "b"), (20, "c"), (30, "")] {
            pages.add(last, token.to_owned());
        }
        let tally = |lines, rejected| Tally {
            done: Place { lines, bytes: lines, ..Place::default() },
            rejected,
            ..Tally::default()
        };
        let (sender, tallies) = watch::channel(Tally::default());
        let keeper = tokio::spawn(keep(path.clone(), Checkpoint::default(), Arc::clone(&pages), tallies));
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
        let kept = keep(path.clone(), kept, pages, tallies).await.unwrap();
        assert!(kept.complete && kept.some_rejected && kept.documents == 30);
    }
}
