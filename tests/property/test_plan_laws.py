"""Laws of judging a plan, on plans that real Terraform wrote.

The one that matters most: less evidence never makes a resource compliant. What can no longer be told is `unknown`.
"""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from costguard import reports
from costguard.engine import evaluate
from costguard.errors import InputError
from costguard.iac.plan import read_plan
from costguard.model.finding import Report, Verdict
from costguard.policy import Policy
from costguard.policy.load import load
from tests.conftest import ROOT

TODAY = date(2026, 1, 1)
PLANS = sorted((*ROOT.glob("examples/terraform/*/plan.json"), *ROOT.glob("tests/plans/*/plan.json")))
CONSTANT_DEFAULTS = [path for path in PLANS if path.parent.name in ("violating-mixed", "violating-modules")]
LAYOUTS = ({"indent": 3}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"sort_keys": True})
UNJUDGED = (
    "planned_values",
    "relevant_attributes",
    "output_changes",
    "checks",
    "resource_drift",
    "timestamp",
    "terraform_version",
    "applyable",
)
REQUIRED = ("owner", "service", "environment")

_documents = {path: path.read_text("utf-8") for path in PLANS}
_policy: list[Policy] = []

CHANGES = [path for path in PLANS if '"resource_changes"' in _documents[path]]
plans = st.sampled_from(CHANGES)
strangers: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.sampled_from([[], {}, [{}], [None], {"owner": 1}])
)
Json = dict[str, Any]
Said = dict[tuple[str, str, str | None], Verdict]


def policy() -> Policy:
    if not _policy:
        _policy.append(load(["baseline"]))
    return _policy[0]


def document(path: Path) -> Json:
    plan: Json = json.loads(_documents[path])
    return plan


def judge(plan: Json | str) -> Report:
    text = plan if isinstance(plan, str) else json.dumps(plan)
    return evaluate(policy(), read_plan(text.encode(), "plan.json"), TODAY, with_resources=True)


def judged_or_refused(raw: bytes) -> Report | None:
    """The report, or None where the file was refused, which takes one sentence."""
    try:
        inventory = read_plan(raw, "plan.json")
    except InputError as refused:
        assert re.fullmatch(r"plan\.json.{10,1000}", str(refused))  # noqa: PT017 - either outcome is right
        return None
    return evaluate(policy(), inventory, TODAY, with_resources=True)


def printed(plan: Json | str) -> str:
    return reports.render(judge(plan), "json")


def said(report: Report) -> Said:
    """What is found of each tag of each resource's own surface."""
    created = ("tag_specifications", "root_block_device", "ebs_block_device", "volume_tags", "propagate_at_launch")
    return {
        (f.resource.address, f.surface, f.tag): f.verdict
        for f in report.findings
        if not any(part in f.surface for part in created)
    }


def assert_nothing_was_forgiven(before: Said, after: Said, but: Callable[[str], bool] = lambda _: False) -> None:
    """Every fault is still a fault, or is undecided; what was undecided is not compliant for it."""
    for (address, surface, tag), verdict in before.items():
        if but(address):
            continue
        now = after.get((address, surface, tag))
        assert now is not None, f"{tag} of {address} was {verdict}, and nothing is said any more"


@given(plans, st.randoms(use_true_random=False))
def test_the_order_of_the_resources_changes_no_byte(path: Path, random: Any) -> None:
    plan = document(path)
    random.shuffle(plan["resource_changes"])

    assert printed(plan) == printed(_documents[path])


