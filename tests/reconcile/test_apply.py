"""What becomes of a change set, case by case: caps, canaries, drift, leases, resuming, undoing, the ladder's steps."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import cast

import msgspec
import pytest

from costguard.clouds.writing import Answer, Current, Edit, Guard, Target
from costguard.config import LadderDoc, RungDoc
from costguard.errors import InputError, UsageError
from costguard.model.change import ChangeSet, Held, Step
from costguard.reconcile.apply import apply, rehearse, resume
from costguard.reconcile.journal import Flag, Journal
from costguard.reconcile.run import Outcome, Progress, What, what
from costguard.reconcile.undo import undo
from tests.reconcile.build import (
    ACCOUNT,
    LADDER,
    NOW,
    WIDE,
    Meanwhile,
    became,
    change,
    change_set,
    given,
    in_quarantine,
    step,
)
from tests.servers.memory import Fault, MemoryCloud, MemoryPower

OWNER = {"Owner": "shop"}


def some(count: int) -> tuple[MemoryCloud, ChangeSet]:
    """So many untagged instances, and the change set that tags them all."""
    ids = [f"i-{number:03}" for number in range(count)]
    return MemoryCloud({id_: {} for id_ in ids}), change_set([change(id_, OWNER) for id_ in ids])


# ------------------------------------------------------------------ what is accepted


@pytest.mark.parametrize(
    ("limits", "caps"),
    [
        pytest.param({"changes": 3}, [Held(limit="changes", of="all", most=3, held=1)], id="changes"),
        # 10% of the 39 that were read are 3.9 resources, which is 3.
        pytest.param({"percent": 10.0}, [Held(limit="percent", of="all", most=10.0, held=1)], id="percent"),
        pytest.param(
            {"per_account": 2},
            [Held(limit="per-account", of="account 111122223333", most=2, held=1)],
            id="per account",
        ),
        pytest.param({"per_type": 3}, [Held(limit="per-type", of="aws_instance", most=3, held=1)], id="per type"),
        pytest.param({"per_key": 1}, [Held(limit="per-key", of="key Owner", most=1, held=3)], id="per key"),
        pytest.param({"changes": 4, "percent": 11.0, "per_account": 3, "per_type": 4, "per_key": 4}, [], id="none"),
    ],
)
def test_a_change_set_beyond_a_cap_is_not_begun(journal: Journal, limits: dict[str, float], caps: list[Held]) -> None:
    cloud = MemoryCloud({id_: {} for id_ in "abcd"})
    changes = change_set(
        [
            *(change(id_, OWNER) for id_ in "abc"),
            change("d", OWNER, account="444455556666"),
        ],
        read=39,
    )
    given_limits = msgspec.structs.replace(WIDE, **limits)
    outcome = apply(changes, journal, {"aws": cloud}, **given(given_limits))
    assert list(outcome.caps) == caps
    assert outcome.complete == (not caps)
    assert cloud.calls == (0 if caps else 4)
    assert len(journal.runs()) == (0 if caps else 1)
    assert list(rehearse(changes, {"aws": cloud}, **given(given_limits)).caps) == caps


def test_one_resource_twice_is_refused(journal: Journal) -> None:
    cloud, _ = some(1)
    twice = change_set([change("i-000", OWNER), change("i-000", {"Service": "web"})])
    with pytest.raises(InputError, match="i-000 twice"):
        apply(twice, journal, {"aws": cloud}, **given())
    assert cloud.calls == 0


def test_a_cloud_without_a_writer_is_refused_before_anything_is_written(journal: Journal) -> None:
    _, changes = some(1)
    with pytest.raises(UsageError, match="nothing here that writes to aws"):
        apply(changes, journal, {}, **given())
    assert not journal.runs()


def test_nothing_to_do_is_no_run(journal: Journal) -> None:
    outcome = apply(change_set(), journal, {}, **given())
    assert outcome.complete
    assert not journal.runs()


# ------------------------------------------------------------------ what becomes of one

FULL = {f"key-{number}": "x" for number in range(50)}

CASES: Mapping[str, tuple[Mapping[str, str] | None, What, str]] = {
    # what it has when it is applied (None: it is gone) → what becomes of it, and what is said
    "as planned": ({"Name": "x"}, "written", ""),
    "already": ({"Name": "x", "Owner": "shop"}, "already", "it is so already"),
    "another value": ({"Name": "x", "Owner": "web"}, "drifted", "Owner was not there and is 'web' now"),
    "evidence gone": ({}, "drifted", "Name was 'x' and isn't there any more"),
    "evidence changed": ({"Name": "y"}, "drifted", "Name was 'x' and is 'y' now"),
    "gone": (None, "gone", "it isn't there any more"),
    "full": ({"Name": "x", **dict(list(FULL.items())[:49])}, "full", "more than the 50 that there may be"),
    "room for one": ({"Name": "x", **dict(list(FULL.items())[:48])}, "written", ""),
    "aws's own don't count": ({"Name": "x", "aws:a": "b", **dict(list(FULL.items())[:48])}, "written", ""),
}


@pytest.mark.parametrize(("own", "becomes", "why"), CASES.values(), ids=CASES)
def test_what_a_resource_has_when_it_is_applied_decides(
    journal: Journal, own: Mapping[str, str] | None, becomes: What, why: str
) -> None:
    cloud = MemoryCloud({} if own is None else {"i-1": own})
    changes = change_set([change("i-1", OWNER, expects={"Name": "x"})])
    foreseen = rehearse(changes, {"aws": cloud}, **given())
    outcome = apply(changes, journal, {"aws": cloud}, **given())
    assert became(outcome) == {"i-1": becomes}
    assert why in outcome.entries[0].why
    assert foreseen.counts == outcome.counts
    assert outcome.complete == (becomes in ("written", "already", "gone"))
    assert cloud.tags.get("i-1") == (own if becomes != "written" else {**(own or {}), **OWNER})
    assert cloud.calls == (becomes == "written")


def test_what_can_not_be_read_is_not_written_and_is_a_gap(journal: Journal) -> None:
    cloud, changes = some(2)
    cloud.unread["i-001"] = 1
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0)))
    assert became(outcome) == {"i-000": "written", "i-001": "unread"}
    assert [gap.where for gap in outcome.gaps] == ["i-001"]
    assert not outcome.complete
    # It is tried again when the run is resumed.
    assert resume(outcome.run, journal, {"aws": cloud}, **given()).complete
    assert cloud.tags["i-001"] == OWNER


ANSWERS: Mapping[str, tuple[list[Fault], What, int]] = {
    # what becomes of its calls → what becomes of it, and how often it is sent
    "refused": (["refused"], "refused", 1),
    "throttled": (["again", "again"], "written", 3),
    "throttled without end": (["again"] * 9, "postponed", 4),
    "somebody was faster": (["conflict"], "written", 2),
    "answer lost after the effect": (["lost after"], "written", 1),
    "answer lost before the effect": (["lost before"], "written", 2),
    "no answer at all": (["lost before"] * 9, "unsettled", 4),
}


@pytest.mark.parametrize(("faults", "becomes", "calls"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_cloud_answers_decides_what_is_sent_again(
    journal: Journal, faults: list[Fault], becomes: What, calls: int
) -> None:
    cloud, changes = some(1)
    cloud.faults["i-000"] = list(faults)
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0)))
    assert became(outcome) == {"i-000": becomes}
    assert cloud.calls == calls
    assert len(cloud.writes) == (becomes == "written")
    assert outcome.complete == (becomes == "written")
    assert (outcome.how == "done") == (becomes in ("written", "refused"))
    assert tuple(journal.entries(outcome.run)) == outcome.entries


def test_a_write_that_never_shows_is_not_sent_again(journal: Journal) -> None:
    cloud, changes = some(1)
    cloud.lag = 1000
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0)))
    assert became(outcome) == {"i-000": "lost"}
    assert cloud.calls == 1
    assert "after the write Owner isn't there" in outcome.entries[0].why


def test_what_somebody_writes_over_our_value_is_theirs(journal: Journal) -> None:
    cloud, changes = some(1)

    def web_was_there_after_it() -> None:
        if cloud.calls == 1:
            cloud.change("i-000", "Owner", "web")

    cloud.between = web_was_there_after_it
    outcome = apply(changes, journal, {"aws": cloud}, **given())
    assert became(outcome) == {"i-000": "overwritten"}
    assert "Owner is 'web'" in outcome.entries[0].why
    assert undo(outcome.run, journal, {"aws": cloud}, **given()).counts == {"drifted": 1}
    assert cloud.tags["i-000"] == {"Owner": "web"}


class Wordless(MemoryCloud):
    """Says "done" also where it has left a value because that was another one, as EC2's DeleteTags does."""

    def __init__(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(tags, "compare")

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        said = super().write(edits)
        return [msgspec.structs.replace(one, how="done") if one.how == "conflict" else one for one in said]


@pytest.mark.parametrize(
    ("phase", "becomes", "undone"),
    [
        # Taken away it never was, so that an undo has nothing to bring back.
        pytest.param(3, "drifted", {"owner": "hers"}, id="before it is taken away"),
        # It was, and then she set it anew.
        pytest.param(0, "written", {"owner": "shop"}, id="never"),
    ],
)
def test_what_the_cloud_left_because_it_was_another_value_was_not_written(
    journal: Journal, phase: int, becomes: What, undone: Mapping[str, str]
) -> None:
    cloud = Wordless({"i-1": {"owner": "shop"}})
    count = iter(range(1, 100))

    def hers() -> None:
        if next(count) == phase:  # Twice for each write: the third time is right before the second one.
            cloud.change("i-1", "owner", "hers")

    cloud.between = hers
    changes = change_set([change("i-1", {"Owner": "shop", "owner": None}, {"owner": "shop"})])
    outcome = apply(changes, journal, {"aws": cloud}, **given())
    assert became(outcome) == {"i-1": becomes}
    assert cloud.calls == 2
    if becomes == "drifted":
        assert outcome.entries[-1].why == "the cloud takes away only what it was, and now owner is 'hers'"
    cloud.between = lambda: None
    undo(outcome.run, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"i-1": undone}


def test_what_was_set_and_then_written_over_was_written_whatever_kept_it_safe(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}}, "compare")
    count = iter(range(1, 100))

    def hers() -> None:
        if next(count) == 2:  # Right after the write.
            cloud.change("i-1", "Owner", "hers")

    cloud.between = hers
    outcome = apply(change_set([change("i-1", OWNER)]), journal, {"aws": cloud}, **given())
    assert became(outcome) == {"i-1": "overwritten"}


