//! `check`: reports what `serve` would find at its start, without starting it.

mod findings;
mod models;
mod store;

use std::process::ExitCode;

use clap::builder::BoolishValueParser;

use self::findings::{Findings, Found, check};
use crate::cli::errors::FAILED;
use crate::cli::output::{OutputArgs, show_warnings};
use crate::config::{Config, ServeArgs};
use crate::version;

/// Check what `serve` would find with the same flags and variables, and exit.
///
/// It reads the whole configuration, the files of TLS and tokens, loads every model (fetching it first, if it comes from
/// the hub) and has it encode a text, and asks the store whether it is ready. It listens nowhere. The folder of an
/// embedded store is made if it is not there, and can't be checked while a server uses it.
///
/// Exit status: 0 if all is well, 2 if not; then every problem is told, with its flag and what to do.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Check {
    #[command(flatten)]
    serve: ServeArgs,
    /// Also compare the vectors of each model with those of candle-transformers (see `model verify`), in the dtype and on
    /// the device of the server. `different` and `not finite` are problems; `not compared` is none.
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

impl Check {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        show_warnings();
        let (config, mistakes) = Config::examine(self.serve);
        let findings = check(&config, mistakes, self.verify).await;
        self.output.print(|| to_text(&findings), || to_json(&findings))?;
        Ok(if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}

fn to_text(findings: &Findings) -> String {
    let Findings { models, tls, auth_tokens, store, store_kind, problems, .. } = findings;
    let mut lines: Vec<String> = Vec::new();
    for model in models {
        lines.push(format!(
            "model    {}: {}, {}, up to {} tokens, fingerprint {}",
            model.name, model.architecture, model.dtype, model.max_length, model.fingerprint
        ));
    }
    #[cfg(feature = "verify")]
    lines.extend(comparison_lines(findings));
    lines.push(format!("tls      {}", word(*tls)));
    lines.push(format!("tokens   {}", word(*auth_tokens)));
    lines.push(format!("store    {}, {store_kind}", word(*store)));
    lines.extend(problems.iter().map(|problem| format!("problem  {problem}")));
    lines.push(match problems.len() {
        0 => "all is well".to_owned(),
        count => format!("{count} problem(s)"),
    });
    lines.join("\n") + "\n"
}

#[cfg(feature = "verify")]
fn comparison_lines(findings: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    for report in &findings.verified {
        let comparisons = report.comparisons.iter();
        lines.extend(comparisons.map(|comparison| format!("verify   {}: {}", report.model, comparison.to_line())));
        if !report.has_compared() {
            lines.push(format!("warning  {}: nothing was compared", report.model));
        }
    }
    lines
}

fn word(found: Found) -> &'static str {
    match found {
        Found::Ready => "ready",
        Found::Off => "off",
        Found::Wrong => "wrong",
    }
}

fn to_json(findings: &Findings) -> serde_json::Value {
    let mut json = serde_json::to_value(findings).unwrap_or_default();
    if let Some(fields) = json.as_object_mut() {
        fields.insert("version".to_owned(), version::VERSION.into());
        fields.insert("revision".to_owned(), version::REVISION.into());
    }
    json
}
