"""A digest arrives, once where that can be had, and never silently not at all."""

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from costguard.config import NotifyDoc, SmtpDoc, SnsDoc, UrlFromEnvDoc
from costguard.errors import JournalError
from costguard.notify import Deliveries, Delivery, Digest, channels, send, unset
from costguard.notify.delivery import Later, Refused
from costguard.reconcile.journal.sql import open_journal
from tests.notify.receivers import NOW, SECRET, Kept, Waits, digest, receiver
from tests.servers.http1 import Response

SLACK = UrlFromEnvDoc(url_from_env="SLACK_URL")
HOOK = UrlFromEnvDoc(url_from_env="HOOK_URL")
MAIL = SmtpDoc(
    host="mail.acme.example", sender="finops@acme.example", to=["a@acme.example"], user="u", password_from_env="P"
)
ARN = "arn:aws:sns:eu-west-1:111122223333:finops"


class Told(msgspec.Struct):
    """A channel that answers as it is told to, and then takes everything."""

    name: str
    owners: tuple[str, ...] | None = None
    secrets: tuple[str, ...] = ()
    answers: list[Exception] = []
    got: list[str | None] = []

    def render(self, digest: Digest) -> str:
        return digest.heading

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        self.got.append(digest.owner)
        if self.answers:
            raise self.answers.pop(0)


def sent(told: list[Delivery]) -> list[tuple[str | None, str, str]]:
    return [(one.owner, one.channel, one.how) for one in told]


def test_the_channels_of_a_configuration() -> None:
    docs = [
        NotifyDoc(slack=SLACK, owners=["web", "shop-*"]),
        NotifyDoc(webhook=HOOK),
        NotifyDoc(smtp=MAIL),
        NotifyDoc(smtp=msgspec.structs.replace(MAIL, port=465)),
        NotifyDoc(sns=SnsDoc(topic=ARN)),
    ]
    made = channels(docs)
    assert [one.name for one in made] == [
        "slack SLACK_URL",
        "webhook HOOK_URL",
        "smtp mail.acme.example:587 a@acme.example",
        "smtp mail.acme.example:465 a@acme.example",
        f"sns {ARN}",
    ]
    assert [one.owners for one in made] == [("web", "shop-*"), None, None, None, None]
    assert [getattr(one, "implicit", None) for one in made] == [None, None, False, True, None]
    assert unset(made, {"HOOK_URL": "x", "P": ""}) == ("SLACK_URL", "P")
    assert unset(made, {"HOOK_URL": "x", "SLACK_URL": "y", "P": "z"}) == ()


@pytest.mark.parametrize(
    ("owner", "takers"),
    [
        ("web", ["all", "web"]),
        ("shop-checkout", ["all", "shops"]),
        ("Web", ["all"]),
        ("webby", ["all"]),
        ("[web]", ["all", "odd"]),
        ("", ["all"]),
        (None, ["all"]),
    ],
)
def test_a_digest_goes_to_those_that_take_its_owner(owner: str | None, takers: list[str]) -> None:
    told = [Told("all"), Told("web", ("web",)), Told("shops", ("shop-*", "shops")), Told("odd", ("[web]",))]
    done = send([digest(owner)], told, Kept(), NOW, {})
    assert sent(done) == [(owner, taker, "sent") for taker in takers]
    assert [one.name for one in told if one.got] == takers


def test_a_glob_for_everybody_is_not_for_nobody() -> None:
    assert sent(send([digest(None)], [Told("star", ("*",))], Kept(), NOW, {})) == [(None, "", "nobody")]


@pytest.mark.parametrize(
    ("owner", "gap"),
    [
        ("web", "web: no channel of costguard.yaml takes the digests of this owner"),
        (
            None,
            "the resources without a known owner: no channel of costguard.yaml takes the digests of no owner",
        ),
    ],
)
def test_a_digest_that_no_channel_takes_is_a_gap(owner: str | None, gap: str) -> None:
    [one] = send([digest(owner)], [Told("shops", ("shop-*",))], Kept(), NOW, {})
    assert (one.how, one.gap) == ("nobody", gap)


