//! Integers that JavaScript, and other languages that parse numbers as doubles, represent exactly.

/// Maximum safe integer of JavaScript, 2^53 - 1: a double represents it and all smaller integers exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
