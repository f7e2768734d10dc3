//! DistilBERT (Sanh et al., 2019, arXiv:1910.01108): BERT's layers without token types, under other names.

use super::super::head::Head;
use super::super::kernels::Activation;
use super::super::transformer::{Embeddings, Layer, Transformer};
use super::{Builder, ModelError, Settings, Weights};

pub(super) fn build(settings: &Settings, weights: &Weights) -> Result<(Transformer, Head), ModelError> {
    let builder = Builder::new(settings, weights, "distilbert.");
    let width = settings.size("dim")?;
    let positions = settings.size("max_position_embeddings")?;

    let word =
        builder.tensor(&builder.base("embeddings.word_embeddings.weight"), &[settings.vocabulary_size, width])?;
    let position = builder.tensor(&builder.base("embeddings.position_embeddings.weight"), &[positions, width])?;
    let norm = builder.layer_norm(&builder.base("embeddings.LayerNorm"), width)?;

    let layers = (0..settings.size("n_layers")?).map(|index| layer(&builder, index, width));
    let layers = layers.collect::<Result<_, _>>()?;

    let transform = builder.linear("vocab_transform", [width, width], builder.activation("activation")?)?;
    let transform_norm = builder.layer_norm("vocab_layer_norm", width)?;
    let decoder = builder.decoder("vocab_projector.weight", &word, width)?;
    let bias = builder.tensor("vocab_projector.bias", &[settings.vocabulary_size])?;
    let head = Head::new((transform, transform_norm), &decoder, &bias, settings.pooling, settings.activation);

    let embeddings = Embeddings { word, position, norm };
    let heads = settings.size("n_heads")?;
    Ok((Transformer { embeddings, layers, heads }, builder.made(head)?))
}

fn layer(builder: &Builder<'_>, index: usize, width: usize) -> Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("transformer.layer.{index}.{part}"));
    let inner = builder.settings.size("hidden_dim")?;
    let qkv = ["q_lin", "k_lin", "v_lin"].map(|part| name(&format!("attention.{part}")));
    Ok(Layer {
        qkv: builder.fused_linear(qkv, width)?,
        attention_output: builder.linear(&name("attention.out_lin"), [width, width], Activation::None)?,
        attention_norm: builder.layer_norm(&name("sa_layer_norm"), width)?,
        intermediate: builder.linear(&name("ffn.lin1"), [inner, width], builder.activation("activation")?)?,
        output: builder.linear(&name("ffn.lin2"), [width, inner], Activation::None)?,
        output_norm: builder.layer_norm(&name("output_layer_norm"), width)?,
    })
}
