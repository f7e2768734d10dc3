//! `reindex`: the documents of one collection, encoded by another model, into a new one.
//!
//! ```text
//!  ListDocuments ──▶ pages ──▶ lines ──▶ Ingest ──▶ results ──▶ checkpoint ──▶ … ──▶ counts ──▶ SetAlias
//! ```
//!
//! A task reads pages, as fast as their documents are taken; one stream sends them and takes the results, as `ingest` does
//! with the lines of a file. A page is done when all its documents have their results. Then the checkpoint file says where
//! the next page begins, so a run that ends early, however it does, goes on at the first page that is not done. What it
//! sends again becomes the same points again, and is not even encoded. A stream that ends early is replaced by another one, as
//! `ingest` does it.
//!
//! The alias is switched last, when every document is indexed and both collections have as many.

mod checkpoint;
mod counts;
mod encoding;
mod plan;
mod report;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::builder::BoolishValueParser;
use tokio::time::Instant;

use self::checkpoint::Pages;
use self::plan::Plan;
use self::report::{Alias, Report};
use self::source::Source;
use super::client::ClientArgs;
use super::collection_options::CollectionOptionsArgs;
use super::duration;
use super::errors::in_words;
use super::fingerprint::FingerprintArgs;
use super::flags::Flag;
use super::ingest::{Progress, RejectFile, Session, Summary, Tally};
use super::long_text::LongTextArgs;
use super::output::OutputArgs;
use super::pruning;
use super::retry::{GIVE_UP_AFTER, retry};
use crate::proto::{IngestOptions, ListDocumentsRequest, PayloadFormat, Pruning, ReturnOptions, SetAliasRequest};

/// Encode a collection's documents with another model into a new collection, and switch an alias to it.
///
/// The texts are read from the payloads. Ids, payloads and dense vectors are kept, and the new collection is created like
/// the old one. A run that was ended goes on when the same command is given again.
///
/// Exit status: 0 if all documents are indexed, and the alias is switched if one is given; 1 if some were rejected or the
/// two collections differ in their number of documents, and then the alias is left as it is; 2 if a call failed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Reindex {
    /// The collection to read, or an alias of it.
    #[arg(long, env = "SPLADE_REINDEX_FROM", value_name = "NAME")]
    from: String,
    /// The collection to write. It is created like the one that is read, unless it is there.
    #[arg(long, env = "SPLADE_REINDEX_INTO", value_name = "NAME")]
    into: String,
    /// The model that encodes the texts.
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME")]
    model: String,
    /// The alias that is to stand for the new collection at the end.
    #[arg(long, env = "SPLADE_REINDEX_ALIAS", value_name = "NAME")]
    alias: Option<String>,
    /// Switch the alias even if documents were rejected, or the two collections differ in their number of documents.
    #[arg(long, env = "SPLADE_REINDEX_SWITCH_ANYWAY", value_parser = BoolishValueParser::new())]
    switch_anyway: bool,
    /// The payload field that stores the text. The new collection stores it there too.
    #[arg(long, env = "SPLADE_REINDEX_TEXT_FIELD", value_name = "FIELD", default_value = "text")]
    text_field: String,
    /// Where it is noted how far the run is. The file is removed at the end [default: INTO.reindex.json].
    #[arg(long, env = "SPLADE_REINDEX_CHECKPOINT", value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Where the ids of rejected documents go, with the reasons [default: INTO.rejects.jsonl].
    #[arg(long, env = "SPLADE_REINDEX_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// How many documents are read at once: 1 to 1000.
    #[arg(long, env = "SPLADE_REINDEX_PAGE_SIZE", value_name = "N", default_value_t = 200)]
    page_size: u32,
    /// Pruning of the vectors, such as max-terms=128,weight-share=0.9. Rules: max-terms,
    /// min-weight, weight-share; 0 = unlimited. `none` turns off all other rules [default of each rule: the server's].
    #[arg(long, env = "SPLADE_REINDEX_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// The most points that the server writes to the store at once [default: 1000].
    #[arg(long, env = "SPLADE_REINDEX_BATCH_POINTS", value_name = "N", default_value_t = 0, hide_default_value = true)]
    batch_points: u32,
    /// Leave documents as they are that the new collection has already as they would become again. To be given to a second
    /// run, which is after what was written during the first.
    #[arg(long, env = "SPLADE_REINDEX_SKIP_UNCHANGED", value_parser = BoolishValueParser::new())]
    skip_unchanged: bool,
    /// Reconnect and resume when the connection breaks or the server is unavailable, until there has been no progress for
    /// this long; 0s = end at the first failure.
    #[arg(long, env = "SPLADE_REINDEX_GIVE_UP_AFTER", value_name = "TIME", default_value = GIVE_UP_AFTER, value_parser = duration::parse)]
    give_up_after: Duration,
    #[command(flatten)]
    fingerprint: FingerprintArgs,
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
Example: documents are searched by the alias `docs`, which stands for docs-v1
  splade-sidecar serve --model old=./splade-v2 --model new=./splade-v3
  splade-sidecar reindex --from docs --into docs-v2 --model new --alias docs";

