//! `ingest`: files of documents into a collection.
//!
//! A thread of its own reads files (`reader`), turns each line or row into a document and packs them into batches; one task sends these over
//! one stream, and matches the results to the lines that wait for theirs. Both ends are bounded: the reader waits when
//! two batches wait to be sent, and sending waits when too many lines are without a result. So memory stays flat,
//! whatever the file's size, and a line is kept only until it and all before it have their results: a rejected one goes to
//! the reject file.
//!
//! A stream that ends early is replaced by another one, which is sent the lines that are kept (`stream`, `tracker`).

mod batch;
mod checkpoint;
mod content_digest;
mod input_args;
mod input_file;
mod mapping;
mod progress;
mod read_files;
mod reader;
mod rejects;
mod shard;
mod signals;
mod stream;
mod summary;
mod tracker;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::BoolishValueParser;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::client::ClientArgs;
use super::collection_options::CollectionOptionsArgs;
use super::duration;
use super::errors::FAILED;
use super::fingerprint::FingerprintArgs;
use super::flags::Flag;
use super::long_text::LongTextArgs;
use super::output::OutputArgs;
use super::pruning;
use super::retry::GIVE_UP_AFTER;
use crate::proto::{CollectionOptions, IngestOptions, Pruning, SparseVectorOptions};
pub(crate) use batch::Place;
use checkpoint::Checkpoint;
use checkpoint::subject::{self, Subject};
use input_args::InputArgs;
use input_file::FileRecord;
pub(crate) use mapping::Mapping;
use read_files::ReadFiles;
use reader::paths::Source;
pub(crate) use reader::paths::{Selection, list};
pub(crate) use reader::resume::Start;
pub(crate) use reader::{Batch, Dialect, Format, Input, Plan, TextEncoding};
use reader::{Follow, HeldBack};
pub(crate) use shard::{Part, Shard};
use summary::Failure;

// What `reindex` has in common with it.
pub(super) use batch::{Batcher, Line};
pub(super) use mapping::{MAX_DOCUMENT_BYTES, malformed, too_long};
pub(super) use progress::Progress;
pub(super) use reader::{Batches, MAX_PIECE_BYTES};
pub(super) use rejects::RejectFile;
pub(super) use stream::Session;
pub(super) use summary::Summary;
pub(super) use tracker::Tally;

/// The exit status of a run that indexed all but some documents.
pub(super) const SOME_REJECTED: u8 = 1;

