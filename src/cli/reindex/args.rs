//! The arguments of `reindex`.

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
use crate::proto::{LongText, Pruning};

/// Encode a collection's documents with another model into a new collection, and switch an alias to it.
///
/// The texts are read from the payloads. Ids, payloads and dense vectors are kept, and the new collection is created like
/// the old one. A run that was ended goes on when the same command is given again.
///
/// Exit status: 0 if all documents are indexed, and the alias is switched if one is given; 1 if some were rejected or the
/// two collections differ in their number of documents, and then the alias is left as it is; 2 if a call failed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ReindexCommand {
    /// The collection to read, or an alias of it.
    #[arg(long, env = "SPLADE_REINDEX_FROM", value_name = "NAME")]
    pub from: String,
    /// The collection to write. It is created like the one that is read, unless it is there.
    #[arg(long, env = "SPLADE_REINDEX_INTO", value_name = "NAME")]
    pub into: String,
    /// The model that encodes the texts.
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME")]
    pub model: String,
    /// The alias that is to stand for the new collection at the end.
    #[arg(long, env = "SPLADE_REINDEX_ALIAS", value_name = "NAME")]
    pub alias: Option<String>,
    /// Switch the alias even if documents were rejected, or the two collections differ in their number of documents.
    #[arg(long, env = "SPLADE_REINDEX_SWITCH_ANYWAY", value_parser = BoolishValueParser::new())]
    pub switch_anyway: bool,
    /// The payload field that stores the text. The new collection stores it there too.
    #[arg(long, env = "SPLADE_REINDEX_TEXT_FIELD", value_name = "FIELD", default_value = "text")]
    pub text_field: String,
    /// Where it is noted how far the run is. The file is removed at the end [default: INTO.reindex.json].
    #[arg(long, env = "SPLADE_REINDEX_CHECKPOINT", value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Where the ids of rejected documents go, with the reasons [default: INTO.rejects.jsonl].
    #[arg(long, env = "SPLADE_REINDEX_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// How many documents are read at once: 1 to 1000.
    #[arg(long, env = "SPLADE_REINDEX_PAGE_SIZE", value_name = "N", default_value_t = 200)]
    pub page_size: u32,
    /// Pruning of the vectors, such as max-terms=128,weight-share=0.9. Rules: max-terms,
    /// min-weight, weight-share; 0 = unlimited. `none` turns off all other rules [default of each rule: the server's].
    #[arg(long, env = "SPLADE_REINDEX_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    pub prune: Option<Pruning>,
    /// The most points that the server writes to the store at once [default: 1000].
    #[arg(long, env = "SPLADE_REINDEX_BATCH_POINTS", value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub batch_points: u32,
    /// Leave documents as they are that the new collection has already as they would become again. To be given to a second
    /// run, which is after what was written during the first.
    #[arg(long, env = "SPLADE_REINDEX_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    pub skip_unchanged: bool,
    /// Reconnect and resume when the connection breaks or the server is unavailable, until there has been no progress for
    /// this long; 0s = end at the first failure.
    #[arg(long, env = "SPLADE_REINDEX_GIVE_UP_AFTER", value_name = "TIME", default_value = DEFAULT_GIVE_UP_AFTER, value_parser = duration::parse)]
    pub give_up_after: Duration,
    #[command(flatten)]
    pub fingerprint: FingerprintArgs,
    #[command(flatten)]
    pub collection_options: CollectionOptionsArgs,
    #[command(flatten)]
    pub long_text: LongTextArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub client: ClientArgs,
}

const EXAMPLE: &str = "\
Example: documents are searched by the alias `docs`, which stands for docs-v1
  splade-sidecar serve --model old=./splade-v2 --model new=./splade-v3
  splade-sidecar reindex --from docs --into docs-v2 --model new --alias docs";

impl ReindexCommand {
    /// Refuses flags that have no effect.
    pub fn check_flags(&self) -> anyhow::Result<()> {
        let flag = Flag { name: "--switch-anyway", env_var: "SPLADE_REINDEX_SWITCH_ANYWAY" };
        let has_effect = self.alias.is_some() || !self.switch_anyway;
        has_effect
            .then_some(())
            .ok_or_else(|| flag.no_effect_error("no alias is to be switched; add --alias, or remove it"))
    }

    /// Returns what decides which points the run makes. The collection that is read is not resolved yet.
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

    /// Returns the flags that decide what vectors hold.
    pub fn encoding_settings(&self) -> EncodingSettings {
        EncodingSettings {
            long_text: LongText::try_from(self.long_text.to_proto_value()).unwrap_or_default(),
            window_overlap: self.long_text.window_overlap,
            pruning: self.prune,
        }
    }

    /// Returns the path of the checkpoint.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.checkpoint.clone().unwrap_or_else(|| PathBuf::from(format!("{}.reindex.json", self.into)))
    }

    /// Returns the path of the file of rejects.
    pub fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| PathBuf::from(format!("{}.rejects.jsonl", self.into)))
    }
}
