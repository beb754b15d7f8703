"""YAML as untrusted text: whatever it says, reading ends soon, with data or with sentences."""

import itertools
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.document import MAX_BYTES, Document, dotted, parse_yaml, read_text, read_yaml
from costguard.errors import DocumentError
from costguard.policy.load import load
from tests.conftest import ROOT


def data(text: str) -> Any:
    [document] = parse_yaml(text, "x")
    return document.data


def wrong(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text, "x")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ("'yes'", "yes"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", "017"),
        ("012345678901", "012345678901"),
        ("089", "089"),
        ("123456789012", 123456789012),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("00.5", "00.5"),
        (".inf", ".inf"),
        ("2027-03-31", "2027-03-31"),
        ("2027-03-31T10:00:00Z", "2027-03-31T10:00:00Z"),
        ("1:30", "1:30"),
        ("=", "="),
        ("1" * 30, "1" * 30),
    ],
)
def test_a_scalar_is(text: str, value: Any) -> None:
    assert data(f"x: {text}") == {"x": value}
    assert type(data(f"x: {text}")["x"]) is type(value)


def test_keys_are_always_text() -> None:
    assert data("{yes: 1, 7: 2, ~: 3, 2027-01-01: 4}") == {"yes": 1, "7": 2, "~": 3, "2027-01-01": 4}


def test_collections_anchors_and_merges() -> None:
    assert data("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, {<<: [{z: 1}, *a]}]") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": [{"x": 1, "y": 2}, {"z": 1, "x": 1, "y": 2}],
    }


def test_the_line_of_everything_is_known() -> None:
    [document] = parse_yaml("a:\n  b: 1\n  c:\n  - x\n  -\n    y: [1,\n        2]\n", "x")
    wanted = {("a",): 1, ("a", "b"): 2, ("a", "c", 0): 4, ("a", "c", 1, "y"): 6, ("a", "c", 1, "y", 1): 7, ("z",): 1}
    assert {path: document.line(path) for path in wanted} == wanted
    assert document.line(("a", "b", "no", 3)) == 2


def test_a_path_as_messages_write_it() -> None:
    assert dotted(("tags", "a.b", 0, "", "x y", "z")) == "tags['a.b'][0]['']['x y'].z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\na: 4\n", ["x:3: a: the key is there twice; the first is in line 1", "x:4: a: the key is"]),
        ("a: {b: 1, b: 2}\nc: [{d: 1, d: 1}]", ["x:1: a.b: the key is there twice", "x:2: c[0].d: the key is there"]),
        ("true: 1\ntrue: 2", ["x:2: true: the key is there twice"]),
        ("a: &a [*a]", ["x:1: the alias *a stands inside what it refers to: a cycle"]),
        ("&a {b: {c: *a}}", ["x:1: the alias *a stands inside what it refers to"]),
        ("a: *b", ["x:1: the alias *b refers to nothing"]),
        ("? [a]\n: b", ["x:1: a list or mapping can't be a key"]),
        ("? {a: 1}\n: b", ["x:1: a list or mapping can't be a key"]),
        ("a: &a [1]\n*a : 2", ["x:2: a list or mapping can't be a key"]),
        ("!!python/object/apply:os.system ['id']", ["x:1: the YAML tag"]),
        ("a: !!python/name:os.system x\nb: !custom {}\nc: !!int '1'", ["x:1: the", "x:2: the", "x:3: the"]),
        ("a: !!binary aGk=", ["x:1: the YAML tag"]),
        ("<<: 7\na: 1", ["x:1: <<: takes a mapping or a list of mappings"]),
        ("a: {<<: [7]}", ["x:1: <<: takes a mapping"]),
        ("a:\n\tb: 1", ["x:2: is not YAML"]),
        ("a: 'b", ["x:1: is not YAML"]),
        ("a: b: c", ["x:1: is not YAML"]),
        ("%YAML 3.0\n---\na: 1", ["x:1: is not YAML"]),
        ("a: \0", ["x:1: is not YAML: U+0000"]),
        ("a: \ud800", ["x:1: is not YAML: U+D800"]),
        ("[" * 100 + "]" * 100, ["x:1: is nested more than 60 deep"]),
        ("[" * 1_000_000, ["x:1: is nested more than 60 deep"]),
        ("- " * 500_000, ["x:1: is nested more than 60 deep"]),
        ("{a: " * 500_000, ["x:1: is nested more than 60 deep"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, expected: list[str]) -> None:
    said = wrong(text)
    assert len(said) == len(expected), said
    for one, start in zip(said, expected, strict=True):
        assert one.startswith(start)


@pytest.mark.parametrize("shape", ["list", "mapping", "merge"])
def test_aliases_that_repeat_aliases_end_soon(shape: str) -> None:
    each = {
        "list": "{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]",
        "mapping": "{0}: &{0} {{p: *{1}, q: *{1}, r: *{1}, s: *{1}, t: *{1}, u: *{1}}}",
        "merge": "{0}: &{0} {{x: *{1}, y: *{1}, z: *{1}, <<: [*{1}, *{1}]}}",
    }[shape]
    names = [f"n{number}" for number in range(40)]
    lines = [f"{names[0]}: &{names[0]} {'{v: lol}' if shape != 'list' else '[lol]'}"]
    lines += [each.format(name, before) for before, name in itertools.pairwise(names)]
    start = time.monotonic()
    [said] = wrong("\n".join(lines))
    assert "unfolds to more than 200,000 values" in said or "nested more than" in said
    assert time.monotonic() - start < 2


def test_several_documents_and_none() -> None:
    assert [one.data for one in parse_yaml("a: &x 1\n---\nb: 2\n...\n", "x")] == [{"a": 1}, {"b": 2}]
    assert parse_yaml("", "x") == []
    assert parse_yaml("# only a comment\n", "x") == []
    assert wrong("a: &x 1\n---\nb: *x\n") == ["x:3: the alias *x refers to nothing"]


def test_read_yaml_takes_one_document(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: 1")
    assert isinstance(read_yaml(file), Document)
    for text, expected in (("", "is empty"), ("a: 1\n---\nb: 1\n", "holds 2 documents; one is expected")):
        file.write_text(text)
        with pytest.raises(DocumentError, match=expected):
            read_yaml(file)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\ufeffa: 1".encode(), None),
        (b"a: \xff", "x.yaml:1: is not UTF-8: byte 0xff at offset 3"),
        (b"a: 1\nb: \xe4\n", "x.yaml:2: is not UTF-8: byte 0xe4"),
        ("a: 1".encode("utf-16"), "x.yaml:1: is not UTF-8: byte 0xff"),
        ("a: 1".encode("utf-16-le"), "x.yaml:1: is not YAML: U+0000"),
        (b"a: \xed\xa0\x80", "is not UTF-8"),
        (b"a: " + b"x" * (3 * 1024 * 1024), "is larger than 2,097,152 bytes"),
    ],
)
def test_a_file_of_any_bytes(tmp_path: Path, raw: bytes, expected: str | None) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(raw)
    if expected is None:
        assert read_yaml(file).data == {"a": 1}
        return
    with pytest.raises(DocumentError) as caught:
        read_yaml(file)
    assert expected in str(caught.value)