/// Encode and index the documents of files: JSON lines, CSV, Parquet or plain text, also packed by gzip or zstd.
///
/// A document is a line of JSON, a row or a whole text. Its `id` is a whole number, a UUID or any other string (without
/// one, an id is made of the text; a text file's is its path), its `text` is what is searched, and all other fields are
/// stored beside it for filters and results. Rejected lines don't stop the run: they go to a file, with their reasons.
///
/// Exit status: 0 if all documents are indexed, 1 if some were rejected or held back, 2 if the call failed; then the
/// message says how to go on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Ingest {
    #[command(flatten)]
    input: InputArgs,
    /// The collection to write to.
    #[arg(long, env = "SPLADE_COLLECTION", value_name = "NAME")]
    collection: String,
    /// The model that encodes the texts [default: the one that wrote the collection, or else the server's default model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Create the collection if it is not there.
    #[arg(long, env = "SPLADE_INGEST_CREATE_COLLECTION", value_parser = BoolishValueParser::new())]
    create_collection: bool,
    /// The name of the sparse vector of a created collection [default: splade].
    #[arg(long, env = "SPLADE_INGEST_VECTOR_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    vector_name: String,
    /// The payload field that stores the text; empty to not store the text [default: text].
    #[arg(long, env = "SPLADE_INGEST_STORED_TEXT_FIELD", value_name = "FIELD")]
    stored_text_field: Option<String>,
    /// Renamed to --stored-text-field.
    // Without it, clap would suggest --text-field, which is another thing, and the variable would be ignored.
    #[arg(long = "text-key", env = "SPLADE_INGEST_TEXT_KEY", value_name = "FIELD", hide = true, value_parser = renamed)]
    _text_key: Option<String>,
    /// Pruning of the vectors, such as max-terms=128,weight-share=0.9. Rules: max-terms,
    /// min-weight, weight-share; 0 = unlimited. `none` turns off all other rules [default of each rule: the server's].
    #[arg(long, env = "SPLADE_INGEST_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// The most points that the server writes to the store at once [default: 1000].
    #[arg(long, env = "SPLADE_INGEST_BATCH_POINTS", value_name = "N", default_value_t = 0, hide_default_value = true)]
    batch_points: u32,
    /// Leave documents as they are that are stored already and would become the same points again; they are not encoded.
    #[arg(long, env = "SPLADE_INGEST_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    skip_unchanged: bool,
    #[command(flatten)]
    fingerprint: FingerprintArgs,
    /// Encode only one of N equal shards of the documents, 0/N to (N-1)/N, so that N runs share one input. A document's shard
    /// depends on its id (or its text, where it has none) and on nothing else. Lines that are no documents belong to one
    /// shard each too.
    #[arg(long, env = "SPLADE_INGEST_SHARD", value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    shard: Shard,
    /// Where rejected lines go [default: FILE.rejects.jsonl, or rejects.jsonl for standard input and for several files; with
    /// --shard FILE.I-of-N.rejects.jsonl].
    #[arg(long, env = "SPLADE_INGEST_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Pass over the first N lines or rows, of all files together: how to go on after a failed run. The reject file is then
    /// added to.
    #[arg(long, env = "SPLADE_INGEST_SKIP", value_name = "N", default_value_t = 0)]
    skip: u64,
    /// File that records how far the run got: the same command resumes there, after whatever ended it, and when the input
    /// has grown. Not with --skip. The reject file is then added to. Each shard needs a file of its own.
    #[arg(long, env = "SPLADE_INGEST_CHECKPOINT", value_name = "FILE", conflicts_with = "skip")]
    checkpoint: Option<PathBuf>,
    /// Take a last record without an end as it is. With --checkpoint or --follow it is otherwise held back, as one that is still
    /// being written, and reported (exit status 1); the next run takes it when it is complete.
    #[arg(long = "final", env = "SPLADE_INGEST_FINAL", value_parser = BoolishValueParser::new())]
    is_final: bool,
    /// Reconnect and resume when the connection breaks or the server is unavailable, until there has been no progress for
    /// this long; 0s = end at the first failure.
    #[arg(long, env = "SPLADE_INGEST_GIVE_UP_AFTER", value_name = "TIME", default_value = GIVE_UP_AFTER, value_parser = duration::parse)]
    give_up_after: Duration,
    #[command(flatten)]
    collection_options: CollectionOptionsArgs,
    #[command(flatten)]
    long_text: LongTextArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

const EXAMPLE: &str = "\
Examples:
  splade-sidecar ingest docs.jsonl --collection docs --create-collection
  splade-sidecar ingest products.csv.gz --collection docs --id-field sku --text-field name,description --csv-types price=number
  splade-sidecar ingest datasets/wikipedia --split train --collection docs --payload-fields title,url
  splade-sidecar ingest notes/ --collection docs
  splade-sidecar ingest app.jsonl --follow --checkpoint app.checkpoint --collection docs
  splade-sidecar ingest docs.jsonl --collection docs --shard 3/16 --checkpoint docs.3.checkpoint

The lines that were rejected, byte for byte:
  splade-sidecar rejects docs.jsonl.rejects.jsonl > again.jsonl";

