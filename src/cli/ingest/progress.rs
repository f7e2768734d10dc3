//! Progress on standard error: a bar on a terminal, otherwise a line every few seconds.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ingest_stats::IngestStats;

const BYTES_TEMPLATE: &str = "{bar:30} {percent:>3}%  {bytes}/{total_bytes}  {msg}  {eta} left";
const DOCUMENTS_TEMPLATE: &str = "{bar:30} {percent:>3}%  {pos}/{len}  {msg}  {eta} left";
const SPINNER_TEMPLATE: &str = "{spinner} {elapsed}  {msg}";
const TICK_INTERVAL: Duration = Duration::from_millis(200);

/// Interval between progress lines if standard error is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Reports the progress of a run on standard error, and publishes its counts to subscribers.
#[derive(Debug)]
pub struct ProgressReporter {
    bar: ProgressBar,
    /// Documents of earlier runs, which don't count towards the rate.
    previous_documents: u64,
    stats_sender: watch::Sender<IngestStats>,
    /// Time of the last progress line; `None` if there is a bar.
    last_line_at: Option<Mutex<Instant>>,
    /// Bytes read by earlier runs, which don't count towards the estimate.
    start_position: u64,
}

impl ProgressReporter {
    /// Creates a reporter that estimates the remaining time from the input size; without a size, it shows a spinner.
    pub fn new(bytes: Option<u64>, previous_stats: &IngestStats) -> Self {
        match bytes {
            Some(bytes) => Self::with_template(ProgressBar::new(bytes), BYTES_TEMPLATE, previous_stats),
            None => Self::with_template(ProgressBar::no_length(), SPINNER_TEMPLATE, previous_stats),
        }
    }

    /// Creates a reporter for a known number of documents; `position.bytes` of the counts is then a number of documents.
    pub fn for_documents(count: u64) -> Self {
        Self::with_template(ProgressBar::new(count), DOCUMENTS_TEMPLATE, &IngestStats::default())
    }

    fn with_template(bar: ProgressBar, template: &str, previous_stats: &IngestStats) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_position(previous_stats.position.bytes);
        bar.enable_steady_tick(TICK_INTERVAL);
        bar.reset_eta();
        let last_line_at = (!stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        let (previous_documents, start_position) = (previous_stats.document_count(), previous_stats.position.bytes);
        Self { bar, previous_documents, stats_sender: watch::Sender::default(), last_line_at, start_position }
    }

    /// Returns a receiver of the current counts, which is closed when the reporter is dropped.
    pub fn subscribe(&self) -> watch::Receiver<IngestStats> {
        self.stats_sender.subscribe()
    }

    /// Shows and publishes new counts.
    pub fn update(&self, stats: &IngestStats) {
        self.stats_sender.send_replace(stats.clone());
        let documents = stats.document_count();
        self.bar.set_position(stats.position.bytes);
        let per_second =
            (documents - self.previous_documents) as f64 / self.bar.elapsed().as_secs_f64().max(f64::EPSILON);
        let message = format!("{documents} documents, {per_second:.0}/s, {} rejected", stats.rejected);
        if self.is_line_due() {
            // The run continues if standard error is closed.
            let _ = writeln!(stderr(), "{message}{}", self.format_remaining());
        }
        self.bar.set_message(message);
    }

    /// Writes a warning on standard error, above the bar.
    pub fn warn(&self, warning: &str) {
        // The run continues if standard error is closed.
        self.bar.suspend(|| drop(writeln!(stderr(), "{warning}")));
    }

    fn is_line_due(&self) -> bool {
        let Some(last_line_at) = &self.last_line_at else { return false };
        let mut last = last_line_at.lock();
        let is_due = last.elapsed() >= LINE_INTERVAL;
        if is_due {
            *last = Instant::now();
        }
        is_due
    }

    /// Formats the completed share of the input and the remaining time, estimated from the average rate of this run.
    fn format_remaining(&self) -> String {
        let (position, Some(total)) = (self.bar.position(), self.bar.length()) else { return String::new() };
        let share = position.saturating_sub(self.start_position) as f64
            / total.saturating_sub(self.start_position).max(1) as f64;
        if share <= 0.0 || total == 0 {
            return String::new();
        }
        let remaining_seconds = self.bar.elapsed().as_secs_f64() * (1.0 - share).max(0.0) / share;
        let remaining = HumanDuration(Duration::try_from_secs_f64(remaining_seconds).unwrap_or_default());
        format!(", {:.0} %, {remaining} left", 100.0 * position as f64 / total as f64)
    }

    /// Removes the bar from the terminal.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
