"""The source never contradicts Terraform: what is decided from text alone is what a plan decides, or the plan doesn't.

The generator knows what it wrote, which is a third opinion, and the only one where neither of the two decides. Without
Terraform the source is held against that alone, so that hypothesis can look for the smallest case; ``bench/soundness``
does the same with thousands of resources.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from costguard.model.resource import Inventory, Known, Resource, Surface, Tag, TagSet, Unknown
from tests.conftest import Terraform
from tests.soundness import cases, runs, views
from tests.soundness.cases import Root
from tests.soundness.dice import Dice
from tests.soundness.expressions import Writer

# The reader raises the limit where it is lower, and hypothesis would have it that nobody touches it.
sys.setrecursionlimit(max(12_000, sys.getrecursionlimit()))

SEEDS = (104, 301, 304)
CASES = 60


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Root, Writer]:
    return cases.root(Dice.drawn(draw)), cases.case("c0", Dice.drawn(draw))


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(drawn())
def test_source_never_contradicts_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[Root, Writer]
) -> None:
    root, writer = made
    outcome = runs.judge(root, [writer], tmp_path_factory.mktemp("case"), None)
    assert not outcome.contradictions, outcome
    assert not outcome.faults, outcome


@pytest.mark.parametrize("seed", range(6))
def test_source_decides_most_of_what_can_be_decided(seed: int, tmp_path: Path) -> None:
    root, writers = configuration(seed)
    outcome = runs.judge(root, writers, tmp_path, None)
    assert str(outcome) == ""
    assert outcome.resources >= 200
    assert outcome.decided["source"] >= 0.5 * outcome.decided["truth"]


@pytest.mark.terraform
def test_source_plan_and_generator_never_contradict_each_other(terraform: Terraform, tmp_path: Path) -> None:
    program = runs.Program(terraform.program, terraform.mirror, terraform.environment)

    def one(seed: int) -> runs.Outcome:
        root, writers = configuration(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        return runs.judge(root, writers, folder, program)

    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = dict(zip(SEEDS, pool.map(one, SEEDS), strict=True))
    assert {seed: str(outcome) for seed, outcome in outcomes.items()} == dict.fromkeys(SEEDS, "")
    assert sum(outcome.resources for outcome in outcomes.values()) >= 1_000


def configuration(seed: int) -> tuple[Root, list[Writer]]:
    root = cases.root(Dice.seeded(seed, -1))
    return root, [cases.case(f"c{number}", Dice.seeded(seed, number)) for number in range(CASES)]


# --- that what compares would notice


def inventory(*tags: Tag | tuple[str, str], open_: str = "", address: str = "aws_sns_topic.t") -> Inventory:
    written = {key: Tag(Known(value) if value != "?" else Unknown("?"), "here") for key, value in tags}  # type: ignore[misc]
    resource = Resource(
        address=address,
        type="aws_sns_topic",
        provider="aws",
        cloud="aws",
        surfaces=(Surface("tags", TagSet(written, open_)),),
    )
    return Inventory(checkpoint="plan", resources=(resource,))


CLOSED = inventory(("owner", "payments"))
COMPARED = [
    ("the same", CLOSED, CLOSED, 0),
    ("another value", CLOSED, inventory(("owner", "platform")), 1),
    ("a value that isn't known", CLOSED, inventory(("owner", "?")), 0),
    ("a key that certainly isn't there", CLOSED, inventory(), 1),
    ("a key that may be there", CLOSED, inventory(open_="may be"), 0),
    ("a key more", CLOSED, inventory(("owner", "payments"), ("service", "shop")), 1),
    ("a key more, unknown", CLOSED, inventory(("owner", "payments"), ("service", "?")), 1),
    ("another address", CLOSED, inventory(("owner", "payments"), address="aws_sns_topic.u"), 2),
]


@pytest.mark.parametrize(("one", "other", "count"), [pytest.param(*rest, id=name) for name, *rest in COMPARED])
def test_contradictions_are_where_both_commit_themselves(one: Inventory, other: Inventory, count: int) -> None:
    for left, right in ((one, other), (other, one)):
        assert len(views.contradictions(views.read(left), views.read(right), ("left", "right"))) == count


def test_a_source_that_reads_no_override_is_caught(tmp_path: Path) -> None:
    """A mistake that the reader might make, made on the text: the decoys become true."""
    caught = 0
    for seed in range(4):
        root, writers = configuration(seed)
        for writer in writers:
            for module in writer.modules:
                module.overrides.clear()
        folder = tmp_path / str(seed)
        folder.mkdir()
        caught += len(runs.judge(root, writers, folder, None).contradictions)
    assert caught > 0


@pytest.mark.parametrize("seed", range(20))
def test_the_same_choices_make_the_same_case(seed: int) -> None:
    def text(writer: Writer) -> list[dict[str, str]]:
        return [module.files("c") for module in writer.modules]

    first = cases.case("c", Dice.seeded(seed, 0))
    assert text(cases.case("c", Dice.seeded(seed, 0))) == text(first)
    assert text(cases.case("c", Dice.replayed(first.dice.record))) == text(first)


def test_the_generator_writes_what_it_is_meant_to_exercise() -> None:
    """That no form of expression or block has silently dropped out of the generator."""
    text = "\n".join(
        content
        for seed in (102, 103, *range(109, 118))
        for root, writers in [configuration(seed)]
        for writer in (root.writer, *writers)
        for module in writer.modules
        for name, content in (*module.files("c").items(), *((given.where, "") for given in writer.settings))
        for content in (f"{name}\n{content}",)
    )
    missing = [pattern for pattern in EXERCISED if not re.search(pattern, text)]
    assert missing == []


EXERCISED = [
    r"\.tf\.json\n", r"_override\.tf\n", r"\boverride\.tf\n", r"\bauto\n", r"\bcli\n", r"\bfile\n", r"\bjson\n",
    r"count = ", r"for_each = ", r"each\.key", r"each\.value\.", r"count\.index", r"\.\*\.", r"\[\*\]", r"<<-EOT",
    r"%\{ if ", r"%\{ for ", r"dynamic \"tag\"", r"dynamic \"tag_specifications\"", r"dynamic \"default_tags\"",
    r"iterator = ", r"providers = \{", r"configuration_aliases", r"ignore_changes", r"ignore_tags", r"moved \{",
    r"removed \{", r"volume_tags", r"root_block_device", r"override_provider", r"sensitive = true", r"sensitive\(",
    r"nullable = false", r"optional\(", r"validation \{", r"templatefile\(", r"jsondecode\(file\(", r"yamldecode\(",
    r"path\.module", r"aws_iam_policy_document", r"\.tags_all", r"\.tags\[", r"\.tags\.k", r"\.arn", r"timestamp\(\)",
    r"uuid\(\)", r"terraform\.workspace", r"try\(", r"\bcan\(", r"lookup\(", r"coalesce\(", r"merge\(", r"zipmap\(",
    r"\.\.\.\)", r"setunion\(", r"formatlist\(", r"regex\(", r"\ufeff", r"\r\n", r"# tags = ", r"tags = null",
    r"propagate_at_launch", r"aws_rekognition_collection", r"aws_inspector_resource_group", r"module\.[a-z0-9_]+\[",
]  # fmt: skip
