//! `model pull`: downloads a model from the Hugging Face Hub.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use indicatif::ProgressBar;
use tokio::task::spawn_blocking;

use crate::cli::output::{init_warning_logs, print};
use crate::model::check_settings;
use crate::model::hub::{HubConfig, ModelSource, locate};

/// Download a model into the Hugging Face cache and print its directory.
///
/// Honours the variables of Hugging Face's tools: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct PullCommand {
    /// Hugging Face id: org/name, or org/name@revision with a branch, tag or commit.
    #[arg(value_name = "ID")]
    source: ModelSource,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar model pull naver/splade-v3@main";

impl PullCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        init_warning_logs();
        let show_progress = stderr().is_terminal();
        let progress = move || if show_progress { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let model_dir = spawn_blocking(move || {
            let config = HubConfig::from_env(|name| std::env::var(name).ok());
            locate(&self.source, &config, check_settings, progress)
        });
        print(&format!("{}\n", model_dir.await??.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
