//! BERT (Devlin et al., 2018, arXiv:1810.04805).

use super::super::ModelError;
use super::super::head::SpladeHead;
use super::super::kernels::Activation;
use super::super::transformer::{PositionEmbeddings, PostNormLayer, PostNormTransformer, Transformer};
use super::super::weights::EmbeddingTable;
use super::builder::LayerBuilder;

const WORD_EMBEDDING: &str = "embeddings.word_embeddings.weight";

pub(super) fn build(builder: &LayerBuilder<'_>) -> Result<(Box<dyn Transformer>, SpladeHead), ModelError> {
    let width = builder.config().get_size("hidden_size")?;
    let head_prefix = "cls.predictions";
    let transform =
        builder.linear(&format!("{head_prefix}.transform.dense"), [width, width], builder.activation("hidden_act")?)?;
    let transform_norm = builder.layer_norm(&format!("{head_prefix}.transform.LayerNorm"), width)?;
    let biases = [&*format!("{head_prefix}.decoder.bias"), &format!("{head_prefix}.bias")];
    let head = builder.head(
        (transform, transform_norm),
        &format!("{head_prefix}.decoder.weight"),
        WORD_EMBEDDING,
        &biases,
        width,
    )?;
    Ok((build_transformer(builder, None, "cls.predictions.decoder.weight")?, head))
}

/// Builds embeddings and layers. With `padding_id`, position ids begin after it (RoBERTa).
pub(super) fn build_transformer(
    builder: &LayerBuilder<'_>,
    padding_id: Option<u32>,
    decoder_name: &str,
) -> Result<Box<dyn Transformer>, ModelError> {
    let config = builder.config();
    let width = config.get_size("hidden_size")?;
    let positions = config.get_size("max_position_embeddings")?;
    let name = "embeddings.position_embeddings.weight";
    let mut position_table = builder.tensor(&builder.base_tensor_name(name), &[positions, width])?.into_owned();
    let token_type_count = config.get_size("type_vocab_size")?;
    let token_type_embeddings = builder
        .tensor(&builder.base_tensor_name("embeddings.token_type_embeddings.weight"), &[token_type_count, width])?;
    // All tokens are of type 0, whose embedding is the first row; added once here instead of at each token.
    position_table
        .chunks_exact_mut(width)
        .for_each(|row| row.iter_mut().zip(&*token_type_embeddings).for_each(|(x, y)| *x += y));
    let norm = builder.layer_norm(&builder.base_tensor_name("embeddings.LayerNorm"), width)?;
    let position_embeddings =
        PositionEmbeddings { table: EmbeddingTable::in_memory(position_table, width), padding_id };
    let embeddings = builder.embeddings(WORD_EMBEDDING, decoder_name, Some(position_embeddings), norm, width)?;

    let layers =
        builder.layers(config.get_size("num_hidden_layers")?, |builder, index| build_layer(builder, index, width))?;
    Ok(Box::new(PostNormTransformer { embeddings, layers, heads: builder.head_count("num_attention_heads", width)? }))
}

fn build_layer(builder: &LayerBuilder<'_>, index: usize, width: usize) -> Result<PostNormLayer, ModelError> {
    let name = |part: &str| builder.base_tensor_name(&format!("encoder.layer.{index}.{part}"));
    let intermediate_size = builder.config().get_size("intermediate_size")?;
    let qkv = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
    Ok(PostNormLayer {
        qkv: builder.fused_linear(qkv, width)?,
        attention_output: builder.linear(&name("attention.output.dense"), [width, width], Activation::None)?,
        attention_norm: builder.layer_norm(&name("attention.output.LayerNorm"), width)?,
        intermediate: builder.linear(
            &name("intermediate.dense"),
            [intermediate_size, width],
            builder.activation("hidden_act")?,
        )?,
        output: builder.linear(&name("output.dense"), [width, intermediate_size], Activation::None)?,
        output_norm: builder.layer_norm(&name("output.LayerNorm"), width)?,
    })
}
