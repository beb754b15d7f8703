"""What owners are told of the ladder: a digest each, and a step is done when it arrived."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.config import ConfigDoc, NotifyDoc, UrlFromEnvDoc
from costguard.model.change import CHANGE_SET_SCHEMA, Change, ChangeSet, Evidence, Step, Value, sealed
from costguard.model.finding import Tool
from costguard.reconcile.journal import Journal, Run
from costguard.reconcile.journal.sql import open_journal
from costguard.reconcile.notices import digests, notices
from tests.notify.receivers import Waits, receiver
from tests.servers.http1 import Response

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
HOOK = "COSTGUARD_WEBHOOK_URL"


def step(number: int = 1, **given: Any) -> Step:
    told: dict[str, Any] = {
        "id": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-{number}",
        "type": "aws_instance",
        "cloud": "aws",
        "account": ACCOUNT,
        "region": "eu-west-1",
        "rung": "notify",
        "since": date(2026, 11, 20),
        "why": "at fault with service since 2026-11-20",
        "owner": "shop",
        "missing": ("service",),
        "then": "remind",
        "due": date(2026, 11, 30),
    }
    return Step(**told | given)


def change_set(*steps: Step, changes: tuple[Change, ...] = ()) -> ChangeSet:
    return sealed(
        ChangeSet(
            schema=CHANGE_SET_SCHEMA,
            id="",
            tool=Tool(name="costguard", version="0"),
            made=NOW,
            expires=NOW.replace(day=24),
            policy=(),
            scan="",
            read=10,
            changes=changes,
            steps=steps,
        )
    )


def proposed(one: Step, *values: tuple[str, str, str, float]) -> Change:
    return Change(
        id=one.id,
        type=one.type,
        cloud=one.cloud,
        account=one.account,
        region=one.region,
        decision="flag",
        missing=one.missing,
        proposed=tuple(
            Value(
                tag=tag,
                key=key,
                before=None,
                after=after,
                rule=f"tags/{tag}",
                confidence=sure,
                evidence=(Evidence(kind="parent", value=after, confidence=sure, says="so"),),
            )
            for tag, key, after, sure in values
        ),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(f"sqlite:///{tmp_path}/journal.db")


def config(*owners: str) -> ConfigDoc:
    channel = NotifyDoc(webhook=UrlFromEnvDoc(url_from_env=HOOK), owners=list(owners) or None)
    return ConfigDoc(version=1, notify=[channel])


# ------------------------------------------------------------------ what is said


def test_an_owner_gets_one_digest_of_all_that_is_theirs() -> None:
    steps = [step(1), step(2, owner="search"), step(3, rung="remind"), step(4, owner=None)]
    found = digests(steps, change_set(*steps), run="r", at=NOW)
    assert [(one.owner, dict(one.counts)) for one in found] == [
        ("search", {"flagged": 1}),
        ("shop", {"still flagged": 1, "flagged": 1}),
        (None, {"flagged": 1}),
    ]
    assert [item.id[-1] for item in found[1].items] == ["3", "1"]


def test_what_else_is_done_to_what_is_theirs_is_said_and_what_is_others_is_not() -> None:
    told = [step(1)]
    harm = [step(2, rung="stop", then=None, due=None), step(3, rung="quarantine", owner="search")]
    [found] = digests(told, change_set(*told, *harm), run="r", at=NOW)
    assert [(item.id[-1], item.state) for item in found.items] == [("2", "due to be stopped"), ("1", "flagged")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"then": "remind"}, "a reminder, unless it is mended before"),
        ({"then": "stop"}, "it may be stopped, unless it is mended before"),
        ({"then": None, "due": None}, ""),
    ],
)
def test_what_comes_next_is_what_may_be_done(given: dict[str, Any], said: str) -> None:
    one = step(**given)
    [item] = digests([one], change_set(one), run="r", at=NOW)[0].items
    assert (item.next, item.due) == (said, one.due)


def test_an_owner_who_was_inferred_is_said_to_be_probable() -> None:
    sure, likely = step(1), step(2, missing=("owner", "service"))
    first, second = digests([sure, likely], change_set(sure, likely), run="r", at=NOW)[0].items
    assert first.wrong == sure.why
    assert second.wrong == f"{likely.why} (that it is shop's is probable, and nothing more)"


def test_the_remedy_names_the_values_that_are_probable_and_what_keeps_it() -> None:
    one = step(then="quarantine", missing=("owner", "service"))
    made = change_set(one, changes=(proposed(one, ("owner", "Owner", "shop", 0.8)),))
    [item] = digests([one], made, run="r", at=NOW)[0].items
    assert item.remedy == (
        "give it Owner = shop (probably; 0.80 sure), service; or, for it to stay as it is until a day, "
        "costguard:keep-until = YYYY-MM-DD"
    )


def test_on_google_the_tag_that_keeps_it_is_one_that_a_label_can_be() -> None:
    one = step(cloud="google", then="quarantine")
    [item] = digests([one], change_set(one), run="r", at=NOW)[0].items
    assert "costguard-keep-until = YYYY-MM-DD" in item.remedy


def test_nobody_is_told_to_keep_what_nothing_will_be_done_to() -> None:
    one = step(then=None)
    [item] = digests([one], change_set(one), run="r", at=NOW)[0].items
    assert item.remedy == "give it service"


# ------------------------------------------------------------------ that it arrives


def test_a_step_is_done_when_its_owner_was_told(journal: Journal) -> None:
    steps = [step(1), step(2), step(3, owner="search")]
    with receiver() as (url, seen):
        answers = notices(config(), journal, change_set(*steps), NOW, {HOOK: url})(steps)
    assert [answer.how for answer in answers] == ["done"] * 3
    told = [msgspec.json.decode(request.body)["data"]["owner"] for request in seen]
    assert told == ["search", "shop"]


def test_nobody_is_told_twice_of_one_change_set(journal: Journal) -> None:
    """Neither where a run is resumed, nor where the change set is applied again."""
    steps = [step()]
    changes = change_set(*steps)
    with receiver() as (url, seen):
        for number in (1, 2):
            journal.begin(
                Run(id=f"run-{number}", kind="apply", change_set=changes.id, started=NOW.replace(hour=number))
            )
            tell = notices(config(), journal, changes, NOW, {HOOK: url})
            assert [answer.how for answer in (*tell(steps), *tell(steps))] == ["done", "done"]
    assert [msgspec.json.decode(request.body)["data"]["run"] for request in seen] == ["run-1"]


def test_another_change_set_is_another_digest(journal: Journal) -> None:
    steps = [step()]
    with receiver() as (url, seen):
        for changes in (change_set(*steps), change_set(*steps, step(2))):
            assert notices(config(), journal, changes, NOW, {HOOK: url})(steps)[0].how == "done"
    assert len(seen) == 2


def test_whoever_could_not_be_told_is_told_when_it_is_tried_again(journal: Journal) -> None:
    steps = [step(1), step(2, owner="search")]
    changes = change_set(*steps)
    waits = Waits(attempts=1)
    with receiver([Response(status=503)]) as (url, seen):
        tell = notices(config(), journal, changes, NOW, {HOOK: url}, waits.patience)
        first, second = tell(steps)
        assert (first.how, second.how) == ("done", "again")
        assert "search" in second.why
        assert [answer.how for answer in tell(steps)] == ["done", "done"]
    assert len(seen) == 3


def test_an_owner_whom_no_channel_takes_was_not_told(journal: Journal) -> None:
    steps = [step(1), step(2, owner="search")]
    with receiver() as (url, seen):
        answers = notices(config("sh*"), journal, change_set(*steps), NOW, {HOOK: url})(steps)
    assert [answer.how for answer in answers] == ["done", "refused"]
    assert "no channel of costguard.yaml takes the digests of this owner" in answers[1].why
    assert len(seen) == 1
