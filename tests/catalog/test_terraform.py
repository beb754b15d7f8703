"""The catalogue against the schema of the real AWS provider."""

import subprocess
import sys
from typing import Any

import pytest

from costguard.catalog import Surface, lookup
from tests.catalog.conftest import AwsSchema
from tests.conftest import ROOT

from .known import ALL_TYPES

pytestmark = pytest.mark.terraform


def test_the_schema_brings_nothing_that_the_catalogue_does_not_know(aws_schema: AwsSchema) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "refresh-catalog", "--check", aws_schema.file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_take_provider_defaults_exactly_where_the_schema_has_tags_all(aws_schema: AwsSchema) -> None:
    with_defaults = {name for name, it in aws_schema.types.items() if "tags_all" in it["block"]["attributes"]}
    if aws_schema.version == "5.100.0":
        assert len(with_defaults) == 747  # counted once by hand, with jq
    for name in aws_schema.types:
        known = lookup(name)
        assert known is not None, name
        inherits = known.own is not None and known.own.inherits
        # A type that has its tags only since a later major is in an earlier schema without them.
        assert inherits == (name in with_defaults) or known.since > int(aws_schema.version.split(".")[0]), name


def siblings(block: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The attributes and blocks beside the last part of the path, by name."""
    for name in path[:-1]:
        attributes = block.get("attributes", {})
        block = attributes[name]["nested_type"] if name in attributes else block["block_types"][name]["block"]
    return {**block.get("attributes", {}), **block.get("block_types", {})}


AWS_SURFACES = [
    pytest.param(name, surface, id=f"{name}.{'.'.join(surface.path)}")
    for name in ALL_TYPES
    if name.startswith("aws_") and (known := lookup(name))
    for surface in (known.own, *known.created)
    if surface and surface.path != ("tags",)
]


@pytest.mark.parametrize(("name", "surface"), AWS_SURFACES)
def test_a_surface_decided_by_hand_is_what_the_schema_has(aws_schema: AwsSchema, name: str, surface: Surface) -> None:
    beside = siblings(aws_schema.types[name]["block"], surface.path)
    found = beside[surface.path[-1]]
    if surface.shape == "map":
        assert found["type"] == ["map", "string"]
    else:
        assert {"key", "value"} <= found["block"]["attributes"].keys()
    assert ("tags_all" in beside) == surface.inherits or len(surface.path) == 1
    assert set(surface.effective) <= beside.keys()
    assert not surface.label or beside[surface.label]["type"] == "string"
