//! Line ending detection: LF, CR LF or a lone CR.
//!
//! The first line ending of a file determines its line ending style. In a file with LF or CR LF, a lone CR is part of the
//! line; ending a line there would split a record. In a file whose first line ending is a lone CR (classic Mac OS), each of
//! the three ends a line.

/// Finds the line endings of a file, chunk by chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineEndScanner {
    line_ending: LineEnding,
    /// True if the last byte was a CR that ended a line; an LF after it belongs to the same line ending.
    is_after_cr: bool,
}

/// Counts line endings, chunk by chunk.
#[derive(Debug)]
pub struct LineEndCounter {
    scanner: LineEndScanner,
    pub count: u64,
}

impl LineEndCounter {
    pub fn add(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = self.scanner.skip_lf(bytes);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some(end) = self.scanner.find_end(bytes) else { return };
            self.count += 1;
            bytes = bytes.get(end..).unwrap_or_default();
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LineEnding {
    /// Before the first line ending.
    #[default]
    Unknown,
    Lf,
    Cr,
}

impl LineEndScanner {
    /// Returns the number of bytes to skip at the start of a line: 1 for the LF of a CR LF whose CR ended the previous line.
    pub fn skip_lf(&mut self, bytes: &[u8]) -> usize {
        let is_after_cr = self.is_after_cr && !bytes.is_empty();
        self.is_after_cr &= bytes.is_empty();
        match bytes.first() {
            Some(b'\n') if is_after_cr => {
                if self.line_ending == LineEnding::Unknown {
                    self.line_ending = LineEnding::Lf;
                }
                1
            }
            _ => {
                if is_after_cr && self.line_ending == LineEnding::Unknown {
                    self.line_ending = LineEnding::Cr;
                }
                0
            }
        }
    }

    /// Returns the index after the line ending in the next bytes; `None` if the line continues after them.
    pub fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let is_end = |byte: u8| byte == b'\n' || byte == b'\r' && self.line_ending != LineEnding::Lf;
        let at = bytes.iter().position(|&byte| is_end(byte))?;
        if bytes.get(at) == Some(&b'\n') {
            if self.line_ending == LineEnding::Unknown {
                self.line_ending = LineEnding::Lf;
            }
            return Some(at + 1);
        }
        // The byte after a CR may not have been read yet; `skip_lf` then handles it at the start of the next line.
        self.is_after_cr = true;
        Some(at + 1 + self.skip_lf(bytes.get(at + 1..).unwrap_or_default()))
    }

    /// Restores the state after a line that ended with the byte `last`.
    pub fn resume_after(&mut self, last: Option<u8>) {
        self.is_after_cr = last == Some(b'\r') && self.line_ending != LineEnding::Lf;
    }

    /// Updates the state for bytes that are skipped because an earlier run read them.
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip_lf(bytes);
            let remaining = bytes.get(skipped..).unwrap_or_default();
            let Some(end) = self.find_end(remaining) else { return };
            bytes = remaining.get(end..).unwrap_or_default();
        }
    }

    /// Returns a counter of the line ends in the next bytes.
    pub fn start_counter(self) -> LineEndCounter {
        LineEndCounter { scanner: Self { is_after_cr: false, ..self }, count: 0 }
    }

    /// Returns whether a lone CR is part of the line; `None` before the first line ending.
    pub fn is_lf_only(self) -> Option<bool> {
        (self.line_ending != LineEnding::Unknown).then_some(self.line_ending == LineEnding::Lf)
    }

    /// Returns a line without its line ending.
    pub fn trim_end(self, line: &[u8]) -> &[u8] {
        match line.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            // The last line of a file may be cut between CR and LF.
            None => line.strip_suffix(b"\r").unwrap_or(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Splits a text into lines, reading it in chunks of a given size.
    fn lines(text: &[u8], chunk: usize) -> Vec<Vec<u8>> {
        let (mut ends, mut lines, mut line) = (LineEndScanner::default(), Vec::new(), Vec::new());
        for mut chunk in text.chunks(chunk) {
            if line.is_empty() {
                chunk = &chunk[ends.skip_lf(chunk)..];
            }
            while let Some(end) = ends.find_end(chunk) {
                line.extend_from_slice(&chunk[..end]);
                lines.push(ends.trim_end(&std::mem::take(&mut line)).to_vec());
                chunk = &chunk[end..];
                chunk = &chunk[ends.skip_lf(chunk)..];
            }
            line.extend_from_slice(chunk);
        }
        if !line.is_empty() {
            lines.push(ends.trim_end(&line).to_vec());
        }
        lines
    }

    #[test]
    fn the_first_line_end_selects_the_kind() {
        for (text, expected) in [
            (&b"a\nb\nc"[..], &[&b"a"[..], b"b", b"c"][..]),
            (b"a\r\nb\r\nc", &[b"a", b"b", b"c"]),
            (b"a\rb\rc\r", &[b"a", b"b", b"c"]),
            (b"a\nb\rc\n", &[b"a", b"b\rc"]),
            (b"a\rb\r\nc\nd", &[b"a", b"b", b"c", b"d"]),
            (b"\r\n\r\nb", &[b"", b"", b"b"]),
            (b"\r\rb", &[b"", b"", b"b"]),
        ] {
            for chunk in 1..=text.len() {
                assert_eq!(lines(text, chunk), expected, "{:?} by {chunk}", String::from_utf8_lossy(text));
            }
        }
    }

    proptest! {
        /// Property: skipping bytes leaves the same state as reading them, for every cut and chunk size.
        #[test]
        fn skipping_leaves_the_state_of_reading(text in "[a\r\n]{0,24}", chunk in 1_usize..5) {
            let text = text.as_bytes();
            let all = lines(text, text.len().max(1));
            prop_assert_eq!(&lines(text, chunk), &all);
            for at in 0..=text.len() {
                let (mut ends, mut whole) = (LineEndScanner::default(), LineEndScanner::default());
                text[..at].chunks(chunk).for_each(|chunk| ends.observe(chunk));
                whole.observe(&text[..at]);
                prop_assert_eq!(ends, whole);
            }
        }
    }
}
