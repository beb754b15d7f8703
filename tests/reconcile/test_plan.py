"""What a plan decides, on inventories made by hand. The evidence is another spelling of the key on the resource itself,
which needs no other resource to be sure of."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard import catalog
from costguard.clouds.sighting import Sighting
from costguard.clouds.store import Store
from costguard.clouds.writing import Target
from costguard.config import ExcludeDoc, LadderDoc, LimitsDoc, ReconcileDoc, RungDoc
from costguard.errors import UsageError
from costguard.model.change import Change, ChangeSet, read, written
from costguard.model.coverage import Cell
from costguard.model.resource import Manager
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.reconcile.journal import Flag
from costguard.reconcile.plan import Narrowed, Planning, plan
from costguard.reconcile.source import Sources
from costguard.scan import SEEN, Judging

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT = "111122223333"
POLICY = """
version: 1
name: owners
tags:
  owner: {aliases: [team], value: {pattern: "^[a-z]+$"}}
exemptions:
  - {when: {type: aws_kms_key}, reason: keys are the security team's, until: 2027-12-31}
"""


def policy(folder: Path, text: str = POLICY) -> Policy:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(text)
    return load([str(folder / "policy.yaml")], base=Path())


def queue(name: str, tags: Mapping[str, str] | None, **more: Any) -> Sighting:
    return Sighting(
        id=f"arn:aws:sqs:eu-west-1:{more.get('account', ACCOUNT)}:{name}",
        **{"type": "aws_sqs_queue", "account": ACCOUNT, "region": "eu-west-1", "tags": tags, **more},
    )


def planned(
    folder: Path,
    sightings: Sequence[Sighting],
    doc: ReconcileDoc | None = None,
    *,
    text: str = POLICY,
    cells: Sequence[Cell] = (),
    hindered: Mapping[str, str] | None = None,
    narrowed: Narrowed | None = None,
    flags: Mapping[str, Flag] | None = None,
    states: Sequence[tuple[Path, str]] = (),
    seen_at: str = "",
) -> ChangeSet:
    """The plan for an inventory, with no states and no IaC unless the sightings say so."""
    said = policy(folder, text)
    judging = Judging(policy=said, today=date(2026, 11, 23), states=states)
    with Store.create(folder / "scan.db") as store:
        store.add("native", sightings)
        if seen_at:
            store.note(SEEN, seen_at)
        for cell in cells:
            store.cell(cell)
        store.keep()

        def hindrance(target: Target) -> str:
            return (hindered or {}).get(target.type, "")

        return plan(
            store,
            Planning(
                judging=judging,
                doc=doc or ReconcileDoc(assume_unmanaged=True),
                scan="scan.db",
                now=NOW,
                sources=Sources(said, None, judging.today),
                hindrance=hindrance,
                narrowed=narrowed or Narrowed(),
                flags=flags or {},
            ),
        ).changes


def only(changes: ChangeSet) -> Change:
    (found,) = changes.changes
    return found


def test_a_key_that_is_there_under_another_name_is_added_and_the_other_one_stays(tmp_path: Path) -> None:
    change = only(planned(tmp_path, [queue("q", {"Team": "shop", "aws:x": "y"})]))
    assert change.decision == "tag"
    (value,) = change.values
    assert (value.tag, value.key, value.before, value.after) == ("owner", "owner", None, "shop")
    assert value.confidence >= 0.95
    assert value.evidence[0].kind == "alias"
    assert change.expects == {"owner": None, "Team": "shop"}
    assert change.count == 1, "what AWS set itself isn't one of its own tags"


def test_a_key_is_taken_away_only_where_the_configuration_names_it(tmp_path: Path) -> None:
    doc = ReconcileDoc(assume_unmanaged=True, delete=["Team"])
    change = only(planned(tmp_path, [queue("q", {"Team": "shop"})], doc))
    assert [(one.key, one.before, one.after) for one in change.values] == [
        ("owner", None, "shop"),
        ("Team", "shop", None),
    ]


@pytest.mark.parametrize("delete", [[], ["Owner"]], ids=["added", "renamed"])
@pytest.mark.parametrize(
    ("type_", "decision"), [("aws_iam_role", "flag"), ("aws_iam_user", "flag"), ("aws_sqs_queue", "tag")]
)
def test_where_case_makes_no_key_another_spelling_is_never_written_beside_the_one_that_is_there(
    tmp_path: Path, type_: str, decision: str, delete: list[str]
) -> None:
    """IAM User Guide, "Tags for IAM resources": to roles and users ``Owner`` and ``owner`` are one key."""
    doc = ReconcileDoc(assume_unmanaged=True, delete=delete)
    change = only(planned(tmp_path, [queue("q", {"Owner": "shop"}, type=type_)], doc))
    assert change.decision == decision
    assert ("to IAM Owner and owner are one key" in change.why) == (decision == "flag")


EXEMPTING = """
version: 1
name: owners
tags:
  owner: {aliases: [team], value: {pattern: "^[a-z]+$"}}
exemptions:
  - {when: {tags: {Legacy: "yes"}}, reason: goes with the old system, until: 2027-12-31}
"""


@pytest.mark.parametrize("key", ["Legacy", "Kept"])
def test_a_step_expects_what_could_exempt_it_to_be_as_it_is(tmp_path: Path, key: str) -> None:
    ladder = LadderDoc(
        rungs=[RungDoc(rung=rung, after=0, accounts=[ACCOUNT], types=["*"]) for rung in ("notify", "remind")]
    )
    doc = ReconcileDoc(assume_unmanaged=True, exclude=[ExcludeDoc(tags={"Kept": "*"})], ladder=ladder)
    resource = queue("q", {})
    flags = {
        resource.id: Flag(
            id=resource.id, first=date(2026, 11, 2), last=date(2026, 11, 20), climbed={"notify": date(2026, 11, 3)}
        )
    }
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": []}
    (tmp_path / "terraform.tfstate").write_text(json.dumps(state))
    states = [(tmp_path, "terraform.tfstate")]  # It manages nothing, and without it nobody knows that.
    changes = planned(tmp_path, [resource], doc, text=EXEMPTING, flags=flags, states=states)
    (step,) = changes.steps
    assert step.rung == "remind"
    assert key in step.expects
    assert step.expects[key] is None


MANAGED = [
    (Manager(tool="cloudformation", name="Queue", where="stack shop"), "flag", "stack shop"),
    (Manager(tool="autoscaling", name="Auto Scaling group web"), "flag", "Auto Scaling group web"),
    (Manager(tool="terraform-tag", name="Terraform"), "flag", "name that state under terraform.states"),
    (Manager(tool="terraform", name="aws_sqs_queue.q", where="live/prod"), "patch", "aws_sqs_queue.q in live/prod"),
]


@pytest.mark.parametrize(("manager", "decision", "why"), MANAGED, ids=lambda value: getattr(value, "tool", None))
def test_what_something_else_manages_is_never_written(
    tmp_path: Path, manager: Manager, decision: str, why: str
) -> None:
    change = only(planned(tmp_path, [queue("q", {"team": "shop"}, managers=(manager,))]))
    assert change.decision == decision
    assert why in change.why


def test_what_terraform_manages_and_nothing_is_sure_of_is_flagged_with_its_address(tmp_path: Path) -> None:
    manager = Manager(tool="terraform", name="aws_sqs_queue.q", where="live/prod")
    change = only(planned(tmp_path, [queue("q", {}, managers=(manager,))]))
    assert (change.decision, change.values, change.expects) == ("flag", (), {})
    assert "aws_sqs_queue.q in live/prod" in change.why


def test_without_states_nothing_is_known_to_be_unmanaged(tmp_path: Path) -> None:
    change = only(planned(tmp_path, [queue("q", {"team": "shop"})], ReconcileDoc()))
    assert change.decision == "flag"
    assert "terraform.states" in change.why
    assert [one.after for one in change.proposed] == ["shop"]


UNKNOWN: list[dict[str, Any]] = [
    {"tags": None, "unread": "access denied"},
    {"tags": None},
    {"tags": {"team": "shop"}, "open": "the index shows fifty at most"},
]


@pytest.mark.parametrize("seen", UNKNOWN)
def test_nothing_is_written_from_unknown_evidence(tmp_path: Path, seen: dict[str, Any]) -> None:
    change = only(planned(tmp_path, [queue("q", **seen)]))
    assert (change.decision, change.values, change.missing) == ("skip", (), ("owner",))
    assert "evidence that isn't there" in change.why


def test_what_is_compliant_exempt_or_untaggable_is_not_in_the_change_set(tmp_path: Path) -> None:
    key = Sighting(
        id=f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1", type="aws_kms_key", account=ACCOUNT, region="eu-west-1", tags={}
    )
    changes = planned(tmp_path, [queue("a", {"owner": "shop"}), queue("b", {}, untaggable="AWS's own"), key])
    assert (changes.changes, changes.read) == ((), 3)


OVER = [
    ({"owner": ""}, {}, "flag"),
    ({"owner": "", "team": "shop"}, {}, "flag"),
    ({"owner": "", "team": "shop"}, {"overwrite": ["owner"]}, "tag"),
    ({"owner": "SHOP!", "team": "shop"}, {}, "flag"),
    ({"owner": "SHOP!", "team": "shop"}, {"overwrite": ["owner"]}, "tag"),
]


@pytest.mark.parametrize(("tags", "doc", "decision"), OVER)
def test_what_is_there_is_written_over_only_where_the_configuration_names_the_tag(
    tmp_path: Path, tags: dict[str, str], doc: dict[str, Any], decision: str
) -> None:
    change = only(planned(tmp_path, [queue("q", tags)], ReconcileDoc(assume_unmanaged=True, **doc)))
    assert change.decision == decision
    if decision == "tag":
        assert [(one.before, one.after) for one in change.values] == [(tags["owner"], "shop")]
        assert change.expects["owner"] == tags["owner"]


EXCLUDED = [
    (ExcludeDoc(type="aws_sqs_*"), True),
    (ExcludeDoc(account=["999988887777", ACCOUNT]), True),
    (ExcludeDoc(region="us-*"), False),
    (ExcludeDoc(id="*:q", tags={"team": "sh*"}), True),
    (ExcludeDoc(id="*:q", tags={"team": "pay*"}), False),
    (ExcludeDoc(tags={"absent": "*"}), False),
]


@pytest.mark.parametrize(("exclude", "left"), EXCLUDED)
def test_what_the_configuration_excludes_is_left_alone(tmp_path: Path, exclude: ExcludeDoc, left: bool) -> None:
    doc = ReconcileDoc(assume_unmanaged=True, exclude=[exclude])
    change = only(planned(tmp_path, [queue("q", {"team": "shop"})], doc))
    assert change.decision == ("skip" if left else "tag")
    assert ("reconcile.exclude, entry 1" in change.why) is left


def test_what_cannot_be_written_without_harm_is_flagged(tmp_path: Path) -> None:
    hindered = {"aws_sqs_queue": "tagging it restarts it"}
    change = only(planned(tmp_path, [queue("q", {"team": "shop"})], hindered=hindered))
    assert (change.decision, change.why) == ("flag", "tagging it restarts it")


@pytest.mark.parametrize(("others", "decision"), [(48, "tag"), (49, "flag")])
def test_the_budget_of_tags_is_kept(tmp_path: Path, others: int, decision: str) -> None:
    """AWS takes 50, of which its own don't count: with team and 48 others there is room for one more."""
    assert catalog.LIMITS["aws"].max_tags == 50
    tags = {"team": "shop", "aws:autoscaling:x": "y"} | {f"k{n}": "v" for n in range(others)}
    change = only(planned(tmp_path, [queue("q", tags)]))
    assert change.decision == decision


def test_a_google_label_is_written_in_the_spelling_that_it_can_hold(tmp_path: Path) -> None:
    """Labels take neither ``@`` nor ``.``; the value is inferred as the policy has it, and written encoded again."""
    text = "version: 1\nname: o\ntags:\n  owner: {aliases: [team], value: {enum: [alice@corp.com]}}"
    seen = Sighting(
        id="//pubsub.googleapis.com/projects/p/topics/t",
        type="google_pubsub_topic",
        account="p",
        region="global",
        tags={"team": "cg--alice_40corp_2ecom"},
    )
    change = only(planned(tmp_path, [seen], text=text))
    assert [(one.after, one.evidence[0].value) for one in change.values] == [
        ("cg--alice_40corp_2ecom", "alice@corp.com")
    ]


CAPS = [
    (LimitsDoc(changes=3, percent=100), "changes", 3),
    (LimitsDoc(percent=20), "percent", 2),
    (LimitsDoc(percent=100, per_account=4), "per-account", 4),
    (LimitsDoc(percent=100, per_type=5), "per-type", 5),
    (LimitsDoc(percent=100, per_key=6), "per-key", 6),
]


@pytest.mark.parametrize(("limits", "name", "most"), CAPS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_plan_keeps_within_each_cap_and_says_which_held_it_back(
    tmp_path: Path, limits: LimitsDoc, name: str, most: int
) -> None:
    doc = ReconcileDoc(assume_unmanaged=True, limits=limits)
    changes = planned(tmp_path, [queue(f"q{n}", {"team": "shop"}) for n in range(10)], doc)
    decisions = [one.decision for one in changes.changes]
    assert (decisions.count("tag"), decisions.count("skip")) == (most, 10 - most)
    (held,) = changes.held
    assert (held.limit, held.held) == (name, 10 - most)
    waiting = next(one for one in changes.changes if one.decision == "skip")
    assert f"limits.{name}" in waiting.why
    assert (waiting.values, [one.after for one in waiting.proposed]) == ((), ["shop"])


def test_a_plan_can_be_narrowed_to_an_account_and_a_type(tmp_path: Path) -> None:
    seen = [queue("q", {"team": "shop"}), queue("q", {"team": "shop"}, account="444455556666")]
    changes = planned(tmp_path, seen, narrowed=Narrowed(accounts=("4444*",)))
    assert [one.account for one in changes.changes] == ["444455556666"]
    with pytest.raises(UsageError, match=r"none of the 2 resources that were read is of aws_s3_\*"):
        planned(tmp_path / "b", seen, narrowed=Narrowed(types=("aws_s3_*",)))


def test_a_scan_that_is_not_of_today_is_remarked_on(tmp_path: Path) -> None:
    seen = [queue("q", {"team": "shop"})]
    assert planned(tmp_path / "a", seen, seen_at="2026-11-22T12:00:00+00:00").notes == ()
    (note,) = planned(tmp_path / "b", seen, seen_at="2026-11-20T12:00:00+00:00").notes
    assert note == "the scan is 72 hours old: what was made since isn't in it"


def test_what_could_not_be_read_is_a_gap_of_the_plan(tmp_path: Path) -> None:
    cell = Cell(
        cloud="aws",
        account=ACCOUNT,
        region="eu-west-1",
        type="aws_sqs_queue",
        source="native",
        outcome="cut",
        count=1,
        error="access denied",
    )
    changes = planned(tmp_path, [queue("q", {"team": "shop"})], cells=[cell])
    assert [gap.why for gap in changes.gaps] == ["access denied"]


def test_a_change_set_is_taken_back_only_as_it_was_written(tmp_path: Path) -> None:
    changes = planned(tmp_path, [queue("q", {"team": "shop"})])
    raw = written(changes)
    assert read(raw, "changes.json") == changes
    forged = raw.replace(b'"after": "shop"', b'"after": "evil"')
    assert forged != raw
    with pytest.raises(Exception, match="was changed after it was planned"):
        read(forged, "changes.json")


NAMES = st.text("abc-_.:/ü<>\x1b‮'\"`", min_size=1, max_size=8)


@given(
    tags=st.lists(st.dictionaries(st.sampled_from(["team", "Team", "owner", "x"]), NAMES, max_size=3), max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_a_plan_is_deterministic_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, tags: list[dict[str, str]], order: Any
) -> None:
    seen = [queue(f"q{n}", one) for n, one in enumerate(tags)]
    shuffled = list(seen)
    order.shuffle(shuffled)
    folder = tmp_path_factory.mktemp("plan")
    one = planned(folder / "a", seen)
    other = planned(folder / "b", shuffled)
    same = [msgspec.structs.replace(each, policy=(), id="") for each in (one, other)]
    assert written(same[0]) == written(same[1])
    assert all(value.after is None or value.after.isalpha() for each in one.changes for value in each.values)
