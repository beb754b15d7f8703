"""What climbs a rung of the ladder, and all that holds it back. Days are counted from Monday, 2 November 2026."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from costguard.config import LadderDoc, RungDoc
from costguard.config.ladder import path_of
from costguard.model.change import RUNGS, Change, Held, Rung
from costguard.model.resource import Known, Manager, Relation, Resource, Surface, Tag, TagSet, Unknown
from costguard.reconcile.journal import Flag
from costguard.reconcile.ladder import Calendar, Climb, Flagged, climb, quarantined, risen

ACCOUNT = "111122223333"
PLACE = f"arn:aws:ec2:eu-west-1:{ACCOUNT}"
INSTANCE = f"{PLACE}:instance/i-1"
VOLUME = f"{PLACE}:volume/vol-1"
MONDAY = date(2026, 11, 2)
EVERYTHING = {"accounts": ["*"], "types": ["*"]}
KEEP = "costguard:keep-until"
QUARANTINE = "costguard-quarantine"


def day(after: int) -> date:
    """So many days after that Monday."""
    return MONDAY + timedelta(after)


def rung(name: Rung, after: int = 1, **more: Any) -> RungDoc:
    where: dict[str, Any] = {**EVERYTHING}
    if name in ("stop", "terminate"):
        allowed = ["aws_instance", "aws_db_instance", "aws_ebs_volume", "aws_eip"]
        where = {"accounts": [ACCOUNT], "types": [one for one in allowed if name in path_of(one)]}
    return RungDoc(**{"rung": name, "after": after, **where, **more})


WHOLE = LadderDoc(rungs=[rung(name) for name in RUNGS])


def resource(
    id_: str = INSTANCE,
    type_: str = "aws_instance",
    *,
    tags: Mapping[str, str | Known | Unknown] | None = None,
    account: str = ACCOUNT,
    **more: Any,
) -> Resource:
    found = {
        key: Tag(Known(value) if isinstance(value, str) else value, "the resource")
        for key, value in (tags or {}).items()
    }
    given_: dict[str, Any] = {
        "address": id_,
        "type": type_,
        "provider": "registry.terraform.io/hashicorp/aws",
        "cloud": "aws",
        "id": id_,
        "account": account,
        "region": "eu-west-1",
        "surfaces": (Surface("tags", TagSet(found)),),
        "declared": (),
    }
    return Resource(**{**given_, **more})


def flagged(one: Resource, owner: str | None = "shop", keys: Mapping[str, str] | None = None) -> Flagged:
    change = Change(
        id=one.address,
        type=one.type,
        cloud=one.cloud or "aws",
        account=one.account or "",
        region=one.region or "",
        decision="flag",
        why="owner: nothing says its value",
        missing=("owner",),
    )
    return Flagged(one, change, owner, {"owner": "Owner"} if keys is None else keys)


def climbed(to: Rung | None, on: date, id_: str = INSTANCE) -> Flag:
    """A flag whose resource climbed every rung up to that one, the last on that day, and was seen on it."""
    names = RUNGS[: RUNGS.index(to) + 1] if to else ()
    return Flag(id=id_, first=on, last=on, climbed=dict.fromkeys(names, on))


def only(
    one: Resource, flag: Flag | None, today: date, ladder: LadderDoc = WHOLE, keys: Mapping[str, str] | None = None
) -> Climb:
    return climb([flagged(one, keys=keys)], {flag.id: flag} if flag else {}, ladder, today)


def rungs(found: Climb) -> list[str]:
    return [step.rung for step in found.steps]


# ------------------------------------------------------------------ business days


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [
        (day(0), day(0), 0),
        (day(0), day(1), 1),
        (day(0), day(4), 4),  # Friday
        (day(4), day(5), 0),  # Saturday
        (day(4), day(6), 0),
        (day(4), day(7), 1),  # the next Monday
        (day(0), day(7), 5),
        (day(5), day(7), 1),
        (day(0), day(14), 10),
        (day(7), day(0), 0),
    ],
)
def test_business_days_are_mondays_to_fridays(since: date, until: date, count: int) -> None:
    assert Calendar().between(since, until) == count


def test_holidays_do_not_count_and_those_at_weekends_change_nothing() -> None:
    calendar = Calendar([day(2), day(5), day(2)])
    assert calendar.between(day(0), day(7)) == 4
    assert [calendar.opens(day(number)) for number in range(7)] == [True, True, False, True, True, False, False]


days = st.dates(date(1990, 1, 1), date(2100, 1, 1))
near_days = st.integers(-400, 400).map(lambda number: MONDAY + timedelta(number))


@given(near_days, near_days, st.sets(near_days, max_size=20))
def test_the_count_is_that_of_the_days_one_by_one(since: date, until: date, holidays: set[date]) -> None:
    calendar = Calendar(holidays)
    each = (since + timedelta(number) for number in range(1, (until - since).days + 1))
    assert calendar.between(since, until) == sum(calendar.opens(one) for one in each)


@given(days, days, days, st.sets(days, max_size=20))
def test_days_add_up(one: date, other: date, third: date, holidays: set[date]) -> None:
    first, second, last = sorted((one, other, third))
    calendar = Calendar(holidays)
    assert calendar.between(first, last) == calendar.between(first, second) + calendar.between(second, last)


@given(days, st.sets(days, max_size=20))
def test_a_week_has_five_at_most_and_a_holiday_never_adds_one(start: date, holidays: set[date]) -> None:
    whole = Calendar().between(start, start + timedelta(7))
    assert whole == 5
    assert Calendar(holidays).between(start, start + timedelta(7)) <= whole


# ------------------------------------------------------------------ one rung after the other


def test_a_resource_that_is_flagged_climbs_nothing_without_a_rung() -> None:
    found = only(resource(), None, day(0), LadderDoc())
    assert found == Climb(flags=(Flag(id=INSTANCE, first=day(0), last=day(0)),))


def test_the_whole_way_up_takes_a_rung_a_business_day() -> None:
    flag: Flag | None = None
    tags: dict[str, str] = {}
    seen: dict[int, str] = {}
    for number in range(12):
        found = only(resource(tags=tags), flag, day(number))
        [flag] = found.flags
        for step in found.steps:
            seen[number] = step.rung
            flag = risen(flag, step.rung, day(number))
            if step.rung == "quarantine":
                tags[QUARANTINE] = quarantined(day(number))
    # Flagged on Monday; day 5 and 6 are a weekend.
    assert seen == {1: "notify", 2: "remind", 3: "quarantine", 4: "stop", 7: "terminate"}
    assert flag is not None
    assert (flag.first, flag.last) == (day(0), day(11))


def test_what_was_only_planned_was_not_climbed() -> None:
    first = only(resource(), climbed(None, day(0)), day(1))
    second = only(resource(), first.flags[0], day(2))
    assert (rungs(first), rungs(second)) == (["notify"], ["notify"])


@pytest.mark.parametrize(("number", "expected"), [(3, []), (4, []), (5, []), (6, []), (7, ["remind"])])
def test_it_waits_for_as_many_business_days_as_the_entry_says(number: int, expected: list[str]) -> None:
    ladder = LadderDoc(rungs=[rung("remind", 5)])
    assert rungs(only(resource(), climbed("notify", day(0)), day(number), ladder)) == expected


def test_a_step_says_all_that_is_to_be_known() -> None:
    flag = Flag(id=INSTANCE, first=day(-3), last=day(0), climbed={"notify": day(-3), "remind": day(0)})
    [step] = only(resource(tags={"Name": "web"}), flag, day(1)).steps
    assert (step.id, step.account, step.region, step.rung) == (INSTANCE, ACCOUNT, "eu-west-1", "quarantine")
    assert (step.since, step.owner, step.missing, step.snapshot) == (day(-3), "shop", ("owner",), False)
    assert step.expects == {"Owner": None, KEEP: None, "costguard-keep-until": None, QUARANTINE: None}
    assert step.why == ("at fault with owner since 2026-10-30, reminded on 2026-11-02: owner: nothing says its value")


@pytest.mark.parametrize(
    ("top", "number", "after", "then", "due"),
    [
        (None, 1, 1, "remind", 2),
        (None, 1, 0, "remind", 2),  # A day has one rung.
        ("notify", 1, 5, "quarantine", 8),
        ("notify", 4, 1, "quarantine", 7),  # Friday, and then Monday.
        ("remind", 1, 3, "stop", 4),
    ],
)
def test_a_step_says_what_may_come_next_and_when(
    top: Rung | None, number: int, after: int, then: str, due: int
) -> None:
    ladder = LadderDoc(rungs=[rung(name, after if name == then else 1) for name in RUNGS])
    [step] = only(resource(), climbed(top, day(0)), day(number), ladder).steps
    assert (step.then, step.due) == (then, day(due))


@pytest.mark.parametrize(
    "one",
    [
        resource(declared=None),
        resource(managers=(Manager(tool="cloudformation", name="shop"),)),
        resource(tags={KEEP: "2027-01-01"}),
    ],
)
def test_nothing_is_threatened_that_will_not_be_done(one: Resource) -> None:
    [step] = only(one, climbed(None, day(0)), day(1)).steps
    assert (step.rung, step.then, step.due) == ("notify", None, None)


def test_nothing_comes_after_the_last_rung_that_is_opted_in() -> None:
    [step] = only(resource(), climbed(None, day(0)), day(1), LadderDoc(rungs=[rung("notify")])).steps
    assert (step.then, step.due) == (None, None)


@given(near_days, st.integers(0, 60), st.sets(near_days, max_size=20))
def test_the_day_after_so_many_is_the_first_that_counts_them(since: date, count: int, holidays: set[date]) -> None:
    calendar = Calendar(holidays)
    found = calendar.after(since, count)
    assert calendar.opens(found)
    assert calendar.between(since, found) == max(count, 1)


def test_two_plans_of_one_day_climb_one_rung() -> None:
    ladder = LadderDoc(rungs=[rung("notify", 0), rung("remind", 0)])
    first = only(resource(), None, day(0), ladder)
    assert rungs(first) == ["notify"]
    flag = risen(first.flags[0], "notify", day(0))
    assert rungs(only(resource(), flag, day(0), ladder)) == []
    assert rungs(only(resource(), flag, day(1), ladder)) == ["remind"]


@pytest.mark.parametrize("number", [5, 6, 8])
def test_nothing_climbs_while_nobody_is_there(number: int) -> None:
    ladder = replace(WHOLE, holidays=[day(8).isoformat()])
    found = only(resource(), climbed(None, day(0)), day(number), ladder)
    assert (found.steps, found.notes) == ((), ("ladder: this is no business day: nothing climbs",))
    assert rungs(only(resource(), climbed(None, day(0)), day(9), ladder)) == ["notify"]


@pytest.mark.parametrize("missing", RUNGS)
def test_no_rung_is_passed_over(missing: Rung) -> None:
    """Without an entry for a rung, the ladder ends below it."""
    ladder = replace(WHOLE, rungs=[one for one in WHOLE.rungs if one.rung != missing])
    at = RUNGS.index(missing)
    flag = climbed(RUNGS[at - 1] if at else None, day(0))
    assert rungs(only(resource(tags={QUARANTINE: "2026-10-30"}), flag, day(7), ladder)) == []
    assert rungs(only(resource(tags={QUARANTINE: "2026-10-30"}), flag, day(7))) == [missing]


def test_a_rung_that_was_left_out_is_climbed_before_those_above_it() -> None:
    flag = Flag(id=INSTANCE, first=day(0), last=day(0), climbed={"notify": day(0), "quarantine": day(0)})
    assert rungs(only(resource(tags={QUARANTINE: "x"}), flag, day(1))) == ["remind"]


@pytest.mark.parametrize(
    ("type_", "top", "then"),
    [
        ("aws_instance", "quarantine", ["stop"]),
        ("aws_instance", "stop", ["terminate"]),
        ("aws_db_instance", "quarantine", ["stop"]),
        ("aws_db_instance", "stop", []),
        ("aws_ebs_volume", "quarantine", ["terminate"]),
        ("aws_eip", "quarantine", ["terminate"]),
        ("aws_s3_bucket", "quarantine", []),
    ],
)
def test_only_the_types_of_the_list_are_harmed(type_: str, top: Rung, then: list[str]) -> None:
    """Even by an entry that names every type, and a flag that claims every rung."""
    any_type = ["aws_instance", "aws_db_instance", "aws_ebs_volume", "aws_eip", "aws_s3_bucket"]
    ladder = LadderDoc(rungs=[rung(name, accounts=[ACCOUNT], types=any_type) for name in RUNGS])
    one = resource(type_=type_, tags={QUARANTINE: "2026-11-02"})
    assert rungs(only(one, climbed(top, day(0)), day(1), ladder)) == then


@pytest.mark.parametrize(("type_", "snapshot"), [("aws_instance", True), ("aws_ebs_volume", True), ("aws_eip", False)])
def test_what_holds_data_is_terminated_after_a_snapshot(type_: str, snapshot: bool) -> None:
    one = resource(type_=type_, tags={QUARANTINE: "2026-11-02"})
    flag = climbed("stop", day(0)) if type_ == "aws_instance" else climbed("quarantine", day(0))
    [step] = only(one, flag, day(1)).steps
    assert (step.rung, step.snapshot) == ("terminate", snapshot)


# ------------------------------------------------------------------ opting in


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ["quarantine"]),
        ({"accounts": ["1111*"]}, ["quarantine"]),
        ({"accounts": ["2222*"]}, []),
        ({"types": ["aws_ebs_*"]}, []),
        ({"types": ["aws_*"], "accounts": ["x", ACCOUNT]}, ["quarantine"]),
    ],
)
def test_an_entry_opts_in_accounts_and_types(entry: dict[str, Any], expected: list[str]) -> None:
    ladder = LadderDoc(rungs=[rung("quarantine", **entry)])
    assert rungs(only(resource(), climbed("remind", day(0)), day(1), ladder)) == expected


@pytest.mark.parametrize(
    "entry",
    [
        {"accounts": ["*"]},
        {"accounts": ["11112222333?"]},
        {"types": ["*"]},
        {"types": ["aws_inst*"]},
    ],
)
def test_a_pattern_never_opts_in_harm(entry: dict[str, Any]) -> None:
    ladder = LadderDoc(rungs=[rung("stop", **entry)])
    one = resource(tags={QUARANTINE: "2026-11-02"})
    assert rungs(only(one, climbed("quarantine", day(0)), day(1), ladder)) == []
    assert rungs(only(one, climbed("quarantine", day(0)), day(1))) == ["stop"]


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_entries_the_one_that_waits_longest_counts(turned: bool) -> None:
    entries = [rung("notify", 0), rung("notify", 3)]
    ladder = LadderDoc(rungs=entries[::-1] if turned else entries)
    assert rungs(only(resource(), climbed(None, day(0)), day(2), ladder)) == []
    assert rungs(only(resource(), climbed(None, day(0)), day(3), ladder)) == ["notify"]


# ------------------------------------------------------------------ keep-until


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-09", []),  # today, inclusive
        ("2026-11-10", []),
        ("2026-11-06", ["remind"]),  # last Friday: today is the first business day after it
        ("2026-11-08", ["remind"]),
        ("2027-06-01", []),
        ("9999-12-31", []),
        ("", []),
        ("soon", []),
        ("2026-02-30", []),
        ("20261101", []),
        ("٢٠٢٦-١١-٠١", []),
        ("2026-11-01T00:00:00", []),
    ],
)
def test_keep_until_holds_it_back(text: str, expected: list[str]) -> None:
    one = resource(tags={KEEP: text})
    assert rungs(only(one, climbed("notify", day(0)), day(7))) == expected


def test_the_waiting_begins_after_the_day_until_which_it_was_kept() -> None:
    ladder = LadderDoc(rungs=[rung("remind", 3)])
    one = resource(tags={KEEP: day(4).isoformat()})
    flag = climbed("notify", day(0))
    seen = [number for number in range(12) if only(one, flag, day(number), ladder).steps]
    # Friday, then Monday, Tuesday and Wednesday.
    assert seen == [9, 10, 11]


def test_keep_until_lets_its_owner_be_told() -> None:
    assert rungs(only(resource(tags={KEEP: "2030-01-01"}), climbed(None, day(0)), day(1))) == ["notify"]


@pytest.mark.parametrize("key", ["costguard-keep-until", "Costguard:Keep-Until", "COSTGUARD-KEEP-UNTIL"])
def test_keep_until_is_honoured_however_it_is_spelled(key: str) -> None:
    assert rungs(only(resource(tags={key: "2026-12-01"}), climbed("notify", day(0)), day(7))) == []


def test_of_two_the_longer_one_keeps() -> None:
    one = resource(tags={KEEP: "2026-11-03", "costguard-keep-until": "2026-12-01"})
    assert rungs(only(one, climbed("notify", day(0)), day(7))) == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("next week", f"{KEEP} is no date like 2027-01-31, and keeps it while it stands there"),
        ("2027-11-11", f"{KEEP} is more than a year off: an exemption in the policy says why"),
    ],
)
def test_a_strange_day_is_remarked(text: str, note: str) -> None:
    found = only(resource(tags={KEEP: text}), climbed("notify", day(0)), day(7))
    assert found.notes == (f"ladder: {INSTANCE}: {note}",)


def test_a_day_within_the_year_is_no_remark() -> None:
    assert only(resource(tags={KEEP: "2027-11-10"}), climbed("notify", day(0)), day(7)).notes == ()


def test_the_step_expects_keep_until_as_it_was_read() -> None:
    [step] = only(resource(tags={"Costguard:keep-until": "2026-11-02"}), climbed("notify", day(0)), day(7)).steps
    assert step.expects == {
        "Owner": None,
        KEEP: None,
        "costguard-keep-until": None,
        "Costguard:keep-until": "2026-11-02",
    }


def test_on_google_only_what_a_label_can_be_is_expected() -> None:
    id_ = "//compute.googleapis.com/projects/shop/zones/europe-west1-b/disks/one"
    one = resource(id_, "google_compute_disk", cloud="google", account="shop")
    [step] = only(one, climbed("notify", day(0), id_), day(7), keys={"owner": "owner"}).steps
    assert step.expects == {"owner": None, "costguard-keep-until": None}


# ------------------------------------------------------------------ quarantine


def test_a_stop_expects_the_quarantine_as_it_was_read() -> None:
    [step] = only(resource(tags={QUARANTINE: "2026-10-01"}), climbed("quarantine", day(0)), day(1)).steps
    assert (step.rung, step.expects[QUARANTINE]) == ("stop", "2026-10-01")


def test_a_quarantine_that_cannot_be_read_is_none() -> None:
    found = only(resource(tags={QUARANTINE: Unknown("not read")}), climbed("quarantine", day(0)), day(1))
    assert found.steps == ()
    assert found.notes == (f"ladder: {INSTANCE}: would climb to stop and doesn't: it doesn't carry {QUARANTINE}",)


def test_whoever_takes_the_quarantine_away_makes_it_begin_anew() -> None:
    found = only(resource(), climbed("quarantine", day(0)), day(1))
    assert (found.steps, found.flags) == ((), (Flag(id=INSTANCE, first=day(1), last=day(1)),))
    assert found.notes == (f"ladder: {INSTANCE}: somebody took {QUARANTINE} away, so that it begins anew",)


def test_a_quarantine_of_today_may_not_have_been_read_yet() -> None:
    flag = climbed("quarantine", day(1))
    found = only(resource(), flag, day(1))
    assert (found.steps, found.flags, found.notes) == ((), (flag,), ())


# ------------------------------------------------------------------ what isn't known, and what is somebody else's


def shown(tags: TagSet, **more: Any) -> Resource:
    return resource(surfaces=(Surface("tags", tags),), **more)


QUIET = {QUARANTINE: Tag(Known("2026-11-02"), "the resource")}


@pytest.mark.parametrize(
    "one",
    [
        shown(TagSet({}, open="its tags could not be read")),
        shown(TagSet({"Owner": Tag(Known(""), "the resource")}, open="there may be more")),
        shown(TagSet({}, hidden=(("Owner", "not read"),))),
        shown(TagSet({}, hidden=(("*", "not read"),))),
        shown(TagSet({"Owner": Tag(Unknown("not read"), "the resource")})),
        resource(surfaces=()),
    ],
)
@pytest.mark.parametrize("top", [None, *RUNGS[:-1]])
def test_unknown_evidence_and_what_the_cloud_made_climb_nothing(one: Resource, top: Rung | None) -> None:
    assert rungs(only(one, climbed(top, day(0)), day(7))) == []


NOTIFY_ONLY: dict[str, tuple[Resource, dict[str, str] | None]] = {
    "nobody knows whether Terraform manages it": (resource(declared=None), None),
    "a state has it": (resource(declared=("aws_instance.web",)), None),
    "Terraform manages it": (resource(managers=(Manager(tool="terraform", name="aws_instance.web"),)), None),
    "a stack manages it": (resource(managers=(Manager(tool="cloudformation", name="shop"),)), None),
    "a group manages it": (resource(managers=(Manager(tool="autoscaling", name="web"),)), None),
    "a tag claims it": (resource(managers=(Manager(tool="terraform-tag", name="terraform"),)), None),
    "it may be kept": (shown(TagSet({}, hidden=(("costguard:*", "not read"),))), None),
    "it may be quarantined": (shown(TagSet({}, hidden=((QUARANTINE, "not read"),))), None),
    "the key isn't known": (resource(), {}),
    "its value is a secret": (resource(tags={"Owner": Known("hunter2", sensitive=True)}), None),
}


@pytest.mark.parametrize("name", NOTIFY_ONLY)
def test_what_is_not_certainly_nobodys_is_told_of_and_left_alone(name: str) -> None:
    one, keys = NOTIFY_ONLY[name]
    assert rungs(only(one, climbed(None, day(0)), day(7), keys=keys)) == ["notify"]
    for top in RUNGS[:-1]:
        found = only(one, Flag(id=INSTANCE, first=day(6), last=day(6), climbed={top: day(6)}), day(7), keys=keys)
        assert set(rungs(found)) <= {"notify"}, top
    held = only(one, climbed("notify", day(0)), day(7), keys=keys)
    assert held.notes
    assert held.notes[0].startswith(f"ladder: {INSTANCE}: would climb to remind and doesn't: ")


def test_a_secret_is_in_no_step() -> None:
    one, _ = NOTIFY_ONLY["its value is a secret"]
    [step] = only(one, climbed(None, day(0)), day(7)).steps
    assert "hunter2" not in repr(step)


@pytest.mark.parametrize(
    ("one", "parents"),
    [
        (resource(VOLUME, "aws_ebs_volume", related=(Relation("parent", INSTANCE),)), ()),
        (resource(VOLUME, "aws_ebs_volume"), (VOLUME,)),
        (resource(VOLUME, "aws_eip", related=(Relation("parent", f"{PLACE}:network-interface/eni-1"),)), ()),
        (resource(VOLUME, "aws_ebs_volume", basis="only AWS Config shows it"), ()),
        (resource(VOLUME, "aws_ebs_volume", related=(Relation("cluster", "arn:aws:ecs:x"),)), ()),
    ],
)
def test_what_is_in_use_is_not_terminated(one: Resource, parents: tuple[str, ...]) -> None:
    one = replace(one, surfaces=(Surface("tags", TagSet(QUIET)),))
    flag = climbed("quarantine", day(0), VOLUME)
    assert rungs(climb([flagged(one)], {VOLUME: flag}, WHOLE, day(1), parents=parents)) == []


def test_a_volume_that_was_made_from_a_snapshot_is_attached_to_nothing() -> None:
    one = resource(
        VOLUME, "aws_ebs_volume", tags={QUARANTINE: "x"}, related=(Relation("parent", f"{PLACE}:snapshot/snap-1"),)
    )
    assert rungs(only(one, climbed("quarantine", day(0), VOLUME), day(1))) == ["terminate"]


def test_an_instance_with_volumes_is_stopped_and_terminated_all_the_same() -> None:
    one = resource(tags={QUARANTINE: "x"})
    found = climb([flagged(one)], {INSTANCE: climbed("stop", day(0))}, WHOLE, day(1), parents={INSTANCE})
    assert rungs(found) == ["terminate"]


# ------------------------------------------------------------------ caps


def crowd(count: int, type_: str = "aws_instance") -> tuple[list[Flagged], dict[str, Flag]]:
    """Instances that are due to be stopped, the last of which was flagged first."""
    ids = [f"{PLACE}:instance/i-{number:02}" for number in range(count)]
    flags = {}
    for number, id_ in enumerate(ids):
        flag = climbed("quarantine", day(0), id_)
        flags[id_] = replace(flag, first=day(0) - timedelta(number))
    return [flagged(resource(id_, type_, tags={QUARANTINE: "x"})) for id_ in ids], flags


@pytest.mark.parametrize(("most", "through"), [(None, 5), (2, 2), (9, 8)])
def test_the_longest_at_fault_go_first_and_the_rest_wait(most: int | None, through: int) -> None:
    listed, flags = crowd(8)
    found = climb(listed, flags, LadderDoc(rungs=[rung("stop", most=most)]), day(1))
    assert [step.id[-2:] for step in found.steps] == ["07", "06", "05", "04", "03", "02", "01", "00"][:through]
    held = (Held(limit="ladder.stop", of="rung stop", most=most or 5, held=8 - through),)
    assert found.held == (held if through < 8 else ())


def test_termination_is_two_a_run_unless_more_are_asked_for() -> None:
    listed, flags = crowd(4)
    flags = {id_: risen(flag, "stop", day(0)) for id_, flag in flags.items()}
    assert rungs(climb(listed, flags, LadderDoc(rungs=[rung("terminate")]), day(1))) == ["terminate"] * 2


def test_entries_have_their_own_caps_and_the_highest_is_the_whole_rungs() -> None:
    listed, flags = crowd(4)
    elsewhere = [
        flagged(resource(f"arn:aws:ec2:eu-west-1:222233334444:instance/i-{number}", account="222233334444"))
        for number in range(4)
    ]
    ladder = LadderDoc(
        rungs=[
            rung("notify", 0, accounts=[ACCOUNT], most=1),
            rung("notify", 0, accounts=["222233334444"], most=3),
        ]
    )
    found = climb([*listed, *elsewhere], {}, ladder, day(1))
    assert [step.account for step in found.steps] == [ACCOUNT, "222233334444", "222233334444"]
    assert found.held == (Held(limit="ladder.notify", of="rung notify", most=3, held=5),)
    assert flags  # Those of the first account begin at the bottom here.


@given(st.permutations(range(8)))
def test_the_order_in_which_they_come_changes_nothing(order: list[int]) -> None:
    listed, flags = crowd(8)
    ladder = LadderDoc(rungs=[rung("stop")])
    assert climb([listed[number] for number in order], flags, ladder, day(1)) == climb(listed, flags, ladder, day(1))


# ------------------------------------------------------------------ flags


def test_only_what_was_judged_and_is_at_fault_no_more_is_forgotten() -> None:
    flags = {name: climbed("notify", day(0), name) for name in (INSTANCE, "mended", "unseen")}
    found = climb([flagged(resource())], flags, WHOLE, day(1), settled={"mended", "never flagged"})
    assert found.gone == ("mended",)
    assert [flag.id for flag in found.flags] == [INSTANCE]


def test_what_is_flagged_is_not_gone_whatever_else_is_said_of_it() -> None:
    flags = {INSTANCE: climbed("notify", day(0))}
    assert climb([flagged(resource())], flags, WHOLE, day(1), settled={INSTANCE}).gone == ()


def test_what_was_mended_and_comes_back_begins_anew() -> None:
    assert only(resource(), None, day(30)).flags == (Flag(id=INSTANCE, first=day(30), last=day(30)),)


@pytest.mark.parametrize(("number", "expected"), [(14, ["remind"]), (15, [])])
def test_what_no_plan_saw_for_ten_business_days_begins_anew(number: int, expected: list[str]) -> None:
    found = only(resource(), climbed("notify", day(0)), day(number))
    assert rungs(found) == expected
    assert found.flags[0].first == (day(0) if expected else day(number))


def test_a_clock_that_was_ahead_makes_nothing_climb() -> None:
    flag = climbed("notify", day(20))
    found = only(resource(), flag, day(7))
    assert (found.steps, found.flags) == ((), (flag,))


def test_notes_name_a_few_and_count_the_rest() -> None:
    listed = [flagged(resource(f"i-{number}", declared=None)) for number in range(5)]
    flags = {f"i-{number}": climbed("notify", day(0), f"i-{number}") for number in range(5)}
    [note] = climb(listed, flags, WHOLE, day(1)).notes
    why = "no state was read that says whether Terraform manages it"
    assert note == f"ladder: i-0, i-1, i-2 and 2 more: would climb to remind and doesn't: {why}"


# ------------------------------------------------------------------ laws

texts = st.text(max_size=12) | st.sampled_from(["2026-11-01", "2026-11-30", "x"])
keys = st.sampled_from(["Owner", "Name", KEEP, "costguard-keep-until", QUARANTINE]) | st.text(max_size=12)
values = st.builds(Known, texts, st.booleans()) | st.builds(Unknown, texts)
tag_sets = st.builds(
    TagSet,
    st.dictionaries(keys, st.builds(Tag, values, st.just("the resource")), max_size=5),
    st.sampled_from(["", "", "", "not read"]),
    st.lists(st.tuples(keys, st.just("not read")), max_size=1).map(tuple),
)
types = st.sampled_from(["aws_instance", "aws_ebs_volume", "aws_eip", "aws_db_instance", "aws_s3_bucket"])
resources = st.builds(
    lambda tags, type_, declared, managers: shown(tags, type_=type_, declared=declared, managers=managers),
    tag_sets,
    types,
    st.sampled_from([(), (), None, ("aws_instance.a",)]),
    st.sampled_from([(), (), (Manager(tool="cloudformation", name="s"),)]),
)
flags_ = st.none() | st.builds(
    lambda first, last, up: Flag(id=INSTANCE, first=first, last=last, climbed=up),
    near_days,
    near_days,
    st.dictionaries(st.sampled_from(RUNGS), near_days),
)
ladders = st.builds(
    LadderDoc,
    rungs=st.lists(
        st.builds(
            lambda name, after, most: rung(name, after, most=most),
            st.sampled_from(RUNGS),
            st.integers(0, 5),
            st.none() | st.integers(1, 3),
        ),
        max_size=8,
    ),
    holidays=st.lists(near_days.map(date.isoformat), max_size=3),
)


@given(resources, flags_, ladders, near_days)
def test_whatever_is_there_nothing_climbs_without_all_that_it_takes(
    one: Resource, flag: Flag | None, ladder: LadderDoc, today: date
) -> None:
    found = only(one, flag, today, ladder)
    assert found == only(one, flag, today, ladder)
    assert len(found.steps) <= 1
    [kept] = found.flags
    for step in found.steps:
        path = path_of(one.type)
        below = path[: path.index(step.rung)]
        tags = one.surfaces[0].tags
        assert Calendar(map(date.fromisoformat, ladder.holidays)).opens(today)
        assert any(entry.rung == step.rung for entry in ladder.rungs)
        assert step.rung not in kept.climbed
        assert set(below) <= kept.climbed.keys()
        assert all(on < today for on in kept.climbed.values())
        assert not tags.open
        if step.rung == "notify":
            continue
        assert one.declared == ()
        assert one.managers == ()
        assert step.expects.keys() >= {"Owner", KEEP}
        for key, tag in tags.tags.items():
            if key in (KEEP, "costguard-keep-until"):
                assert isinstance(tag.value, Known)
                assert date.fromisoformat(tag.value.text.strip()) < today
        if step.rung in ("stop", "terminate"):
            assert step.expects[QUARANTINE] is not None


@given(resources, flags_, ladders, near_days)
def test_a_flag_only_ever_grows_or_begins_anew(
    one: Resource, flag: Flag | None, ladder: LadderDoc, today: date
) -> None:
    [kept] = only(one, flag, today, ladder).flags
    anew = Flag(id=INSTANCE, first=today, last=today)
    assert kept == anew or (flag is not None and kept == replace(flag, last=max(flag.last, today)))


# ------------------------------------------------------------------ whose turn it is


def test_those_that_the_cloud_refused_come_after_those_that_it_was_not_asked_for() -> None:
    """With a cap of two, two that are always refused would keep all others from their turn."""
    ids = [f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-{number}" for number in range(4)]
    ladder = replace(WHOLE, rungs=[replace(doc, most=2) if doc.rung == "stop" else doc for doc in WHOLE.rungs])
    flags = {id_: climbed("quarantine", day(0), id_) for id_ in ids}
    faulty = [flagged(resource(id_, tags={QUARANTINE: f"{day(0)}"})) for id_ in ids]

    def turn() -> list[str]:
        return [step.id for step in climb(faulty, flags, ladder, day(7)).steps if step.rung == "stop"]

    assert turn() == ids[:2]
    for id_ in ids[:2]:
        flags[id_] = replace(flags[id_], refused={"stop": day(6)})
    assert turn() == ids[2:]
    for id_, when in zip(ids[2:], (day(5), day(4)), strict=True):
        flags[id_] = replace(flags[id_], refused={"stop": when})
    assert turn() == [ids[3], ids[2]], "the longest ago first"


def test_what_could_exempt_it_must_be_as_it_was_planned() -> None:
    one = replace(flagged(resource(tags={QUARANTINE: f"{day(0)}"})), exempting={"Keep": None, "Tier": "x"})
    (step,) = climb([one], {INSTANCE: climbed("quarantine", day(0))}, WHOLE, day(7)).steps
    assert step.expects["Keep"] is None
    assert step.expects["Tier"] == "x"