def test_a_key_is_taken_away_only_when_the_one_that_takes_its_place_is_there(journal: Journal) -> None:
    cloud = MemoryCloud({"a": {"owner": "shop"}, "b": {"owner": "shop"}})
    cloud.faults["b"] = ["refused"]
    changes = change_set([change(id_, {"Owner": "shop", "owner": None}, {"owner": "shop"}) for id_ in "ab"])
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0)))
    assert cloud.tags == {"a": {"Owner": "shop"}, "b": {"owner": "shop"}}
    assert outcome.counts == {"written": 2, "refused": 1, "drifted": 1}


# ------------------------------------------------------------------ stopping


def test_canaries_are_of_many_places_and_types_and_stop_the_run_where_one_goes_wrong(journal: Journal) -> None:
    changes = change_set(
        change(f"{region}-{type_}-{number}", OWNER, region=region, type_=type_)
        for region in ("eu-west-1", "us-east-1")
        for type_ in ("aws_instance", "aws_ebs_volume")
        for number in range(10)
    )
    cloud = MemoryCloud({one.id: {} for one in changes.changes})
    cloud.faults["us-east-1-aws_ebs_volume-0"] = ["refused"]
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=4)))
    assert set(became(outcome)) == {
        "eu-west-1-aws_instance-0",
        "eu-west-1-aws_ebs_volume-0",
        "us-east-1-aws_instance-0",
        "us-east-1-aws_ebs_volume-0",
    }
    assert outcome.how == "stopped"
    assert "one of the first 4 went wrong (reconcile.limits.canary)" in outcome.why
    assert outcome.unbegun == 36
    assert not outcome.complete


