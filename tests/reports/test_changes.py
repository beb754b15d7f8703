"""How a change set is shown: all that would be written, and nothing that a name could do to a terminal or a comment."""

from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from costguard.model.change import (
    CHANGE_SET_SCHEMA,
    Calibration,
    Change,
    ChangeSet,
    Decision,
    Evidence,
    Held,
    Patch,
    Step,
    Value,
    sealed,
)
from costguard.model.finding import Tool
from costguard.model.resource import Gap
from costguard.reports import Style
from costguard.reports.changes import markdown, terminal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def value(key: str, before: str | None, after: str | None, says: str = "the instance i-1 has it") -> Value:
    found = Evidence(kind="parent", value=after or "", confidence=0.97, says=says)
    return Value(
        tag="owner", key=key, before=before, after=after, rule="tags/owner", confidence=0.97, evidence=(found,)
    )


def change(id_: str, decision: Decision, *values: Value, why: str = "") -> Change:
    return Change(
        id=id_,
        type="aws_ebs_volume",
        cloud="aws",
        account="111122223333",
        region="eu-west-1",
        decision=decision,
        why=why,
        values=values,
        missing=("owner",),
    )


def changes(*rows: Change, **more: object) -> ChangeSet:
    whole = ChangeSet(
        schema=CHANGE_SET_SCHEMA,
        id="",
        tool=Tool(name="costguard", version="1"),
        made=NOW,
        expires=NOW,
        policy=("policy.yaml",),
        scan="scan.db",
        read=100,
        changes=rows,
    )
    return sealed(msgspec.structs.replace(whole, **more))


FULL = changes(
    change(
        "arn:volume/a", "tag", value("Owner", None, "shop"), value("Team", "shop", None), value("Env", "prd", "prod")
    ),
    change("arn:volume/b", "patch", value("Owner", None, "shop"), why="terraform manages it as aws_ebs_volume.b"),
    change("arn:volume/c", "flag", why="nothing says its value"),
    change("arn:volume/d", "flag", why="nothing says its value"),
    change("arn:volume/e", "skip", why="waits for a later run"),
    patches=(
        Patch(repository="infra", diff="--- a/main.tf\n+++ b/main.tf\n@@ -1 +1 @@\n-x\n+y\n", mends=("arn:volume/b",)),
    ),
    steps=(
        Step(
            id="arn:volume/c",
            type="aws_ebs_volume",
            cloud="aws",
            account="111122223333",
            region="eu-west-1",
            rung="remind",
            since=date(2026, 11, 2),
            why="told 5 business days ago",
            owner="shop",
            missing=("owner",),
        ),
    ),
    held=(Held(limit="percent", of="all", most=2.5, held=7),),
    calibration=Calibration(threshold=0.95, held_out=1234, error=0.012, precision=0.995, coverage=0.61),
    gaps=(Gap("aws/1/eu-west-1/aws_sqs_queue/native", "access denied"),),
)


def test_the_diff_says_what_is_added_changed_and_taken_away_and_why() -> None:
    text = terminal(FULL, Style(width=100))
    for said in (
        "TAG 1 RESOURCE",
        "+ Owner = shop",
        "- Team = shop",
        "~ Env = prd → prod",
        "0.97 the instance i-1 has it",
        "+++ b/main.tf",
        "2 × nothing says its value",
        "remind arn:volume/c",
        "probably shop's",
        "limits.percent is 2.5%",
        "7 resources had to wait",
        "of 100 resources, 1 to tag, 1 to patch, 2 flagged, 1 left alone, 1 a rung higher.",
        "0.95 sure or more 99.5% were right",
        "61.0% of all reach that",
        "calibration error 1.2 points",
        "INCOMPLETE",
        "access denied",
    ):
        assert said in " ".join(text.split()), said


def test_a_quiet_diff_still_says_what_could_not_be_read() -> None:
    text = terminal(FULL, Style(width=100, verbosity=-1))
    assert "INCOMPLETE" in text
    assert "+ Owner" not in text


def test_nothing_to_do_says_so() -> None:
    text = terminal(changes(), Style())
    assert text == "costguard reconcile: nothing is to be done about the 100 resources that were read.\n"


def test_long_lists_are_cut_and_say_so() -> None:
    many = changes(*(change(f"arn:volume/{n:03}", "tag", value("Owner", None, "shop")) for n in range(300)))
    short, long = terminal(many, Style()), terminal(many, Style(verbosity=1))
    assert short.count("+ Owner = shop") == 200
    assert "and 100 more resources (-v lists them)" in short
    assert long.count("+ Owner = shop") == 300


def test_a_comment_is_never_longer_than_github_takes() -> None:
    many = changes(
        *(change(f"arn:volume/{n}" + "x" * 900, "tag", value("Owner", None, "s" * 250)) for n in range(300)),
        *(change(f"arn:flag/{n}", "flag", why=f"reason {n} " + "y" * 500) for n in range(300)),
    )
    assert len(markdown(many).encode()) <= 65_536
    assert "300 resources would be tagged" in markdown(many)
    assert "more resources are left out here" in markdown(many)


PIECES = [*"ab`|<>*_[]()#!@~\\\n\r\t\"'", "\x1b", "\x9b", "\u202e", "\ud800", "::", "##[", "<script>", "```"]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_name_gets_out_of_its_place(id_: str, key: str, text: str, says: str) -> None:
    hostile = changes(
        change(id_, "tag", value(key, text, says, says), why=says),
        change(id_, "flag", why=says),
        patches=(Patch(repository=id_, diff=f"--- {text}\n+{says}\n", mends=(id_,)),),
        notes=(says,),
        gaps=(Gap(id_, says),),
    )
    shown = terminal(hostile, Style(width=40))
    assert all(line.isprintable() for line in shown.split("\n"))
    comment = markdown(hostile)
    assert all(char == "\n" or char.isprintable() for char in comment)
    html = MarkdownIt("gfm-like", {"html": False}).render(comment)
    assert "<script" not in html
    assert "<a " not in html
    assert "<img" not in html


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_lines_are_wrapped_where_no_single_word_is_longer(width: int) -> None:
    longest = max(len(word) for line in terminal(FULL, Style(width=1000)).split("\n") for word in line.split())
    assert all(len(line) <= max(width, longest + 10) for line in terminal(FULL, Style(width=width)).split("\n"))