def test_the_largest_file_that_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"x" * MAX_BYTES)
    assert len(read_text(file)) == MAX_BYTES
    file.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(DocumentError):
        read_text(file)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    for path, expected in (
        (fifo, "is not a regular file"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path, "is a folder"),
        (tmp_path / "no", "can't be read: No such file or directory"),
        (tmp_path / "no" / "no", "can't be read: No such file or directory"),
        (loop, "can't be read: Too many levels of symbolic links"),
        (Path("a\0b"), "can't be read"),
        (Path("a" * 5000), "can't be read: File name too long"),
    ):
        start = time.monotonic()
        with pytest.raises(DocumentError, match=expected):
            read_text(path)
        with pytest.raises(DocumentError):
            load([path])
        assert time.monotonic() - start < 1


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    """In a process of its own, which gives up root's rights where the tests run with them."""
    file = tmp_path / "closed.yaml"
    file.write_text("version: 1")
    folder = tmp_path / "closed"
    folder.mkdir()
    file.chmod(0)
    folder.chmod(0)
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            if parent.stat().st_uid != os.geteuid():
                pytest.skip("the temporary folder can't be opened for another user")
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    program = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from costguard.policy.load import load, shipped
from costguard.errors import DocumentError
shipped()
if os.geteuid() == 0:
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        load([path])
    except DocumentError as error:
        print(str(error).rsplit(": ", 1)[1])
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(file), str(folder), str(folder / "x.yaml")],
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        )
    finally:
        folder.chmod(0o700)
    assert done.stdout.splitlines() == ["Permission denied"] * 3


MARKS = ["a: ", "- ", "&x ", "*x", "<<: ", "? ", "!!python/name:os ", "{", "}", "[", "]", ",", "'", '"', "|\n", ">-\n"]
SPACES = ["\n", "  ", "\t", "---\n", "...\n", "# ", "%TAG ! x\n", "\x00", "\u2028", "\ufeff", "1", "yes", "1e999", ": "]
SNIPPETS = st.sampled_from([*MARKS, *SPACES])
YAML = st.one_of(st.text(max_size=200), st.lists(SNIPPETS, max_size=40).map("".join))


@settings(max_examples=500, deadline=None)
@given(YAML)
def test_any_text_gives_data_or_a_document_error(text: str) -> None:
    try:
        documents = parse_yaml(text, "x")
    except DocumentError as error:
        lines = text.count("\n") + text.count("\u2028") + text.count("\r") + text.count("\x85") + text.count("\u2029")
        beyond = [problem for problem in error.problems if problem.line > lines + 1]
        if beyond or not error.problems:
            raise
        return
    for document in documents:
        assert _plain(document.data)


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and not math.isnan(value))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_as_a_policy_are_a_document_error(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(raw)
    with pytest.raises(DocumentError):
        load([file])
