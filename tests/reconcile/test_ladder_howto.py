"""The page about the ladder: its configuration is one, and its days are those on which a resource would climb."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from costguard.clouds.aws.power import AwsPower
from costguard.config import LadderDoc, read
from costguard.config.ladder import KEEP_UNTIL, MOST, STOPPED, TERMINATED
from costguard.model.change import RUNGS, Change, Rung
from costguard.model.resource import Known, Resource, Surface, Tag, TagSet
from costguard.reconcile.journal import Flag
from costguard.reconcile.ladder import Flagged, climb, quarantined, risen
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "how-to" / "ladder.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
ROWS: list[tuple[str, str, str]] = re.findall(r"^\| `(\w+)` in (\d{12}) \|(.*)\|$", TEXT, re.MULTILINE)
FIRST = date(2026, 11, 2)


@pytest.fixture
def ladder(tmp_path: Path) -> LadderDoc:
    [block] = BLOCKS
    (tmp_path / "costguard.yaml").write_text(block, "utf-8")
    return read(tmp_path / "costguard.yaml").doc.reconcile.ladder


def nightly(ladder: LadderDoc, type_: str, account: str) -> Mapping[Rung, date]:
    """When a resource climbs which rung, with a plan that is made and applied each night for a year."""
    id_ = f"arn:aws:ec2:eu-west-1:{account}:thing/1"
    tags: dict[str, Tag] = {}
    flag: Flag | None = None
    for number in range(365):
        today = FIRST + timedelta(number)
        one = Resource(
            address=id_,
            type=type_,
            provider="aws",
            cloud="aws",
            account=account,
            region="eu-west-1",
            surfaces=(Surface("tags", TagSet(dict(tags))),),
        )
        change = Change(
            id=id_, type=type_, cloud="aws", account=account, region="eu-west-1", decision="flag", missing=("owner",)
        )
        flags = {id_: flag} if flag else {}
        found = climb([Flagged(one, change, None, {"owner": "Owner"})], flags, ladder, today)
        [flag] = found.flags
        for step in found.steps:
            flag = risen(flag, step.rung, today)
            if step.rung == "quarantine":
                tags[ladder.quarantine] = Tag(Known(quarantined(today)), "the resource")
    assert flag is not None
    return flag.climbed


@pytest.mark.parametrize(("type_", "account", "cells"), ROWS)
def test_a_resource_climbs_on_the_days_of_the_page(ladder: LadderDoc, type_: str, account: str, cells: str) -> None:
    said = {rung: cell.strip() for rung, cell in zip(RUNGS, cells.split("|"), strict=True) if cell.strip()}
    assert {rung: day.isoformat() for rung, day in nightly(ladder, type_, account).items()} == said


def test_the_page_has_the_table() -> None:
    assert len(ROWS) == 4


def test_the_page_names_what_may_be_touched_and_how_much() -> None:
    stop, terminate = re.findall(r"`(stop|terminate)` takes ((?:`\w+`(?:, | and )?)+)", TEXT)
    assert set(re.findall(r"`(\w+)`", stop[1])) == STOPPED
    assert set(re.findall(r"`(\w+)`", terminate[1])) == TERMINATED
    assert AwsPower.types == STOPPED | TERMINATED
    assert f"{MOST['notify']}, but {MOST['stop']} for `stop` and {MOST['terminate']} for `terminate`" in TEXT
    assert all(f"`{key}`" in TEXT for key in KEEP_UNTIL)
