"""Runs the commands in Markdown documents against a server, and compares their output with the documented output."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass

from fixtures import ROOT
from outputs import check_output
from skips import find_program

# Address of the server in the documents, which is replaced with that of the test server.
ADDRESS = "localhost:50051"
# Programs, and the environment variables with their paths.
PROGRAMS = {"grpcurl": "GRPCURL", "ghz": "GHZ"}


@dataclass
class Recipe:
    """Command of a document, and its documented output in the format of outputs.py."""

    command: str
    shown: str = ""
    is_json: bool = False

    @property
    def program(self) -> str:
        """Name of the program that the command runs."""
        return self.command.split(" ", 1)[0]


def parse_recipes(markdown: str) -> list[Recipe]:
    """Returns the commands in `sh` blocks that run one of the programs, including continuation lines, in order.

    A following `json` or `text` block is the documented output of the last command.
    """
    found: list[Recipe] = []
    for language, body in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", markdown, re.MULTILINE | re.DOTALL):
        if language in ("json", "text") and found:
            found[-1].shown, found[-1].is_json = body, language == "json"
        else:
            found += [Recipe(command) for command in parse_commands(body)]
    return found


def parse_commands(block: str) -> list[str]:
    """Returns the commands of a shell block that run one of the programs."""
    found, pending = [], None
    for line in block.splitlines():
        if pending is not None or line.split(" ", 1)[0] in PROGRAMS:
            pending = line if pending is None else f"{pending}\n{line}"
            if is_complete(pending):
                found.append(pending)
                pending = None
    return found


def is_complete(command: str) -> bool:
    """Returns whether a command doesn't continue on the next line."""
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
    except ValueError:  # A quoted string continues on the next line.
        return False
    return True


def read_recipes(name: str, *programs: str) -> list[Recipe]:
    """Returns the recipes of a document that run one of `programs`. Fails if there are none."""
    found = parse_recipes((ROOT / name).read_text(encoding="utf-8"))
    wanted = [recipe for recipe in found if recipe.program in programs]
    assert wanted, f"{name} has no command that runs {programs}"
    return wanted


def require_program(program: str) -> str:
    """Returns the path of a program. Skips the test if it is not installed."""
    return os.environ.get(PROGRAMS[program]) or find_program(program)


def run(recipe: Recipe, address: str) -> str:
    """Runs a recipe against the server at `address`, checks exit status and output, and returns the standard output."""
    command = recipe.command
    assert ADDRESS in command, f"the command must call {ADDRESS}:\n{command}"
    line = shlex.quote(require_program(recipe.program)) + command.removeprefix(recipe.program).replace(ADDRESS, address)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120)
    printed = done.stdout + done.stderr
    should_fail = "ERROR:" in recipe.shown
    assert (done.returncode != 0) == should_fail, f"{command}\nexited with status {done.returncode}\n{printed}"
    assert printed.strip(), f"{command}\nprinted nothing"
    if recipe.shown:
        try:
            check_output(recipe.shown, printed, recipe.is_json)
        except AssertionError as difference:
            raise AssertionError(f"{command}\n{difference}\n{printed}") from difference
    return done.stdout
