"""The cookbook, with the real tools: each line works as it stands, and prints what the cookbook shows."""

import re

import pytest

from conftest import ROOT
from recipes import Recipe, check_shown, of_document, path_of, recipes, run

COOKBOOK = "docs/cookbook.md"


def test_recipes_are_found():
    markdown = (
        "```sh\ngrpcurl a \\\n  b\nls\ngrpcurl -d '{\n}' c\n```\n\nIt prints\n\n```json\n{}\n```\ngrpcurl outside\n"
        "```sh\nghz x\n```\n\n```text\nok\n```\n"
    )
    assert recipes(markdown) == [
        Recipe("grpcurl a \\\n  b"),
        Recipe("grpcurl -d '{\n}' c", "{}\n"),
        Recipe("ghz x", "ok\n"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        ('{\n "score": 1.5,\n …\n}', '{"score": 2.5, "more": 1}', True),
        ('{"status": "INDEXED"}', '{"status": "REJECTED"}', False),
        ('{"score": 1}', '{"scores": 1}', False),
        ("  Count:  20\n  [OK]  20 responses\n", "Count: 300\n\n[OK] 300 responses", True),
        ("  [OK]  20 responses\n", "[Unavailable] 20 responses", False),
    ],
)
def test_what_is_shown_is_held_against_what_is_printed(shown, printed, agrees):
    if agrees:
        check_shown(Recipe("ghz x", shown), printed)
    else:
        with pytest.raises(AssertionError):
            check_shown(Recipe("ghz x", shown), printed)


def test_every_line_of_grpcurl(start, tmp_path):
    path_of("grpcurl")
    sidecar = start(tmp_path / "store")
    for recipe in of_document(COOKBOOK, "grpcurl"):
        run(recipe, sidecar.address)


def test_every_line_of_ghz(start, tmp_path):
    path_of("ghz")
    sidecar = start(tmp_path / "store")
    for recipe in of_document(COOKBOOK, "ghz"):
        printed = run(recipe, sidecar.address)
        # It ends with 0 even if every call failed.
        assert re.findall(r"\[([A-Z]\w+)\]", printed) == ["OK"], f"{recipe.command}\n{printed}"


def test_every_call_of_the_contract_is_there():
    from google.protobuf import descriptor_pool
    from splade.v1 import encoder_service_pb2, index_service_pb2  # noqa: F401

    cookbook = (ROOT / COOKBOOK).read_text(encoding="utf-8")
    pool = descriptor_pool.Default()
    calls = [
        f"{service}/{method}"
        for service in ("splade.v1.EncoderService", "splade.v1.IndexService")
        for method in pool.FindServiceByName(service).methods_by_name
    ]
    calls += ["tei.v1.Info/Info", "tei.v1.Embed/EmbedSparse", "tei.v1.Embed/EmbedSparseStream"]
    lines = "\n".join(recipe.command for recipe in recipes(cookbook))
    assert [call for call in calls if call not in lines] == []
