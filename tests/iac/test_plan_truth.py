"""Plans that real Terraform wrote, against verdicts that were written by hand. This is the product's promise."""

from datetime import date
from pathlib import Path

import pytest

from costguard.cli.options import exit_code
from costguard.engine import evaluate
from costguard.iac.plan import read_plan
from costguard.model.finding import Status
from costguard.policy import Policy
from costguard.policy.load import load
from tests.iac.truth import cases, truth

CASES = [pytest.param(case, id=case.name) for case in cases()]


@pytest.fixture(scope="module")
def baseline() -> Policy:
    return load(["baseline"])


@pytest.mark.parametrize("case", CASES)
def test_every_fault_is_found_and_nothing_else(case: Path, baseline: Policy) -> None:
    wanted = truth(case)
    inventory = read_plan((case / "plan.json").read_bytes(), "plan.json")
    report = evaluate(baseline, inventory, date(2026, 1, 1), with_resources=True)

    found = {(f.resource.address, f.surface, f.tag, str(f.verdict)) for f in report.findings}
    assert sorted(found - wanted.faults) == [], "said, and not true"
    assert sorted(wanted.faults - found) == [], "true, and not said"
    assert exit_code(report, "error") == wanted.exit


@pytest.mark.parametrize("case", CASES)
def test_every_resource_is_judged_as_touched_or_not(case: Path, baseline: Policy) -> None:
    wanted = truth(case)
    inventory = read_plan((case / "plan.json").read_bytes(), "plan.json")
    report = evaluate(baseline, inventory, date(2026, 1, 1), with_resources=True)

    listed = {r.address: r.status for r in report.resources or ()}
    untaggable = {address for address, status in listed.items() if status is Status.UNTAGGABLE}
    assert untaggable == wanted.untaggable
    touched = {r.address: r.touched for r in inventory.resources if r.address not in untaggable}
    assert touched == wanted.touched


def test_there_are_cases() -> None:
    assert len(CASES) >= 4
