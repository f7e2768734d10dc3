//! Integers that JavaScript, and whatever else reads numbers as doubles, reads exactly.

/// Largest integer that a double represents exactly, as it does all smaller ones: 2^53 - 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
