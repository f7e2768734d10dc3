//! ModernBERT (Warner et al., 2024, arXiv:2412.13663): normalises before each sub-layer, turns queries and keys by their
//! positions, sees a short way in most layers, and gates its feed-forward networks.

use candle_core::{Result, Tensor};
use serde_json::Value;

use super::super::head::Head;
use super::super::kernels::{Activation, Attention, LayerNorm, Linear, Rope};
use super::super::layout::Config;
use super::super::transformer::{Embeddings, Transformer};
use super::super::{ModelError, TokenBatch, YieldPoint};
use super::builder::Builder;

const WORD: &str = "embeddings.tok_embeddings.weight";

struct Layer {
    /// The first layer's input is normalised by the embeddings.
    attention_norm: Option<LayerNorm>,
    qkv: Linear,
    attention_output: Linear,
    norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    /// Whether each token sees its whole text.
    is_global: bool,
}

struct ModernBert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    norm: LayerNorm,
    heads: usize,
    global: Rope,
    local: Rope,
    /// How far a token sees in the other layers.
    reach: usize,
}

impl Layer {
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
        let global = Attention { bounds, heads, rope: Some(&self.global), reach: None };
        let local = Attention { bounds, heads, rope: Some(&self.local), reach: Some(self.reach) };
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, if layer.is_global { &global } else { &local }, yield_point)?;
        }
        self.norm.forward(&hidden)
    }
}

/// Which parts have biases.
#[derive(Clone, Copy)]
struct Biases {
    norm: bool,
    attention: bool,
    mlp: bool,
}

pub(super) fn build(builder: &Builder<'_>) -> std::result::Result<(Box<dyn Transformer>, Head), ModelError> {
    let config = builder.config();
    let width = config.size("hidden_size")?;
    let heads = builder.heads("num_attention_heads", width)?;
    let epsilon = config.number("/norm_eps", 1e-5)?;
    let biases = Biases {
        norm: config.is_on("norm_bias")?,
        attention: config.is_on("attention_bias")?,
        mlp: config.is_on("mlp_bias")?,
    };
    let norm = |name: &str| builder.layer_norm_maybe_biased(name, width, biases.norm, epsilon);

    let activation = builder.activation("classifier_activation")?;
    let dense =
        builder.linear_maybe_biased("head.dense", [width, width], config.is_on("classifier_bias")?, activation)?;
    let decoder_bias: &[&str] = if config.is_on("decoder_bias")? { &["decoder.bias"] } else { &[] };
    let head = builder.head((dense, norm("head.norm")?), "decoder.weight", WORD, decoder_bias, width)?;

    let embeddings =
        builder.embeddings(WORD, "decoder.weight", None, norm(&builder.base("embeddings.norm"))?, width)?;
    let is_global = global_layers(config)?;
    let layers = builder.layers(is_global.len(), |builder, index| {
        let is_global = is_global.get(index).copied().unwrap_or(true);
        layer(builder, index, width, epsilon, biases, is_global)
    })?;
    let rope = |kind: &str, old: &str, default: f64| {
        let base = config.number(&format!("/rope_parameters/{kind}/rope_theta"), config.number(old, default)?)?;
        Rope::new(base, width / heads, builder.settings.positions).map_err(|error| config.problem(error))
    };
    let transformer = ModernBert {
        embeddings,
        layers,
        norm: norm(&builder.base("final_norm"))?,
        heads,
        global: rope("full_attention", "/global_rope_theta", 160_000.0)?,
        local: rope("sliding_attention", "/local_rope_theta", 10_000.0)?,
        // The configured window is that to both sides together.
        reach: config.size("local_attention")? / 2,
    };
    Ok((Box::new(transformer), head))
}

/// Which layers see everything: as new configurations list them, or every n-th, as old ones say.
fn global_layers(config: &Config) -> std::result::Result<Vec<bool>, ModelError> {
    let count = config.size("num_hidden_layers")?;
    let Some(listed) = config.get("layer_types") else {
        let every = config.size("global_attn_every_n_layers")?;
        return Ok((0..count).map(|index| index.is_multiple_of(every)).collect());
    };
    let listed = listed.as_array().filter(|listed| listed.len() == count);
    let is_global = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Some(true),
        Some("sliding_attention") => Some(false),
        _ => None,
    };
    listed.and_then(|listed| listed.iter().map(is_global).collect()).ok_or_else(|| {
        config.problem(format!(
            "`layer_types` must name full_attention or sliding_attention for each of the {count} layers"
        ))
    })
}

fn layer(
    builder: &Builder<'_>,
    index: usize,
    width: usize,
    epsilon: f64,
    biases: Biases,
    is_global: bool,
) -> std::result::Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("layers.{index}.{part}"));
    let norm = |part: &str| builder.layer_norm_maybe_biased(&name(part), width, biases.norm, epsilon);
    let linear = |part: &str, shape, is_biased, activation| {
        builder.linear_maybe_biased(&name(part), shape, is_biased, activation)
    };
    let inner = builder.config().size("intermediate_size")?;
    let gated = match builder.activation("hidden_activation")? {
        Activation::Gelu => Activation::GatedGelu,
        _ => {
            let problem = "`hidden_activation` is not `gelu`; ModernBERT is only supported with it";
            return Err(builder.config().problem(problem));
        }
    };
    Ok(Layer {
        attention_norm: if index == 0 { None } else { Some(norm("attn_norm")?) },
        qkv: linear("attn.Wqkv", [3 * width, width], biases.attention, Activation::None)?,
        attention_output: linear("attn.Wo", [width, width], biases.attention, Activation::None)?,
        norm: norm("mlp_norm")?,
        intermediate: linear("mlp.Wi", [2 * inner, width], biases.mlp, gated)?,
        output: linear("mlp.Wo", [width, inner], biases.mlp, Activation::None)?,
        is_global,
    })
}
