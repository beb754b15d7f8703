"""What keeps a change set, or what is left of one, from being applied: today's limits and today's ladder."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
import pytest

from costguard.clouds.writing import Answer
from costguard.config import LadderDoc, LimitsDoc, RungDoc
from costguard.errors import InputError
from costguard.model.change import Rung, Step, read, written
from costguard.reconcile.apply import apply, rehearse, resume
from costguard.reconcile.journal import Journal
from tests.reconcile.build import ACCOUNT, LADDER, NOW, WIDE, became, change, change_set, given, in_quarantine, step
from tests.servers.memory import MemoryCloud, MemoryPower

OWNER = {"Owner": "shop"}
SATURDAY = NOW + timedelta(days=5)
assert SATURDAY.strftime("%A") == "Saturday"


# ------------------------------------------------------------------ resuming


def test_resuming_goes_by_todays_ladder(journal: Journal) -> None:
    in_quarantine(journal, "i-1")
    cloud, power = MemoryCloud({"i-1": {}}), MemoryPower({"i-1": "there"})
    power.faults = ["again"] * 4
    changes = change_set(steps=[step("i-1", "terminate")])
    first = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert not first.complete
    taken_out = given(ladder=LadderDoc(), powers={"aws": power})
    second = resume(first.run, journal, {"aws": cloud}, **taken_out)
    assert {one.limit for one in second.caps} == {"ladder.terminate"}
    assert power.done == []
    assert resume(first.run, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power})).complete
    assert power.done == [("terminate", "i-1")]


def test_resuming_goes_by_todays_limits_for_what_is_left(journal: Journal) -> None:
    ids = [f"i-{number}" for number in range(4)]
    cloud = MemoryCloud({id_: {} for id_ in ids})
    cloud.faults["i-3"] = ["again"] * 4
    cloud.faults["i-2"] = ["again"] * 4
    limits = msgspec.structs.replace(WIDE, canary=0)
    first = apply(change_set([change(id_, OWNER) for id_ in ids]), journal, {"aws": cloud}, **given(limits))
    assert became(first) == {"i-0": "written", "i-1": "written", "i-2": "postponed", "i-3": "postponed"}
    calls = cloud.calls
    second = resume(first.run, journal, {"aws": cloud}, **given(msgspec.structs.replace(limits, changes=1)))
    assert [(one.limit, one.held) for one in second.caps] == [("changes", 1)]
    assert cloud.calls == calls
    third = resume(first.run, journal, {"aws": cloud}, **given(msgspec.structs.replace(limits, changes=2)))
    assert third.complete, "what was written before counts no more"


def test_what_may_have_been_sent_is_settled_whatever_the_limits_are(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}, "i-2": {}})
    cloud.faults["i-1"] = ["lost after"]
    cloud.unread["i-1"] = 0

    def cut() -> None:
        if cloud.tags["i-1"]:
            cloud.unread["i-1"] = 1000

    cloud.between = cut
    limits = msgspec.structs.replace(WIDE, canary=1)
    first = apply(change_set([change("i-1", OWNER), change("i-2", OWNER)]), journal, {"aws": cloud}, **given(limits))
    assert became(first)["i-1"] == "unsettled"
    cloud.unread.clear()
    nothing = msgspec.structs.replace(limits, per_account=1)
    second = resume(first.run, journal, {"aws": cloud}, **given(nothing))
    assert became(second)["i-1"] == "written"
    assert [(write.id, write.key) for write in cloud.writes if write.id == "i-1"] == [("i-1", "Owner")]


# ------------------------------------------------------------------ a day's harm


@pytest.mark.parametrize(("rung", "most"), [("terminate", 2), ("stop", 5)])
def test_several_change_sets_of_one_day_share_a_rungs_cap(journal: Journal, rung: Rung, most: int) -> None:
    ids = [f"i-{number}" for number in range(8)]
    in_quarantine(journal, *ids)
    cloud, power = MemoryCloud({id_: {} for id_ in ids}), MemoryPower(dict.fromkeys(ids, "there"))
    caps = []
    for minute, id_ in enumerate(ids):
        settings = given(
            ladder=LADDER, powers={"aws": power}, now=lambda minute=minute: NOW + timedelta(minutes=10 * minute)
        )
        outcome = apply(change_set(steps=[step(id_, rung)]), journal, {"aws": cloud}, **settings)
        caps.append(tuple(one.limit for one in outcome.caps))
    assert len(power.done) == most
    assert caps == [()] * most + [(f"ladder.{rung}",)] * (8 - most)
    tomorrow = given(ladder=LADDER, powers={"aws": power}, now=lambda: NOW + timedelta(days=1))
    assert apply(
        change_set(steps=[step(ids[-1], rung)], life=timedelta(days=3)), journal, {"aws": cloud}, **tomorrow
    ).complete


@pytest.mark.parametrize("rung", ["notify", "quarantine", "stop", "terminate"])
def test_nothing_climbs_on_a_day_on_which_nobody_is_there_to_object(journal: Journal, rung: Rung) -> None:
    in_quarantine(journal, "i-1")
    cloud, power = MemoryCloud({"i-1": {}}), MemoryPower({"i-1": "there"})
    changes = change_set(steps=[step("i-1", rung)], life=timedelta(days=7))
    settings = given(
        ladder=LADDER,
        powers={"aws": power},
        notices=lambda _: pytest.fail("nobody is told"),
        now=lambda: SATURDAY,
    )
    outcome = apply(changes, journal, {"aws": cloud}, **settings)
    assert [(one.limit, one.of) for one in outcome.caps] == [("ladder.holidays", "2026-11-28 is no business day")]
    assert power.done == []
    assert cloud.calls == 0


def test_a_holiday_of_the_ladder_is_such_a_day(journal: Journal) -> None:
    in_quarantine(journal, "i-1")
    power = MemoryPower({"i-1": "there"})
    ladder = msgspec.structs.replace(LADDER, holidays=[f"{NOW.date()}"])
    settings = given(ladder=ladder, powers={"aws": power})
    outcome = apply(change_set(steps=[step("i-1", "stop")]), journal, {"aws": MemoryCloud({"i-1": {}})}, **settings)
    assert [one.limit for one in outcome.caps] == ["ladder.holidays"]


def test_tags_are_written_on_any_day(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {}})
    changes = change_set([change("i-1", OWNER)], life=timedelta(days=7))
    assert apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, now=lambda: SATURDAY)).complete


def test_each_entry_of_a_rung_has_its_own_cap(journal: Journal) -> None:
    in_quarantine(journal, "i-1", "i-2")
    ladder = LadderDoc(
        rungs=[
            RungDoc(rung="stop", after=0, accounts=[ACCOUNT], types=["aws_instance"], most=1),
            RungDoc(rung="stop", after=0, accounts=[ACCOUNT], types=["aws_ebs_volume"], most=3),
        ]
    )
    power = MemoryPower({"i-1": "there", "i-2": "there"})
    cloud = MemoryCloud({"i-1": {}, "i-2": {}})
    changes = change_set(steps=[step("i-1", "stop"), step("i-2", "stop")])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=ladder, powers={"aws": power}))
    assert [(one.limit, one.held) for one in outcome.caps] == [("ladder.stop", 1)]
    assert power.done == []


# ------------------------------------------------------------------ the quarantine's tag


def test_quarantines_count_towards_the_caps_of_what_is_written(journal: Journal) -> None:
    ids = [f"i-{number}" for number in range(6)]
    cloud = MemoryCloud({id_: {} for id_ in ids})
    changes = change_set([change(id_, OWNER) for id_ in ids[:3]], steps=[step(id_, "quarantine") for id_ in ids[3:]])
    limits: LimitsDoc = msgspec.structs.replace(WIDE, per_account=5)
    outcome = apply(changes, journal, {"aws": cloud}, **given(limits, ladder=LADDER))
    assert [(one.limit, one.held) for one in outcome.caps] == [("per-account", 1)]
    assert cloud.calls == 0


def test_the_quarantines_key_is_the_plans_whatever_the_configuration_says_today(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"Owner": "ann"}})
    changes = change_set(steps=[step("i-1", "quarantine", expects={"Owner": "ann"})])
    ladder = msgspec.structs.replace(LADDER, quarantine="Owner")
    assert apply(changes, journal, {"aws": cloud}, **given(ladder=ladder)).complete
    assert cloud.tags == {"i-1": {"Owner": "ann", "costguard-quarantine": f"{NOW.date()}"}}


QUARANTINES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str | None]]] = {
    "over another value": ({"Owner": "2026-11-23"}, {"Owner": "ann"}),
    "over a later date": ({"costguard-quarantine": "2026-11-23"}, {"costguard-quarantine": "2026-12-01"}),
    "with no tag at all": ({}, {}),
}


@pytest.mark.parametrize(("sets", "expects"), QUARANTINES.values(), ids=QUARANTINES)
def test_a_quarantine_that_nothing_planned_is_refused(
    journal: Journal, sets: Mapping[str, str], expects: Mapping[str, str | None]
) -> None:
    there = {key: text for key, text in expects.items() if text is not None}
    cloud = MemoryCloud({"i-1": there})
    changes = change_set(steps=[step("i-1", "quarantine", sets=sets, expects=expects)])
    with pytest.raises(InputError, match="none that costguard plans"):
        apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER))
    with pytest.raises(InputError, match="none that costguard plans"):
        rehearse(changes, {"aws": cloud}, **given(ladder=LADDER))
    assert cloud.tags == {"i-1": there}


def test_a_quarantine_is_renewed_where_an_earlier_one_stands(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"costguard-quarantine": "2026-10-01"}})
    changes = change_set(steps=[step("i-1", "quarantine", expects={"costguard-quarantine": "2026-10-01"})])
    assert apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER)).complete
    assert cloud.tags == {"i-1": {"costguard-quarantine": "2026-11-23"}}


# ------------------------------------------------------------------ keeping what somebody wants to keep


@pytest.mark.parametrize("key", ["costguard:keep-until", "CostGuard:Keep-Until", "COSTGUARD-KEEP-UNTIL"])
@pytest.mark.parametrize("rung", ["quarantine", "stop", "terminate"])
def test_keep_until_holds_in_any_case_also_when_it_came_after_the_plan(journal: Journal, rung: Rung, key: str) -> None:
    in_quarantine(journal, "i-1")
    cloud, power = MemoryCloud({"i-1": {key: "2027-06-30"}}), MemoryPower({"i-1": "there"})
    settings = given(ladder=LADDER, powers={"aws": power})
    changes = change_set(steps=[step("i-1", rung, expects={})])
    foreseen = rehearse(changes, {"aws": cloud}, **settings)
    outcome = apply(changes, journal, {"aws": cloud}, **settings)
    assert became(foreseen) == became(outcome) == {"i-1": "drifted"}
    assert outcome.entries[0].why == f"{key} was not there and is '2027-06-30' now"
    assert (power.done, cloud.calls) == ([], 0)


def test_keep_until_is_no_hindrance_to_tagging(journal: Journal) -> None:
    cloud = MemoryCloud({"i-1": {"costguard:keep-until": "2027-06-30"}})
    assert apply(change_set([change("i-1", OWNER)]), journal, {"aws": cloud}, **given()).complete


@pytest.mark.parametrize("rung", ["notify", "stop"])
def test_what_the_cloud_refused_is_remembered(journal: Journal, rung: Rung) -> None:
    in_quarantine(journal, "i-1", "i-2")
    cloud, power = MemoryCloud({"i-1": {}, "i-2": {}}), MemoryPower({"i-1": "there", "i-2": "there"})
    power.faults = ["refused"]

    def notices(steps: Sequence[Step]) -> Sequence[Answer]:
        return [Answer("refused" if one.id == "i-1" else "done") for one in steps]

    settings = given(ladder=LADDER, powers={"aws": power}, notices=notices)
    apply(change_set(steps=[step("i-1", rung), step("i-2", rung)]), journal, {"aws": cloud}, **settings)
    flags = journal.flags()
    assert {id_: set(flag.refused) for id_, flag in flags.items()} == {"i-1": {rung}, "i-2": set()}
    if rung == "stop":
        assert {id_: "stop" in flag.climbed for id_, flag in flags.items()} == {"i-1": False, "i-2": True}


# ------------------------------------------------------------------ the file


def _steps() -> list[Step]:
    return [step("i-2", "quarantine")]


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b'"changes"', b'"reviewed": "by nobody", "changes"'),
        (b'"decision"', b'"approved": true, "decision"'),
        (b'"rung"', b'"rung": "terminate", "rung"'),
        (b'"schema"', b'"id": "0", "schema"'),
        (b"shop", b"web"),
        (b'"costguard-quarantine":', b'"Owner":'),
    ],
    ids=["a field more", "a field more, inside", "a field twice", "the id twice", "another value", "another key"],
)
def test_a_file_with_anything_else_in_it_than_was_planned_is_refused(there: bytes, instead: bytes) -> None:
    raw = written(change_set([change("i-1", OWNER)], steps=_steps()))
    assert read(raw, "change-set.json") == change_set([change("i-1", OWNER)], steps=_steps())
    assert there in raw
    with pytest.raises(InputError, match="changed after it was planned"):
        read(raw.replace(there, instead, 1), "change-set.json")
