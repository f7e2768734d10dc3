#!/usr/bin/env python3
"""Generates the random test models and all golden files, with sentence-transformers as the reference.

    python scripts/golden/make_golden.py --splade-tiny DIR

See README.md in this directory.
"""

import argparse
import contextlib
import json
from pathlib import Path

import sentence_transformers
import torch
import transformers
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling

import random_models
import routers
from texts import read_golden_texts

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
TOKEN_GOLDENS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--splade-tiny",
        type=Path,
        required=True,
        metavar="DIR",
        help="directory of splade-tiny, printed by fetch_model.py",
    )
    splade_tiny = parser.parse_args().splade_tiny
    torch.set_num_threads(1)

    texts = read_golden_texts()
    write_json("texts.json", json.dumps(texts, ensure_ascii=False, indent=0))
    tokenizers = random_models.build_tokenizers(texts)
    for variant in random_models.VARIANTS:
        directory = DATA / "models" / variant.name
        random_models.write_model(variant, tokenizers[variant.family], directory)
        write_vectors(variant.name, load_encoder(directory), texts)
    for name, write_router in routers.ROUTERS.items():
        directory = DATA / "models" / name
        write_router(tokenizers["bert"], directory)
        encoder = load_encoder(directory)
        write_vectors(name, encoder, texts, "document")
        write_vectors(f"{name}-queries", encoder, texts, "query")

    encoder = load_encoder(splade_tiny)
    write_vectors("splade-tiny", encoder, texts)
    token_ids = [encoder.preprocess([text])["input_ids"][0].tolist() for text in texts[:TOKEN_GOLDENS]]
    write_json("splade-tiny-tokens.json", "[\n" + ",\n".join(map(json.dumps, token_ids)) + "\n]")


def load_encoder(directory: Path) -> SparseEncoder:
    """Loads a model directory with sentence-transformers; without its files, as an MLM transformer with max pooling.

    Loads weights as float32, because sentence-transformers would otherwise compute with the dtype of the checkpoint.
    """
    float32 = {"dtype": torch.float32}
    if (directory / "modules.json").exists():
        # sentence-transformers resolves the path of an idf.json from the working directory.
        with contextlib.chdir(directory):
            return SparseEncoder(str(directory), device="cpu", model_kwargs=float32)
    transformer = Transformer(str(directory), transformer_task="fill-mask", model_kwargs=float32)
    return SparseEncoder(modules=[transformer, SpladePooling("max")], device="cpu")


def write_vectors(name: str, encoder: SparseEncoder, texts: list[str], route: str | None = None) -> None:
    """Writes a golden file of vectors, for a router those of one route."""
    first, *pooling = encoder if route is None else encoder[0].sub_modules[route]
    head = {
        "model": name,
        "max_length": first.max_seq_length,
        "pooling": pooling[0].pooling_strategy if pooling else None,
        "activation": pooling[0].activation_function if pooling else None,
        "made_with": {
            "sentence_transformers": sentence_transformers.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    vectors = [encode(encoder, text, route) for text in texts]
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    write_json(f"{name}.json", json.dumps(head, indent=1)[:-2] + ',\n "vectors": [\n' + lines + "\n]}")
    print_summary(name, encoder, vectors)


def encode(encoder: SparseEncoder, text: str, route: str | None) -> dict[str, object]:
    """Encodes a single text, to exclude effects of padding."""
    document = encoder.encode_document([text], convert_to_sparse_tensor=False)[0]
    query = encoder.encode_query([text], convert_to_sparse_tensor=False)[0]
    # A model with prompts would need separate golden files for queries, as routers have.
    assert route or torch.equal(document, query), "the model encodes queries and documents differently"
    dense = query if route == "query" else document
    indices = dense.nonzero().flatten().tolist()
    return {
        "token_count": int(encoder.preprocess([text], task=route)["attention_mask"].sum()),
        "indices": indices,
        "values": [float(f"{value:.7g}") for value in dense[indices].tolist()],
    }


def print_summary(name: str, encoder: SparseEncoder, vectors: list[dict]) -> None:
    """Prints the number of texts, their maximum length and the sparsity of their vectors."""
    size = encoder.get_embedding_dimension()
    active = sorted(len(vector["indices"]) / size for vector in vectors)
    longest = max(vector["token_count"] for vector in vectors)
    print(
        f"{name}: {len(vectors)} texts, at most {longest} tokens, share of active vocabulary terms "
        f"{active[0]:.3f} to {active[-1]:.3f}, median {active[len(active) // 2]:.3f}"
    )


def write_json(name: str, content: str) -> None:
    path = DATA / "golden" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
