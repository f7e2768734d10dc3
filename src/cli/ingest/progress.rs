//! What a person sees while documents go by: a bar, or a line now and then where standard error is no terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::tally::Tally;

const BAR: &str = "{bar:30} {percent:>3}%  {bytes}/{total_bytes}  {msg}  {eta} left";
const DOCUMENTS: &str = "{bar:30} {percent:>3}%  {pos}/{len}  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {elapsed}  {msg}";
const TICK: Duration = Duration::from_millis(200);

/// How often a line is written where there is no bar.
const LINES: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// How many documents earlier runs did.
    before: u64,
    tallies: watch::Sender<Tally>,
    /// When the last line was written; `None` where there is a bar.
    line: Option<Mutex<Instant>>,
    /// Where the bar began.
    begun_at: u64,
}

impl Progress {
    /// A bar over the bytes of the input, so that the time left can be told; a spinner if their number isn't known.
    pub fn new(bytes: Option<u64>, before: &Tally) -> Self {
        match bytes {
            Some(bytes) => Self::shown(ProgressBar::new(bytes), BAR, before),
            None => Self::shown(ProgressBar::no_length(), SPINNER, before),
        }
    }

    /// A bar over so many documents; their numbers are the offsets.
    pub fn of_documents(count: u64) -> Self {
        Self::shown(ProgressBar::new(count), DOCUMENTS, &Tally::default())
    }

    fn shown(bar: ProgressBar, template: &str, before: &Tally) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_position(before.done.bytes);
        bar.enable_steady_tick(TICK);
        bar.reset_eta();
        let line = (!stderr().is_terminal()).then(|| Mutex::new(Instant::now()));
        let (before, begun_at) = (before.documents(), before.done.bytes);
        Self { bar, before, tallies: watch::Sender::default(), line, begun_at }
    }

    /// The counts as they change, until this is dropped.
    pub fn tallies(&self) -> watch::Receiver<Tally> {
        self.tallies.subscribe()
    }

    /// Shows how far the input is done with.
    pub fn update(&self, tally: &Tally) {
        self.tallies.send_replace(tally.clone());
        let documents = tally.documents();
        self.bar.set_position(tally.done.bytes);
        let per_second = (documents - self.before) as f64 / self.bar.elapsed().as_secs_f64().max(f64::EPSILON);
        let message = format!("{documents} documents, {per_second:.0}/s, {} rejected", tally.rejected);
        if self.is_line_due() {
            // Nothing can be done if standard error is gone.
            let _ = writeln!(stderr(), "{message}{}", self.rest_in_words());
        }
        self.bar.set_message(message);
    }

    /// Writes a warning on standard error, above the bar.
    pub fn warn(&self, warning: &str) {
        // Nothing can be done if standard error is gone.
        self.bar.suspend(|| drop(writeln!(stderr(), "{warning}")));
    }

    fn is_line_due(&self) -> bool {
        let Some(line) = &self.line else { return false };
        let mut last = line.lock();
        let is_due = last.elapsed() >= LINES;
        if is_due {
            *last = Instant::now();
        }
        is_due
    }

    /// How much of the input is done with, and how long the rest takes at the speed so far.
    fn rest_in_words(&self) -> String {
        let (done, Some(all)) = (self.bar.position(), self.bar.length()) else { return String::new() };
        let share = done.saturating_sub(self.begun_at) as f64 / all.saturating_sub(self.begun_at).max(1) as f64;
        if share <= 0.0 || all == 0 {
            return String::new();
        }
        let left = self.bar.elapsed().as_secs_f64() * (1.0 - share).max(0.0) / share;
        let left = HumanDuration(Duration::try_from_secs_f64(left).unwrap_or_default());
        format!(", {:.0} %, {left} left", 100.0 * done as f64 / all as f64)
    }

    /// Takes it off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
