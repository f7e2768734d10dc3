//! Run of `reindex`: plans, copies and counts documents, and switches the alias.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::time::Instant;

use super::args::ReindexCommand;
use super::checkpoint::ReindexCheckpoint;
use super::collection_reader::CollectionReader;
use super::document_counts;
use super::pending_pages::{PendingPages, maintain_checkpoint};
use super::plan::ReindexPlan;
use super::report::{AliasOutcome, ReindexReport};
use crate::cli::errors::format_error;
use crate::cli::ingest::{IngestStats, ProgressReporter, RejectFile, Session, Summary};
use crate::cli::retry::retry;
use crate::proto::{IngestOptions, ListDocumentsRequest, PayloadFormat, ReturnOptions, SetAliasRequest};

impl ReindexCommand {
    /// Runs the command and returns its exit status.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        self.check_flags()?;
        let plan = ReindexPlan::create(&self).await?;
        let start = Instant::now();
        let (checkpoint, mut report) = if plan.checkpoint.is_complete {
            (
                plan.checkpoint.clone(),
                ReindexReport::new(&plan, Summary::new(IngestStats::default(), start.elapsed(), None, None)),
            )
        } else {
            self.copy_documents(&plan, start).await?
        };
        if report.failure.is_none() {
            report.has_rejections = checkpoint.has_rejections;
            report.counts = Some(
                document_counts::compare_counts(&self.client, &plan.checkpoint.settings, self.give_up_after).await?,
            );
            self.switch_alias(&mut report).await?;
            if report.is_final() {
                plan.remove_checkpoint().await?;
            }
        }
        report.print(self.output)
    }

    /// Copies the remaining documents and updates the checkpoint. Returns the final checkpoint and the report.
    async fn copy_documents(
        &self,
        plan: &ReindexPlan,
        start: Instant,
    ) -> anyhow::Result<(ReindexCheckpoint, ReindexReport)> {
        let kept_rejects_bytes = if plan.is_resumed() { u64::MAX } else { 0 };
        let mut rejects =
            RejectFile::open(&self.rejects_path(), [plan.checkpoint_path.as_path()].into_iter(), kept_rejects_bytes)
                .await?;
        let index = self.client.connect_index().await?;
        let progress = ProgressReporter::for_documents(plan.document_count);
        let pages = Arc::new(PendingPages::default());
        let source = CollectionReader {
            index: index.clone(),
            client: self.client.clone(),
            request: self.build_first_page_request(plan),
            text_field: self.text_field.clone(),
            last_number: plan.checkpoint.documents,
            pages: Arc::clone(&pages),
            give_up_after: self.give_up_after,
        };
        let checkpoint_task =
            maintain_checkpoint(plan.checkpoint_path.clone(), plan.checkpoint.clone(), pages, progress.subscribe());
        let mut checkpoint_task = tokio::spawn(checkpoint_task);

        let stats = IngestStats::starting_after(plan.checkpoint.documents);
        let mut session = Session::new(source.spawn(), &mut rejects, &progress, None, stats, self.give_up_after);
        let outcome = tokio::select! {
            outcome = session.run(index, self.build_ingest_options(plan)) => outcome,
            // The task ends before the session only if the checkpoint can't be written.
            result = &mut checkpoint_task => return Err(result?.err().context("the checkpoint task ended unexpectedly")?),
        };
        let stats = session.into_stats();
        progress.update(&stats);
        progress.clear();
        // Dropping the sender lets the checkpoint task write the last update and end.
        drop(progress);
        let checkpoint = checkpoint_task.await??;
        let rejects_file = rejects.finish().await?;
        let mut report = ReindexReport::new(plan, Summary::new(stats, start.elapsed(), rejects_file, None));
        report.failure = outcome.err().map(|error| format_error(&error));
        Ok((checkpoint, report))
    }

    /// Switches the alias, if one is set and there is no obstacle or `--force-switch` is set.
    async fn switch_alias(&self, report: &mut ReindexReport) -> anyhow::Result<()> {
        let Some(alias) = &self.alias else { return Ok(()) };
        let obstacle = report.obstacle().filter(|_| !self.force_switch);
        if obstacle.is_none() {
            let index = self.client.connect_index().await?;
            let request = SetAliasRequest { alias: alias.clone(), collection: self.into.clone() };
            let set_alias = async || index.clone().set_alias(self.client.build_request(request.clone())).await;
            retry(self.give_up_after, "can't switch the alias", set_alias).await?;
        }
        report.alias = Some(AliasOutcome { name: alias.clone(), obstacle });
        Ok(())
    }

    fn build_first_page_request(&self, plan: &ReindexPlan) -> ListDocumentsRequest {
        let return_options = ReturnOptions {
            payload_format: PayloadFormat::Json.into(),
            with_dense_vectors: !plan.collection_options.dense_vectors.is_empty(),
            ..ReturnOptions::default()
        };
        ListDocumentsRequest {
            collection: plan.checkpoint.settings.collection.clone(),
            page_size: self.page_size,
            page_token: plan.checkpoint.page_token.clone(),
            return_options: Some(return_options),
            ..ListDocumentsRequest::default()
        }
    }

    fn build_ingest_options(&self, plan: &ReindexPlan) -> IngestOptions {
        IngestOptions {
            collection: self.into.clone(),
            model: self.model.clone(),
            create_collection: true,
            collection_options: Some(self.collection_options.apply(plan.collection_options.clone())),
            encoding: Some(self.long_text.encoding_options(self.prune)),
            text_field: Some(self.text_field.clone()),
            batch_points: self.batch_points,
            // Documents of the page at which a resumed run starts may already be indexed.
            skip_unchanged: self.skip_unchanged || plan.is_resumed(),
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            // The default result filter sends all results, which the summary and the checkpoint need.
            ..IngestOptions::default()
        }
    }
}
