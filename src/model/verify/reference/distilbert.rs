//! DistilBERT reference: `BertForMaskedLM` of candle-transformers.
//!
//! DistilBERT is BERT without token types and with other tensor names. candle-transformers' own `DistilBertForMaskedLM`
//! is not usable as a reference: it replaces GELU by its tanh approximation, which changes weights by up to 1.4e-3 on
//! the model in `tests/data/models`, and always uses the word embedding as decoder.

use candle_transformers::models::bert::Config;
use serde_json::json;

use super::super::super::TransformerSettings;
use super::config::{base_tensor_names, decoder_weight_names, get_size, parse_activation, require_value};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;
use super::{ReferenceError, bert};

/// Module names within a layer: BERT's and DistilBERT's.
const LAYER_NAMES: [(&str, &str); 8] = [
    ("attention.self.query", "attention.q_lin"),
    ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"),
    ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"),
    ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"),
    ("output.LayerNorm", "output_layer_norm"),
];

/// Module names of the head: BERT's and DistilBERT's.
const HEAD_NAMES: [(&str, &str); 2] = [
    ("cls.predictions.transform.dense", "vocab_transform"),
    ("cls.predictions.transform.LayerNorm", "vocab_layer_norm"),
];

pub fn load(settings: &TransformerSettings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, ReferenceError> {
    // Sinusoidal positions would be computed instead of read from the checkpoint.
    require_value(settings, "/sinusoidal_pos_embds", &json!(false))?;
    let config = Config {
        vocab_size: get_size(settings, "vocab_size")?,
        hidden_size: get_size(settings, "dim")?,
        num_hidden_layers: get_size(settings, "n_layers")?,
        num_attention_heads: get_size(settings, "n_heads")?,
        intermediate_size: get_size(settings, "hidden_dim")?,
        hidden_act: bert::to_hidden_act(parse_activation(settings, "activation")?),
        max_position_embeddings: get_size(settings, "max_position_embeddings")?,
        type_vocab_size: 1,
        layer_norm_eps: 1e-12,
        ..Config::default()
    };
    let decoder = decoder_weight_names(
        settings,
        "vocab_projector.weight",
        &base_tensor_names("distilbert", bert::WORD_EMBEDDING),
    );
    bert::load_from_config(&config, source, move |name| match name {
        "cls.predictions.decoder.weight" => decoder.clone(),
        "cls.predictions.decoder.bias" => vec!["vocab_projector.bias".to_owned()],
        "bert.embeddings.token_type_embeddings.weight" => Vec::new(),
        _ => match name.strip_prefix("bert.") {
            Some(name) => base_tensor_names("distilbert", &to_distilbert_name(name)),
            None => vec![rename_prefix(name, &HEAD_NAMES)],
        },
    })
}

/// Converts the name of a tensor of BERT's base model to DistilBERT's.
fn to_distilbert_name(name: &str) -> String {
    let layer = name.strip_prefix("encoder.layer.").and_then(|suffix| suffix.split_once('.'));
    layer.map_or_else(
        || name.to_owned(),
        |(index, part)| format!("transformer.layer.{index}.{}", rename_prefix(part, &LAYER_NAMES)),
    )
}

fn rename_prefix(name: &str, names: &[(&str, &str)]) -> String {
    let found = names.iter().find_map(|(bert, distilbert)| Some(format!("{distilbert}{}", name.strip_prefix(bert)?)));
    found.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bert_names_are_converted_to_distilbert_names() {
        for (bert, distilbert) in [
            ("encoder.layer.11.attention.self.query.weight", "transformer.layer.11.attention.q_lin.weight"),
            ("encoder.layer.0.output.LayerNorm.bias", "transformer.layer.0.output_layer_norm.bias"),
            ("encoder.layer.0.output.dense.bias", "transformer.layer.0.ffn.lin2.bias"),
            ("encoder.layer.0.attention.output.dense.weight", "transformer.layer.0.attention.out_lin.weight"),
            ("embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight"),
        ] {
            assert_eq!(to_distilbert_name(bert), distilbert);
        }
        assert_eq!(rename_prefix("cls.predictions.transform.dense.bias", &HEAD_NAMES), "vocab_transform.bias");
    }
}