impl Ingest {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.check_flags()?;
        let sources = self.input.sources(self.own_files()).await?;
        let mut checkpoint = self.open_checkpoint().await?;
        let is_followed = self.input.follow().is_some();
        let start = match &checkpoint {
            Some(checkpoint) => checkpoint.find_start(Arc::clone(&sources), self.input.encoding(), is_followed).await?,
            None => Start::after_lines(self.skip),
        };
        print_notices(&start.notices)?;
        let (tally, keep) = match &checkpoint {
            Some(checkpoint) => (checkpoint.tally().at(start.place), checkpoint.rejects_bytes()),
            None => (Tally::after(self.skip), if self.skip > 0 { u64::MAX } else { 0 }),
        };
        if let Some(checkpoint) = checkpoint.take_if(|_| start.is_complete && !is_followed) {
            return self.nothing_to_do(checkpoint, tally, start.finished).await;
        }
        let bytes = if is_followed { None } else { total_bytes(&sources) };
        let inputs: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
        let (finished, reads_again) = (start.finished.clone(), start.reads_again);
        // One plan: its files note together which of the named fields there are.
        let plan = self.plan();
        let follow = plan.follow.clone();
        let input = open_input(sources, start, plan.clone()).await?;
        let files = ReadFiles::new(finished, input.file());
        let index = self.client.index().await?;
        // What earlier runs rejected is there until this one begins.
        let mut rejects = RejectFile::open(&self.rejects_path(), inputs.iter().map(PathBuf::as_path), keep).await?;
        let progress = Progress::new(bytes, &tally);
        let batches = reader::spawn(input, plan)?;

        let begun = Instant::now();
        let mut session =
            Session::new(batches, &mut rejects, &progress, checkpoint.as_mut(), tally, self.give_up_after)
                .with_files(files);
        session = session.followed(follow);
        let mut outcome = session.run(index, self.options(reads_again)).await;
        let mut tracker = session.into_tracker();
        let (tally, records) = (tracker.tally(), tracker.file_records());
        progress.clear();
        let mut duration = begun.elapsed();
        if let Some(checkpoint) = checkpoint {
            duration = checkpoint.elapsed();
            let closed = checkpoint.close(tally.clone(), records, rejects.sync().await?, outcome.is_ok()).await;
            outcome = outcome.and(closed);
        }
        let rejects_file = rejects.finish().await?;

