//! `check`: validates the configuration, models and store of `serve` without serving.

mod models;
mod report;
mod store;

use std::process::ExitCode;

use clap::builder::BoolishValueParser;

use self::report::{CheckReport, ComponentStatus, run_checks};
use crate::cli::errors::EXIT_FAILED;
use crate::cli::output::{OutputArgs, init_warning_logs};
use crate::config::{Config, ServeArgs};
use crate::version;

/// Validate the configuration, models and store of `serve` without serving.
///
/// Takes the flags and variables of `serve`. Validates the configuration, reads the TLS and token files, loads each model
/// (downloads it first if it is a Hugging Face id) and encodes a text with it, and checks that the store is ready. Opens no
/// listening socket. The directory of the embedded store is created if missing, and can't be checked while a server uses it.
///
/// Exit status: 0 without problems, 2 otherwise; each problem is printed with its flag and a remedy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct CheckCommand {
    #[command(flatten)]
    serve: ServeArgs,
    /// Also compare the vectors of each model with those of candle-transformers (see `model verify`), in the dtype and on the
    /// device of the server. The verdicts `different` and `not finite` are problems, `not compared` is not.
    #[arg(long, env = "SPLADE_CHECK_VERIFY", value_parser = BoolishValueParser::new())]
    verify: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLE: &str = "\
Examples:
  splade-sidecar check --model ./splade-tiny --store-dir ./index
  splade-sidecar check --model naver/splade-v3 --qdrant-url http://localhost:6334 --output json
  splade-sidecar check --model naver/splade-v3 --dtype int8 --verify";

impl CheckCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        init_warning_logs();
        let (config, config_errors) = Config::validate(self.serve);
        let report = run_checks(&config, config_errors, self.verify).await;
        self.output.print(|| to_text(&report), || to_json(&report))?;
        Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
    }
}

fn to_text(report: &CheckReport) -> String {
    let CheckReport { models, tls, auth_tokens, store, store_kind, problems, .. } = report;
    let mut lines: Vec<String> = Vec::new();
    for model in models {
        lines.push(format!(
            "model    {}: {}, {}, up to {} tokens, fingerprint {}",
            model.name, model.architecture, model.dtype, model.max_length, model.fingerprint
        ));
    }
    #[cfg(feature = "verify")]
    lines.extend(format_comparisons(report));
    lines.push(format!("tls      {}", format_status(*tls)));
    lines.push(format!("tokens   {}", format_status(*auth_tokens)));
    lines.push(format!("store    {}, {store_kind}", format_status(*store)));
    lines.extend(problems.iter().map(|problem| format!("problem  {problem}")));
    lines.push(match problems.len() {
        0 => "no problems found".to_owned(),
        count => format!("{count} problem(s)"),
    });
    lines.join("\n") + "\n"
}

#[cfg(feature = "verify")]
fn format_comparisons(report: &CheckReport) -> Vec<String> {
    let mut lines = Vec::new();
    for verify_report in &report.verified {
        let comparisons = verify_report.comparisons.iter();
        lines.extend(
            comparisons.map(|comparison| format!("verify   {}: {}", verify_report.model, comparison.to_line())),
        );
        if !verify_report.has_compared() {
            lines.push(format!("warning  {}: nothing was compared", verify_report.model));
        }
    }
    lines
}

fn format_status(status: ComponentStatus) -> &'static str {
    match status {
        ComponentStatus::Ready => "ready",
        ComponentStatus::Off => "off",
        ComponentStatus::Wrong => "wrong",
    }
}

fn to_json(report: &CheckReport) -> serde_json::Value {
    let mut json = serde_json::to_value(report).unwrap_or_default();
    if let Some(fields) = json.as_object_mut() {
        fields.insert("version".to_owned(), version::VERSION.into());
        fields.insert("revision".to_owned(), version::REVISION.into());
    }
    json
}
