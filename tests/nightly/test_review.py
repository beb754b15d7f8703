"""The weekly review: what it counts, by hand, and how it is written."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt

from costguard.cli.main import outcome
from costguard.config import SloDoc
from costguard.model.review import Review
from costguard.nightly.history import Fault, changed
from costguard.nightly.review import Seen, last_week, review
from costguard.reports.review import html, markdown
from costguard.spend.report import Asked
from tests.nightly.nights import HEAD
from tests.nightly.test_page import Parsed
from tests.reports.samples import HOSTILE
from tests.spend.build import policy

POLICY = "version: 1\nname: owners\ntags: {owner: {}, service: {required: false}}\n"
MONDAY = date(2026, 11, 16)


def bill(folder: Path, charges: list[tuple[date | str, str, str | None, str]]) -> Path:
    """A bill of charges: the day, the cost, the owner and the resource."""
    file = folder / "bill.csv"
    lines = []
    for day, cost, owner, resource in charges:
        tags = json.dumps({"owner": owner}).replace('"', '""') if owner else ""
        when = f"{day}T12:00:00Z" if day else ""
        lines.append(f'Usage,{cost},{cost},AWS,111122223333,{resource},USD,{when},"{tags}"\n')
    file.write_text(HEAD + "".join(lines), "utf-8")
    return file


def every_day(
    start: date, days: int, cost: str, owner: str | None, resource: str
) -> list[tuple[date | str, str, str | None, str]]:
    return [(start + timedelta(days=n), cost, owner, resource) for n in range(days)]


def reviewed(folder: Path, charges: list[tuple[date | str, str, str | None, str]], seen: Seen | None = None) -> Review:
    asked = Asked(paths=((str(bill(folder, charges)), None),), cache=folder / "cache")
    return review(asked, policy(folder, POLICY), MONDAY, SloDoc(objective=0.9, window="28d"), seen)


STEADY = every_day(MONDAY - timedelta(days=28), 35, "10", "shop", "i-1")


def week(folder: Path) -> Review:
    """A week with something in every part."""
    instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0"
    known = Fault(id=instance, first=MONDAY, last=MONDAY, creator="role/deploy", account="111122223333")
    charges = [*STEADY, *every_day(MONDAY, 7, "3", None, "i-0123456789abcdef0"), ("", "1", "shop", "i-1")]
    return reviewed(folder, charges, Seen({instance: known}))


def test_a_steady_week_has_nothing_to_explain(tmp_path: Path) -> None:
    made = reviewed(tmp_path, STEADY)
    assert (made.start, made.end, made.seen, made.currency) == (MONDAY, date(2026, 11, 23), 7, "USD")
    total = made.total
    assert (total.cost, total.before, total.change, total.forecast, total.variance) == ("70", "70", "0", "70", 0.0)
    (owner,) = made.owners
    assert (owner.name, owner.cost, owner.flagged) == ("shop", "70", False)
    assert (made.share, made.share_before, made.actions, made.gaps, made.notes) == (0.0, 0.0, (), (), ())


def test_what_is_off_the_forecast_is_flagged_either_way(tmp_path: Path) -> None:
    charges = [
        *every_day(MONDAY - timedelta(days=28), 28, "10", "shop", "i-1"),
        *every_day(MONDAY, 7, "12", "shop", "i-1"),  # 84 against 70: a fifth more
        *every_day(MONDAY - timedelta(days=28), 28, "10", "data", "i-2"),
        *every_day(MONDAY, 7, "8", "data", "i-2"),  # a fifth less
        *every_day(MONDAY - timedelta(days=28), 28, "10", "core", "i-3"),
        *every_day(MONDAY, 7, "11.5", "core", "i-3"),  # 15%, and no more
        *every_day(MONDAY - timedelta(days=28), 28, "0.01", "tiny", "i-4"),
        *every_day(MONDAY, 7, "0.05", "tiny", "i-4"),  # five times as much, of next to nothing
        *every_day(MONDAY, 7, "1", "fresh", "i-5"),  # nothing before
    ]
    made = reviewed(tmp_path, charges)
    found: dict[str, Any] = {one.name: (one.cost, one.change, one.variance, one.flagged) for one in made.owners}
    assert found == {
        "shop": ("84", "14", pytest.approx(0.2), True),
        "data": ("56", "-14", pytest.approx(-0.2), True),
        "core": ("80.5", "10.5", pytest.approx(0.15), False),
        "tiny": ("0.35", "0.28", pytest.approx(4), False),
        "fresh": ("7", "7", None, True),
    }
    assert [(one.owner, one.what) for one in made.actions] == [
        ("data", "Explain less than forecast (-20%)"),
        ("shop", "Explain more than forecast (+20%)"),
        ("fresh", "Explain a cost that is new"),
    ]
    names = ["data", "shop", "core", "fresh", "tiny"]
    assert [one.name for one in made.owners] == names, "the largest change is first"


def test_a_bill_that_does_not_reach_back_makes_no_forecast(tmp_path: Path) -> None:
    made = reviewed(tmp_path, every_day(MONDAY - timedelta(days=7), 14, "10", "shop", "i-1"))
    assert (made.total.forecast, made.total.variance, made.total.change) == (None, None, "0")
    assert made.notes == ("the bill doesn't reach back 4 weeks before this one: there is no forecast",)


def test_the_budget_is_that_of_the_window_that_ends_with_the_week(tmp_path: Path) -> None:
    bare = every_day(MONDAY, 7, "10", None, "i-9")
    made = reviewed(tmp_path, [*STEADY, *bare, *every_day(MONDAY + timedelta(days=7), 7, "1000", None, "i-8")])
    assert made.slo is not None
    # 28 days of 10 and the week's 70 without an owner, of which a tenth may be so; the week after doesn't count.
    assert (made.slo.taggable, made.slo.spent, made.slo.budget, made.slo.state) == ("350", "70", "35", "missed")
    assert made.share == pytest.approx(0.5)
    assert made.share_before == 0
    assert (made.actions[0].why, made.actions[1].what) == ("the objective of 0.9 is missed", "Tag i-9")
    assert (made.actions[1].cost, made.actions[1].owner) == ("70", "account 111122223333")


def test_days_that_the_bill_does_not_have_yet_are_said(tmp_path: Path) -> None:
    made = reviewed(tmp_path, STEADY[:-2])
    assert (made.seen, made.total.cost) == (5, "50")
    assert "the bill has taggable charges on 5 of the week's 7 days" in made.notes[0]


def test_what_says_no_day_is_a_gap_and_in_no_week(tmp_path: Path) -> None:
    made = reviewed(tmp_path, [*STEADY, ("", "4", "shop", "i-1")])
    assert (made.total.cost, made.complete) == ("70", False)
    assert [gap.why for gap in made.gaps] == ["1 charges of 4 don't say when they were: not counted"]


def test_a_week_without_any_charge_is_one_of_nothing(tmp_path: Path) -> None:
    made = reviewed(tmp_path, every_day(MONDAY - timedelta(days=28), 28, "10", "shop", "i-1"))
    assert (made.total.cost, made.total.change, made.total.variance, made.seen, made.share) == (
        "0",
        "-70",
        -1.0,
        0,
        None,
    )


def fault(name: str, first: date, **more: Any) -> Fault:
    return Fault(id=name, first=first, last=more.pop("last", first), **more)


def test_what_is_new_and_how_long_tagging_took(tmp_path: Path) -> None:
    instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0"
    faults = [
        fault(instance, MONDAY + timedelta(days=1), creator="role/deploy", account="111122223333"),
        fault("arn:new-and-mended", MONDAY, mended=MONDAY + timedelta(days=1)),
        fault("arn:old", MONDAY - timedelta(days=30)),
        fault("arn:old-and-mended", MONDAY - timedelta(days=9), mended=MONDAY + timedelta(days=2)),
        fault("arn:slow", MONDAY - timedelta(days=4), mended=MONDAY + timedelta(days=2)),
        fault("arn:mended-before", MONDAY - timedelta(days=9), mended=MONDAY - timedelta(days=1)),
        fault("arn:deleted", MONDAY - timedelta(days=9), gone=MONDAY + timedelta(days=1)),
        fault("arn:later", MONDAY + timedelta(days=8)),
    ]
    charges = [*STEADY, *every_day(MONDAY, 7, "3", None, "i-0123456789abcdef0")]
    made = reviewed(tmp_path, charges, Seen({one.id: one for one in faults}))
    (new,) = made.fresh
    assert (new.id, new.cost, new.creator, new.tags) == (instance, "21", "role/deploy", ("owner",))
    assert ("role/deploy", "Tag i-0123456789abcdef0") in [(one.owner, one.what) for one in made.actions]
    mending = made.mending
    assert mending is not None
    # Mended in the week: after 1, 11 and 6 days. Open when it ended: for 6 and 37 days.
    assert (mending.mended, mending.median, mending.open, mending.age) == (3, 6.0, 2, 21.5)


def test_a_fault_that_comes_back_begins_anew_and_one_that_goes_away_was_not_mended() -> None:
    day = date(2026, 11, 20)
    known = {
        one.id: one
        for one in (
            fault("still", date(2026, 11, 1)),
            fault("mended", date(2026, 11, 2)),
            fault("gone", date(2026, 11, 3)),
            fault("undecided", date(2026, 11, 5)),
            fault("back", date(2026, 11, 4), mended=date(2026, 11, 10)),
        )
    }
    tonight = {name: fault(name, day) for name in ("still", "back", "new")}
    kept = {one.id: one for one in changed(known, tonight, ["mended", "other"], ["undecided"], day, whole=True)}
    assert {name: (one.first, one.mended, one.gone) for name, one in kept.items()} == {
        "still": (date(2026, 11, 1), None, None),
        "back": (day, None, None),
        "new": (day, None, None),
        "mended": (date(2026, 11, 2), day, None),
        "gone": (date(2026, 11, 3), None, day),
    }
    # Where something could not be read, what isn't seen may be there all the same.
    assert "gone" not in {one.id for one in changed(known, tonight, ["mended"], [], day, whole=False)}


@pytest.mark.parametrize(
    ("today", "monday"),
    [
        (date(2026, 11, 23), date(2026, 11, 16)),
        (date(2026, 11, 29), date(2026, 11, 16)),
        (date(2026, 11, 30), date(2026, 11, 23)),
    ],
)
def test_the_week_is_the_last_that_has_ended(today: date, monday: date) -> None:
    assert last_week(today) == monday


@pytest.mark.parametrize("text", [one for one in HOSTILE if one.strip()])
def test_hostile_names_stay_text_in_both(tmp_path: Path, text: str) -> None:
    plain, made = (
        spoiled(reviewed(tmp_path, [*STEADY, *every_day(MONDAY, 7, "3", None, "i-2")]), word)
        for word in ("plain", text)
    )
    assert Parsed(html(made)).elements == Parsed(html(plain)).elements
    tokens = [
        [token.type for token in MarkdownIt("gfm-like").parse(markdown(one)) if not token.type.startswith("inline")]
        for one in (plain, made)
    ]
    assert tokens[0] == tokens[1]


def spoiled(made: Review, text: str) -> Review:
    moves = tuple(msgspec.structs.replace(one, name=text) for one in made.owners)
    actions = tuple(msgspec.structs.replace(one, owner=text, what=text, why=text) for one in made.actions)
    return msgspec.structs.replace(made, owners=moves, accounts=moves, actions=actions, notes=(text,))


def test_the_command_prints_a_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = bill(tmp_path, STEADY)
    (tmp_path / "policy.yaml").write_text(POLICY)
    arguments = ["review", str(file), "--week", "2026-11-16", "--policy", "policy.yaml", "--cache", "cache"]
    assert outcome(arguments) == 0
    assert capsys.readouterr().out.startswith("# Tagging and spend, 2026-11-16 to 2026-11-22\n")
    assert outcome([*arguments, "--format", "json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Review).total.cost == "70"
    assert outcome([*arguments, "--format", "html", "--output", "review.html"]) == 0
    assert "<h1>Tagging and spend" in (tmp_path / "review.html").read_text()
    assert not (tmp_path / "costguard.db").exists(), "a review makes no store"
    assert outcome(["review", "nowhere.csv"]) == 2
    assert outcome(["review", str(file), "--week", "2126-11-16"]) == 2
