#!/usr/bin/env python3
"""Makes the random test models and every golden file, with sentence-transformers as the reference.

    python scripts/golden/make_golden.py --splade-tiny FOLDER

See README.md beside this file.
"""

import argparse
import json
from pathlib import Path

import sentence_transformers
import torch
import transformers
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling

import random_models
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

    encoder = load(splade_tiny)
    write_vectors("splade-tiny", encoder, texts)
    token_ids = [encoder.preprocess([text])["input_ids"][0].tolist() for text in texts[:TOKEN_GOLDENS]]
    write_json("splade-tiny-tokens.json", "[\n" + ",\n".join(map(json.dumps, token_ids)) + "\n]")


def load(folder: Path) -> SparseEncoder:
    """The folder as sentence-transformers reads it; without its files, a masked-language model pooled by maximum."""
    if (folder / "modules.json").exists():
        return SparseEncoder(str(folder), device="cpu")
    transformer = Transformer(str(folder), transformer_task="fill-mask")
    return SparseEncoder(modules=[transformer, SpladePooling("max")], device="cpu")


def write_vectors(name: str, encoder: SparseEncoder, texts: list[str]) -> None:
    pooling = encoder[1]
    head = {
        "model": name,
        "max_length": encoder.max_seq_length,
        "pooling": pooling.pooling_strategy,
        "activation": pooling.activation_function,
        "made_with": {
            "sentence_transformers": sentence_transformers.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    vectors = [encode(encoder, text) for text in texts]
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    write_json(f"{name}.json", json.dumps(head, indent=1)[:-2] + ',\n "vectors": [\n' + lines + "\n]}")
    report(name, encoder, vectors)


def encode(encoder: SparseEncoder, text: str) -> dict[str, object]:
    """One text by itself: no padding has a part in its vector."""
    dense = encoder.encode_document([text], convert_to_sparse_tensor=False)[0]
    query = encoder.encode_query([text], convert_to_sparse_tensor=False)[0]
    # True of every model here. A model with prompts or a router would need goldens of its own for queries.
    assert torch.equal(dense, query), "this model encodes queries otherwise than documents"
    indices = dense.nonzero().flatten().tolist()
    return {
        "token_count": int(encoder.preprocess([text])["attention_mask"].sum()),
        "indices": indices,
        "values": [float(f"{value:.7g}") for value in dense[indices].tolist()],
    }


def report(name: str, encoder: SparseEncoder, vectors: list[dict]) -> None:
    size = encoder[0].model.config.vocab_size
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
