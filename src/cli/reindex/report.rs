//! How a run went.

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

/// What is told at the end.
#[derive(Debug)]
pub struct ReindexReport {
    settings: RunSettings,
    checkpoint_path: PathBuf,
    /// How many documents runs before this one had done.
    resumed_after: u64,
    summary: Summary,
    /// Whether this run or one before it had documents rejected.
    pub has_rejections: bool,
    /// `None` if it did not come so far.
    pub counts: Option<DocumentCounts>,
    /// `None` if none is to be switched, or it did not come so far.
    pub alias: Option<AliasOutcome>,
    /// Why the run ended early; `None` if it did not.
    pub failure: Option<String>,
}

/// An alias, and why it is not switched; `None` if it is.
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

    /// Why the new collection can't take the old one's place yet, if there is a reason.
    pub fn obstacle(&self) -> Option<String> {
        if self.has_rejections || self.summary.rejected > 0 {
            return Some("documents were rejected".to_owned());
        }
        let DocumentCounts { old, new } = self.counts.filter(|counts| counts.differ())?;
        let RunSettings { collection, into, .. } = &self.settings;
        Some(format!(
            "`{collection}` has {old} documents and `{into}` has {new}: some were written or deleted meanwhile"
        ))
    }

    /// Whether another run would have nothing to do.
    pub fn is_final(&self) -> bool {
        let is_switched = self.alias.as_ref().is_some_and(|alias| alias.obstacle.is_none());
        self.failure.is_none() && (is_switched || self.obstacle().is_none())
    }

    /// Prints it, and gives the exit status.
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

    /// What is wrong and what to do about it.
    fn remedy_message(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            let checkpoint = self.checkpoint_path.display();
            return Some(format!("error: {failure}\nRun the same command again to go on ({checkpoint} says where).\n"));
        }
        let obstacle = self.obstacle()?;
        if self.is_final() {
            return Some(format!("warning: {obstacle}\n"));
        }
        Some(format!(
            "error: {obstacle}\nTo reindex what is different, run the same command with --skip-unchanged. To switch an alias \
             all the same, run it with --switch-anyway.\n"
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
