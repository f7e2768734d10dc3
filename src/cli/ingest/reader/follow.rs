//! A file that grows, as `tail -F` reads it.
//!
//! At its end the file is looked at again every so often. If its name belongs to another file now (it was rotated), or it
//! doesn't hold what was read any more (it was emptied or overwritten), this one ends; the caller opens the name again. A
//! rotated file is read on until nothing was added to it for a while: its writer may learn late of the new one.
//!
//! See docs/adr/0054-ingest-readers.md.

mod check;
mod content_sample;
mod follow_control;
mod tail;

pub use self::check::check_followable;
pub use self::follow_control::FollowControl;
pub use self::tail::TailReader;
