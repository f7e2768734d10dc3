//! Output of commands on standard output, as text or JSON.

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use serde_json::{Number, Value, json};
use tracing::level_filters::LevelFilter;

use crate::proto::EncodingStats;

/// Format of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Human-readable text.
    Text,
    /// JSON Lines: one value per line.
    Json,
}

/// Flag that selects the output format.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// Output format: text or json.
    #[arg(long = "output", env = "SPLADE_OUTPUT", default_value = "text", value_name = "FORMAT")]
    pub format: OutputFormat,
}

impl OutputArgs {
    /// Prints the text or the JSON value on one line, depending on the format.
    pub fn print(self, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> io::Result<()> {
        match self.format {
            OutputFormat::Text => print(&text()),
            OutputFormat::Json => print(&format!("{}\n", json())),
        }
    }
}

/// Writes to standard output. A broken pipe, as in `| head`, is not an error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints logged warnings to standard error, such as that the hub is unavailable and the cache is used. Only the first call has
/// an effect.
pub fn init_warning_logs() {
    let _ = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::WARN).try_init();
}

/// Returns a text on one line, truncated to `max_chars` characters. Whitespace and control characters become single spaces, so
/// that no control character reaches the terminal.
pub fn to_single_line(text: &str, max_chars: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Converts a weight to JSON with the digits of a 32-bit float; null if it is not finite.
pub fn weight_to_json(weight: f32) -> Value {
    // Parsing the shortest decimal form gives 0.1 for 0.1f32; a cast would give 0.10000000149011612.
    weight.to_string().parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// Converts encoding statistics to JSON, with the field names of the API.
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
    fn texts_become_one_line_without_control_characters() {
        assert_eq!(to_single_line("a\n\tb  c\u{1b}[31m", 100), "a b c [31m");
        assert_eq!(to_single_line("äöü", 3), "äöü");
        assert_eq!(to_single_line("äöüß", 3), "äöü…");
    }

    #[test]
    fn weights_have_the_digits_of_32_bit_floats() {
        assert_eq!(weight_to_json(f32::NAN), Value::Null);
        assert_eq!(weight_to_json(0.1).to_string(), "0.1");
    }
}
