"""scripts/refresh-catalog: the catalogue learns from a schema and never forgets."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

from .known import TYPES_FILE

MAP = {"type": ["map", "string"], "optional": True}
RESULT = {"type": ["map", "string"], "computed": True}
TEXT = {"type": "string", "optional": True}
TAGGED = {"attributes": {"tags": MAP, "tags_all": {**MAP, "computed": True}}}
LABELLED = {"attributes": {"labels": MAP, "terraform_labels": RESULT, "effective_labels": RESULT}}
PLAIN = {"attributes": {"tags": MAP}}
BARE = {"attributes": {"name": TEXT}}


def schema(provider: str = "aws", **types: Any) -> dict[str, Any]:
    resources = {name: {"version": 0, "block": block} for name, block in types.items()}
    address = f"registry.terraform.io/hashicorp/{provider}"
    return {"format_version": "1.0", "provider_schemas": {address: {"resource_schemas": resources}}}


def catalogue(cloud: str = "aws", **part: Any) -> dict[str, Any]:
    return {cloud: {"defaults": [], "plain": [], "none": [], "paths": {}, **part}}


class Refresh:
    """Runs the script against a catalogue of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "types.json"

    def __call__(self, *options: str, schema: Mapping[str, Any], known: Any = None) -> subprocess.CompletedProcess[str]:
        if known is not None:
            self.file.write_text(json.dumps(known))
        return subprocess.run(
            [sys.executable, ROOT / "scripts" / "refresh-catalog", "--catalogue", self.file, *options],
            input=json.dumps(schema),
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def written(self) -> Any:
        return json.loads(self.file.read_bytes())


@pytest.fixture
def refresh(tmp_path: Path) -> Refresh:
    return Refresh(tmp_path)


@pytest.mark.parametrize(
    ("provider", "block", "cloud", "kind"),
    [
        ("aws", TAGGED, "aws", "defaults"),
        ("aws", {"attributes": {"tags": MAP, "tags_all": RESULT}}, "aws", "defaults"),  # plugin framework
        ("aws", PLAIN, "aws", "plain"),
        ("aws", BARE, "aws", "none"),
        ("aws", {"attributes": {"tags": RESULT}}, "aws", "none"),  # nobody can author it
        ("aws", {"attributes": {"tags": {"type": ["list", "string"], "optional": True}}}, "aws", "none"),
        ("google", LABELLED, "google", "defaults"),
        ("google-beta", LABELLED, "google", "defaults"),
        ("google", PLAIN, "google", "none"),  # Google's tags are network tags or resource-manager tags
        ("azurerm", PLAIN, "azure", "plain"),
    ],
)
def test_a_new_type_is_known_by_its_usual_map(
    refresh: Refresh, provider: str, block: Any, cloud: str, kind: str
) -> None:
    prefix = {"aws": "aws", "google": "google", "azure": "azurerm"}[cloud]
    done = refresh("--write", schema=schema(provider, **{f"{prefix}_thing": block}), known={})
    assert done.returncode == 0, done.stderr
    assert refresh.written[cloud][kind] == ["thing"]
    assert f"+ {cloud} thing: {kind}" in done.stdout


def test_nothing_is_written_unasked(refresh: Refresh) -> None:
    done = refresh(schema=schema(aws_new=TAGGED), known=catalogue())
    assert "1 types added" in done.stdout
    assert refresh.written == catalogue()


def test_a_type_that_the_schema_lacks_is_kept(refresh: Refresh) -> None:
    known = catalogue(defaults=["old"], paths={"old": ["a.tags"]})
    done = refresh("--write", schema=schema(aws_new=BARE), known=known)
    assert refresh.written == catalogue(defaults=["old"], none=["new"], paths={"old": ["a.tags"]})
    assert "1 kept" in done.stdout


def test_a_poorer_schema_takes_nothing_away(refresh: Refresh) -> None:
    """An older provider lacks the tags that a later one brought: no reason to stop judging the type."""
    known = catalogue(defaults=["thing"])
    done = refresh("--check", schema=schema(aws_thing=BARE), known=known)
    assert done.returncode == 0
    assert "0 changed" in done.stdout


def test_a_richer_schema_replaces_what_was_known(refresh: Refresh) -> None:
    done = refresh("--write", schema=schema(aws_a=TAGGED, aws_b=PLAIN), known=catalogue(plain=["a"], none=["b"]))
    assert refresh.written == catalogue(defaults=["a"], plain=["b"])
    assert "~ aws a: plain → defaults" in done.stdout


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (TAGGED, 0),
        (BARE, 0),
        ({**TAGGED, "block_types": {"disk": {"nesting_mode": "list", "block": PLAIN}}}, 1),
    ],
)
def test_check_fails_where_the_schema_knows_more(refresh: Refresh, block: Any, code: int) -> None:
    assert refresh("--check", schema=schema(aws_thing=block), known=catalogue(defaults=["thing"])).returncode == code


def test_check_fails_on_a_new_type(refresh: Refresh) -> None:
    assert refresh("--check", schema=schema(aws_new=BARE), known=catalogue()).returncode == 1


def test_paths_that_an_author_can_set_and_that_look_like_tags_are_found(refresh: Refresh) -> None:
    block = {
        "attributes": {
            **TAGGED["attributes"],
            "volume_tags": MAP,
            "tag_map": MAP,
            "application_tag": RESULT,  # computed
            "propagate_tags": {"type": "bool", "optional": True},
            "storage": MAP,  # "tag" only by its letters
            "old_style": {"type": ["set", ["object", {"tags": ["map", "string"], "key": "string"}]], "optional": True},
            "resource_tags": {
                "nested_type": {"nesting_mode": "list", "attributes": {"key": TEXT, "value": TEXT}},
                "optional": True,
            },
        },
        "block_types": {
            "tag": {"nesting_mode": "set", "block": {"attributes": {"key": TEXT, "value": TEXT}}},
            "root_block_device": {"nesting_mode": "list", "block": TAGGED},
            "label_style": {"nesting_mode": "list", "block": BARE},
        },
    }
    refresh("--write", schema=schema(aws_thing=block), known={})
    assert refresh.written["aws"]["paths"] == {
        "thing": ["old_style.tags", "resource_tags", "root_block_device.tags", "tag", "tag_map", "volume_tags"]
    }


def test_a_beta_provider_adds_to_its_parent(refresh: Refresh) -> None:
    both = schema("google", google_a=BARE, google_b=BARE)
    both["provider_schemas"] |= schema("google-beta", google_a=LABELLED, google_c=LABELLED)["provider_schemas"]
    refresh("--write", schema=both, known={})
    assert refresh.written == catalogue("google", defaults=["a", "c"], none=["b"])


def test_a_schema_of_other_providers_is_a_usage_error(refresh: Refresh) -> None:
    done = refresh("--write", schema=schema("random", random_id=BARE), known=catalogue())
    assert done.returncode == 2
    assert "azurerm" in done.stderr


def test_the_shipped_file_is_what_the_script_writes(refresh: Refresh) -> None:
    """A hand edit would come out of the next refresh as noise in its diff."""
    shutil.copy(TYPES_FILE, refresh.file)
    refresh("--write", schema=schema(aws_brand_new=BARE))
    lines = refresh.file.read_text().splitlines()
    assert sorted(set(lines) - set(TYPES_FILE.read_text().splitlines())) == ['"brand_new",']
    assert len(lines) == len(TYPES_FILE.read_text().splitlines()) + 1