impl Reindex {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.check_flags()?;
        let plan = Plan::make(&self).await?;
        let start = Instant::now();
        let (done, mut report) = if plan.checkpoint.complete {
            (plan.checkpoint.clone(), Report::new(&plan, Summary::new(Tally::default(), start.elapsed(), None, None)))
        } else {
            self.copy(&plan, start).await?
        };
        if report.failure.is_none() {
            report.rejected_before = done.some_rejected;
            report.counts = Some(counts::compare(&self.client, &plan.checkpoint.run, self.give_up_after).await?);
            self.switch(&mut report).await?;
            if report.is_final() {
                plan.remove_checkpoint().await?;
            }
        }
        report.print(self.output)
    }

    fn check_flags(&self) -> anyhow::Result<()> {
        let flag = Flag { name: "--switch-anyway", variable: "SPLADE_REINDEX_SWITCH_ANYWAY" };
        let has_effect = self.alias.is_some() || !self.switch_anyway;
        has_effect
            .then_some(())
            .ok_or_else(|| flag.without_effect("no alias is to be switched; add --alias, or remove it"))
    }

    /// Reads, sends and waits for all documents that are left; notes how far that is.
    async fn copy(&self, plan: &Plan, start: Instant) -> anyhow::Result<(checkpoint::Checkpoint, Report)> {
        let keep = if plan.is_resumed() { u64::MAX } else { 0 };
        let mut rejects = RejectFile::open(&self.rejects_path(), [plan.path.as_path()].into_iter(), keep).await?;
        let index = self.client.index().await?;
        let progress = Progress::of_documents(plan.documents);
        let pages = Arc::new(Pages::default());
        let source = Source {
            index: index.clone(),
            client: self.client.clone(),
            request: self.first_page(plan),
            text_field: self.text_field.clone(),
            number: plan.checkpoint.documents,
            pages: Arc::clone(&pages),
            give_up_after: self.give_up_after,
        };
        let keeper = checkpoint::keep(plan.path.clone(), plan.checkpoint.clone(), pages, progress.tallies());
        let mut keeper = tokio::spawn(keeper);

        let tally = Tally::after(plan.checkpoint.documents);
        let mut session = Session::new(source.spawn(), &mut rejects, &progress, None, tally, self.give_up_after);
        let outcome = tokio::select! {
            outcome = session.run(index, self.options(plan)) => outcome,
            // It ends by itself only if the file can't be written.
            kept = &mut keeper => return Err(kept?.err().context("the checkpoint's task ended")?),
        };
        let tally = session.into_tally();
        progress.update(&tally);
        progress.clear();
        // The last change to be noted has been told.
        drop(progress);
        let done = keeper.await??;
        let rejects_file = rejects.finish().await?;
        let mut report = Report::new(plan, Summary::new(tally, start.elapsed(), rejects_file, None));
        report.failure = outcome.err().map(|error| in_words(&error));
        Ok((done, report))
    }

    /// Switches the alias, if there is one and nothing is in its way.
    async fn switch(&self, report: &mut Report) -> anyhow::Result<()> {
        let Some(alias) = &self.alias else { return Ok(()) };
        let obstacle = report.obstacle().filter(|_| !self.switch_anyway);
        if obstacle.is_none() {
            let index = self.client.index().await?;
            let request = SetAliasRequest { alias: alias.clone(), collection: self.into.clone() };
            let set = async || index.clone().set_alias(self.client.request(request.clone())).await;
            retry(self.give_up_after, "the alias can't be switched", set).await?;
        }
        report.alias = Some(Alias { name: alias.clone(), obstacle });
        Ok(())
    }

    fn first_page(&self, plan: &Plan) -> ListDocumentsRequest {
        let return_options = ReturnOptions {
            payload_format: PayloadFormat::Json.into(),
            with_dense_vectors: !plan.options.dense_vectors.is_empty(),
            ..ReturnOptions::default()
        };
        ListDocumentsRequest {
            collection: plan.checkpoint.run.collection.clone(),
            page_size: self.page_size,
            page_token: plan.checkpoint.page_token.clone(),
            return_options: Some(return_options),
            ..ListDocumentsRequest::default()
        }
    }

    fn options(&self, plan: &Plan) -> IngestOptions {
        IngestOptions {
            collection: self.into.clone(),
            model: self.model.clone(),
            create_collection: true,
            collection_options: Some(self.collection_options.apply(plan.options.clone())),
            encoding: Some(self.long_text.encoding(self.prune)),
            text_field: Some(self.text_field.clone()),
            batch_points: self.batch_points,
            // Some of the page at which a resumed run begins may be there.
            skip_unchanged: self.skip_unchanged || plan.is_resumed(),
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            // All results are needed: the summary has their sums.
            ..IngestOptions::default()
        }
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.checkpoint.clone().unwrap_or_else(|| PathBuf::from(format!("{}.reindex.json", self.into)))
    }

    fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| PathBuf::from(format!("{}.rejects.jsonl", self.into)))
    }
}
