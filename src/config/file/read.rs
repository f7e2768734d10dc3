//! Reads the configuration file with a size limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Maximum number of bytes of a configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Returns the text of a file.
///
/// # Errors
/// A message with the problem and the remedy if the file can't be read, is too large or is not UTF-8.
pub fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("the file can't be read: {error}; pass the path of a TOML file"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("the file has more than {MAX_FILE_BYTES} bytes; pass the path of a TOML file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid_bytes = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(valid_bytes).filter(|&&byte| byte == b'\n').count();
        format!("line {line} is not UTF-8; save the file as UTF-8")
    })
}
