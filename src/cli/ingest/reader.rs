//! The input, read on a thread of its own: file after file, each by the reader of its format.
//!
//! A reader gives the records of one file in their order: lines, or rows, with the documents that they stand for. What all
//! have in common is here: places, shards and batches.

mod batch;
pub mod compare;
mod compressed;
mod content;
mod csv;
mod file_position;
mod follow;
mod format;
mod input;
mod json;
mod json_array;
mod jsonl;
mod line_ends;
mod named_fields;
#[cfg(feature = "parquet")]
mod parquet;
pub mod paths;
mod pieces;
mod plan;
mod reader_thread;
mod record;
mod records;
pub mod resume;
mod rotated;
#[cfg(test)]
mod tests;
mod text;

pub use self::batch::{Batch, End, FileEnd, HeldBack};
pub use self::compressed::TextEncoding;
pub use self::csv::{CellType, Dialect};
use self::file_position::FilePosition;
pub use self::follow::{Follow, check_followed};
pub use self::format::Format;
pub use self::input::Input;
pub use self::pieces::MAX_PIECE_BYTES;
pub use self::plan::Plan;
pub use self::reader_thread::{Batches, spawn};
use self::record::Record;
use self::records::{Next, Records};
