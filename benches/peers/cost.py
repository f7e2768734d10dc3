"""Counts the floating-point operations of a model per token; a multiply-add counts as two."""

from collections.abc import Sequence

import torch
from sentence_transformers import SparseEncoder
from transformers import PretrainedConfig


def count_tokens(encoder: SparseEncoder, texts: list[str], budget: float) -> list[int]:
    """Returns the number of tokens of each text, with special tokens, until the total reaches `budget`."""
    counts: list[int] = []
    total = 0
    for text in texts:
        if total >= budget:
            break
        counts.append(int(encoder.preprocess([text])["attention_mask"].sum()))
        total += counts[-1]
    return counts


def count_linear_flop(model: torch.nn.Module) -> float:
    """Returns the operations of all linear layers, including the head."""
    return 2.0 * sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))


def count_attention_flop(config: PretrainedConfig, token_counts: Sequence[int]) -> float:
    """Returns the operations of attention scores and weighted sums, for the mean token over texts of these lengths."""
    attended = sum(count**2 for count in token_counts) / sum(token_counts)
    return 4.0 * config.num_hidden_layers * config.hidden_size * attended
