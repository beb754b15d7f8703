"""The report as a file: what is in it, and that no text in it is ever anything but text."""

import json
import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from costguard.model.night import MOST, Night
from costguard.reports.page import amount, percent, render
from tests.nightly.build import night
from tests.reports.samples import HOSTILE


class Parsed(HTMLParser):
    """The elements with their attributes, the text outside of scripts, and what each script element holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._in = tag
        if tag == "script":
            self.scripts.append("")
        if tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] += data
        elif self._in == "style":
            self.styles[-1] += data
        else:
            self.text += data


def shown(made: Night) -> str:
    return " ".join(Parsed(render(made)).text.split())


def test_the_report_says_what_the_night_found() -> None:
    text = shown(night(60))
    # By hand: a fifth of 200,000 isn't compliant; it was 22% the night before.
    assert "20.0% of taggable spend does not name its owner, service and environment" in text
    assert "-2.0 points since 2026-11-23" in text
    assert "-30,000.00 USD of 10,000.00 USD in 30 days, for an objective of 95.0%; burn rate 4.0" in text
    assert "60 of 240; 14 new, 9 mended" in text
    assert "aws/100000000003/eu-west-1/*/native: access denied" in text
    assert "costguard reconcile undo 20261124T010500-aaaaaa --apply" in text
    assert "until 2026-11-28: the migration (policies/org.yaml:12)" in text
    assert "git -C live apply /tmp/001.patch" in text


def test_how_many_to_tag_is_the_fewest_that_reach_the_objective() -> None:
    made = night(60)
    left = [row.projected or 0 for row in made.rows]
    fewest = next(number for number, share in enumerate(left, 1) if share <= 0.05)
    assert left[fewest - 2] > 0.05
    assert f"Tag these {fewest}, and the share that is not compliant falls from 20.0%" in shown(made)


def test_where_the_objective_is_out_of_reach_it_says_how_far_twenty_get() -> None:
    made = night(60)
    rows = tuple(msgspec.structs.replace(row, projected=0.2 - n / 1000) for n, row in enumerate(made.rows, 1))
    assert "Tag these 20, and the share that is not compliant falls from 20.0% to 18.0%" in shown(
        msgspec.structs.replace(made, rows=rows)
    )


def test_a_night_of_which_nothing_is_known_says_so() -> None:
    text = shown(night(more=False))
    assert "Nothing could be judged tonight" in text
    assert "There was no scan tonight." in text
    assert "There is no earlier night to compare with" in text


def test_a_stage_that_failed_is_said_first_and_once() -> None:
    made = night(more=False)
    stages = tuple(
        msgspec.structs.replace(one, state="failed", why="there is no room") if one.name == "scan" else one
        for one in made.stages
    )
    text = shown(msgspec.structs.replace(made, stages=stages, complete=False))
    assert "This night is incomplete" in text
    assert text.count("The stage scan failed: there is no room") == 1


def test_the_page_allows_its_own_script_and_style_and_nothing_else() -> None:
    parsed = Parsed(render(night(3)))
    (policy,) = (
        value for tag, name, value in parsed.attributes if tag == "meta" and name == "content" and "-src" in value
    )
    script = next(one for one in parsed.scripts if "use strict" in one)

    def digest(text: str) -> str:
        return b64encode(sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest(parsed.styles[0])}'; script-src 'sha256-{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not [one for one in parsed.attributes if one[1] in ("style", "src", "srcset") or one[1].startswith("on")]
    assert {value for _, name, value in parsed.attributes if name == "href"} <= {
        f"#{name}" for name in ("main", "changed", "spend", "first", "all", "quality", "reconciler", "coverage")
    }


@pytest.mark.parametrize(
    "text",
    [*filter(str.strip, HOSTILE), '"><img src=x onerror=alert(1)>', "</script><script>alert(1)</script>", "{{ 7*7 }}"],
)
def test_no_text_becomes_anything_but_text(text: str) -> None:
    """Each text of a night is replaced by a hostile one: the page has the same elements as with a harmless one."""
    plain, hostile = (Parsed(render(spoiled(night(5), word))) for word in ("plain", text))
    assert hostile.elements == plain.elements
    assert [one[:2] for one in hostile.attributes] == [one[:2] for one in plain.attributes]
    assert len(hostile.scripts) == len(plain.scripts) == 2
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", render(spoiled(night(5), text))
    )


def spoiled(value: Any, text: str) -> Any:
    """The same with its free texts replaced: all but words of a fixed list, times, amounts and ids of its own."""
    if isinstance(value, msgspec.Struct):
        fields = {}
        for name in value.__struct_fields__:
            kept = name in _KEPT or name in (
                "total",
                "tagged",
                "cost",
                "left",
                "budget",
                "classes",
                "taggable",
                "slo",
                "trend",
            )
            fields[name] = getattr(value, name) if kept else spoiled(getattr(value, name), text)
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, dict):
        return {
            (key if key == "account" else f"{number}{text}"): spoiled(one, text)
            for number, (key, one) in enumerate(value.items())
        }
    if isinstance(value, tuple):
        return tuple(spoiled(one, text) for one in value)
    return text if type(value) is str else value


_KEPT = frozenset(
    [
        "schema",
        "tool",
        "began",
        "ended",
        "at",
        "start",
        "end",
        "until",
        "kind",
        "state",
        "name",
        "level",
        "verdict",
        "outcome",
        "cloud",
        "decisions",
        "inherited",
        "ruled",
        "split",
        "objective",
        "before",
        "id",
        "change_set",
        "stages",
        "period",
        "compliant",
        "untagged",
        "months",
    ]
)


def test_the_rows_in_the_page_are_those_of_the_night() -> None:
    made = night(250)
    columns = {one["name"]: one for one in rows_of(render(made))}
    ids = columns["id"]["cells"]
    assert ids == [row.id for row in made.rows]
    tags = [columns["tags"]["words"][cell] for cell in columns["tags"]["cells"]]
    assert tags == [", ".join(row.tags) for row in made.rows]


def rows_of(page: str) -> Any:
    raw = next(one for one in Parsed(page).scripts if one.startswith('{"columns"'))
    return json.loads(raw)["columns"]


def test_what_is_not_listed_is_counted() -> None:
    made = msgspec.structs.replace(night(3), more=1234)
    assert "1,234 more are not listed" in shown(made)
    assert MOST == 50_000


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, "–"), (0.0, "0.0%"), (0.0001, "<0.1%"), (0.5, "50.0%"), (0.9999, ">99.9%"), (1.0, "100.0%")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(ratio: float | None, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [("0", "0.00"), ("0.001", "<0.01"), ("-0.001", "<0.01"), ("1234567.005", "1,234,567.00"), (None, "")],
)
def test_amounts_are_as_people_read_them(cost: str | None, text: str) -> None:
    assert amount(cost) == text


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("156000", "-2.0 points since"),
        ("160000", "unchanged since"),
        ("159990", "unchanged since"),
        ("170000", "+5.0 points since"),
    ],
)
def test_the_change_is_said_in_points(before: str, said: str) -> None:
    made = night(5)
    (head,) = made.before
    text = shown(msgspec.structs.replace(made, before=(msgspec.structs.replace(head, compliant=before),)))
    assert said in text


def test_what_only_new_resources_are_is_said_of_them_alone() -> None:
    made = night(60)
    fresh = [row.id for row in made.rows if row.fresh]
    text = shown(made)
    section = text[text.index("What changed since the night before", 300) : text.index("Exemptions that end")]
    assert [row.id for row in made.rows if row.id in section] == fresh


@pytest.mark.parametrize(
    ("taggable", "compliant", "share"),
    [
        ("200", "150", 0.25),
        ("200", "200", 0.0),
        ("0", "0", None),
        ("-5", "3", None),
        ("5", "8", None),
        ("5", "-1", None),
    ],
)
def test_a_share_that_credits_leave_without_a_meaning_is_none(
    taggable: str, compliant: str, share: float | None
) -> None:
    made = night(3)
    assert made.spend is not None
    classes = made.spend.classes | {"usage_taggable": taggable}
    states = made.spend.taggable | {"compliant": compliant}
    changed = msgspec.structs.replace(made, spend=msgspec.structs.replace(made.spend, classes=classes, taggable=states))
    assert changed.headline.share == share
    assert (share is None) == ("does not name" not in shown(changed))
