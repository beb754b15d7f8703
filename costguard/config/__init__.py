"""``costguard.yaml``: where to look and what may be done, never what must be true."""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

from costguard.config.document import (
    AggregatorDoc,
    AssumeDoc,
    AwsDoc,
    BillDoc,
    CheckDoc,
    ConfigDoc,
    FixCodeownersDoc,
    FixDoc,
    FixValuesDoc,
    FromEnvDoc,
    GoogleDoc,
    InventoryDoc,
    LimitsDoc,
    NotifyDoc,
    ReconcileDoc,
    SloDoc,
    SmtpDoc,
    SnsDoc,
    TerraformDoc,
    UrlFromEnvDoc,
)
from costguard.document import Document, read_yaml
from costguard.errors import DocumentError
from costguard.policy.validate import explain, fits

__all__ = [
    "NAME",
    "AggregatorDoc",
    "AssumeDoc",
    "AwsDoc",
    "BillDoc",
    "CheckDoc",
    "Config",
    "ConfigDoc",
    "FixCodeownersDoc",
    "FixDoc",
    "FixValuesDoc",
    "FromEnvDoc",
    "GoogleDoc",
    "InventoryDoc",
    "LimitsDoc",
    "NotifyDoc",
    "ReconcileDoc",
    "SloDoc",
    "SmtpDoc",
    "SnsDoc",
    "TerraformDoc",
    "UrlFromEnvDoc",
    "find",
    "folder_glob",
    "path_glob",
    "read",
    "under",
]

NAME = "costguard.yaml"


class Config(msgspec.Struct, frozen=True):
    """A configuration, the folder that its paths start from, and the document that it was read from."""

    doc: ConfigDoc
    folder: Path
    document: Document

    def excludes(self, folder: str) -> bool:
        """Whether a root module is one that isn't to be judged."""
        return any(self.covers(pattern, folder) for pattern in self.doc.check.exclude)

    def covers(self, pattern: str, folder: str) -> bool:
        """Whether one of its paths means a folder, or something that the folder lies in."""
        seen = os.path.relpath(folder, self.folder).replace(os.sep, "/")
        # A pattern is for files: a folder is what a file in it would be.
        return folder_glob(pattern).match("_" if seen == "." else f"{seen}/_") is not None


def find(start: Path) -> Path | None:
    """The nearest ``costguard.yaml`` in ``start`` or above it."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def read(path: Path) -> Config:
    """The configuration in a file. Raises :class:`DocumentError` with every mistake."""
    document = read_yaml(path)
    doc = fits(document.data, ConfigDoc)
    if doc is None:
        problems = explain(document, "config-v1") or [document.problem((), "does not fit the format of costguard.yaml")]
        raise DocumentError(problems)
    upwards = [
        document.problem(at, f"{text!r} leads out of the folder of {NAME}: a path here has no '..'")
        for at, text in _paths(doc)
        if ".." in text.split("/")
    ]
    if upwards:
        raise DocumentError(upwards)
    return Config(doc, path.parent, document)


def _paths(doc: ConfigDoc) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every path that :func:`folder_glob` is to read, and where it stands."""
    for index, rule in enumerate(doc.fix.values):
        yield ("fix", "values", index, "path"), rule.path
    for index, text in enumerate(doc.check.exclude):
        yield ("check", "exclude", index), text
    if isinstance(doc.assume, list):
        for index, assumed in enumerate(doc.assume):
            yield ("assume", index, "within"), assumed.within


def under(path: str, base: str, glob: re.Pattern[str]) -> bool:
    """Whether a path matches as seen from the folder ``base``; both are seen from one top, which may be ``base``."""
    prefix = "" if base == "." else f"{base}/"
    return path.startswith(prefix) and glob.match(path.removeprefix(prefix)) is not None


def folder_glob(text: str) -> re.Pattern[str]:
    """A path of ``costguard.yaml``: of a folder, all that is in it; ``.`` is the folder of that file."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    end = "/" if parts and text.endswith("/") else ""
    return path_glob(f"/{'/'.join(parts)}{end}" if parts else "/**")


_PIECE = re.compile(r"\\(.)|(\*\*)|(\*)|(\?)|([^\\*?]+|\\)")


@lru_cache(maxsize=1024)
def path_glob(text: str) -> re.Pattern[str]:
    """A pattern as CODEOWNERS has it, without ``!`` and ``[``: with a slash in it, it starts at the top; what matches a
    folder matches all that is in it; ``docs/*`` matches nothing that lies deeper."""
    parts = text.strip("/").split("/")
    expression = "" if "/" in text.rstrip("/") else "(?:.*/)?"
    for part in parts[:-1]:
        expression += "(?:.*/)?" if part == "**" else f"{_name(part)}/"
    last = parts[-1]
    if last == "**":
        expression += ".*"
    elif text.endswith("/"):
        expression += f"{_name(last)}/.*"
    else:
        expression += _name(last) + ("" if last == "*" and len(parts) > 1 else "(?:/.*)?")
    return re.compile(expression + r"\Z", re.DOTALL)


def _name(part: str) -> str:
    """An expression for one name on the path."""
    found = []
    for escaped, several, star, mark, plain in _PIECE.findall(part):
        found.append("[^/]*" if several or star else "[^/]" if mark else re.escape(escaped or plain))
    return "".join(found)