def test_nothing_is_sent_twice_within_a_run_and_the_next_run_tells_again() -> None:
    channel, kept = Told("a"), Kept()
    assert sent(send([digest()], [channel], kept, NOW, {})) == [("shop", "a", "sent")]
    assert sent(send([digest()], [channel], kept, NOW, {})) == [("shop", "a", "before")]
    assert sent(send([digest(run="20261124-c3d4")], [channel], kept, NOW, {})) == [("shop", "a", "sent")]
    assert channel.got == ["shop", "shop"]
    assert [(at, what) for at, what in kept.told.values()] == [(NOW, "a: untagged resources: shop")] * 2


def test_a_channel_that_is_there_twice_is_told_once() -> None:
    first, second = Told("a", ("shop",)), Told("a")
    assert sent(send([digest()], [first, second], Kept(), NOW, {})) == [("shop", "a", "sent")]
    assert (first.got, second.got) == (["shop"], [])


def test_two_digests_of_one_owner_are_refused_before_anything_is_sent() -> None:
    channel = Told("a")
    with pytest.raises(ValueError, match="two digests"):
        send([digest(), digest(title="more")], [channel], Kept(), NOW, {})
    assert channel.got == []


def test_one_channels_failure_stops_no_other() -> None:
    told = [Told("a", answers=[Refused("it answers 404 Not Found")]), Told("b")]
    kept = Kept()
    done = send([digest()], told, kept, NOW, {})
    assert sent(done) == [("shop", "a", "failed"), ("shop", "b", "sent")]
    assert done[0].gap == "shop: a: it answers 404 Not Found"
    assert list(kept.told) == [done[1].key]


def test_what_failed_is_tried_again_when_the_run_is_resumed() -> None:
    channel, kept = Told("a", answers=[Refused("no")]), Kept()
    send([digest()], [channel], kept, NOW, {})
    assert sent(send([digest()], [channel], kept, NOW, {})) == [("shop", "a", "sent")]


def test_it_is_tried_again_after_pauses_that_double() -> None:
    waits = Waits()
    channel = Told("a", answers=[Later("it answers 503")] * 3)
    [one] = send([digest()], [channel], Kept(), NOW, {}, waits.patience)
    assert (one.how, one.attempts, waits.slept) == ("sent", 4, [1.0, 2.0, 4.0])


def test_after_the_last_attempt_it_is_said_why_and_how_often() -> None:
    waits = Waits()
    [one] = send([digest()], [Told("a", answers=[Later("it answers 503")] * 9)], Kept(), NOW, {}, waits.patience)
    assert (one.how, one.why, waits.slept) == ("failed", "a: it answers 503; it was tried 4 times", [1.0, 2.0, 4.0])


@pytest.mark.parametrize(("asked", "slept"), [(0.0, [0.0]), (7.0, [7.0]), (30.0, [30.0])])
def test_the_receivers_own_pause_counts(asked: float, slept: list[float]) -> None:
    waits = Waits()
    [one] = send([digest()], [Told("a", answers=[Later("429", asked)])], Kept(), NOW, {}, waits.patience)
    assert (one.how, waits.slept) == ("sent", slept)


def test_a_receiver_that_wants_to_be_waited_for_too_long_is_left_alone() -> None:
    waits = Waits()
    [one] = send([digest()], [Told("a", answers=[Later("it answers 429", 3600.0)])], Kept(), NOW, {}, waits.patience)
    assert (one.how, one.why) == ("failed", "a: it answers 429; it asks for 3600 s, which is too long to wait")
    assert waits.slept == []


def test_a_channel_that_takes_nothing_is_given_up_and_another_is_not() -> None:
    dead, alive = Told("a", answers=[Refused("it answers 410 Gone")] * 99), Told("b")
    owners = ["o1", "o2", "o3", "o4", "o5"]
    done = send([digest(owner) for owner in owners], [dead, alive], Kept(), NOW, {})
    assert dead.got == owners[:3]
    assert alive.got == owners
    assert [one.how for one in done if one.channel == "a"] == ["failed"] * 5
    assert done[-2].why == "a was not tried again: it took none of the 3 digests before"


