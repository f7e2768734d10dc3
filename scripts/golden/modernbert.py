"""Generates config.json, in the old and the new format, and the tensors of masked-language models of ModernBERT.

Layers alternate between full attention and sliding-window attention to the `local_attention` / 2 tokens on either
side. The two kinds of layers use different RoPE bases.
"""

import numpy as np

from variant import HEADS, HIDDEN, Variant, Weights

INTERMEDIATE, LAYERS, POSITIONS, WINDOW = 40, 4, 256, 16
# Number of embedding rows without a token, as in the published models.
UNUSED_ROWS = 7


def build_modernbert_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
    return {
        "architectures": ["ModernBertForMaskedLM"],
        "model_type": "modernbert",
        "attention_bias": variant.biases,
        "bos_token_id": vocabulary_size - 4,
        "classifier_activation": "gelu",
        "classifier_bias": variant.biases,
        "cls_token_id": vocabulary_size - 4,
        "decoder_bias": True,
        "eos_token_id": vocabulary_size - 3,
        "hidden_activation": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "local_attention": WINDOW,
        "max_position_embeddings": POSITIONS,
        "mlp_bias": variant.biases,
        "norm_bias": variant.biases,
        "norm_eps": variant.layer_norm_eps,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": vocabulary_size - 2,
        "sep_token_id": vocabulary_size - 3,
        "tie_word_embeddings": variant.tied,
        "vocab_size": vocabulary_size + UNUSED_ROWS,
        **(NEW_FORMAT if variant.layer_types else OLD_FORMAT),
    }


# Format of the published ModernBERT-base: layers 0, 3, 6 and so on use full attention. `layer_norm_eps` is unused.
OLD_FORMAT = {
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 2000.0,
    "layer_norm_eps": 0.5,
    "local_rope_theta": 50.0,
    "position_embedding_type": "absolute",
}
# Format of transformers 5, which allows any order of layers.
NEW_FORMAT = {
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"],
    "rope_parameters": {
        "full_attention": {"rope_theta": 3000.0, "rope_type": "default"},
        "sliding_attention": {"rope_theta": 70.0, "rope_type": "default"},
    },
}


def generate_modernbert_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
    weights = Weights(variant.seed, biases=variant.biases)
    rows = vocabulary_size + UNUSED_ROWS
    weights.normal("model.embeddings.tok_embeddings.weight", rows, HIDDEN, scale=0.2)
    weights.norm("model.embeddings.norm")
    for index in range(LAYERS):
        layer = f"model.layers.{index}"
        # The first layer has no norm before attention, because the embeddings are already normalized.
        if index > 0:
            weights.norm(f"{layer}.attn_norm")
        weights.linear(f"{layer}.attn.Wqkv", 3 * HIDDEN, HIDDEN)
        weights.linear(f"{layer}.attn.Wo", HIDDEN, HIDDEN)
        weights.norm(f"{layer}.mlp_norm")
        weights.linear(f"{layer}.mlp.Wi", 2 * INTERMEDIATE, HIDDEN)
        weights.linear(f"{layer}.mlp.Wo", HIDDEN, INTERMEDIATE)
    weights.norm("model.final_norm")
    weights.linear("head.dense", HIDDEN, HIDDEN)
    weights.norm("head.norm")
    if not variant.tied:
        weights.normal("decoder.weight", rows, HIDDEN, scale=0.2)
    weights.normal("decoder.bias", rows, scale=0.2, mean=variant.head_bias)
    return weights.tensors
