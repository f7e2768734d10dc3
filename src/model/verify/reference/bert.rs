//! BERT, by `BertForMaskedLM` of candle-transformers, which agrees with that of transformers.

use candle_core::Tensor;
use candle_transformers::models::bert::{BertForMaskedLM, Config, HiddenAct};
use serde_json::json;

use super::super::super::Settings;
use super::NoReference;
use super::config::{ActivationName, activation, base_names, decoder_weight, number, require, size};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;

pub const WORD: &str = "embeddings.word_embeddings.weight";

pub fn load(settings: &Settings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, NoReference> {
    require(settings, "/position_embedding_type", &json!("absolute"))?;
    require(settings, "/is_decoder", &json!(false))?;
    let config = Config {
        vocab_size: size(settings, "vocab_size")?,
        hidden_size: size(settings, "hidden_size")?,
        num_hidden_layers: size(settings, "num_hidden_layers")?,
        num_attention_heads: size(settings, "num_attention_heads")?,
        intermediate_size: size(settings, "intermediate_size")?,
        hidden_act: hidden_act(activation(settings, "hidden_act")?),
        max_position_embeddings: size(settings, "max_position_embeddings")?,
        type_vocab_size: size(settings, "type_vocab_size")?,
        layer_norm_eps: number(settings, "/layer_norm_eps", 1e-12)?,
        ..Config::default()
    };
    let decoder = decoder_weight(settings, "cls.predictions.decoder.weight", &base_names("bert", WORD));
    from_config(&config, source, move |name| match name {
        "cls.predictions.decoder.weight" => decoder.clone(),
        "cls.predictions.decoder.bias" => vec![name.to_owned(), "cls.predictions.bias".to_owned()],
        _ => match name.strip_prefix("bert.") {
            Some(name) => base_names("bert", name),
            None => vec![name.to_owned()],
        },
    })
}

/// Loads the class with the names of another checkpoint.
pub fn from_config(
    config: &Config,
    source: &TensorSource<'_>,
    rename: impl Fn(&str) -> Vec<String> + Send + Sync,
) -> Result<Box<dyn MaskedLm>, NoReference> {
    let model = BertForMaskedLM::load(source.builder(rename), config).map_err(NoReference::unsupported)?;
    Ok(Box::new(Bert(model)))
}

pub fn hidden_act(name: ActivationName) -> HiddenAct {
    match name {
        ActivationName::Gelu => HiddenAct::Gelu,
        ActivationName::GeluTanh => HiddenAct::GeluApproximate,
        ActivationName::Relu => HiddenAct::Relu,
    }
}

struct Bert(BertForMaskedLM);

impl MaskedLm for Bert {
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        self.0.forward(ids, &ids.zeros_like()?, None)
    }
}
