"""Tests of EncoderService: options, errors, streams, and vectors equal to those of sentence-transformers."""

import json
import re

import grpc
import pytest

from conftest import ROOT
from faults import fails
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import encoding_pb2 as encoding

GOLDEN = ROOT / "tests" / "data" / "golden"


def read_golden(name):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def test_vectors_equal_those_of_sentence_transformers(sidecar):
    texts, golden = read_golden("texts.json"), read_golden("splade-tiny.json")["vectors"]
    response = sidecar.encoder.Encode(encoder.EncodeRequest(texts=texts))
    assert len(response.results) == len(texts)
    for text, result, expected in zip(texts, response.results, golden):
        assert result.stats.token_count == expected["token_count"], text
        found = dict(zip(result.vector.indices, result.vector.values))
        expected = dict(zip(expected["indices"], expected["values"]))
        for term in found.keys() | expected.keys():
            assert found.get(term, 0) == pytest.approx(expected.get(term, 0), abs=1e-4), (text, term)


def test_tokens_are_returned_with_the_terms(sidecar):
    request = encoder.EncodeRequest(with_tokens=True, texts=["rust and iron"])
    result = sidecar.encoder.Encode(request).results[0]
    assert len(result.tokens) == len(result.vector.indices)
    assert {"rust", "iron"} <= set(result.tokens)
    assert list(result.vector.indices) == sorted(set(result.vector.indices))
    assert not result.stats.truncated


def test_pruning_keeps_the_largest_weights(sidecar):
    request = encoder.EncodeRequest(texts=["volcanoes on the moon of a distant planet"])
    whole = sidecar.encoder.Encode(request).results[0].vector
    request.encoding.pruning.max_terms = 5
    pruned = sidecar.encoder.Encode(request).results[0].vector
    assert sorted(pruned.values) == pytest.approx(sorted(whole.values)[-5:])


def test_pruning_to_a_share_reports_the_removed_terms(sidecar):
    request = encoder.EncodeRequest(texts=["volcanoes on the moon of a distant planet"])
    whole = sidecar.encoder.Encode(request).results[0].vector
    request.encoding.pruning.weight_share = 0.5
    pruned = sidecar.encoder.Encode(request).results[0]
    kept = sorted(pruned.vector.values, reverse=True)
    assert kept == sorted(whole.values, reverse=True)[: len(kept)]
    assert sum(kept) >= 0.5 * sum(whole.values) > sum(kept[:-1])
    assert pruned.stats.pruned_term_count == len(whole.indices) - len(kept)
    assert pruned.stats.pruned_weight == pytest.approx(sum(whole.values) - sum(kept), rel=1e-4)


def test_an_error_names_the_invalid_text(sidecar):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        sidecar.encoder.Encode(encoder.EncodeRequest(texts=["one", "  "]))
    assert failure.reason == "EMPTY_TEXT"
    assert failure.fields == ["texts[1]"]


def test_pruning_limits_are_merged_with_those_of_the_server(start, tmp_path):
    sidecar = start(tmp_path / "store", "--document-max-terms", "4")
    request = encoder.EncodeRequest(texts=["volcanoes on the moon of a distant planet"])
    request.encoding.pruning.min_weight = 0.001
    assert len(sidecar.encoder.Encode(request).results[0].vector.indices) == 4
    request.encoding.pruning.max_terms = 0
    assert len(sidecar.encoder.Encode(request).results[0].vector.indices) > 4


def test_an_empty_message_of_a_stream_is_a_heartbeat(sidecar):
    heartbeat, text = encoder.EncodeStreamRequest(), encoder.EncodeStreamRequest(texts=["one"])
    messages = [heartbeat, text, heartbeat]
    responses = list(sidecar.encoder.EncodeStream(iter(messages), timeout=60))
    assert [result.sequence for response in responses for result in response.results] == [1]


def test_an_unknown_feature_is_rejected(sidecar):
    with fails(grpc.StatusCode.UNIMPLEMENTED) as failure:
        sidecar.encoder.Encode(encoder.EncodeRequest(texts=["one"], required_features=["telepathy"]))
    assert failure.reason == "UNIMPLEMENTED"
    assert "telepathy" in failure.message


