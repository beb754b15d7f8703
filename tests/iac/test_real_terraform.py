"""The stored plans are what real Terraform writes, and a binary plan is read through real Terraform."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Terraform, absent
from tests.iac.truth import cases

pytestmark = pytest.mark.terraform


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_terraform_still_writes_the_plan_that_is_stored(case: Path, terraform: Terraform) -> None:
    environment = {**terraform.environment, "COSTGUARD_TERRAFORM_MIRROR": terraform.mirror}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write-plans", "--check", case.name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 2:
        absent("terraform", done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_binary_plan_is_shown_by_terraform_and_judged_like_its_json(terraform: Terraform, tmp_path: Path) -> None:
    example = ROOT / "examples" / "terraform" / "violating-mixed"
    for source in example.glob("*.tf"):
        shutil.copy(source, tmp_path)
    terraform.init(tmp_path)
    terraform.run(tmp_path, "plan", "-input=false", "-refresh=false", "-lock=false", "-out=tfplan")

    def gate(plan: Path) -> tuple[int, str]:
        program = [sys.executable, "-c", "from costguard.cli import run; run()"]
        done = subprocess.run(
            [*program, "gate", plan, "--format", "json", "--source", example],
            env={**os.environ, **terraform.environment, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    assert gate(tmp_path / "tfplan") == gate(example / "plan.json")
