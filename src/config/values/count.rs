//! Positive whole numbers.

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of a whole number from 1 to `MAX`. The default `MAX` bounds the memory of queues with that capacity.
#[derive(Debug, Clone)]
pub struct Count<const MAX: usize = { 1 << 20 }>;

impl<const MAX: usize> FlagType for Count<MAX> {
    type Value = usize;

    fn parse(text: &str) -> Result<usize, FlagError> {
        let count = text.trim().parse().ok().filter(|count| (1..=MAX).contains(count));
        count.ok_or_else(|| expected_error(format!("a whole number from 1 to {MAX}")))
    }

    fn placeholder() -> usize {
        1
    }
}
