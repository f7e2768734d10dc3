//! BERT (Devlin et al., 2018, arXiv:1810.04805).

use super::super::ModelError;
use super::super::head::Head;
use super::super::kernels::Activation;
use super::super::transformer::{Layer, Positions, PostNorm, Transformer};
use super::super::weights::Table;
use super::builder::Builder;

const WORD: &str = "embeddings.word_embeddings.weight";

pub(super) fn build(builder: &Builder<'_>) -> Result<(Box<dyn Transformer>, Head), ModelError> {
    let width = builder.config().size("hidden_size")?;
    let head = "cls.predictions";
    let transform =
        builder.linear(&format!("{head}.transform.dense"), [width, width], builder.activation("hidden_act")?)?;
    let transform_norm = builder.layer_norm(&format!("{head}.transform.LayerNorm"), width)?;
    let biases = [&*format!("{head}.decoder.bias"), &format!("{head}.bias")];
    let head = builder.head((transform, transform_norm), &format!("{head}.decoder.weight"), WORD, &biases, width)?;
    Ok((transformer(builder, None, "cls.predictions.decoder.weight")?, head))
}

/// Embeddings and layers; positions begin after that of the padding, where there is one.
pub(super) fn transformer(
    builder: &Builder<'_>,
    padding: Option<u32>,
    decoder: &str,
) -> Result<Box<dyn Transformer>, ModelError> {
    let settings = builder.config();
    let width = settings.size("hidden_size")?;
    let positions = settings.size("max_position_embeddings")?;
    let name = "embeddings.position_embeddings.weight";
    let mut position = builder.tensor(&builder.base(name), &[positions, width])?.into_owned();
    let types = settings.size("type_vocab_size")?;
    let types = builder.tensor(&builder.base("embeddings.token_type_embeddings.weight"), &[types, width])?;
    position.chunks_exact_mut(width).for_each(|row| row.iter_mut().zip(&*types).for_each(|(x, y)| *x += y));
    let norm = builder.layer_norm(&builder.base("embeddings.LayerNorm"), width)?;
    let position = Positions { table: Table::owned(position, width), padding };
    let embeddings = builder.embeddings(WORD, decoder, Some(position), norm, width)?;

    let layers = builder.layers(settings.size("num_hidden_layers")?, |builder, index| layer(builder, index, width))?;
    Ok(Box::new(PostNorm { embeddings, layers, heads: builder.heads("num_attention_heads", width)? }))
}

fn layer(builder: &Builder<'_>, index: usize, width: usize) -> Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("encoder.layer.{index}.{part}"));
    let inner = builder.config().size("intermediate_size")?;
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
