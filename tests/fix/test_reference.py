"""The page about mending is run: what it shows is what costguard prints."""

import re
import subprocess
import sys
from pathlib import Path

from costguard import config
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "reference" / "fix.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SOURCE = next(text for kind, text in BLOCKS if kind == "hcl")
CONFIGURATION = next(text for kind, text in BLOCKS if kind == "yaml")
PATCH, SAID = (text for kind, text in BLOCKS if kind == "console")


def test_the_page_shows_what_fix_prints(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(SOURCE)
    command, _, patch = PATCH.partition("\n")
    done = subprocess.run(
        [sys.executable, "-c", "from costguard.cli import run; run()", *command.removeprefix("$ costguard ").split()],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (patch, SAID)
    assert done.returncode == 1


def test_the_configuration_of_the_page_is_one(tmp_path: Path) -> None:
    (tmp_path / "costguard.yaml").write_text(CONFIGURATION)
    assert len(config.read(tmp_path / "costguard.yaml").doc.fix.values) == 3
