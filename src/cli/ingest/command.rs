//! The flags of the command.

mod output_files;
mod run;
mod stream_options;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;

use super::input_args::InputArgs;
use super::shard::InputShard;
use crate::cli::client::ClientArgs;
use crate::cli::collection_options::CollectionOptionsArgs;
use crate::cli::fingerprint::FingerprintArgs;
use crate::cli::long_text::LongTextArgs;
use crate::cli::output::OutputArgs;
use crate::cli::retry::DEFAULT_GIVE_UP_AFTER;
use crate::cli::{duration, pruning};
use crate::proto::Pruning;

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
pub struct IngestCommand {
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
    #[arg(long = "text-key", env = "SPLADE_INGEST_TEXT_KEY", value_name = "FIELD", hide = true, value_parser = reject_renamed_flag)]
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
    shard: InputShard,
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
    #[arg(long, env = "SPLADE_INGEST_GIVE_UP_AFTER", value_name = "TIME", default_value = DEFAULT_GIVE_UP_AFTER, value_parser = duration::parse)]
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

/// Refuses a flag that has another name now.
fn reject_renamed_flag(_: &str) -> Result<String, String> {
    Err("it is called --stored-text-field now (SPLADE_INGEST_STORED_TEXT_FIELD)".to_owned())
}
