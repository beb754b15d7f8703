"""What people are told: one digest for each owner, bounded, and without anything that others could make of it."""

from datetime import UTC, date, datetime

import pytest

from costguard.notify import digests
from costguard.notify.digest import MOST, described, plain
from tests.notify.receivers import NOW, RUN, digest, item


def test_each_owner_has_one_digest_and_nobody_is_last() -> None:
    items = [(None, item(1)), ("web", item(2)), ("data", item(3)), ("web", item(4, state="reminded")), ("", item(5))]
    made = digests(RUN, "untagged resources", NOW, items)
    assert [one.owner for one in made] == ["", "data", "web", None]
    web = made[2]
    assert [one.id[-4:] for one in web.items] == ["0002", "0004"]
    assert web.counts == {"flagged": 1, "reminded": 1}
    assert (web.heading, web.summary) == ("untagged resources: web", "2 resources: 1 flagged, 1 reminded.")
    assert made[3].heading == "untagged resources: no owner known"
    assert made[0].heading == "untagged resources: (empty)"


def test_owners_that_differ_in_capitals_are_two() -> None:
    assert [one.owner for one in digests(RUN, "t", NOW, [("Web", item()), ("web", item())])] == ["Web", "web"]


def test_a_digest_has_the_first_items_and_says_how_many_more_there_are() -> None:
    [made] = digests(RUN, "untagged resources", NOW, (("web", item(number)) for number in range(MOST + 7)))
    assert len(made.items) == MOST
    assert made.items[-1] == item(MOST - 1)
    assert made.more == 7
    assert made.counts == {"flagged": MOST + 7}
    assert made.left(MOST) == f"… and 7 more; costguard reconcile status {RUN} has all of them."
    assert made.left(10) == f"… and {MOST - 3} more; costguard reconcile status {RUN} has all of them."


def test_nothing_is_said_to_be_left_out_where_nothing_is() -> None:
    assert digest().left(1) == ""


def test_the_text_of_a_digest() -> None:
    made = digest("shop", item(1), item(2, region="", next="", due=None, remedy=""))
    assert plain(made, 10_000) == (
        "2 resources: 2 flagged.\n"
        "\n"
        "aws_instance arn:aws:ec2:eu-west-1:111122223333:instance/i-0001\n"
        "  in 111122223333, eu-west-1\n"
        "  flagged: owner is missing\n"
        "  next: it is put in quarantine (on 2026-12-01)\n"
        "  remedy: give it the tag Owner\n"
        "\n"
        "aws_instance arn:aws:ec2:eu-west-1:111122223333:instance/i-0002\n"
        "  in 111122223333\n"
        "  flagged: owner is missing\n"
        "\n"
        "Run 20261123-a1b2 of costguard.\n"
    )


def test_text_that_is_too_long_ends_with_how_much_is_left() -> None:
    made = digest("shop", *(item(number) for number in range(100)))
    text = plain(made, 5_000)
    shown = text.count("aws_instance")
    assert 0 < shown < 100
    assert f"… and {100 - shown} more;" in text
    assert len(text.encode()) <= 5_000


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("i-1\nBcc: x@example.com", r"i-1\nBcc: x@example.com"),
        ("i-1\r\n\r\n.\r\nMAIL FROM:<x>", r"i-1\r\n\r\n.\r\nMAIL FROM:<x>"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
        ("\0", r"\x00"),
        ("a" * 2000, "a" * 999 + "…"),
    ],
)
def test_an_id_is_one_line_of_what_shows_as_itself(hostile: str, shown: str) -> None:
    assert described(item(1, id=hostile))[0] == f"aws_instance {shown}"


def test_a_day_without_a_sentence_is_said_all_the_same() -> None:
    assert "  next: it is looked at again (on 2026-12-24)" in described(item(1, next="", due=date(2026, 12, 24)))


def test_a_delivery_is_known_by_its_run_channel_and_owner_alone() -> None:
    key = digest().key("slack A")
    assert key == digest("shop", item(9), title="other").key("slack A")
    others = [
        digest(run="20261124-a1b2").key("slack A"),
        digest().key("slack B"),
        digest("Shop").key("slack A"),
        digest(None).key("slack A"),
        digest("None").key("slack A"),
        digest("").key("slack A"),
        digest("\ud800").key("slack A"),
        digest("\udfff").key("slack A"),
    ]
    assert len({key, *others}) == 9
    assert all(len(one) == 40 and one.isalnum() for one in others)


def test_the_time_of_a_digest_is_the_runs() -> None:
    assert digest().at == datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
