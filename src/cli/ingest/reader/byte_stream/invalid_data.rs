//! Errors of invalid content.

use std::io;

/// Creates an [`io::ErrorKind::InvalidData`] error.
pub fn into_invalid_data(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
