//! Sizes in bytes.

use bytesize::ByteSize;

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of a size of up to 4 GiB, with an optional unit. The value is in bytes.
#[derive(Debug, Clone)]
pub struct Size;

impl FlagType for Size {
    type Value = usize;

    fn parse(text: &str) -> Result<usize, FlagError> {
        const MAX: u64 = u32::MAX as u64;
        match text.trim().parse::<ByteSize>().map(|size| size.as_u64()) {
            Ok(size @ 1..=MAX) => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
            _ => Err(expected_error("a size of 1 byte to 4 GiB, such as 32MiB")),
        }
    }

    fn placeholder() -> usize {
        1
    }
}
