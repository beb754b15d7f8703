# ruff: noqa: E501 - a row of a table stands on one line
"""Real plans read together with the text that they were made from, and with texts that they weren't made from.

What must be said is written by hand in ``truth.yaml``: ``resources`` for the plan alone, ``with-source`` for what the
text proves beyond it.
"""

import shutil
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from costguard.engine import evaluate
from costguard.iac.join import Joined, counterpart, read_source
from costguard.iac.plan import Read, read
from costguard.model.finding import Report
from costguard.model.resource import Known, Resource, Surface, Tag, TagSet
from costguard.policy import Policy
from costguard.policy.load import load
from tests.conftest import ROOT
from tests.iac.source.reading import write
from tests.iac.truth import Fault, cases, faults_with_source, truth

TODAY = date(2026, 1, 1)
CASES = [pytest.param(case, id=case.name) for case in cases()]


@pytest.fixture(scope="module")
def baseline() -> Policy:
    return load(["baseline"])


def plan_of(case: Path) -> Read:
    return read((case / "plan.json").read_bytes(), "plan.json")


def judged(plan: Read, source: Path, policy: Policy) -> Report:
    joined = Joined(plan.inventory, plan.configuration, read_source(source, plan.variables))
    return joined.placed(evaluate(policy, joined.inventory, TODAY, with_resources=True), policy, TODAY)


def faults(report: Report) -> frozenset[Fault]:
    return frozenset((f.resource.address, f.surface, f.tag or "", str(f.verdict)) for f in report.findings)


@pytest.mark.parametrize("case", CASES)
def test_the_source_proves_what_it_can_and_nothing_else(case: Path, baseline: Policy) -> None:
    found, wanted = faults(judged(plan_of(case), case, baseline)), faults_with_source(case)

    assert sorted(found - wanted) == [], "said, and not true"
    assert sorted(wanted - found) == [], "true, and not said"


@pytest.mark.parametrize("case", CASES)
def test_what_the_source_proves_was_open_in_the_plan(case: Path) -> None:
    """``with-source`` may only settle what ``resources`` leaves unknown."""
    settled = truth(case).faults ^ faults_with_source(case)
    before = {fault[:3] for fault in truth(case).faults if fault[3] == "unknown"}

    assert all(fault[:3] in before or fault[3] == "missing" for fault in settled)
    assert not any(fault[3] != "unknown" for fault in truth(case).faults - faults_with_source(case))


