//! Following a growing file, like `tail -F`.
//!
//! At the end of the file, the reader polls for more data. The file ends for the reader if its path now names another file
//! (rotation) or if it no longer holds the content that was read (truncation or overwriting); the caller then opens the path
//! again. A rotated file is polled a few more times, because its writer may switch to the new file late.
//!
//! See docs/adr/0054-ingest-readers.md.

mod check;
mod content_sample;
mod follow_control;
mod tail;

pub use self::check::check_followable;
pub use self::follow_control::FollowControl;
pub use self::tail::TailReader;
