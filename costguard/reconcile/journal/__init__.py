"""The journal: what was meant, what was answered, what was found afterwards, each made durable before the next.

Whoever crashes between two of them is resumed by reading the cloud, never by sending again what may have been sent.
Beside the runs it keeps the leases that hold two of them apart, when each fault was first seen and how far it has
climbed, and which notices were delivered.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from costguard.clouds.writing import Guard, Target
from costguard.model.change import Rung

Verb = Literal["tags", "snapshot", "stop", "terminate", "notice"]

Ended = Literal["done", "stopped", "failed"]
"""How a run ended: all was tried; it stopped itself (errors, a canary); or it could not go on (a lease, a full disk).
A run without one was killed, or is under way."""

State = Literal["intended", "answered", "verified", "skipped"]

Finding = Literal["ours", "theirs", "absent", "unread"]
"""What reading showed after a write: all is as intended; somebody else's value is there; nothing of it is there; or it
could not be read."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One application (or undoing) of a change set. ``id`` is short, sortable by time and unique in its store."""

    id: str
    kind: Literal["apply", "undo"]
    change_set: str
    of: str = ""
    """The run that is undone."""
    started: datetime
    ended: datetime | None = None
    how: Ended | None = None
    why: str = ""
    payload: bytes = b""
    """The change set itself, so that a run can be resumed without its file."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One intent of a run and how far it came. ``number`` counts from 0 in the order of the change set.

    ``before`` and ``after`` are the keys that are written (None: not there); ``how``, ``by`` and ``guard`` are those of
    the writer's answer, ``found`` what reading showed. Of one that was skipped ``how`` is the word for it: ``already``,
    ``drifted`` and the others of :data:`costguard.reconcile.run.What`. ``why`` says why it was skipped or refused, or
    why it isn't verified. ``expects`` is the precondition.
    """

    run: str
    number: int
    verb: Verb
    target: Target
    before: Mapping[str, str | None] = {}
    after: Mapping[str, str | None] = {}
    expects: Mapping[str, str | None] = {}
    state: State = "intended"
    how: str = ""
    by: str = ""
    guard: Guard | None = None
    found: Finding | None = None
    why: str = ""
    at: datetime | None = None
    """When it was last intended, of what is stopped or terminated: a day's cap counts these."""


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that is at fault and could not be tagged: since when, and how far it has climbed, each with its day.
    ``last`` is the day on which it was last seen at fault; one that was mended and comes back begins anew. ``refused``
    are the rungs that it was to climb and that the cloud didn't let it, each with its day."""

    id: str
    first: date
    last: date
    climbed: Mapping[Rung, date] = {}
    refused: Mapping[Rung, date] = {}


class Busy(Exception):  # noqa: N818 - it is no error of the program's.
    """Somebody else holds the lease; the text says who and until when. ``holder`` is who, empty where that isn't known
    any more."""

    def __init__(self, said: str, holder: str = "") -> None:
        super().__init__(said)
        self.holder = holder


class Journal(Protocol):
    """Where it is kept is hidden: SQLite, or PostgreSQL. When a method returns, what it was told survives a crash of
    the machine. Raises :class:`costguard.errors.JournalError` where it can't be kept; nothing may be sent then. Safe to
    use from several threads."""

    def begin(self, run: Run) -> None: ...

    def end(self, run: str, how: Ended, why: str, at: datetime) -> None: ...

    def runs(self, most: int = 100) -> Sequence[Run]:
        """The latest first, without their payloads, which are large: :meth:`run` has one."""
        ...

    def run(self, id: str) -> Run | None: ...  # noqa: A002 - the noun's own word.

    def intend(self, entries: Sequence[Entry]) -> None:
        """Keeps new entries, all or none. An entry of the same run and number is replaced (it is tried again)."""
        ...

    def record(self, entries: Sequence[Entry]) -> None:
        """Keeps the entries' new state, all or none: answered, verified or skipped."""
        ...

    def entries(self, run: str) -> Sequence[Entry]:
        """In the order of their numbers."""
        ...

    def lease(self, place: str, holder: str, until: datetime, now: datetime) -> None:
        """Takes or renews it. Raises :class:`Busy` where another holder's hasn't run out."""
        ...

    def release(self, holder: str) -> None:
        """Gives back all that it holds."""
        ...

    def flags(self, ids: Iterable[str] | None = None) -> Mapping[str, Flag]:
        """Those of the ids that are flagged; all without ids."""
        ...

    def flag(self, flags: Sequence[Flag], seen: Mapping[str, Flag] | None = None) -> None:
        """Keeps them as they are now, in place of what was kept under their ids.

        With ``seen``, which is what they were made from, nothing is lost that somebody else kept since: a rung that was
        climbed meanwhile is added, and one that has begun anew meanwhile stays as it is.
        """
        ...

    def unflag(self, ids: Sequence[str]) -> None: ...

    def delivered(self, key: str) -> bool:
        """Whether a notice with this key was delivered."""
        ...

    def deliver(self, key: str, at: datetime, what: str) -> None:
        """Keeps that it was."""
        ...

    def close(self) -> None: ...
