//! Parsers for the values of flags.

use crate::cli::ingest::reader::CellType;

/// Parses a delimiter; `\t` is the tab.
///
/// # Errors
/// If the text is not a single ASCII character, or is a quote or a line ending.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("expected one character, such as ; or | or \\t".to_owned()),
    }
}

/// Parses a quote or escape character.
///
/// # Errors
/// If the text is not a single visible ASCII character.
pub fn parse_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Ok(*byte),
        _ => Err("expected one character, such as ' or \\".to_owned()),
    }
}

/// Parses `NAME=TYPE`, the type of a column.
///
/// # Errors
/// If there is no `=`, or the type is unknown.
pub fn parse_cell_type(text: &str) -> Result<(String, CellType), String> {
    let (name, cell_type) = text.split_once('=').ok_or("expected NAME=TYPE, such as year=number")?;
    Ok((name.to_owned(), cell_type.parse()?))
}
