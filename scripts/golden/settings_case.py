"""Golden case of settings, and functions that create common kinds of cases."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings_changes import Change, remove_file, remove_value, set_value

MODELS = Path(__file__).resolve().parents[2] / "tests" / "data" / "models"


@dataclass
class Case:
    """Change of a model directory, and the keys (`file: dotted.path`) that it tests."""

    name: str
    keys: list[str]
    changes: list[Change]


def set_each(file: str, path: str | list[str | int], *values: object, tag: str = "") -> list[Case]:
    """Returns one case per value of a key."""
    return [
        Case(
            f"{tag}{file} {join_path(path)} = {format_value(value)}",
            [f"{file}: {join_path(path)}"],
            [set_value(file, path, value)],
        )
        for value in values
    ]


def drop_each(file: str, *paths: str) -> list[Case]:
    """Returns one case per key, which it removes."""
    return [Case(f"{file} without {path}", [f"{file}: {path}"], [remove_value(file, path)]) for path in paths]


def set_irrelevant(file: str, values: dict[str, object], name: str = "") -> Case:
    """Returns a case that sets several keys that must have no effect."""
    keys = [f"{file}: {path}" for path in values]
    return Case(
        name or f"{file} irrelevant keys", keys, [set_value(file, path, value) for path, value in values.items()]
    )


def set_together(name: str, file: str, values: dict[str, object], *more: Change) -> Case:
    """Returns a case that sets several keys and applies more changes."""
    keys = [f"{file}: {path}" for path in values]
    return Case(name, keys, [*(set_value(file, path, value) for path, value in values.items()), *more])


def delete_file_case(file: str) -> Case:
    """Returns a case that deletes a file."""
    return Case(f"without {file}", [file], [remove_file(file)])


def join_path(path: str | list[str | int]) -> str:
    return path if isinstance(path, str) else ".".join(map(str, path))


def read_base_json(base: str, file: str) -> Any:
    """Reads a JSON file of an unchanged base, for cases that replace a list in it."""
    return json.loads((MODELS / base / file).read_text(encoding="utf-8"))


def append_added_token(base: str, token: dict[str, object]) -> Change:
    """Returns a change that appends an added token to tokenizer.json."""
    tokens = read_base_json(base, "tokenizer.json")["added_tokens"]
    return set_value("tokenizer.json", "added_tokens", [*tokens, token])


def format_value(value: object) -> str:
    formatted = repr(value) if isinstance(value, str) else str(value)
    return formatted if len(formatted) <= 100 else formatted[:97] + "..."
