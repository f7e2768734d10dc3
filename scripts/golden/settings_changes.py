"""What a case of settings changes in a model directory, and how it is done.

Each change is a plain dictionary, as it is written into the golden file, so that another program can apply it too.
"""

import json
import shutil
from pathlib import Path
from typing import Any

Change = dict[str, Any]


def put(file: str, path: str | list[str | int], value: object) -> Change:
    """Sets one value of a JSON file. Objects on the way to it are made, and so is the file, as an empty object.

    A number in `path` is a place in a list.
    """
    return {"file": file, "path": steps(path), "value": value}


def drop(file: str, path: str | list[str | int]) -> Change:
    return {"file": file, "path": steps(path), "remove": True}


def delete(file: str) -> Change:
    """Removes a file, or a folder with all that is in it."""
    return {"file": file, "remove": True}


def text(file: str, content: str) -> Change:
    return {"file": file, "text": content}


def whole(file: str, content: object) -> Change:
    return {"file": file, "json": content}


def copy(file: str, of: str) -> Change:
    """Copies a file of the unchanged base; `../OTHER/FILE` is one of another model."""
    return {"file": file, "copy_of": of}


def move(file: str, to: str) -> Change:
    return {"file": file, "move_to": to}


def steps(path: str | list[str | int]) -> list[str | int]:
    return path.split(".") if isinstance(path, str) else path


def apply(changes: list[Change], base: Path, folder: Path) -> None:
    """Applies the changes, in their order, to a copy of `base` that lies in `folder`."""
    for change in changes:
        apply_one(change, base, folder)


def apply_one(change: Change, base: Path, folder: Path) -> None:
    file = folder / change["file"]
    if "move_to" in change:
        target = folder / change["move_to"]
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
