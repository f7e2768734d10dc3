#!/usr/bin/env python3
"""The approach that this project grew out of, as a program of its own: all documents to vectors, all vectors to points,
all points to the store.

    python benches/peers/origin_approach.py --model FOLDER --documents 1000 --threads 2

sentence-transformers encodes; its sparse tensors are decoded to pairs of token and weight, and each token is looked up
in the vocabulary for its index. More than 100 documents are encoded by a pool of threads, 100 a task. The points are
collected in one list, which a generator then cuts into upserts of 1,000. The store is qdrant-client's local mode in
memory, which is what a Python program has without a server. Each line of output is JSON and says how far it has come,
and at what time.
"""

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from qdrant_client import QdrantClient
from qdrant_client.models import PointStruct, SparseVector, SparseVectorParams
from sentence_transformers import SparseEncoder

COLLECTION, VECTOR = "documents", "splade"
DOCUMENTS_A_TASK = 100
POINTS_AN_UPSERT = 1_000
Document = tuple[int, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--documents", type=int, required=True, metavar="N")
    parser.add_argument("--threads", type=int, required=True, metavar="N")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoder = SparseEncoder(str(arguments.model), device="cpu")
    client = QdrantClient(":memory:")
    client.create_collection(COLLECTION, sparse_vectors_config={VECTOR: SparseVectorParams()})
    tell("ready", 0)

    documents = [(number, f"document {number}") for number in range(arguments.documents)]
    points = encode_all(encoder, documents, arguments.threads)
    for count, batch in batches(points):
        client.upsert(COLLECTION, batch)
        tell("indexed", count)
    stored = client.count(COLLECTION).count
    assert stored == arguments.documents, f"{stored} points are stored"
    tell("done", stored)


def encode_all(encoder: SparseEncoder, documents: list[Document], threads: int) -> list[PointStruct]:
    if len(documents) <= DOCUMENTS_A_TASK:
        return encode_documents_to_points(encoder, documents)
    tasks = [documents[start : start + DOCUMENTS_A_TASK] for start in range(0, len(documents), DOCUMENTS_A_TASK)]
    points: list[PointStruct] = []
    with ThreadPoolExecutor(threads) as pool:
        for some in pool.map(lambda task: encode_documents_to_points(encoder, task), tasks):
            points += some
            tell("encoded", len(points))
    return points


def encode_documents_to_points(encoder: SparseEncoder, documents: list[Document]) -> list[PointStruct]:
    vectors = encoder.encode_document([text for _, text in documents], show_progress_bar=False)
    points = []
    for (number, text), terms in zip(documents, encoder.decode(vectors)):
        indices = [encoder.tokenizer.convert_tokens_to_ids(token) for token, _ in terms]
        vector = SparseVector(indices=indices, values=[weight for _, weight in terms])
        points.append(PointStruct(id=number, vector={VECTOR: vector}, payload={"text": text}))
    return points


def batches(points: list[PointStruct]) -> Iterator[tuple[int, list[PointStruct]]]:
    """Upserts, and how many points there are with each."""
    for start in range(0, len(points), POINTS_AN_UPSERT):
        batch = points[start : start + POINTS_AN_UPSERT]
        yield start + len(batch), batch


def tell(stage: str, documents: int) -> None:
    print(json.dumps({"stage": stage, "documents": documents, "time": time.time()}), flush=True)


if __name__ == "__main__":
    main()
