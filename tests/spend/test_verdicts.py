"""What the policy makes of tag sets as bills have them; and that remembering verdicts changes none."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.policy import Policy
from costguard.policy.rules import Rule
from costguard.spend.verdicts import LONGEST_TAGS, Case, Judge, Ruling, needs, read_tags
from tests.policy.build import policy
from tests.policy.test_laws import KEYS, VALUES, documents, kinds, loaded, whens

TODAY = date(2026, 11, 23)
PLAIN = "tags: {owner: {aliases: [team]}, environment: {value: {enum: [production, dev]}}}"
GOOD = '{"owner": "shop", "environment": "dev"}'
BUCKET, TABLE = "arn:aws:s3:::logs", "arn:aws:dynamodb:eu-west-1:012345678901:table/orders"


def ruled(rules: Policy, tags: str | None, provider: str | None = "aws", **more: Any) -> Ruling:
    how = {name: more.pop(name) for name in ("tagged", "folded", "prefix") if name in more}
    return Judge(rules, TODAY, **how).one(Case(tags, provider, **more))


@pytest.mark.parametrize(
    ("tags", "state", "states", "values"),
    [
        (GOOD, "compliant", {}, {"owner": "shop", "environment": "dev"}),
        ('"owner": "shop", "environment": "dev"', "compliant", {}, {"owner": "shop", "environment": "dev"}),
        ('{"owner": 12.50, "environment": "dev"}', "compliant", {}, {"owner": "12.50", "environment": "dev"}),
        ('{"environment": "dev"}', "missing", {"owner": "missing"}, {"environment": "dev"}),
        ('{"owner": true, "environment": "dev"}', "empty", {"owner": "empty"}, {"environment": "dev"}),
        ('{"owner": "shop", "environment": "qa"}', "invalid", {"environment": "invalid"}, {"owner": "shop"}),
        ('{"team": "shop", "environment": "dev"}', "misspelled", {"owner": "misspelled"}, {"environment": "dev"}),
        ('{"team": "shop", "environment": "qa"}', "misspelled", {"owner": "misspelled", "environment": "invalid"}, {}),
        ('{"Owner": "shop"}', "missing", {"owner": "misspelled", "environment": "missing"}, {}),
        (None, "missing", {"owner": "missing", "environment": "missing"}, {}),
    ],
)
def test_a_tag_set_is_judged_as_the_policy_says(
    tmp_path: Path, tags: str | None, state: str, states: dict[str, str], values: dict[str, str]
) -> None:
    found = ruled(policy(tmp_path, PLAIN), tags)
    assert (found.state, found.states, found.values, found.flaw) == (state, states, values, "")


@pytest.mark.parametrize(
    ("tags", "provider", "untagged"),
    [
        (None, "aws", True),
        ("{}", "aws", True),
        ('{"aws:createdBy": "x", "AWS:cloudformation:stack-name": "y"}', "aws", True),
        ('{"goog-gke-cluster": "x"}', "google", True),
        ('{"goog-gke-cluster": "x"}', "aws", False),
        ('{"aws:createdBy": "x"}', "azure", False),
        ('{"aws:createdBy": "x", "Name": ""}', "aws", False),
        ("[", "aws", False),
    ],
)
def test_what_the_cloud_sets_itself_is_no_tag(tmp_path: Path, tags: str, provider: str, untagged: bool) -> None:
    assert ruled(policy(tmp_path, PLAIN), tags, provider).untagged is untagged


@pytest.mark.parametrize(
    "tags",
    [
        "[",
        '["owner"]',
        '{"owner": "shop", "environment": "dev", "owner": "till"}',
        '"owner": "shop", "owner": "till"',
        '{"owner": 1, "owner": 2}',
        '{"owner": "a\\"b", "owner": "c"}',
        '[{"value": "shop"}]',
        '[{"key": "owner", "value": ["shop"]}]',
        '[{"key": "owner", "value": "shop"}, {"key": "owner", "value": "till"}]',
        "NULL",
        '"owner": "sh',
        '{"owner": "\\ud800"}',
        '{"owner": {"name": "shop"}}',
        '{"owner": ["shop"], "environment": "dev"}',
        '{"owner": NaN}',
        '{"a":' + "[" * 20_000,
        '{"owner": "' + "x" * LONGEST_TAGS + '"}',
    ],
    ids=lambda tags: tags[:30],
)
def test_what_can_not_be_read_is_unknown_and_says_why(tmp_path: Path, tags: str) -> None:
    found = ruled(policy(tmp_path, PLAIN), tags)
    assert (found.state, found.untagged, found.values) == ("unknown", False, {})
    assert found.flaw


@pytest.mark.parametrize("tags", ['{"owner": "shop", "owner": "shop"}', '{"owner": "shop", "note": "a \\"b\\""}'])
def test_a_key_that_says_the_same_twice_and_quotes_in_a_value_are_no_contradiction(tmp_path: Path, tags: str) -> None:
    assert ruled(policy(tmp_path, PLAIN), tags).values["owner"] == "shop"


@pytest.mark.parametrize(
    ("listed", "plain"),
    [
        ("[]", "{}"),
        ("null", "{}"),
        ('[{"key": "owner", "value": "shop"}]', '{"owner": "shop"}'),
        ('[{"key": "owner", "value": "shop"}, {"key": "owner", "value": "shop"}]', '{"owner": "shop"}'),
        ('[{"value": "shop", "key": "owner"}, {"key": "environment"}]', '{"owner": "shop", "environment": ""}'),
        ('[{"key": "owner", "value": null, "namespace": "1/2"}]', '{"owner": null}'),
    ],
)
def test_a_list_of_keys_with_values_is_the_object_with_them(tmp_path: Path, listed: str, plain: str) -> None:
    rules = policy(tmp_path, PLAIN)
    assert ruled(rules, listed) == ruled(rules, plain)


def test_an_export_without_tags_leaves_all_unknown(tmp_path: Path) -> None:
    found = ruled(policy(tmp_path, PLAIN), None, tagged=False)
    assert (found.state, found.untagged) == ("unknown", False)


EXEMPT = f"""
{PLAIN}
exemptions:
  - {{when: {{WHEN}}, TAGS reason: moving, until: UNTIL}}
