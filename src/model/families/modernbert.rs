//! ModernBERT (Warner et al., 2024, arXiv:2412.13663): normalises before each sub-layer, turns queries and keys by their
//! positions, sees a short way in most layers, and gates its feed-forward networks.

use candle_core::{Result, Tensor};
use serde_json::Value;

use super::super::TokenBatch;
use super::super::head::Head;
use super::super::kernels::{Activation, Attention, LayerNorm, Linear, Rope};
use super::super::transformer::{Embeddings, Transformer};
use super::{Builder, ModelError};

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
    fn forward(&self, x: &Tensor, attention: &Attention<'_>, between: &mut dyn FnMut()) -> Result<Tensor> {
        between();
        let qkv = match &self.attention_norm {
            Some(norm) => self.qkv.forward(&norm.forward(x)?)?,
            None => self.qkv.forward(x)?,
        };
        between();
        let x = (x + self.attention_output.forward(&attention.forward(&qkv)?)?)?;
        between();
        let expanded = self.intermediate.forward(&self.norm.forward(&x)?)?;
        between();
        x + self.output.forward(&expanded)?
    }
}

impl Transformer for ModernBert {
    fn forward(&self, batch: &TokenBatch, between: &mut dyn FnMut()) -> Result<Tensor> {
        let (bounds, heads) = (batch.bounds(), self.heads);
        let global = Attention { bounds, heads, rope: Some(&self.global), reach: None };
        let local = Attention { bounds, heads, rope: Some(&self.local), reach: Some(self.reach) };
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, if layer.is_global { &global } else { &local }, between)?;
        }
        self.norm.forward(&hidden)
    }
}

pub(super) fn build(builder: &Builder<'_>) -> std::result::Result<(Box<dyn Transformer>, Head), ModelError> {
    let settings = builder.settings;
    let width = settings.size("hidden_size")?;
    let heads = builder.heads("num_attention_heads", width)?;
    let epsilon = builder.number("/norm_eps", 1e-5)?;
    let norm = |name: &str| builder.layer_norm_maybe_biased(name, width, epsilon);

    let activation = builder.activation("classifier_activation")?;
    let dense = builder.linear_maybe_biased("head.dense", [width, width], activation)?;
    let head = builder.head((dense, norm("head.norm")?), "decoder.weight", WORD, &["decoder.bias"], width)?;

    let embeddings = builder.embeddings(WORD, None, norm(&builder.base("embeddings.norm"))?, width)?;
    let is_global = global_layers(&settings.config);
    let layers = builder.layers(settings.size("num_hidden_layers")?, |builder, index| {
        layer(builder, index, width, epsilon, is_global(index))
    })?;
    let rope = |kind: &str, old: &str, default: f64| {
        let base = builder.number(&format!("/rope_parameters/{kind}/rope_theta"), builder.number(old, default)?)?;
        let rope = Rope::new(base, width / heads, settings.max_length);
        rope.map_err(|error| ModelError::file(&settings.config_path, error))
    };
    let transformer = ModernBert {
        embeddings,
        layers,
        norm: norm(&builder.base("final_norm"))?,
        heads,
        global: rope("full_attention", "/global_rope_theta", 160_000.0)?,
        local: rope("sliding_attention", "/local_rope_theta", 10_000.0)?,
        // The configured window is that to both sides together.
        reach: builder.number("/local_attention", 128.0)? as usize / 2,
    };
    Ok((Box::new(transformer), head))
}

/// Which layers see everything: as new configurations list them, or every n-th, as old ones say.
fn global_layers(config: &Value) -> impl Fn(usize) -> bool + Sync {
    let listed = config
        .get("layer_types")
        .and_then(Value::as_array)
        .map(|types| types.iter().map(|kind| kind.as_str() != Some("sliding_attention")).collect::<Vec<_>>());
    let every = config.get("global_attn_every_n_layers").and_then(Value::as_u64).unwrap_or(3).max(1);
    move |index| match &listed {
        Some(listed) => listed.get(index).copied().unwrap_or(true),
        None => (index as u64).is_multiple_of(every),
    }
}

fn layer(
    builder: &Builder<'_>,
    index: usize,
    width: usize,
    epsilon: f64,
    is_global: bool,
) -> std::result::Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("layers.{index}.{part}"));
    let norm = |part: &str| builder.layer_norm_maybe_biased(&name(part), width, epsilon);
    let inner = builder.settings.size("intermediate_size")?;
    let gated = match builder.activation("hidden_activation")? {
        Activation::Gelu => Activation::GatedGelu,
        _ => {
            let problem = "`hidden_activation` is not `gelu`, which a gated layer needs";
            return Err(ModelError::file(&builder.settings.config_path, problem));
        }
    };
    Ok(Layer {
        attention_norm: if index == 0 { None } else { Some(norm("attn_norm")?) },
        qkv: builder.linear_maybe_biased(&name("attn.Wqkv"), [3 * width, width], Activation::None)?,
        attention_output: builder.linear_maybe_biased(&name("attn.Wo"), [width, width], Activation::None)?,
        norm: norm("mlp_norm")?,
        intermediate: builder.linear_maybe_biased(&name("mlp.Wi"), [2 * inner, width], gated)?,
        output: builder.linear_maybe_biased(&name("mlp.Wo"), [width, inner], Activation::None)?,
        is_global,
    })
}
