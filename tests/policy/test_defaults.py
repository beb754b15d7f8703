"""``default``: what may be written where a tag is missing. It changes no verdict."""

from pathlib import Path

import pytest

from costguard.policy import Policy
from costguard.policy.rules.require import Require
from tests.policy.build import mistakes, policy, resource, verdicts


def default(rules: Policy, rule: str) -> str:
    [found] = [one.default for one in rules.rules if isinstance(one, Require) and one.id == rule]
    return found


def test_a_default_is_not_a_value_that_is_there(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {owner: {default: platform}}")
    assert default(rules, "tags/owner") == "platform"
    assert verdicts(rules, resource({})) == {"owner": "missing"}


def test_there_is_none_where_none_is_stated(tmp_path: Path) -> None:
    assert default(policy(tmp_path, "tags: {owner: {}}"), "tags/owner") == ""


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("{value: {enum: [a, b]}, default: c}", "p0.yaml:2: tags.x.default: 'c' is not an allowed value"),
        ("{value: {pattern: '^[a-z]+$'}, default: A}", "p0.yaml:2: tags.x.default: 'A' is not an allowed value"),
        ("{default: ' '}", "p0.yaml:2: tags.x.default: ' ' is not an allowed value"),
        ("{default: no}", "p0.yaml:2: tags.x.default: takes text, not false (put it in quotes if text is meant)"),
    ],
)
def test_a_default_must_be_allowed(tmp_path: Path, tag: str, said: str) -> None:
    assert mistakes(tmp_path, f"version: 1\ntags: {{x: {tag}}}\n") == [said]


def test_the_later_default_counts(tmp_path: Path) -> None:
    assert default(policy(tmp_path, "tags: {x: {default: a}}", "tags: {x: {default: b}}"), "tags/x") == "b"


def test_tighter_values_that_exclude_a_default_say_so_where_it_is_stated(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "tags: {x: {default: a}}", "tags: {x: {value: {enum: [b]}}}")
    assert said == ["p0.yaml:2: tags.x.default: 'a' is not an allowed value"]


def test_a_rule_takes_the_default_of_its_tag_where_its_own_values_allow_it(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        tags: {x: {required: false, default: a}}
        rules:
          - {id: any, require: {x: {}}}
          - {id: narrow, require: {x: {value: {enum: [b]}}}}
          - {id: own, require: {x: {value: {enum: [b]}, default: b}}}
        """,
    )
    assert [default(rules, rule) for rule in ("any", "narrow", "own")] == ["a", "", "b"]


def test_the_default_of_a_rule_must_be_allowed_too(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "rules: [{id: r, require: {x: {value: {enum: [b]}, default: c}}}]")
    assert said == ["p0.yaml:2: rules[0].require.x.default: 'c' is not an allowed value"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("prd", "production"),
        ("PRD", "production"),
        (" prd ", "production"),
        ("Production", "production"),
        ("production ", "production"),
        ("productoin", None),
        ("Dev", None),
        ("", None),
    ],
)
def test_what_a_value_was_certainly_meant_to_be(tmp_path: Path, text: str, meant: str | None) -> None:
    """A near spelling is a guess, and two allowed values that differ in case alone leave it open which is meant."""
    rules = policy(tmp_path, "tags: {x: {value: {enum: [production, dev, DEV]}, synonyms: {prd: production}}}")
    [rule] = [rule for rule in rules.rules if isinstance(rule, Require)]
    assert rule.certainly(text) == meant
