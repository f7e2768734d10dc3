"""Commands of documents, run against a running server, and compared with the output that the document shows."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass

from fixtures import ROOT
from outputs import check_output
from skips import find_program

# What the documents call the server.
ADDRESS = "localhost:50051"
# The programs, and the variables that say where they are.
PROGRAMS = {"grpcurl": "GRPCURL", "ghz": "GHZ"}


@dataclass
class Recipe:
    """A command, and the block below it: what the document shows of the output (see outputs.py)."""

    command: str
    shown: str = ""
    is_json: bool = False

    @property
    def program(self) -> str:
        return self.command.split(" ", 1)[0]


def recipes(markdown: str) -> list[Recipe]:
    """The commands of the `sh` blocks that begin with one of the programs, each with its continuation lines, in order.

    A block of `json` or `text` that follows shows what the last of them prints.
    """
    found: list[Recipe] = []
    for language, body in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", markdown, re.MULTILINE | re.DOTALL):
        if language in ("json", "text") and found:
            found[-1].shown, found[-1].is_json = body, language == "json"
        else:
            found += [Recipe(command) for command in commands(body)]
    return found


def commands(block: str) -> list[str]:
    found, pending = [], None
    for line in block.splitlines():
        if pending is not None or line.split(" ", 1)[0] in PROGRAMS:
            pending = line if pending is None else f"{pending}\n{line}"
            if is_complete(pending):
                found.append(pending)
                pending = None
    return found


def is_complete(command: str) -> bool:
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
    except ValueError:  # A quotation goes on in the next line.
        return False
    return True


def of_document(name: str, *programs: str) -> list[Recipe]:
    """A document's recipes with these programs."""
    found = recipes((ROOT / name).read_text(encoding="utf-8"))
    wanted = [recipe for recipe in found if recipe.program in programs]
    assert wanted, f"{name} has no line of {programs}"
    return wanted


def path_of(program: str) -> str:
    """Where a program is; skips the test where it is not."""
    return os.environ.get(PROGRAMS[program]) or find_program(program)


def run(recipe: Recipe, address: str) -> str:
    """Runs it against the server at `address`, checks its status and its output, and returns the output."""
    command = recipe.command
    assert ADDRESS in command, f"{command}\ndoes not name {ADDRESS}"
    line = shlex.quote(path_of(recipe.program)) + command.removeprefix(recipe.program).replace(ADDRESS, address)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120)
    printed = done.stdout + done.stderr
    fails = "ERROR:" in recipe.shown
    assert (done.returncode != 0) == fails, f"{command}\nended with {done.returncode}\n{printed}"
    assert printed.strip(), f"{command}\nprinted nothing"
    if recipe.shown:
        try:
            check_output(recipe.shown, printed, recipe.is_json)
        except AssertionError as difference:
            raise AssertionError(f"{command}\n{difference}\n{printed}") from difference
    return done.stdout
