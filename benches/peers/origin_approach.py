#!/usr/bin/env python3
"""Original script of this project: encodes all documents, converts all vectors to points, and upserts all points.

    python benches/peers/origin_approach.py --model DIR --documents 1000 --threads 2

sentence-transformers encodes the documents. Its sparse tensors are decoded to pairs of token and weight, and each token
is mapped back to its vocabulary index. More than 100 documents are encoded by a thread pool, 100 documents per task.
All points are collected in a list, which a generator splits into upserts of 1,000 points. The store is the in-memory
local mode of qdrant-client, which needs no server. Each line of output is JSON with the progress and a timestamp.
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
DOCUMENTS_PER_TASK = 100
POINTS_PER_UPSERT = 1_000
Document = tuple[int, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="model directory")
    parser.add_argument("--documents", type=int, required=True, metavar="N", help="number of documents")
    parser.add_argument("--threads", type=int, required=True, metavar="N", help="number of threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoder = SparseEncoder(str(arguments.model), device="cpu")
    client = QdrantClient(":memory:")
    client.create_collection(COLLECTION, sparse_vectors_config={VECTOR: SparseVectorParams()})
    report_progress("ready", 0)

    documents = [(number, f"document {number}") for number in range(arguments.documents)]
    points = encode_all(encoder, documents, arguments.threads)
    for count, batch in split_into_batches(points):
        client.upsert(COLLECTION, batch)
        report_progress("indexed", count)
    stored = client.count(COLLECTION).count
    assert stored == arguments.documents, f"expected {arguments.documents} stored points, found {stored}"
    report_progress("done", stored)


def encode_all(encoder: SparseEncoder, documents: list[Document], threads: int) -> list[PointStruct]:
    """Encodes all documents to points."""
    if len(documents) <= DOCUMENTS_PER_TASK:
        return encode_documents_to_points(encoder, documents)
    tasks = [documents[start : start + DOCUMENTS_PER_TASK] for start in range(0, len(documents), DOCUMENTS_PER_TASK)]
    points: list[PointStruct] = []
    with ThreadPoolExecutor(threads) as pool:
        for batch in pool.map(lambda task: encode_documents_to_points(encoder, task), tasks):
            points += batch
            report_progress("encoded", len(points))
    return points


def encode_documents_to_points(encoder: SparseEncoder, documents: list[Document]) -> list[PointStruct]:
    """Encodes documents in one call."""
    vectors = encoder.encode_document([text for _, text in documents], show_progress_bar=False)
    points = []
    for (number, text), terms in zip(documents, encoder.decode(vectors)):
        indices = [encoder.tokenizer.convert_tokens_to_ids(token) for token, _ in terms]
        vector = SparseVector(indices=indices, values=[weight for _, weight in terms])
        points.append(PointStruct(id=number, vector={VECTOR: vector}, payload={"text": text}))
    return points


def split_into_batches(points: list[PointStruct]) -> Iterator[tuple[int, list[PointStruct]]]:
    """Yields batches of points, each with the number of points up to its end."""
    for start in range(0, len(points), POINTS_PER_UPSERT):
        batch = points[start : start + POINTS_PER_UPSERT]
        yield start + len(batch), batch


def report_progress(stage: str, documents: int) -> None:
    """Prints the current stage, the number of completed documents, and the time."""
    print(json.dumps({"stage": stage, "documents": documents, "time": time.time()}), flush=True)


if __name__ == "__main__":
    main()
