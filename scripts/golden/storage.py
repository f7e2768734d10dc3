"""Writes the tensors of a model in the ways in which checkpoints keep them."""

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

FORMAT = {"format": "pt"}
SHARDS = 3


def save_safetensors(tensors: dict[str, np.ndarray], folder: Path) -> None:
    safetensors.numpy.save_file(tensors, folder / "model.safetensors", metadata=FORMAT)


def save_half(tensors: dict[str, np.ndarray], folder: Path) -> None:
    """In bfloat16: the weights are rounded, whatever type they are computed in."""
    rounded = {name: torch.from_numpy(tensor).bfloat16() for name, tensor in tensors.items()}
    safetensors.torch.save_file(rounded, folder / "model.safetensors", metadata=FORMAT)


def save_sharded(tensors: dict[str, np.ndarray], folder: Path) -> None:
    """Several files, and an index that says which tensor lies in which."""
    names = list(tensors)
    weight_map = {}
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        part = names[shard * len(names) // SHARDS : (shard + 1) * len(names) // SHARDS]
        safetensors.numpy.save_file({name: tensors[name] for name in part}, folder / file, metadata=FORMAT)
        weight_map.update(dict.fromkeys(part, file))
    total_size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total_size}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def save_bin(tensors: dict[str, np.ndarray], folder: Path) -> None:
    """As PyTorch saves a BERT: tied tensors share one storage, a buffer holds integers, the dictionary has metadata."""
    state = OrderedDict((name, torch.from_numpy(tensor)) for name, tensor in tensors.items())
    positions = len(tensors["bert.embeddings.position_embeddings.weight"])
    state["bert.embeddings.position_ids"] = torch.arange(positions)[None]
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"].detach()
    state["cls.predictions.decoder.bias"] = state["cls.predictions.bias"].detach()
    state._metadata = OrderedDict([("", {"version": 1})])
    torch.save(state, folder / "pytorch_model.bin")
