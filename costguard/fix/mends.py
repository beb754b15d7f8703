"""What is to be mended, and the places that are left for it."""

from collections.abc import Iterable, Mapping

import msgspec

from costguard.fix.edits import Operation
from costguard.fix.places import Home, Spot
from costguard.iac.hcl.tree import File
from costguard.iac.source import Judged
from costguard.iac.source.roots import Root
from costguard.model.finding import Finding
from costguard.model.resource import Location, Surface

ANY = "\0any"
"""In an effect: whatever value is there."""


class Choice(msgspec.Struct, frozen=True):
    """A place, with the operations there and what they are to bring about: key → value, None for a key that goes."""

    spot: Spot
    operations: tuple[Operation, ...]
    effect: Mapping[str, str | None]
    by: str
    home: Home


class Mend(msgspec.Struct, eq=False):
    """One finding on one instance that is to be mended, and the places that are left for it."""

    root: Root
    finding: Finding
    judged: Judged
    surface: Surface
    location: Location
    choices: list[Choice]
    why: str = ""

    @property
    def choice(self) -> Choice | None:
        return self.choices[0] if self.choices else None

    def refuse(self, why: str) -> None:
        """Goes on to the next place."""
        self.why = self.why or why
        del self.choices[:1]


class Edited(msgspec.Struct, frozen=True):
    """A file, its new text, and the operations that made it."""

    file: File
    text: bytes
    operations: tuple[Operation, ...]


def wanted(mends: Iterable[Mend]) -> dict[str, tuple[File, tuple[Operation, ...]]]:
    """The operations on each file; those of several instances of one fault once."""
    wanted: dict[str, tuple[File, dict[object, tuple[Operation, ...]]]] = {}
    for mend in mends:
        choice = mend.choice
        if choice is not None:
            _, operations = wanted.setdefault(choice.spot.file.name, (choice.spot.file, {}))
            operations.setdefault((choice.spot.key, mend.finding.key), choice.operations)
    return {
        name: (file, tuple(one for several in operations.values() for one in several))
        for name, (file, operations) in wanted.items()
    }
