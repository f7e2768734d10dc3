"""Describes random models, and generates random tensors by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from storage import save_safetensors

HIDDEN, INTERMEDIATE, HEADS = 32, 72, 4


@dataclass
class Variant:
    """Description of a random model directory: weights and configuration files."""

    name: str
    family: str
    seed: int
    tied: bool = True
    legacy_norms: bool = False
    layer_norm_eps: float = 1e-12
    # Bias of the logits: a lower bias makes fewer of them positive.
    head_bias: float = -3.0
    tokenizer_max_length: int | None = None
    # ModernBERT only: whether linear layers and norms have biases; whether config.json has `layer_types`.
    biases: bool = True
    layer_types: bool = False
    # Function that writes the tensors, and `dtype` in config.json.
    save: Callable[[dict[str, np.ndarray], Path], None] = save_safetensors
    dtype: str | None = None
    # Files of sentence-transformers, by path; empty for a plain masked-language model.
    extra: dict[str, object] = field(default_factory=dict)


class Weights:
    """Generator of random tensors. The values depend on the seed and on the order of calls."""

    def __init__(self, seed: int, legacy_norms: bool = False, biases: bool = True) -> None:
        self.random = np.random.default_rng(seed)
        self.legacy_norms = legacy_norms
        self.biases = biases
        self.tensors: dict[str, np.ndarray] = {}

    def normal(self, name: str, *shape: int, scale: float, mean: float = 0.0) -> None:
        """Adds a tensor of normally distributed values."""
        self.tensors[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        """Adds the weight and the bias of a linear layer."""
        self.normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        if self.biases:
            self.normal(f"{name}.bias", outputs, scale=0.1)

    def norm(self, name: str) -> None:
        """Adds the weight and the bias of a layer norm."""
        gain, shift = ("gamma", "beta") if self.legacy_norms else ("weight", "bias")
        self.normal(f"{name}.{gain}", HIDDEN, scale=0.2, mean=1.0)
        if self.biases:
            self.normal(f"{name}.{shift}", HIDDEN, scale=0.1)

    def encoder(self, name: str, layers: int) -> None:
        """Adds encoder layers in the format that BERT, RoBERTa and XLM-R share."""
        for layer in (f"{name}.layer.{i}" for i in range(layers)):
            for part in ("query", "key", "value"):
                self.linear(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
            self.linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
            self.norm(f"{layer}.attention.output.LayerNorm")
            self.linear(f"{layer}.intermediate.dense", INTERMEDIATE, HIDDEN)
            self.linear(f"{layer}.output.dense", HIDDEN, INTERMEDIATE)
            self.norm(f"{layer}.output.LayerNorm")
