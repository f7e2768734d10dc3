//! RoBERTa (Liu et al., 2019, arXiv:1907.11692) and XLM-R (Conneau et al., 2019, arXiv:1911.02116): BERT with positions
//! that begin after that of the padding, and a head under other names.

use serde_json::Value;

use super::super::head::Head;
use super::super::kernels::Activation;
use super::super::transformer::Transformer;
use super::{Builder, ModelError, bert};

/// The position of padding; a text begins after it.
pub(super) fn padding(config: &Value) -> u32 {
    let padding = config.get("pad_token_id").and_then(Value::as_u64);
    padding.and_then(|padding| u32::try_from(padding).ok()).unwrap_or(1)
}

pub(super) fn build(builder: &Builder<'_>) -> Result<(Box<dyn Transformer>, Head), ModelError> {
    let width = builder.settings.size("hidden_size")?;
    // The head's activation is fixed, whatever the layers have.
    let dense = builder.linear("lm_head.dense", [width, width], Activation::Gelu)?;
    let norm = builder.layer_norm("lm_head.layer_norm", width)?;
    let word = "embeddings.word_embeddings.weight";
    let biases = ["lm_head.decoder.bias", "lm_head.bias"];
    let head = builder.head((dense, norm), "lm_head.decoder.weight", word, &biases, width)?;
    Ok((bert::transformer(builder, Some(padding(&builder.settings.config)))?, head))
}
