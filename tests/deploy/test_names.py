"""Checks that the binary supports every flag and environment variable that deploy/ uses."""

import re
import subprocess

import pytest
import yaml

from manifests import TARGETS, find_containers, render_kustomize

VARIABLE = re.compile(r"\bSPLADE_[A-Z0-9_]*[A-Z0-9]\b")
# A command in a text, up to a pipe, a comment, the end of the inline code or the end of the line.
COMMAND = re.compile(r"splade-sidecar +(serve|ingest|search|health|check|reindex|model|bench)\b([^`|#]*)")
# A build argument of the image, not a variable of the binary.
BUILD_ARGUMENTS = {"SPLADE_REVISION"}


@pytest.fixture(scope="module")
def texts(deploy):
    files = (path for path in deploy.rglob("*") if path.is_file() and path.suffix not in (".png", ".svg"))
    texts = {path.relative_to(deploy): path.read_text() for path in files}
    assert len(texts) > 20
    # Join the lines of a command with line continuations.
    return {path: text.replace("\\\n", " ") for path, text in texts.items()}


@pytest.fixture(scope="module")
def help_texts(binary):
    """Returns the help text of each command."""

    def read_help(*command):
        return subprocess.run([binary, *command, "--help"], check=True, capture_output=True, text=True).stdout

    listed = read_help().partition("Commands:")[2].partition("Options:")[0]
    commands = re.findall(r"^  ([a-z]+) {2,}", listed, re.MULTILINE)
    texts = {command: read_help(command) for command in commands if command != "help"}
    texts["model"] += read_help("model", "pull") + read_help("model", "show")
    return texts


def test_variables_exist(texts, help_texts):
    known = set(VARIABLE.findall("".join(help_texts.values()))) | BUILD_ARGUMENTS
    for path, text in texts.items():
        assert not set(VARIABLE.findall(text)) - known, path


def test_flags_of_commands_in_texts_exist(texts, help_texts):
    found = 0
    for path, text in texts.items():
        for command, arguments in (match.groups() for line in text.splitlines() for match in COMMAND.finditer(line)):
            assert_flags_exist(command, re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", arguments), help_texts, path)
            found += 1
    assert found > 3


@pytest.mark.parametrize("target", TARGETS)
def test_flags_of_containers_exist(target, help_texts):
    containers = find_containers(render_kustomize(target))
    own_containers = [each for each in containers if each["image"].startswith("splade-sidecar")]
    assert own_containers
    for container in own_containers:
        probes = [container.get(name, {}) for name in ("startupProbe", "readinessProbe", "livenessProbe")]
        commands = [container["args"], *(probe["exec"]["command"][1:] for probe in probes if "exec" in probe)]
        for command, *arguments in commands:
            flags = [each.partition("=")[0] for each in arguments if each.startswith("--")]
            assert_flags_exist(command, flags, help_texts, target)


def test_flags_of_the_image_health_check_exist(deploy, help_texts):
    text = (deploy / "Dockerfile").read_text()
    (health,) = re.findall(r'CMD \["/usr/local/bin/splade-sidecar", (.*"health".*)\]', text)
    command, *arguments = yaml.safe_load(f"[{health}]")
    assert_flags_exist(command, [each for each in arguments if each.startswith("--")], help_texts, "Dockerfile")


def assert_flags_exist(command, flags, help_texts, location):
    known = set(re.findall(r"--[a-z][a-z-]+", help_texts[command]))
    assert not set(flags) - known, f"{location}: {command}"
