//! Minimal tokenizer of JSON texts.

/// Returns the length of the token at the beginning of a JSON text: a string with its quotes, a number, or a single
/// byte. 0 if the text is empty.
pub fn token_length(text: &[u8]) -> usize {
    match text.first() {
        Some(b'"') => string_length(text),
        Some(b'-' | b'0'..=b'9') => {
            text.iter().take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')).count()
        }
        Some(_) => 1,
        None => 0,
    }
}

/// Returns the text of a token if it is a number without fraction and exponent.
pub fn as_integer(token: &[u8]) -> Option<&str> {
    if !matches!(token.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let number = std::str::from_utf8(token).ok()?;
    (!number.contains(['.', 'e', 'E'])).then_some(number)
}

/// Returns the length of a string including both quotes.
fn string_length(text: &[u8]) -> usize {
    // Initially `true`, so that the opening quote does not end the string.
    let mut is_escaped = true;
    let end = text.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn accepts_any_bytes(text: Vec<u8>) {
            token_length(&text);
        }
    }
}
