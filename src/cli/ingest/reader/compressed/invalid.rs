//! Errors of content that can't be read.

use std::io;

/// Makes the error of a file whose content can't be read.
pub fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
