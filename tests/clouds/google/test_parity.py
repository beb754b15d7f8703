"""A plan that real Terraform wrote, its source, and Google as it is once that is applied: what `check` says of the
source, `gate` of the plan and a scan of what is live agree, tag by tag, wherever each can decide."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costguard import catalog
from costguard.catalog import native
from costguard.cli.main import outcome
from costguard.engine import evaluate
from costguard.iac.plan import read_plan
from costguard.model.resource import Inventory, Known, Resource, Surface, Tag, TagSet
from costguard.policy.load import load
from tests.clouds.google.conftest import Look
from tests.conftest import ROOT
from tests.iac.truth import truth
from tests.servers.google import FakeGoogle, listed, result

CASE = ROOT / "tests" / "plans" / "google"
CHANNEL = "google_monitoring_notification_channel"
APPLIED = "projects/some-project/topics/directory"
"""What the plan couldn't know yet."""

# What one unknown value hides in the plan, from main.tf: the defaults of the provider, the locals and the map itself.
HIDDEN = {
    "google_pubsub_topic.unknown_label": {"service": "shop", "environment": "production", "topic": APPLIED},
    "google_pubsub_topic.unknown_label_bare": {
        "owner": "payments",
        "service": "shop",
        "environment": "production",
        "topic": APPLIED,
    },
    "google_pubsub_topic.unknown_defaults": {"owner": "platform", "service": APPLIED},
}


def planned() -> list[tuple[Resource, Surface]]:
    """The Google resources of the plan that have labels, with these."""
    plan = read_plan((CASE / "plan.json").read_bytes(), "plan.json")
    return [
        (resource, surface)
        for resource in plan.resources
        if resource.cloud == "google"
        for surface in resource.surfaces
        if not surface.created
    ]


def verdicts(resources: list[Resource], checkpoint: Any) -> dict[tuple[str, str], str]:
    inventory = Inventory(checkpoint=checkpoint, resources=tuple(resources))
    report = evaluate(load(["baseline"]), inventory, date(2026, 6, 15))
    return {
        (finding.resource.address, finding.tag or ""): str(finding.verdict)
        for finding in report.findings
        if "[" not in finding.surface
    }


def nested(path: tuple[str, ...], labels: dict[str, str]) -> dict[str, Any]:
    """The labels where a service has them."""
    first, *rest = path
    word, *words = first.split("_")
    name = word + "".join(each.capitalize() for each in words)
    return {name: nested(tuple(rest), labels) if rest else labels}


def applied(google: FakeGoogle) -> dict[str, str]:
    """Puts the resources of the plan into the cloud; their addresses by their names there."""
    after = json.loads((CASE / "plan.json").read_bytes())["planned_values"]["root_module"]["resources"]
    values = {one["address"]: one["values"] for one in after}
    addresses: dict[str, str] = {}
    for resource, surface in planned():
        [asset_type, *_] = native.native_types(resource.type)
        known = catalog.lookup(resource.type)
        assert known is not None
        assert known.own is not None
        labels = {
            key: tag.value.text if isinstance(tag.value, Known) else APPLIED for key, tag in surface.tags.tags.items()
        }
        labels |= HIDDEN.get(resource.address, {})
        name = f"//{asset_type.partition('/')[0]}/{resource.address}"
        addresses[name] = resource.address
        content = nested(known.own.path, labels)
        shown = labels
        if resource.type == CHANNEL:  # Where it sends to, which the search may take for labels.
            shown = content["labels"] = values[resource.address]["labels"]
        google.results.append(result(name, asset_type, 100, shown))
        google.assets.append(listed(name, asset_type, 100, content))
    assert len(addresses) > 10
    return addresses


def said(command: str, folder: Path, *arguments: str) -> dict[tuple[str, str], str]:
    """What a command finds in the Google part of the case."""
    file = folder / f"{command}.json"
    code = outcome([command, *arguments, "--policy", "baseline", "--format", "json", "--output", str(file)])
    assert code == 1
    report = json.loads(file.read_bytes())
    return {
        (one["resource"]["address"], one["tag"]): one["verdict"]
        for one in report["findings"]
        if one["resource"]["provider"] == "google" and "[" not in one["surface"]
    }


