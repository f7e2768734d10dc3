//! What commands print, for people and for programs.

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use serde_json::{Number, Value, json};
use tracing::level_filters::LevelFilter;

use crate::proto::EncodingStats;

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs: one JSON value a line.
    Json,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// For people or for programs.
    #[arg(long = "output", env = "SPLADE_OUTPUT", default_value = "text", value_name = "FORMAT")]
    pub format: OutputFormat,
}

impl OutputArgs {
    /// Prints one of the two.
    pub fn print(self, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> io::Result<()> {
        match self.format {
            OutputFormat::Text => print(&text()),
            OutputFormat::Json => print(&format!("{}\n", json())),
        }
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Has warnings shown on standard error, such as that the hub is down and the cache is used. Only the first call counts.
pub fn init_warning_logs() {
    let _ = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::WARN).try_init();
}

/// A text on one line, cut to `limit` characters. Control characters can't reach the terminal.
pub fn to_single_line(text: &str, max_chars: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// A weight as JSON, in the digits that a 32-bit float has.
pub fn weight_to_json(weight: f32) -> Value {
    // Via its shortest decimal form: 0.1f32 is 0.1, not 0.10000000149011612.
    weight.to_string().parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// Encoding statistics as JSON, by the names of the contract.
pub fn stats_to_json(stats: &EncodingStats) -> Value {
    json!({
        "token_count": stats.token_count,
        "truncated": stats.truncated,
        "window_count": stats.window_count,
        "term_count": stats.term_count,
        "pruned_term_count": stats.pruned_term_count,
        "pruned_weight": weight_to_json(stats.pruned_weight),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_on_one_line() {
        assert_eq!(to_single_line("a\n\tb  c\u{1b}[31m", 100), "a b c [31m");
        assert_eq!(to_single_line("äöü", 3), "äöü");
        assert_eq!(to_single_line("äöüß", 3), "äöü…");
    }

    #[test]
    fn weights_have_the_digits_of_32_bits() {
        assert_eq!(weight_to_json(f32::NAN), Value::Null);
        assert_eq!(weight_to_json(0.1).to_string(), "0.1");
    }
}
