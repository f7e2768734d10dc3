"""Writes the tensors of a model in the formats of checkpoints."""

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

FORMAT = {"format": "pt"}
SHARDS = 3


def save_safetensors(tensors: dict[str, np.ndarray], directory: Path) -> None:
    """Writes model.safetensors in float32."""
    safetensors.numpy.save_file(tensors, directory / "model.safetensors", metadata=FORMAT)


def save_half(tensors: dict[str, np.ndarray], directory: Path) -> None:
    """Writes model.safetensors in bfloat16, which rounds the weights."""
    rounded = {name: torch.from_numpy(tensor).bfloat16() for name, tensor in tensors.items()}
    safetensors.torch.save_file(rounded, directory / "model.safetensors", metadata=FORMAT)


def save_sharded(tensors: dict[str, np.ndarray], directory: Path) -> None:
    """Writes several safetensors files and model.safetensors.index.json."""
    names = list(tensors)
    weight_map = {}
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        shard_names = names[shard * len(names) // SHARDS : (shard + 1) * len(names) // SHARDS]
        safetensors.numpy.save_file({name: tensors[name] for name in shard_names}, directory / file, metadata=FORMAT)
        weight_map.update(dict.fromkeys(shard_names, file))
    total_size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total_size}, "weight_map": dict(sorted(weight_map.items()))}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def save_bin(tensors: dict[str, np.ndarray], directory: Path) -> None:
    """Writes pytorch_model.bin as PyTorch does for BERT: with shared storage, an integer buffer and metadata."""
    state = OrderedDict((name, torch.from_numpy(tensor)) for name, tensor in tensors.items())
    positions = len(tensors["bert.embeddings.position_embeddings.weight"])
    state["bert.embeddings.position_ids"] = torch.arange(positions)[None]
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"].detach()
    state["cls.predictions.decoder.bias"] = state["cls.predictions.bias"].detach()
    state._metadata = OrderedDict([("", {"version": 1})])
    torch.save(state, directory / "pytorch_model.bin")
