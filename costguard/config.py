"""``costguard.yaml``: where to look and what may be done, never what must be true."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from costguard.document import Document, read_yaml
from costguard.errors import DocumentError
from costguard.policy.validate import explain, fits

NAME = "costguard.yaml"


Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class AssumeDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values that the source doesn't show, for the root modules in the folders that ``within`` names: each reference as
    the source writes it (``local.tags``, ``data.http.tags.body``) with its value."""

    within: str = "**"
    values: dict[str, Any]


class FixValuesDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values for the tags of what lies under a path. Where several match, the last one counts, tag by tag."""

    path: Annotated[
        Text,
        Meta(description="A folder or a file, seen from this file; * matches in one name, ** through folders."),
    ]
    set: Annotated[dict[Text, Text], Meta(min_length=1, description="The policy's name of a tag → its value.")]


class FixCodeownersDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes the value of a tag from who owns the file in CODEOWNERS: ``@org/team`` is the team ``team``."""

    tag: Annotated[Text, Meta(description="The policy's name of the tag.")] = "owner"
    file: Annotated[
        Text | None,
        Meta(description="Seen from this file; without it CODEOWNERS in .github, .gitlab, docs or beside this file."),
    ] = None
    teams: Annotated[
        dict[Text, Text],
        Meta(
            description="What an owner is called in the tag, where it isn't the team's own name: @org/team → a value."
        ),
    ] = {}


class FixDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where ``costguard fix`` takes values from, beside ``--set`` and the policy's ``default``."""

    values: list[FixValuesDoc] = []
    codeowners: FixCodeownersDoc | None = None


class ConfigDoc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration document. The sections that this version doesn't read are accepted as they are.

    ``assume`` says what values are that come from outside the source; without folders it is for all root modules.
    """

    version: Literal[1]
    policies: list[str] = []
    inventory: Any = None
    terraform: Any = None
    billing: Any = None
    reconcile: Any = None
    slo: Any = None
    notify: Any = None
    assume: dict[str, Any] | list[AssumeDoc] | None = None
    fix: FixDoc = FixDoc()


class Config(msgspec.Struct, frozen=True):
    """A configuration, the folder that its paths start from, and the document that it was read from."""

    doc: ConfigDoc
    folder: Path
    document: Document


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
    return Config(doc, path.parent, document)
