# ruff: noqa: E501 - a row of a table stands on one line
"""Where a person would edit for a fault: the entry that is wrong, or the map that an entry is to be added to."""

from pathlib import Path

import pytest

from costguard.iac.source.places import place
from costguard.model.finding import Finding, Level, ResourceRef, Verdict
from tests.iac.source.reading import Files, read

PROVIDER = 'provider "aws" {\n  default_tags {\n    tags = {\n      Team = "d"\n    }\n  }\n}\n'
M = 'variable "tags" {\n  default = {}\n}\nvariable "owner" {\n  default = "o"\n}\n'


def fault(key: str, found: str | None) -> Finding:
    """A finding about a key; ``found`` is what it is called instead."""
    return Finding(
        rule="tags/x",
        tag=key,
        key=key,
        surface="tags",
        verdict=Verdict.MISSPELLED if found else Verdict.EMPTY,
        level=Level.ERROR,
        resource=ResourceRef(address="", type="", provider=""),
        location=None,
        message="",
        remedy="",
        fingerprint="",
        new=True,
        found=found,
    )


def topic(tags: str, more: str = "") -> str:
    return f'resource "aws_sns_topic" "t" {{\n  name = "t"\n{f"  tags = {tags}" if tags else ""}\n{more}}}\n'


def call(more: str, source: str = "./m") -> str:
    return f'module "m" {{\n  source = "{source}"\n{more}}}\n'


ADDRESS = "aws_sns_topic.t"
INSIDE = "module.m.aws_sns_topic.t"

# What it is about, the files, the address, the key that the policy asks for, what was found in its place, and the text
# of the first line of the place with the name of its file.
ROWS: list[tuple[str, Files, str, str, str | None, str]] = [
    ("no tags", {"main.tf": topic("")}, ADDRESS, "owner", None, 'main.tf: resource "aws_sns_topic" "t" {'),
    ("a map without it", {"main.tf": topic("{\n    a = 1\n  }")}, ADDRESS, "owner", None, "main.tf: tags = {"),
    ("an entry that is wrong", {"main.tf": topic('{\n    a = 1\n    owner = ""\n  }')}, ADDRESS, "owner", None, 'main.tf: owner = ""'),
    ("an entry of another name", {"main.tf": topic('{\n    Owner = "x"\n  }')}, ADDRESS, "owner", "Owner", 'main.tf: Owner = "x"'),
    ("the entry that counts", {"main.tf": topic('merge({\n    owner = "x"\n  }, {\n    owner = ""\n  })')}, ADDRESS, "owner", None, 'main.tf: owner = ""'),
    ("an entry in a local", {"main.tf": topic("merge(local.a, {})"), "l.tf": 'locals {\n  a = local.b\n  b = {\n    owner = ""\n  }\n}\n'}, ADDRESS, "owner", None, 'l.tf: owner = ""'),
    ("an entry in a default", {"main.tf": topic("var.tags") + 'variable "tags" {\n  default = {\n    owner = ""\n  }\n}\n'}, ADDRESS, "owner", None, 'main.tf: owner = ""'),
    ("an entry in the provider's defaults", {"main.tf": PROVIDER + topic("{}")}, ADDRESS, "owner", "Team", 'main.tf: Team = "d"'),
    ("an entry that a caller gives", {"main.tf": call('  tags = {\n    owner = ""\n  }\n'), "m/m.tf": M + topic("var.tags")}, INSIDE, "owner", None, 'main.tf: owner = ""'),
    ("a map that a caller gives", {"main.tf": call("  tags = {\n    a = 1\n  }\n"), "m/m.tf": M + topic("merge(var.tags, { b = 1 })")}, INSIDE, "owner", None, "main.tf: tags = {"),
    ("a map that nobody gives", {"main.tf": call(""), "m/m.tf": M + topic("var.tags")}, INSIDE, "owner", None, "m/m.tf: tags = var.tags"),
    ("a value that a caller gives", {"main.tf": call('  owner = ""\n'), "m/m.tf": M + topic("{\n    owner = var.owner\n  }")}, INSIDE, "owner", None, 'main.tf: owner = ""'),
    ("an output", {"main.tf": call("") + topic("module.m.tags"), "m/m.tf": 'output "tags" {\n  value = {\n    owner = ""\n  }\n}\n'}, ADDRESS, "owner", None, 'm/m.tf: owner = ""'),
    ("a branch that is decided", {"main.tf": topic('true ? {\n    owner = ""\n  } : {\n    owner = "x"\n  }')}, ADDRESS, "owner", None, 'main.tf: owner = ""'),
    ("a module that isn't ours", {"main.tf": call("", "./vendor/m"), "vendor/m/m.tf": M + topic("{\n    a = 1\n  }")}, INSIDE, "owner", None, 'main.tf: module "m" {'),
    ("an override", {"main.tf": topic('{\n    owner = "x"\n  }'), "override.tf": 'resource "aws_sns_topic" "t" {\n  tags = {\n    owner = ""\n  }\n}\n'}, ADDRESS, "owner", None, 'override.tf: owner = ""'),
    ("locals in a circle", {"main.tf": topic("local.a") + "locals {\n  a = local.b\n  b = local.a\n}\n"}, ADDRESS, "owner", None, "main.tf: tags = local.a"),
    ("JSON", {"main.tf.json": '{"resource": {"aws_sns_topic": {"t": {\n"tags": {\n"owner": ""}}}}}'}, ADDRESS, "owner", None, 'main.tf.json: "owner": ""}}}}}'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "address", "key", "found", "expected"), [pytest.param(*rest, id=name) for name, *rest in ROWS]
)
def test_the_place_is_where_a_person_would_edit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: Files,
    address: str,
    key: str,
    found: str | None,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    read(tmp_path, files)
    judged = read(Path(), {}).find(address)
    assert judged is not None
    where = place(judged.evidence, judged.resource.surfaces[0], fault(key, found)).location

    line = Path(where.file).read_text().splitlines()[where.line - 1]
    assert f"{where.file}: {line.strip()}" == expected


def test_the_chain_leads_from_the_outermost_call_to_the_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "main.tf": 'module "a" {\n  source = "./a"\n  for_each = toset(["x"])\n}\n',
        "a/a.tf": call("  tags = local.tags\n", "../m") + 'locals {\n  tags = { owner = "" }\n}\n',
        "m/m.tf": M + topic("var.tags"),
    }
    monkeypatch.chdir(tmp_path)
    read(tmp_path, files)
    judged = read(Path(), {}).find('module.a["x"].module.m.aws_sns_topic.t')
    assert judged is not None
    found = place(judged.evidence, judged.resource.surfaces[0], fault("owner", None))

    assert (found.location.file, found.location.line) == ("a/a.tf", 6)
    assert (found.block.file, found.folder) == ("m/m.tf", "m")
    assert found.chain == (
        'module.a["x"] at main.tf:1',
        "module.m at a/a.tf:1",
        "aws_sns_topic.t at m/m.tf:7",
        "var.tags at m/m.tf:1",
        "local.tags at a/a.tf:6",
    )
