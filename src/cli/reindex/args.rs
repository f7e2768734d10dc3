//! Arguments of `reindex`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;

use super::checkpoint::RunSettings;
use super::encoding_settings::EncodingSettings;
use crate::cli::client::ClientArgs;
use crate::cli::collection_options::CollectionOptionsArgs;
use crate::cli::duration;
use crate::cli::fingerprint::FingerprintArgs;
use crate::cli::flags::Flag;
use crate::cli::long_text::LongTextArgs;
use crate::cli::output::OutputArgs;
use crate::cli::pruning;
use crate::cli::retry::DEFAULT_GIVE_UP_AFTER;
use crate::env_var::with_earlier_name;
use crate::proto::{LongText, Pruning};

/// Encode a collection's documents with another model into a new collection, and switch an alias to it.
///
/// Texts are read from the payloads. Ids, payloads and dense vectors are copied, and the new collection is created with the
/// options of the old one. To resume an interrupted run, run the same command again.
///
/// Exit status: 0 if all documents are indexed and the alias, if given, is switched; 1 if documents were rejected or the
/// collections have different numbers of documents (the alias is then not switched, except with --force-switch); 2 if a call
/// failed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ReindexCommand {
    /// Collection or alias to read.
    #[arg(long, env = "SPLADE_REINDEX_FROM", value_name = "NAME")]
    pub from: String,
    /// Collection to write; created with the options of the --from collection if missing.
    #[arg(long, env = "SPLADE_REINDEX_INTO", value_name = "NAME")]
    pub into: String,
    /// Name of the model that encodes the texts.
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME")]
    pub model: String,
    /// Alias to switch to the new collection at the end; created if missing.
    #[arg(long, env = "SPLADE_REINDEX_ALIAS", value_name = "NAME")]
    pub alias: Option<String>,
    /// Switch the alias even if documents were rejected or the collections have different numbers of documents. Requires
    /// --alias.
    #[arg(long, alias = "switch-anyway", env = force_switch_variable(), value_parser = BoolishValueParser::new())]
    pub force_switch: bool,
    /// Payload field that contains the text, in both collections.
    #[arg(long, env = "SPLADE_REINDEX_TEXT_FIELD", value_name = "FIELD", default_value = "text")]
    pub text_field: String,
    /// Checkpoint file with the progress of the run; removed when the run is complete [default: INTO.reindex.json].
    #[arg(long, env = "SPLADE_REINDEX_CHECKPOINT", value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Reject file: ids of rejected documents with the reasons [default: INTO.rejects.jsonl].
    #[arg(long, env = "SPLADE_REINDEX_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Number of documents per page: 1 to 1000.
    #[arg(long, env = "SPLADE_REINDEX_PAGE_SIZE", value_name = "N", default_value_t = 200)]
    pub page_size: u32,
    /// Pruning rules, separated by commas: max-terms=N, min-weight=WEIGHT, weight-share=SHARE (0 = rule off); `none` turns off
    /// all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_REINDEX_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    pub prune: Option<Pruning>,
    /// Maximum number of points per upsert of the server to the store [default: 1000].
    #[arg(long, env = "SPLADE_REINDEX_BATCH_POINTS", value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub batch_points: u32,
    /// Skip documents that are already unchanged in the new collection. For a second run, which copies the documents written
    /// during the first.
    #[arg(long, env = "SPLADE_REINDEX_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    pub skip_unchanged: bool,
    /// Reconnect and resume when the connection breaks or the server is unavailable, until there has been no progress for
    /// this long; 0s = end at the first failure.
    #[arg(long, env = "SPLADE_REINDEX_GIVE_UP_AFTER", value_name = "DURATION", default_value = DEFAULT_GIVE_UP_AFTER, value_parser = duration::parse)]
    pub give_up_after: Duration,
    #[command(flatten)]
    pub fingerprint: FingerprintArgs,
    #[command(flatten)]
    pub long_text: LongTextArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub collection_options: CollectionOptionsArgs,
    #[command(flatten)]
    pub client: ClientArgs,
}

const EXAMPLE: &str = "\
Example: clients search the alias `docs`, which refers to the collection docs-v1
  splade-sidecar serve --model old=./splade-v2 --model new=./splade-v3
  splade-sidecar reindex --from docs --into docs-v2 --model new --alias docs";

/// Returns the environment variable of `--force-switch`.
fn force_switch_variable() -> &'static str {
    with_earlier_name("SPLADE_REINDEX_FORCE_SWITCH", "SPLADE_REINDEX_SWITCH_ANYWAY")
}

impl ReindexCommand {
    /// Returns an error if `--force-switch` is set without `--alias`.
    pub fn check_flags(&self) -> anyhow::Result<()> {
        let flag = Flag { name: "--force-switch", env_var: force_switch_variable() };
        let has_effect = self.alias.is_some() || !self.force_switch;
        has_effect
            .then_some(())
            .ok_or_else(|| flag.no_effect_error("it needs an alias to switch; add --alias, or remove it"))
    }

    /// Returns the settings that determine the points of the run. `collection` is empty until the alias is resolved.
    pub fn to_run_settings(&self, fingerprint: String) -> RunSettings {
        RunSettings {
            from: self.from.clone(),
            collection: String::new(),
            into: self.into.clone(),
            model: self.model.clone(),
            fingerprint,
            text_field: self.text_field.clone(),
            encoding: self.encoding_settings().to_text(),
        }
    }

    /// Returns the flags that determine the contents of vectors.
    pub fn encoding_settings(&self) -> EncodingSettings {
        EncodingSettings {
            long_text: LongText::try_from(self.long_text.to_proto_value()).unwrap_or_default(),
            window_overlap: self.long_text.window_overlap,
            pruning: self.prune,
        }
    }

    /// Returns the path of the checkpoint file.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.checkpoint.clone().unwrap_or_else(|| PathBuf::from(format!("{}.reindex.json", self.into)))
    }

    /// Returns the path of the reject file.
    pub fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| PathBuf::from(format!("{}.rejects.jsonl", self.into)))
    }
}