def test_canaries_that_had_drifted_prove_nothing_and_are_replaced(journal: Journal) -> None:
    cloud, changes = some(10)
    for number in range(4):
        cloud.change(f"i-00{number}", "Owner", "web")
    cloud.faults["i-005"] = ["refused"]
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=2)))
    assert outcome.how == "stopped"
    assert outcome.counts == {"drifted": 4, "written": 1, "refused": 1}


def test_as_many_canaries_are_written_as_are_asked_for(journal: Journal) -> None:
    cloud, changes = some(10)
    cloud.change("i-000", "Owner", "web")
    # Of the first two one had drifted; the one that takes its place is the second canary, and goes wrong.
    cloud.faults["i-002"] = ["refused"]
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=2)))
    assert became(outcome) == {"i-000": "drifted", "i-001": "written", "i-002": "refused"}


def test_a_run_stops_where_too_many_writes_fail(journal: Journal) -> None:
    cloud, changes = some(200)
    cloud.batch = 10
    for number in range(100, 120):
        cloud.faults[f"i-{number}"] = ["refused"]
    limits = msgspec.structs.replace(WIDE, canary=0, errors=5.0)
    outcome = apply(changes, journal, {"aws": cloud}, **given(limits))
    assert outcome.how == "stopped"
    # After the batch with the first failures 10 of 110 have failed, which is 9%.
    assert "10 of 110 writes failed, which is more than 5% (reconcile.limits.errors)" in outcome.why
    assert outcome.unbegun >= 200 - 120
    # Resumed, it goes on with what it had not begun.
    assert (
        resume(outcome.run, journal, {"aws": cloud}, **given(msgspec.structs.replace(limits, errors=100))).how == "done"
    )


