"""Every grpcurl command of the cookbook, in order on an empty store, prints the values that the cookbook shows."""

from recipes import of_document, path_of, run

COOKBOOK = "docs/cookbook.md"


def test_each_command_prints_what_is_shown(start, tmp_path):
    path_of("grpcurl")
    # A server of its own, because the cookbook starts with an empty store.
    sidecar = start(tmp_path / "store")
    for recipe in of_document(COOKBOOK, "grpcurl"):
        run(recipe, sidecar.address)


def test_each_command_shows_its_output():
    assert [recipe.command for recipe in of_document(COOKBOOK, "grpcurl") if not recipe.shown.strip()] == []
