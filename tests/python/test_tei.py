"""Tests of tei.v1 as a client of text-embeddings-inference uses it."""

import grpc
import pytest
from tei.v1 import tei_pb2 as tei
from tei.v1 import tei_pb2_grpc as tei_grpc

from documents import corpus
from faults import fails
from fixtures import ROOT
from recipes import ADDRESS
from splade_sidecar.v1 import encoder_service_pb2 as encoder

LONG = "word " * 2000


@pytest.fixture(scope="module")
def embed(sidecar):
    return tei_grpc.EmbedStub(sidecar.channel)


def test_contract_matches_the_published_one():
    """Checks a sample of names and numbers: a full comparison would need the network."""
    services = tei.DESCRIPTOR.services_by_name
    assert {name: sorted(service.methods_by_name) for name, service in services.items()} == {
        "Info": ["Info"],
        "Embed": ["Embed", "EmbedAll", "EmbedAllStream", "EmbedSparse", "EmbedSparseStream", "EmbedStream"],
        "Predict": ["Predict", "PredictPair", "PredictPairStream", "PredictStream"],
        "Rerank": ["Rerank", "RerankStream"],
        "Tokenize": ["Decode", "DecodeStream", "Tokenize", "TokenizeStream"],
    }
    fields = {field.number: field.name for field in tei.EmbedSparseRequest.DESCRIPTOR.fields}
    assert fields == {1: "inputs", 2: "truncate", 3: "truncation_direction", 4: "prompt_name"}
    # Wire bytes, as another client serializes them.
    request = tei.EmbedSparseRequest(inputs="a", truncate=True, truncation_direction=1, prompt_name="query")
    assert request.SerializeToString() == b"\x0a\x01a\x10\x01\x18\x01\x22\x05query"
    response = tei.EmbedSparseResponse(sparse_embeddings=[tei.SparseValue(index=3, value=0.5)])
    assert response.SerializeToString() == b"\x0a\x07\x08\x03\x15\x00\x00\x00\x3f"


def test_info_describes_the_default_model(sidecar):
    info = tei_grpc.InfoStub(sidecar.channel).Info(tei.InfoRequest())
    model = sidecar.encoder.GetModel(encoder.GetModelRequest()).model
    assert (info.model_id, info.model_sha, info.model_dtype) == (model.name, model.fingerprint, model.dtype)
    assert info.model_type == tei.MODEL_TYPE_EMBEDDING
    assert (info.max_input_length, info.max_concurrent_requests) == (512, 1024)
    assert not info.HasField("docker_label") and not info.HasField("max_batch_requests")


def test_vectors_equal_those_of_encode(sidecar, embed):
    texts = [document.text for document in corpus(20)]
    expected = [result.vector for result in sidecar.encoder.Encode(encoder.EncodeRequest(texts=texts)).results]
    for text, vector in zip(texts, expected):
        answer, call = embed.EmbedSparse.with_call(tei.EmbedSparseRequest(inputs=text, truncate=True))
        assert [term.index for term in answer.sparse_embeddings] == list(vector.indices)
        assert [term.value for term in answer.sparse_embeddings] == list(vector.values)
        headers = dict(call.initial_metadata())
        assert headers["x-compute-characters"] == str(len(text)) == str(answer.metadata.compute_chars)
        assert headers["x-compute-tokens"] == str(answer.metadata.compute_tokens)
        assert int(headers["x-total-time"]) == answer.metadata.total_time_ns // 1_000_000
        assert answer.metadata.inference_time_ns > 0


def test_a_stream_responds_in_order(embed):
    texts = [document.text for document in corpus(240)]
    requests = (tei.EmbedSparseRequest(inputs=text, truncate=True) for text in texts)
    answers = list(embed.EmbedSparseStream(requests, timeout=60))
    assert len(answers) == len(texts)
    for text, answer in list(zip(texts, answers))[::20]:
        assert answer.sparse_embeddings == embed.EmbedSparse(tei.EmbedSparseRequest(inputs=text)).sparse_embeddings


def test_a_long_text_is_rejected_or_truncated_at_either_end(embed):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        embed.EmbedSparse(tei.EmbedSparseRequest(inputs=LONG))
    assert (failure.reason, failure.fields) == ("TEXT_TOO_LONG", ["inputs"])
    # Each word is one token, and the maximum is 510 tokens besides the special ones.
    text = f"volcano {LONG} moon"
    kept = {
        tei.TRUNCATION_DIRECTION_RIGHT: "volcano " + "word " * 509,
        tei.TRUNCATION_DIRECTION_LEFT: "word " * 509 + "moon",
    }
    for direction, truncated in kept.items():
        request = tei.EmbedSparseRequest(inputs=text, truncate=True, truncation_direction=direction)
        answer = embed.EmbedSparse(request)
        assert answer.metadata.compute_tokens == 512
        assert answer.sparse_embeddings == embed.EmbedSparse(tei.EmbedSparseRequest(inputs=truncated)).sparse_embeddings


def test_an_unknown_prompt_is_rejected(embed):
    embed.EmbedSparse(tei.EmbedSparseRequest(inputs="one", prompt_name="query"))
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        embed.EmbedSparse(tei.EmbedSparseRequest(inputs="one", prompt_name="passage"))
    assert failure.fields == ["prompt_name"]


def test_dense_vectors_are_unimplemented(embed):
    with fails(grpc.StatusCode.UNIMPLEMENTED) as failure:
        embed.Embed(tei.EmbedRequest(inputs="one"))
    assert "Embed.EmbedSparse" in failure.message
    with fails(grpc.StatusCode.UNIMPLEMENTED):
        list(embed.EmbedStream(iter([tei.EmbedRequest(inputs="one")])))


def test_the_client_of_the_cookbook(sidecar, capsys):
    cookbook = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    [snippet] = [block.split("```")[0] for block in cookbook.split("```python\n")[1:]]
    assert ADDRESS in snippet
    exec(compile(snippet.replace(ADDRESS, sidecar.address), "cookbook.md", "exec"), {})
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("splade-tiny") and len(rest) == 2, (first, rest)
