"""The policy in force, compiled and frozen. ``costguard.policy.load`` makes it from documents."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from costguard.errors import Problem
from costguard.policy.document import ExampleDoc
from costguard.policy.patterns import glob_matches
from costguard.policy.rules import Rule
from costguard.policy.selector import Selector, Spelling


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that are accepted through the day ``until``; None (the date was malformed) never holds."""

    selector: Selector
    tags: tuple[str, ...] | None
    rules: tuple[str, ...] | None
    reason: str
    until: date | None
    origin: str


class Example(msgspec.Struct, frozen=True):
    """A test that a document carries; ``origin`` knows its file and line."""

    origin: Problem
    doc: ExampleDoc


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What must be true of every resource.

    ``unknown`` and ``surfaces`` hold only what the documents say; ask :meth:`unknown_action` and
    :meth:`surface_level`. ``files`` are the documents in the order in which they were merged; ``statement`` is
    everything in force with its origin, for people.
    """

    rules: tuple[Rule, ...]
    spellings: Mapping[str, Spelling]
    exemptions: tuple[Exemption, ...] = ()
    unknown: Mapping[str, str] = {}
    surfaces: tuple[tuple[str, str], ...] = ()
    examples: tuple[Example, ...] = ()
    files: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    statement: tuple[tuple[tuple[str | int, ...], Any, str], ...] = ()

    def unknown_action(self, checkpoint: str) -> str:
        """``pass``, ``warn`` or ``fail`` for an undecidable tag."""
        return self.unknown.get(checkpoint, "warn")

    def surface_level(self, path: str) -> str | None:
        """What the policy says of a surface of something created: a level or ``ignore``; None where it says nothing.

        The last pattern that matches counts.
        """
        level = None
        for glob, stated in self.surfaces:
            if glob_matches(glob, path):
                level = stated
        return level
