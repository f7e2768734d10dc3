"""What a model's arithmetic amounts to: floating-point operations for each token, two for each multiply-and-add."""

from collections.abc import Sequence

import torch
from sentence_transformers import SparseEncoder
from transformers import PretrainedConfig


def lengths(encoder: SparseEncoder, texts: list[str], budget: float) -> list[int]:
    """Encoded tokens of each text, special ones included, padding not; of so many texts that `budget` is reached."""
    found: list[int] = []
    total = 0
    for text in texts:
        if total >= budget:
            break
        found.append(int(encoder.preprocess([text])["attention_mask"].sum()))
        total += found[-1]
    return found


def of_linear_layers(model: torch.nn.Module) -> float:
    """The products with the weights, the head's too."""
    return 2.0 * sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))


def of_attention(config: PretrainedConfig, token_counts: Sequence[int]) -> float:
    """Scores and weighted sums, for the mean token: one of a long text has more others to look at."""
    others = sum(count**2 for count in token_counts) / sum(token_counts)
    return 4.0 * config.num_hidden_layers * config.hidden_size * others