def test_an_interrupted_run_ends_what_is_under_way_and_can_be_resumed(journal: Journal) -> None:
    cloud, changes = some(60)

    def interrupt(far: Progress) -> None:
        if far.done >= 20:
            raise KeyboardInterrupt

    limits = msgspec.structs.replace(WIDE, canary=0)
    with pytest.raises(KeyboardInterrupt):
        apply(changes, journal, {"aws": cloud}, **given(limits, progress=interrupt))
    run = journal.runs()[0]
    assert (run.how, run.why) == ("stopped", "it was interrupted")
    assert all(what(entry) == "written" for entry in journal.entries(run.id))
    assert resume(run.id, journal, {"aws": cloud}, **given(limits)).complete
    assert len(cloud.writes) == 60


def test_a_writer_that_fails_ends_the_run_in_the_journal_too(journal: Journal) -> None:
    cloud, changes = some(3)

    def fail() -> None:
        raise RuntimeError("a bug")

    cloud.between = fail
    with pytest.raises(RuntimeError, match="a bug"):
        apply(changes, journal, {"aws": cloud}, **given())
    assert (journal.runs()[0].how, journal.runs()[0].why) == ("failed", "costguard failed (RuntimeError)")


def test_progress_counts_what_was_done(journal: Journal) -> None:
    cloud, changes = some(45)
    seen: list[Progress] = []
    apply(changes, journal, {"aws": cloud}, **given(progress=seen.append))
    assert seen[-1] == Progress(done=45, total=45, written=45, failed=0)
    assert [one.done for one in seen] == sorted(one.done for one in seen)


# ------------------------------------------------------------------ leases


def test_a_place_that_somebody_else_holds_is_left_out(journal: Journal) -> None:
    changes = change_set([change("a", OWNER, region="eu-west-1"), change("b", OWNER, region="us-east-1")])
    cloud = MemoryCloud({"a": {}, "b": {}})
    journal.lease(f"aws/{ACCOUNT}/us-east-1", "the other job", NOW + timedelta(minutes=2), NOW)
    outcome = apply(changes, journal, {"aws": cloud}, **given())
    assert became(outcome) == {"a": "written"}
    assert (outcome.how, outcome.unbegun) == ("failed", 1)
    assert [gap.where for gap in outcome.gaps] == [f"aws/{ACCOUNT}/us-east-1"]
    assert "held by the other job until 2026-11-23 09:02:00 UTC" in outcome.gaps[0].why
    # Its own it has given back; and when the other's has run out, resuming does the rest.
    journal.lease(f"aws/{ACCOUNT}/eu-west-1", "the other job", NOW + timedelta(minutes=2), NOW)
    later = given(now=lambda: NOW + timedelta(minutes=3))
    assert resume(outcome.run, journal, {"aws": cloud}, **later).complete
    assert cloud.tags["b"] == OWNER


class Reading:
    """A cloud that is read in another way."""

    def __init__(self, cloud: MemoryCloud, read: Callable[[Sequence[Target]], Sequence[Current]]) -> None:
        self.batch, self.hindrance, self.write, self.read = cloud.batch, cloud.hindrance, cloud.write, read


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> object:
        return NOW + self.ahead


