//! Converts panics of the `parquet` crate to errors, without printing them.

use anyhow::bail;

use crate::panics::catch_quietly;

/// Maximum length of a reported message; some messages of the crate repeat whole values.
const MAX_MESSAGE_CHARS: usize = 300;

/// Runs a closure that may panic on a malformed file. After an error, its state must not be used again.
///
/// # Errors
/// The error of the closure, or its panic as an error.
pub fn catch_panic<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    match catch_quietly(work) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => bail!("{}", truncate_message(&format!("{error:#}"))),
        Err(panic) => {
            bail!(
                "invalid Parquet file: {}",
                truncate_message(panic.message().unwrap_or("the parser panicked without a message"))
            )
        }
    }
}

fn truncate_message(message: &str) -> String {
    let mut chars = message.chars();
    let mut text: String = chars.by_ref().take(MAX_MESSAGE_CHARS).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_errors_and_long_messages_are_truncated() {
        let panic = catch_panic(|| -> anyhow::Result<()> { panic!("levels {}", 7) }).unwrap_err().to_string();
        assert_eq!(panic, "invalid Parquet file: levels 7");
        let error = catch_panic(|| -> anyhow::Result<()> { bail!("{}", "é".repeat(900)) }).unwrap_err().to_string();
        assert_eq!(error.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert_eq!(catch_panic(|| Ok(1)).unwrap(), 1);
    }
}
