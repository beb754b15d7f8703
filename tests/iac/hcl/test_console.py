"""Every function against Terraform itself: one run of ``terraform console`` evaluates a table of a thousand calls.

The table is console_expressions.txt, one expression a line. Before an expression that costguard may leave undecided
(and only there) stands ``? ``.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from costguard.iac.hcl import parse_expression, parse_template
from costguard.iac.hcl.evaluate import Reference, evaluate
from costguard.iac.hcl.functions import FAMILIES, IMPURE
from costguard.iac.hcl.functions.encoding import json_text
from costguard.iac.hcl.values import EvaluationError, Value, is_known, unmark, unmark_deep
from tests.conftest import Terraform

FILES = {
    "greeting.txt": b"hello\nworld\n",
    "latin1.txt": b"caf\xe9",
    "user.tftpl": b"name: ${name}\n%{ for group in groups ~}\n- ${group}\n%{ endfor ~}\n",
    "plain.tftpl": b"nothing $${here}",
    "list.tftpl": b"${items}",
    "data/a.json": b'{"team": "payments", "size": 1.50}',
    "data/b.json": b"{}",
    "data/c.yaml": b"team: search\non: yes\n",
    "data/deep/d.json": b"[]",
    "data/deep/deeper/e.json": b"[]",
}


def expressions() -> Iterator[tuple[str, bool]]:
    """Each expression and whether it must be decided."""
    for line in Path(__file__).with_name("console_expressions.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.removeprefix("? "), not line.startswith("? ")


class Folder:
    """A module of which only the files matter."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def host(self) -> "Folder":
        return self

    def path(self, text: str) -> Path | None:
        return self.root / text

    def template(self, text: str, variables: Value) -> Value:
        assert isinstance(variables, dict)
        return evaluate(parse_template(text), self, variables)

    def name(self, name: str) -> "Value | Reference":
        raise EvaluationError(f"there is no {name}")

    def spend(self, steps: int) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("module").resolve()
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Folder(root)


@pytest.fixture(scope="module")
def answers(terraform: Terraform, folder: Folder) -> Mapping[str, str]:
    """What Terraform makes of each expression: whether it is sensitive and its value, as JSON, or "error"."""
    asked = [expression for expression, _ in expressions()]
    lines = [
        f'  e{number} = try(jsonencode([issensitive({expression}), nonsensitive({expression})]), "error")'
        for number, expression in enumerate(asked)
    ]
    everything = ", ".join(f"local.e{number}" for number in range(len(asked)))
    (folder.root / "main.tf").write_text("\n".join(["locals {", *lines, f"  all = [{everything}]", "}"]))
    done = subprocess.run(
        [terraform.program, "console"],
        input="jsonencode(nonsensitive(local.all))\n",
        cwd=folder.root,
        env=dict(terraform.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(json.loads(done.stdout))
    return dict(zip(asked, results, strict=True))


def answer(expression: str, folder: Folder) -> str:
    """The same of ours, or "unknown"."""
    try:
        value, marked = unmark(evaluate(parse_expression(expression), folder))
    except EvaluationError:
        return "error"
    bare = unmark_deep(value)[0]
    return f"[{'true' if marked else 'false'},{json_text(bare)}]" if is_known(bare) else "unknown"


@pytest.mark.terraform
def test_every_function_gives_what_terraform_gives(answers: Mapping[str, str], folder: Folder) -> None:
    wrong = []
    for expression, decided in expressions():
        ours = answer(expression, folder)
        if ours != answers[expression] and (decided or ours != "unknown"):
            wrong.append(f"{expression}\n  terraform: {answers[expression]}\n  costguard: {ours}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.terraform
def test_every_function_of_terraform_is_known_by_name(terraform: Terraform, tmp_path: Path) -> None:
    signatures = json.loads(terraform.run(tmp_path, "metadata", "functions", "-json"))["function_signatures"]
    named = {name.removeprefix("core::") for name in signatures}
    known = {name for names in FAMILIES.values() for name in names} | set(IMPURE) | {"try", "can"}
    assert named <= known


def test_the_table_calls_every_function_that_is_evaluated() -> None:
    called = " ".join(expression for expression, _ in expressions())
    # Versions since 0.15 refuse list() and map(); log() gives no certain digit; the last three are OpenTofu's.
    elsewhere = {"list", "map", "log", "templatestring", "ephemeralasnull", "urldecode", "cidrcontains"}
    missing = [name for names in FAMILIES.values() for name in names if f"{name}(" not in called]
    assert set(missing) <= elsewhere
