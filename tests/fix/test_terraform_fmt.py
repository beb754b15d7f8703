"""What was formatted stays formatted: hundreds of generated files, judged by the real formatter in two runs."""

import re
from pathlib import Path
from random import Random

import pytest

from costguard.fix.edits import Add, AddBlock, Operation, Rename, edit
from costguard.iac.hcl import parse
from costguard.iac.hcl.tree import Literal, Object
from tests.conftest import Terraform
from tests.fix.snippets import snippet

PAIRS = (
    (("owner", "team-a"),),
    (("owner", "team-a"), ("cost-center", "x")),
    (("a-very-long-key-indeed", "x"),),
    (("kubernetes.io/x", "${y}"), ("o", "")),
)
TAG = (("key", "owner"), ("value", "x"), ("propagate_at_launch", True))


def drawn(random: Random, source: bytes, name: str) -> bytes:
    """The source after some operations."""
    file = parse(source, name)
    block = file.body.blocks("resource")[0]
    operations: list[Operation] = []
    if random.random() < 0.2:
        operations.append(AddBlock(block.body, random.choice(("tag", "rule")), TAG))
    tags = block.body.attributes.get("tags")
    if tags is not None and isinstance(tags.value, Object) and random.random() < 0.5:
        keys = [item for item in tags.value.items if isinstance(item.key, Literal)]
        operations += [Rename(item, random.choice(("O", "AnotherName"))) for item in keys[:1]]
    if not operations or random.random() < 0.6:
        operations.append(Add(block.body, ("tags",), random.choice(PAIRS), random.random() < 0.3))
    return edit(file, operations)


@pytest.mark.terraform
def test_what_was_formatted_stays_formatted(terraform: Terraform, tmp_path: Path) -> None:
    random = Random(20261123)  # noqa: S311
    for number in range(1000):
        (tmp_path / f"{number}.tf").write_bytes(snippet(random).encode())
    terraform.run(tmp_path, "fmt")
    for path in sorted(tmp_path.iterdir()):
        path.write_bytes(drawn(random, path.read_bytes(), path.name))
    difference = terraform.run(tmp_path, "fmt", "-write=false", "-diff", "-no-color")
    assert not re.search(r"^\d+\.tf$", difference, re.MULTILINE), difference[:3000]
