//! The summary of a run.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::ingest_stats::IngestStats;
use crate::cli::errors::format_error;

/// Exit status of a run in which some documents were rejected or held back.
pub const EXIT_SOME_REJECTED: u8 = 1;

/// Counts and outcome of a run, printed at its end.
// Programs read the JSON form, so `to_json` spells out the names instead of deriving them from the fields.
#[derive(Debug)]
pub struct Summary {
    pub documents: u64,
    pub indexed: u64,
    /// Documents whose stored points were up to date.
    pub unchanged: u64,
    pub rejected: u64,
    pub truncated: u64,
    pub windows: u64,
    pub tokens: u64,
    pub terms: u64,
    pub pruned_terms: u64,
    /// Lines or rows of other shards, which are not counted in `documents`.
    pub other_shards: u64,
    /// Last records without a line ending, which are left to a later run.
    pub held_back: u64,
    /// Streams that replaced a failed one.
    pub reconnects: u64,
    pub seconds: f64,
    pub documents_per_second: f64,
    pub tokens_per_second: f64,
    /// Path of the rejects file; `None` if no line was rejected.
    pub rejects_file: Option<PathBuf>,
    /// Error that ended the run early.
    pub failure: Option<RunFailure>,
}

/// Error that ended a run early, and the position from which to resume.
#[derive(Debug)]
pub struct RunFailure {
    pub message: String,
    /// Sequence number up to which every document of the run has a final result.
    pub durable_through: u64,
    /// Value for `--skip` of the next run: the number of leading lines or rows that have their final results.
    pub skip: u64,
}

impl Summary {
    /// Creates the summary of a run with these counts and this duration.
    pub fn new(
        stats: IngestStats,
        duration: Duration,
        rejects_file: Option<PathBuf>,
        failure: Option<RunFailure>,
    ) -> Self {
        let seconds = duration.as_secs_f64();
        let documents = stats.document_count();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Self {
            documents,
            indexed: stats.indexed,
            unchanged: stats.unchanged,
            rejected: stats.rejected,
            truncated: stats.truncated,
            windows: stats.windows,
            tokens: stats.tokens,
            terms: stats.terms,
            pruned_terms: stats.pruned_terms,
            other_shards: stats.other_shards,
            held_back: 0,
            reconnects: stats.reconnects,
            seconds,
            documents_per_second: per_second(documents),
            tokens_per_second: per_second(stats.tokens),
            rejects_file,
            failure,
        }
    }

    /// Sets the number of records that were held back.
    pub fn with_held_back(self, held_back: u64) -> Self {
        Self { held_back, ..self }
    }

    /// Formats the summary as text, one value per line.
    pub fn to_text(&self) -> String {
        let rejects = self.rejects_file.as_ref().map(|path| format!("  (see {})", path.display())).unwrap_or_default();
        format!(
            "documents    {}\nindexed      {}\nunchanged    {}\nrejected     {}{rejects}\ntruncated    {}\nwindows      {}\ntokens       {}\n\
             terms        {}\npruned terms {}\nother shards {}\nheld back    {}\nreconnects   {}\nseconds      {:.2}\ndocuments/s  {:.1}\ntokens/s     {:.0}\n",
            self.documents,
            self.indexed,
            self.unchanged,
            self.rejected,
            self.truncated,
            self.windows,
            self.tokens,
            self.terms,
            self.pruned_terms,
            self.other_shards,
            self.held_back,
            self.reconnects,
            self.seconds,
            self.documents_per_second,
            self.tokens_per_second,
        )
    }

    /// Returns the summary as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "documents": self.documents,
            "indexed": self.indexed,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "truncated": self.truncated,
            "windows": self.windows,
            "tokens": self.tokens,
            "terms": self.terms,
            "pruned_terms": self.pruned_terms,
            "other_shards": self.other_shards,
            "held_back": self.held_back,
            "reconnects": self.reconnects,
            "seconds": self.seconds,
            "documents_per_second": self.documents_per_second,
            "tokens_per_second": self.tokens_per_second,
            "rejects_file": self.rejects_file.as_ref().map(|path| path.display().to_string()),
            "failure": self.failure.as_ref().map(RunFailure::to_json),
        })
    }
}

impl RunFailure {
    /// Creates the failure of a run that ended with this error and these counts.
    pub fn new(error: &anyhow::Error, stats: &IngestStats) -> Self {
        let (durable_through, skip) = (stats.durable_through, stats.position.lines);
        Self { message: format_error(error), durable_through, skip }
    }

    fn to_json(&self) -> Value {
        json!({ "message": self.message, "durable_through": self.durable_through, "skip": self.skip })
    }

    /// Prints the error and how to resume on standard error; with a checkpoint, no `--skip` is needed.
    pub fn print(&self, has_checkpoint: bool) {
        let Self { message, durable_through, skip } = self;
        let with_skip = if has_checkpoint { String::new() } else { format!(" with --skip {skip}") };
        let text = format!(
            "error: {message}\nAll lines or rows up to {skip} have final results (durable_through {durable_through}). Run the \
             same command{with_skip} to resume; documents that are already indexed are replaced, not duplicated.\n"
        );
        // The exit status reports the failure even if standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    /// Pins the names that programs read.
    #[test]
    fn its_json_keeps_its_names() {
        let stats = IngestStats { reconnects: 3, durable_through: 9, ..IngestStats::starting_after(7) };
        let failure = RunFailure::new(&anyhow!("interrupted"), &stats);
        let summary = Summary::new(stats, Duration::from_secs(2), Some("rejects.jsonl".into()), Some(failure));
        let expected = json!({
            "documents": 0, "indexed": 0, "unchanged": 0, "rejected": 0, "truncated": 0, "windows": 0, "tokens": 0, "terms": 0,
            "pruned_terms": 0, "other_shards": 0, "held_back": 0, "reconnects": 3, "seconds": 2.0, "documents_per_second": 0.0,
            "tokens_per_second": 0.0, "rejects_file": "rejects.jsonl",
            "failure": { "message": "interrupted", "durable_through": 9, "skip": 7 },
        });
        assert_eq!(summary.to_json(), expected);
        assert!(summary.to_text().contains("\nreconnects   3\n"), "{}", summary.to_text());
    }
}
