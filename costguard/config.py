"""``costguard.yaml``: where to look and what may be done, never what must be true."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from costguard.document import read_yaml
from costguard.errors import DocumentError
from costguard.policy.validate import explain, fits

NAME = "costguard.yaml"


class ConfigDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration document. The sections that this version doesn't read are accepted as they are."""

    version: Literal[1]
    policies: list[str] = []
    inventory: Any = None
    terraform: Any = None
    billing: Any = None
    reconcile: Any = None
    slo: Any = None
    notify: Any = None
    assume: Any = None


class Config(msgspec.Struct, frozen=True):
    """A configuration and the folder that its paths start from."""

    doc: ConfigDoc
    folder: Path


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
    return Config(doc, path.parent)
