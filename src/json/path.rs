//! Conversion of a position in a JSON text (line and column, which parse errors report) to a path.
//!
//! The path is computed only after an error, so that valid input has no overhead. `serde_path_to_error` tracks the path
//! while it reads, and for an unknown or duplicate key it reports the object, where this reports the key
//! (`docs/adr/0008-json-decoder.md`).

/// A container that is open at a position.
enum OpenContainer<'a> {
    /// An object: its most recent key, and whether the next string is a key.
    Object { key: &'a [u8], expects_key: bool },
    /// An array: number of complete elements.
    Array(usize),
}

/// Returns the path, such as `documents[3].payload`, of the value at a line (from 1) and column (in bytes).
pub fn path_at(json: &[u8], line: usize, column: usize) -> String {
    let lines_before = line.saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        _ => {
            let newlines = json.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            newlines.map(|(index, _)| index + 1).nth(lines_before - 1).unwrap_or(json.len())
        }
    };
    let end = line_start.saturating_add(column).min(json.len());
    format_path(&open_containers(json.get(..end).unwrap_or(json)))
}

fn open_containers(json: &[u8]) -> Vec<OpenContainer<'_>> {
    let mut containers = Vec::new();
    let mut remaining = json;
    while let Some((&byte, after)) = remaining.split_first() {
        remaining = after;
        match (byte, containers.last_mut()) {
            (b'{', _) => containers.push(OpenContainer::Object { key: b"", expects_key: true }),
            (b'[', _) => containers.push(OpenContainer::Array(0)),
            (b'}' | b']', _) => drop(containers.pop()),
            (b',', Some(OpenContainer::Array(complete))) => *complete += 1,
            (b',', Some(OpenContainer::Object { key, expects_key })) => (*key, *expects_key) = (b"", true),
            (b':', Some(OpenContainer::Object { expects_key, .. })) => *expects_key = false,
            (b'"', level) => {
                let (text, after) = split_string(remaining);
                remaining = after;
                if let Some(OpenContainer::Object { key, expects_key: true }) = level {
                    *key = text;
                }
            }
            _ => {}
        }
    }
    containers
}

/// Splits the text after an opening quote into the string's contents and the text after its closing quote.
fn split_string(json: &[u8]) -> (&[u8], &[u8]) {
    let mut is_escaped = false;
    let end = json.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    let (text, remaining) = json.split_at(end.unwrap_or(json.len()));
    (text, remaining.get(1..).unwrap_or_default())
}

fn format_path(containers: &[OpenContainer<'_>]) -> String {
    let mut path = String::new();
    for level in containers {
        match level {
            OpenContainer::Array(complete) => path.push_str(&format!("[{complete}]")),
            OpenContainer::Object { key: b"", .. } => {}
            OpenContainer::Object { key, .. } => {
                let dot = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{dot}{}", String::from_utf8_lossy(key)));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_keys_and_elements() {
        let json = "{\"a\": [{\"b, \\\"c\\\": {\": 1}, {\"d\":\n {\"e\": [10, 20]}}], \"f\": 2}";
        let path = |part: &str| path_at(json.as_bytes(), 1, json.find(part).unwrap() + part.len());
        assert_eq!(path("{\"a\""), "a");
        assert_eq!(path(": 1"), "a[0].b, \\\"c\\\": {");
        assert_eq!(path("{\"d\""), "a[1].d");
        assert_eq!(path_at(json.as_bytes(), 2, " {\"e\": [10, 20".len()), "a[1].d.e[1]");
        assert_eq!(path_at(json.as_bytes(), 2, 1_000), "");
        assert_eq!(path_at(json.as_bytes(), 99, 0), "");
    }

    proptest! {
        #[test]
        fn accepts_any_input(json: Vec<u8>, line in 0_usize..5, column: usize) {
            path_at(&json, line, column);
        }
    }
}
