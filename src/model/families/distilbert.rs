//! DistilBERT (Sanh et al., 2019, arXiv:1910.01108): BERT's layers without token types and with other tensor names.

use super::super::ModelError;
use super::super::head::SpladeHead;
use super::super::kernels::Activation;
use super::super::transformer::{PositionEmbeddings, PostNormLayer, PostNormTransformer, Transformer};
use super::builder::LayerBuilder;

const WORD_EMBEDDING: &str = "embeddings.word_embeddings.weight";

pub(super) fn build(builder: &LayerBuilder<'_>) -> Result<(Box<dyn Transformer>, SpladeHead), ModelError> {
    let config = builder.config();
    let width = config.get_size("dim")?;
    let transform = builder.linear("vocab_transform", [width, width], builder.activation("activation")?)?;
    let transform_norm = builder.layer_norm("vocab_layer_norm", width)?;
    let head = (transform, transform_norm);
    let head = builder.head(head, "vocab_projector.weight", WORD_EMBEDDING, &["vocab_projector.bias"], width)?;

    let positions = config.get_size("max_position_embeddings")?;
    let table = builder.embedding_table(
        &builder.base_tensor_name("embeddings.position_embeddings.weight"),
        positions,
        width,
    )?;
    let position_embeddings = PositionEmbeddings { table, padding_id: None };
    let norm = builder.layer_norm(&builder.base_tensor_name("embeddings.LayerNorm"), width)?;
    let embeddings =
        builder.embeddings(WORD_EMBEDDING, "vocab_projector.weight", Some(position_embeddings), norm, width)?;
    let layers = builder.layers(config.get_size("n_layers")?, |builder, index| build_layer(builder, index, width))?;
    Ok((Box::new(PostNormTransformer { embeddings, layers, heads: builder.head_count("n_heads", width)? }), head))
}

fn build_layer(builder: &LayerBuilder<'_>, index: usize, width: usize) -> Result<PostNormLayer, ModelError> {
    let name = |part: &str| builder.base_tensor_name(&format!("transformer.layer.{index}.{part}"));
    let intermediate_size = builder.config().get_size("hidden_dim")?;
    let qkv = ["q_lin", "k_lin", "v_lin"].map(|part| name(&format!("attention.{part}")));
    Ok(PostNormLayer {
        qkv: builder.fused_linear(qkv, width)?,
        attention_output: builder.linear(&name("attention.out_lin"), [width, width], Activation::None)?,
        attention_norm: builder.layer_norm(&name("sa_layer_norm"), width)?,
        intermediate: builder.linear(
            &name("ffn.lin1"),
            [intermediate_size, width],
            builder.activation("activation")?,
        )?,
        output: builder.linear(&name("ffn.lin2"), [width, intermediate_size], Activation::None)?,
        output_norm: builder.layer_norm(&name("output_layer_norm"), width)?,
    })
}
