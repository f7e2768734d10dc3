"""Generates config.json and the tensors of masked-language models of RoBERTa, XLM-R and CamemBERT.

The families differ only in names. Positions start at `pad_token_id` + 1 = 2, so the position embeddings have two more
rows than a text can have tokens.
"""

import numpy as np

from variant import HEADS, HIDDEN, INTERMEDIATE, Variant, Weights

LAYERS, POSITIONS = 2, 130

ARCHITECTURES = {
    "roberta": "RobertaForMaskedLM",
    "xlm-roberta": "XLMRobertaForMaskedLM",
    "camembert": "CamembertForMaskedLM",
}
# Ids of <s> and </s>.
ENDS = {"roberta": (0, 2), "xlm-roberta": (0, 2), "camembert": (5, 6)}


def build_roberta_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
    return {
        "architectures": [ARCHITECTURES[variant.family]],
        "model_type": variant.family,
        "bos_token_id": ENDS[variant.family][0],
        "eos_token_id": ENDS[variant.family][1],
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": variant.layer_norm_eps,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": 1,
        "tie_word_embeddings": variant.tied,
        "type_vocab_size": 1,
        "vocab_size": vocabulary_size,
    }


def generate_roberta_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
    """Returns the tensors by name. All families name the base model `roberta`, and encoder layers as BERT does."""
    weights = Weights(variant.seed)
    embeddings = "roberta.embeddings"
    weights.normal(f"{embeddings}.word_embeddings.weight", vocabulary_size, HIDDEN, scale=0.2)
    weights.normal(f"{embeddings}.position_embeddings.weight", POSITIONS, HIDDEN, scale=0.1)
    weights.normal(f"{embeddings}.token_type_embeddings.weight", 1, HIDDEN, scale=0.1)
    weights.norm(f"{embeddings}.LayerNorm")
    weights.encoder("roberta.encoder", LAYERS)
    weights.linear("lm_head.dense", HIDDEN, HIDDEN)
    weights.norm("lm_head.layer_norm")
    weights.normal("lm_head.bias", vocabulary_size, scale=0.2, mean=variant.head_bias)
    if not variant.tied:
        weights.normal("lm_head.decoder.weight", vocabulary_size, HIDDEN, scale=0.2)
        weights.tensors["lm_head.decoder.bias"] = weights.tensors["lm_head.bias"].copy()
    return weights.tensors
