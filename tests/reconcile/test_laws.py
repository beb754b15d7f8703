"""What holds of every change set, every cloud and everything that others do meanwhile.

The clouds are in memory, with each of the guards that real ones have, and the journal is a real SQLite file.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.writing import Guard
from costguard.errors import InputError
from costguard.model.change import Change, ChangeSet
from costguard.model.change import read as read_changes
from costguard.model.change import written as file_of
from costguard.reconcile.apply import apply, rehearse, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.journal.sql import open_journal
from costguard.reconcile.run import Outcome, Settings, what
from costguard.reconcile.undo import rehearse_undo, undo
from tests.reconcile.build import NOW, WIDE, change, change_set
from tests.servers.memory import Fault, MemoryCloud

Tags = Mapping[str, Mapping[str, str]]

LAWS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SETTINGS: Settings = {
    "limits": msgspec.structs.replace(WIDE, canary=1, errors=100),
    "now": lambda: NOW,
    "workers": 1,  # So that what happens between two calls happens in the same order each time.
    "sleep": lambda _: None,
}
_ROOM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of the test's own is made in it.
"""Thousands of commits would wait for a disk, and no law here is about that."""
_KEYS = ("Owner", "Service", "owner", "Name")
_TEXTS = st.sampled_from(["shop", "web", "", "x", "ü 1"])
_GUARDS: st.SearchStrategy[Guard] = st.sampled_from(["read", "compare", "etag"])


@contextmanager
def _journal() -> Iterator[Journal]:
    with (
        tempfile.TemporaryDirectory(dir=_ROOM) as folder,
        closing(open_journal(f"sqlite:///{folder}/journal.db")) as journal,
    ):
        yield journal


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Tags, ChangeSet]:
    """A cloud, and a change set that was planned for it just now."""
    ids = [f"i-{number}" for number in range(draw(st.integers(1, 6)))]
    cloud = {id_: draw(st.dictionaries(st.sampled_from(_KEYS), _TEXTS, max_size=3)) for id_ in ids}
    changes: list[Change] = []
    for id_ in draw(st.lists(st.sampled_from(ids), unique=True)):
        own = cloud[id_]
        after: dict[str, str | None] = {}
        for key in draw(st.lists(st.sampled_from(_KEYS), min_size=1, max_size=3, unique=True)):
            after[key] = draw(_TEXTS | st.none())
        # Adding, overwriting, taking away; nothing is planned that is so already.
        after = {key: text for key, text in after.items() if text != own.get(key)}
        if after:
            region = draw(st.sampled_from(["eu-west-1", "us-east-1"]))
            type_ = draw(st.sampled_from(["aws_instance", "aws_ebs_volume"]))
            before = {key: own.get(key) for key in after}
            changes.append(change(id_, after, before, region=region, type_=type_))
    return cloud, change_set(changes)


_FAULTS: st.SearchStrategy[dict[str, list[Fault]]] = st.dictionaries(
    st.sampled_from([f"i-{number}" for number in range(6)]),
    st.lists(st.sampled_from(["again", "lost before", "lost after", "conflict"]), max_size=3),
)


def _applied(before: Tags, changes: ChangeSet) -> dict[str, dict[str, str]]:
    """What the change set makes of a cloud in which nobody else does anything."""
    found = {id_: dict(own) for id_, own in before.items()}
    for one in changes.changes:
        for value in one.values:
            if value.after is None:
                del found[one.id][value.key]
            else:
                found[one.id][value.key] = value.after
    return found


@LAWS
@given(_cases(), _GUARDS, st.integers(0, 3))
def test_applying_does_what_the_change_set_says_and_doing_it_twice_changes_nothing(
    case: tuple[Tags, ChangeSet], guard: Guard, lag: int
) -> None:
    before, changes = case
    cloud = MemoryCloud(before, guard)
    many: Settings = {**SETTINGS, "workers": 4}
    cloud.lag = lag  # The cloud shows writes late; nothing is sent again for it.
    with _journal() as journal:
        first = apply(changes, journal, {"aws": cloud}, **many)
        assert first.complete
        assert cloud.tags == _applied(before, changes)
        sent = len(cloud.writes)
        assert sent == sum(len(one.values) for one in changes.changes)
        second = apply(changes, journal, {"aws": cloud}, **SETTINGS)
    assert second.complete
    assert len(cloud.writes) == sent
    assert second.counts.keys() <= {"already"}


@LAWS
@given(_cases(), _GUARDS)
def test_a_rehearsal_says_what_applying_then_does_and_writes_nothing(
    case: tuple[Tags, ChangeSet], guard: Guard
) -> None:
    before, changes = case
    cloud = MemoryCloud(before, guard)
    foreseen = rehearse(changes, {"aws": cloud}, **SETTINGS)
    assert cloud.tags == before
    assert cloud.calls == 0
    with _journal() as journal:
        done = apply(changes, journal, {"aws": cloud}, **SETTINGS)
        assert done.counts == foreseen.counts
        if done.run:
            tags, calls = {id_: dict(own) for id_, own in cloud.tags.items()}, cloud.calls
            undoing = rehearse_undo(done.run, journal, {"aws": cloud}, **SETTINGS)
            assert (cloud.tags, cloud.calls) == (tags, calls)
            assert undoing.counts == undo(done.run, journal, {"aws": cloud}, **SETTINGS).counts


@LAWS
@given(_cases(), _GUARDS, _FAULTS)
def test_undoing_what_was_applied_leaves_what_was_there_also_when_calls_fail(
    case: tuple[Tags, ChangeSet], guard: Guard, faults: dict[str, list[Fault]]
) -> None:
    before, changes = case
    cloud = MemoryCloud(before, guard)
    cloud.faults = faults
    with _journal() as journal:
        done = apply(changes, journal, {"aws": cloud}, **SETTINGS)
        _resumed(done, journal, cloud)
        assert cloud.tags == _applied(before, changes)
        assert len(cloud.writes) == sum(len(one.values) for one in changes.changes)  # Each exactly once.
        if not done.run:
            return
        undone = undo(done.run, journal, {"aws": cloud}, **SETTINGS)
        _resumed(undone, journal, cloud)
        assert cloud.tags == before
        # The undo is a run like others: undoing it brings all back.
        undo(undone.run, journal, {"aws": cloud}, **SETTINGS)
        assert cloud.tags == _applied(before, changes)


def _resumed(outcome: Outcome, journal: Journal, cloud: MemoryCloud) -> None:
    """Resumes a run until it is done."""
    for _ in range(10):
        if outcome.how in (None, "done"):
            assert outcome.complete
            return
        outcome = resume(outcome.run, journal, {"aws": cloud}, **SETTINGS)
    raise AssertionError(f"it never ended: {outcome.why}")


class Colleague:
    """Somebody who writes whenever it is their turn, and remembers what they wrote last."""

    def __init__(self, cloud: MemoryCloud, turns: list[tuple[int, str, str, str | None]]) -> None:
        self._cloud = cloud
        self._turns = turns
        self._clock = 0
        self.wrote: dict[tuple[str, str], str | None] = {}

    def __call__(self) -> None:
        for at, id_, key, text in self._turns:
            if at == self._clock and id_ in self._cloud.tags:
                self._cloud.change(id_, key, text)
                self.wrote[id_, key] = text
        self._clock += 1


_TURNS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from([f"i-{number}" for number in range(6)]),
        st.sampled_from(_KEYS),
        st.sampled_from(["theirs", "hers"]) | st.none(),
    ),
    max_size=8,
)


@LAWS
@given(_cases(), _TURNS, st.booleans())
def test_what_somebody_else_writes_meanwhile_is_never_lost(
    case: tuple[Tags, ChangeSet], turns: list[tuple[int, str, str, str | None]], undoing: bool
) -> None:
    """With etags no interleaving loses anything: a value that they wrote is there, or they wrote it before the change
    set's own precondition held again."""
    before, changes = case
    cloud = MemoryCloud(before, "etag", batch=1)
    with _journal() as journal:
        colleague = Colleague(cloud, turns)
        if not undoing:
            cloud.between = colleague
        done = apply(changes, journal, {"aws": cloud}, **SETTINGS)
        if undoing and done.run:
            cloud.between = colleague
            undo(done.run, journal, {"aws": cloud}, **SETTINGS)
    ours = {(one.id, value.key): value for one in changes.changes for value in one.values}
    for (id_, key), text in colleague.wrote.items():
        value = ours.get((id_, key))
        there = cloud.tags[id_].get(key)
        if there == text:
            continue
        # Only where they had put it as it was planned for (or, undoing, as it was written) may it be written over.
        assert value is not None
        expected = value.after if undoing else value.before
        assert text == expected, f"{key} of {id_}: they wrote {text!r}, and there is {there!r}"


