//! ModernBERT (Warner et al., 2024, arXiv:2412.13663): pre-norm layers with rotary position embeddings, local attention
//! in most layers, and gated feed-forward networks.

use candle_core::{Result, Tensor};
use serde_json::Value;

use super::super::head::SpladeHead;
use super::super::kernels::{Activation, Attention, LayerNorm, Linear, Rope};
use super::super::layout::TransformerConfig;
use super::super::transformer::{Embeddings, Transformer};
use super::super::{ModelError, TokenBatch, YieldPoint};
use super::builder::LayerBuilder;

const WORD_EMBEDDING: &str = "embeddings.tok_embeddings.weight";

struct ModernBertLayer {
    /// `None` in the first layer, whose input the embeddings already normalize.
    attention_norm: Option<LayerNorm>,
    qkv: Linear,
    attention_output: Linear,
    norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    /// Global attention; otherwise local, with `half_window`.
    is_global: bool,
}

struct ModernBert {
    embeddings: Embeddings,
    layers: Vec<ModernBertLayer>,
    norm: LayerNorm,
    heads: usize,
    global_rope: Rope,
    local_rope: Rope,
    /// Maximum distance of an attended token in local layers, to each side.
    half_window: usize,
}

impl ModernBertLayer {
    fn forward(&self, x: &Tensor, attention: &Attention<'_>, yield_point: &mut YieldPoint<'_>) -> Result<Tensor> {
        yield_point.yield_now();
        let qkv = match &self.attention_norm {
            Some(norm) => self.qkv.forward(&norm.forward(x)?)?,
            None => self.qkv.forward(x)?,
        };
        yield_point.yield_now();
        let x = (x + self.attention_output.forward(&attention.forward(&qkv)?)?)?;
        yield_point.yield_now();
        let expanded = self.intermediate.forward(&self.norm.forward(&x)?)?;
        yield_point.yield_now();
        x + self.output.forward(&expanded)?
    }
}

impl Transformer for ModernBert {
    fn forward(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> Result<Tensor> {
        let (bounds, heads) = (batch.bounds(), self.heads);
        let global_attention = Attention { bounds, heads, rope: Some(&self.global_rope), half_window: None };
        let local_attention =
            Attention { bounds, heads, rope: Some(&self.local_rope), half_window: Some(self.half_window) };
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            hidden = layer.forward(
                &hidden,
                if layer.is_global { &global_attention } else { &local_attention },
                yield_point,
            )?;
        }
        self.norm.forward(&hidden)
    }
}

/// Parts of a layer that have a bias.
#[derive(Clone, Copy)]
struct BiasFlags {
    norm: bool,
    attention: bool,
    mlp: bool,
}

pub(super) fn build(builder: &LayerBuilder<'_>) -> std::result::Result<(Box<dyn Transformer>, SpladeHead), ModelError> {
    let config = builder.config();
    let width = config.get_size("hidden_size")?;
    let heads = builder.head_count("num_attention_heads", width)?;
    let epsilon = config.get_number("/norm_eps", 1e-5)?;
    let biases = BiasFlags {
        norm: config.get_bool("norm_bias")?,
        attention: config.get_bool("attention_bias")?,
        mlp: config.get_bool("mlp_bias")?,
    };
    let norm = |name: &str| builder.layer_norm_with_optional_bias(name, width, biases.norm, epsilon);

    let activation = builder.activation("classifier_activation")?;
    let dense = builder.linear_with_optional_bias(
        "head.dense",
        [width, width],
        config.get_bool("classifier_bias")?,
        activation,
    )?;
    let decoder_bias: &[&str] = if config.get_bool("decoder_bias")? { &["decoder.bias"] } else { &[] };
    let head = builder.head((dense, norm("head.norm")?), "decoder.weight", WORD_EMBEDDING, decoder_bias, width)?;

    let embeddings = builder.embeddings(
        WORD_EMBEDDING,
        "decoder.weight",
        None,
        norm(&builder.base_tensor_name("embeddings.norm"))?,
        width,
    )?;
    let is_global = parse_global_layers(config)?;
    let layers = builder.layers(is_global.len(), |builder, index| {
        let is_global = is_global.get(index).copied().unwrap_or(true);
        build_layer(builder, index, width, epsilon, biases, is_global)
    })?;
    let rope = |kind: &str, old: &str, default: f64| {
        let base =
            config.get_number(&format!("/rope_parameters/{kind}/rope_theta"), config.get_number(old, default)?)?;
        Rope::new(base, width / heads, builder.settings.max_positions).map_err(|error| config.file_error(error))
    };
    let transformer = ModernBert {
        embeddings,
        layers,
        norm: norm(&builder.base_tensor_name("final_norm"))?,
        heads,
        global_rope: rope("full_attention", "/global_rope_theta", 160_000.0)?,
        local_rope: rope("sliding_attention", "/local_rope_theta", 10_000.0)?,
        // `local_attention` is the window of both sides together.
        half_window: config.get_size("local_attention")? / 2,
    };
    Ok((Box::new(transformer), head))
}

/// Returns for each layer whether it has global attention: from `layer_types` of new configurations, or every n-th
/// layer.
fn parse_global_layers(config: &TransformerConfig) -> std::result::Result<Vec<bool>, ModelError> {
    let count = config.get_size("num_hidden_layers")?;
    let Some(layer_types) = config.get("layer_types") else {
        let interval = config.get_size("global_attn_every_n_layers")?;
        return Ok((0..count).map(|index| index.is_multiple_of(interval)).collect());
    };
    let layer_types = layer_types.as_array().filter(|types| types.len() == count);
    let is_global = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Some(true),
        Some("sliding_attention") => Some(false),
        _ => None,
    };
    layer_types.and_then(|types| types.iter().map(is_global).collect()).ok_or_else(|| {
        config.file_error(format!(
            "`layer_types` is invalid; expected full_attention or sliding_attention for each of the {count} layers"
        ))
    })
}

fn build_layer(
    builder: &LayerBuilder<'_>,
    index: usize,
    width: usize,
    epsilon: f64,
    biases: BiasFlags,
    is_global: bool,
) -> std::result::Result<ModernBertLayer, ModelError> {
    let name = |part: &str| builder.base_tensor_name(&format!("layers.{index}.{part}"));
    let norm = |part: &str| builder.layer_norm_with_optional_bias(&name(part), width, biases.norm, epsilon);
    let linear = |part: &str, shape, has_bias, activation| {
        builder.linear_with_optional_bias(&name(part), shape, has_bias, activation)
    };
    let intermediate_size = builder.config().get_size("intermediate_size")?;
    // The fused kernel implements the gate for GELU only.
    let gated_activation = match builder.activation("hidden_activation")? {
        Activation::Gelu => Activation::GatedGelu,
        _ => {
            let problem = "`hidden_activation` is not `gelu`, the only activation supported for ModernBERT";
            return Err(builder.config().file_error(problem));
        }
    };
    Ok(ModernBertLayer {
        attention_norm: if index == 0 { None } else { Some(norm("attn_norm")?) },
        qkv: linear("attn.Wqkv", [3 * width, width], biases.attention, Activation::None)?,
        attention_output: linear("attn.Wo", [width, width], biases.attention, Activation::None)?,
        norm: norm("mlp_norm")?,
        intermediate: linear("mlp.Wi", [2 * intermediate_size, width], biases.mlp, gated_activation)?,
        output: linear("mlp.Wo", [width, intermediate_size], biases.mlp, Activation::None)?,
        is_global,
    })
}
