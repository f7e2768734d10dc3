//! The `ingest` command: indexes the documents of files into a collection.
//!
//! The reader thread (`reader`) reads the files, maps each line or row to a document (`mapping`) and packs the documents into
//! batches (`line_batcher`). One task sends the batches over an `Ingest` stream (`stream`) and assigns the results to the
//! pending lines (`tracker`). Both sides are bounded: the reader blocks while two batches wait to be sent, and sending pauses
//! while too many lines are pending. Memory use therefore does not depend on the file size. A line is kept until it and all
//! earlier lines have their final results; rejected lines are then written to the rejects file (`reject_file`).
//!
//! If a stream ends early, another one replaces it, and all pending documents are sent again.

mod checkpoint;
mod command;
mod content_digest;
mod file_error;
mod file_tracker;
mod ingest_line;
mod ingest_stats;
mod input_args;
mod input_file;
mod input_position;
mod line_batcher;
mod mapping;
mod progress;
mod reader;
mod reject_file;
mod shard;
mod signals;
mod stream;
mod summary;
mod tracker;

pub use self::command::IngestCommand;

// Called by the fuzz targets.
#[cfg(any(test, fuzzing))]
pub(crate) use self::{
    mapping::FieldMapping,
    reader::paths::{FileSelection, list_sources},
    reader::resume::ResumePoint,
    reader::{CsvDialect, Input, InputFormat, ReadPlan, TextEncoding},
    shard::{InputShard, ShardFilter},
};

// Shared with other commands.
pub(super) use self::ingest_line::IngestLine;
pub(super) use self::ingest_stats::IngestStats;
pub(super) use self::input_position::InputPosition;
pub(super) use self::line_batcher::LineBatcher;
pub(super) use self::mapping::{MAX_DOCUMENT_BYTES, reject_malformed, reject_too_long};
pub(super) use self::progress::ProgressReporter;
pub(crate) use self::reader::InputEvent;
pub(super) use self::reader::{InputEventReceiver, MAX_RECORD_BYTES};
pub(super) use self::reject_file::RejectFile;
pub(super) use self::stream::Session;
pub(super) use self::summary::{EXIT_SOME_REJECTED, Summary};
