//! Faults that several services report.

use crate::types::{Fault, Reason};

/// Returns the fault of a field that is missing or out of bounds.
pub fn invalid(field: &str, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, field, message)
}

/// Returns the fault of options in a message of a stream that is not its first.
pub fn late_options() -> Fault {
    invalid("options", "options are allowed in the first message of a stream only; omit them from later messages")
}

/// Returns the fault of a field that is declared and not implemented.
pub fn unimplemented_field(field: &str) -> Fault {
    Fault::new(Reason::Unimplemented, field, "this server doesn't implement it yet; omit it, or use a server that does")
}
