//! Report of `model verify` and `check --verify`, as text and JSON.

use std::path::Path;

use serde::Serialize;

use crate::cli::output::to_single_line;
use crate::model::verify::{Comparison, VerifyVerdict, verify};
use crate::model::{DeviceName, InferenceDType, ModelError};

/// Maximum number of characters of a text in the JSON output.
const MAX_QUOTED_CHARS: usize = 200;
/// Maximum number of characters of a text in the text output.
const MAX_SHOWN_CHARS: usize = 40;

/// Verdicts for one model.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    pub model: String,
    pub comparisons: Vec<ComparisonSummary>,
}

/// Verdict for one role in one dtype. `metrics` is `None` if nothing was compared.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonSummary {
    pub role: &'static str,
    pub dtype: String,
    pub verdict: VerifyVerdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(flatten)]
    pub metrics: Option<ComparisonMetrics>,
}

/// Differences between the vectors of a model and of the reference.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonMetrics {
    pub texts: usize,
    pub largest_difference: f64,
    /// Largest difference, relative to the reference's weight if that is above 1.
    pub largest_relative_difference: f64,
    pub missing_terms: usize,
    pub extra_terms: usize,
    /// Smallest cosine similarity of a text's two vectors; `None` if no text has two finite vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_cosine: Option<f64>,
    pub not_finite_texts: usize,
    /// Text with the largest difference, or the first text without a finite vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_text: Option<QuotedText>,
}

/// Text with its number, counted from 1.
#[derive(Debug, Clone, Serialize)]
pub struct QuotedText {
    pub number: usize,
    /// First characters of the text.
    pub text: String,
}

impl VerifyReport {
    /// Compares a model with the reference in each dtype. Blocks.
    ///
    /// # Errors
    /// The errors of [`verify`]: the model can't be loaded or is not supported.
    pub fn create(
        model: &str,
        model_dir: &Path,
        device: DeviceName,
        dtypes: &[InferenceDType],
        texts: &[String],
    ) -> Result<Self, ModelError> {
        let comparisons = verify(model_dir, device, dtypes, texts)?;
        let comparisons = comparisons.into_iter().map(|comparison| ComparisonSummary::new(comparison, texts));
        Ok(Self { model: model.to_owned(), comparisons: comparisons.collect() })
    }

    /// Returns the comparisons whose verdict is a failure.
    pub fn failures(&self) -> impl Iterator<Item = &ComparisonSummary> {
        self.comparisons.iter().filter(|comparison| comparison.verdict.is_failure())
    }

    /// Returns whether anything was compared.
    pub fn has_compared(&self) -> bool {
        self.comparisons.iter().any(|comparison| comparison.metrics.is_some())
    }
}

impl ComparisonSummary {
    fn new(comparison: Comparison, texts: &[String]) -> Self {
        let Comparison { role, dtype, verdict, reason, differences } = comparison;
        let metrics = differences.map(|differences| ComparisonMetrics {
            texts: differences.text_count,
            largest_difference: differences.max_difference,
            largest_relative_difference: differences.max_relative_difference,
            missing_terms: differences.missing_terms,
            extra_terms: differences.extra_terms,
            smallest_cosine: (differences.text_count > differences.non_finite_texts).then_some(differences.min_cosine),
            not_finite_texts: differences.non_finite_texts,
            worst_text: differences.worst_text.and_then(|index| {
                let text = texts.get(index)?.chars().take(MAX_QUOTED_CHARS).collect();
                Some(QuotedText { number: index + 1, text })
            }),
        });
        Self { role: role.as_str(), dtype: dtype.to_string(), verdict, reason, metrics }
    }

    /// Formats the comparison as one line of text.
    pub fn to_line(&self) -> String {
        let ComparisonSummary { role, dtype, verdict, reason, metrics } = self;
        let mut line = format!("{role:<8}  {dtype:<7}  {}", verdict.as_str());
        if let Some(reason) = reason {
            line.push_str(&format!(": {}", to_single_line(reason, usize::MAX)));
        }
        let Some(metrics) = metrics else { return line };
        line.push_str(&format!(": {} texts", metrics.texts));
        if *verdict == VerifyVerdict::NotFinite {
            line.push_str(&format!(", {} without a finite vector", metrics.not_finite_texts));
        }
        if let Some(cosine) = metrics.smallest_cosine {
            line.push_str(&format!(
                ", largest difference {:.1e}, {} missing and {} extra terms, smallest cosine {cosine:.5}",
                metrics.largest_difference, metrics.missing_terms, metrics.extra_terms
            ));
        }
        if let Some(worst) = &metrics.worst_text {
            line.push_str(&format!(", text {}: \"{}\"", worst.number, to_single_line(&worst.text, MAX_SHOWN_CHARS)));
        }
        line
    }

    /// Formats a failed comparison as a problem with its remedy.
    pub fn describe_failure(&self) -> String {
        let remedy = match (self.verdict, self.dtype.as_str()) {
            (VerifyVerdict::NotFinite, _) => "the weights may be damaged; download the model again",
            (_, "float32") => "don't use the model, and report it with the output of `splade-sidecar model verify`",
            _ => "use --dtype float32",
        };
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!(
            "{} vectors in {} are {} when compared with candle-transformers{reason}; {remedy}",
            self.role,
            self.dtype,
            self.verdict.as_str()
        )
    }
}
