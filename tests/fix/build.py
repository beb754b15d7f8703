"""Plans the mending of a few files, so that tests show the source and what becomes of it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest

from costguard import config
from costguard.check import Asked
from costguard.fix.plan import Plan, plan
from costguard.fix.values import Values, given_values
from costguard.iac.hcl.tree import File
from costguard.iac.source import Settings
from costguard.policy.load import load

TODAY = date(2026, 6, 15)
POLICY = """
version: 1
tags:
  owner:
    aliases: [team]
  environment:
    required: false
    value: {enum: [production, staging, dev]}
    synonyms: {prod: production}
"""


class Folder:
    """A repository of a few files, which is the working directory."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        (path / ".git").mkdir()
        monkeypatch.chdir(path)
        self.write(**{"policy.yaml": POLICY})

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")

    def plan(self, *paths: str, **given: str) -> Plan:
        policy = load(["policy.yaml"])
        found = Path("costguard.yaml")
        settings = config.read(found) if found.exists() else None
        said = given_values([f"{name}={value}" for name, value in given.items()], policy)
        asked = Asked(policy=policy, settings=Settings(), today=TODAY)
        return plan(paths or (".",), asked, lambda top: Values(said, settings, top, policy))

    def fixed(self, *paths: str, **given: str) -> "Fixed":
        """What the plan comes to; it is written, and a second one has nothing more to do."""
        first = self.plan(*paths, **given)
        for change in first.changes:
            change.path.write_bytes(change.new)
        again = self.plan(*paths, **given)
        assert again.changes == ()
        assert sorted(map(about, again.present)) == sorted(map(about, first.remaining))
        return Fixed(
            {str(change.path): change.new.decode() for change in first.changes},
            {f"{one.finding.resource.address} {one.finding.tag}": one.why for one in first.left},
        )


class Fixed:
    """The new text of each file that changed, and why what stays does so."""

    def __init__(self, files: Mapping[str, str], left: Mapping[str, str]) -> None:
        self.files = files
        self.left = left

    def text(self) -> str:
        """Of the only file that changed."""
        [text] = self.files.values()
        return text


def about(finding: object) -> str:
    return f"{getattr(finding, 'fingerprint', '')} {getattr(finding, 'verdict', '')}"


def only_these_change(old: bytes, new: bytes, spans: Iterable[tuple[int, int]]) -> None:
    """Every line of the old text that is outside of the spans is in the new one, in order: but for its blanks, because
    a run of lines keeps its columns."""
    touched = list(spans)
    left = iter([b"".join(line.split()) for line in new.split(b"\n")])
    at = 0
    for line in old.split(b"\n"):
        if not any(at <= end and at + len(line) >= start for start, end in touched):
            assert b"".join(line.split()) in left, line
        at += len(line) + 1


def tags_in(file: File) -> Iterator[tuple[int, int]]:
    """What may change where tags are added: every argument that holds them, and a block that is on one line."""
    for type_ in file.body.block_types():
        for block in file.body.blocks(type_):
            if b"\n" not in file.source[block.start : block.end]:
                yield block.start, block.end
            for name, attribute in block.body.attributes.items():
                if name == "tags" or type_ == "output":
                    yield attribute.start, attribute.end
