//! `ingest`: files of documents into a collection.
//!
//! A thread of its own reads files (`reader`), turns each line or row into a document and packs them into batches; one task sends these over
//! one stream, and matches the results to the lines that wait for theirs. Both ends are bounded: the reader waits when
//! two batches wait to be sent, and sending waits when too many lines are without a result. So memory stays flat,
//! whatever the file's size, and a line is kept only until it and all before it have their results: a rejected one goes to
//! the reject file.
//!
//! A stream that ends early is replaced by another one, which is sent the lines that are kept (`stream`, `tracker`).

mod batcher;
mod checkpoint;
mod command;
mod content_digest;
mod file_error;
mod input_args;
mod input_file;
mod input_position;
mod line;
mod mapping;
mod progress;
mod read_files;
mod reader;
mod rejects;
mod shard;
mod signals;
mod stream;
mod summary;
mod tally;
mod tracker;

pub use self::command::Ingest;

// What the fuzz targets call.
#[cfg(any(test, fuzzing))]
pub(crate) use self::{
    mapping::Mapping,
    reader::paths::{Selection, list},
    reader::resume::Start,
    reader::{Dialect, Format, Input, Plan, TextEncoding},
    shard::{Part, Shard},
};

// What other commands have in common with it.
pub(super) use self::batcher::Batcher;
pub(super) use self::input_position::InputPosition;
pub(super) use self::line::Line;
pub(super) use self::mapping::{MAX_DOCUMENT_BYTES, malformed, too_long};
pub(super) use self::progress::Progress;
pub(crate) use self::reader::Batch;
pub(super) use self::reader::{Batches, MAX_PIECE_BYTES};
pub(super) use self::rejects::RejectFile;
pub(super) use self::stream::Session;
pub(super) use self::summary::{SOME_REJECTED, Summary};
pub(super) use self::tally::Tally;
