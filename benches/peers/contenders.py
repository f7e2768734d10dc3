"""Implementations to compare. Each contender encodes all texts once and returns the duration in seconds.

The duration includes tokenization. It excludes loading the model and reading the texts.
"""

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from sentence_transformers import SparseEncoder
from tokenizers import Tokenizer

WARM_UP_TEXTS = 8
OURS = "splade-sidecar"


class MeasurementError(Exception):
    """Error for a contender that can't be measured on this machine, with the reason."""


@dataclass
class Contender:
    """Implementation with a dtype and a variant."""

    name: str
    dtype: str
    # Batch size or number of threads.
    variant: str
    measure: Callable[[], float]

    @property
    def is_peer(self) -> bool:
        """Whether the contender is another implementation."""
        return self.name != OURS

    def __str__(self) -> str:
        return f"{self.name}, {self.dtype}, {self.variant}"


def measure_seconds(encode: Callable[[], object]) -> float:
    """Returns the duration of a call."""
    start = time.perf_counter()
    encode()
    return time.perf_counter() - start


def create_sentence_transformers(encoder: SparseEncoder, texts: list[str], sizes: list[int]) -> list[Contender]:
    """Returns contenders by batch size, with default options: sorting by length, and sparse tensors."""

    def create(size: int) -> Contender:
        def encode(batch: list[str]) -> None:
            encoder.encode_document(batch, batch_size=size, show_progress_bar=False)

        encode(texts[:WARM_UP_TEXTS])
        return Contender(
            "sentence-transformers", "float32", f"batch {size}", lambda: measure_seconds(lambda: encode(texts))
        )

    return [create(size) for size in sizes]


class OnnxEncoder:
    """ONNX Runtime with the pipeline of fastembed 0.9: batches padded to their longest text, and pooling in numpy."""

    def __init__(self, file: Path, directory: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        settings = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.enable_truncation(settings["model_max_length"])
        pad = settings["pad_token"]
        self.tokenizer.enable_padding(pad_token=pad, pad_id=self.tokenizer.token_to_id(pad))

    def encode(self, texts: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Encodes a batch to pairs of indices and weights."""
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        logits = self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        weights = np.log1p(np.maximum(logits, 0))
        scores = np.max(weights * np.expand_dims(mask, axis=-1), axis=1)
        indices = [row.nonzero()[0] for row in scores]
        return [(index, row[index]) for index, row in zip(indices, scores)]

    def encode_all(self, texts: list[str], size: int) -> None:
        """Encodes all texts in batches."""
        for start in range(0, len(texts), size):
            self.encode(texts[start : start + size])

    def create_contenders(self, dtype: str, texts: list[str], sizes: list[int]) -> list[Contender]:
        """Returns contenders by batch size, for texts sorted by length."""
        self.encode(texts[:WARM_UP_TEXTS])
        ordered = sorted(texts, key=len)

        def create(size: int) -> Contender:
            measure = lambda: measure_seconds(lambda: self.encode_all(ordered, size))  # noqa: E731
            return Contender("ONNX Runtime", dtype, f"batch {size}", measure)

        return [create(size) for size in sizes]


class Sidecar:
    """splade-sidecar, run as a separate process that reads the texts from a file."""

    def __init__(self, binary: Path, model: Path, texts: list[str], file: Path, tokens: int) -> None:
        self.command = [str(binary), "bench", str(file), "--model", str(model), "--output", "json"]
        self.work = (len(texts), tokens)
        lines = (json.dumps({"text": text}, ensure_ascii=False) for text in texts)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def create_contender(self, dtype: str, threads: int) -> Contender:
        """Returns the contender for a dtype and a number of threads."""
        options = ["--threads", str(threads), *(["--dtype", dtype] if dtype != "float32" else [])]
        variant = f"{threads} thread{'s' if threads > 1 else ''}"
        return Contender(OURS, dtype, variant, lambda: self.run(options))

    def run(self, options: list[str]) -> float:
        """Runs `bench` and returns the seconds that it reports."""
        command = [*self.command, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise MeasurementError(f"{done.stderr.strip().splitlines()[0]}: {shlex.join(command)}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if (result["documents"], result["tokens"]) != self.work:
            raise MeasurementError(
                f"splade-sidecar encoded different texts: expected {self.work} documents and tokens, got {result}"
            )
        return result["seconds"]