def test_a_run_whose_lease_ran_out_while_it_slept_and_was_taken_writes_nothing_more(journal: Journal) -> None:
    cloud, changes = some(60)
    clock = Clock()

    def sleep_after_the_first_batch() -> None:
        if cloud.calls == 20 and not clock.ahead:
            clock.ahead = timedelta(minutes=5)
            journal.lease(f"aws/{ACCOUNT}/eu-west-1", "the other job", NOW + timedelta(hours=1), NOW + clock.ahead)

    cloud.between = sleep_after_the_first_batch
    limits = msgspec.structs.replace(WIDE, canary=0)
    outcome = apply(changes, journal, {"aws": cloud}, **given(limits, now=clock))
    assert cloud.calls == 20
    assert outcome.how == "failed"
    assert "the other job" in outcome.gaps[0].why


def test_a_run_that_lost_its_place_while_the_intent_was_kept_does_not_send_it(journal: Journal) -> None:
    cloud, changes = some(1)
    clock = Clock()

    def lose() -> None:
        clock.ahead = timedelta(minutes=5)
        journal.lease(f"aws/{ACCOUNT}/eu-west-1", "the other", NOW + timedelta(hours=1), NOW + clock.ahead)

    slow = cast("Journal", Meanwhile(journal, "intend", lose))
    outcome = apply(changes, slow, {"aws": cloud}, **given(now=clock))
    assert cloud.calls == 0
    assert not outcome.complete


def test_what_another_process_did_until_it_gave_the_place_back_is_read_before_anything_is_decided(
    journal: Journal,
) -> None:
    cloud, changes = some(40)
    cloud.faults["i-000"] = ["refused"]
    stopped = apply(changes, journal, {"aws": cloud}, **given())
    other = cast(
        "Journal", Meanwhile(journal, "lease", lambda: resume(stopped.run, journal, {"aws": cloud}, **given()))
    )
    late = resume(stopped.run, other, {"aws": cloud}, **given())
    # Were it decided from what stood there before, they would be "already" so, and nobody could undo them.
    assert late.counts == {"written": 39, "refused": 1}
    assert undo(stopped.run, journal, {"aws": cloud}, **given()).counts == {"written": 39}


def test_a_run_that_lost_its_place_while_it_read_writes_down_nothing(journal: Journal) -> None:
    """Whoever has the place now may be resuming this very run, and then the entries are its own to write."""
    cloud = MemoryCloud({"i-1": OWNER})
    clock = Clock()

    def lose(targets: Sequence[Target]) -> Sequence[Current]:
        found = cloud.read(targets)
        clock.ahead = timedelta(minutes=5)
        journal.lease(f"aws/{ACCOUNT}/eu-west-1", "the other", NOW + timedelta(hours=1), NOW + clock.ahead)
        return found

    slow = Reading(cloud, lose)
    outcome = apply(change_set([change("i-1", OWNER)]), journal, {"aws": slow}, **given(now=clock))
    assert outcome.unbegun == 1
    assert list(journal.entries(outcome.run)) == []


def test_a_run_whose_lease_ran_out_while_it_slept_and_is_free_goes_on(journal: Journal) -> None:
    cloud, changes = some(60)
    clock = Clock()

    def sleep_after_the_first_batch() -> None:
        if cloud.calls == 20:
            clock.ahead = timedelta(minutes=5)

    cloud.between = sleep_after_the_first_batch
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0), now=clock))
    assert outcome.complete
    assert len(cloud.writes) == 60


def test_a_long_run_keeps_its_places(journal: Journal) -> None:
    """Each batch takes a minute, and a lease lasts two; somebody else asks for the place all the while."""
    cloud, changes = some(100)
    clock = Clock()
    asked: Counter[str] = Counter()

    def a_minute_later() -> None:
        if cloud.calls % 20 == 0:
            clock.ahead += timedelta(seconds=30)
            try:
                journal.lease(
                    f"aws/{ACCOUNT}/eu-west-1", "other", NOW + clock.ahead + timedelta(minutes=1), NOW + clock.ahead
                )
            except Exception as refused:  # noqa: BLE001 - counted below.
                asked[type(refused).__name__] += 1

    cloud.between = a_minute_later
    outcome = apply(changes, journal, {"aws": cloud}, **given(msgspec.structs.replace(WIDE, canary=0), now=clock))
    assert outcome.complete
    assert asked.keys() == {"Busy"}
    assert clock.ahead > timedelta(minutes=2)


# ------------------------------------------------------------------ resuming


