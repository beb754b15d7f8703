"""Real Terraform plans what was mended: in the plan, too, only those faults are left that fix says it left."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costguard.check import Asked
from costguard.engine import evaluate
from costguard.fix.plan import Plan, plan
from costguard.fix.values import Values, given_values
from costguard.iac.plan import read_plan
from costguard.iac.source import Settings
from costguard.model.finding import Verdict
from costguard.policy.load import load
from tests.conftest import ROOT, Terraform
from tests.soundness import cases, runs
from tests.soundness.dice import Dice

# The reader raises the limit where it is lower.
sys.setrecursionlimit(max(12_000, sys.getrecursionlimit()))

TODAY = date(2026, 6, 15)
CASES = ("examples/terraform/violating-mixed", "examples/terraform/violating-modules", "tests/plans/acceptance")


def mended(settings: Settings) -> Plan:
    """The plan of the working directory, with a value for each tag."""
    policy = load(["baseline"])
    said = given_values(["owner=team-a", "service=shop", "environment=dev"], policy)
    asked = Asked(policy=policy, settings=settings, today=TODAY)
    return plan((".",), asked, lambda top: Values(said, None, top, policy))


@pytest.mark.terraform
@pytest.mark.parametrize("case", CASES)
def test_a_plan_of_the_mended_source_has_only_what_was_left(
    case: str, terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / case, tmp_path, ignore=shutil.ignore_patterns("plan.json", "*.yaml"), dirs_exist_ok=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    planned = mended(Settings())
    assert planned.mended
    for change in planned.changes:
        change.path.write_bytes(change.new)
    terraform.init(tmp_path)
    terraform.run(tmp_path, "plan", "-input=false", "-refresh=false", "-lock=false", "-out=tfplan")
    shown = terraform.run(tmp_path, "show", "-json", "tfplan")
    report = evaluate(load(["baseline"]), read_plan(os.fsencode(shown), "plan"), TODAY)
    left = {(one.resource.address, one.surface, one.tag) for one in planned.remaining}
    certain = {
        (one.resource.address, one.surface, one.tag) for one in report.findings if one.verdict is not Verdict.UNKNOWN
    }
    assert certain <= left


def generated(seed: int, count: int, folder: Path) -> tuple[Settings, list[str]]:
    """A random configuration in the folder: what costguard and what Terraform are told beside it."""
    root = cases.root(Dice.seeded(seed, -1))
    made = runs.configuration(root, [cases.case(f"c{number}", Dice.seeded(seed, number)) for number in range(count)])
    made.write(folder)
    (folder / ".git").mkdir()
    variables = dict(one.split("=", 1) for one in made.variables)
    files = tuple(folder / name for name in made.variable_files)
    return Settings(variables=variables, var_files=files), made.arguments


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_configuration_a_second_run_changes_nothing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = generated(seed, 6, tmp_path)
    monkeypatch.chdir(tmp_path)
    first = mended(settings)
    for change in first.changes:
        change.path.write_bytes(change.new)
    again = mended(settings)
    assert again.changes == ()
    assert sorted(told(again.present)) == sorted(told(first.remaining))


def told(findings: tuple[Any, ...]) -> Iterator[tuple[str, str, str]]:
    for finding in findings:
        yield finding.fingerprint, finding.verdict, finding.message


HOLD_TAGS = {"tags", "tags_all", "volume_tags", "tag"}


@pytest.mark.terraform
@pytest.mark.parametrize("seed", [9])
def test_terraform_plans_no_other_change_than_that_of_the_tags(
    seed: int, terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, arguments = generated(seed, 12, tmp_path)
    monkeypatch.chdir(tmp_path)
    program = runs.Program(terraform.program, terraform.mirror, terraform.environment)
    before = changes(program.plan(tmp_path, arguments))
    planned = mended(settings)
    assert planned.mended
    for change in planned.changes:
        change.path.write_bytes(change.new)
    after = changes(program.plan(tmp_path, arguments))
    assert {address: without_tags(change) for address, change in before.items()} == {
        address: without_tags(change) for address, change in after.items()
    }
    for address, change in before.items():
        old, new = (one["after"].get("tags") or {} for one in (change, after[address]))
        fresh = {key for key in new if old.get(key) != new[key]}
        assert {new[key] for key in fresh} <= {"team-a", "shop", "dev", "production", "staging", *old.values()}


def changes(raw: bytes) -> dict[str, Any]:
    return {one["address"]: one["change"] for one in json.loads(raw)["resource_changes"]}


def without_tags(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_tags(inner) for key, inner in value.items() if key not in HOLD_TAGS}
    return [without_tags(inner) for inner in value] if isinstance(value, list) else value
