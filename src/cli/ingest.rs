//! `ingest`: files of documents into a collection.
//!
//! A thread of its own reads files (`reader`), turns each line or row into a document and packs them into batches; one task sends these over
//! one stream, and matches the results to the lines that wait for theirs. Both ends are bounded: the reader waits when
//! two batches wait to be sent, and sending waits when too many lines are without a result. So memory stays flat,
//! whatever the file's size, and a line is kept only until it and all before it have their results: a rejected one goes to
//! the reject file.
//!
//! A stream that ends early is replaced by another one, which is sent the lines that are kept (`stream`, `tracker`).

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

// What the fuzz targets call.
#[cfg(any(test, fuzzing))]
pub(crate) use self::{
    mapping::FieldMapping,
    reader::paths::{FileSelection, list_sources},
    reader::resume::ResumePoint,
    reader::{CsvDialect, Input, InputFormat, ReadPlan, TextEncoding},
    shard::{InputShard, ShardFilter},
};

// What other commands have in common with it.
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