def test_a_run_that_is_done_or_undone_is_not_resumed(journal: Journal) -> None:
    cloud, changes = some(40)
    done = apply(changes, journal, {"aws": cloud}, **given())
    with pytest.raises(UsageError, match="is done"):
        resume(done.run, journal, {"aws": cloud}, **given())
    with pytest.raises(UsageError, match="no run r-x"):
        resume("r-x", journal, {"aws": cloud}, **given())
    other, more = some(40)
    other.faults["i-000"] = ["refused"]
    stopped = apply(more, journal, {"aws": other}, **given())
    assert stopped.how == "stopped"
    undo(stopped.run, journal, {"aws": other}, **given())
    with pytest.raises(UsageError, match="was undone by run"):
        resume(stopped.run, journal, {"aws": other}, **given())


def test_resumed_after_it_expired_a_run_reads_what_was_sent_and_writes_nothing(journal: Journal) -> None:
    cloud, changes = some(3)
    cloud.batch = 1
    cloud.faults["i-000"] = ["lost after"]
    cloud.faults["i-001"] = ["lost before"]
    cloud.unread = {}
    calls = iter(range(100))

    def cut() -> None:
        # After the second call nothing can be read any more.
        if next(calls) == 0:
            cloud.unread = dict.fromkeys(cloud.tags, 0)
        if cloud.calls >= 1:
            cloud.unread = dict.fromkeys(cloud.tags, 1000)

    cloud.between = cut
    limits = msgspec.structs.replace(WIDE, canary=0)
    first = apply(changes, journal, {"aws": cloud}, **given(limits))
    assert became(first)["i-000"] == "unsettled"
    assert len(cloud.writes) == 1
    cloud.between, cloud.unread = (lambda: None), {}
    later = given(limits, now=lambda: NOW + timedelta(days=2))
    second = resume(first.run, journal, {"aws": cloud}, **later)
    assert became(second)["i-000"] == "written"
    assert len(cloud.writes) == 1
    assert second.how == "stopped"
    assert "expired" in second.why


def test_a_write_that_shows_late_is_not_sent_again_by_whoever_resumes_at_once(journal: Journal) -> None:
    cloud, changes = some(1)
    cloud.faults["i-000"] = ["lost after"]
    cloud.lag = 2

    def unreadable() -> None:
        cloud.unread = {"i-000": 1000}

    cloud.between = unreadable
    first = apply(changes, journal, {"aws": cloud}, **given())
    assert became(first) == {"i-000": "unsettled"}
    cloud.unread, cloud.between = {}, lambda: None
    assert resume(first.run, journal, {"aws": cloud}, **given()).complete
    assert cloud.calls == 1


def test_a_run_of_which_something_is_unknown_is_not_undone_before_it_was_read(journal: Journal) -> None:
    cloud, changes = some(1)
    cloud.faults["i-000"] = ["lost before"] * 9
    outcome = apply(changes, journal, {"aws": cloud}, **given())
    with pytest.raises(UsageError, match=f"1 writes of run {outcome.run} isn't known yet"):
        undo(outcome.run, journal, {"aws": cloud}, **given())
    cloud.faults.clear()
    assert resume(outcome.run, journal, {"aws": cloud}, **given()).complete
    assert undo(outcome.run, journal, {"aws": cloud}, **given()).complete


# ------------------------------------------------------------------ undoing


def test_an_undo_goes_key_by_key_and_leaves_what_was_changed_since(journal: Journal) -> None:
    cloud = MemoryCloud({"a": {"Env": "prod", "Name": "a"}}, "compare")
    changes = change_set([change("a", {"Owner": "shop", "Env": "production", "Service": "web"}, {"Env": "prod"})])
    done = apply(changes, journal, {"aws": cloud}, **given())
    cloud.change("a", "Owner", "alice")
    cloud.change("a", "Service", None)
    undone = undo(done.run, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"a": {"Owner": "alice", "Env": "prod", "Name": "a"}}
    # Env gets its value back; of the two that were added one is gone by itself, and one is alice's now.
    assert undone.counts == {"written": 1, "drifted": 1}
    drifted = next(entry for entry in undone.entries if what(entry) == "drifted")
    assert drifted.why == "Owner was 'shop' and is 'alice' now"
    assert not undone.complete


def test_an_undo_says_what_kept_others_changes_safe(journal: Journal) -> None:
    guards: tuple[Guard, ...] = ("read", "compare", "etag")
    for guard in guards:
        cloud, changes = some(1)
        cloud.guard = guard
        done = apply(changes, journal, {"aws": cloud}, **given())
        undone = undo(done.run, journal, {"aws": cloud}, **given())
        assert [entry.guard for entry in undone.entries] == [guard]
        assert cloud.tags == {"i-000": {}}


