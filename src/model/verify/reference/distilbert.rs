//! DistilBERT, by `BertForMaskedLM` of candle-transformers.
//!
//! DistilBERT is BERT without token types, under other names. candle-transformers' own `DistilBertForMaskedLM` can't
//! serve as a reference: it replaces GELU by its approximation with tanh, which moves weights by up to 1.4e-3 on this
//! repository's model, and always takes the decoder from the word embedding.

use candle_transformers::models::bert::Config;
use serde_json::json;

use super::super::super::Settings;
use super::config::{activation, base_names, decoder_weight, require, size};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;
use super::{NoReference, bert};

/// The parts of a layer: BERT's name and DistilBERT's.
const LAYER: [(&str, &str); 8] = [
    ("attention.self.query", "attention.q_lin"),
    ("attention.self.key", "attention.k_lin"),
    ("attention.self.value", "attention.v_lin"),
    ("attention.output.dense", "attention.out_lin"),
    ("attention.output.LayerNorm", "sa_layer_norm"),
    ("intermediate.dense", "ffn.lin1"),
    ("output.dense", "ffn.lin2"),
    ("output.LayerNorm", "output_layer_norm"),
];

/// The parts of the head: BERT's name and DistilBERT's.
const HEAD: [(&str, &str); 2] = [
    ("cls.predictions.transform.dense", "vocab_transform"),
    ("cls.predictions.transform.LayerNorm", "vocab_layer_norm"),
];

pub fn load(settings: &Settings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, NoReference> {
    // The positions of such a checkpoint are computed, not read.
    require(settings, "/sinusoidal_pos_embds", &json!(false))?;
    let config = Config {
        vocab_size: size(settings, "vocab_size")?,
        hidden_size: size(settings, "dim")?,
        num_hidden_layers: size(settings, "n_layers")?,
        num_attention_heads: size(settings, "n_heads")?,
        intermediate_size: size(settings, "hidden_dim")?,
        hidden_act: bert::hidden_act(activation(settings, "activation")?),
        max_position_embeddings: size(settings, "max_position_embeddings")?,
        type_vocab_size: 1,
        layer_norm_eps: 1e-12,
        ..Config::default()
    };
    let decoder = decoder_weight(settings, "vocab_projector.weight", &base_names("distilbert", bert::WORD));
    bert::from_config(&config, source, move |name| match name {
        "cls.predictions.decoder.weight" => decoder.clone(),
        "cls.predictions.decoder.bias" => vec!["vocab_projector.bias".to_owned()],
        "bert.embeddings.token_type_embeddings.weight" => Vec::new(),
        _ => match name.strip_prefix("bert.") {
            Some(name) => base_names("distilbert", &base_name(name)),
            None => vec![renamed(name, &HEAD)],
        },
    })
}

/// Returns DistilBERT's name of a tensor of BERT's base model.
fn base_name(name: &str) -> String {
    let layer = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split_once('.'));
    layer
        .map_or_else(|| name.to_owned(), |(index, part)| format!("transformer.layer.{index}.{}", renamed(part, &LAYER)))
}

fn renamed(name: &str, names: &[(&str, &str)]) -> String {
    let found = names.iter().find_map(|(bert, distilbert)| Some(format!("{distilbert}{}", name.strip_prefix(bert)?)));
    found.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_bert_become_those_of_distilbert() {
        for (bert, distilbert) in [
            ("encoder.layer.11.attention.self.query.weight", "transformer.layer.11.attention.q_lin.weight"),
            ("encoder.layer.0.output.LayerNorm.bias", "transformer.layer.0.output_layer_norm.bias"),
            ("encoder.layer.0.output.dense.bias", "transformer.layer.0.ffn.lin2.bias"),
            ("encoder.layer.0.attention.output.dense.weight", "transformer.layer.0.attention.out_lin.weight"),
            ("embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight"),
        ] {
            assert_eq!(base_name(bert), distilbert);
        }
        assert_eq!(renamed("cls.predictions.transform.dense.bias", &HEAD), "vocab_transform.bias");
    }
}
