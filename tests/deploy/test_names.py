"""Every flag and variable that deploy/ names is one that the binary has."""

import re
import subprocess

import pytest
import yaml

from manifests import FORMS, containers, kustomized

VARIABLE = re.compile(r"\bSPLADE_[A-Z0-9_]*[A-Z0-9]\b")
# A command in a text: to the end of its line, or of the code that it stands in.
COMMAND = re.compile(r"splade-sidecar +(serve|ingest|search|health|check|reindex|model|bench)\b([^`|#]*)")
# Not the binary's: the commit, which the image's build is told.
OTHERS = {"SPLADE_REVISION"}


@pytest.fixture(scope="module")
def texts(deploy):
    files = (path for path in deploy.rglob("*") if path.is_file() and path.suffix not in (".png", ".svg"))
    texts = {path.relative_to(deploy): path.read_text() for path in files}
    assert len(texts) > 20
    # A command over several lines is one.
    return {path: text.replace("\\\n", " ") for path, text in texts.items()}


@pytest.fixture(scope="module")
def help_of(binary):
    def ask(*command):
        return subprocess.run([binary, *command, "--help"], check=True, capture_output=True, text=True).stdout

    commands = re.findall(r"^  ([a-z]+) {2,}", ask().partition("Commands:")[2].partition("Options:")[0], re.MULTILINE)
    texts = {command: ask(command) for command in commands if command != "help"}
    texts["model"] += ask("model", "pull") + ask("model", "show")
    return texts


def test_variables(texts, help_of):
    known = set(VARIABLE.findall("".join(help_of.values()))) | OTHERS
    for path, text in texts.items():
        assert not set(VARIABLE.findall(text)) - known, path


def test_flags_of_commands_in_texts(texts, help_of):
    found = 0
    for path, text in texts.items():
        for command, rest in (match.groups() for line in text.splitlines() for match in COMMAND.finditer(line)):
            check(command, re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", rest), help_of, path)
            found += 1
    assert found > 3


@pytest.mark.parametrize("form", FORMS)
def test_flags_of_containers(form, help_of):
    ours = [each for each in containers(kustomized(form)) if each["image"].startswith("splade-sidecar")]
    assert ours
    for container in ours:
        probes = [container.get(name, {}) for name in ("startupProbe", "readinessProbe", "livenessProbe")]
        commands = [container["args"], *(probe["exec"]["command"][1:] for probe in probes if "exec" in probe)]
        for command, *arguments in commands:
            check(command, [each.partition("=")[0] for each in arguments if each.startswith("--")], help_of, form)


def test_the_image_checks_its_health_with_flags_that_exist(deploy, help_of):
    text = (deploy / "Dockerfile").read_text()
    (health,) = re.findall(r'CMD \["/usr/local/bin/splade-sidecar", (.*"health".*)\]', text)
    command, *arguments = yaml.safe_load(f"[{health}]")
    check(command, [each for each in arguments if each.startswith("--")], help_of, "Dockerfile")


def check(command, flags, help_of, where):
    known = set(re.findall(r"--[a-z][a-z-]+", help_of[command]))
    assert not set(flags) - known, f"{where}: {command}"