        let failure = outcome.err().map(|error| Failure::new(&error, &tally));
        let (held_back, held_back_count) = tracker.files().held_back();
        print_notices(held_back.iter().map(HeldBack::to_string))?;
        self.report(&Summary::new(tally, duration, rejects_file, failure).with_held_back(held_back_count))
    }

    /// Refuses what only matters to a collection that is created, if none is.
    fn check_flags(&self) -> anyhow::Result<()> {
        let vector_name = Flag { name: "--vector-name", variable: "SPLADE_INGEST_VECTOR_NAME" };
        let vector_name = Some(vector_name).filter(|_| !self.vector_name.is_empty());
        let given = vector_name.or(self.collection_options.given()).filter(|_| !self.create_collection);
        given.map_or(Ok(()), |flag| {
            Err(flag.without_effect("it is for a collection that is created; add --create-collection, or remove it"))
        })
    }

    /// The files that this run writes: they are no input, even if they lie in a folder that is.
    fn own_files(&self) -> Vec<PathBuf> {
        let checkpoint = self.checkpoint.iter();
        let beside =
            checkpoint.clone().flat_map(|path| ["lock", "new"].map(|ending| path.with_added_extension(ending)));
        checkpoint.cloned().chain(beside).chain([self.rejects_path()]).collect()
    }

    async fn open_checkpoint(&self) -> anyhow::Result<Option<Checkpoint>> {
        let Some(path) = &self.checkpoint else { return Ok(None) };
        ensure!(*path != self.rejects_path(), "--checkpoint and --rejects name the same file; name two");
        Checkpoint::open(path, self.subject()).await.map(Some)
    }

    /// What a checkpoint is about: the settings that decide which documents there are, and where they go.
    fn subject(&self) -> Subject {
        let own = [(subject::COLLECTION, self.collection.clone()), (subject::SHARD, self.shard.to_string())];
        Subject::new(self.input.settings().into_iter().chain(own))
    }

    /// An earlier run has done it all: its counts are reported again.
    async fn nothing_to_do(
        &self,
        checkpoint: Checkpoint,
        tally: Tally,
        finished: Vec<FileRecord>,
    ) -> anyhow::Result<ExitCode> {
        let input = self.input.in_words();
        let words = format!("nothing to do: all of {input} was read before, {} lines or rows\n", tally.done.lines);
        std::io::stderr().write_all(words.as_bytes())?;
        let (duration, rejects_bytes) = (checkpoint.before(), checkpoint.rejects_bytes());
        let rejects_file = (rejects_bytes > 0).then(|| self.rejects_path());
        let records = ReadFiles::new(finished, None).records(tally.done);
        checkpoint.close(tally.clone(), records, rejects_bytes, true).await?;
        self.report(&Summary::new(tally, duration, rejects_file, None))
    }

    fn report(&self, summary: &Summary) -> anyhow::Result<ExitCode> {
        self.output.print(|| summary.to_text(), || summary.to_json())?;
        if let Some(failure) = &summary.failure {
            failure.tell(self.checkpoint.is_some());
            return Ok(ExitCode::from(FAILED));
        }
        let is_all = summary.rejected == 0 && summary.held_back == 0;
        Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::from(SOME_REJECTED) })
    }

    /// With files that are read again, what is stored of them already is not encoded again.
    fn options(&self, reads_again: bool) -> IngestOptions {
        IngestOptions {
            collection: self.collection.clone(),
            model: self.model.clone(),
            create_collection: self.create_collection,
            collection_options: self.create_collection.then(|| self.collection_options()),
            encoding: Some(self.long_text.encoding(self.prune)),
            text_field: self.stored_text_field.clone(),
            batch_points: self.batch_points,
            skip_unchanged: self.skip_unchanged || reads_again,
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            // All results are needed: the summary has their sums.
            ..IngestOptions::default()
        }
    }

    fn collection_options(&self) -> CollectionOptions {
        let named = Some(&self.vector_name).filter(|name| !name.is_empty());
        let sparse_vectors = named.map(|name| (name.clone(), SparseVectorOptions::default())).into_iter().collect();
        self.collection_options.apply(CollectionOptions { sparse_vectors, ..CollectionOptions::default() })
    }

    fn plan(&self) -> Plan {
        Plan {
            mapping: self.input.mapping(),
            dialect: self.input.dialect(),
            encoding: self.input.encoding(),
            part: Part { shard: self.shard, collection: self.collection.clone() },
            follow: self.input.follow().map(Follow::new),
            has_checkpoint: self.checkpoint.is_some(),
            is_final: self.is_final,
        }
    }

    /// Each shard has a file of its own: they may run at once.
    fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| {
            let mut name = OsString::new();
            if let Some(stem) = self.input.stem() {
                name.push(stem);
                name.push(".");
            }
            if !self.shard.is_whole() {
                name.push(self.shard.in_file_name());
                name.push(".");
            }
            name.push("rejects.jsonl");
            name.into()
        })
    }
}

/// Refuses a flag that has another name now.
fn renamed(_: &str) -> Result<String, String> {
    Err("it is called --stored-text-field now (SPLADE_INGEST_STORED_TEXT_FIELD)".to_owned())
}

async fn open_input(sources: Arc<[Source]>, start: Start, plan: Plan) -> anyhow::Result<Input> {
    spawn_blocking(move || Input::open(sources, start, &plan)).await?
}

/// Writes remarks about the input on standard error.
fn print_notices(notices: impl IntoIterator<Item = impl AsRef<str>>) -> std::io::Result<()> {
    notices.into_iter().try_for_each(|notice| writeln!(std::io::stderr(), "note: {}", notice.as_ref()))
}

/// The bytes of all files, where all have a size.
fn total_bytes(sources: &[Source]) -> Option<u64> {
    sources.iter().map(|source| source.bytes).sum()
}

/// `can't read docs.jsonl`, around the error of a file.
fn on_file<T>(outcome: std::io::Result<T>, verb: &str, path: &Path) -> anyhow::Result<T> {
    outcome.with_context(|| format!("can't {verb} {}", path.display()))
}
