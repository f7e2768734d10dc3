//! Report of a run: summary, exit status and remedies.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::checkpoint::RunSettings;
use super::document_counts::DocumentCounts;
use super::plan::ReindexPlan;
use crate::cli::errors::EXIT_FAILED;
use crate::cli::ingest::{EXIT_SOME_REJECTED, Summary};
use crate::cli::output::OutputArgs;

/// Outcome of a run.
#[derive(Debug)]
pub struct ReindexReport {
    settings: RunSettings,
    checkpoint_path: PathBuf,
    /// Number of documents that earlier runs completed.
    resumed_after: u64,
    summary: Summary,
    /// True if documents were rejected, in this run or an earlier one.
    pub has_rejections: bool,
    /// Document counts; `None` if the run failed before.
    pub counts: Option<DocumentCounts>,
    /// Outcome of the alias switch; `None` if no alias is set or the run failed before.
    pub alias: Option<AliasOutcome>,
    /// Error that ended the run; `None` if it completed.
    pub failure: Option<String>,
}

/// Alias, and the reason why it was not switched; `None` if it was.
#[derive(Debug)]
pub struct AliasOutcome {
    pub name: String,
    pub obstacle: Option<String>,
}

impl ReindexReport {
    pub fn new(plan: &ReindexPlan, summary: Summary) -> Self {
        Self {
            settings: plan.checkpoint.settings.clone(),
            checkpoint_path: plan.checkpoint_path.clone(),
            resumed_after: plan.checkpoint.documents,
            summary,
            has_rejections: false,
            counts: None,
            alias: None,
            failure: None,
        }
    }

    /// Returns the reason why the new collection can't replace the old one yet, if any.
    pub fn obstacle(&self) -> Option<String> {
        if self.has_rejections || self.summary.rejected > 0 {
            return Some("documents were rejected".to_owned());
        }
        let DocumentCounts { old, new } = self.counts.filter(|counts| counts.differ())?;
        let RunSettings { collection, into, .. } = &self.settings;
        Some(format!(
            "`{collection}` has {old} documents and `{into}` has {new}: documents were written or deleted during the run"
        ))
    }

    /// Returns whether nothing is left to do, so that the checkpoint can be removed.
    pub fn is_final(&self) -> bool {
        let is_switched = self.alias.as_ref().is_some_and(|alias| alias.obstacle.is_none());
        self.failure.is_none() && (is_switched || self.obstacle().is_none())
    }

    /// Prints the report and returns the exit status.
    pub fn print(&self, output: OutputArgs) -> anyhow::Result<ExitCode> {
        output.print(|| self.to_text(), || self.to_json())?;
        if let Some(message) = self.remedy_message() {
            // Nothing can be done if standard error is gone.
            let _ = std::io::stderr().write_all(message.as_bytes());
        }
        Ok(match (&self.failure, self.obstacle()) {
            (Some(_), _) => ExitCode::from(EXIT_FAILED),
            (None, Some(_)) => ExitCode::from(EXIT_SOME_REJECTED),
            (None, None) => ExitCode::SUCCESS,
        })
    }

    /// Returns the message for standard error: the problem and its remedy.
    fn remedy_message(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            let checkpoint = self.checkpoint_path.display();
            return Some(format!(
                "error: {failure}\nRun the same command again to resume from the checkpoint {checkpoint}.\n"
            ));
        }
        let obstacle = self.obstacle()?;
        if self.is_final() {
            return Some(format!("warning: {obstacle}\n"));
        }
        Some(format!(
            "error: {obstacle}\nTo copy the differences, run the same command with --skip-unchanged. To switch the alias despite \
             them, add --force-switch.\n"
        ))
    }

    fn to_text(&self) -> String {
        let mut text = self.summary.to_text();
        if self.resumed_after > 0 {
            text.push_str(&format!("resumed      after {} documents\n", self.resumed_after));
        }
        if let Some(AliasOutcome { name, obstacle }) = &self.alias {
            let switched = if obstacle.is_none() { "switched to" } else { "not switched to" };
            text.push_str(&format!("alias        {name}, {switched} {}\n", self.settings.into));
        }
        text
    }

    fn to_json(&self) -> Value {
        let mut json = self.summary.to_json();
        json["from"] = json!(self.settings.collection);
        json["into"] = json!(self.settings.into);
        json["resumed_after"] = json!(self.resumed_after);
        json["counts"] = json!(self.counts.map(|DocumentCounts { old, new }| json!({ "from": old, "into": new })));
        json["alias_switched"] = json!(self.alias.as_ref().map(|alias| alias.obstacle.is_none()));
        json["obstacle"] = json!(self.obstacle());
        json["failure"] = json!(self.failure);
        json
    }
}