def test_what_was_so_already_is_not_undone(journal: Journal) -> None:
    cloud = MemoryCloud({"a": OWNER, "b": {}})
    changes = change_set([change("a", OWNER), change("b", OWNER)])
    done = apply(changes, journal, {"aws": cloud}, **given())
    assert became(done) == {"a": "already", "b": "written"}
    undo(done.run, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"a": OWNER, "b": {}}


def test_resuming_an_undo_ends_it(journal: Journal) -> None:
    cloud, changes = some(40)
    done = apply(changes, journal, {"aws": cloud}, **given())
    cloud.faults = {"i-039": ["refused"]}  # The latest is undone first, so this is a canary.
    first = undo(done.run, journal, {"aws": cloud}, **given())
    assert (first.how, first.unbegun) == ("stopped", 40 - len(first.entries))
    second = resume(first.run, journal, {"aws": cloud}, **given())
    assert second.how == "done"
    assert second.counts == {"written": 39, "refused": 1}
    assert {id_: own for id_, own in cloud.tags.items() if own} == {"i-039": OWNER}


# ------------------------------------------------------------------ the ladder


def test_a_quarantine_is_a_tag_and_keeps_how_far_it_climbed(journal: Journal) -> None:
    cloud = MemoryCloud({"a": {}, "b": {"Owner": "shop"}})
    changes = change_set(steps=[step("a", "quarantine"), step("b", "quarantine")])
    journal.flag([Flag(id="a", first=NOW.date(), last=NOW.date(), climbed={"notify": NOW.date()})])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER))
    assert became(outcome) == {"a": "written", "b": "drifted"}
    assert cloud.tags == {"a": {"costguard-quarantine": "2026-11-23"}, "b": {"Owner": "shop"}}
    assert journal.flags() == {
        "a": Flag(id="a", first=NOW.date(), last=NOW.date(), climbed={"notify": NOW.date(), "quarantine": NOW.date()})
    }


POWERED: Mapping[str, tuple[str, list[Fault], What, list[str]]] = {
    # the state of the instance, what becomes of the calls → what becomes of it, and what was done
    "there": ("there", [], "written", ["stop"]),
    "stopped already": ("stopped", [], "already", []),
    "in use": ("busy", [], "busy", []),
    "nobody knows": ("it can't be read", [], "unread", []),
    "gone": ("gone", [], "gone", []),
    "refused": ("there", ["refused"], "refused", []),
    "throttled": ("there", ["again"], "written", ["stop"]),
    "answer lost after the effect": ("there", ["lost after"], "written", ["stop"]),
    "answer lost before the effect": ("there", ["lost before"], "written", ["stop"]),
}


@pytest.mark.parametrize(("state", "faults", "becomes", "done"), POWERED.values(), ids=POWERED)
def test_what_a_machine_is_doing_decides_whether_it_is_stopped(
    journal: Journal, state: str, faults: list[Fault], becomes: What, done: list[str]
) -> None:
    in_quarantine(journal, "a")
    cloud, power = MemoryCloud({"a": {}}), MemoryPower({"a": state})
    power.faults = list(faults)
    changes = change_set(steps=[step("a", "stop")])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert became(outcome) == {"a": becomes}
    assert [verb for verb, _ in power.done] == done
    assert ("stop" in journal.flags().get("a", Flag(id="a", first=NOW.date(), last=NOW.date())).climbed) == (
        becomes in ("written", "already")
    )


SNAPSHOTS: Mapping[str, tuple[list[Fault], list[str]]] = {
    "all is well": ([], ["snapshot", "terminate"]),
    "no snapshot, no end": (["refused"], []),
    "a snapshot whose answer was lost": (["lost after"], ["snapshot", "terminate"]),
}


