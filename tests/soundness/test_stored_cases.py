"""The stored cases judged from their source alone: what their truth says, or `unknown`."""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from costguard.engine import evaluate
from costguard.iac.source import Configuration, Settings, read_configuration
from costguard.model.finding import Level, Report, Status
from costguard.policy import Policy
from costguard.policy.load import load
from tests.conftest import ROOT
from tests.iac.truth import cases

Verdicts = Mapping[tuple[str, str], str]
"""(surface, tag) → verdict, for whatever is not compliant."""

# What a plan doesn't hold: its run left these out, or was about something else.
NOT_PLANNED = {
    "errored": {"aws_sns_topic.after_the_error", "aws_sns_topic.refused_before"},
    "refresh-only": {"aws_sns_topic.compliant", "aws_sns_topic.untagged"},
    "targeted": {"aws_sns_topic.left_out"},
}

# Where a plan leaves it open and the truth doesn't say what the text adds: what the text says.
NOTHING = {"owner": "missing", "service": "missing", "environment": "missing"}
DECIDED: Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]] = {
    # Its blocks are those of the tags of a topic that has none, of a provider without defaults.
    ("create", "aws_autoscaling_group.unknown_dynamic"): {"tag": NOTHING},
    # The text has an owner among the defaults; that it is ignored doesn't keep it from being sent.
    ("hidden-ignore", "aws_sns_topic.computed"): {"tags": {}},
    # The variable's default chooses the plain template.
    ("templates", "aws_autoscaling_group.either"): {"tag.propagate_at_launch": NOTHING},
    # The defaults as the text has them: an owner; all three; an owner and a run.
    ("older-defaults", "aws_sns_topic.shrinking_hidden"): {"tags": {"service": "missing", "environment": "missing"}},
    ("older-defaults", "aws_sns_topic.growing_hidden"): {"tags": {}},
    ("older-defaults", "aws_sns_topic.turning_steady"): {"tags": {"service": "missing", "environment": "missing"}},
}

CASES = [pytest.param(case, id=case.name) for case in cases()]


@pytest.fixture(scope="module")
def baseline() -> Policy:
    return load(["baseline"])


def read(case: Path) -> Configuration:
    run = json.loads((case / "run.json").read_text("utf-8")) if (case / "run.json").exists() else {}
    return read_configuration(case, Settings(environment=run.get("environment", {})))


def judge(baseline: Policy, configuration: Configuration) -> Report:
    return evaluate(baseline, configuration.inventory, date(2026, 1, 1), with_resources=True)


def truth(case: Path) -> dict[str, Any]:
    """What is true of each resource, with what the source adds laid over it."""
    document: dict[str, Any] = yaml.safe_load((case / "truth.yaml").read_text("utf-8"))
    stated: dict[str, Any] = document["resources"]
    for address, added in document.get("with-source", {}).items():
        stated[address] = {**stated[address], **added}
    return stated


def verdicts(stated: Mapping[str, Any]) -> Verdicts:
    """As in ``tests.iac.truth``: what is wrong on a group isn't said again of what it propagates."""
    return {
        (surface, tag): verdict
        for surface, tags in stated.items()
        if surface != "new"
        for tag, verdict in tags.items()
        if surface != "tag.propagate_at_launch" or tag not in stated.get("tag", {})
    }


@pytest.mark.parametrize("case", CASES)
def test_source_has_the_resources_of_the_plan(case: Path, baseline: Policy) -> None:
    document = yaml.safe_load((case / "truth.yaml").read_text("utf-8"))
    report = judge(baseline, read(case))
    assert report.gaps == ()
    found = {one.address: one.status is Status.UNTAGGABLE for one in report.resources or ()}
    wanted = {address: stated == "untaggable" for address, stated in document["resources"].items()}
    left_out = NOT_PLANNED.get(case.name, set()) | set(document.get("not-judged", ()))
    assert {address: it for address, it in found.items() if address not in left_out} == wanted


@pytest.mark.parametrize("case", CASES)
def test_source_says_what_is_true_or_that_it_does_not_know(case: Path, baseline: Policy) -> None:
    said: dict[str, dict[tuple[str, str], str]] = {}
    for finding in judge(baseline, read(case)).findings:
        said.setdefault(finding.resource.address, {})[finding.surface, str(finding.tag)] = str(finding.verdict)
    wrong = []
    for address, stated in truth(case).items():
        if stated == "untaggable":
            continue
        wanted = verdicts({**stated, **DECIDED.get((case.name, address), {})})
        mine = said.get(address, {})
        for where in sorted(wanted.keys() | mine.keys()):
            verdict, true = mine.get(where, "compliant"), wanted.get(where, "compliant")
            if verdict not in (true, "unknown"):
                wrong.append(f"{address} {where}: {verdict}, and it is {true}")
    assert wrong == []


@pytest.mark.parametrize(
    "case", [p for p in CASES if "examples" in Path(str(p.values[0])).parts or p.id == "acceptance"]
)
def test_examples_and_acceptance_are_found_whole_from_source_alone(case: Path, baseline: Policy) -> None:
    """Every violation, none false, and nothing left open that the text decides."""
    found = {
        (finding.resource.address, finding.surface, str(finding.tag), str(finding.verdict))
        for finding in judge(baseline, read(case)).findings
    }
    true = {
        (address, *where, verdict)
        for address, stated in truth(case).items()
        if stated != "untaggable"
        for where, verdict in verdicts(stated).items()
    }
    assert sorted(found - true) == [], "said, and not true"
    assert sorted(true - found) == [], "true, and not said"


def test_every_violation_of_the_acceptance_configuration_has_its_line(baseline: Policy) -> None:
    case = ROOT / "tests" / "plans" / "acceptance"
    configuration = read(case)
    findings = judge(baseline, configuration).findings
    assert sum(finding.level is Level.ERROR for finding in findings) == 17
    for finding in findings:
        place = configuration.place(finding)
        block = Path(place.block.file).read_text("utf-8").splitlines()[place.block.line - 1]
        type_, name = re.sub(r"\[[^]]*\]", "", finding.resource.address).split(".")[-2:]
        assert name in block
        assert f'"{type_}" "{name}"' in block or block.strip().startswith(f'"{name}":')
        line = Path(place.location.file).read_text("utf-8").splitlines()[place.location.line - 1]
        assert re.search(r"tags|owner|service|environment|resource", line, re.IGNORECASE), (finding, line)
        assert Path(place.location.file).resolve().is_relative_to(case)
