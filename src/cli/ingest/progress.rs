//! What a person sees while documents go by. Nothing is shown where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::tracker::Tally;

const BAR: &str = "{bar:30} {percent:>3}%  {bytes}/{total_bytes}  {msg}  {eta} left";
const DOCUMENTS: &str = "{bar:30} {percent:>3}%  {pos}/{len}  {msg}  {eta} left";
const SPINNER: &str = "{spinner} {elapsed}  {msg}";
const TICK: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// How many documents earlier runs did.
    before: u64,
    tallies: watch::Sender<Tally>,
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
        bar.enable_steady_tick(TICK);
        Self { bar, before: before.documents(), tallies: watch::Sender::default() }
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
        self.bar.set_message(format!("{documents} documents, {per_second:.0}/s, {} rejected", tally.rejected));
    }

    /// Takes it off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
