"""What one random model is like, and random tensors by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from storage import save_safetensors

HIDDEN, INTERMEDIATE, HEADS = 32, 72, 4


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
    # ModernBERT only: biases of the linear layers and norms; config.json in the form with `layer_types`.
    biases: bool = True
    layer_types: bool = False
    # How its tensors are kept, and what config.json says of their type.
    save: Callable[[dict[str, np.ndarray], Path], None] = save_safetensors
    dtype: str | None = None
    # The sentence-transformers files, by path; none for a plain masked-language model.
    extra: dict[str, object] = field(default_factory=dict)


class Weights:
    """Random tensors by name, in the order in which they are asked for."""

    def __init__(self, seed: int, legacy_norms: bool = False, biases: bool = True) -> None:
        self.random = np.random.default_rng(seed)
        self.legacy_norms = legacy_norms
        self.biases = biases
        self.tensors: dict[str, np.ndarray] = {}

    def normal(self, name: str, *shape: int, scale: float, mean: float = 0.0) -> None:
        self.tensors[name] = (mean + scale * self.random.standard_normal(shape)).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        if self.biases:
            self.normal(f"{name}.bias", outputs, scale=0.1)

    def norm(self, name: str) -> None:
        gain, shift = ("gamma", "beta") if self.legacy_norms else ("weight", "bias")
        self.normal(f"{name}.{gain}", HIDDEN, scale=0.2, mean=1.0)
        if self.biases:
            self.normal(f"{name}.{shift}", HIDDEN, scale=0.1)

    def encoder(self, name: str, layers: int) -> None:
        """The layers that BERT, RoBERTa and XLM-R have in common."""
        for layer in (f"{name}.layer.{i}" for i in range(layers)):
            for part in ("query", "key", "value"):
                self.linear(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
            self.linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
            self.norm(f"{layer}.attention.output.LayerNorm")
            self.linear(f"{layer}.intermediate.dense", INTERMEDIATE, HIDDEN)
            self.linear(f"{layer}.output.dense", HIDDEN, INTERMEDIATE)
            self.norm(f"{layer}.output.LayerNorm")
