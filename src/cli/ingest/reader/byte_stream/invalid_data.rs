//! Errors of content that can't be read.

use std::io;

/// Makes the error of a file whose content can't be read.
pub fn into_invalid_data(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
