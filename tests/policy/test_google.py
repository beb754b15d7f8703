"""Google's labels and Tags: which of them makes a tag right, and values that a label can only hold encoded."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.catalog.encoding import encode
from costguard.model.resource import Cloud, Known, Resource, Tag, TagSet
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.policy.show import as_yaml
from tests.policy.build import Secret, Value, findings, mistakes, policy, report, resource, tag_set, verdicts, write

TAG = "123456789012/owner"
POLICY = f"""
    tags:
      owner:
        google-tag: {TAG}
        aliases: [team]
        value: {{enum: [payments, search, alice@corp.com]}}
"""


def on_google(
    labels: Mapping[str, Value],
    bound: Mapping[str, str] | None,
    *,
    opened: str = "",
    unbound: str = "",
    source: str = "the resource",
    cloud: Cloud = "google",
) -> Resource:
    """A resource with labels, and Tags that are bound to it; None where they can't be seen, ``unbound`` where only some
    can."""
    seen = None if bound is None else TagSet({key: Tag(Known(text), source) for key, text in bound.items()}, unbound)
    known = tag_set(labels, opened=opened)
    return resource(TagSet(known.tags, known.open, known.hidden, seen), cloud=cloud)


ROWS: tuple[tuple[str, Mapping[str, Value], Mapping[str, str] | None, str], ...] = (
    ("the label alone", {"owner": "payments"}, {}, "compliant"),
    ("the Tag alone", {}, {TAG: "payments"}, "compliant"),
    ("both, the same", {"owner": "payments"}, {TAG: "payments"}, "compliant"),
    ("both, the same but for case", {"owner": "payments"}, {TAG: "Payments"}, "compliant"),
    ("both, different", {"owner": "payments"}, {TAG: "search"}, "invalid"),
    ("both, the label is wrong", {"owner": "nobody"}, {TAG: "payments"}, "invalid"),
    ("both, the label is empty", {"owner": ""}, {TAG: "payments"}, "empty"),
    ("the Tag alone, wrong", {}, {TAG: "nobody"}, "invalid"),
    ("neither", {}, {}, "missing"),
    ("another Tag of that name", {}, {"999999999999/owner": "payments"}, "missing"),
    ("an alias and no Tag", {"team": "payments"}, {}, "misspelled"),
    ("an alias and the Tag", {"team": "payments"}, {TAG: "payments"}, "compliant"),
    ("the label, Tags not to be seen", {"owner": "payments"}, None, "compliant"),
    ("a wrong label, Tags not to be seen", {"owner": "nobody"}, None, "invalid"),
    ("no label, Tags not to be seen", {}, None, "unknown"),
    ("an alias, Tags not to be seen", {"team": "payments"}, None, "unknown"),
    ("an unknown label and a Tag", {"owner": None}, {TAG: "search"}, "unknown"),
)


@pytest.mark.parametrize(("labels", "bound", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_label_and_tag(
    tmp_path: Path, labels: Mapping[str, Value], bound: Mapping[str, str] | None, verdict: str
) -> None:
    said = verdicts(policy(tmp_path, POLICY), on_google(labels, bound))
    assert said.get("owner", "compliant") == verdict


@given(
    labels=st.dictionaries(st.sampled_from(["owner", "team"]), st.sampled_from(["payments", "search", "nobody", ""])),
    bound=st.dictionaries(st.sampled_from([TAG, "1/owner"]), st.sampled_from(["payments", "Search", "nobody"])),
)
def test_what_the_plan_decides_holds_live(accepting: Policy, labels: dict[str, str], bound: dict[str, str]) -> None:
    """A Tag that contradicts a label is all that a plan, which is sure of the label, can't foresee."""
    plan = verdicts(accepting, on_google(labels, None)).get("owner", "compliant")
    live = verdicts(accepting, on_google(labels, bound)).get("owner", "compliant")
    contradicted = TAG in bound and bound[TAG].casefold() != labels.get("owner")
    assert live == plan or plan == "unknown" or (plan == "compliant" and live == "invalid" and contradicted)
    assert (plan == "unknown") == ("owner" not in labels)


@pytest.fixture(scope="module")
def accepting(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("policy"), POLICY)


def test_tags_of_which_some_can_not_be_seen(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY)
    [finding] = findings(rules, on_google({}, {}, unbound="the search was refused"))
    assert (finding.verdict, "the search was refused" in finding.message) == ("unknown", True)
    assert verdicts(rules, on_google({}, {TAG: "payments"}, unbound="the search was refused")) == {}


def test_an_open_set_of_labels_and_no_tag_is_unknown(tmp_path: Path) -> None:
    assert verdicts(policy(tmp_path, POLICY), on_google({}, {}, opened="not read")) == {"owner": "unknown"}


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_other_clouds_have_no_such_tags(tmp_path: Path, cloud: Cloud) -> None:
    rules = policy(tmp_path, POLICY)
    assert verdicts(rules, on_google({}, {TAG: "payments"}, cloud=cloud)) == {"owner": "missing"}
    assert verdicts(rules, on_google({}, None, cloud=cloud)) == {"owner": "missing"}


