"""The table of verdicts, row by row, on each cloud: what the evidence for a required tag makes of it."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from costguard.model.resource import Cloud, Surface, TagSet
from tests.policy.build import TYPES, Secret, Value, findings, policy, resource, tag_set, verdicts

CLOUDS: tuple[Cloud, ...] = get_args(Cloud)
KEYS = {"aws": "Environment", "google": "environment", "azure": "environment"}
POLICY = """
    tags:
      environment:
        description: Where it runs.
        keys: {aws: Environment}
        aliases: [env, stage]
        value: {enum: [production, staging]}
        synonyms: {prd: production}
"""
PRESENCE = """
    tags:
      environment: {keys: {aws: Environment}}
"""


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Cloud:
    chosen: Cloud = request.param
    return chosen


def said(tmp_path: Path, cloud: Cloud, tags: TagSet, text: str = POLICY) -> str:
    return verdicts(policy(tmp_path, text), resource(tags, cloud=cloud)).get("environment", "compliant")


ROWS: tuple[tuple[str, Value, str, str], ...] = (
    ("known, satisfies its rule", "production", POLICY, "compliant"),
    ("known, any value will do", "whatever", PRESENCE, "compliant"),
    ("known, empty", "", POLICY, "empty"),
    ("known, empty, any value would do", "", PRESENCE, "empty"),
    ("known, only spaces", " \t ", PRESENCE, "empty"),
    ("known, only exotic spaces", "\u00a0\u2003", PRESENCE, "empty"),
    ("known, not an allowed value", "qa", POLICY, "invalid"),
    ("known, another case of a value", "Production", POLICY, "invalid"),
    ("known, a newline after the value", "production\n", POLICY, "invalid"),
    ("unknown value, any will do", None, PRESENCE, "compliant"),
    ("unknown value, constrained", None, POLICY, "unknown"),
)


@pytest.mark.parametrize(("value", "text", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_tag_that_is_there(tmp_path: Path, cloud: Cloud, value: Value, text: str, verdict: str) -> None:
    assert said(tmp_path, cloud, tag_set({KEYS[cloud]: value}), text) == verdict


@pytest.mark.parametrize("other", ["env", "stage", "STAGE", "eNVIRONMENT", " environment "])
def test_absent_but_under_another_name_is_misspelled(tmp_path: Path, cloud: Cloud, other: str) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource({other: "production"}, cloud=cloud))
    assert (finding.verdict, finding.found, finding.expected) == ("misspelled", other, KEYS[cloud])


def test_the_key_of_another_cloud_is_a_misspelling(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource({"Environment": "production"}, cloud="google"))
    assert (finding.verdict, finding.found, finding.expected) == ("misspelled", "Environment", "environment")


def test_another_case_is_preferred_to_an_alias_and_aliases_count_in_order(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY)
    [finding] = findings(rules, resource({"stage": "x", "env": "x", "ENVIRONMENT": "production"}))
    assert finding.found == "ENVIRONMENT"
    [finding] = findings(rules, resource({"stage": "x", "env": "x"}))
    assert finding.found == "env"


def test_an_alias_beside_the_right_key_is_no_fault(tmp_path: Path, cloud: Cloud) -> None:
    assert said(tmp_path, cloud, tag_set({KEYS[cloud]: "staging", "env": "nonsense"})) == "compliant"


def test_absent_from_a_closed_set_is_missing(tmp_path: Path, cloud: Cloud) -> None:
    assert said(tmp_path, cloud, tag_set({"other": "x"})) == "missing"
    assert said(tmp_path, cloud, tag_set({})) == "missing"


def test_absent_from_an_open_set_is_unknown(tmp_path: Path, cloud: Cloud) -> None:
    assert said(tmp_path, cloud, tag_set({"other": "x"}, opened="merged at apply")) == "unknown"


def test_an_alias_in_an_open_set_proves_nothing_and_is_mentioned(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource(tag_set({"env": "production"}, opened="merged at apply")))
    assert finding.verdict == "unknown"
    assert "merged at apply" in finding.message
    assert "env" in finding.message


def test_a_hidden_key_is_unknown_and_other_keys_are_not(tmp_path: Path, cloud: Cloud) -> None:
    assert said(tmp_path, cloud, tag_set({}, hidden=[(KEYS[cloud], "ignored")])) == "unknown"
    assert said(tmp_path, cloud, tag_set({}, hidden=[(KEYS[cloud][:3] + "*", "ignored")])) == "unknown"
    assert said(tmp_path, cloud, tag_set({}, hidden=[("team*", "ignored")])) == "missing"


def test_a_known_fault_in_an_open_set_is_certain(tmp_path: Path, cloud: Cloud) -> None:
    assert said(tmp_path, cloud, tag_set({KEYS[cloud]: "qa"}, opened="merged at apply")) == "invalid"


def test_a_tag_that_the_policy_prohibits_is_forbidden(tmp_path: Path, cloud: Cloud) -> None:
    rules = policy(tmp_path, "rules: [{id: retired, forbid: {keys: [cost-code]}}]")
    assert verdicts(rules, resource({"cost-code": "1"}, cloud=cloud)) == {"cost-code": "forbidden"}
    assert verdicts(rules, resource({"cost-code": None}, cloud=cloud)) == {"cost-code": "forbidden"}
    assert verdicts(rules, resource({"cost-codes": "1"}, cloud=cloud)) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("prd", "production"),
        ("PRD ", "production"),
        ("Production", "production"),
        (" staging", "staging"),
        ("prodution", "production"),
        ("qa", None),
        ("x" * 5000, None),
    ],
)
def test_an_invalid_value_comes_with_what_was_meant(tmp_path: Path, value: str, expected: str | None) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource({"Environment": value}))
    assert (finding.verdict, finding.found, finding.expected) == ("invalid", value, expected)


def test_what_was_meant_satisfies_all_that_is_said_of_the_tag(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {env: {value: {enum: [production, products]}}}",
        "tags: {env: {value: {pattern: ^products$}}}",
    )
    [finding] = findings(rules, resource({"env": "production "}))
    assert finding.expected != "production"
    assert "products" in finding.remedy


def test_a_tag_that_is_not_required_may_be_absent_and_is_judged_where_it_is(tmp_path: Path, cloud: Cloud) -> None:
    text = POLICY.replace("description:", "required: false\n        description:")
    assert said(tmp_path, cloud, tag_set({}), text) == "compliant"
    assert said(tmp_path, cloud, tag_set({}, opened="merged at apply"), text) == "compliant"
    assert said(tmp_path, cloud, tag_set({KEYS[cloud]: "qa"}), text) == "invalid"
    assert said(tmp_path, cloud, tag_set({KEYS[cloud]: ""}), text) == "empty"
    assert said(tmp_path, cloud, tag_set({"env": "production"}), text) == "misspelled"


def test_a_sensitive_value_is_judged_and_never_printed(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource({"Environment": Secret("hunter2hunter2")}))
    assert finding.verdict == "invalid"
    assert finding.found is None
    assert "hunter2" not in repr(finding)


def test_the_message_says_where_an_inherited_value_comes_from(tmp_path: Path) -> None:
    tags = tag_set({"Environment": "qa"}, source="default_tags of provider aws")
    [finding] = findings(policy(tmp_path, POLICY), resource(tags))
    assert "default_tags of provider aws" in finding.message
    assert "default_tags of provider aws" in finding.remedy


def test_findings_name_the_tag_and_its_key_on_the_cloud(tmp_path: Path, cloud: Cloud) -> None:
    [finding] = findings(policy(tmp_path, POLICY), resource({}, cloud=cloud))
    assert (finding.tag, finding.key, finding.surface) == ("environment", KEYS[cloud], TYPES[cloud][1])


def test_a_resource_of_no_known_cloud_is_judged_by_the_tags_own_name(tmp_path: Path) -> None:
    one = msgspec.structs.replace(resource({"environment": "production"}), cloud=None)
    assert verdicts(policy(tmp_path, POLICY), one) == {}


def test_a_resource_without_surfaces_is_untaggable(tmp_path: Path) -> None:
    assert verdicts(policy(tmp_path, POLICY), resource(surfaces=())) == {}


def test_each_surface_is_judged_for_itself(tmp_path: Path) -> None:
    surfaces = (
        Surface("tags", tag_set({"Environment": "production"})),
        Surface("volume_tags", tag_set({}), created=True),
    )
    [finding] = findings(policy(tmp_path, POLICY), resource(surfaces=surfaces))
    assert (finding.surface, finding.verdict, finding.level) == ("volume_tags", "missing", "warning")
