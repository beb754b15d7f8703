"""The engine: levels, statuses, surfaces, old debt, and what a report says of the policy itself."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.baseline import acceptance
from costguard.engine import MOST_TAGS, Draft, evaluate, fingerprint, remarks, stream
from costguard.model.coverage import Cell
from costguard.model.finding import Report, Verdict
from costguard.model.resource import Checkpoint, Gap, Inventory, Known, Manager, Resource, Surface, Tag, TagSet
from costguard.model.spool import Spool
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.reports import render
from tests.policy.build import TODAY, findings, policy, report, resource, tag_set

ONE = "tags: {owner: {}}"


@pytest.mark.parametrize(
    ("action", "level", "expected"),
    [
        ("pass", "error", "info"),
        ("warn", "error", "warning"),
        ("fail", "error", "error"),
        ("fail", "warning", "warning"),
        ("warn", "info", "info"),
        (None, "error", "warning"),
    ],
)
def test_the_policy_says_what_unknown_does_at_a_checkpoint(
    tmp_path: Path, action: str | None, level: str, expected: str
) -> None:
    text = f"tags: {{owner: {{level: {level}}}}}" + (f"\nunknown: {{live: {action}}}" if action else "")
    [finding] = findings(policy(tmp_path, text), resource(tag_set({}, opened="not read")), checkpoint="live")
    assert (finding.verdict, finding.level) == ("unknown", expected)
    [other] = findings(policy(tmp_path, text), resource({}), checkpoint="live")
    assert (other.verdict, other.level) == ("missing", level)


@pytest.mark.parametrize("checkpoint", ["source", "plan", "live", "bill"])
def test_a_rule_may_be_for_one_checkpoint(tmp_path: Path, checkpoint: Checkpoint) -> None:
    rules = policy(tmp_path, "rules: [{id: r, when: {checkpoint: [plan, bill]}, require: {owner: {}}}]")
    assert bool(findings(rules, resource(), checkpoint=checkpoint)) is (checkpoint in ("plan", "bill"))


@pytest.mark.parametrize(
    ("stated", "authored", "level"),
    [
        ("", True, "warning"),
        ("", False, None),
        ("surfaces: {volume_tags: error}", True, "error"),
        ("surfaces: {volume_tags: error}", False, "error"),
        ("surfaces: {'*_tags': info}", True, "info"),
        ("surfaces: {volume_tags: ignore}", True, None),
        ("surfaces: {tags: error, other: error}", True, "warning"),
    ],
)
def test_tags_of_what_a_resource_creates(tmp_path: Path, stated: str, authored: bool, level: str | None) -> None:
    surface = Surface("volume_tags", tag_set({}), created=True, authored=authored)
    said = findings(policy(tmp_path, f"{ONE}\n{stated}"), resource(surfaces=(surface,)))
    assert [finding.level for finding in said] == ([] if level is None else [level])


def test_a_surface_never_raises_the_level_of_a_rule(tmp_path: Path) -> None:
    surface = Surface("volume_tags", tag_set({}), created=True)
    rules = policy(tmp_path, "tags: {owner: {level: info}}\nsurfaces: {volume_tags: error}")
    [finding] = findings(rules, resource(surfaces=(surface,)))
    assert finding.level == "info"


def test_a_resource_of_which_nothing_is_judged_is_untaggable(tmp_path: Path) -> None:
    surface = Surface("volume_tags", tag_set({}), created=True, authored=False)
    said = report(policy(tmp_path, ONE), resource(surfaces=(surface,)), resource(surfaces=()))
    assert said.summary.untaggable == 2


def test_what_is_wrong_with_a_surface_is_not_said_again_of_what_derives_from_it(tmp_path: Path) -> None:
    def paths(own: dict[str, str | None], derived: dict[str, str | None]) -> list[str]:
        surfaces = (Surface("tag", tag_set(own)), Surface("part", tag_set(derived), created=True, derived_from="tag"))
        rules = policy(tmp_path, "tags: {owner: {value: {enum: [a]}}}")
        return [finding.surface for finding in findings(rules, resource(surfaces=surfaces))]

    assert paths({}, {}) == ["tag"]
    assert paths({"owner": "b"}, {"owner": "b"}) == ["tag"]
    assert paths({"owner": "a"}, {}) == ["part"]
    assert paths({"owner": None}, {"owner": None}) == ["tag"]
    assert paths({"owner": None}, {}) == ["part", "tag"]


def test_old_debt_warns_and_is_not_new(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, ONE), resource(touched=False))
    assert (finding.level, finding.new) == ("warning", False)
    [finding] = findings(policy(tmp_path, "tags: {owner: {level: info}}"), resource(touched=False))
    assert finding.level == "info"


def test_statuses_are_counted(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        f"{ONE}\nexemptions: [{{when: {{address: a.exempt}}, reason: r, until: 2027-01-01}}]",
    )
    said = report(
        rules,
        resource({"owner": "x"}, address="a.good"),
        resource({}, address="a.bad"),
        resource(tag_set({}, opened="not read"), address="a.unknown"),
        resource({}, address="a.exempt"),
        resource(surfaces=(), address="a.untaggable"),
        with_resources=True,
    ).summary
    assert (said.resources, said.findings) == (5, 2)
    assert (said.compliant, said.violating, said.unknown, said.exempt, said.untaggable) == (1, 1, 1, 1, 1)


def test_a_gap_makes_the_report_incomplete(tmp_path: Path) -> None:
    from costguard.engine import evaluate

    rules = policy(tmp_path, ONE)
    gaps = (Gap("b", "denied"), Gap("a", "denied"))
    said = evaluate(rules, Inventory(checkpoint="live", resources=(), gaps=gaps, notes=("n",)), TODAY)
    assert (said.complete, [gap.where for gap in said.gaps], said.notes) == (False, ["a", "b"], ("n",))


def test_resources_are_listed_where_asked_and_no_sensitive_value_is(tmp_path: Path) -> None:
    from tests.policy.build import Secret

    one = resource({"owner": "x", "later": None, "key": Secret("hush")})
    assert report(policy(tmp_path, ONE), one).resources is not None
    listed = report(policy(tmp_path, ONE), one, with_resources=True).resources
    assert isinstance(listed, tuple)
    assert listed[0].tags == {"owner": "x", "later": None, "key": None}
    assert listed[0].provenance == dict.fromkeys(("owner", "later", "key"), "the resource")


def test_two_accounts_may_have_an_address_in_common(tmp_path: Path) -> None:
    one, other = resource(account="1"), resource(account="2")
    rules = policy(tmp_path, ONE)
    assert [f.resource.account for f in findings(rules, other, one)] == ["1", "2"]


def test_a_fingerprint_names_rule_address_surface_and_tag() -> None:
    first = fingerprint("tags/owner", "aws_s3_bucket.a", "tags", "owner")
    assert first == fingerprint("tags/owner", "aws_s3_bucket.a", "tags", "owner")
    others = {
        fingerprint("tags/other", "aws_s3_bucket.a", "tags", "owner"),
        fingerprint("tags/owner", "aws_s3_bucket.b", "tags", "owner"),
        fingerprint("tags/owner", "aws_s3_bucket.a", "volume_tags", "owner"),
        fingerprint("tags/owner", "aws_s3_bucket.a", "tags", "other"),
        fingerprint("tags/owne", "raws_s3_bucket.a", "tags", "owner"),
    }
    assert len(others | {first}) == 6


def test_an_exempted_secret_is_shown_by_no_other_rule(tmp_path: Path) -> None:
    document = tmp_path / "policy.yaml"
    document.write_text(
        "version: 1\n"
        "tags: {owner: {value: {enum: [payments]}}}\n"
        "rules: [{id: no-secrets, forbid: {values: [hunter2]}}]\n"
        "exemptions: [{when: {type: aws_*}, rules: [no-secrets], reason: rotated, until: 2099-01-01}]\n"
    )
    tags = TagSet({"owner": Tag(Known("hunter2"), "the resource")})
    one = Resource(
        address="aws_sns_topic.t", type="aws_sns_topic", provider="aws", cloud="aws", surfaces=(Surface("tags", tags),)
    )
    inventory = Inventory(checkpoint="plan", resources=(one,))
    said = evaluate(load([document]), inventory, TODAY, with_resources=True)
    assert [(finding.tag, finding.verdict) for finding in said.findings] == [("owner", Verdict.INVALID)]
    assert "hunter2" not in str(said)


def test_thousands_of_exemptions_by_address_are_looked_up(tmp_path: Path) -> None:
    """Each covers its own resource, by its address or that of its block; the others stay judged."""
    lines = "\n".join(
        f"  - {{when: {{address: 'aws_sns_topic.t{index}'}}, reason: debt, until: 2099-01-01}}" for index in range(2000)
    )
    document = tmp_path / "policy.yaml"
    document.write_text(f"version: 1\ntags: {{owner: {{}}}}\nexemptions:\n{lines}\n")
    resources = tuple(
        Resource(
            address=f"aws_sns_topic.t{index}{suffix}",
            type="aws_sns_topic",
            provider="aws",
            cloud="aws",
            surfaces=(Surface("tags", TagSet({})),),
        )
        for index in (0, 1999, 2000)
        for suffix in ("", "[0]")
    )
    said = evaluate(load([document]), Inventory(checkpoint="plan", resources=resources), TODAY)
    assert {finding.resource.address for finding in said.findings} == {"aws_sns_topic.t2000", "aws_sns_topic.t2000[0]"}


class TestAsAStream:
    """A live inventory comes one resource at a time, and its report is the one of all at once."""

    RULES = "tags: {owner: {}, environment: {value: {enum: [production]}}}"

    @staticmethod
    def resources(number: int) -> list[Resource]:
        """Of each ten, three have no owner, and one of these a wrong environment, too."""
        return [
            resource(
                {
                    "environment": "prd" if index % 10 == 0 else "production",
                    **({} if index % 10 < 3 else {"owner": "a"}),
                },
                type="aws_sqs_queue" if index % 2 else "aws_s3_bucket",
                address=f"arn:{index:06}",
                account=str(index % 4),
            )
            for index in range(number)
        ]

    def drafted(self, rules: Policy, resources: Iterable[Resource], **more: Any) -> Report:
        draft = Draft("live", **more)
        for judged in stream(rules, "live", resources, TODAY):
            draft.add(judged)
        return draft.report()

    @pytest.mark.parametrize("with_resources", [True, False])
    @pytest.mark.parametrize("number", [0, 7, 6_000])
    def test_it_is_the_report_of_all_at_once(self, tmp_path: Path, number: int, with_resources: bool) -> None:
        rules, resources = policy(tmp_path, self.RULES), self.resources(number)
        whole = evaluate(
            rules, Inventory(checkpoint="live", resources=tuple(resources)), TODAY, with_resources=with_resources
        )
        drafted = self.drafted(rules, iter(resources), with_resources=with_resources, held=1_000)
        assert isinstance(drafted.findings, Spool) is (number == 6_000)
        assert render(drafted, "json") == render(whole, "json")
        assert drafted.summary == whole.summary

    def test_resources_are_judged_as_they_come(self, tmp_path: Path) -> None:
        taken: list[str] = []

        def coming() -> Iterator[Resource]:
            for one in self.resources(3):
                taken.append(one.address)
                yield one

        judged = stream(policy(tmp_path, self.RULES), "live", coming(), TODAY)
        assert taken == []
        assert (next(judged).status, taken) == ("violating", ["arn:000000"])

    def test_one_that_comes_out_of_order_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="arn:000000 comes after arn:000001"):
            self.drafted(policy(tmp_path, self.RULES), reversed(self.resources(2)))

    def test_resources_of_one_address_stand_in_order_whatever_came_first(self, tmp_path: Path) -> None:
        rules = policy(tmp_path, self.RULES)
        one, other = (resource({}, address="a", account=account) for account in "12")
        said = self.drafted(rules, [other, one], with_resources=True)
        assert [(f.tag, f.resource.account) for f in said.findings] == [
            ("environment", "1"),
            ("environment", "2"),
            ("owner", "1"),
            ("owner", "2"),
        ]
        assert said.findings == self.drafted(rules, [one, other]).findings

    def test_accounts_types_and_faults_are_counted(self, tmp_path: Path) -> None:
        totals = self.drafted(policy(tmp_path, self.RULES), self.resources(20)).totals
        assert not isinstance(totals, msgspec.UnsetType)
        # 0, 10: both; 1, 2, 11, 12: no owner. Accounts are the number modulo 4, queues the odd ones.
        assert {name: (one.resources, one.violating, one.findings) for name, one in totals.accounts.items()} == {
            "0": (5, 2, 3),
            "1": (5, 1, 1),
            "2": (5, 2, 3),
            "3": (5, 1, 1),
        }
        assert {name: (one.resources, one.compliant) for name, one in totals.types.items()} == {
            "aws_s3_bucket": (10, 6),
            "aws_sqs_queue": (10, 8),
        }
        assert [(one.tag, one.verdict, one.resources, one.accounts, one.types) for one in totals.faults] == [
            (
                "owner",
                "missing",
                6,
                {"0": 2, "1": 1, "2": 2, "3": 1},
                {"aws_s3_bucket": 4, "aws_sqs_queue": 2},
            ),
            ("environment", "invalid", 2, {"0": 1, "2": 1}, {"aws_s3_bucket": 2}),
        ]

    def test_a_fault_on_two_surfaces_is_one_resource(self, tmp_path: Path) -> None:
        both = (Surface("tags", tag_set({})), Surface("volume_tags", tag_set({})))
        totals = self.drafted(policy(tmp_path, ONE), [resource(surfaces=both)]).totals
        assert not isinstance(totals, msgspec.UnsetType)
        [fault] = totals.faults
        assert (fault.findings, fault.resources, fault.key) == (2, 1, "owner")

    def test_a_tag_that_each_cloud_spells_its_way_has_no_one_key(self, tmp_path: Path) -> None:
        rules = policy(tmp_path, "tags: {owner: {keys: {aws: Owner}}}")
        totals = self.drafted(rules, [resource({}), resource({}, cloud="google")]).totals
        assert not isinstance(totals, msgspec.UnsetType)
        [fault] = totals.faults
        assert (fault.tag, fault.key, fault.resources) == ("owner", None, 2)

    def test_keys_without_end_are_counted_together(self, tmp_path: Path) -> None:
        """Who tags each resource with a key of its own makes no report of a million rows."""
        rules = policy(tmp_path, "rules: [{id: no-secrets, forbid: {keys: ['*secret*']}}]")
        resources = [resource({f"secret-{index}": "x"}, address=f"arn:{index:06}") for index in range(MOST_TAGS + 50)]
        totals = self.drafted(rules, resources).totals
        assert not isinstance(totals, msgspec.UnsetType)
        assert len(totals.faults) == MOST_TAGS + 1
        assert [(one.resources, one.findings) for one in totals.faults if one.tag is None] == [(50, 50)]

    def test_accepted_debt_is_counted_as_such(self, tmp_path: Path) -> None:
        rules = policy(tmp_path, ONE)
        before = self.drafted(rules, [resource({}, address="a")])
        after = self.drafted(rules, [resource({}, address="a"), resource({}, address="b")], accept=acceptance(before))
        assert [one.new for one in after.findings] == [False, True]
        assert not isinstance(after.totals, msgspec.UnsetType)
        assert [(one.new, one.level, one.resources) for one in after.totals.faults] == [
            (True, "error", 1),
            (False, "warning", 1),
        ]

    def test_what_manages_a_resource_is_in_its_findings_and_its_listing(self, tmp_path: Path) -> None:
        stack = Manager(tool="cloudformation", name="shop")
        one = msgspec.structs.replace(resource({}), managers=(stack,))
        said = self.drafted(policy(tmp_path, ONE), [one], with_resources=True)
        assert [finding.managed_by for finding in said.findings] == [(stack,)]
        assert not isinstance(said.resources, msgspec.UnsetType)
        assert [listed.managed_by for listed in said.resources] == [(stack,)]

    def test_gaps_notes_and_the_ledger_come_with_the_report(self, tmp_path: Path) -> None:
        read = Cell(
            cloud="aws", account="1", region="eu-west-1", type="aws_s3_bucket", source="native", outcome="read", count=3
        )
        said = Draft("live").report(gaps=[Gap("b", "no"), Gap("a", "no")], notes=["n"], coverage=(read,))
        assert [gap.where for gap in said.gaps] == ["a", "b"]
        assert (said.complete, said.notes, said.coverage) == (False, ("n",), (read,))

    def test_only_a_live_report_has_totals(self, tmp_path: Path) -> None:
        assert report(policy(tmp_path, ONE), resource({})).totals is msgspec.UNSET

    def test_the_policy_speaks_for_itself(self, tmp_path: Path) -> None:
        rules = policy(tmp_path, f"{ONE}\nexemptions: [{{when: {{address: a}}, reason: r, until: 2020-01-01}}]")
        assert [note.partition(": ")[2] for note in remarks(rules, TODAY)] == [
            "the exemption (r) ended on 2020-01-01 and no longer holds"
        ]
