#!/usr/bin/env python3
"""Makes the random test models and every golden file, with sentence-transformers as the reference.

    python scripts/golden/make_golden.py --splade-tiny FOLDER

See README.md beside this file.
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
from texts import golden_texts

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
TOKEN_GOLDENS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splade-tiny", type=Path, required=True, metavar="FOLDER", help="see fetch_model.py")
    splade_tiny = parser.parse_args().splade_tiny
    torch.set_num_threads(1)

    texts = golden_texts()
    write_json("texts.json", json.dumps(texts, ensure_ascii=False, indent=0))
    tokenizers = random_models.build_tokenizers(texts)
    for variant in random_models.VARIANTS:
        folder = DATA / "models" / variant.name
        random_models.write(variant, tokenizers[variant.family], folder)
        write_vectors(variant.name, load(folder), texts)
    for name, write_router in routers.ROUTERS.items():
        folder = DATA / "models" / name
        write_router(tokenizers["bert"], folder)
        encoder = load(folder)
        write_vectors(name, encoder, texts, "document")
        write_vectors(f"{name}-queries", encoder, texts, "query")

    encoder = load(splade_tiny)
    write_vectors("splade-tiny", encoder, texts)
    token_ids = [encoder.preprocess([text])["input_ids"][0].tolist() for text in texts[:TOKEN_GOLDENS]]
    write_json("splade-tiny-tokens.json", "[\n" + ",\n".join(map(json.dumps, token_ids)) + "\n]")


def load(folder: Path) -> SparseEncoder:
    """The folder as sentence-transformers reads it; without its files, a masked-language model pooled by maximum.

    In float32 always: a checkpoint in half precision would be computed in half precision otherwise.
    """
    float32 = {"dtype": torch.float32}
    if (folder / "modules.json").exists():
        # The path of an idf.json counts from the working directory.
        with contextlib.chdir(folder):
            return SparseEncoder(str(folder), device="cpu", model_kwargs=float32)
    transformer = Transformer(str(folder), transformer_task="fill-mask", model_kwargs=float32)
    return SparseEncoder(modules=[transformer, SpladePooling("max")], device="cpu")


def write_vectors(name: str, encoder: SparseEncoder, texts: list[str], route: str | None = None) -> None:
    """Writes one file of vectors; of a router, those of one route."""
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
    report(name, encoder, vectors)


def encode(encoder: SparseEncoder, text: str, route: str | None) -> dict[str, object]:
    """One text by itself: no padding has a part in its vector."""
    document = encoder.encode_document([text], convert_to_sparse_tensor=False)[0]
    query = encoder.encode_query([text], convert_to_sparse_tensor=False)[0]
    # A model with prompts would need goldens of its own for queries, as a router has.
    assert route or torch.equal(document, query), "this model encodes queries otherwise than documents"
    dense = query if route == "query" else document
    indices = dense.nonzero().flatten().tolist()
    return {
        "token_count": int(encoder.preprocess([text], task=route)["attention_mask"].sum()),
        "indices": indices,
        "values": [float(f"{value:.7g}") for value in dense[indices].tolist()],
    }


def report(name: str, encoder: SparseEncoder, vectors: list[dict]) -> None:
    size = encoder.get_embedding_dimension()
    active = sorted(len(vector["indices"]) / size for vector in vectors)
    longest = max(vector["token_count"] for vector in vectors)
    print(
        f"{name}: {len(vectors)} texts, at most {longest} tokens, active share of the vocabulary "
        f"{active[0]:.3f} to {active[-1]:.3f}, median {active[len(active) // 2]:.3f}"
    )


def write_json(name: str, content: str) -> None:
    path = DATA / "golden" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
