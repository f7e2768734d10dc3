//! ModernBERT reference: `ModernBert` of candle-transformers and a head built from candle's layers.
//!
//! candle-transformers' `ModernBert` supports no biases except the decoder's, only GELU, one attention pattern (global
//! every n layers) and unscaled rotary positions; other checkpoints have no reference. Its `ModernBertForMaskedLM`
//! always uses the word embedding as decoder, so the head is built here.

use candle_core::Tensor;
use candle_nn::{Activation, Module};
use candle_transformers::models::modernbert::{Config, ModernBert};
use serde_json::{Value, json};

use super::super::super::TransformerSettings;
use super::ReferenceError;
use super::config::{
    ActivationName, base_tensor_names, decoder_weight_names, get_number, get_size, parse_activation, require_value,
};
use super::head::{HeadShape, MaskedLmHead};
use super::masked_lm::MaskedLm;
use super::tensors::TensorSource;

const WORD_EMBEDDING: &str = "embeddings.tok_embeddings.weight";

pub fn load(settings: &TransformerSettings, source: &TensorSource<'_>) -> Result<Box<dyn MaskedLm>, ReferenceError> {
    for bias in ["/attention_bias", "/mlp_bias", "/norm_bias"] {
        require_value(settings, bias, &json!(false))?;
    }
    require_value(settings, "/position_embedding_type", &json!("absolute"))?;
    if parse_activation(settings, "hidden_activation")? != ActivationName::Gelu {
        return Err(ReferenceError::unsupported(
            "config.json: candle-transformers implements `hidden_activation` = gelu only",
        ));
    }
    let layers = get_size(settings, "num_hidden_layers")?;
    let config = Config {
        vocab_size: get_size(settings, "vocab_size")?,
        hidden_size: get_size(settings, "hidden_size")?,
        num_hidden_layers: layers,
        num_attention_heads: get_size(settings, "num_attention_heads")?,
        intermediate_size: get_size(settings, "intermediate_size")?,
        max_position_embeddings: get_size(settings, "max_position_embeddings")?.min(super::MAX_TOKENS),
        layer_norm_eps: get_number(settings, "/norm_eps", 1e-5)?,
        pad_token_id: 0,
        global_attn_every_n_layers: find_global_interval(settings, layers)?,
        global_rope_theta: get_rope_theta(settings, "full_attention", "/global_rope_theta", 160_000.0)?,
        local_attention: get_number(settings, "/local_attention", 128.0)? as usize,
        local_rope_theta: get_rope_theta(settings, "sliding_attention", "/local_rope_theta", 10_000.0)?,
        classifier_config: None,
    };
    let shape = HeadShape {
        hidden_size: config.hidden_size,
        vocabulary_size: config.vocab_size,
        activation: match parse_activation(settings, "classifier_activation")? {
            ActivationName::Gelu => Activation::Gelu,
            ActivationName::GeluTanh => Activation::NewGelu,
            ActivationName::Relu => Activation::Relu,
        },
        norm_eps: config.layer_norm_eps,
        has_dense_bias: get_bool(settings, "classifier_bias", false),
        has_norm_bias: false,
        has_decoder_bias: get_bool(settings, "decoder_bias", true),
    };
    let decoder = decoder_weight_names(settings, "decoder.weight", &base_tensor_names("model", WORD_EMBEDDING));
    let builder = source.builder(move |name| match name {
        "decoder.weight" => decoder.clone(),
        // The first layer has no attention norm; a tensor of that name in the file must be ignored.
        "model.layers.0.attn_norm.weight" => vec!["no such tensor".to_owned()],
        _ => match name.strip_prefix("model.") {
            Some(name) => base_tensor_names("model", name),
            None => vec![name.to_owned()],
        },
    });
    let load = || {
        // candle-transformers would silently load a layer without its norm.
        for index in 1..layers {
            builder.get(config.hidden_size, &format!("model.layers.{index}.attn_norm.weight"))?;
        }
        Ok(ModernBertLm {
            model: ModernBert::load(builder.clone(), &config)?,
            head: MaskedLmHead::load(&shape, builder.pp("head.dense"), builder.pp("head.norm"), builder.pp("decoder"))?,
        })
    };
    load().map(|model| Box::new(model) as _).map_err(|error: candle_core::Error| ReferenceError::unsupported(error))
}

fn get_bool(settings: &TransformerSettings, key: &str, default: bool) -> bool {
    settings.config.get(key).and_then(Value::as_bool).unwrap_or(default)
}

/// Returns the interval of layers with global attention.
fn find_global_interval(settings: &TransformerSettings, layers: usize) -> Result<usize, ReferenceError> {
    let Some(types) = settings.config.get("layer_types").and_then(Value::as_array) else {
        let interval = get_number(settings, "/global_attn_every_n_layers", 3.0)?;
        return match interval as usize {
            0 => Err(ReferenceError::unsupported(
                "config.json: `global_attn_every_n_layers` is invalid; expected a positive number",
            )),
            interval => Ok(interval),
        };
    };
    let follows = |interval: usize| {
        types.iter().enumerate().all(|(index, kind)| match kind.as_str() {
            Some("full_attention") => index.is_multiple_of(interval),
            Some("sliding_attention") => !index.is_multiple_of(interval),
            _ => false,
        })
    };
    let interval = (1..=layers).find(|&interval| types.len() == layers && follows(interval));
    interval.ok_or_else(|| {
        ReferenceError::unsupported(
            "config.json: candle-transformers only implements `layer_types` with full_attention every n layers, \
             starting with the first",
        )
    })
}

/// Returns the base of the rotary embeddings for one attention type.
fn get_rope_theta(
    settings: &TransformerSettings,
    kind: &str,
    old_pointer: &str,
    default: f64,
) -> Result<f64, ReferenceError> {
    require_value(settings, &format!("/rope_parameters/{kind}/rope_type"), &json!("default"))?;
    require_value(settings, "/rope_scaling", &Value::Null)?;
    get_number(settings, &format!("/rope_parameters/{kind}/rope_theta"), get_number(settings, old_pointer, default)?)
}

struct ModernBertLm {
    model: ModernBert,
    head: MaskedLmHead,
}

impl MaskedLm for ModernBertLm {
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        self.head.forward(&self.model.forward(ids, &ids.ones_like()?)?)
    }
}
