//! BERT reference: `BertForMaskedLM` of candle-transformers, which agrees with transformers.

use candle_core::Tensor;
use candle_transformers::models::bert::{BertForMaskedLM, Config, HiddenAct};
use serde_json::json;

use super::super::super::TransformerSettings;
use super::ReferenceError;
use super::config::{
    ActivationName, base_tensor_names, decoder_weight_names, get_number, get_size, parse_activation, require_value,
};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;

pub const WORD_EMBEDDING: &str = "embeddings.word_embeddings.weight";

pub fn load(settings: &TransformerSettings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, ReferenceError> {
    require_value(settings, "/position_embedding_type", &json!("absolute"))?;
    require_value(settings, "/is_decoder", &json!(false))?;
    let config = Config {
        vocab_size: get_size(settings, "vocab_size")?,
        hidden_size: get_size(settings, "hidden_size")?,
        num_hidden_layers: get_size(settings, "num_hidden_layers")?,
        num_attention_heads: get_size(settings, "num_attention_heads")?,
        intermediate_size: get_size(settings, "intermediate_size")?,
        hidden_act: to_hidden_act(parse_activation(settings, "hidden_act")?),
        max_position_embeddings: get_size(settings, "max_position_embeddings")?,
        type_vocab_size: get_size(settings, "type_vocab_size")?,
        layer_norm_eps: get_number(settings, "/layer_norm_eps", 1e-12)?,
        ..Config::default()
    };
    let decoder =
        decoder_weight_names(settings, "cls.predictions.decoder.weight", &base_tensor_names("bert", WORD_EMBEDDING));
    load_from_config(&config, source, move |name| match name {
        "cls.predictions.decoder.weight" => decoder.clone(),
        "cls.predictions.decoder.bias" => vec![name.to_owned(), "cls.predictions.bias".to_owned()],
        _ => match name.strip_prefix("bert.") {
            Some(name) => base_tensor_names("bert", name),
            None => vec![name.to_owned()],
        },
    })
}

/// Loads the class from a checkpoint with other tensor names.
pub fn load_from_config(
    config: &Config,
    source: &TensorSource<'_>,
    rename: impl Fn(&str) -> Vec<String> + Send + Sync,
) -> Result<Box<dyn MaskedLm>, ReferenceError> {
    let model = BertForMaskedLM::load(source.builder(rename), config).map_err(ReferenceError::unsupported)?;
    Ok(Box::new(Bert(model)))
}

pub fn to_hidden_act(name: ActivationName) -> HiddenAct {
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
