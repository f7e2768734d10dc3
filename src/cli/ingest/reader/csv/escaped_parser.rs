//! Parser of unquoted rows with an escape character: the text format of PostgreSQL's COPY, and the output of MySQL's
//! `SELECT … INTO OUTFILE`.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format";
//! <https://dev.mysql.com/doc/refman/8.4/en/load-data.html>, "Field and Line Handling".

use std::io;

use super::row::{Cells, CsvRow, MAX_CELLS};
use crate::cli::ingest::reader::content_reader::ContentReader;

/// End-of-data marker of PostgreSQL's COPY in the older protocol. Not a row.
const COPY_END_MARKER: &[u8] = br"\.";

/// Parser of unquoted rows with an escape character.
pub struct EscapedParser {
    pub delimiter: u8,
    pub escape: u8,
}

impl EscapedParser {
    /// Reads the next row and splits its values into `cells`; `None` at the end.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next_row(&self, content: &mut ContentReader, cells: &mut Cells) -> io::Result<Option<CsvRow>> {
        content.skip_bom()?;
        let mut row = CsvRow::default();
        let mut is_escaped = false;
        while !row.is_terminated {
            let input = content.fill_buf()?;
            if input.is_empty() {
                break;
            }
            let end = input.iter().position(|&byte| {
                let is_end = byte == b'\n' && !is_escaped;
                is_escaped = byte == self.escape && !is_escaped;
                is_end
            });
            let chunk = input.get(..end.map_or(input.len(), |end| end + 1)).unwrap_or(input);
            row.is_terminated = end.is_some();
            row.lines += chunk.iter().filter(|&&byte| byte == b'\n').count() as u64;
            row.push(chunk);
            let chunk_len = chunk.len();
            content.consume(chunk_len);
        }
        if row.total_bytes == 0 {
            return Ok(None);
        }
        row.lines += u64::from(!row.is_terminated);
        if !row.is_truncated {
            let raw = row.raw.strip_suffix(b"\n").unwrap_or(&row.raw);
            row.raw.truncate(raw.strip_suffix(b"\r").unwrap_or(raw).len());
        }
        if row.raw == COPY_END_MARKER && self.escape == b'\\' {
            row.raw.clear();
        }
        self.split_cells(&mut row, cells);
        Ok(Some(row))
    }

    fn split_cells(&self, row: &mut CsvRow, cells: &mut Cells) {
        cells.bytes.clear();
        cells.ends.clear();
        cells.null_positions.clear();
        let (mut bytes, mut start) = (row.raw.iter(), 0);
        while let Some(&byte) = bytes.next() {
            if byte == self.delimiter {
                cells.ends.push(cells.bytes.len());
                start = cells.bytes.len();
            } else if byte != self.escape {
                cells.bytes.push(byte);
            } else {
                match bytes.next() {
                    // `\N` is null only if it is the whole value.
                    Some(b'N') if cells.bytes.len() == start && is_value_end(bytes.as_slice(), self.delimiter) => {
                        cells.null_positions.push(cells.ends.len());
                    }
                    Some(&letter) => {
                        let (byte, digits) = unescape(letter, bytes.as_slice());
                        cells.bytes.push(byte);
                        bytes = bytes.as_slice().get(digits..).unwrap_or_default().iter();
                    }
                    None => cells.bytes.push(self.escape),
                }
            }
        }
        cells.ends.push(cells.bytes.len());
        (cells.count, row.cell_count) = (cells.ends.len(), cells.ends.len());
        row.is_truncated |= cells.count > MAX_CELLS;
    }
}

fn is_value_end(following: &[u8], delimiter: u8) -> bool {
    following.first().is_none_or(|&next| next == delimiter)
}

/// Returns the byte of an escape sequence, and the number of bytes after `letter` that belong to the sequence.
fn unescape(letter: u8, following: &[u8]) -> (u8, usize) {
    let parse_number = |digits: &[u8], radix| {
        let text = std::str::from_utf8(digits).unwrap_or_default();
        u32::from_str_radix(text, radix).unwrap_or_default() as u8
    };
    let count_digits = |is_digit: fn(&u8) -> bool, max_digits| {
        following.iter().take(max_digits).take_while(|byte| is_digit(byte)).count()
    };
    match letter {
        b'x' if following.first().is_some_and(u8::is_ascii_hexdigit) => {
            let digits = count_digits(u8::is_ascii_hexdigit, 2);
            (parse_number(following.get(..digits).unwrap_or_default(), 16), digits)
        }
        b'0'..=b'7' => {
            let digits = count_digits(|byte| matches!(byte, b'0'..=b'7'), 2);
            let octal = [&[letter], following.get(..digits).unwrap_or_default()].concat();
            (parse_number(&octal, 8), digits)
        }
        _ => (unescape_letter(letter), 0),
    }
}

fn unescape_letter(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'Z' => 0x1a,
        other => other,
    }
}
