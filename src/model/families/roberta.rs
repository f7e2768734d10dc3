//! RoBERTa (Liu et al., 2019, arXiv:1907.11692), XLM-R (Conneau et al., 2019, arXiv:1911.02116) and CamemBERT (Martin
//! et al., 2019, arXiv:1911.03894): BERT with positions that begin after the padding id, and other tensor names in the
//! head.

use super::super::ModelError;
use super::super::head::SpladeHead;
use super::super::kernels::Activation;
use super::super::transformer::Transformer;
use super::bert;
use super::builder::LayerBuilder;

pub(super) fn build(builder: &LayerBuilder<'_>) -> Result<(Box<dyn Transformer>, SpladeHead), ModelError> {
    let width = builder.config().get_size("hidden_size")?;
    // transformers hard-codes the head's activation, independent of `hidden_act`.
    let dense = builder.linear("lm_head.dense", [width, width], Activation::Gelu)?;
    let norm = builder.layer_norm("lm_head.layer_norm", width)?;
    let word = "embeddings.word_embeddings.weight";
    let biases = ["lm_head.decoder.bias", "lm_head.bias"];
    let head = builder.head((dense, norm), "lm_head.decoder.weight", word, &biases, width)?;
    Ok((bert::build_transformer(builder, builder.config().padding_id()?, "lm_head.decoder.weight")?, head))
}
