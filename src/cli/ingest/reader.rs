//! Input reader of `ingest`: runs on its own thread and reads one file after another, each with the reader of its format.
//!
//! A `RecordReader` yields the records of one file in order: lines or rows, with the documents that they map to. The parts
//! that all formats share are here too: input positions, sharding, batching and resuming.
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
