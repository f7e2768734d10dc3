"""Changes of model directories by cases of settings.

A change is a plain dictionary, which is written to the golden file so that the Rust tests can apply it too.
"""

import json
import shutil
from pathlib import Path
from typing import Any

Change = dict[str, Any]


def set_value(file: str, path: str | list[str | int], value: object) -> Change:
    """Sets a value of a JSON file. Creates missing parent objects and the file.

    An integer in `path` is a list index.
    """
    return {"file": file, "path": split_path(path), "value": value}


def remove_value(file: str, path: str | list[str | int]) -> Change:
    """Removes a value from a JSON file."""
    return {"file": file, "path": split_path(path), "remove": True}


def remove_file(file: str) -> Change:
    """Removes a file, or a directory with its contents."""
    return {"file": file, "remove": True}


def replace_text(file: str, content: str) -> Change:
    """Writes a text file."""
    return {"file": file, "text": content}


def replace_json(file: str, content: object) -> Change:
    """Writes a JSON file."""
    return {"file": file, "json": content}


def copy_file(file: str, of: str) -> Change:
    """Copies a file of the unchanged base; `../OTHER/FILE` is a file of another base."""
    return {"file": file, "copy_of": of}


def move_file(file: str, to: str) -> Change:
    """Moves a file."""
    return {"file": file, "move_to": to}


def split_path(path: str | list[str | int]) -> list[str | int]:
    return path.split(".") if isinstance(path, str) else path


def apply_changes(changes: list[Change], base: Path, directory: Path) -> None:
    """Applies changes in order to `directory`, a copy of `base`."""
    for change in changes:
        apply_change(change, base, directory)


def apply_change(change: Change, base: Path, directory: Path) -> None:
    file = directory / change["file"]
    if "move_to" in change:
        target = directory / change["move_to"]
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    if "path" in change:
        content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        change_value(content, change)
        write_json(file, content)
    elif "text" in change:
        file.write_bytes(change["text"].encode())
    elif "json" in change:
        write_json(file, change["json"])
    elif "copy_of" in change:
        shutil.copy(base / change["copy_of"], file)
    elif file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()


def change_value(content: Any, change: Change) -> None:
    *parents, last = change["path"]
    for step in parents:
        if isinstance(content, dict):
            content = content.setdefault(step, {})
        else:
            content = content[step]
    if "remove" in change:
        del content[last]
    else:
        content[last] = change["value"]


def write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
