"""Runs the README's snippets in order, in one process, with the repository's root as working directory."""

import re
from pathlib import Path

from skips import import_package

README = Path(__file__).resolve().parents[1] / "README.md"
NEEDED = ("qdrant_client", "langchain_qdrant", "haystack_integrations", "llama_index", "tqdm")


def test_its_snippets_run(sidecar, monkeypatch, capsys):
    import splade_sidecar.aio
    import splade_sidecar.client

    for name in NEEDED:
        import_package(name)
    monkeypatch.chdir(README.parents[2])
    # The snippets use the default address, so redirect it to the test server.
    for defaults in (splade_sidecar.client.Client.__init__, splade_sidecar.aio.AsyncClient.__init__):
        monkeypatch.setattr(defaults, "__defaults__", (sidecar.address,))
    for module in ("qdrant", "langchain", "haystack"):
        monkeypatch.setattr(f"splade_sidecar.{module}.Client", reach(sidecar.address))
    snippets = re.findall(r"<!-- test -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(snippets) == 13
    names: dict = {}
    for snippet in snippets:
        exec(compile(snippet, str(README), "exec"), names)
    printed = capsys.readouterr().out
    assert "Vesuvius" in printed and "EMPTY_TEXT" in printed
    assert "1 2 The price is 12 euros. 1732960000" in printed
    assert printed.count("A queue slows its sender down.") >= 4


def reach(address):
    from splade_sidecar import Client

    return lambda target, **options: Client(address, **options)
