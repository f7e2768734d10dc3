"""Runs the grpcurl commands of the cookbook in order on an empty store, and checks their documented output."""

from recipes import read_recipes, require_program, run

COOKBOOK = "docs/cookbook.md"


def test_each_command_prints_its_documented_output(start, tmp_path):
    require_program("grpcurl")
    # A separate server, because the cookbook starts with an empty store.
    sidecar = start(tmp_path / "store")
    for recipe in read_recipes(COOKBOOK, "grpcurl"):
        run(recipe, sidecar.address)


def test_each_command_has_documented_output():
    assert [recipe.command for recipe in read_recipes(COOKBOOK, "grpcurl") if not recipe.shown.strip()] == []
