"""One case of settings, and short ways to write the common kinds of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings_changes import Change, delete, drop, put

MODELS = Path(__file__).resolve().parents[2] / "tests" / "data" / "models"


@dataclass
class Case:
    """A change of a model directory, and the keys (`file: dotted.path`) that it is about."""

    name: str
    keys: list[str]
    changes: list[Change]


def sets(file: str, path: str | list[str | int], *values: object, tag: str = "") -> list[Case]:
    """One case a value of one key."""
    return [
        Case(f"{tag}{file} {dotted(path)} = {shown(value)}", [f"{file}: {dotted(path)}"], [put(file, path, value)])
        for value in values
    ]


def drops(file: str, *paths: str) -> list[Case]:
    """One case a key that is taken away."""
    return [Case(f"{file} without {path}", [f"{file}: {path}"], [drop(file, path)]) for path in paths]


def irrelevant(file: str, values: dict[str, object], name: str = "") -> Case:
    """All keys that should not matter, at once."""
    keys = [f"{file}: {path}" for path in values]
    return Case(name or f"{file} irrelevant keys", keys, [put(file, path, value) for path, value in values.items()])


def several(name: str, file: str, values: dict[str, object], *more: Change) -> Case:
    keys = [f"{file}: {path}" for path in values]
    return Case(name, keys, [*(put(file, path, value) for path, value in values.items()), *more])


def without(file: str) -> Case:
    return Case(f"without {file}", [file], [delete(file)])


def dotted(path: str | list[str | int]) -> str:
    return path if isinstance(path, str) else ".".join(map(str, path))


def base_json(base: str, file: str) -> Any:
    """A file of an unchanged base, for cases that set a whole list of it."""
    return json.loads((MODELS / base / file).read_text(encoding="utf-8"))


def adds_token(base: str, token: dict[str, object]) -> Change:
    """One more added token at the end of tokenizer.json's."""
    tokens = base_json(base, "tokenizer.json")["added_tokens"]
    return put("tokenizer.json", "added_tokens", [*tokens, token])


def shown(value: object) -> str:
    said = repr(value) if isinstance(value, str) else str(value)
    return said if len(said) <= 100 else said[:97] + "..."