def test_a_policy_that_names_no_tag_looks_at_none(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {owner: {}}")
    assert verdicts(rules, on_google({}, {TAG: "payments"})) == {"owner": "missing"}
    assert verdicts(rules, on_google({}, None)) == {"owner": "missing"}
    assert verdicts(rules, on_google({"owner": "a"}, {TAG: "b"})) == {}


def test_a_tag_that_is_not_required_may_be_absent_and_its_tag_is_judged(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY.replace("aliases", "required: false\n        aliases"))
    assert verdicts(rules, on_google({}, None)) == {}
    assert verdicts(rules, on_google({}, {})) == {}
    assert verdicts(rules, on_google({}, {TAG: "nobody"})) == {"owner": "invalid"}


def test_a_finding_on_a_tag_names_it_and_where_it_comes_from(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, POLICY), on_google({}, {TAG: "nobody"}, source="folders/7"))
    assert (finding.key, finding.found) == (f"tag:{TAG}", "nobody")
    assert "folders/7" in finding.message


def test_a_contradiction_says_both(tmp_path: Path) -> None:
    [finding] = findings(
        policy(tmp_path, POLICY), on_google({"owner": "payments"}, {TAG: "search"}, source="folders/7")
    )
    assert (finding.key, finding.found, finding.expected) == ("owner", "payments", None)
    assert all(word in finding.message for word in ("'payments'", "'search'", TAG, "folders/7"))


def test_a_sensitive_label_is_not_printed_beside_its_tag(tmp_path: Path) -> None:
    rules = policy(tmp_path, f"tags: {{owner: {{google-tag: {TAG}}}}}")
    [finding] = findings(rules, on_google({"owner": Secret("hunter2")}, {TAG: "search"}))
    assert "hunter2" not in repr(finding)


def test_the_report_lists_tags_beside_labels_with_where_they_come_from(tmp_path: Path) -> None:
    one = on_google({"env": "dev"}, {TAG: "payments"}, source="folders/7")
    other = on_google({}, {TAG: "payments"})
    said = report(policy(tmp_path, POLICY), one, other, with_resources=True).resources
    assert isinstance(said, tuple)
    assert [(listed.tags, listed.provenance) for listed in said] == [
        (
            {"env": "dev", f"tag:{TAG}": "payments"},
            {"env": "the resource", f"tag:{TAG}": "inherited from folders/7"},
        ),
        ({f"tag:{TAG}": "payments"}, {f"tag:{TAG}": "the resource"}),
    ]


def test_what_is_missing_may_be_put_in_either_place(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, POLICY), on_google({}, {}))
    assert TAG in finding.message
    assert TAG in finding.remedy
    [aws] = findings(policy(tmp_path, POLICY), resource({}))
    assert TAG not in aws.message + aws.remedy


