"""Checks that the cookbook covers every call with valid messages, and runs its ghz commands.

test_grpcurl.py runs the grpcurl commands.
"""

import re
import shlex

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from tei.v1 import tei_pb2  # noqa: F401

from fixtures import ROOT
from outputs import parse_json_values, parse_shown, remove_omissions
from recipes import Recipe, parse_recipes, read_recipes, require_program, run
from splade_sidecar.v1 import encoder_service_pb2, index_service_pb2  # noqa: F401

COOKBOOK = "docs/cookbook.md"


def test_recipes_are_parsed():
    markdown = (
        "```sh\ngrpcurl a \\\n  b\nls\ngrpcurl -d '{\n}' c\n```\n\nIt prints\n\n```json\n{}\n```\ngrpcurl outside\n"
        "```sh\nghz x\n```\n\n```text\nok\n```\n"
    )
    assert parse_recipes(markdown) == [
        Recipe("grpcurl a \\\n  b"),
        Recipe("grpcurl -d '{\n}' c", "{}\n", is_json=True),
        Recipe("ghz x", "ok\n"),
    ]


def test_every_ghz_command(start, tmp_path):
    require_program("ghz")
    sidecar = start(tmp_path / "store")
    for recipe in read_recipes(COOKBOOK, "ghz"):
        printed = run(recipe, sidecar.address)
        # ghz exits with 0 even if every call fails.
        assert re.findall(r"\[([A-Z]\w+)\]", printed) == ["OK"], f"{recipe.command}\n{printed}"


def test_documented_fingerprints_are_those_of_the_model(sidecar):
    model = sidecar.encoder.GetModel(encoder_service_pb2.GetModelRequest()).model
    expected = {
        "fingerprint": model.fingerprint,
        "modelSha": model.fingerprint,
        "earlierFingerprint": model.earlier_fingerprint,
    }
    page = (ROOT / COOKBOOK).read_text(encoding="utf-8")
    shown = re.findall(r'"(fingerprint|modelSha|earlierFingerprint)": "([^"]*)…"', page)
    assert {field for field, _ in shown} == set(expected)
    for field, prefix in shown:
        message = f"{COOKBOOK} has {field} {prefix}…, but the server returns {expected[field]}"
        assert expected[field].startswith(prefix), message


def list_methods() -> "dict[str, MethodDescriptor]":
    """Returns the methods of the contract, and the implemented ones of tei.v1, by name."""
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


def parse_requests(command: str) -> "list[dict]":
    """Returns the JSON messages that a command sends."""
    words = shlex.split(command)
    return parse_json_values(words[words.index("-d") + 1]) if "-d" in words else []


def test_cookbook_has_every_call_of_the_contract():
    lines = "\n".join(recipe.command for recipe in read_recipes(COOKBOOK, "grpcurl"))
    assert [call for call in list_methods() if call not in lines] == []


def test_documented_requests_conform_to_the_contract():
    """Checks names and types of all fields, without a server."""
    for recipe in read_recipes(COOKBOOK, "grpcurl"):
        method = list_methods().get(shlex.split(recipe.command)[-1])
        for request in parse_requests(recipe.command) if method else []:
            json_format.ParseDict(request, message_factory.GetMessageClass(method.input_type)())


def test_documented_responses_conform_to_the_contract():
    for recipe in read_recipes(COOKBOOK, "grpcurl"):
        method = list_methods().get(shlex.split(recipe.command)[-1])
        if method and recipe.is_json:
            for message in remove_omissions(parse_shown(recipe.shown)[0]):
                json_format.ParseDict(message, message_factory.GetMessageClass(method.output_type)())


def test_cookbook_has_every_condition_in_flat_form():
    lines = [recipe.command for recipe in read_recipes(COOKBOOK, "grpcurl")]
    filters = [request.get("filter", {}) for line in lines for request in parse_requests(line)]
    conditions = [condition for clauses in filters for clause in clauses.values() for condition in clause]
    tests = descriptor_pool.Default().FindMessageTypeByName("splade_sidecar.v1.Condition").oneofs_by_name["test"].fields
    used = {name for condition in conditions for name in condition}
    assert {field.name for field in tests} - used == {"filter"}
    # A condition has at most one nested object: `{"path": …, "range": {…}}`.
    for condition in conditions:
        for value in condition.values():
            inner = value if isinstance(value, dict) else {}
            nested = [value for value in inner.values() if isinstance(value, dict)]
            assert nested == [], condition
