"""The page about the source is run: what it shows is what costguard prints."""

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "reference" / "source.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
FILES = {text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if kind in ("hcl", "yaml")}
SHOWN = next(text for kind, text in BLOCKS if kind == "console")


def check(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES[name], "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from costguard.cli import run; run()", "check"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


def test_the_page_shows_what_check_prints(tmp_path: Path) -> None:
    assert "$ costguard check\n" + check(tmp_path, "main.tf", "modules/worker/main.tf") == SHOWN


def test_the_configuration_of_the_page_is_one(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "main.tf").write_text(
        'resource "aws_sns_topic" "t" {\n  tags = merge(local.common_tags, { environment = terraform.workspace })\n}\n'
    )

    assert "1 resource: 1 compliant." in check(tmp_path, "costguard.yaml")


def test_the_exclusion_of_the_page_leaves_examples_alone(tmp_path: Path) -> None:
    (tmp_path / "costguard.yaml").write_text(FILES["excluding.yaml"], "utf-8")
    (tmp_path / "examples" / "a").mkdir(parents=True)
    (tmp_path / "examples" / "a" / "main.tf").write_text('resource "aws_sns_topic" "t" {}\n')

    assert "1 root module is not judged" in check(tmp_path)


def test_the_suppression_of_the_page_holds(tmp_path: Path) -> None:
    assert "1 resource: 1 exempt." in check(tmp_path, "accepted.tf")


def test_every_file_of_the_page_is_used() -> None:
    assert FILES.keys() == {"main.tf", "modules/worker/main.tf", "costguard.yaml", "excluding.yaml", "accepted.tf"}
