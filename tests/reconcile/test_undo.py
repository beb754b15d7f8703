"""What an undo may take back: only what its run wrote, once, and never both of two keys of which one takes the
other's place."""

from datetime import timedelta

import msgspec
import pytest

from costguard.errors import UsageError
from costguard.model.change import ChangeSet
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.undo import rehearse_undo, undo
from tests.reconcile.build import ACCOUNT, NOW, WIDE, became, change, change_set, given
from tests.servers.memory import MemoryCloud

OWNER = {"Owner": "shop"}
AT_ONCE = msgspec.structs.replace(WIDE, canary=0)


def renamed(*ids: str) -> ChangeSet:
    """``owner`` becomes ``Owner``."""
    return change_set([change(id_, {"Owner": "shop", "owner": None}, {"owner": "shop"}) for id_ in ids])


def test_the_new_key_stays_where_the_old_one_is_refused(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"owner": "shop"}})
    done = apply(renamed("i-1"), journal, {"aws": cloud}, **given(AT_ONCE))
    assert cloud.tags == {"i-1": OWNER}
    cloud.faults["i-1"] = ["refused"]
    undone = undo(done.run, journal, {"aws": cloud}, **given(AT_ONCE))
    assert cloud.tags == {"i-1": OWNER}
    assert undone.counts == {"refused": 1, "drifted": 1}
    assert not undone.complete


def test_the_new_key_stays_where_there_is_no_room_for_the_old_one(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"owner": "shop", **{f"key-{number}": "x" for number in range(48)}}})
    done = apply(renamed("i-1"), journal, {"aws": cloud}, **given())
    cloud.change("i-1", "the fiftieth", "hers")
    undone = undo(done.run, journal, {"aws": cloud}, **given())
    assert "owner" not in cloud.tags["i-1"]
    assert cloud.tags["i-1"]["Owner"] == "shop"
    assert undone.counts == {"full": 1, "drifted": 1}


def test_the_new_key_stays_until_the_old_one_is_back(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"owner": "shop"}, "i-2": {"owner": "shop"}})
    done = apply(renamed("i-1", "i-2"), journal, {"aws": cloud}, **given(AT_ONCE))
    cloud.faults["i-1"] = ["again"] * 4
    undone = undo(done.run, journal, {"aws": cloud}, **given(AT_ONCE))
    assert cloud.tags == {"i-1": OWNER, "i-2": {"owner": "shop"}}
    assert not undone.complete
    assert resume(undone.run, journal, {"aws": cloud}, **given(AT_ONCE)).complete
    assert cloud.tags == {"i-1": {"owner": "shop"}, "i-2": {"owner": "shop"}}


def test_a_run_is_undone_once(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}})
    changes = change_set([change("i-1", OWNER)])
    first = apply(changes, journal, {"aws": cloud}, **given())
    undoing = undo(first.run, journal, {"aws": cloud}, **given())
    later = apply(changes, journal, {"aws": cloud}, **given(now=lambda: NOW + timedelta(hours=1)))
    assert later.complete
    with pytest.raises(UsageError, match=f"undone by run {undoing.run} already"):
        undo(first.run, journal, {"aws": cloud}, **given(now=lambda: NOW + timedelta(hours=2)))
    with pytest.raises(UsageError, match="already"):
        rehearse_undo(first.run, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"i-1": OWNER}, "what the later run wrote is the later run's"


def test_what_an_undo_was_refused_may_be_undone_by_another(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}, "i-2": {}})
    done = apply(change_set([change("i-1", OWNER), change("i-2", OWNER)]), journal, {"aws": cloud}, **given(AT_ONCE))
    cloud.faults["i-1"] = ["refused"]
    undo(done.run, journal, {"aws": cloud}, **given(AT_ONCE))
    assert cloud.tags == {"i-1": OWNER, "i-2": {}}
    calls = cloud.calls
    assert became(undo(done.run, journal, {"aws": cloud}, **given(AT_ONCE))) == {"i-1": "written"}
    assert cloud.tags == {"i-1": {}, "i-2": {}}
    assert cloud.calls == calls + 1


def test_while_an_undo_is_not_at_its_end_there_is_no_other(journal: Journal) -> None:
    cloud = MemoryCloud({f"i-{number}": {} for number in range(8)})
    done = apply(change_set([change(id_, OWNER) for id_ in cloud.tags]), journal, {"aws": cloud}, **given(AT_ONCE))
    cloud.faults["i-7"] = ["refused"]  # The latest is the first canary.
    first = undo(done.run, journal, {"aws": cloud}, **given())
    assert first.how == "stopped"
    with pytest.raises(UsageError, match=f"run {first.run} is undoing run {done.run} and isn't at its end"):
        undo(done.run, journal, {"aws": cloud}, **given())
    assert [run.id for run in journal.runs() if run.of] == [first.run]


def test_an_undo_that_was_undone_leaves_the_run_to_be_undone_again(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}})
    done = apply(change_set([change("i-1", OWNER)]), journal, {"aws": cloud}, **given())
    back = undo(undo(done.run, journal, {"aws": cloud}, **given()).run, journal, {"aws": cloud}, **given())
    assert back.complete
    assert cloud.tags == {"i-1": OWNER}
    assert undo(done.run, journal, {"aws": cloud}, **given()).complete
    assert cloud.tags == {"i-1": {}}


def test_what_a_later_run_wrote_again_is_left(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}, "i-2": {}})
    changes = change_set([change("i-1", OWNER), change("i-2", OWNER)])
    first = apply(changes, journal, {"aws": cloud}, **given())
    cloud.change("i-1", "Owner", None)
    again = apply(changes, journal, {"aws": cloud}, **given(now=lambda: NOW + timedelta(hours=1)))
    assert became(again) == {"i-1": "written", "i-2": "already"}
    undone = undo(first.run, journal, {"aws": cloud}, **given(now=lambda: NOW + timedelta(hours=2)))
    assert became(undone) == {"i-1": "drifted", "i-2": "written"}
    assert again.run in next(entry.why for entry in undone.entries if entry.target.id == "i-1")
    assert cloud.tags == {"i-1": OWNER, "i-2": {}}


def test_a_run_that_is_at_work_is_not_undone(journal: Journal) -> None:
    ids = [f"i-{number}" for number in range(4)]
    cloud = MemoryCloud({id_: {} for id_ in ids}, batch=1)
    refused: list[str] = []

    def meanwhile() -> None:
        if cloud.calls == 2 and not refused:
            (run,) = journal.runs()
            with pytest.raises(UsageError) as raised:
                undo(run.id, journal, {"aws": cloud}, **given())
            refused.append(str(raised.value))

    cloud.between = meanwhile
    done = apply(change_set([change(id_, OWNER) for id_ in ids]), journal, {"aws": cloud}, **given())
    assert "is under way" in refused[0]
    assert done.complete
    assert cloud.tags == dict.fromkeys(ids, OWNER)
    assert undo(done.run, journal, {"aws": cloud}, **given()).complete


def test_a_refused_undo_keeps_nobody_out(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}})
    done = apply(change_set([change("i-1", OWNER)]), journal, {"aws": cloud}, **given())
    undo(done.run, journal, {"aws": cloud}, **given())
    with pytest.raises(UsageError):
        undo(done.run, journal, {"aws": cloud}, **given())
    journal.lease(f"aws/{ACCOUNT}/eu-west-1", "somebody else", NOW + timedelta(minutes=2), NOW)
