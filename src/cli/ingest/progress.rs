//! What a person sees while documents go by: a bar, or a line now and then where standard error is no terminal.

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

/// How often a line is written where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct ProgressReporter {
    bar: ProgressBar,
    /// How many documents earlier runs did.
    previous_documents: u64,
    stats_sender: watch::Sender<IngestStats>,
    /// When the last line was written; `None` where there is a bar.
    last_line_at: Option<Mutex<Instant>>,
    /// Where the bar began.
    start_position: u64,
}

impl ProgressReporter {
    /// A bar over the bytes of the input, so that the time left can be told; a spinner if their number isn't known.
    pub fn new(bytes: Option<u64>, previous_stats: &IngestStats) -> Self {
        match bytes {
            Some(bytes) => Self::with_template(ProgressBar::new(bytes), BYTES_TEMPLATE, previous_stats),
            None => Self::with_template(ProgressBar::no_length(), SPINNER_TEMPLATE, previous_stats),
        }
    }

    /// A bar over so many documents; their numbers are the offsets.
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

    /// The counts as they change, until this is dropped.
    pub fn subscribe(&self) -> watch::Receiver<IngestStats> {
        self.stats_sender.subscribe()
    }

    /// Shows how far the input is done with.
    pub fn update(&self, stats: &IngestStats) {
        self.stats_sender.send_replace(stats.clone());
        let documents = stats.document_count();
        self.bar.set_position(stats.position.bytes);
        let per_second =
            (documents - self.previous_documents) as f64 / self.bar.elapsed().as_secs_f64().max(f64::EPSILON);
        let message = format!("{documents} documents, {per_second:.0}/s, {} rejected", stats.rejected);
        if self.is_line_due() {
            // Nothing can be done if standard error is gone.
            let _ = writeln!(stderr(), "{message}{}", self.format_remaining());
        }
        self.bar.set_message(message);
    }

    /// Writes a warning on standard error, above the bar.
    pub fn warn(&self, warning: &str) {
        // Nothing can be done if standard error is gone.
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

    /// How much of the input is done with, and how long the rest takes at the speed so far.
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

    /// Takes it off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