@pytest.mark.parametrize("sources", [["search"], ["list"], None])
def test_source_plan_and_live_agree(google: FakeGoogle, look: Look, tmp_path: Path, sources: list[str] | None) -> None:
    address = applied(google)
    looked = look(sources=sources)
    live = {
        (address[name], tag): verdict
        for (name, tag), verdict in verdicts([looked.resources[name] for name in address], "live").items()
    }
    opinions = {
        "check": said("check", tmp_path, str(CASE)),
        "gate": said("gate", tmp_path, str(CASE / "plan.json")),
        "truth": {(fault[0], fault[2]): fault[3] for fault in truth(CASE).faults if fault[0] in address.values()},
    }
    for name, opinion in opinions.items():
        decided = 0
        for one in address.values():
            for tag in ("owner", "service", "environment"):
                before, after = (verdicts_.get((one, tag), "compliant") for verdicts_ in (opinion, live))
                if "unknown" not in (before, after):
                    decided += 1
                    assert after == before, (name, one, tag)
        assert decided > 30, name
    if sources != ["search"]:
        assert "unknown" not in live.values()


TAG = "version: 1\ntags: {service: {google-tag: 1/service}, owner: {google-tag: 1/owner, value: {enum: [a, b@c.d]}}}\n"
PAIRS: list[tuple[dict[str, str], dict[str, str], dict[str, str]]] = [
    # labels, Tags, what a scan finds
    ({"service": "s", "owner": "a"}, {}, {}),
    ({}, {"1/service": "s", "1/owner": "a"}, {}),
    ({"service": "s"}, {"1/owner": "a"}, {}),
    ({"service": "s", "owner": "a"}, {"1/service": "S", "1/owner": "A"}, {}),  # labels have no capitals
    ({"service": "s", "owner": "a"}, {"1/service": "t"}, {"service": "invalid"}),  # they contradict each other
    ({"service": "s", "owner": "cg--b_40c_2ed"}, {}, {}),
    ({"service": "s", "owner": "cg--b_40c_2ed"}, {"1/owner": "b@c.d"}, {}),
    ({"service": "s", "owner": "cg--b_40c_2ed"}, {"1/owner": "a"}, {"owner": "invalid"}),
    ({"service": "s"}, {"1/owner": "cg--b_40c_2ed"}, {"owner": "invalid"}),  # a Tag's value is never encoded
    ({"service": "s", "owner": "z"}, {"1/owner": "a"}, {"owner": "invalid"}),
    ({"service": "", "owner": "a"}, {"1/service": "s"}, {"service": "empty"}),
    ({"Service": "s", "owner": "a"}, {}, {"service": "misspelled"}),
    ({}, {"2/service": "s", "1/owner": "a"}, {"service": "missing"}),  # another organisation's
    ({}, {}, {"service": "missing", "owner": "missing"}),
]


@pytest.mark.parametrize("inherited", [False, True])
def test_labels_and_tags_say_what_the_plan_said_or_settle_it(
    google: FakeGoogle, look: Look, tmp_path: Path, inherited: bool
) -> None:
    """The plan has the same labels and can't see Tags: what it decides without them stands, but for a contradiction."""
    file = tmp_path / "policy.yaml"
    file.write_text(TAG)
    policy = load([file])
    kind = "storage.googleapis.com/Bucket"
    for number, (labels, tags, _) in enumerate(PAIRS):
        where: dict[str, Any] = {"inherited": {"folders/10": tags}} if inherited else {"tags": tags}
        google.results.append(result(f"//storage.googleapis.com/b{number}", kind, 100, labels, **where))
    looked = look(sources=["search"])
    for number, (labels, tags, found) in enumerate(PAIRS):
        live = looked.resources[f"//storage.googleapis.com/b{number}"]
        report = evaluate(policy, Inventory(checkpoint="live", resources=(live,)), date(2026, 6, 15))
        assert {one.tag: str(one.verdict) for one in report.findings} == found, (labels, tags)
        tag_set = TagSet({key: Tag(Known(text), "the resource") for key, text in labels.items()})
        plan = Resource(
            address="google_storage_bucket.b",
            type="google_storage_bucket",
            provider="google",
            cloud="google",
            surfaces=(Surface("labels", tag_set),),
        )
        before = evaluate(policy, Inventory(checkpoint="plan", resources=(plan,)), date(2026, 6, 15))
        expected = {
            tag: "unknown" if tag not in labels else verdict
            for tag, verdict in {**dict.fromkeys({"service", "owner"} - labels.keys(), ""), **found}.items()
            if tag not in labels or f"1/{tag}" not in tags or labels[tag] in ("z", "")
        }
        assert {one.tag: str(one.verdict) for one in before.findings} == expected, (labels, tags)