def test_single_failures_give_no_channel_up() -> None:
    class Odd(Told):
        def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
            self.got.append(digest.owner)
            if digest.owner in ("o1", "o2", "o4", "o5"):
                raise Refused("no")

    channel = Odd("a")
    done = send([digest(f"o{number}") for number in range(1, 7)], [channel], Kept(), NOW, {})
    assert [one.how for one in done] == ["failed", "failed", "sent", "failed", "failed", "sent"]


def test_a_secret_that_is_not_set_is_a_failure_and_nothing_is_posted() -> None:
    channel = Told("a", secrets=("SLACK_URL",))
    [one] = send([digest()], [channel], Kept(), NOW, {"SLACK_URL": ""})
    assert (one.how, one.why, channel.got) == ("failed", "a: the environment variable SLACK_URL is not set", [])


def test_those_who_were_told_are_not_told_again_though_others_could_not_be() -> None:
    channel, kept = Told("a", answers=[Refused("it does not take mail for x", ("y",))]), Kept()
    [one] = send([digest()], [channel], kept, NOW, {})
    assert (one.how, one.gap) == ("failed", "shop: a: it does not take mail for x")
    assert [what for _, what in kept.told.values()] == ["a: untagged resources: shop (a: it does not take mail for x)"]
    assert sent(send([digest()], [channel], kept, NOW, {})) == [("shop", "a", "before")]


class Full(Kept):
    """A journal whose disk is full once something was sent."""

    def deliver(self, key: str, at: datetime, what: str) -> None:
        raise JournalError("the disk is full")


def test_after_a_delivery_that_cannot_be_written_down_nothing_more_is_sent() -> None:
    """And when it can be again, the first is sent again, under the same key."""
    docs = [NotifyDoc(webhook=HOOK)]
    two = [digest("o1"), digest("o2")]
    with receiver() as (url, seen):
        full: Deliveries = Full()
        with pytest.raises(JournalError):
            send(two, channels(docs), full, NOW, {"HOOK_URL": url})
        assert len(seen) == 1
        done = send(two, channels(docs), Kept(), NOW, {"HOOK_URL": url})
    assert [one.how for one in done] == ["sent", "sent"]
    first, again, other = (msgspec.json.decode(request.body) for request in seen)
    assert first == again
    assert first["id"] == done[0].key != other["id"]


def test_a_receiver_that_never_ends_its_answer_is_not_waited_for() -> None:
    """Each byte comes within the timeout of the socket; the whole attempt has a limit of its own."""
    stop = threading.Event()

    class Slow(Told):
        def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
            self.got.append(digest.owner)
            stop.wait(20)

    channel, waits = Slow("a"), Waits(attempts=2, attempt=0.05)
    [one] = send([digest()], [channel], Kept(), NOW, {}, waits.patience)
    stop.set()
    assert one.why == "a: there was no whole answer within 0.05 s; it was tried twice"
    assert channel.got == ["shop", "shop"]


def test_a_mistake_of_ours_in_a_channel_is_not_taken_for_a_failure_of_the_receiver() -> None:
    with pytest.raises(ZeroDivisionError):
        send([digest()], [Told("a", answers=[ZeroDivisionError()])], Kept(), NOW, {})


def test_nothing_that_is_kept_or_said_holds_the_secret() -> None:
    kept = Kept()
    with receiver([Response(status=404, body=SECRET.encode())] * 2) as (url, _):
        docs = [NotifyDoc(webhook=HOOK), NotifyDoc(slack=SLACK)]
        done = send([digest("o1"), digest("o2")], channels(docs), kept, NOW, {"HOOK_URL": url, "SLACK_URL": url})
    assert [one.how for one in done] == ["failed", "failed", "sent", "sent"]
    assert "hunter2" not in repr(done) + repr(kept.told)
    assert url not in repr(done) + repr(kept.told)


def test_a_runs_journal_keeps_what_was_delivered(tmp_path: Path) -> None:
    url, channel = f"sqlite:///{tmp_path / 'journal.db'}", Told("a")
    hostile = digest("x\ud800\0\n" * 200)
    for expected in ("sent", "before"):
        journal = open_journal(url)
        try:
            [one] = send([hostile], [channel], journal, NOW, {})
        finally:
            journal.close()
        assert one.how == expected
    assert len(channel.got) == 1
