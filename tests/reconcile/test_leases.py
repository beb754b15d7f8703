"""A place is one run's at a time: what a run does that was asleep, that is interrupted twice, or that is resumed while
it is at work."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec
import pytest

from costguard.clouds.pace import Pacer, Stopped
from costguard.clouds.writing import Answer, Current, Edit, Target
from costguard.errors import JournalError
from costguard.model.change import Rung, Step
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Busy, Journal
from costguard.reconcile.run import What
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
from tests.servers.memory import MemoryCloud, MemoryPower

OWNER = {"Owner": "shop"}
PLACE = f"aws/{ACCOUNT}/eu-west-1"
AT_ONCE = msgspec.structs.replace(WIDE, canary=0)


class Asleep(MemoryCloud):
    """Somebody who has just read is asleep, and others write then."""

    def __init__(self) -> None:
        super().__init__({"i-1": {}})
        self.now = NOW

    def sleep(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)
        self.change("i-1", "Owner", "theirs")
        time.sleep(0.5)  # Whatever renews leases does it now.


def test_whoever_slept_beyond_its_lease_reads_again_although_nobody_has_taken_the_place(journal: Journal) -> None:
    cloud, minutes = Asleep(), [5.0]
    read = cloud.read

    def read_and_sleep(targets: Sequence[Target]) -> Sequence[Current]:
        found = read(targets)
        if minutes:
            cloud.sleep(minutes.pop())
        return found

    cloud.read = read_and_sleep  # type: ignore[method-assign]
    changes = change_set([change("i-1", OWNER)])
    outcome = apply(changes, journal, {"aws": cloud}, **given(AT_ONCE, now=lambda: cloud.now))
    assert became(outcome) == {"i-1": "drifted"}
    assert cloud.tags == {"i-1": {"Owner": "theirs"}}
    assert cloud.calls == 0


@pytest.mark.parametrize(
    ("minutes", "becomes"), [(1, "drifted"), (5, "unsettled")], ids=["within the lease", "beyond the lease"]
)
def test_whoever_slept_while_the_intent_was_kept_sends_nothing_before_it_has_read_again(
    journal: Journal, minutes: float, becomes: What
) -> None:
    cloud = Asleep()
    slow = cast(Journal, Meanwhile(journal, "intend", lambda: cloud.sleep(minutes)))
    changes = change_set([change("i-1", OWNER)])
    settings = given(AT_ONCE, now=lambda: cloud.now)
    outcome = apply(changes, slow, {"aws": cloud}, **settings)
    assert became(outcome) == {"i-1": becomes}
    if not outcome.complete and becomes == "unsettled":
        assert became(resume(outcome.run, journal, {"aws": cloud}, **settings)) == {"i-1": "drifted"}
    assert cloud.tags == {"i-1": {"Owner": "theirs"}}
    assert cloud.calls == 0


class Queued(MemoryCloud):
    """Sends what is in a batch one after the other, like the real writers: each waits for its turn, and is only sent
    while whoever sends it may."""

    def __init__(self, count: int, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__({f"i-{number:02}": {} for number in range(count)})
        self.now = NOW
        self.refused = 0
        self.seconds = seconds
        self._meanwhile = meanwhile
        self._pacer = Pacer()

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        return [self._send(edit) for edit in edits]

    def _send(self, edit: Edit) -> Answer:
        self._meanwhile()
        self.now += timedelta(seconds=self.seconds)
        try:
            self._pacer.check()
        except Stopped:
            self.refused += 1
            return Answer("again", "it may not be sent any more")
        return super().write([edit])[0]


def test_of_a_batch_nothing_is_sent_after_a_lease_that_can_not_be_renewed(journal: Journal) -> None:
    """A lease is of two minutes, of which the last half minute is left for clocks that differ."""
    broken: list[bool] = []

    class Away:
        """A journal that is away, for leases, as soon as the first one was taken."""

        def __getattr__(self, name: str) -> object:
            return getattr(journal, name)

        def lease(self, place: str, holder: str, until: datetime, now: datetime) -> None:
            if broken:
                raise JournalError("the journal is away")
            journal.lease(place, holder, until, now)

    cloud = Queued(20, 10, lambda: broken.append(True))
    changes = change_set([change(id_, OWNER) for id_ in cloud.tags])
    settings = given(AT_ONCE, now=lambda: cloud.now)
    outcome = apply(changes, cast(Journal, Away()), {"aws": cloud}, **settings)
    assert not outcome.complete
    assert "the journal is away" in outcome.why
    # After 10, 20, … 80 seconds; after 90 begins the half minute.
    assert (len(cloud.writes), cloud.refused) == (8, 12)
    broken.clear()
    cloud.now += timedelta(minutes=5)
    cloud.seconds = 0
    assert resume(outcome.run, journal, {"aws": cloud}, **settings).complete
    assert len(cloud.writes) == 20


def test_of_a_batch_nothing_is_sent_after_the_change_set_has_expired(journal: Journal) -> None:
    cloud = Queued(20, 5)
    changes = change_set([change(id_, OWNER) for id_ in cloud.tags], life=timedelta(seconds=12))
    outcome = apply(changes, journal, {"aws": cloud}, **given(AT_ONCE, now=lambda: cloud.now))
    assert (len(cloud.writes), cloud.refused) == (2, 18)
    assert outcome.how == "stopped"
    assert outcome.counts == {"written": 2, "postponed": 18}


def test_a_long_batch_keeps_its_place(journal: Journal) -> None:
    """It is four times as long as a lease; another run asks for the place all the while."""
    refused: list[str] = []

    def another() -> None:
        time.sleep(0.3)  # Leases are looked at more often than that.
        until = cloud.now + timedelta(minutes=2)
        try:
            journal.lease(PLACE, "another", until, cloud.now)
        except Busy as busy:
            refused.append(str(busy))

    cloud = Queued(6, 80, another)
    changes = change_set([change(id_, OWNER) for id_ in cloud.tags])
    outcome = apply(changes, journal, {"aws": cloud}, **given(AT_ONCE, now=lambda: cloud.now))
    assert outcome.complete
    assert (len(cloud.writes), cloud.refused, len(refused)) == (6, 0, 6)


@pytest.mark.parametrize("rung", ["stop", "terminate"])
def test_nothing_is_stopped_or_terminated_by_a_call_that_waited_beyond_its_lease(journal: Journal, rung: Rung) -> None:
    in_quarantine(journal, "i-1")
    pacer, now = Pacer(), [NOW]

    class Slow(MemoryPower):
        """Waits for five minutes before it does anything, for its turn."""

        def _act(self, target: Target, verb: str, effect: Callable[[], object], token: str = "") -> Answer:
            now[0] += timedelta(minutes=5)
            try:
                pacer.check()
            except Stopped:
                return Answer("again", "it may not be sent any more")
            return super()._act(target, verb, effect, token)

    cloud, power = MemoryCloud({"i-1": {}}), Slow({"i-1": "there"})
    settings = given(ladder=LADDER, powers={"aws": power}, now=lambda: now[0])
    outcome = apply(change_set(steps=[step("i-1", rung)]), journal, {"aws": cloud}, **settings)
    assert power.done == []
    assert became(outcome) == {"i-1": "postponed"}


def test_a_long_call_keeps_its_place_while_nothing_else_goes_on(journal: Journal) -> None:
    """A stop that waits for two and a half minutes for its turn."""
    in_quarantine(journal, "i-1")
    pacer, now = Pacer(), [NOW]

    class Slow(MemoryPower):
        def stop(self, target: Target) -> Answer:
            for _ in range(3):
                now[0] += timedelta(seconds=50)
                time.sleep(0.4)  # Leases are looked at more often than that.
            pacer.check()
            return super().stop(target)

    cloud, power = MemoryCloud({"i-1": {}}), Slow({"i-1": "there"})
    settings = given(ladder=LADDER, powers={"aws": power}, now=lambda: now[0])
    assert apply(change_set(steps=[step("i-1", "stop")]), journal, {"aws": cloud}, **settings).complete
    assert power.done == [("stop", "i-1")]


def test_after_two_interrupts_the_leases_run_out_by_themselves(journal: Journal) -> None:
    """A call may be under way that nobody waits for any more: whoever got the place now would write beside it."""
    ids = [f"i-{number:02}" for number in range(20)]
    cloud = MemoryCloud({id_: {} for id_ in ids})
    due = [3, 6]

    def interrupt() -> None:
        time.sleep(0.05)
        if due and cloud.calls == due[0]:
            due.pop(0)
            os.kill(os.getpid(), signal.SIGINT)

    cloud.between = interrupt
    with pytest.raises(KeyboardInterrupt):
        apply(change_set([change(id_, OWNER) for id_ in ids]), journal, {"aws": cloud}, **given(AT_ONCE))
    (run,) = journal.runs()
    assert run.ended is None
    with pytest.raises(Exception, match=f"held by run {run.id}"):
        journal.lease(PLACE, "another", NOW + timedelta(minutes=2), NOW)
    while cloud.calls < 20:  # The batch that was under way.
        time.sleep(0.05)


def test_a_run_that_is_resumed_while_it_is_at_work_is_not_ended_by_that(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}, "i-2": {}})
    told: list[list[str]] = []
    resumed: list[tuple[int, object]] = []

    def notices(steps: Sequence[Step]) -> Sequence[Answer]:
        told.append([one.id for one in steps])
        return [Answer("done") for _ in steps]

    settings = given(ladder=LADDER, notices=notices)

    def meanwhile() -> None:
        if not resumed:
            (run,) = journal.runs()
            other = resume(run.id, journal, {"aws": MemoryCloud({"i-1": {}, "i-2": {}})}, **settings)
            found = journal.run(run.id)
            assert found is not None
            resumed.append((len(told), found.ended))
            assert not other.complete

    cloud.between = meanwhile
    changes = change_set([change("i-1", OWNER)], steps=[step("i-2", "notify")])
    outcome = apply(changes, journal, {"aws": cloud}, **settings)
    assert resumed == [(0, None)], "without the lease nobody is told, and the run goes on"
    assert outcome.complete
    assert told == [["i-2"]]
    assert cloud.calls == 1


def test_nobody_is_told_after_the_change_set_has_expired(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}})
    told: list[int] = []

    def unreachable(steps: Sequence[Step]) -> Sequence[Answer]:
        return [Answer("again", "the mail server is away") for _ in steps]

    def notices(steps: Sequence[Step]) -> Sequence[Answer]:
        told.append(len(steps))
        return [Answer("done") for _ in steps]

    changes = change_set(steps=[step("i-1", "notify")])
    first = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, notices=unreachable))
    late = given(ladder=LADDER, notices=notices, now=lambda: changes.expires + timedelta(minutes=1))
    assert not resume(first.run, journal, {"aws": cloud}, **late).complete
    assert told == []
    assert journal.flags() == {}, "nothing has climbed"


def test_a_snapshot_of_an_earlier_attempt_is_none_of_what_was_written_since(journal: Journal) -> None:
    in_quarantine(journal, "v-1")
    cloud, power = MemoryCloud({"v-1": {}}), MemoryPower({"v-1": "there"})
    changes = change_set(
        steps=[step("v-1", "terminate", snapshot=True, type_="aws_ebs_volume")], life=timedelta(days=7)
    )
    terminate = power.terminate
    power.terminate = lambda target: Answer("again", "too many requests")  # type: ignore[method-assign]  # noqa: ARG005
    first = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert not first.complete
    assert [verb for verb, _ in power.done] == ["snapshot"]
    power.terminate = terminate  # type: ignore[method-assign]
    # A Wednesday, two days later.
    settings = given(ladder=LADDER, powers={"aws": power}, now=lambda: NOW + timedelta(days=2))
    assert resume(first.run, journal, {"aws": cloud}, **settings).complete
    assert [verb for verb, _ in power.done] == ["snapshot", "snapshot", "terminate"]
