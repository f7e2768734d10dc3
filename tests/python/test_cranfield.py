"""Checks that the ranking quality on the Cranfield collection equals that of the reference implementation."""

import json
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest

from documents import document, ingest
from skips import skip
from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import query_pb2 as queries_pb2

NAME = "cranfield"


@pytest.fixture(scope="module")
def collection_dir() -> Path:
    """Directory of the Cranfield collection."""
    path = os.environ.get("SPLADE_CRANFIELD")
    if not path:
        skip("cranfield")
    return Path(path)


def read_json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_relevant(path: Path) -> dict[int, set[int]]:
    """Returns the relevant documents of each query."""
    relevant = defaultdict(set)
    for line in path.read_text(encoding="utf-8").splitlines():
        query, doc, _grade = map(int, line.split("\t"))
        relevant[query].add(doc)
    return relevant


def compute_ndcg(ranking: list[int], relevant: set[int]) -> float:
    """Returns the nDCG of a ranking with binary relevance."""
    gain = sum(1 / math.log2(rank + 2) for rank, doc in enumerate(ranking) if doc in relevant)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(ranking), len(relevant))))
    return gain / ideal if ideal else 0.0


def compute_reciprocal_rank(ranking: list[int], relevant: set[int]) -> float:
    """Returns the reciprocal rank of the first relevant document; 0 if there is none."""
    return next((1 / (rank + 1) for rank, doc in enumerate(ranking) if doc in relevant), 0.0)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.002), ("int8", 0.003)])
def test_ranking_quality_equals_the_reference(start, tmp_path, collection_dir, dtype, tolerance):
    sidecar = start(tmp_path / "store", "--dtype", dtype)
    entries = read_json_lines(collection_dir / "docs.jsonl")
    settings = index.IngestOptions(collection=NAME, create_collection=True)
    results = ingest(sidecar, settings, [document(entry["text"], entry["id"]) for entry in entries], batch=50)
    rejected = [result for result in results if result.status == index.OPERATION_STATUS_REJECTED]
    assert (len(results), len(rejected)) == (1400, 2)
    assert [result.error.reason for result in rejected] == ["EMPTY_TEXT"] * 2
    empty = {entry["id"] for entry in entries if not entry["text"].strip()}
    assert {result.id.num for result in rejected} == empty
    described = sidecar.index.GetCollection(index.GetCollectionRequest(collection=NAME))
    assert described.collection.point_count == 1398

    relevant = read_relevant(collection_dir / "qrels.tsv")
    queries = read_json_lines(collection_dir / "queries.jsonl")
    measures = []
    for query in queries:
        request = index.SearchRequest(
            collection=NAME,
            query=queries_pb2.Query(text=query["text"]),
            limit=10,
            return_options=docs.ReturnOptions(without_payload=True),
        )
        ranking = [hit.document.id.num for hit in sidecar.index.Search(request).hits]
        judged = relevant[query["id"]]
        measures.append((compute_ndcg(ranking, judged), compute_reciprocal_rank(ranking, judged)))
    mean_ndcg, mean_rank = (sum(values) / len(values) for values in zip(*measures))
    print(f"{dtype}: nDCG@10 {mean_ndcg:.4f}, MRR@10 {mean_rank:.4f} over {len(queries)} queries")
    assert len(queries) == 225
    assert mean_ndcg == pytest.approx(0.3721, abs=tolerance)
    assert mean_rank == pytest.approx(0.5257, abs=0.003 if dtype == "float32" else 0.006)
    assert sidecar.stop() == 0
