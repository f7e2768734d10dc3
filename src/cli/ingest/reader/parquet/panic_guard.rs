//! A panic of the Parquet crate becomes an error, and says nothing by itself.

use anyhow::bail;

use crate::panics::catch_quietly;

/// As much of a message is told; some repeat values.
const MAX_MESSAGE_CHARS: usize = 300;

/// Calls something that may panic on a hostile file. After an error, nothing that it was doing is used again.
///
/// # Errors
/// Its error, or its panic.
pub fn catch_panic<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    match catch_quietly(work) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => bail!("{}", truncate_message(&format!("{error:#}"))),
        Err(panic) => {
            bail!(
                "it contradicts itself: {}",
                truncate_message(panic.message().unwrap_or("for no reason that it told"))
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
    fn panics_and_long_errors_are_short_errors() {
        let panic = catch_panic(|| -> anyhow::Result<()> { panic!("levels {}", 7) }).unwrap_err().to_string();
        assert_eq!(panic, "it contradicts itself: levels 7");
        let error = catch_panic(|| -> anyhow::Result<()> { bail!("{}", "é".repeat(900)) }).unwrap_err().to_string();
        assert_eq!(error.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert_eq!(catch_panic(|| Ok(1)).unwrap(), 1);
    }
}