@LAWS
@given(_cases(), _GUARDS, _TURNS, _FAULTS)
def test_nothing_outside_of_the_change_set_is_touched(
    case: tuple[Tags, ChangeSet],
    guard: Guard,
    turns: list[tuple[int, str, str, str | None]],
    faults: dict[str, list[Fault]],
) -> None:
    before, changes = case
    cloud = MemoryCloud(before, guard)
    cloud.faults = faults
    cloud.between = Colleague(cloud, turns)
    with _journal() as journal:
        done = apply(changes, journal, {"aws": cloud}, **SETTINGS)
        named = {(one.id, value.key): {value.after} for one in changes.changes for value in one.values}
        assert all(one.after in named.get((one.id, one.key), ()) for one in cloud.writes)
        if done.run and not any(what(entry) == "unsettled" for entry in journal.entries(done.run)):
            written = len(cloud.writes)
            undo(done.run, journal, {"aws": cloud}, **SETTINGS)
            firsts = {(one.id, value.key): {value.before} for one in changes.changes for value in one.values}
            assert all(one.after in firsts.get((one.id, one.key), ()) for one in cloud.writes[written:])


@LAWS
@given(_cases(), st.integers(-10, 60 * 30))
def test_a_change_set_is_applied_only_in_its_time(case: tuple[Tags, ChangeSet], minutes: int) -> None:
    before, changes = case
    cloud = MemoryCloud(before)
    moment = NOW + timedelta(minutes=minutes)
    then: Settings = {**SETTINGS, "now": lambda: moment}
    fits = -5 <= minutes < 24 * 60
    with _journal() as journal:
        try:
            apply(changes, journal, {"aws": cloud}, **then)
        except InputError:
            assert not fits
            assert cloud.tags == before
            assert not journal.runs()
        else:
            assert fits


@LAWS
@given(_cases(), st.data())
def test_a_change_set_that_was_changed_is_refused(case: tuple[Tags, ChangeSet], data: st.DataObject) -> None:
    raw = file_of(case[1])
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + data.draw(st.binary(min_size=1, max_size=3)) + raw[place + 1 :]
    try:
        accepted = read_changes(changed, "changes.json")
    except InputError:
        return
    assert accepted == case[1]  # Another spelling of the same.
