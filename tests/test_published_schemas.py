"""The published JSON Schemas say what the program does, for editors and for other programs."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from costguard import baseline
from costguard.baseline import Entry
from costguard.document import read_yaml
from costguard.engine import evaluate
from costguard.iac.plan import read_plan
from costguard.model.finding import Verdict
from costguard.policy.load import load, shipped_folder
from costguard.reports import render
from tests.conftest import ROOT
from tests.iac.truth import cases

SCHEMAS = ROOT / "costguard" / "schemas"


def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")))


@pytest.mark.parametrize("name", [path.stem for path in sorted(SCHEMAS.glob("*.json"))])
def test_a_published_schema_is_a_json_schema(name: str) -> None:
    validator = schema(name)
    validator.check_schema(validator.schema)


def test_the_published_schemas_are_generated_from_the_types() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write-schemas", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
@pytest.mark.parametrize("with_resources", [True, False])
def test_every_report_fits_its_schema(case: Path, with_resources: bool) -> None:
    inventory = read_plan((case / "plan.json").read_bytes(), "plan.json")
    report = evaluate(load(["baseline"]), inventory, date(2026, 1, 1), with_resources=with_resources)
    schema("findings-v1").validate(json.loads(render(report, "json")))


def test_a_baseline_fits_its_schema() -> None:
    faults = [
        Entry(root=root, address="a.b", rule="tags/owner", surface="tags", tag=tag, verdict=Verdict.MISSING)
        for root, tag in ((".", "owner"), ("live/prod", None))
    ]
    schema("baseline-v1").validate(json.loads(baseline.render(faults)))


@pytest.mark.parametrize(
    "policy", [pytest.param(path, id=path.stem) for path in sorted(shipped_folder().glob("*.yaml"))]
)
def test_every_shipped_policy_fits_the_schema(policy: Path) -> None:
    schema("policy-v1").validate(read_yaml(policy).data)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"version": 2},
        {"version": 1, "tags": {"owner": {"requird": True}}},
        {"version": 1, "rules": [{"when": {"type": "aws_*"}}]},
        {"version": 1, "exemptions": [{"when": {"type": "x"}, "reason": "r"}]},
    ],
)
def test_the_policy_schema_refuses_what_the_program_refuses(broken: dict[str, Any]) -> None:
    assert not schema("policy-v1").is_valid(broken)
