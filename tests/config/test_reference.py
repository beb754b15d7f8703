"""The page about ``costguard.yaml`` is run: its samples are configurations, and its tables are what the types say."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from costguard.config import ConfigDoc, read
from costguard.document import parse_yaml
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
FILES = {text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "yaml"}
SAMPLES = sorted(FILES.keys() - {"mistakes.yaml"})
SHOWN = next(text for kind, text in BLOCKS if kind == "console")
ROWS = dict(re.findall(r"^\| `([a-z0-9.\[\]-]+)` \| .* \| (.*) \| .*\|$", TEXT, re.MULTILINE))

NO_DEFAULT = object()


def keys(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, object]]:
    """Every key of the format, as the page writes it, with its default."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                name = f"{path}.{field.encode_name}".lstrip(".")
                default: object = NO_DEFAULT
                if field.default is not msgspec.NODEFAULT:
                    default = msgspec.to_builtins(field.default)
                elif field.default_factory is not msgspec.NODEFAULT:
                    default = field.default_factory()
                yield name, default
                yield from keys(field.type, name)
        case inspect.ListType():
            yield from keys(kind.item_type, f"{path}[]")
        case inspect.UnionType():
            for branch in kind.types:
                yield from keys(branch, path)
        case inspect.Metadata():
            yield from keys(kind.type, path)


KEYS = dict(keys(inspect.type_info(ConfigDoc)))


def used(data: Any, path: str = "") -> Iterator[str]:
    """Every key that a document uses, as the page writes it."""
    if isinstance(data, dict):
        for key, value in data.items():
            name = f"{path}.{key}".lstrip(".")
            yield name
            yield from used(value, name)
    elif isinstance(data, list):
        for item in data:
            yield from used(item, f"{path}[]")


def test_the_keys_are_found() -> None:
    assert {"inventory.aws.config-aggregator.region", "notify[].smtp.from", "assume[].within"} <= KEYS.keys()


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_in_the_tables_with_its_default(key: str) -> None:
    default, said = KEYS[key], ROWS[key]
    if default is NO_DEFAULT:
        assert said == "mandatory"
    elif default is None:
        assert said != "mandatory"
        assert "`" not in said
    else:
        [document] = parse_yaml(said.strip("`"), "default")
        assert said.startswith("`")
        assert document.data == default


def test_the_tables_have_no_other_keys() -> None:
    assert ROWS.keys() == KEYS.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_a_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], "utf-8")
    assert read(tmp_path / name).doc.version == 1


def test_every_key_has_an_example() -> None:
    shown = {key for name in SAMPLES for document in parse_yaml(FILES[name], name) for key in used(document.data)}
    assert KEYS.keys() - shown == set()


def test_the_mistakes_of_the_page_are_what_costguard_says(tmp_path: Path) -> None:
    (tmp_path / "mistakes.yaml").write_text(FILES["mistakes.yaml"], "utf-8")
    command, _, said = SHOWN.partition("\n")
    done = subprocess.run(
        [sys.executable, "-c", "from costguard.cli import run; run()", *command.removeprefix("$ costguard ").split()],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", said)
    assert done.returncode == 2
