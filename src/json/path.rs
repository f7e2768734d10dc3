//! Where in a JSON text a line and a column are: the parser that finds a mistake says no more.
//!
//! The path is found afterwards, so that values without a mistake cost nothing. `serde_path_to_error` keeps it while it
//! reads, and has the object for a key that is unknown or there twice, where this has the key
//! (`docs/adr/0008-json-decoder.md`).

/// What is open at a place.
enum Level<'a> {
    /// An object: the key that was read last, and whether another is to come.
    Object { key: &'a [u8], before_key: bool },
    /// An array: how many elements are complete.
    Array(usize),
}

/// The path, such as `documents[3].payload`, of what a reader had reached at a line (from 1) and column (in bytes).
pub fn path_at(json: &[u8], line: usize, column: usize) -> String {
    let lines_before = line.saturating_sub(1);
    let line_begins = match lines_before {
        0 => 0,
        _ => {
            let newlines = json.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            newlines.map(|(at, _)| at + 1).nth(lines_before - 1).unwrap_or(json.len())
        }
    };
    let end = line_begins.saturating_add(column).min(json.len());
    written(&levels(json.get(..end).unwrap_or(json)))
}

fn levels(json: &[u8]) -> Vec<Level<'_>> {
    let mut levels = Vec::new();
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, levels.last_mut()) {
            (b'{', _) => levels.push(Level::Object { key: b"", before_key: true }),
            (b'[', _) => levels.push(Level::Array(0)),
            (b'}' | b']', _) => drop(levels.pop()),
            (b',', Some(Level::Array(complete))) => *complete += 1,
            (b',', Some(Level::Object { key, before_key })) => (*key, *before_key) = (b"", true),
            (b':', Some(Level::Object { before_key, .. })) => *before_key = false,
            (b'"', level) => {
                let (text, after) = string(rest);
                rest = after;
                if let Some(Level::Object { key, before_key: true }) = level {
                    *key = text;
                }
            }
            _ => {}
        }
    }
    levels
}

/// What is in a string up to its closing quote, and what comes after that.
fn string(json: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = json.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (text, rest) = json.split_at(end.unwrap_or(json.len()));
    (text, rest.get(1..).unwrap_or_default())
}

fn written(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Array(complete) => path.push_str(&format!("[{complete}]")),
            Level::Object { key: b"", .. } => {}
            Level::Object { key, .. } => {
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
        fn takes_anything(json: Vec<u8>, line in 0_usize..5, column: usize) {
            path_at(&json, line, column);
        }
    }
}
