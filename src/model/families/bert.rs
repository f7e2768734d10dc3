//! BERT (Devlin et al., 2018, arXiv:1810.04805).

use super::super::head::Head;
use super::super::kernels::Activation;
use super::super::transformer::{Embeddings, Layer, Transformer};
use super::{Builder, ModelError, Settings, Weights};

pub(super) fn build(settings: &Settings, weights: &Weights) -> Result<(Transformer, Head), ModelError> {
    let builder = Builder::new(settings, weights, "bert.");
    let width = settings.size("hidden_size")?;
    let positions = settings.size("max_position_embeddings")?;

    let word =
        builder.tensor(&builder.base("embeddings.word_embeddings.weight"), &[settings.vocabulary_size, width])?;
    let position = builder.tensor(&builder.base("embeddings.position_embeddings.weight"), &[positions, width])?;
    let types = builder.tensor(
        &builder.base("embeddings.token_type_embeddings.weight"),
        &[settings.size("type_vocab_size")?, width],
    )?;
    let position = builder.made(types.narrow(0, 0, 1).and_then(|first| position.broadcast_add(&first)))?;
    let norm = builder.layer_norm(&builder.base("embeddings.LayerNorm"), width)?;

    let layers = (0..settings.size("num_hidden_layers")?).map(|index| layer(&builder, index, width));
    let layers = layers.collect::<Result<_, _>>()?;

    let head = "cls.predictions";
    let transform =
        builder.linear(&format!("{head}.transform.dense"), [width, width], builder.activation("hidden_act")?)?;
    let transform_norm = builder.layer_norm(&format!("{head}.transform.LayerNorm"), width)?;
    let decoder = builder.decoder(&format!("{head}.decoder.weight"), &word, width)?;
    let names = [format!("{head}.bias"), format!("{head}.decoder.bias")];
    let bias = weights.tensor(&names, &[settings.vocabulary_size])?;
    let head = Head::new((transform, transform_norm), &decoder, &bias, settings.pooling, settings.activation);

    let embeddings = Embeddings { word, position, norm };
    let heads = settings.size("num_attention_heads")?;
    Ok((Transformer { embeddings, layers, heads }, builder.made(head)?))
}

fn layer(builder: &Builder<'_>, index: usize, width: usize) -> Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("encoder.layer.{index}.{part}"));
    let inner = builder.settings.size("intermediate_size")?;
    let qkv = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
    Ok(Layer {
        qkv: builder.fused_linear(qkv, width)?,
        attention_output: builder.linear(&name("attention.output.dense"), [width, width], Activation::None)?,
        attention_norm: builder.layer_norm(&name("attention.output.LayerNorm"), width)?,
        intermediate: builder.linear(&name("intermediate.dense"), [inner, width], builder.activation("hidden_act")?)?,
        output: builder.linear(&name("output.dense"), [width, inner], Activation::None)?,
        output_norm: builder.layer_norm(&name("output.LayerNorm"), width)?,
    })
}