"""


def exempting(folder: Path, when: str, tags: str = "", until: str = "2027-01-01") -> Policy:
    text = EXEMPT.replace("{WHEN}", when).replace("TAGS", tags).replace("UNTIL", until)
    return policy(folder, text)


def test_what_is_exempt_is_compliant_and_says_so(tmp_path: Path) -> None:
    rules = exempting(tmp_path, '{account: "01*"}')
    found = ruled(rules, '{"owner": "shop", "environment": "qa"}', account="012345678901")
    assert (found.state, found.exempt, found.states) == ("compliant", True, {})
    assert found.values == {"owner": "shop"}  # An exempted value is still not as it should be.
    assert not ruled(rules, GOOD, account="012345678901").exempt
    assert ruled(rules, None, account="999999999999").state == "missing"


def test_an_exemption_of_one_tag_leaves_the_others(tmp_path: Path) -> None:
    found = ruled(exempting(tmp_path, '{account: "*1"}', "tags: [owner],"), None, account="1")
    assert (found.state, found.exempt, found.states) == ("missing", False, {"environment": "missing"})


def test_an_exemption_that_can_not_be_decided_leaves_it_unknown(tmp_path: Path) -> None:
    assert ruled(exempting(tmp_path, '{account: "01*"}'), None).state == "unknown"
    assert ruled(exempting(tmp_path, "{type: aws_s3_bucket}"), None, resource="what-is-it").state == "unknown"


def test_an_exemption_that_ended_holds_no_more(tmp_path: Path) -> None:
    rules = exempting(tmp_path, '{account: "01*"}', until="2026-11-22")
    assert ruled(rules, None, account="012345678901").state == "missing"
    assert ruled(rules, None).state == "missing"


BY_TYPE = """
tags: {owner: {}, class: {required: false}}
rules:
  - id: stores
    when: {type: [aws_s3_bucket, aws_instance]}
    require: {class: {}}
