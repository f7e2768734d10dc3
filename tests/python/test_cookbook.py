"""The cookbook has every call, sends and shows messages of the contract, and its ghz commands work.

test_grpcurl.py runs its grpcurl commands.
"""

import re
import shlex

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from tei.v1 import tei_pb2  # noqa: F401

from fixtures import ROOT
from outputs import json_values, parse_shown, without_omissions
from recipes import Recipe, of_document, path_of, recipes, run
from splade_sidecar.v1 import encoder_service_pb2, index_service_pb2  # noqa: F401

COOKBOOK = "docs/cookbook.md"


def test_recipes_are_found():
    markdown = (
        "```sh\ngrpcurl a \\\n  b\nls\ngrpcurl -d '{\n}' c\n```\n\nIt prints\n\n```json\n{}\n```\ngrpcurl outside\n"
        "```sh\nghz x\n```\n\n```text\nok\n```\n"
    )
    assert recipes(markdown) == [
        Recipe("grpcurl a \\\n  b"),
        Recipe("grpcurl -d '{\n}' c", "{}\n", is_json=True),
        Recipe("ghz x", "ok\n"),
    ]


def test_every_line_of_ghz(start, tmp_path):
    path_of("ghz")
    sidecar = start(tmp_path / "store")
    for recipe in of_document(COOKBOOK, "ghz"):
        printed = run(recipe, sidecar.address)
        # It ends with 0 even if every call failed.
        assert re.findall(r"\[([A-Z]\w+)\]", printed) == ["OK"], f"{recipe.command}\n{printed}"


def test_the_fingerprints_that_are_shown_are_the_models(sidecar):
    model = sidecar.encoder.GetModel(encoder_service_pb2.GetModelRequest()).model
    expected = {
        "fingerprint": model.fingerprint,
        "modelSha": model.fingerprint,
        "earlierFingerprint": model.earlier_fingerprint,
    }
    page = (ROOT / COOKBOOK).read_text(encoding="utf-8")
    shown = re.findall(r'"(fingerprint|modelSha|earlierFingerprint)": "([^"]*)…"', page)
    assert {field for field, _ in shown} == set(expected)
    for field, beginning in shown:
        assert expected[field].startswith(beginning), f"{COOKBOOK} shows {field} {beginning}, it is {expected[field]}"


def methods() -> "dict[str, MethodDescriptor]":
    """The calls of the contract by name, and those of tei.v1 that are implemented."""
    pool = descriptor_pool.Default()
    found = {
        f"{service}/{method.name}": method
        for service in ("splade_sidecar.v1.EncoderService", "splade_sidecar.v1.IndexService")
        for method in pool.FindServiceByName(service).methods
    }
    for service, method in (("Info", "Info"), ("Embed", "EmbedSparse"), ("Embed", "EmbedSparseStream")):
        name = f"tei.v1.{service}"
        found[f"{name}/{method}"] = pool.FindServiceByName(name).methods_by_name[method]
    return found


def requests_of(command: str) -> "list[dict]":
    """The messages that a line sends."""
    words = shlex.split(command)
    return json_values(words[words.index("-d") + 1]) if "-d" in words else []


def test_every_call_of_the_contract_is_there():
    lines = "\n".join(recipe.command for recipe in of_document(COOKBOOK, "grpcurl"))
    assert [call for call in methods() if call not in lines] == []


def test_what_is_sent_is_a_request_of_the_contract():
    """Without a server: each field exists, and has the type that is sent."""
    for recipe in of_document(COOKBOOK, "grpcurl"):
        method = methods().get(shlex.split(recipe.command)[-1])
        for request in requests_of(recipe.command) if method else []:
            json_format.ParseDict(request, message_factory.GetMessageClass(method.input_type)())


def test_what_is_shown_is_a_response_of_the_contract():
    for recipe in of_document(COOKBOOK, "grpcurl"):
        method = methods().get(shlex.split(recipe.command)[-1])
        if method and recipe.is_json:
            for message in without_omissions(parse_shown(recipe.shown)[0]):
                json_format.ParseDict(message, message_factory.GetMessageClass(method.output_type)())


def test_every_condition_is_used_and_is_flat():
    lines = [recipe.command for recipe in of_document(COOKBOOK, "grpcurl")]
    filters = [request.get("filter", {}) for line in lines for request in requests_of(line)]
    conditions = [condition for clauses in filters for clause in clauses.values() for condition in clause]
    tests = descriptor_pool.Default().FindMessageTypeByName("splade_sidecar.v1.Condition").oneofs_by_name["test"].fields
    used = {name for condition in conditions for name in condition}
    assert {field.name for field in tests} - used == {"filter"}
    # Inside a condition there is one level of braces: `{"path": …, "range": {…}}`.
    for condition in conditions:
        for value in condition.values():
            inner = value if isinstance(value, dict) else {}
            nested = [part for part in inner.values() if isinstance(part, dict)]
            assert nested == [], condition
