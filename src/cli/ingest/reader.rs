//! The input, read on a thread of its own: file after file, each by the reader of its format.
//!
//! A reader gives the records of one file in their order: lines, or rows, with the documents that they stand for. What all
//! have in common is here: places, shards and batches.
//!
//! See docs/adr/0054-ingest-readers.md.

mod byte_stream;
mod content_reader;
mod csv;
pub mod file_change;
mod file_position;
mod follow;
mod input;
mod input_event;
mod input_format;
mod json;
mod json_array;
mod jsonl;
mod line_endings;
mod line_reader;
mod named_fields;
#[cfg(feature = "parquet")]
mod parquet;
pub mod paths;
mod read_plan;
mod reader_thread;
mod record;
mod record_reader;
pub mod resume;
mod rotated_log;
#[cfg(test)]
mod tests;
mod text;

pub use self::byte_stream::TextEncoding;
pub use self::csv::{CellType, CsvDialect};
use self::file_position::FilePosition;
pub use self::follow::{FollowControl, check_followable};
pub use self::input::Input;
pub use self::input_event::{FileEnd, HeldBackRecord, InputEnd, InputEvent};
pub use self::input_format::InputFormat;
pub use self::line_reader::MAX_RECORD_BYTES;
pub use self::read_plan::ReadPlan;
pub use self::reader_thread::{InputEventReceiver, spawn};
use self::record::Record;
use self::record_reader::{NextRecord, RecordReader};
