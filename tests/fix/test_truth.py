"""Real Terraform plans what was mended: in the plan, too, only those faults are left that fix says it left."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from costguard.check import Asked
from costguard.engine import evaluate
from costguard.fix.plan import plan
from costguard.fix.values import Values, given_values
from costguard.iac.plan import read_plan
from costguard.iac.source import Settings
from costguard.model.finding import Verdict
from costguard.policy.load import load
from tests.conftest import ROOT, Terraform

TODAY = date(2026, 6, 15)
CASES = ("examples/terraform/violating-mixed", "examples/terraform/violating-modules", "tests/plans/acceptance")


@pytest.mark.terraform
@pytest.mark.parametrize("case", CASES)
def test_a_plan_of_the_mended_source_has_only_what_was_left(
    case: str, terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / case, tmp_path, ignore=shutil.ignore_patterns("plan.json", "*.yaml"), dirs_exist_ok=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    policy = load(["baseline"])
    said = given_values(["owner=team-a", "service=shop", "environment=dev"], policy)
    asked = Asked(policy=policy, settings=Settings(), today=TODAY)
    planned = plan((".",), asked, lambda top: Values(said, None, top, policy))
    assert planned.mended
    for change in planned.changes:
        change.path.write_bytes(change.new)
    terraform.init(tmp_path)
    terraform.run(tmp_path, "plan", "-input=false", "-refresh=false", "-lock=false", "-out=tfplan")
    shown = terraform.run(tmp_path, "show", "-json", "tfplan")
    report = evaluate(policy, read_plan(os.fsencode(shown), "plan"), TODAY)
    left = {(one.resource.address, one.surface, one.tag) for one in planned.remaining}
    certain = {
        (one.resource.address, one.surface, one.tag) for one in report.findings if one.verdict is not Verdict.UNKNOWN
    }
    assert certain <= left
