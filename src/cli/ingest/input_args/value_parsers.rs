//! Values of flags.

use crate::cli::ingest::reader::CellType;

/// Parses what separates values.
///
/// # Errors
/// If it is not one character; the message says what to give.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("give one character, such as ; or | or \\t".to_owned()),
    }
}

/// Parses a character that surrounds or protects others.
///
/// # Errors
/// If it is not one character; the message says what to give.
pub fn parse_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Ok(*byte),
        _ => Err("give one character, such as ' or \\".to_owned()),
    }
}

/// Parses a column and its type.
///
/// # Errors
/// If it is none; the message says what to give.
pub fn parse_cell_type(text: &str) -> Result<(String, CellType), String> {
    let (name, cell_type) = text.split_once('=').ok_or("write a column and its type, such as year=number")?;
    Ok((name.to_owned(), cell_type.parse()?))
}
