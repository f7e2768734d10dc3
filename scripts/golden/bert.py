"""Generates config.json and the tensors of masked-language models of BERT and DistilBERT."""

import numpy as np

from variant import HEADS, HIDDEN, INTERMEDIATE, Variant, Weights

LAYERS, POSITIONS = 2, 128


def build_bert_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
    return {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": variant.layer_norm_eps,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "pad_token_id": 0,
        "tie_word_embeddings": variant.tied,
        "type_vocab_size": 2,
        "vocab_size": vocabulary_size,
    }


def build_distilbert_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
    return {
        "architectures": ["DistilBertForMaskedLM"],
        "model_type": "distilbert",
        "activation": "gelu",
        "dim": HIDDEN,
        "hidden_dim": INTERMEDIATE,
        "max_position_embeddings": POSITIONS,
        "n_heads": HEADS,
        "n_layers": LAYERS,
        "pad_token_id": 0,
        "sinusoidal_pos_embds": False,
        "tie_weights_": variant.tied,
        "tie_word_embeddings": variant.tied,
        "vocab_size": vocabulary_size,
    }


def generate_bert_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
    weights = Weights(variant.seed, variant.legacy_norms)
    embeddings, head = "bert.embeddings", "cls.predictions"
    weights.normal(f"{embeddings}.word_embeddings.weight", vocabulary_size, HIDDEN, scale=0.2)
    weights.normal(f"{embeddings}.position_embeddings.weight", POSITIONS, HIDDEN, scale=0.1)
    weights.normal(f"{embeddings}.token_type_embeddings.weight", 2, HIDDEN, scale=0.1)
    weights.norm(f"{embeddings}.LayerNorm")
    weights.encoder("bert.encoder", LAYERS)
    weights.linear(f"{head}.transform.dense", HIDDEN, HIDDEN)
    weights.norm(f"{head}.transform.LayerNorm")
    weights.normal(f"{head}.bias", vocabulary_size, scale=0.2, mean=variant.head_bias)
    if not variant.tied:
        weights.normal(f"{head}.decoder.weight", vocabulary_size, HIDDEN, scale=0.2)
        weights.tensors[f"{head}.decoder.bias"] = weights.tensors[f"{head}.bias"].copy()
    return weights.tensors


def generate_distilbert_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
    weights = Weights(variant.seed)
    embeddings = "distilbert.embeddings"
    weights.normal(f"{embeddings}.word_embeddings.weight", vocabulary_size, HIDDEN, scale=0.2)
    weights.normal(f"{embeddings}.position_embeddings.weight", POSITIONS, HIDDEN, scale=0.1)
    weights.norm(f"{embeddings}.LayerNorm")
    for layer in (f"distilbert.transformer.layer.{i}" for i in range(LAYERS)):
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            weights.linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        weights.norm(f"{layer}.sa_layer_norm")
        weights.linear(f"{layer}.ffn.lin1", INTERMEDIATE, HIDDEN)
        weights.linear(f"{layer}.ffn.lin2", HIDDEN, INTERMEDIATE)
        weights.norm(f"{layer}.output_layer_norm")
    weights.linear("vocab_transform", HIDDEN, HIDDEN)
    weights.norm("vocab_layer_norm")
    weights.normal("vocab_projector.bias", vocabulary_size, scale=0.2, mean=variant.head_bias)
    if not variant.tied:
        weights.normal("vocab_projector.weight", vocabulary_size, HIDDEN, scale=0.2)
    return weights.tensors
