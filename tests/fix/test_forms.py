"""Every form in which tags are written, in every layout, through the whole of fix: what was found is mended, a second
run changes nothing, what was formatted stays formatted, and the lines that differ are lines of tags.
"""

import re
from pathlib import Path
from random import Random

import pytest

from costguard.fix.plan import Plan
from costguard.iac.hcl import parse
from tests.conftest import Terraform
from tests.fix.build import Folder, only_these_change, tags_in
from tests.fix.snippets import PRELUDE, snippet

MODULE = 'output "tags" {\n  value = {}\n}\n'
UNREAD = re.compile(r"^\s*(?:Größe|日本)\b|[{,] (?:Größe|日本)\b", re.MULTILINE)
"""Names that python-hcl2 doesn't read, so that nothing is written there."""


def written(folder: Folder, seed: int, count: int) -> None:
    """Root modules with a resource each, in the forms and layouts that the seed gives."""
    random = Random(seed)  # noqa: S311
    folder.write(**{"policy.yaml": "version: 1\ntags: {owner: {}, cost-center: {default: x}}\n"})
    for number in range(count):
        text = snippet(random, "aws_s3_bucket")
        while UNREAD.search(text):
            text = snippet(random, "aws_s3_bucket")
        key = "" if 'key = "k"' in text else '\nlocals {\n  key = "k"\n}\n'
        root = folder.path / f"{number:03}"
        (root / "label").mkdir(parents=True)
        (root / "main.tf").write_bytes(text.encode())
        (root / "prelude.tf").write_text(PRELUDE.lstrip("\n") + key)
        (root / "tags.json").write_text("{}")
        (root / "label" / "main.tf").write_text(MODULE)


def apply(planned: Plan) -> None:
    for change in planned.changes:
        assert b"owner" in change.new
        change.path.write_bytes(change.new)


@pytest.mark.parametrize("seed", range(3))
def test_every_form_is_mended_and_a_second_run_changes_nothing(folder: Folder, seed: int) -> None:
    written(folder, seed, 25)
    planned = folder.plan(owner="team-a")
    assert [one.why for one in planned.left] == []
    assert planned.remaining == ()
    for change in planned.changes:
        only_these_change(change.old, change.new, tags_in(parse(change.old, change.path.name)))
    apply(planned)
    again = folder.plan(owner="team-a")
    assert (again.changes, again.present) == ((), ())


@pytest.mark.terraform
def test_what_was_formatted_stays_formatted(folder: Folder, terraform: Terraform) -> None:
    written(folder, 20261123, 120)
    terraform.run(Path(), "fmt", "-recursive")
    planned = folder.plan(owner="team-a")
    assert [one.why for one in planned.left] == []
    apply(planned)
    assert terraform.run(Path(), "fmt", "-recursive", "-write=false", "-diff", "-no-color") == ""
