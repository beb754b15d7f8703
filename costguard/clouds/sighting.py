"""One resource as one source showed it, and the way in which what a source shows is written down."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from costguard.model.coverage import ANY_TYPE, Cell
from costguard.model.resource import Cloud, Manager, Relation

GLOBAL = "global"
"""The region of what has none."""


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """A Tag of Google's resource manager that holds for a resource: its namespaced key (``123456789012/owner``), the
    short name of its value, and what it is inherited from (``folders/1``), empty where it is bound to the resource.

    ``doubt`` says why its value may be another all the same; the key ``*`` with a doubt, why there may be more Tags.
    """

    key: str
    value: str
    origin: str = ""
    doubt: str = ""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is the ARN or the full resource name, by which sources are joined. ``type`` is the Terraform type, or the
    cloud's own word for one that has none.

    ``tags`` are all that it has; None where the source doesn't show them. ``unread`` then says why they could not be
    read, and is empty for a source that never shows them. ``open`` says why there may be more than ``tags``, though
    nothing failed. ``bound`` are all Tags of Google's resource manager that hold for it, None where the source doesn't
    show those. ``reported`` is when the source itself last looked, in seconds since 1970, None for one that answers
    from what is there now. ``untaggable`` says why nobody can tag it ("AWS manages this key"), ``default`` that the
    cloud made it unasked ("AWS makes one with every VPC"), so that it is nobody's until somebody tags or declares it.
    ``managers`` are what the source says made it, beside what its tags say; ``related`` what it stands in a relation
    to.
    """

    id: str
    type: str
    account: str
    region: str
    tags: Mapping[str, str] | None = None
    unread: str = ""
    open: str = ""
    bound: tuple[Binding, ...] | None = None
    reported: int | None = None
    untaggable: str = ""
    default: str = ""
    managers: tuple[Manager, ...] = ()
    related: tuple[Relation, ...] = ()


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
msgspec.json.Decoder(Sighting)
msgspec.json.Decoder(Cell)


class SourceError(Exception):
    """A source could not be read to its end. The text says what was refused or went wrong, in a sentence without the
    place, and what to do about it where that is known."""


class SourceAbsent(Exception):  # noqa: N818 - it is no error.
    """The source isn't set up in this place; the text says what is missing."""


class Sink(Protocol):
    """Where sightings and cells go; safe to call from several threads."""

    def add(self, source: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
        """Keeps what was asked for, and says what that is."""
        ...

    def cell(self, cell: Cell) -> None: ...


class Place(msgspec.Struct, frozen=True):
    """An account (or project, folder, organisation) and a region of it."""

    cloud: Cloud
    account: str
    region: str = GLOBAL


def record(
    sink: Sink,
    place: Place,
    source: str,
    pages: Iterable[Sequence[Sighting]],
    *,
    types: Sequence[str] = (ANY_TYPE,),
    now: Callable[[], float],
) -> bool:
    """Writes down all that a source shows, and in the ledger how it ended; whether it was read to its end.

    ``types`` are those that the source exhausts in this place: each gets a cell, also with nothing found. What it shows
    of other types, or in other places, gets a cell of its own with the count; how the source ended is said once, of
    ``types``. ``now`` tells the time in seconds since 1970. Only :class:`SourceError` and :class:`SourceAbsent` are
    expected of a source; anything else is a bug and escapes.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    oldest: dict[tuple[str, str, str], int] = {}
    outcome, error = "read", ""
    try:
        for page in pages:
            for seen in sink.add(source, page):
                key = (seen.account, seen.region, seen.type)
                counts[key] += 1
                if seen.reported is not None:
                    oldest[key] = min(seen.reported, oldest.get(key, seen.reported))
    except SourceAbsent as absent:
        outcome, error = "absent", str(absent)
    except SourceError as failure:
        outcome, error = "cut" if counts else "failed", str(failure)
    ended = {(place.account, place.region, type_): (outcome, error) for type_ in types}
    today = now()
    for key in sorted({*ended, *counts}):
        account, region, type_ = key
        how, why = ended.get(key, ("read" if outcome == "read" else "cut", ""))
        since = max(0, int(today - oldest[key])) if key in oldest else None
        sink.cell(
            msgspec.convert(
                {
                    "cloud": place.cloud,
                    "account": account,
                    "region": region,
                    "type": type_,
                    "source": source,
                    "outcome": how,
                    "count": counts[key],
                    "age": since,
                    "error": why,
                },
                Cell,
            )
        )
    return outcome == "read"
