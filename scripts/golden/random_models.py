"""Writes small masked-language models with random weights, one for each layout of files that a loader meets.

All share one WordPiece tokenizer. The weights are drawn by numpy from fixed seeds, so a run gives the same files again.
Their scale keeps every part of the network in play; a negative bias of the head keeps most of the vocabulary silent.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

HIDDEN, INTERMEDIATE, HEADS, LAYERS, POSITIONS = 32, 72, 4, 2, 128


@dataclass
class Variant:
    """One model folder: its weights, and the files around them."""

    name: str
    family: str
    seed: int
    tied: bool = True
    legacy_norms: bool = False
    layer_norm_eps: float = 1e-12
    # How many positive logits there are: a lower bias means fewer.
    head_bias: float = -3.0
    tokenizer_max_length: int | None = None
    # The sentence-transformers files, by path; none for a plain masked-language model.
    extra: dict[str, object] = field(default_factory=dict)


def sentence_transformers_files(pooling: dict[str, object], max_length: int) -> dict[str, object]:
    transformer = "sentence_transformers.sparse_encoder.models.MLMTransformer.MLMTransformer"
    splade = "sentence_transformers.sparse_encoder.models.SpladePooling.SpladePooling"
    return {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": transformer},
            {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": splade},
        ],
        "1_SpladePooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {"model_type": "SparseEncoder", "similarity_fn_name": "dot"},
    }


VARIANTS = [
    Variant("distilbert-random-tied", "distilbert", seed=1, tokenizer_max_length=96),
    Variant("distilbert-random-untied", "distilbert", seed=2, tied=False),
    Variant("bert-random-tied", "bert", seed=3),
    Variant("bert-random-untied", "bert", seed=4, tied=False, layer_norm_eps=1e-5),
    Variant("bert-random-gamma-beta", "bert", seed=5, legacy_norms=True),
    Variant(
        "bert-random-sum",
        "bert",
        seed=6,
        extra=sentence_transformers_files({"pooling_strategy": "sum", "activation_function": "relu"}, 48),
    ),
    Variant(
        "bert-random-log1p",
        "bert",
        seed=7,
        extra=sentence_transformers_files({"pooling_strategy": "max", "activation_function": "log1p_relu"}, 64),
    ),
]


def write(variant: Variant, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes one model folder that transformers and sentence-transformers load as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary_size = tokenizer.get_vocab_size()
    tensors = TENSORS[variant.family](variant, vocabulary_size)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    files = {
        "config.json": CONFIG[variant.family](variant, vocabulary_size),
        "tokenizer.json": json.loads(tokenizer.to_str()),
        "tokenizer_config.json": tokenizer_config(variant),
        **variant.extra,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        indent = None if name == "tokenizer.json" else 2
        path.write_text(json.dumps(content, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def tokenizer_config(variant: Variant) -> dict[str, object]:
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    if variant.tokenizer_max_length is not None:
        config["model_max_length"] = variant.tokenizer_max_length
    return config


def bert_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
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


def distilbert_config(variant: Variant, vocabulary_size: int) -> dict[str, object]:
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


class Weights:
    """Random tensors by name, in the order in which they are asked for."""

    def __init__(self, seed: int, legacy_norms: bool = False) -> None:
        self.random = np.random.default_rng(seed)
        self.legacy_norms = legacy_norms
        self.tensors: dict[str, np.ndarray] = {}

    def normal(self, name: str, *shape: int, scale: float, mean: float = 0.0) -> None:
        self.tensors[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        self.normal(f"{name}.bias", outputs, scale=0.1)

    def norm(self, name: str) -> None:
        gain, shift = ("gamma", "beta") if self.legacy_norms else ("weight", "bias")
        self.normal(f"{name}.{gain}", HIDDEN, scale=0.2, mean=1.0)
        self.normal(f"{name}.{shift}", HIDDEN, scale=0.1)


def bert_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
    weights = Weights(variant.seed, variant.legacy_norms)
    embeddings, head = "bert.embeddings", "cls.predictions"
    weights.normal(f"{embeddings}.word_embeddings.weight", vocabulary_size, HIDDEN, scale=0.2)
    weights.normal(f"{embeddings}.position_embeddings.weight", POSITIONS, HIDDEN, scale=0.1)
    weights.normal(f"{embeddings}.token_type_embeddings.weight", 2, HIDDEN, scale=0.1)
    weights.norm(f"{embeddings}.LayerNorm")
    for layer in (f"bert.encoder.layer.{i}" for i in range(LAYERS)):
        for part in ("query", "key", "value"):
            weights.linear(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
        weights.linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
        weights.norm(f"{layer}.attention.output.LayerNorm")
        weights.linear(f"{layer}.intermediate.dense", INTERMEDIATE, HIDDEN)
        weights.linear(f"{layer}.output.dense", HIDDEN, INTERMEDIATE)
        weights.norm(f"{layer}.output.LayerNorm")
    weights.linear(f"{head}.transform.dense", HIDDEN, HIDDEN)
    weights.norm(f"{head}.transform.LayerNorm")
    weights.normal(f"{head}.bias", vocabulary_size, scale=0.2, mean=variant.head_bias)
    if not variant.tied:
        weights.normal(f"{head}.decoder.weight", vocabulary_size, HIDDEN, scale=0.2)
        weights.tensors[f"{head}.decoder.bias"] = weights.tensors[f"{head}.bias"].copy()
    return weights.tensors


def distilbert_tensors(variant: Variant, vocabulary_size: int) -> dict[str, np.ndarray]:
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


CONFIG = {"bert": bert_config, "distilbert": distilbert_config}
TENSORS = {"bert": bert_tensors, "distilbert": distilbert_tensors}
