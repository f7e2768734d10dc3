//! `encode`: prints the vectors of texts.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::client::ClientArgs;
use super::long_text::LongTextArgs;
use super::output::{OutputArgs, to_single_line, weight_to_json};
use super::pruning;
use crate::proto::{self, EncodeRequest, EncodedText, Pruning};

/// Maximum number of characters of a text shown above its terms.
const MAX_EXCERPT_CHARS: usize = 60;

/// Encode texts and print the terms of their vectors, highest weights first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct EncodeCommand {
    /// Texts to encode, one vector each.
    #[arg(required = true, value_name = "TEXT")]
    texts: Vec<String>,
    /// Role of the texts. A model may encode queries differently from documents.
    #[arg(long, env = "SPLADE_ENCODE_ROLE", value_name = "ROLE", default_value = "document")]
    role: EncodeRole,
    /// Name of the model on the server [default: the server's default model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Pruning rules, separated by commas: max-terms=N, min-weight=WEIGHT, weight-share=SHARE (0 = rule off); `none` turns off
    /// all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_ENCODE_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// Maximum number of terms to print per text; 0 = all.
    #[arg(long, env = "SPLADE_ENCODE_TOP", value_name = "N", default_value_t = 20)]
    top: usize,
    #[command(flatten)]
    long_text: LongTextArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

const EXAMPLE: &str = "\
Example:
  splade-sidecar encode \"a quick brown fox\" --role query --top 10";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EncodeRole {
    /// Encode as search queries.
    Query,
    /// Encode as documents to index.
    Document,
}

impl EncodeCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let role = match self.role {
            EncodeRole::Query => proto::Role::Query,
            EncodeRole::Document => proto::Role::Document,
        };
        let request = EncodeRequest {
            model: self.model,
            role: role.into(),
            encoding: Some(self.long_text.encoding_options(self.prune)),
            with_tokens: true,
            texts: self.texts.clone(),
            ..EncodeRequest::default()
        };
        let response =
            self.client.connect_encoder().await?.encode(self.client.build_request(request)).await?.into_inner();
        for (text, encoded) in self.texts.iter().zip(&response.results) {
            let terms = select_top_terms(encoded, self.top);
            self.output.print(|| format_table(text, encoded, &terms), || to_json(text, encoded, &terms))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Term of a vector: index, token and weight.
type Term<'a> = (u32, &'a str, f32);

/// Returns the `top` terms with the highest weights, or all terms if `top` is 0.
fn select_top_terms(encoded: &EncodedText, top: usize) -> Vec<Term<'_>> {
    let Some(vector) = &encoded.vector else { return Vec::new() };
    let tokens = encoded.tokens.iter().map(String::as_str);
    let entries = vector.indices.iter().zip(&vector.values).zip(tokens);
    let mut terms: Vec<Term> = entries.map(|((index, weight), token)| (*index, token, *weight)).collect();
    terms.sort_by(|a, b| b.2.total_cmp(&a.2));
    terms.truncate(if top == 0 { usize::MAX } else { top });
    terms
}

fn format_table(text: &str, encoded: &EncodedText, terms: &[Term]) -> String {
    let term_count = encoded.vector.as_ref().map_or(0, |vector| vector.indices.len());
    let stats = encoded.stats.unwrap_or_default();
    let length_note = match stats.window_count {
        _ if stats.truncated => ", truncated".to_owned(),
        0 | 1 => String::new(),
        windows => format!(" in {windows} windows"),
    };
    let lines = terms
        .iter()
        .map(|(_, token, weight)| format!("  {weight:>8.4}  {}\n", to_single_line(token, MAX_EXCERPT_CHARS)));
    let title = to_single_line(text, MAX_EXCERPT_CHARS);
    let pruned_note = match stats.pruned_term_count {
        0 => String::new(),
        pruned => format!(", {pruned} more pruned"),
    };
    format!(
        "{title} ({} tokens{length_note}; {term_count} terms{pruned_note})\n{}",
        stats.token_count,
        lines.collect::<String>()
    )
}

fn to_json(text: &str, encoded: &EncodedText, terms: &[Term]) -> Value {
    let term_to_json =
        |(index, token, weight): &Term| json!({"index": index, "token": token, "weight": weight_to_json(*weight)});
    let stats = encoded.stats.unwrap_or_default();
    json!({
        "text": text,
        "token_count": stats.token_count,
        "truncated": stats.truncated,
        "window_count": stats.window_count,
        "term_count": encoded.vector.as_ref().map_or(0, |vector| vector.indices.len()),
        "pruned_term_count": stats.pruned_term_count,
        "pruned_weight": weight_to_json(stats.pruned_weight),
        "terms": terms.iter().map(term_to_json).collect::<Vec<_>>(),
    })
}
