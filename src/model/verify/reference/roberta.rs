//! RoBERTa, CamemBERT and XLM-R reference: `XLMRobertaModel` of candle-transformers and a head built from candle's
//! layers.
//!
//! The three classes are equivalent in transformers. candle-transformers' `XLMRobertaForMaskedLM` is not usable as a
//! reference: its head omits the decoder's bias and always uses the word embedding as decoder.

use candle_core::Tensor;
use candle_nn::{Activation, Module};
use candle_transformers::models::xlm_roberta::{Config, XLMRobertaModel};
use serde_json::json;

use super::super::super::TransformerSettings;
use super::config::{
    ActivationName, base_tensor_names, decoder_weight_names, get_number, get_size, parse_activation, require_value,
};
use super::head::{HeadShape, MaskedLmHead};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;
use super::{ReferenceError, bert};

pub fn load(settings: &TransformerSettings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, ReferenceError> {
    require_value(settings, "/position_embedding_type", &json!("absolute"))?;
    require_value(settings, "/is_decoder", &json!(false))?;
    let config = Config {
        hidden_size: get_size(settings, "hidden_size")?,
        layer_norm_eps: get_number(settings, "/layer_norm_eps", 1e-12)?,
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads: get_size(settings, "num_attention_heads")?,
        position_embedding_type: "absolute".to_owned(),
        intermediate_size: get_size(settings, "intermediate_size")?,
        hidden_act: to_hidden_act(parse_activation(settings, "hidden_act")?),
        num_hidden_layers: get_size(settings, "num_hidden_layers")?,
        vocab_size: get_size(settings, "vocab_size")?,
        max_position_embeddings: get_size(settings, "max_position_embeddings")?,
        type_vocab_size: get_size(settings, "type_vocab_size")?,
        pad_token_id: get_padding_id(settings)?,
    };
    let shape = HeadShape {
        hidden_size: config.hidden_size,
        vocabulary_size: config.vocab_size,
        // transformers hard-codes the head's activation, independent of `hidden_act`.
        activation: Activation::Gelu,
        norm_eps: config.layer_norm_eps,
        has_dense_bias: true,
        has_norm_bias: true,
        has_decoder_bias: true,
    };
    let decoder =
        decoder_weight_names(settings, "lm_head.decoder.weight", &base_tensor_names("roberta", bert::WORD_EMBEDDING));
    let builder = source.builder(move |name| match name {
        "lm_head.decoder.weight" => decoder.clone(),
        "lm_head.decoder.bias" => vec![name.to_owned(), "lm_head.bias".to_owned()],
        _ => match name.strip_prefix("roberta.") {
            Some(name) => base_tensor_names("roberta", name),
            None => vec![name.to_owned()],
        },
    });
    let load = || {
        let head = builder.pp("lm_head");
        Ok(Roberta {
            model: XLMRobertaModel::new(&config, builder.pp("roberta"))?,
            head: MaskedLmHead::load(&shape, head.pp("dense"), head.pp("layer_norm"), head.pp("decoder"))?,
        })
    };
    load().map(|model| Box::new(model) as _).map_err(|error: candle_core::Error| ReferenceError::unsupported(error))
}

/// Returns the padding id after which position ids begin; 1 if the key is missing.
fn get_padding_id(settings: &TransformerSettings) -> Result<u32, ReferenceError> {
    let padding = get_number(settings, "/pad_token_id", 1.0)?;
    let id = padding as u32;
    if f64::from(id) == padding {
        return Ok(id);
    }
    Err(ReferenceError::unsupported("config.json: `pad_token_id` is invalid; expected a token id"))
}

fn to_hidden_act(name: ActivationName) -> Activation {
    match name {
        ActivationName::Gelu => Activation::Gelu,
        ActivationName::GeluTanh => Activation::NewGelu,
        ActivationName::Relu => Activation::Relu,
    }
}

struct Roberta {
    model: XLMRobertaModel,
    head: MaskedLmHead,
}

impl MaskedLm for Roberta {
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = self.model.forward(ids, &ids.ones_like()?, &ids.zeros_like()?, None, None, None)?;
        self.head.forward(&hidden)
    }
}
