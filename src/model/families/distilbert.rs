//! DistilBERT (Sanh et al., 2019, arXiv:1910.01108): BERT's layers without token types, under other names.

use super::super::ModelError;
use super::super::head::Head;
use super::super::kernels::Activation;
use super::super::transformer::{Layer, Positions, PostNorm, Transformer};
use super::builder::Builder;

const WORD: &str = "embeddings.word_embeddings.weight";

pub(super) fn build(builder: &Builder<'_>) -> Result<(Box<dyn Transformer>, Head), ModelError> {
    let settings = builder.config();
    let width = settings.size("dim")?;
    let transform = builder.linear("vocab_transform", [width, width], builder.activation("activation")?)?;
    let transform_norm = builder.layer_norm("vocab_layer_norm", width)?;
    let head = (transform, transform_norm);
    let head = builder.head(head, "vocab_projector.weight", WORD, &["vocab_projector.bias"], width)?;

    let positions = settings.size("max_position_embeddings")?;
    let table = builder.table(&builder.base("embeddings.position_embeddings.weight"), positions, width)?;
    let position = Positions { table, padding: None };
    let norm = builder.layer_norm(&builder.base("embeddings.LayerNorm"), width)?;
    let embeddings = builder.embeddings(WORD, "vocab_projector.weight", Some(position), norm, width)?;
    let layers = builder.layers(settings.size("n_layers")?, |builder, index| layer(builder, index, width))?;
    Ok((Box::new(PostNorm { embeddings, layers, heads: builder.heads("n_heads", width)? }), head))
}

fn layer(builder: &Builder<'_>, index: usize, width: usize) -> Result<Layer, ModelError> {
    let name = |part: &str| builder.base(&format!("transformer.layer.{index}.{part}"));
    let inner = builder.config().size("hidden_dim")?;
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
