"""``costguard.yaml``: where to look and what may be done, never what must be true."""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from costguard.config.document import (
    AggregatorDoc,
    AllocateDoc,
    AssumeDoc,
    AwsDoc,
    BillDoc,
    CheckDoc,
    ConfigDoc,
    DefaultsDoc,
    ExcludeDoc,
    FixCodeownersDoc,
    FixDoc,
    FixValuesDoc,
    FromEnvDoc,
    GoogleDoc,
    InferDoc,
    InventoryDoc,
    LadderDoc,
    LimitsDoc,
    NightlyDoc,
    NotifyDoc,
    PrincipalDoc,
    ReconcileDoc,
    RungDoc,
    SloDoc,
    SmtpDoc,
    SnsDoc,
    SourceDoc,
    SpendDoc,
    SplitDoc,
    TerraformDoc,
    UrlFromEnvDoc,
)
from costguard.config.mistakes import mistakes
from costguard.document import Document, dotted, read_yaml
from costguard.errors import DocumentError
from costguard.policy.validate import explained, fits

__all__ = [
    "NAME",
    "AggregatorDoc",
    "AllocateDoc",
    "AssumeDoc",
    "AwsDoc",
    "BillDoc",
    "CheckDoc",
    "Config",
    "ConfigDoc",
    "DefaultsDoc",
    "ExcludeDoc",
    "FixCodeownersDoc",
    "FixDoc",
    "FixValuesDoc",
    "FromEnvDoc",
    "GoogleDoc",
    "InferDoc",
    "InventoryDoc",
    "LadderDoc",
    "LimitsDoc",
    "NightlyDoc",
    "NotifyDoc",
    "PrincipalDoc",
    "ReconcileDoc",
    "RungDoc",
    "SloDoc",
    "SmtpDoc",
    "SnsDoc",
    "SourceDoc",
    "SpendDoc",
    "SplitDoc",
    "TerraformDoc",
    "UrlFromEnvDoc",
    "find",
    "folder_glob",
    "objections",
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

    def bills(self) -> tuple[tuple[str, Literal["focus", "aws-cur", "gcp", "azure"] | None], ...]:
        """The bills that it names, as seen from here, each with its format where that is named."""
        return tuple((self._seen(bill.path), bill.format) for bill in self.doc.billing)

    def _seen(self, path: str) -> str:
        return path if "://" in path or Path(path).is_absolute() else str(self.folder / path)

    def excludes(self, folder: str) -> bool:
        """Whether a root module is one that isn't to be judged."""
        return any(self.covers(pattern, folder) for pattern in self.doc.check.exclude)

    def covers(self, pattern: str, folder: str) -> bool:
        """Whether one of its paths means a folder, or something that the folder lies in."""
        seen = os.path.relpath(folder, self.folder).replace(os.sep, "/")
        # A pattern is for files: a folder is what a file in it would be.
        return folder_glob(pattern).match("_" if seen == "." else f"{seen}/_") is not None


def store_address(config: Config | None, environment: Mapping[str, str]) -> str:
    """The address of the state store that the configuration names, with a path as seen from its file. Raises
    :class:`UsageError` where the environment, which is to have it, hasn't."""
    stated = config.doc.reconcile.store if config is not None else ReconcileDoc().store
    url = stated.value(environment) if isinstance(stated, FromEnvDoc) else stated
    path = url.removeprefix("sqlite:///")
    if path != url and config is not None and not Path(path).is_absolute():
        return f"sqlite:///{config.folder / path}"
    return url


def find(start: Path) -> Path | None:
    """The nearest ``costguard.yaml`` in ``start`` or above it."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def read(path: Path) -> Config:
    """The configuration in a file. Raises :class:`DocumentError` with every mistake."""
    document = read_yaml(path)
    doc, wrong = _judge(document.data)
    if doc is None or wrong:
        raise DocumentError(document.problem(at, sentence) for at, sentence in wrong)
    return Config(doc, path.parent, document)


def objections(doc: ConfigDoc | Mapping[str, Any]) -> list[str]:
    """What is wrong with a configuration that a command has put together, as types or as plain data; each is a sentence
    that begins with the setting (``inventory.aws.accounts: …``). Plain data without any converts to the types."""
    return [f"{dotted(at)}: {sentence}" for at, sentence in _judge(msgspec.to_builtins(doc))[1]]


def _judge(data: object) -> tuple[ConfigDoc | None, list[tuple[tuple[str | int, ...], str]]]:
    """The document as types, where it fits them, and all that is wrong with it."""
    doc = fits(data, ConfigDoc)
    wrong = list(mistakes(data))
    if doc is None:
        known = {at for at, _ in wrong}
        wrong += [(at, sentence) for at, sentence in explained(data, "config-v1") if at not in known]
        wrong = wrong or [((), "does not fit the format of costguard.yaml")]
    return doc, wrong


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