"""


@pytest.mark.parametrize(
    ("resource", "states"),
    [
        (BUCKET, {"class": "missing"}),
        (TABLE, {}),
        ("i-0123456789abcdef0", {"class": "missing"}),
        ("vol-0123456789abcdef0", {}),
        ("logs", {"class": "unknown"}),
        (None, {"class": "unknown"}),
    ],
)
def test_the_type_is_what_the_id_tells_and_never_guessed(
    tmp_path: Path, resource: str | None, states: dict[str, str]
) -> None:
    rules = policy(tmp_path, BY_TYPE)
    assert needs(rules) == {"resource"}
    assert ruled(rules, '{"owner": "shop"}', resource=resource).states == states


@pytest.mark.parametrize(
    ("key", "billed"),
    [
        ("Owner", "owner"),
        ("CostCenter", "cost_center"),
        ("CostCenter", "costcenter"),
        ("cost-center", "cost_center"),
        ("cost:center", "cost_center"),
        ("Cost Center", "cost_center"),
        ("owner", "owner"),
    ],
)
def test_a_key_that_the_bill_changed_is_there(tmp_path: Path, key: str, billed: str) -> None:
    rules = policy(tmp_path, f"tags: {{it: {{keys: {{aws: '{key}'}}}}}}")
    found = ruled(rules, json.dumps({billed: "x"}), folded=True)
    assert (found.state, found.values) == ("compliant", {"it": "x"})
    found = ruled(rules, json.dumps({f"user_{billed}": "x", "aws_owner": "z"}), folded=True, prefix="user_")
    assert (found.state, found.values) == ("compliant", {"it": "x"})
    assert ruled(rules, '{"other": "x"}', folded=True).state == "missing"


def test_keys_that_the_bill_makes_one_are_unknown(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {a: {keys: {aws: cost-center}}, b: {keys: {aws: cost_center}}}")
    found = ruled(rules, '{"cost_center": "x"}', folded=True)
    assert (found.state, found.states, found.values) == ("unknown", {"a": "unknown", "b": "unknown"}, {})
    assert ruled(rules, '{"other": "x"}', folded=True).states == {"a": "missing", "b": "missing"}
    twice = policy(tmp_path, "tags: {it: {keys: {aws: CostCenter}}}")
    assert ruled(twice, '{"cost_center": "x", "costcenter": "y"}', folded=True).state == "unknown"


def test_an_alias_that_the_bill_changed_is_still_one(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {owner: {aliases: [Owned-By]}}")
    assert ruled(rules, '{"owned_by": "shop"}', folded=True).states == {"owner": "misspelled"}


def test_how_keys_are_spelled_is_unknown_where_the_bill_changed_them(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'tags: {owner: {}}\nrules: [{id: style, every-tag: {key: {pattern: "^[A-Z]|owner"}}}]')
    assert ruled(rules, '{"owner": "a", "stack": "b"}').states == {"stack": "invalid"}
    assert ruled(rules, '{"owner": "a", "stack": "b"}', folded=True).states == {"stack": "unknown"}


def test_other_keys_than_those_of_the_prefix_are_none_of_the_resource(tmp_path: Path) -> None:
    rules = policy(tmp_path, PLAIN)
    found = ruled(rules, '{"account/owner": "shop", "owner": "shop"}', prefix="tag/")
    assert (found.untagged, found.states["owner"]) == (True, "missing")


# ------------------------------------------------------------- laws

noise = st.fixed_dictionaries(
    {}, optional={"Name": st.text(max_size=3), "Other": st.sampled_from(VALUES), "aws:y": st.just("1")}
)


@st.composite
def families(draw: Callable[..., Any]) -> list[Case]:
    """Cases that are alike: one tag set, with other values, and with tags beside that are nobody's business."""
    base = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=4))
    provider = draw(st.sampled_from(["aws", "google", "azure", "oracle", None]))
    found = []
    for _ in range(draw(st.integers(2, 5))):
        tags = {key: draw(st.sampled_from([text, text, draw(st.sampled_from(VALUES))])) for key, text in base.items()}
        tags |= draw(noise)
        text = draw(st.sampled_from([json.dumps(tags)] * 6 + [None, "[", json.dumps(tags)[1:-1]]))
        account, resource = draw(st.sampled_from([None, "1", "2"])), draw(st.sampled_from([None, BUCKET, TABLE, "x"]))
        found.append(Case(text, provider, account, None, resource))
    return found


exemptions = st.fixed_dictionaries(
    {"when": whens, "reason": st.just("moving"), "until": st.sampled_from(["2027-01-01", "2020-01-01"])},
    optional={"rules": st.just(["r0"])},
)
LAWS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@LAWS
@given(
    doc=documents(),
    exempt=st.lists(exemptions, max_size=2),
    cases=st.lists(families(), min_size=1, max_size=4),
    how=st.fixed_dictionaries({"tagged": st.booleans(), "folded": st.booleans(), "prefix": st.sampled_from(["", "o"])}),
)
def test_a_ruling_that_is_remembered_is_the_one_that_would_be_made(
    tmp_path: Path, doc: dict[str, Any], exempt: list[dict[str, Any]], cases: list[list[Case]], how: dict[str, Any]
) -> None:
    named = {"r0"} & {rule["id"] for rule in doc["rules"]}
    some = [one for one in exempt if any(value != "*" for value in one["when"].values())]  # Not everything.
    given_ = [one if "rules" not in one else one | {"rules": sorted(named)} for one in some]
    rules = loaded(tmp_path, doc | {"exemptions": [one for one in given_ if one.get("rules", ["any"])]})
    remembering = Judge(rules, TODAY, **how)
    anew = Judge(rules, TODAY, **how, remember=False)
    for case in (case for family in cases for case in family):
        assert remembering.one(case) == anew.one(case), case


@LAWS
@given(body=kinds, cases=families())
def test_what_a_rule_does_not_mind_may_as_well_be_away(tmp_path: Path, body: dict[str, Any], cases: list[Case]) -> None:
    rules = loaded(tmp_path, {"version": 1, "tags": {"owner": {}}, "rules": [{"id": "it", **body}]})
    for case in cases:
        read = read_tags(case.tags)
        if read.flaw:
            continue
        tags = read.tags
        cloud = {"aws": "aws", "google": "google", "azure": "azure"}.get(case.provider or "")
        kept = {key: text for key, text in tags.items() if any(_minds(rule, key, text, cloud) for rule in rules.rules)}
        whole = ruled(rules, json.dumps(dict(tags)), case.provider)
        left = ruled(rules, json.dumps(kept), case.provider)
        assert (whole.state, whole.states) == (left.state, left.states)


def _minds(rule: Rule, key: str, text: str, cloud: str | None) -> bool:
    found = rule.minds(key, cloud)
    return found(text) if callable(found) else found != "nothing"
