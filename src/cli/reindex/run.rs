//! A run of `reindex`: plan, copy, count, switch the alias.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::time::Instant;

use super::args::Reindex;
use super::checkpoint::Checkpoint;
use super::counts;
use super::pages::{Pages, keep_checkpoint};
use super::plan::Plan;
use super::report::{Alias, Report};
use super::source::Source;
use crate::cli::errors::in_words;
use crate::cli::ingest::{Progress, RejectFile, Session, Summary, Tally};
use crate::cli::retry::retry;
use crate::proto::{IngestOptions, ListDocumentsRequest, PayloadFormat, ReturnOptions, SetAliasRequest};

impl Reindex {
    /// Runs the command. Returns its exit status.
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

    /// Reads, sends and waits for all documents that are left; notes how far that is.
    async fn copy(&self, plan: &Plan, start: Instant) -> anyhow::Result<(Checkpoint, Report)> {
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
        let keeper = keep_checkpoint(plan.path.clone(), plan.checkpoint.clone(), pages, progress.tallies());
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
}