def test_every_feature_of_the_server_can_be_required(sidecar):
    features = sidecar.encoder.GetModel(encoder.GetModelRequest()).server.features
    assert features and list(features) == sorted(features)
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [feature for feature in features if f"| `{feature}` |" not in reference] == []
    sidecar.encoder.Encode(encoder.EncodeRequest(texts=["one"], required_features=features))


def test_an_error_names_the_unknown_model(sidecar):
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        sidecar.encoder.Encode(encoder.EncodeRequest(model="nonesuch", texts=["one"]))
    assert failure.reason == "UNKNOWN_MODEL"
    assert "nonesuch" in failure.message


def test_a_stream_returns_one_result_per_text(sidecar):
    long = "word " * 2000
    reject = encoder.EncodeStreamOptions(encoding=encoding.EncodingOptions(long_text="LONG_TEXT_REJECT"))
    messages = [
        encoder.EncodeStreamRequest(options=reject, texts=["one", ""]),
        encoder.EncodeStreamRequest(texts=[long, "four"]),
    ]
    responses = sidecar.encoder.EncodeStream(iter(messages), timeout=60)
    results = {result.sequence: result for response in responses for result in response.results}
    assert sorted(results) == [1, 2, 3, 4]
    assert results[1].encoded.vector.indices and results[4].encoded.vector.indices
    assert results[2].error.reason == "EMPTY_TEXT"
    assert results[3].error.reason == "TEXT_TOO_LONG"


def test_a_long_text_is_truncated_and_flagged(sidecar):
    result = sidecar.encoder.Encode(encoder.EncodeRequest(texts=["word " * 2000])).results[0]
    model = sidecar.encoder.GetModel(encoder.GetModelRequest()).model
    assert result.stats.truncated
    assert result.stats.token_count == model.max_length == 512


def test_a_long_text_is_encoded_as_windows(sidecar):
    # Each word is one token, and a window has 510 tokens besides the special ones.
    halves = ["moon " * 510, "rust " * 510]
    whole = encoding.EncodingOptions(long_text="LONG_TEXT_WINDOW", window_overlap=0)
    windows = sidecar.encoder.Encode(encoder.EncodeRequest(encoding=whole, texts=["".join(halves)])).results[0]
    assert (windows.stats.window_count, windows.stats.token_count, windows.stats.truncated) == (2, 1024, False)
    expected = {}
    for half in sidecar.encoder.Encode(encoder.EncodeRequest(texts=halves)).results:
        for term, weight in zip(half.vector.indices, half.vector.values):
            expected[term] = max(weight, expected.get(term, 0))
    assert dict(zip(windows.vector.indices, windows.vector.values)) == expected


def test_models_are_described(sidecar):
    listed = sidecar.encoder.ListModels(encoder.ListModelsRequest())
    model = sidecar.encoder.GetModel(encoder.GetModelRequest(model=listed.default_model)).model
    assert model in listed.models
    assert model.architecture == "BertForMaskedLM"
    assert (model.vocabulary_size, model.pooling, model.activation) == (30522, "max", "relu")
    assert re.fullmatch("2:[0-9a-f]{64}", model.fingerprint)
    # Collections that store version 1 of the fingerprint are still accepted.
    assert re.fullmatch("[0-9a-f]{64}", model.earlier_fingerprint)
    # The model's files set one maximum length for both roles, no `max_active_dims` and no prompts.
    assert (model.max_length, model.query_max_length, model.max_terms) == (512, 512, 0)
    assert (model.document_prompt, model.query_prompt) == ("", "")
    limits = listed.server.limits
    assert (limits.max_message_bytes, limits.max_text_bytes, limits.max_unary_documents) == (32 << 20, 1 << 20, 256)
    assert limits.stream_idle_timeout.ToSeconds() == 600


def test_models_are_listed_in_pages(start, tmp_path, model_folder):
    sidecar = start(tmp_path / "store", "--model", f"another={model_folder}")
    pages, token = [], ""
    while not pages or token:
        pages.append(sidecar.encoder.ListModels(encoder.ListModelsRequest(page_size=1, page_token=token)))
        token = pages[-1].next_page_token
    assert [[model.name for model in page.models] for page in pages] == [["another"], ["splade-tiny"]]
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        sidecar.encoder.ListModels(encoder.ListModelsRequest(page_token="nonsense"))
    assert failure.fields == ["page_token"]