@given(plans, st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_no_byte(path: Path, random: Any) -> None:
    def shuffled(node: Any) -> Any:
        if isinstance(node, dict):
            items = [(key, shuffled(child)) for key, child in node.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(child) for child in node] if isinstance(node, list) else node

    assert printed(shuffled(document(path))) == printed(_documents[path])


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_the_file_changes_no_byte(path: Path, layout: Json) -> None:
    assert printed(json.dumps(document(path), **layout)) == printed(_documents[path])


@given(plans, st.sets(st.sampled_from(UNJUDGED)))
def test_parts_that_are_not_judged_change_no_byte(path: Path, dropped: set[str]) -> None:
    plan = {key: value for key, value in document(path).items() if key not in dropped}

    assert printed(plan) == printed(_documents[path])


@given(plans, st.data())
def test_keys_of_later_versions_change_no_byte(path: Path, data: st.DataObject) -> None:
    plan = document(path)
    stranger = data.draw(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
    for node in (plan, *plan["resource_changes"], *(planned["change"] for planned in plan["resource_changes"])):
        node["a_key_of_a_later_version"] = stranger

    assert printed(plan) == printed(_documents[path])


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.parent.name)
def test_without_its_configuration_a_plan_forgives_nothing(path: Path) -> None:
    plan = document(path)
    del plan["configuration"]

    assert_nothing_was_forgiven(said(judge(_documents[path])), said(judge(plan)))


@given(plans, st.data())
def test_without_some_provider_configurations_a_plan_forgives_nothing(path: Path, data: st.DataObject) -> None:
    plan = document(path)
    providers = plan["configuration"].get("provider_config", {})
    for key in data.draw(st.sets(st.sampled_from(sorted(providers)))) if providers else ():
        del providers[key]

    assert_nothing_was_forgiven(said(judge(_documents[path])), said(judge(plan)))


@given(plans, st.data())
def test_a_resource_that_is_gone_takes_only_its_own_findings_along(path: Path, data: st.DataObject) -> None:
    """Others may become undecided, where it was the one that proved what their provider adds."""
    plan = document(path)
    changes = plan["resource_changes"]
    assume(len(changes) > 0)
    gone = data.draw(st.sets(st.integers(0, len(changes) - 1), max_size=len(changes)))
    plan["resource_changes"] = [planned for index, planned in enumerate(changes) if index not in gone]
    addresses = {changes[index]["address"] for index in gone}

    after = said(judge(plan))

    assert_nothing_was_forgiven(said(judge(_documents[path])), after, but=lambda address: address in addresses)


@given(st.sampled_from(CONSTANT_DEFAULTS), st.data())
def test_what_is_wrong_in_one_resource_is_no_matter_of_the_others(path: Path, data: st.DataObject) -> None:
    """Where the defaults stand in the configuration, a change that is nonsense is refused or judged by itself."""
    plan = document(path)
    victim = data.draw(st.sampled_from(plan["resource_changes"]))
    part = data.draw(st.sampled_from(["before", "after", "after_unknown", "after_sensitive", "actions", "importing"]))
    attribute = data.draw(st.sampled_from(["tags", "tags_all", "id", "arn", "region", "versioning", None]))
    stranger = data.draw(strangers)
    node = victim["change"].get(part)
    assume(part != "after" or attribute not in ("tags", "tags_all"))  # They are evidence of the defaults that all get.
    if attribute is not None and isinstance(node, dict):
        node[attribute] = stranger
    else:
        victim["change"][part] = stranger
    report = judged_or_refused(json.dumps(plan).encode())
    if report is None:
        return

    after = said(report)
    before = said(judge(_documents[path]))
    others = {key: verdict for key, verdict in before.items() if key[0] != victim["address"]}
    assert {key: verdict for key, verdict in after.items() if key[0] != victim["address"]} == others


@given(plans, st.data())
def test_a_tag_that_is_taken_away_is_never_compliant(path: Path, data: st.DataObject) -> None:
    """Taken from the tags and from what merges them with the defaults, it is missing, misspelled or not known."""
    plan = document(path)
    tagged = [
        planned
        for planned in plan["resource_changes"]
        if planned["mode"] == "managed"
        and isinstance((planned["change"]["after"] or {}).get("tags_all"), dict)
        and isinstance(planned["change"]["after"].get("tags"), dict)
        and isinstance(planned["change"]["after_unknown"], dict)
        and planned["change"]["after_unknown"].get("tags_all") is not True
    ]
    assume(tagged)
    planned = data.draw(st.sampled_from(tagged))
    tag = data.draw(st.sampled_from(REQUIRED))
    change = planned["change"]
    for attribute in ("tags", "tags_all"):
        change["after"][attribute].pop(tag, None)
        if isinstance(marks := change["after_unknown"].get(attribute), dict):
            marks.pop(tag, None)

    report = judge(plan)

    judged = {listed.address for listed in report.resources or () if listed.status != "untaggable"}
    assume(planned["address"] in judged)
    assume(not _hidden_default(plan, tag))
    assert (planned["address"], "tags", tag) in said(report)


def _hidden_default(plan: Json, tag: str) -> bool:
    """Whether a provider states the tag as a default: one that tags_all lacks is ignored, and sent all the same."""
    return any(
        tag in json.dumps(provider.get("expressions", {}).get("default_tags"))
        for provider in plan["configuration"].get("provider_config", {}).values()
    )


@given(plans, st.data())
def test_tags_that_become_unknown_forgive_no_absence(path: Path, data: st.DataObject) -> None:
    """A provider hides all keys where one value is unknown. What its defaults prove is there; the rest is unknown."""
    plan = document(path)
    violating = {address for address, _, _ in said(judge(plan))}
    candidates = [
        planned
        for planned in plan["resource_changes"]
        if planned["address"] in violating
        and "create" in planned["change"]["actions"]
        and isinstance(planned["change"]["after"].get("tags_all"), dict)
        and isinstance(planned["change"]["after_unknown"], dict)
    ]
    assume(candidates)
    planned = data.draw(st.sampled_from(candidates))
    absent = {tag for tag in REQUIRED if tag not in planned["change"]["after"]["tags_all"]}
    for attribute in ("tags", "tags_all"):
        del planned["change"]["after"][attribute]
        planned["change"]["after_unknown"][attribute] = True

    after = said(judge(plan))

    for tag in absent & {tag for address, _, tag in said(judge(_documents[path])) if address == planned["address"]}:
        assert (planned["address"], "tags", tag) in after


@settings(max_examples=300)
@given(plans, st.binary(min_size=1, max_size=4), st.floats(0, 1), st.integers(0, 12))
@example(PLANS[0], b"\0", 0.5, 0)
def test_bytes_anywhere_are_judged_or_refused(path: Path, inserted: bytes, place: float, replaced: int) -> None:
    raw = _documents[path].encode()
    at = int(place * len(raw))
    report = judged_or_refused(raw[:at] + inserted + raw[at + replaced :])
    if report is not None:
        for name in reports.FORMATS:
            reports.render(report, name).encode("utf-8", "backslashreplace")