@pytest.mark.parametrize("case", CASES)
def test_every_finding_has_a_line_that_is_about_it(
    case: Path, baseline: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for finding in judged(plan_of(case), case.relative_to(ROOT), baseline).findings:
        where = finding.location
        assert where is not None, finding
        lines = (ROOT / where.file).read_text("utf-8").splitlines()[where.line - 1 : where.end_line]
        assert lines, where
        # The block itself, or the line of the map or of the entry.
        named = (
            finding.resource.type,
            finding.found or finding.key or finding.tag or "",
            "tags",
            "labels",
            "propagate_at_",
            "value ",
            '""',
        )
        assert any(word in "\n".join(lines) for word in named), (finding, lines)


PLACES = [
    # Something is wrong that is written: its own line, in the resource, the defaults, or a variable.
    ("aws_sns_topic.careless", "tags", "service", "providers.tf", 'service     = ""'),
    ("aws_sns_topic.alias_empty", "tags", "environment", "tags.tf", 'env         = "prod"'),
    ("aws_sns_topic.value_case", "tags", "environment", "tags.tf", 'environment = "Production"'),
    ("aws_sns_topic.json", "tags", "environment", "generated.tf.json", '"environment": "prod"'),
    ("aws_rekognition_collection.null_service", "tags", "service", "tags.tf", "service     = null"),
    ("aws_instance.devices_tagged", "root_block_device[0].tags", "service", "surfaces.tf", 'service = ""'),
    ("aws_autoscaling_group.static", "tag", "owner", "surfaces.tf", '"team"'),
    # Something is to be added: the map that it goes into, or the block where there is none.
    ("aws_sns_topic.null_tags", "tags", "service", "tags.tf", "tags = null"),
    ("aws_launch_template.partial", "tag_specifications[instance].tags", "owner", "surfaces.tf", "tags = {"),
    ("aws_sns_topic.no_tags", "tags", "service", "tags.tf", 'resource "aws_sns_topic" "no_tags"'),
    ("aws_autoscaling_group.untagged", "tag", "owner", "surfaces.tf", 'resource "aws_autoscaling_group" "untagged"'),
    ("module.named.aws_sns_topic.this", "tags", "environment", "modules/named/main.tf", 'resource "aws_sns_topic" "this"'),
]  # fmt: skip


def test_findings_stand_where_a_person_would_edit(baseline: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    case = ROOT / "tests/plans/create"
    monkeypatch.chdir(case)
    found = {(f.resource.address, f.surface, f.tag): f for f in judged(plan_of(case), Path(), baseline).findings}

    for address, surface, tag, file, text in PLACES:
        where = found[address, surface, tag].location
        assert where is not None
        assert where.file == file
        assert text in (case / file).read_text("utf-8").splitlines()[where.line - 1], (address, where)


# --- other sources than the plan's


def copied(case: str, folder: Path, change: Callable[[Path], None]) -> Path:
    target = folder / case
    shutil.copytree(ROOT / "tests/plans" / case, target)
    change(target)
    return target


def edit(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text("utf-8")
        assert old in text, (file, old)
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")

    return change


def add(text: str, file: str = "added.tf") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).write_text(text)

    return change


def remove(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def empty(folder: Path) -> None:
    for path in [*folder.rglob("*.tf"), *folder.rglob("*.tf.json")]:
        path.unlink()


FOREIGN = [
    ("another resource", add('resource "aws_sns_topic" "added" {}\n')),
    ("another module", add('module "added" {\n  source = "./modules/service"\n}\n')),
    ("a resource less", remove("generated.tf.json")),
    ("nothing at all", empty),
    ("a known tag that differs", edit("tags.tf", 'service     = "shop"', 'service     = "shoq"')),
    ("a known tag more", edit("tags.tf", 'service     = "shop"', 'service     = "shop"\n    more = "x"')),
    ("another reference", edit("tags.tf", '{ (aws_sns_topic.directory.arn) = "x" }', "local.complete")),
    ("an attribute more", edit("tags.tf", 'name = "unknown-keys"', 'name = "unknown-keys"\n  fifo_queue = true')),
    ("another argument of a module", edit("modules.tf", 'owner  = "payments"', 'owner  = "checkout"')),
    ("an argument more", edit("modules.tf", 'owner  = "payments"', 'owner  = "payments"\n  more = 1')),
    ("a count", edit("modules.tf", 'module "named" {', 'module "named" {\n  count = 1')),
    ("other defaults", edit("providers.tf", "service = aws_sns_topic.directory.arn", 'service = "shop"')),
    ("another default of a variable", edit("providers.tf", 'default = "environment"', 'default = "owner"')),
    ("a resource more in a module", add('resource "aws_sns_topic" "added" {}\n', "modules/own/added.tf")),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in FOREIGN])
def test_a_source_that_is_not_the_plans_proves_nothing(
    tmp_path: Path, baseline: Policy, change: Callable[[Path], None]
) -> None:
    """What the plan leaves unknown stays so, whatever the other text says."""
    case = ROOT / "tests/plans/create"
    report = judged(plan_of(case), copied("create", tmp_path, change), baseline)

    assert faults(report) == truth(case).faults
    assert change is empty or any("isn't what the plan was made from" in note for note in report.notes)


def test_variables_are_those_of_the_plan(tmp_path: Path, baseline: Policy) -> None:
    """Values that lie beside the text are not those that the plan was made with."""
    change = add("small = false\n", "terraform.tfvars")
    case = ROOT / "tests/plans/templates"

    assert faults(judged(plan_of(case), copied("templates", tmp_path, change), baseline)) == faults_with_source(case)


# --- what else the source is good for


def test_a_suppression_at_the_line_covers_the_finding(tmp_path: Path, baseline: Policy) -> None:
    comment = "# costguard:ignore=owner,service a trial until=2026-12-31\n"
    head = 'resource "aws_sns_topic" "no_tags_bare" {'
    source = copied("create", tmp_path, edit("tags.tf", head, comment + head))
    before = faults_with_source(ROOT / "tests/plans/create")

    address = "aws_sns_topic.no_tags_bare"
    gone = {(address, "tags", tag, "missing") for tag in ("owner", "service")}
    assert before - faults(judged(plan_of(ROOT / "tests/plans/create"), source, baseline)) == gone


def late(case: str, baseline: Policy) -> list[str]:
    report = judged(plan_of(ROOT / "tests/plans" / case), ROOT / "tests/plans" / case, baseline)
    return sorted(note.split(": ")[1].rpartition(" ")[2] for note in report.notes if "the apply will fail" in note)


def test_defaults_that_the_apply_will_refuse_are_said(baseline: Policy) -> None:
    """Those of ``aws.derived`` refer to what exists already, so that the plan knows them."""
    assert late("create", baseline) == ["aws.unknown", "aws.unknown_local", "module.own_unknown:aws"]
    assert late("lifecycle", baseline) == ["aws.turning"]


def numbered(*tags: Mapping[str, str]) -> tuple[Surface, ...]:
    return tuple(
        Surface(
            f"ebs_block_device[{index}].tags",
            TagSet({key: Tag(Known(text), "the resource") for key, text in one.items()}),
            created=True,
        )
        for index, one in enumerate(tags)
    )


def test_blocks_of_a_set_are_found_by_what_they_hold(tmp_path: Path) -> None:
    """A plan sorts a set, so that a block's number is not its place in the text."""
    block = '  ebs_block_device {{\n    device_name = "{0}"\n    tags = {{ Name = "{0}" }}\n  }}\n'
    write(tmp_path, 'resource "aws_instance" "i" {\n' + block.format("z") + block.format("a") + "}\n")
    source = read_source(tmp_path, {})
    judged_here = source.judged[0]

    def of(*tags: Mapping[str, str]) -> list[str | None]:
        resource = Resource(
            address="aws_instance.i", type="aws_instance", provider="aws", cloud="aws", surfaces=numbered(*tags)
        )
        found = [counterpart(surface, resource, judged_here) for surface in resource.surfaces]
        return [None if one is None else one.path for one in found]

    first, second = "ebs_block_device[0].tags", "ebs_block_device[1].tags"
    assert of({"Name": "a"}, {"Name": "z"}) == [second, first]
    assert of({"Name": "a"}, {"Name": "a"}) == [second, second]
    assert of({"Name": "a"}, {"Name": "q"}) == [second, None]
    assert of({"Name": "a"}) == [None]
