"""What a run may import. The gate runs for each push: start-up is counted in milliseconds."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from costguard import __version__
from tests.cli.conftest import COMPLIANT
from tests.conftest import ROOT

HEAVY = {
    "asyncio", "boto3", "concurrent.futures", "difflib", "email", "google", "html", "http", "importlib.metadata",
    "importlib.resources", "jmespath", "jsonschema", "logging", "multiprocessing", "regex", "rich", "shutil", "socket",
    "sqlite3", "ssl", "subprocess", "tempfile", "urllib.request", "xml", "zipfile",
}  # fmt: skip
"""Each of these costs a millisecond or a few hundred, and none has work to do on a compliant plan."""

LISTING = """
import atexit, json, sys
before = set(sys.modules)
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(set(sys.modules) - before))))
from costguard.cli import run
sys.argv = ["costguard", *sys.argv[1:]]
run()
"""


def _imported(program: Path, *arguments: str | Path) -> set[str]:
    assert program.exists()
    done = subprocess.run(
        [sys.executable, "-I", "-c", LISTING, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=program.parent,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A compliant plan without source beside it."""
    return Path(shutil.copy(COMPLIANT, tmp_path))


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--show-compliant", "--verbose")])
def test_the_gate_imports_nothing_heavy(program: Path, plan: Path, options: tuple[str, ...]) -> None:
    imported = _imported(program, "gate", plan, "--policy", "baseline", *options)

    assert sorted(imported & HEAVY) == []
    assert not any(name.startswith(("costguard.clouds", "costguard.billing", "costguard.spend")) for name in imported)
    assert "costguard.iac.terraform" not in imported


def test_the_gate_imports_few_libraries(program: Path, plan: Path) -> None:
    imported = _imported(program, "gate", plan, "--policy", "baseline")
    roots = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    libraries = {name for name in roots if not name.startswith(("_", "cython"))}

    assert libraries <= {"click", "costguard", "msgspec", "typing_extensions", "yaml"}


# The grammars of HCL and JSON bring these themselves: their packages read a file of their own when they are imported.
OF_THE_GRAMMARS = {"importlib.resources", "shutil", "tempfile"}


@pytest.mark.parametrize("options", [(), ("--format", "json"), ("--show-compliant", "--verbose")])
def test_a_check_imports_nothing_heavy(program: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {\n  bucket = lower("B")\n}\n')

    imported = _imported(program, "check", tmp_path, "--policy", "baseline", "--fail-on", "never", *options)

    assert sorted((imported & HEAVY) - OF_THE_GRAMMARS) == []
    roots = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    libraries = {name for name in roots if not name.startswith(("_", "cython"))}
    assert libraries <= {
        "click", "costguard", "msgspec", "tree_sitter", "tree_sitter_hcl", "tree_sitter_json", "typing_extensions",
        "yaml",
    }  # fmt: skip
    assert "costguard.iac.terraform" not in imported
    assert not any(name.startswith(("costguard.iac.plan", "costguard.fix")) for name in imported)


def test_the_version_imports_nothing_of_costguard_but_its_edge(program: Path) -> None:
    imported = _imported(program, "--version")

    assert {name for name in imported if name.startswith("costguard")} <= {
        "costguard", "costguard.cli", "costguard.cli.main", "costguard.errors",
    }  # fmt: skip
    assert "yaml" not in imported
    assert sorted(imported & HEAVY) == []


def test_the_package_runs_as_a_module(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "costguard", "--version"],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"costguard {__version__}\n"
