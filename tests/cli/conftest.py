"""The installed program, run as a user runs it: a process of its own, in a folder and an environment of its own."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from tests.conftest import ROOT, absent

VIOLATING = ROOT / "examples" / "terraform" / "violating-mixed" / "plan.json"
COMPLIANT = ROOT / "examples" / "terraform" / "compliant-defaults" / "plan.json"
UNDECIDED = ROOT / "examples" / "terraform" / "violating-unknown" / "plan.json"


class Ended(msgspec.Struct, frozen=True):
    """How a process ended, and what it said."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")


class Costguard(Protocol):
    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Ended: ...


@pytest.fixture(scope="session")
def program() -> Path:
    """The console script beside the interpreter that runs the tests."""
    program = Path(sys.executable).parent / "costguard"
    if not program.exists():
        absent("installed", "costguard is not installed beside this Python: pip install .")
    return program


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nobody's environment: no home, no locale of the machine, no terminal."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def costguard(program: Path, environment: dict[str, str], tmp_path: Path) -> Costguard:
    def run(
        *arguments: str | Path,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = environment,
        folder: Path | None = None,
    ) -> Ended:
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            env=dict(environment or {}),
            cwd=folder or tmp_path,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8"))

    return run


@pytest.fixture
def shell(program: Path, environment: dict[str, str], tmp_path: Path) -> Callable[[str], Ended]:
    """Runs a line of bash in which ``costguard`` is the installed program; its code is that of costguard in a pipe."""

    def run(line: str) -> Ended:
        path = {**environment, "PATH": f"{program.parent}:{environment['PATH']}"}
        done = subprocess.run(
            ["/bin/bash", "-c", line], env=path, cwd=tmp_path, capture_output=True, check=False, timeout=60
        )
        return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8"))

    return run


class Terminal(Protocol):
    def __call__(
        self, *arguments: str | Path, typed: bytes = b"", setting: Mapping[str, str] | None = None
    ) -> Ended: ...


@pytest.fixture
def terminal(program: Path, environment: dict[str, str], tmp_path: Path) -> Terminal:
    """Runs costguard on a terminal of 80 columns, where a person types ``typed``."""

    def run(*arguments: str | Path, typed: bytes = b"", setting: Mapping[str, str] | None = None) -> Ended:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm", "COLUMNS": "80", **(setting or {})},
            cwd=tmp_path,
        )
        os.close(theirs)
        os.write(ours, typed)
        shown = b""
        with suppress(OSError):  # Linux ends a terminal that nobody writes to any more with an error.
            while part := os.read(ours, 65536):
                shown += part
        os.close(ours)
        return Ended(child.wait(60), shown, "")

    return run


def one_sentence(ended: Ended) -> str:
    """What an error said: a line or a few, beginning with the program's name, with no trace of Python."""
    assert ended.err.startswith("costguard: "), ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("\n") == 1, ended.err
    return ended.err.removeprefix("costguard: ").rstrip("\n")


def a_plan(changes: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """The least plan that has these changes."""
    return json.dumps({"format_version": "1.2", "resource_changes": list(changes), **more}).encode()


def a_bucket(name: str, tags: Mapping[str, str] | None, action: str = "create") -> dict[str, Any]:
    """The change of an S3 bucket, as a plan tells it."""
    before = {"tags": tags, "tags_all": tags or {}} if action != "create" else None
    return {
        "address": f"aws_s3_bucket.{name}",
        "mode": "managed",
        "type": "aws_s3_bucket",
        "name": name,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": [action],
            "before": before,
            "after": {"bucket": name, "tags": tags, "tags_all": tags or {}},
            "after_unknown": {"id": True},
            "after_sensitive": {},
        },
    }


TAGS = {"owner": "payments", "service": "shop", "environment": "production"}
