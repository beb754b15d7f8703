"""``policy show``: the policy in force as a document that states the same."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.model.resource import Cloud
from costguard.policy import Policy
from costguard.policy.load import load, shipped
from costguard.policy.show import as_yaml
from tests.policy.build import findings, policy, resource

CASES: tuple[tuple[Cloud, str], ...] = (
    ("aws", "aws_s3_bucket"),
    ("aws", "aws_instance"),
    ("google", "google_storage_bucket"),
)
PROBES = tuple(
    resource(tags, cloud=cloud, type=kind, account=account)
    for cloud, kind in CASES
    for account in ("1", None)
    for tags in (
        {},
        {"Owner": "payments", "environment": "prod", "data-classification": "x", "on": "a"},
        {"owner": "search", "environment": "sandbox", "cost-center": "TBD", "x y: #z": "no", "a": "1"},
        {"team": "payments", "note": "AKIAIOSFODNN7EXAMPLE", "environment": None, "été": "Été"},
    )
)


def said(rules: Policy) -> list[tuple[object, ...]]:
    return [
        (f.rule, f.tag, f.key, f.verdict, f.level, f.resource.address, f.found, f.expected)
        for f in findings(rules, *PROBES)
    ]


def states_the_same(rules: Policy, folder: Path) -> None:
    file = folder / "shown.yaml"
    text = as_yaml(rules)
    file.write_text(text, "utf-8")
    again = load([file])
    assert said(again) == said(rules)
    assert (again.unknown_action("plan"), again.surfaces) == (rules.unknown_action("plan"), rules.surfaces)
    assert [(e.reason, e.until, e.tags, e.rules) for e in again.exemptions] == [
        (e.reason, e.until, e.tags, e.rules) for e in rules.exemptions
    ]


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_policy(tmp_path: Path, name: str) -> None:
    states_the_same(load([name]), tmp_path)


def test_what_several_documents_and_files_state_together(tmp_path: Path) -> None:
    (tmp_path / "teams.yaml").write_text("[payments, search, 'no', '2027-01-01', '# x', 'a: b', \"a\\tb\"]")
    (tmp_path / "one.yaml").write_text("[a]")
    rules = policy(
        tmp_path,
        """
        extends: finops
        tags:
          owner: {keys: {aws: Owner}, values-from: {file: teams.yaml}}
          "on": {aliases: ["yes", "~"], value: {enum: ["no", "null", "1"]}, level: info}
          "x y: #z": {required: false, value: {pattern: "^[^#]*$", description: "a: b # c"}}
        """,
        """
        tags:
          owner: {value: {pattern: ^p}}
          cost-center: {value: {anyOf: [{const: a}, {minLength: 2}]}}
        rules:
          - id: r
            description: "why: # because"
            when: {account: "1", tags: {a: "1"}}
            require:
              team: {value: {minLength: 2}, values-from: {file: teams.yaml}}
              service: {value: {enum: [a, b]}, values-from: {file: one.yaml}}
          - {id: s, forbid: {values: ["AKIA\\\\w+"]}, level: warning}
        exemptions: [{when: {type: aws_i*}, tags: [owner], reason: "a\\nb", until: 2027-01-01}]
        unknown: {plan: fail}
        surfaces: {"tag_specifications[*].tags": error, volume_tags: ignore}
        """,
    )
    states_the_same(rules, tmp_path)


def test_each_part_says_where_it_was_said(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {x: {level: info}}", "tags: {x: {level: error}}\nunknown: {plan: fail}")
    text = as_yaml(rules).replace(f"{tmp_path}/", "")
    assert "    level: error  # p1.yaml:2\n" in text
    assert "  plan: fail  # p1.yaml:3\n" in text
    assert "    required: true  # the default\n" in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, max_size=4))
def test_any_text_survives(tmp_path: Path, words: list[str]) -> None:
    document = {
        "version": 1,
        "tags": {f"t{i} {word}": {"description": word, "value": {"enum": [word, "x"]}} for i, word in enumerate(words)},
    }
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    rules = load([file])
    file.write_text(as_yaml(rules), "utf-8")
    again = load([file])
    assert again.spellings == rules.spellings
    assert [(path, value) for path, value, _ in again.statement] == [
        (path, value) for path, value, _ in rules.statement
    ]
