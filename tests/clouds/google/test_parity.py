"""A plan that real Terraform wrote, and Google as it is once that is applied: the verdicts agree where both decide."""

from datetime import date
from typing import Any

import pytest

from costguard import catalog
from costguard.catalog import native
from costguard.engine import evaluate
from costguard.iac.plan import read_plan
from costguard.model.resource import Inventory, Known, Resource, Surface
from costguard.policy.load import load
from tests.clouds.google.conftest import Look
from tests.conftest import ROOT
from tests.servers.google import FakeGoogle, listed, result

APPLIED = "projects/some-project/topics/directory"
"""What the plan couldn't know yet."""


def planned() -> list[tuple[Resource, Surface]]:
    """The Google resources of the plan that have labels, with these."""
    plan = read_plan((ROOT / "tests" / "plans" / "google" / "plan.json").read_bytes(), "plan.json")
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


@pytest.mark.parametrize("source", ["search", "list"])
def test_plan_and_live_agree(google: FakeGoogle, look: Look, source: str) -> None:
    address: dict[str, str] = {}
    for resource, surface in planned():
        [asset_type, *_] = native.native_types(resource.type)
        known = catalog.lookup(resource.type)
        assert known is not None
        assert known.own is not None
        labels = {
            key: tag.value.text if isinstance(tag.value, Known) else APPLIED for key, tag in surface.tags.tags.items()
        }
        name = f"//{asset_type.partition('/')[0]}/{resource.address}"
        address[name] = resource.address
        google.results.append(result(name, asset_type, 100, labels))
        google.assets.append(listed(name, asset_type, 100, nested(known.own.path, labels)))
    assert len(address) > 10
    plan = verdicts([resource for resource, _ in planned()], "plan")
    looked = look(sources=[source])
    live = {
        (address[name], tag): verdict
        for (name, tag), verdict in verdicts([looked.resources[name] for name in address], "live").items()
    }
    decided = 0
    for one in address.values():
        for tag in ("owner", "service", "environment"):
            before, after = (said.get((one, tag), "compliant") for said in (plan, live))
            if "unknown" not in (before, after):
                decided += 1
                assert after == before, (one, tag)
    assert decided > 30
