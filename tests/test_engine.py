"""The engine: levels, statuses, surfaces, old debt, and what a report says of the policy itself."""

from pathlib import Path

import pytest

from costguard.engine import evaluate, fingerprint
from costguard.model.finding import Verdict
from costguard.model.resource import Checkpoint, Gap, Inventory, Known, Resource, Surface, Tag, TagSet
from costguard.policy.load import load
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
