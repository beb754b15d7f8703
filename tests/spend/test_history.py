"""What runs leave behind, and what the gate makes of it: in a SQLite file and in a real PostgreSQL."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.config import SloDoc
from costguard.errors import JournalError, UsageError
from costguard.model.cost import Day, SpendReport
from costguard.reconcile.journal.sql import open_journal
from costguard.spend.history import History, Record, latest, named, open_history, record, trend
from costguard.spend.tightening import judged, standing
from tests.cli.conftest import TAGS, a_bucket, a_plan
from tests.conftest import ROOT
from tests.spend.build import GOOD, POLICY, bill, charge, policy, reported

AT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
DOC = SloDoc(objective=0.9, window="30d", tighten=True)
BAD = '{"owner": "shop"}'


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    address: str = request.getfixturevalue("postgres").database()
    return address


def charges(good: str = "80", bad: str = "20", month: str = "2026-10") -> list[dict[str, str]]:
    return [
        charge(good, GOOD, "i-1", ChargePeriodStart=f"{month}-30T00:00:00Z"),
        charge(bad, BAD, "i-2", ChargePeriodStart=f"{month}-29T00:00:00Z"),
    ]


def done(folder: Path, rows: Sequence[dict[str, str]] | None = None, **asked: Any) -> SpendReport:
    return reported(folder, rows or charges(), **{"slo": DOC, **asked})


def recorded(folder: Path, rows: Sequence[dict[str, str]] | None = None, at: datetime = AT, **asked: Any) -> Record:
    return record(done(folder, rows, **asked), policy(folder), at)


# ------------------------------------------------------------------ keeping and reading back


def test_a_record_is_read_back_as_it_was(url: str, tmp_path: Path) -> None:
    one = recorded(tmp_path, [*charges(), charge("1", '{"owner": "\\u0000\\ud83d\\ude00\'; --", "x": "=1"}')])
    with open_history(url) as history:
        assert history.keep(one)
        assert history.records() == [one]
    assert latest(url) == one
    assert one.classes["usage_taggable"] == "101"
    assert one.kpis["compliant_share_taggable"] == ("80", "101")
    assert [(part.name, part.taggable, part.compliant) for part in one.accounts] == [("012345678901", "101", "80")]
    assert ("shop", "100", "80") in [(part.name, part.taggable, part.compliant) for part in one.owners]


def test_recording_twice_is_recording_once(url: str, tmp_path: Path) -> None:
    rows = charges()
    again = recorded(tmp_path / "b", rows[::-1], AT + timedelta(days=2))
    with open_history(url) as history:
        assert history.keep(recorded(tmp_path / "a", rows))
        assert not history.keep(again)
        assert [one.at for one in history.records()] == ["2026-11-01T08:30:00+00:00"]
        # Another month with the same amounts is another record, and so is another result for the same month.
        assert history.keep(recorded(tmp_path / "c", charges(month="2026-09")))
        assert history.keep(recorded(tmp_path / "d", charges(bad="21")))
        assert [one.until for one in history.records()] == ["2026-10-31", "2026-10-31", "2026-10-01"]
        assert len(history.records(most=1)) == 1


def test_several_at_once_keep_one_record(url: str, tmp_path: Path) -> None:
    program = (
        "import sys, msgspec; from costguard.spend.history import *; "
        "one = msgspec.json.decode(sys.stdin.buffer.read(), type=Record); "
        "history = open_history(sys.argv[1]); print(history.keep(one))"
    )
    body = msgspec.json.encode(recorded(tmp_path))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    ended = [process.communicate(body, timeout=60) for process in started]
    assert sorted(out for out, _ in ended) == [b"False\n", b"True\n"], ended


def test_the_journal_of_the_reconciler_lies_beside_it(url: str, tmp_path: Path) -> None:
    with closing(open_journal(url)) as journal, open_history(url) as history:
        history.keep(recorded(tmp_path))
        assert journal.runs() == []
    with closing(open_journal(url)):
        assert latest(url) is not None


def test_nothing_is_made_by_looking(url: str, tmp_path: Path) -> None:
    assert latest(url) is None
    assert list(tmp_path.iterdir()) == []
    with closing(open_journal(url)):
        assert latest(url) is None


@pytest.mark.parametrize("raw", [b"no database at all, but long enough to look like one" * 40, b"SQLite format 3\0"])
def test_a_damaged_file_is_an_error_with_a_sentence(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "store.db").write_bytes(raw)
    for look in (latest, open_history):
        with pytest.raises(JournalError, match=r"history of spend .*store\.db can't be"):
            look(f"sqlite:///{tmp_path}/store.db")


def test_a_record_of_another_costguard_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_history(url) as history:
        history.keep(recorded(tmp_path))
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("UPDATE costguard_spend SET body = 'x'")
        connection.commit()
    with pytest.raises(JournalError, match="another costguard wrote it"):
        latest(url)
    assert "another costguard wrote it" in standing(url, DOC, TODAY).note


def test_a_server_that_is_not_there_is_not_waited_for() -> None:
    before = datetime.now(UTC)
    found = standing("postgresql://nobody@127.0.0.1:9/none", DOC, TODAY)
    assert not found.spent
    assert found.note.startswith("slo.tighten changes nothing: the history of spend")
    assert (datetime.now(UTC) - before).total_seconds() < 6


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "", "postgresql://u:secret@/"])
def test_an_address_that_is_none_is_refused_without_saying_it(url: str) -> None:
    with pytest.raises(UsageError, match="neither sqlite:///PATH nor") as caught:
        open_history(url)
    assert "secret" not in str(caught.value)


def test_without_sqlalchemy_keeping_is_refused_and_a_file_is_still_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_history(url) as history:
        history.keep(recorded(tmp_path))
    program = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from costguard.spend.history import *\n"
        "print(latest(sys.argv[1]).total)\n"
        "try: open_history(sys.argv[1])\n"
        "except Exception as error: print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, url], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    total, refused = ended.stdout.splitlines()
    assert total == "100"
    assert refused.endswith("pip install 'costguard-tags[spend]'")


def test_policies_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    one = policy(tmp_path / "a")
    assert named(one) == named(policy(tmp_path / "elsewhere" / "b"))
    assert named(one) != named(policy(tmp_path / "c", POLICY.replace("dev", "test")))


# ------------------------------------------------------------------ the trend


def test_the_trend_is_of_runs_and_days_with_the_latest_record_of_each(tmp_path: Path) -> None:
    october = recorded(tmp_path / "a")
    # The open month was written again later, and its last day came to more.
    later = recorded(tmp_path / "b", charges(good="180"), AT + timedelta(days=1))
    september = recorded(tmp_path / "c", charges("60", "40", "2026-09"))
    records = [october, later, september]
    found = trend(records, "USD", "EffectiveCost")
    assert [(point.kind, point.at, point.taggable, point.compliant, point.ratio) for point in found] == [
        ("day", "2026-09-29", "40", "0", 0.0),
        ("day", "2026-09-30", "60", "60", 1.0),
        ("day", "2026-10-29", "20", "0", 0.0),
        ("day", "2026-10-30", "180", "180", 1.0),
        ("run", "2026-10-01", "100", "60", 0.6),
        ("run", "2026-10-31", "200", "180", 0.9),
    ]
    for order in permutations(records):
        assert trend(order * 2, "USD", "EffectiveCost") == found


def test_what_cannot_be_compared_is_in_no_trend(tmp_path: Path) -> None:
    one = recorded(tmp_path)
    assert trend([one], "EUR", "EffectiveCost") == ()
    assert trend([one], "USD", "BilledCost") == ()


def test_a_trend_has_no_share_where_it_would_have_no_meaning(tmp_path: Path) -> None:
    day = Day(day="2026-10-01", taggable="-1", compliant="3")
    one = msgspec.structs.replace(recorded(tmp_path), days=(day,))
    assert [point.ratio for point in trend([one], "USD", "EffectiveCost") if point.kind == "day"] == [None]


# ------------------------------------------------------------------ what the gate makes of it


def test_a_budget_that_is_spent_is_said_with_its_figures_and_its_date(tmp_path: Path) -> None:
    found = judged(recorded(tmp_path), DOC, TODAY)
    assert found.spent
    for words in ("30 days before 2026-10-31", "20 of 100 USD", "objective of 0.9 leaves 10", "recorded on 2026-11-01"):
        assert words in found.note


@pytest.mark.parametrize(
    ("rows", "doc", "today", "words"),
    [
        (charges(bad="1"), DOC, TODAY, ""),
        (charges(), DOC, date(2026, 11, 30), "tighten"),
        (charges(), DOC, date(2026, 12, 1), "longer ago than its window of 30 days"),
        (charges(), SloDoc(objective=0.7, tighten=True), TODAY, "asks for 0.7 in 30"),
        (charges(), SloDoc(objective=0.9, window="7d", tighten=True), TODAY, "asks for 0.9 in 7"),
        ([charge("5", "{broken"), charge("5", GOOD)], DOC, date(2026, 10, 20), ""),
        ([*charges(), charge("x", GOOD)], DOC, TODAY, "could not be read whole"),
        ([charge("5", BAD, ChargePeriodStart="")], DOC, TODAY, "has no days"),
    ],
    ids=["met", "as old as may be", "old", "objective", "window", "unknown", "gaps", "undated"],
)
def test_only_what_leaves_no_doubt_counts(
    tmp_path: Path, rows: list[dict[str, str]], doc: SloDoc, today: date, words: str
) -> None:
    found = judged(recorded(tmp_path, rows), doc, today)
    assert found.spent is (words == "tighten")
    assert (words in found.note) if words else not found.note


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "costguard", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_RECORD = ("spend", "bill.csv", "--record", "--policy", "bills.yaml")
_RULES = """
version: 1
name: soft
tags: {owner: {}}
unknown: {plan: warn}
exemptions:
  - {when: {address: aws_s3_bucket.exempt}, reason: theirs, until: 2099-01-01}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder whose last run has the budget spent, and a plan with one finding of each kind."""
    (tmp_path / "rules.yaml").write_text(_RULES)
    # An exemption by an address leaves what is on a bill undecided, and that never makes a gate stricter.
    (tmp_path / "bills.yaml").write_text("version: 1\nname: soft\ntags: {owner: {}}\n")
    (tmp_path / "costguard.yaml").write_text(
        "version: 1\npolicies: [rules.yaml]\nslo: {objective: 0.9, window: 30d, tighten: true}\n"
    )
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")
    rows = [charge("80", '{"owner": "a"}', ChargePeriodStart=yesterday), charge("20", ChargePeriodStart=yesterday)]
    bill(tmp_path / "bill.csv", rows)
    unknown = a_bucket("unknown", None)
    unknown["change"]["after_unknown"] |= {"tags": True, "tags_all": True}
    changes = [a_bucket("right", TAGS), unknown, a_bucket("exempt", None), a_bucket("old", {"x": "y"}, "no-op")]
    (tmp_path / "plan.json").write_bytes(a_plan(changes))
    return tmp_path


def _levels(ended: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, bool]]:
    return {one["resource"]["address"]: (one["level"], one["new"]) for one in json.loads(ended.stdout)["findings"]}


def test_the_gate_is_stricter_while_the_budget_is_spent(project: Path) -> None:
    gate = ("gate", "plan.json", "--format", "json")
    before = _run(project, *gate)
    assert (before.returncode, _levels(before)) == (
        0,
        {"aws_s3_bucket.unknown": ("warning", True), "aws_s3_bucket.old": ("warning", False)},
    )
    assert "nothing is recorded" in json.loads(before.stdout)["notes"][0]
    assert not (project / "costguard.db").exists()

    assert _run(project, *_RECORD).returncode == 0
    after = _run(project, *gate)
    assert (after.returncode, _levels(after)) == (
        1,
        {"aws_s3_bucket.unknown": ("error", True), "aws_s3_bucket.old": ("warning", False)},
    )
    (note,) = json.loads(after.stdout)["notes"]
    assert "20 of 100 USD" in note

    (project / "costguard.yaml").write_text("version: 1\npolicies: [rules.yaml]\n")
    off = _run(project, *gate)
    assert (off.returncode, json.loads(off.stdout)["notes"]) == (0, [])


def test_check_is_stricter_too_but_not_on_accepted_debt(project: Path) -> None:
    (project / "main.tf").write_text('variable "t" {}\nresource "aws_s3_bucket" "b" {\n  tags = var.t\n}\n')
    check = ("check", ".", "--format", "json")
    assert _run(project, *check).returncode == 0
    assert _run(project, *_RECORD).returncode == 0
    assert _run(project, *check).returncode == 1
    assert _run(project, "check", ".", "--write-baseline", "debt.json").returncode == 0
    accepted = _run(project, *check, "--baseline", "debt.json")
    assert (accepted.returncode, _levels(accepted)) == (0, {"aws_s3_bucket.b": ("warning", False)})


def test_a_store_that_is_damaged_fails_no_gate_but_keeping(project: Path) -> None:
    (project / "costguard.db").write_bytes(b"nothing that anybody knows" * 100)
    kept = _run(project, "spend", "no-such-bill.csv", "--record")
    assert (kept.returncode, kept.stderr.startswith("costguard: the history of spend")) == (3, True)
    ended = _run(project, "gate", "plan.json", "--format", "json")
    assert ended.returncode == 0
    assert "slo.tighten changes nothing" in json.loads(ended.stdout)["notes"][0]


def test_spend_keeps_nothing_unless_it_is_told_to(project: Path) -> None:
    assert _run(project, "spend", "bill.csv").returncode == 0
    assert not (project / "costguard.db").exists()


def test_a_history_can_be_used_by_one_process_twice(url: str, tmp_path: Path) -> None:
    first: History = open_history(url)
    with first:
        assert first.records() == []
    with open_history(url) as again:
        assert again.keep(recorded(tmp_path))
