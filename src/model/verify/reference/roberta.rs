//! RoBERTa, CamemBERT and XLM-R, by `XLMRobertaModel` of candle-transformers and a head of candle's layers.
//!
//! The three classes are the same in transformers. candle-transformers' `XLMRobertaForMaskedLM` can't serve as a
//! reference: its head leaves out the decoder's bias, and always takes the decoder from the word embedding.

use candle_core::Tensor;
use candle_nn::{Activation, Module};
use candle_transformers::models::xlm_roberta::{Config, XLMRobertaModel};
use serde_json::json;

use super::super::super::Settings;
use super::config::{ActivationName, activation, base_names, decoder_weight, number, require, size};
use super::head::{Head, HeadShape};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;
use super::{NoReference, bert};

pub fn load(settings: &Settings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, NoReference> {
    require(settings, "/position_embedding_type", &json!("absolute"))?;
    require(settings, "/is_decoder", &json!(false))?;
    let config = Config {
        hidden_size: size(settings, "hidden_size")?,
        layer_norm_eps: number(settings, "/layer_norm_eps", 1e-12)?,
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads: size(settings, "num_attention_heads")?,
        position_embedding_type: "absolute".to_owned(),
        intermediate_size: size(settings, "intermediate_size")?,
        hidden_act: hidden_act(activation(settings, "hidden_act")?),
        num_hidden_layers: size(settings, "num_hidden_layers")?,
        vocab_size: size(settings, "vocab_size")?,
        max_position_embeddings: size(settings, "max_position_embeddings")?,
        type_vocab_size: size(settings, "type_vocab_size")?,
        pad_token_id: padding(settings)?,
    };
    let shape = HeadShape {
        hidden_size: config.hidden_size,
        vocabulary_size: config.vocab_size,
        // Fixed, whatever the layers have.
        activation: Activation::Gelu,
        norm_eps: config.layer_norm_eps,
        has_dense_bias: true,
        has_norm_bias: true,
        has_decoder_bias: true,
    };
    let decoder = decoder_weight(settings, "lm_head.decoder.weight", &base_names("roberta", bert::WORD));
    let builder = source.builder(move |name| match name {
        "lm_head.decoder.weight" => decoder.clone(),
        "lm_head.decoder.bias" => vec![name.to_owned(), "lm_head.bias".to_owned()],
        _ => match name.strip_prefix("roberta.") {
            Some(name) => base_names("roberta", name),
            None => vec![name.to_owned()],
        },
    });
    let load = || {
        let head = builder.pp("lm_head");
        Ok(Roberta {
            model: XLMRobertaModel::new(&config, builder.pp("roberta"))?,
            head: Head::load(&shape, head.pp("dense"), head.pp("layer_norm"), head.pp("decoder"))?,
        })
    };
    load().map(|model| Box::new(model) as _).map_err(|error: candle_core::Error| NoReference::unsupported(error))
}

/// Returns the padding id, after whose position those of a text begin; 1 if the key is absent.
fn padding(settings: &Settings) -> Result<u32, NoReference> {
    let padding = number(settings, "/pad_token_id", 1.0)?;
    let id = padding as u32;
    if f64::from(id) == padding {
        return Ok(id);
    }
    Err(NoReference::unsupported("config.json: `pad_token_id` is not a token id"))
}

fn hidden_act(name: ActivationName) -> Activation {
    match name {
        ActivationName::Gelu => Activation::Gelu,
        ActivationName::GeluTanh => Activation::NewGelu,
        ActivationName::Relu => Activation::Relu,
    }
}

struct Roberta {
    model: XLMRobertaModel,
    head: Head,
}

impl MaskedLm for Roberta {
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = self.model.forward(ids, &ids.ones_like()?, &ids.zeros_like()?, None, None, None)?;
        self.head.forward(&hidden)
    }
}
