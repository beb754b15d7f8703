"""Where the findings of a policy are put: at the entry that is wrong, or where one is to be added."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from costguard.engine import evaluate
from costguard.iac.source import read_configuration
from costguard.policy.load import load

TODAY = date(2026, 11, 23)
PROVIDER = 'provider "aws" {\n  default_tags {\n    tags = {\n      environment = "prod"\n    }\n  }\n}\n'
TOPIC = 'resource "aws_sns_topic" "t" {\n  tags = %s\n}\n'
MODULE = 'variable "tags" {\n  type = map(string)\n}\n' + TOPIC


def places(folder: Path, files: Mapping[str, str], tag: str) -> list[str]:
    """``file:line`` of each finding about a tag, by the baseline policy."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    configuration = read_configuration(folder)
    report = evaluate(load(["baseline"]), configuration.inventory, TODAY)
    found = [configuration.place(finding).location for finding in report.findings if finding.tag == tag]
    return [f"{Path(place.file).relative_to(folder).as_posix()}:{place.line}" for place in found]


GOOD = 'owner = "a", service = "b", environment = "dev"'

CASES = [
    ("a missing tag: the attribute", {"main.tf": TOPIC % '{ owner = "a" }'}, "service", ["main.tf:2"]),
    ("no tags at all: the block", {"main.tf": '\nresource "aws_sns_topic" "t" {}\n'}, "service", ["main.tf:2"]),
    (
        "a wrong value: its entry",
        {"main.tf": TOPIC % '{\n    owner = "a"\n    environment = "prod"\n  }'},
        "environment",
        ["main.tf:4"],
    ),
    (
        "a wrong value behind a local and a merge: its entry",
        {
            "main.tf": TOPIC % "merge(local.tags, {})",
            "locals.tf": 'locals {\n  tags = {\n    environment = "prod"\n  }\n}\n',
        },
        "environment",
        ["locals.tf:3"],
    ),
    ("a wrong default: its entry", {"main.tf": PROVIDER + TOPIC % '{ owner = "a" }'}, "environment", ["main.tf:4"]),
    (
        "a wrong value that for_each goes through: where it is written",
        {
            "main.tf": 'locals {\n  all = {\n    a = { env = "prod" }\n    b = { env = "dev" }\n  }\n}\n'
            + TOPIC.replace("{\n", "{\n  for_each = local.all\n", 1) % "{ environment = each.value.env }"
        },
        "environment",
        ["main.tf:3"],
    ),
    (
        "a wrong value that a call takes from its for_each: where it is written",
        {
            "main.tf": 'locals {\n  all = {\n    a = { environment = "prod" }\n  }\n}\n'
            'module "m" {\n  source   = "./m"\n  for_each = local.all\n  tags     = each.value\n}\n',
            "m/main.tf": MODULE % "var.tags",
        },
        "environment",
        ["main.tf:3"],
    ),
    (
        "a value that is computed: its entry",
        {"main.tf": TOPIC % '{\n    environment = lower("PROD")\n  }'},
        "environment",
        ["main.tf:3"],
    ),
    (
        "a wrong value that is also the name of a key: the value's entry",
        {"main.tf": TOPIC % '{\n    environment = "owner"\n    owner = "a"\n  }'},
        "environment",
        ["main.tf:3"],
    ),
    (
        "a map that the caller gives: the call's argument",
        {
            "main.tf": '\nmodule "m" {\n  source = "./m"\n  tags   = { owner = "a" }\n}\n',
            "m/main.tf": MODULE % "var.tags",
        },
        "service",
        ["main.tf:4"],
    ),
    (
        "a map that the module makes: the resource in it",
        {"main.tf": 'module "m" {\n  source = "./m"\n  tags = {}\n}\n', "m/main.tf": MODULE % '{ owner = "a" }'},
        "service",
        ["m/main.tf:5"],
    ),
    (
        "a module that was fetched: the call",
        {
            "main.tf": '\nmodule "m" {\n  source = "acme/m/aws"\n}\n',
            ".terraform/modules/modules.json": '{"Modules":[{"Key":"m","Dir":".terraform/modules/m"}]}',
            ".terraform/modules/m/main.tf": TOPIC % "{}",
        },
        "owner",
        ["main.tf:2"],
    ),
]


@pytest.mark.parametrize(("files", "tag", "expected"), [pytest.param(*rest, id=name) for name, *rest in CASES])
def test_a_fault_stands_where_a_person_would_mend_it(
    tmp_path: Path, files: Mapping[str, str], tag: str, expected: list[str]
) -> None:
    assert places(tmp_path, files, tag) == expected


def test_a_configuration_without_end_has_places_all_the_same(tmp_path: Path) -> None:
    endless = "{ x = length([for i in range(1000) : [for j in range(1000) : [for k in range(1000) : k]]]) }"
    loop = '{ for k, v in { a = "b" } : k => v }'
    dynamic = '\n  dynamic "tag" {\n    for_each = { a = "b" }\n    content {\n      key = tag.key\n    }\n  }\n'
    text = (TOPIC % endless) + (TOPIC % loop).replace('"t"', '"u"')
    text += f'resource "aws_autoscaling_group" "g" {{{dynamic}}}\n'
    text += PROVIDER.replace('{\n      environment = "prod"\n    }', loop)

    assert len(places(tmp_path, {"main.tf": text}, "owner")) == 3
