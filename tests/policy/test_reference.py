"""Every block of the reference is run: the documents load, their examples hold, the commands print what is printed."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from costguard.errors import DocumentError
from costguard.examples import failures
from costguard.policy.document import PolicyDoc, RuleDoc, TagDoc, WhenDoc
from costguard.policy.load import load
from tests.conftest import ROOT
from tests.policy.build import TODAY

TEXT = (ROOT / "docs" / "reference" / "policy.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
FILES = {text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "yaml"}
POLICIES = [name for name, text in FILES.items() if "\nversion: 1\n" in text]
COMMANDS = [
    (command, output)
    for kind, text in BLOCKS
    if kind == "console"
    for command, output in re.findall(r"^\$ costguard (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"yaml", "console"}
    assert all(re.fullmatch(r"[a-z]+\.yaml", name) for name in FILES)
    assert len(POLICIES) > 8
    assert len(COMMANDS) > 4


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "mistakes.yaml"])
def test_a_policy_loads_and_its_examples_hold(folder: Path, name: str) -> None:
    policy = load([folder / name])
    own = tuple(example for example in policy.examples if example.origin.file == policy.files[-1])
    assert [str(problem) for problem in failures(policy, own, TODAY)] == []


def test_the_policy_with_mistakes_has_them(folder: Path) -> None:
    with pytest.raises(DocumentError):
        load([folder / "mistakes.yaml"])


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_a_command_prints_what_the_reference_says(folder: Path, command: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from costguard.cli import run; run()", *command.split()],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr == output


@pytest.mark.parametrize("kind", [PolicyDoc, TagDoc, RuleDoc, WhenDoc])
def test_every_key_of_the_format_is_in_the_reference(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in TEXT or f"{field.encode_name}:" in TEXT, field.encode_name