@pytest.mark.parametrize(("faults", "done"), SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_nothing_ends_without_its_snapshot(journal: Journal, faults: list[Fault], done: list[str]) -> None:
    in_quarantine(journal, "a")
    cloud, power = MemoryCloud({"a": {}}), MemoryPower({"a": "there"})
    power.faults = list(faults)
    changes = change_set(steps=[step("a", "terminate", snapshot=True, type_="aws_ebs_volume")])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert [verb for verb, _ in power.done] == done
    assert outcome.complete == bool(done)
    if done:
        undone = undo(outcome.run, journal, {"aws": cloud}, **given())
        assert undone.counts == {"irreversible": 1}
        assert not undone.complete


def test_somebody_who_tags_it_in_the_last_moment_keeps_it(journal: Journal) -> None:
    in_quarantine(journal, "a")
    cloud, power = MemoryCloud({"a": OWNER}), MemoryPower({"a": "there"})
    changes = change_set(steps=[step("a", "terminate", snapshot=True)])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert power.done == []
    assert outcome.entries[0].why == "Owner was not there and is 'shop' now"


@pytest.mark.parametrize(
    ("ladder", "steps", "caps"),
    [
        pytest.param(
            LADDER,
            [step(f"i-{number}", "terminate") for number in range(3)],
            [Held(limit="ladder.terminate", of="rung terminate", most=2, held=1)],
            id="more than the default",
        ),
        pytest.param(
            LADDER,
            [step(f"i-{number}", "stop") for number in range(6)],
            [Held(limit="ladder.stop", of="rung stop", most=5, held=1)],
            id="more than the default, to stop",
        ),
        pytest.param(
            LADDER,
            [step("i-1", "remind")],
            [
                Held(limit="ladder.remind", of="accounts and types that no entry names", most=0, held=1),
                Held(limit="ladder.remind", of="rung remind", most=0, held=1),
            ],
            id="a rung that isn't there any more",
        ),
        pytest.param(
            LadderDoc(rungs=[RungDoc(rung="stop", after=0, accounts=["*"], types=["aws_instance"])]),
            [step("i-1", "stop")],
            [Held(limit="ladder.stop", of="accounts and types that no entry names", most=0, held=1)],
            id="no patterns for what does harm",
        ),
    ],
)
def test_steps_that_the_ladder_does_not_allow_are_not_begun(
    journal: Journal, ladder: LadderDoc, steps: list[Step], caps: list[Held]
) -> None:
    in_quarantine(journal, *(one.id for one in steps))
    power = MemoryPower({one.id: "there" for one in steps})
    outcome = apply(
        change_set(steps=steps),
        journal,
        {"aws": MemoryCloud({one.id: {} for one in steps})},
        **given(ladder=ladder, powers={"aws": power}),
    )
    assert list(outcome.caps) == caps
    assert power.done == []


def test_notices_are_given_to_who_delivers_them_and_again_only_where_they_were_not(journal: Journal) -> None:
    given_out: list[list[str]] = []
    answers: Callable[[Step], Answer] = lambda one: Answer("again" if one.id == "b" and len(given_out) == 1 else "done")  # noqa: E731

    def notices(steps: Sequence[Step]) -> Sequence[Answer]:
        given_out.append([one.id for one in steps])
        return [answers(one) for one in steps]

    cloud = MemoryCloud({"a": {}, "b": {}})
    changes = change_set(steps=[step("a", "notify"), step("b", "notify")])
    settings = given(ladder=LADDER, notices=notices)
    first = apply(changes, journal, {"aws": cloud}, **settings)
    assert became(first) == {"a": "written", "b": "postponed"}
    assert set(journal.flags()) == {"a"}
    second = resume(first.run, journal, {"aws": cloud}, **settings)
    assert second.complete
    assert given_out == [["a", "b"], ["b"]]
    assert set(journal.flags()) == {"a", "b"}


def test_steps_without_anybody_to_do_them_are_left(journal: Journal) -> None:
    in_quarantine(journal, "a")
    cloud = MemoryCloud({"a": {}})
    changes = change_set(steps=[step("a", "notify"), step("a", "stop")])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER))
    assert outcome.unbegun == 2
    assert not outcome.complete


def test_two_that_resume_one_run_at_once_do_nothing_twice(journal: Journal) -> None:
    cloud, changes = some(40)
    cloud.faults["i-000"] = ["refused"]
    stopped = apply(changes, journal, {"aws": cloud}, **given())
    assert stopped.unbegun == 35
    outcomes: list[Outcome] = []

    def again() -> None:
        with suppress(UsageError):  # The other one may have ended it by then.
            outcomes.append(resume(stopped.run, journal, {"aws": cloud}, **given()))

    threads = [threading.Thread(target=again) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(outcome.counts["written"] == 39 for outcome in outcomes)
    assert len(cloud.writes) == 39
