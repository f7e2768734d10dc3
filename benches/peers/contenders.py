"""Who takes part: each contender encodes all texts once and says how many seconds that took.

The time begins when the model is ready and the texts are in memory; tokenization counts.
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


class CannotRun(Exception):
    """Why a contender can't be measured here."""


@dataclass
class Contender:
    name: str
    dtype: str
    # What tells the variants of a contender apart: a batch size or a number of threads.
    variant: str
    measure: Callable[[], float]

    @property
    def is_peer(self) -> bool:
        return self.name != OURS

    def __str__(self) -> str:
        return f"{self.name}, {self.dtype}, {self.variant}"


def timed(encode: Callable[[], object]) -> float:
    start = time.perf_counter()
    encode()
    return time.perf_counter() - start


def sentence_transformers(encoder: SparseEncoder, texts: list[str], sizes: list[int]) -> list[Contender]:
    """It sorts the texts itself, and gives sparse tensors, as it does when nobody says otherwise."""

    def contender(size: int) -> Contender:
        def encode(some: list[str]) -> None:
            encoder.encode_document(some, batch_size=size, show_progress_bar=False)

        encode(texts[:WARM_UP_TEXTS])
        return Contender("sentence-transformers", "float32", f"batch {size}", lambda: timed(lambda: encode(texts)))

    return [contender(size) for size in sizes]


class OnnxEncoder:
    """ONNX Runtime, and around it what fastembed 0.9 does: a batch padded to its longest text, and numpy at the end."""

    def __init__(self, file: Path, folder: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(settings["model_max_length"])
        pad = settings["pad_token"]
        self.tokenizer.enable_padding(pad_token=pad, pad_id=self.tokenizer.token_to_id(pad))

    def encode(self, texts: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        logits = self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        weights = np.log1p(np.maximum(logits, 0))
        scores = np.max(weights * np.expand_dims(mask, axis=-1), axis=1)
        indices = [row.nonzero()[0] for row in scores]
        return [(index, row[index]) for index, row in zip(indices, scores)]

    def encode_all(self, texts: list[str], size: int) -> None:
        for start in range(0, len(texts), size):
            self.encode(texts[start : start + size])

    def contenders(self, dtype: str, texts: list[str], sizes: list[int]) -> list[Contender]:
        self.encode(texts[:WARM_UP_TEXTS])
        ordered = sorted(texts, key=len)

        def contender(size: int) -> Contender:
            measure = lambda: timed(lambda: self.encode_all(ordered, size))  # noqa: E731
            return Contender("ONNX Runtime", dtype, f"batch {size}", measure)

        return [contender(size) for size in sizes]


class Sidecar:
    """Our binary, which is given the texts as a file and a process of its own each time."""

    def __init__(self, binary: Path, model: Path, texts: list[str], file: Path, tokens: int) -> None:
        self.command = [str(binary), "bench", str(file), "--model", str(model), "--output", "json"]
        self.work = (len(texts), tokens)
        lines = (json.dumps({"text": text}, ensure_ascii=False) for text in texts)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def contender(self, dtype: str, threads: int) -> Contender:
        options = ["--threads", str(threads), *(["--dtype", dtype] if dtype != "float32" else [])]
        variant = f"{threads} thread{'s' if threads > 1 else ''}"
        return Contender(OURS, dtype, variant, lambda: self.run(options))

    def run(self, options: list[str]) -> float:
        command = [*self.command, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotRun(f"{done.stderr.strip().splitlines()[0]}: {shlex.join(command)}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if (result["documents"], result["tokens"]) != self.work:
            raise CannotRun(f"the work is not the same: {self.work} documents and tokens here, but {result} there")
        return result["seconds"]
