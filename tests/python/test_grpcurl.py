"""Every grpcurl line of the README, run as it stands against a running server, over reflection."""

import json
import shlex

from recipes import of_document, path_of, run


def json_values(text: str) -> list[object]:
    values, position = [], 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, position = json.JSONDecoder().raw_decode(text, position)
        values.append(value)
    return values


def test_json_values_are_found():
    assert json_values('{"a": 1}\n{}\n') == [{"a": 1}, {}]


def test_the_lines_of_the_readme(start, tmp_path):
    path_of("grpcurl")
    # A server of its own: the README begins with an empty store.
    sidecar = start(tmp_path / "store")
    for recipe in of_document("README.md", "grpcurl"):
        printed = run(recipe, sidecar.address)
        if not {"list", "describe"} & set(shlex.split(recipe.command)):
            assert json_values(printed), recipe.command
