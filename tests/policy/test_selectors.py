"""``when``: which resources a rule is about. What can't be known makes the verdict unknown, never silently no."""

from pathlib import Path
from typing import Any

import pytest

from costguard.model.resource import Checkpoint
from tests.policy.build import findings, policy, resource, tag_set, verdicts


def selected(tmp_path: Path, when: str, checkpoint: Checkpoint = "plan", **properties: Any) -> str:
    rules = policy(tmp_path, f"rules:\n  - id: r\n    when: {when}\n    forbid: {{keys: [bad]}}\n")
    tags = properties.pop("tags", tag_set({"bad": "1"}))
    said = verdicts(rules, resource(tags, **properties), checkpoint=checkpoint)
    return {"forbidden": "yes", "unknown": "unknown", "": "no"}[said.get("bad", "")]


NESTED = 'module.legacy["a.b"].module.x[0].aws_s3_bucket.b["it\'s [1]"]'


@pytest.mark.parametrize(
    ("when", "properties", "expected"),
    [
        ("{}", {}, "yes"),
        ("{type: aws_s3_bucket}", {}, "yes"),
        ("{type: aws_*}", {}, "yes"),
        ("{type: aws_?3_bucket}", {}, "yes"),
        ("{type: [x, aws_s3_bucket]}", {}, "yes"),
        ("{type: s3}", {}, "no"),
        ("{type: AWS_S3_BUCKET}", {}, "no"),
        ("{provider: aws}", {}, "yes"),
        ("{provider: azurerm}", {"cloud": "azure"}, "yes"),
        ("{provider: azure}", {"cloud": "azure"}, "yes"),
        ("{provider: google}", {"cloud": "google", "provider": "google-beta"}, "yes"),
        ("{provider: google-beta}", {"cloud": "google", "provider": "google"}, "no"),
        ("{provider: google}", {}, "no"),
        ("{address: 'aws_s3_bucket.it'}", {}, "yes"),
        ("{address: '*.it'}", {}, "yes"),
        ("{address: it}", {}, "no"),
        ("{address: 'module.legacy.*'}", {"address": NESTED}, "yes"),
        ("{address: 'module.legacy[*'}", {"address": NESTED}, "yes"),
        ("""{address: 'module.legacy["a.b"].*'}""", {"address": NESTED}, "yes"),
        ("""{address: 'module.legacy["a"].*'}""", {"address": NESTED}, "no"),
        ("""{address: 'module.legacy["a?b"].*'}""", {"address": NESTED}, "yes"),
        ("{address: 'module.legacy.module.x.aws_s3_bucket.b'}", {"address": NESTED}, "yes"),
        ("""{address: '*b["it''s [1]"]'}""", {"address": NESTED}, "yes"),
        ("{module: module.a}", {"module": "module.a"}, "yes"),
        ("{module: module.a}", {"module": 'module.a["x"]'}, "yes"),
        ("""{module: 'module.a["x"]'}""", {"module": 'module.a["y"]'}, "no"),
        ("{module: 'module.*'}", {"module": ""}, "no"),
        ("{account: '123456789012'}", {"account": "123456789012"}, "yes"),
        ("{account: ['1*', '2*']}", {"account": "223456789012"}, "yes"),
        ("{account: '1*'}", {"account": "223456789012"}, "no"),
        ("{account: '1*'}", {}, "unknown"),
        ("{account: 012345678901}", {"account": "012345678901"}, "yes"),
        ("{region: eu-*}", {"region": "eu-west-1"}, "yes"),
        ("{region: eu-*}", {"region": "us-east-1"}, "no"),
        ("{region: eu-*}", {}, "unknown"),
        ("{tags: {env: dev*}}", {"tags": tag_set({"bad": "1", "env": "dev-2"})}, "yes"),
        ("{tags: {env: [x, dev]}}", {"tags": tag_set({"bad": "1", "env": "dev"})}, "yes"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1", "env": "production"})}, "no"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1", "env": None})}, "unknown"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1"})}, "no"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1"}, opened="merged at apply")}, "unknown"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1"}, hidden=[("env", "ignored")])}, "unknown"),
        ("{tags: {env: dev}}", {"tags": tag_set({"bad": "1"}, hidden=[("x", "ignored")])}, "no"),
        ("{tags: {env: dev, x: y}}", {"tags": tag_set({"bad": "1", "env": "dev"})}, "no"),
        ("{checkpoint: plan}", {}, "yes"),
        ("{checkpoint: [live, bill]}", {}, "no"),
        # all given must hold; a certain no outweighs what isn't known
        ("{type: aws_*, region: eu-*}", {"region": "us-east-1"}, "no"),
        ("{type: google_*, account: '1'}", {}, "no"),
        ("{account: '1', region: eu-*}", {"region": "us-east-1"}, "no"),
        ("{account: '1', region: eu-*}", {"region": "eu-west-1"}, "unknown"),
        ("{account: '1', tags: {env: dev}}", {"tags": tag_set({"bad": "1", "env": "x"})}, "no"),
        ("{address: nothing, account: '1'}", {}, "no"),
    ],
)
def test_when(tmp_path: Path, when: str, properties: dict[str, Any], expected: str) -> None:
    assert selected(tmp_path, when, **properties) == expected


def test_a_tag_in_when_is_the_policys_tag_under_its_key_on_the_cloud(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        tags: {environment: {keys: {aws: Env}, required: false}}
        rules: [{id: r, when: {tags: {environment: sandbox}}, require: {expires: {}}}]
        """,
    )
    assert verdicts(rules, resource({"Env": "sandbox"})) == {"expires": "missing"}
    assert verdicts(rules, resource({"environment": "sandbox"}, cloud="google")) == {"expires": "missing"}
    assert "expires" not in verdicts(rules, resource({"environment": "sandbox"}))


def test_a_rule_that_may_apply_gives_an_unknown_that_says_why(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, "rules: [{id: r, when: {account: '1'}, require: {owner: {}}}]"), resource())
    assert finding.verdict == "unknown"
    assert "if r applies: the account is not known here" in finding.message


def test_a_rule_that_may_apply_says_nothing_of_what_satisfies_it(tmp_path: Path) -> None:
    rules = policy(tmp_path, "rules: [{id: r, when: {account: '1'}, require: {owner: {}}}]")
    assert verdicts(rules, resource({"owner": "payments"})) == {}


def test_a_certain_fault_counts_over_one_of_a_rule_that_may_apply(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {owner: {level: info}}\nrules: [{id: r, when: {account: '1'}, require: {owner: {}}}]",
    )
    [finding] = findings(rules, resource())
    assert (finding.verdict, finding.rule) == ("missing", "tags/owner")


def test_each_surface_is_selected_by_its_own_tags(tmp_path: Path) -> None:
    from costguard.model.resource import Surface

    rules = policy(tmp_path, "rules: [{id: r, when: {tags: {env: dev}}, forbid: {keys: [bad]}}]")
    surfaces = (
        Surface("tags", tag_set({"bad": "1", "env": "production"})),
        Surface("volume_tags", tag_set({"bad": "1", "env": "dev"}), created=True),
    )
    assert [f.surface for f in findings(rules, resource(surfaces=surfaces))] == ["volume_tags"]
