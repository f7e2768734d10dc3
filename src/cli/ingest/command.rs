//! The flags of `ingest`.

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

/// Encode and index documents from files: JSON lines, CSV, TSV, Parquet or plain text, optionally compressed (gzip, zstd).
///
/// A document is a JSON line, a row or a whole text file. Its `id` is an unsigned integer, a UUID or any other string;
/// without one, the id is derived from the text (for a text file, it is the path). Its `text` is encoded and searched, and all
/// other fields are stored in the payload, for filters and results. Rejected documents don't stop the run: they are written
/// to a rejects file, with the reasons.
///
/// Exit status: 0 if all documents are indexed; 1 if some were rejected or held back; 2 if the run failed, with an error
/// message that says how to resume.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct IngestCommand {
    #[command(flatten)]
    input: InputArgs,
    /// Collection to write to.
    #[arg(long, env = "SPLADE_COLLECTION", value_name = "NAME")]
    collection: String,
    /// Model that encodes the texts [default: the model that wrote the collection, otherwise the server's default model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Create the collection if it does not exist.
    #[arg(long, env = "SPLADE_INGEST_CREATE_COLLECTION", value_parser = BoolishValueParser::new())]
    create_collection: bool,
    /// Name of the sparse vector in a collection created by this run [default: splade].
    #[arg(long, env = "SPLADE_INGEST_VECTOR_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    vector_name: String,
    /// Payload field that stores the text; '' = don't store the text [default: text].
    #[arg(long, env = "SPLADE_INGEST_STORED_TEXT_FIELD", value_name = "FIELD")]
    stored_text_field: Option<String>,
    /// Renamed to --stored-text-field.
    // Without this flag, clap would suggest the unrelated --text-field, and the environment variable would be ignored silently.
    #[arg(long = "text-key", env = "SPLADE_INGEST_TEXT_KEY", value_name = "FIELD", hide = true, value_parser = reject_renamed_flag)]
    _text_key: Option<String>,
    /// Pruning of the vectors, such as max-terms=128,weight-share=0.9. Rules: max-terms,
    /// min-weight, weight-share; 0 = rule off. `none` turns off all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_INGEST_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// Maximum number of points per upsert to the store [default: 1000].
    #[arg(long, env = "SPLADE_INGEST_BATCH_POINTS", value_name = "N", default_value_t = 0, hide_default_value = true)]
    batch_points: u32,
    /// Skip documents whose stored point is up to date, without encoding them.
    #[arg(long, env = "SPLADE_INGEST_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    skip_unchanged: bool,
    #[command(flatten)]
    fingerprint: FingerprintArgs,
    /// Encode only shard I of N, 0/N to (N-1)/N, so that N runs can share one input. A document's shard depends only on its
    /// id, or on the collection and the text if it has no id. Each invalid line also belongs to exactly one shard.
    #[arg(long, env = "SPLADE_INGEST_SHARD", value_name = "I/N", default_value = "0/1", hide_default_value = true)]
    shard: InputShard,
    /// File for rejected records and the reasons [default: FILE.rejects.jsonl, or rejects.jsonl for standard input and for
    /// several files; with --shard FILE.I-of-N.rejects.jsonl].
    #[arg(long, env = "SPLADE_INGEST_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Skip the first N lines or rows, counted over all files, to resume after a failed run. Appends to the rejects file.
    #[arg(long, env = "SPLADE_INGEST_SKIP", value_name = "N", default_value_t = 0)]
    skip: u64,
    /// File that records the progress of the run. The same command resumes from it after any interruption, or when the input
    /// has grown, and appends to the rejects file. Each shard needs its own file; conflicts with --skip.
    #[arg(long, env = "SPLADE_INGEST_CHECKPOINT", value_name = "FILE", conflicts_with = "skip")]
    checkpoint: Option<PathBuf>,
    /// Read a last record without a line end. Without this flag, --checkpoint and --follow hold it back because it may still be
    /// incomplete: it is reported (exit status 1), and the next run reads it when it is complete.
    #[arg(long = "final", env = "SPLADE_INGEST_FINAL", value_parser = BoolishValueParser::new())]
    is_final: bool,
    /// Reconnect and resume when the connection breaks or the server is unavailable, until there has been no progress for
    /// this long; 0s = fail at the first error.
    #[arg(long, env = "SPLADE_INGEST_GIVE_UP_AFTER", value_name = "DURATION", default_value = DEFAULT_GIVE_UP_AFTER, value_parser = duration::parse)]
    give_up_after: Duration,
    #[command(flatten)]
    long_text: LongTextArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    collection_options: CollectionOptionsArgs,
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

Extract the rejected records, byte for byte:
  splade-sidecar rejects docs.jsonl.rejects.jsonl > again.jsonl";

/// Rejects any value of a flag that was renamed; the error names the new flag.
fn reject_renamed_flag(_: &str) -> Result<String, String> {
    Err("it was renamed to --stored-text-field (SPLADE_INGEST_STORED_TEXT_FIELD); use the new name".to_owned())
}
