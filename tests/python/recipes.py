"""Lines of documents, run as they stand against a running server, and held against what is shown of their output."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass

from fixtures import ROOT
from skips import find_program

# What the documents call the server.
ADDRESS = "localhost:50051"
# The programs, and the variables that say where they are.
PROGRAMS = {"grpcurl": "GRPCURL", "ghz": "GHZ"}


@dataclass
class Recipe:
    """A command, and the block below it: what its document shows of the output, `…` for what is left out."""

    command: str
    shown: str = ""

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
            found[-1].shown = body
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
    """Runs it against the server at `address`, checks how it ended, and gives what it printed."""
    command = recipe.command
    assert ADDRESS in command, f"{command}\ndoes not name {ADDRESS}"
    line = shlex.quote(path_of(recipe.program)) + command.removeprefix(recipe.program).replace(ADDRESS, address)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120)
    printed = done.stdout + done.stderr
    fails = "ERROR:" in recipe.shown
    assert (done.returncode != 0) == fails, f"{command}\nended with {done.returncode}\n{printed}"
    assert printed.strip(), f"{command}\nprinted nothing"
    check_shown(recipe, printed)
    return done.stdout


def check_shown(recipe: Recipe, printed: str) -> None:
    """All that is shown was printed, but for figures, which differ with the model and the machine."""
    if recipe.shown.lstrip().startswith("{"):
        shown = re.findall(r'"\w+": |"[A-Z][A-Z_]+"', recipe.shown)
    else:
        shown = [masked(line) for line in recipe.shown.splitlines() if line.strip() and "…" not in line]
        printed = masked(printed)
    assert shown or not recipe.shown, f"{recipe.command}\nshows nothing that can be checked"
    for part in shown:
        assert part.strip() in printed, f"{recipe.command}\nis said to print {part!r}, and prints\n{printed}"


def masked(text: str) -> str:
    """Without figures, and with single blanks."""
    return "\n".join(re.sub(r"[\d.]+( ?(ns|µs|ms|s)\b)?", "0", " ".join(line.split())) for line in text.splitlines())