def test_rules_about_labels_do_not_see_tags(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        rules:
          - {id: none, max-tags: 0}
          - {id: forbidden, forbid: {keys: ["*owner*"], values: [payments]}}
          - {id: short, every-tag: {key: {maxLength: 3}, value: {maxLength: 3}}}
          - {id: empty, tags-schema: {maxProperties: 0}}
        """,
    )
    assert verdicts(rules, on_google({}, {TAG: "payments"})) == {}
    assert verdicts(rules, on_google({}, None)) == {}


@pytest.mark.parametrize(
    ("labels", "bound", "verdict"),
    [
        ({"environment": "production"}, {}, "missing"),
        ({}, {"1/env": "production"}, "missing"),
        ({}, {"1/env": "dev"}, "compliant"),
        ({}, {}, "compliant"),
        ({}, None, "unknown"),
        ({"environment": "dev"}, {"1/env": "production"}, "compliant"),
    ],
)
def test_a_rule_selects_by_the_tag_where_the_label_is_absent(
    tmp_path: Path, labels: Mapping[str, Value], bound: Mapping[str, str] | None, verdict: str
) -> None:
    rules = policy(
        tmp_path,
        """
        tags: {environment: {required: false, google-tag: 1/env}}
        rules: [{id: paid, when: {tags: {environment: production}}, require: {cost: {}}}]
        """,
    )
    said = verdicts(rules, on_google(labels, bound))
    assert said.get("cost", "compliant") == verdict


def test_a_rule_may_accept_a_tag_of_its_own(tmp_path: Path) -> None:
    rules = policy(tmp_path, "rules: [{id: a, require: {cost: {google-tag: 1/cost}}}]")
    assert verdicts(rules, on_google({}, {"1/cost": "x"})) == {}
    assert verdicts(rules, on_google({}, {})) == {"cost": "missing"}


@pytest.mark.parametrize(
    "wrong", ["owner", "1/", "/owner", "1/own er", "1/-owner", "Shop/owner", "1/a/b", '"1/owner\\n"']
)
def test_what_is_no_namespaced_key_is_a_mistake(tmp_path: Path, wrong: str) -> None:
    [mistake] = mistakes(tmp_path, f"tags:\n  owner:\n    google-tag: {wrong}\n")
    assert mistake.startswith("p0.yaml:4: tags.owner.google-tag: ")
    assert "123456789012/owner" in mistake


@pytest.mark.parametrize("right", ["1/owner", "my-project/Owner", "example.com:my-project/a.b_c-d", "123/x"])
def test_namespaced_keys(tmp_path: Path, right: str) -> None:
    assert policy(tmp_path, f"tags: {{owner: {{google-tag: '{right}'}}}}").spellings["owner"].google_tag == right


def test_no_tag_may_stand_for_two_tags(tmp_path: Path) -> None:
    [mistake] = mistakes(tmp_path, "tags: {a: {google-tag: 1/x}, b: {google-tag: 1/x}}")
    assert "1/x already stands for the tag a" in mistake


def test_show_has_it_and_loads_again(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY)
    [file] = write(tmp_path, as_yaml(rules))
    assert load([file]).spellings == rules.spellings
    assert f"google-tag: {TAG}" in as_yaml(rules)


# --- encoded values

ENCODED = encode("google", "alice@corp.com") or ""


@pytest.mark.parametrize(
    ("cloud", "value", "verdict"),
    [
        ("google", "cg--alice_40corp_2ecom", "compliant"),
        ("google", "cg--alice_40corp_2eco", "invalid"),
        ("google", "cg--payments", "invalid"),  # payments needs no encoding, so that this isn't one
        ("google", "alice-corp-com", "invalid"),
        ("aws", "cg--alice_40corp_2ecom", "invalid"),
        ("azure", "cg--alice_40corp_2ecom", "invalid"),
        ("aws", "alice@corp.com", "compliant"),
    ],
)
def test_a_label_may_hold_a_value_encoded(tmp_path: Path, cloud: Cloud, value: str, verdict: str) -> None:
    said = verdicts(policy(tmp_path, POLICY), on_google({"owner": value}, {}, cloud=cloud))
    assert said.get("owner", "compliant") == verdict


def test_a_value_that_looks_encoded_and_is_allowed_as_it_is(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {owner: {value: {pattern: ^cg--}}}")
    assert verdicts(rules, on_google({"owner": ENCODED}, {})) == {}


def test_what_was_meant_is_given_as_a_label_can_hold_it(tmp_path: Path) -> None:
    rules = policy(tmp_path, "tags: {owner: {value: {enum: [Platform Team]}}}")
    [on_aws] = findings(rules, resource({"owner": "platform team"}))
    [labelled] = findings(rules, on_google({"owner": "platform-team"}, {}))
    assert on_aws.expected == "Platform Team"
    assert labelled.expected == "cg--_50latform_20_54eam"
    assert labelled.expected in labelled.remedy


def test_what_no_label_can_hold_is_not_proposed(tmp_path: Path) -> None:
    long = "platform-team-" + "x" * 60
    rules = policy(tmp_path, f"tags: {{owner: {{value: {{enum: [{long}]}}}}}}")
    [finding] = findings(rules, on_google({"owner": long[:63]}, {}))
    assert finding.expected is None


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(
        tmp_path_factory.mktemp("policy"),
        """
        tags: {owner: {required: false}}
        rules:
          - {id: address, every-tag: {value: {pattern: "@corp"}}}
          - {id: schema, tags-schema: {properties: {owner: {const: alice@corp.com}}}}
          - {id: keys, forbid: {values: ["AKIA[A-Z]{4}"]}}
          - {id: selected, when: {tags: {owner: "alice@*"}}, require: {cost: {}}}
        """,
    )


def test_every_kind_of_rule_knows_what_is_encoded(several: Policy) -> None:
    assert verdicts(several, on_google({"owner": ENCODED}, {})) == {"cost": "missing"}
    assert verdicts(several, on_google({"owner": "alice"}, {})) == {"owner": "invalid", "schema": "invalid"}


def test_encoding_hides_nothing_that_is_forbidden(several: Policy) -> None:
    hidden = encode("google", "AKIAABCD") or ""
    [finding] = [one for one in findings(several, on_google({"x": hidden}, {})) if one.verdict == "forbidden"]
    assert hidden not in finding.message


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("policy"), 'tags: {owner: {value: {pattern: "^[^@A-M]*$", maxLength: 15}}}')


@given(value=st.text(max_size=20))
def test_a_value_that_is_right_is_right_when_it_is_encoded(plain: Policy, value: str) -> None:
    label = encode("google", value)
    if label is not None and not verdicts(plain, resource({"owner": value})):
        assert verdicts(plain, on_google({"owner": label}, {})) == {}
