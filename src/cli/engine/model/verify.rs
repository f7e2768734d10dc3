//! `model verify`: compares a model's vectors with those of candle-transformers.

mod texts;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::cli::engine::verify_report::VerifyReport;
use crate::cli::output::{OutputArgs, init_warning_logs};
use crate::model::hub::{HubConfig, ModelSource, locate};
use crate::model::verify::{EQUAL_TOLERANCE, MAX_CLOSE_DIFFERENCE, MIN_CLOSE_COSINE, built_in_texts};
use crate::model::{DeviceName, InferenceDType, check_settings};

/// Exit status if a verdict is `different` or `not finite`.
const EXIT_FAILED_VERDICT: u8 = 1;

/// Compare a model's vectors with those of candle-transformers' forward pass on the same files
///
/// Both encode the same token ids with the same weights, and share no arithmetic. Each dtype, and each role with its own
/// encoder, gets a verdict:
///
///   equal         float32: no weight differs by more than 0.0001, relative to weights above 1
///   close         int8 and float16: each text's two vectors have a cosine similarity of at least 0.97, and no weight
///                 differs by more than 1, relative to weights above 1
///   different     anything else; don't use the model in that dtype
///   not finite    a text has no finite vector, or a weight is NaN, infinite or implausibly large
///   not compared  candle-transformers has no class for this checkpoint, or the queries are encoded by a table
///
/// Tokenization is not compared: the token ids are the model's own. Texts are compared up to 1,024 tokens.
///
/// Exit status: 0 if no verdict is `different` or `not finite`, also if nothing could be compared, which the output
/// says; 1 otherwise; 2 if the model can't be loaded.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE, verbatim_doc_comment)]
pub struct VerifyCommand {
    /// Model: a directory, or a Hugging Face id such as org/name or org/name@revision.
    #[arg(long, env = "SPLADE_MODEL", value_name = "DIR|ID")]
    model: ModelSource,
    /// Texts to compare, one per line: at most 1,000 lines of at most 1 MiB [default: 29 built-in texts].
    #[arg(long, env = "SPLADE_VERIFY_TEXTS", value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Inference dtypes to compare: float32, int8 (CPU only), float16 (GPU only) [default: all that the device supports].
    #[arg(long, env = "SPLADE_VERIFY_DTYPE", value_name = "DTYPE,…", value_delimiter = ',', value_parser = str::parse::<InferenceDType>)]
    dtype: Vec<InferenceDType>,
    /// Device of the model: cpu, cuda:N or metal. The reference always runs on the CPU.
    #[arg(long, env = "SPLADE_DEVICE", value_name = "DEVICE", default_value = "cpu")]
    device: DeviceName,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLE: &str = "\
Examples:
  splade-sidecar model verify --model naver/splade-v3
  splade-sidecar model verify --model ./splade-tiny --dtype int8 --texts queries.txt --output json";

impl VerifyCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        init_warning_logs();
        let texts = match &self.texts {
            Some(path) => texts::read_texts(path)?,
            None => built_in_texts(),
        };
        let dtypes = self.select_dtypes()?;
        let (source, device) = (self.model.clone(), self.device);
        let report = spawn_blocking(move || {
            let model_dir =
                locate(&source, &HubConfig::from_env(|name| std::env::var(name).ok()), check_settings, || ())?;
            anyhow::Ok(VerifyReport::create(&source.to_string(), &model_dir, device, &dtypes, &texts)?)
        });
        let report = report.await??;
        self.output.print(|| to_text(&report), || to_json(&report))?;
        Ok(if report.failures().next().is_none() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED_VERDICT) })
    }

    /// Returns the dtypes of the flag, or all dtypes that the device supports.
    fn select_dtypes(&self) -> anyhow::Result<Vec<InferenceDType>> {
        if self.dtype.is_empty() {
            let all_dtypes = [InferenceDType::Float32, InferenceDType::Int8, InferenceDType::Float16];
            return Ok(all_dtypes.into_iter().filter(|&dtype| self.device.check_dtype(dtype).is_ok()).collect());
        }
        let mut dtypes = Vec::new();
        for &dtype in &self.dtype {
            self.device.check_dtype(dtype).map_err(|problem| anyhow::anyhow!("--dtype: {problem}"))?;
            if !dtypes.contains(&dtype) {
                dtypes.push(dtype);
            }
        }
        Ok(dtypes)
    }
}

fn to_text(report: &VerifyReport) -> String {
    let mut text = format!("{}\n", report.model);
    for comparison in &report.comparisons {
        text.push_str(&format!("  {}\n", comparison.to_line()));
    }
    if !report.has_compared() {
        text.push_str("warning: nothing was compared\n");
    }
    text
}

fn to_json(report: &VerifyReport) -> Value {
    json!({
        "model": report.model,
        "passed": report.failures().next().is_none(),
        "compared": report.has_compared(),
        "equal_tolerance": EQUAL_TOLERANCE,
        "close_cosine": MIN_CLOSE_COSINE,
        "close_difference": MAX_CLOSE_DIFFERENCE,
        "comparisons": report.comparisons,
    })
}
