"""A change set is held against what the configuration and the states say when it is applied."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec
import pytest

from costguard.config import ExcludeDoc, ReconcileDoc
from costguard.errors import InputError
from costguard.model.change import ChangeSet
from costguard.policy import Policy
from costguard.reconcile.apply import apply, rehearse, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.today import objections
from costguard.reconcile.undo import undo
from costguard.scan import Judging
from tests.reconcile.build import ACCOUNT, LADDER, became, change, change_set, given, in_quarantine, step
from tests.servers.memory import MemoryCloud, MemoryPower

OWNER = {"Owner": "shop"}
VOLUME = f"arn:aws:ec2:eu-west-1:{ACCOUNT}:volume/vol-0abc"
MINE = ReconcileDoc(assume_unmanaged=True)


def states(folder: Path, *ids: str, raw: str | None = None) -> Judging:
    """A state that manages these volumes."""
    resources = [
        {
            "mode": "managed",
            "type": "aws_ebs_volume",
            "name": "data",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [
                {"index_key": id_, "schema_version": 0, "attributes": {"arn": id_, "id": id_.rpartition("/")[2]}}
            ],
        }
        for id_ in ids
    ]
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}}
    text = json.dumps({**state, "resources": resources}) if raw is None else raw
    (folder / "terraform.tfstate").write_text(text)
    return judging((folder, "terraform.tfstate"))


def judging(*named: tuple[Path, str]) -> Judging:
    return Judging(policy=Policy(rules=(), spellings={}), today=date(2026, 11, 23), states=named)


def tagging() -> ChangeSet:
    return change_set([change(VOLUME, OWNER, type_="aws_ebs_volume")])


def test_what_terraform_manages_by_now_is_not_tagged(tmp_path: Path, journal: Journal) -> None:
    cloud, changes = MemoryCloud({VOLUME: {}}), tagging()
    before = objections(changes, MINE, states(tmp_path))
    assert rehearse(changes, {"aws": cloud}, **given(objection=before)).counts == {"written": 1}
    now = objections(changes, MINE, states(tmp_path, VOLUME))
    assert rehearse(changes, {"aws": cloud}, **given(objection=now)).counts == {"drifted": 1}
    outcome = apply(changes, journal, {"aws": cloud}, **given(objection=now))
    assert became(outcome) == {VOLUME: "drifted"}
    assert "terraform (aws_ebs_volume.data" in outcome.entries[0].why
    assert cloud.calls == 0


@pytest.mark.parametrize("rung", ["quarantine", "terminate"])
def test_what_terraform_manages_by_now_climbs_nothing(tmp_path: Path, journal: Journal, rung: str) -> None:
    in_quarantine(journal, VOLUME)
    cloud, power = MemoryCloud({VOLUME: {}}), MemoryPower({VOLUME: "there"})
    climbing = step(VOLUME, rung, type_="aws_ebs_volume", snapshot=rung == "terminate")  # type: ignore[arg-type]
    changes = change_set(steps=[climbing])
    now = objections(changes, MINE, states(tmp_path, VOLUME))
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}, objection=now))
    assert became(outcome) == {VOLUME: "drifted"}
    assert (power.done, cloud.calls) == ([], 0)


@pytest.mark.parametrize(("tagged", "stopped"), [("written", "drifted")])
def test_where_a_state_can_not_be_read_nothing_is_stopped_whatever_is_assumed(
    tmp_path: Path, journal: Journal, tagged: str, stopped: str
) -> None:
    in_quarantine(journal, VOLUME)
    broken = states(tmp_path, raw='{"version": 4, "tr')
    cloud, power = MemoryCloud({VOLUME: {}}), MemoryPower({VOLUME: "there"})
    changes = change_set(steps=[step(VOLUME, "stop", type_="aws_ebs_volume")])
    settings = given(ladder=LADDER, powers={"aws": power}, objection=objections(changes, MINE, broken))
    outcome = apply(changes, journal, {"aws": cloud}, **settings)
    assert became(outcome) == {VOLUME: stopped}
    assert "not all states could be read" in outcome.entries[0].why
    assumed = apply(tagging(), journal, {"aws": cloud}, **given(objection=objections(tagging(), MINE, broken)))
    assert became(assumed) == {VOLUME: tagged}


@pytest.mark.parametrize("unread", ["no state", "a broken one"])
def test_where_nothing_says_that_terraform_does_not_manage_it_nothing_is_tagged(
    tmp_path: Path, journal: Journal, unread: str
) -> None:
    cloud = MemoryCloud({VOLUME: {}})
    named = judging() if unread == "no state" else states(tmp_path, raw="")
    outcome = apply(tagging(), journal, {"aws": cloud}, **given(objection=objections(tagging(), ReconcileDoc(), named)))
    assert became(outcome) == {VOLUME: "drifted"}
    assert cloud.calls == 0


MARKS: Mapping[str, Mapping[str, str]] = {
    "a stack": {"aws:cloudformation:stack-name": "shop", "aws:cloudformation:logical-id": "Data"},
    "a cluster": {"kubernetes.io/cluster/main": "owned"},
    "people": {"ManagedBy": "Terraform"},
}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_what_got_a_managers_mark_since_is_left_alone(
    tmp_path: Path, journal: Journal, mark: Mapping[str, str]
) -> None:
    cloud = MemoryCloud({VOLUME: mark})
    now = objections(tagging(), MINE, states(tmp_path))
    outcome = apply(tagging(), journal, {"aws": cloud}, **given(objection=now))
    assert became(outcome) == {VOLUME: "drifted"}
    assert "by now: plan again" in outcome.entries[0].why


@pytest.mark.parametrize(
    ("exclude", "becomes"),
    [
        (ExcludeDoc(type="aws_ebs_*"), "drifted"),
        (ExcludeDoc(account=ACCOUNT), "drifted"),
        (ExcludeDoc(id="*:volume/*"), "drifted"),
        (ExcludeDoc(tags={"Keep": "*"}), "drifted"),
        (ExcludeDoc(type="aws_instance"), "written"),
        (ExcludeDoc(tags={"Keep": "no"}), "written"),
    ],
)
def test_what_the_configuration_excludes_by_now_is_left_alone(
    tmp_path: Path, journal: Journal, exclude: ExcludeDoc, becomes: str
) -> None:
    cloud = MemoryCloud({VOLUME: {"Keep": "yes"}})
    doc = msgspec.structs.replace(MINE, exclude=[exclude])
    outcome = apply(tagging(), journal, {"aws": cloud}, **given(objection=objections(tagging(), doc, states(tmp_path))))
    assert became(outcome) == {VOLUME: becomes}


@pytest.mark.parametrize(
    ("after", "leave"),
    [({"Owner": "shop"}, {"overwrite": ["Owner"]}), ({"Owner": None}, {"delete": ["Owner"]})],
    ids=["written over", "taken away"],
)
def test_leave_that_was_withdrawn_is_withdrawn(
    tmp_path: Path, journal: Journal, after: dict[str, str | None], leave: dict[str, list[str]]
) -> None:
    cloud = MemoryCloud({VOLUME: {"Owner": "old"}})
    changes = change_set([change(VOLUME, after, {"Owner": "old"}, type_="aws_ebs_volume")])
    given_leave = msgspec.convert({"assume-unmanaged": True, **leave}, ReconcileDoc)
    withdrawn = objections(changes, MINE, states(tmp_path))
    assert became(apply(changes, journal, {"aws": cloud}, **given(objection=withdrawn))) == {VOLUME: "drifted"}
    assert cloud.calls == 0
    allowed = objections(changes, given_leave, states(tmp_path))
    assert became(apply(changes, journal, {"aws": cloud}, **given(objection=allowed))) == {VOLUME: "written"}


def test_resuming_and_undoing(tmp_path: Path, journal: Journal) -> None:
    """What is left of a run is held against today; an undo puts back what was there, whatever is planned today."""
    cloud = MemoryCloud({VOLUME: {}})
    cloud.faults[VOLUME] = ["again"] * 4
    first = apply(tagging(), journal, {"aws": cloud}, **given(objection=objections(tagging(), MINE, states(tmp_path))))
    now = objections(tagging(), MINE, states(tmp_path, VOLUME))
    assert became(resume(first.run, journal, {"aws": cloud}, **given(objection=now))) == {VOLUME: "drifted"}
    second = apply(tagging(), journal, {"aws": cloud}, **given())
    assert cloud.tags == {VOLUME: OWNER}
    assert undo(second.run, journal, {"aws": cloud}, **given(objection=now)).complete
    assert cloud.tags == {VOLUME: {}}


# ------------------------------------------------------------------ what else a later day may bring


def test_nothing_is_stopped_by_a_journal_that_does_not_know_of_the_quarantine(journal: Journal) -> None:
    cloud, power = MemoryCloud({"i-1": {}, "i-2": {}}), MemoryPower({"i-1": "there", "i-2": "there"})
    in_quarantine(journal, "i-2")
    changes = change_set(steps=[step("i-1", "stop"), step("i-2", "stop")])
    outcome = apply(changes, journal, {"aws": cloud}, **given(ladder=LADDER, powers={"aws": power}))
    assert [(one.limit, one.of, one.held) for one in outcome.caps] == [
        ("ladder.stop", "what this journal doesn't know to be in quarantine", 1)
    ]
    assert power.done == []


def test_of_a_write_whose_answer_was_lost_each_key_that_is_there_is_the_runs(journal: Journal) -> None:
    """The run was killed after the call; then somebody set one of its keys. The other one is the run's all the same,
    and an undo takes it back."""
    cloud = MemoryCloud({"i-1": {"environment": "prod"}})
    changes = change_set([change("i-1", {"owner": "shop", "environment": "production"}, {"environment": "prod"})])
    cloud.faults["i-1"] = ["lost after"]

    def between() -> None:
        if cloud.tags["i-1"].get("owner") == "shop":
            cloud.change("i-1", "owner", "ann")

    cloud.between = between
    done = apply(changes, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"i-1": {"owner": "ann", "environment": "production"}}
    assert became(done) == {"i-1": "overwritten"}
    undo(done.run, journal, {"aws": cloud}, **given())
    assert cloud.tags == {"i-1": {"owner": "ann", "environment": "prod"}}


@pytest.mark.parametrize("value", ["\x1b[31m", "a\nb", "x" * 257])
def test_a_value_that_the_cloud_would_not_take_is_never_sent(journal: Journal, value: str) -> None:
    cloud = MemoryCloud({"i-1": {}})
    with pytest.raises(InputError, match="its cloud doesn't take"):
        apply(change_set([change("i-1", {"Owner": value})]), journal, {"aws": cloud}, **given())
    assert cloud.calls == 0
