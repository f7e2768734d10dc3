//! Reads the texts of `model verify --texts`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};

/// Maximum number of lines of the file.
const MAX_LINES: usize = 1_000;
/// Maximum size of a line, without its newline.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Reads a file of texts, one per line. An empty line is an empty text.
pub fn read_texts(path: &Path) -> anyhow::Result<Vec<String>> {
    let context = || format!("--texts {}", path.display());
    let file = File::open(path).with_context(context)?;
    read_lines(BufReader::new(file)).with_context(context)
}

fn read_lines(mut file: impl BufRead) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    loop {
        let number = texts.len() + 1;
        let mut line = Vec::new();
        // Reading one byte more than the limit detects lines that are too long.
        file.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.len() as u64 > MAX_LINE_BYTES {
            bail!("line {number} has more than {MAX_LINE_BYTES} bytes; write one text per line, and shorten it");
        }
        if number > MAX_LINES {
            bail!(
                "the file has more than {MAX_LINES} lines; pass a sample, such as the output of `shuf -n {MAX_LINES}`"
            );
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            line.pop_if(|last| *last == b'\r');
        }
        match String::from_utf8(line) {
            Ok(text) => texts.push(text),
            Err(_) => bail!("line {number} is not UTF-8; convert the file, for example with iconv"),
        }
    }
    if texts.is_empty() {
        bail!("the file is empty; write one text per line");
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        read_lines(bytes).unwrap_err().to_string()
    }

    #[test]
    fn each_line_is_a_text() {
        assert_eq!(read_lines(&b"a b\r\n\nc"[..]).unwrap(), ["a b", "", "c"]);
        assert_eq!(read_lines(&b"a\n"[..]).unwrap(), ["a"]);
        let longest = vec![b'x'; MAX_LINE_BYTES as usize];
        assert_eq!(read_lines(&longest[..]).unwrap().len(), 1);
        assert_eq!(read_lines("\n".repeat(MAX_LINES).as_bytes()).unwrap().len(), MAX_LINES);
    }

    #[test]
    fn invalid_files_are_refused() {
        assert!(error(b"").contains("is empty"));
        assert!(error(b"a\n\xff\xfe\n").contains("line 2 is not UTF-8"));
        assert!(error("\n".repeat(MAX_LINES + 1).as_bytes()).contains("more than 1000 lines"));
        assert!(error(&vec![b'x'; MAX_LINE_BYTES as usize + 1]).contains("line 1 has more than 1048576 bytes"));
    }
}
