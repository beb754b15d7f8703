"""A gate run pays only for what its policy uses."""

import subprocess
import sys
from pathlib import Path

import pytest

from costguard.policy.load import shipped
from tests.conftest import ROOT
from tests.policy.build import write

HEAVY = ("jsonschema", "jmespath", "regex", "csv", "difflib", "importlib.resources")
PROBE = f"""
import sys
from costguard.policy.load import load
load([sys.argv[1]])
print(*(name for name in {HEAVY} if name in sys.modules))
"""
PLAIN = """
extends: baseline
tags:
  owner: {keys: {aws: Owner, google: owner, azure: Owner}}
  tier: {value: {pattern: '^\\p{L}[a-z]$', minLength: 1, format: date, description: a tier}, required: false}
rules:
  - {id: a, when: {type: aws_*, account: '1'}, require: {x: {value: {enum: [a, b]}}}}
  - {id: b, forbid: {keys: ['*password*'], values: ['AKIA[A-Z]+'], content: [payment-card]}}
  - {id: c, every-tag: {key: {maxLength: 10}, value: {pattern: '^[\\p{Ll}]+$'}}}
  - {id: d, max-tags: 10}
  - {id: e, require: {team: {values-from: {file: CODEOWNERS}}}}
exemptions: [{when: {address: x}, reason: r, until: 2027-01-01}]
examples: [{name: a, resource: {type: aws_instance}, expect: {owner: missing}}]
"""


def imported(source: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROBE}", source],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_a_plain_policy_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text("* @example/payments\n")
    [file] = write(tmp_path, PLAIN)
    assert imported(str(file)) == []


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_policy_imports_nothing_heavy(name: str) -> None:
    assert imported(name) == []


def test_the_probe_sees_what_is_imported(tmp_path: Path) -> None:
    [file] = write(tmp_path, "tags: {x: {value: {anyOf: [{const: a}]}}}")
    assert "jsonschema" in imported(str(file))
