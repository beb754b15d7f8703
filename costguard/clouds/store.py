"""The embedded store of a scan: a SQLite file with every sighting, the ledger, and who claims what.

A run writes to a file beside the named one and puts it in its place when the run has ended, so that a run that is
killed leaves the last good one. Reading goes resource by resource in the order of their ids, so that memory doesn't
grow with their number. Later commands (``scan merge``, the reconciler, the bill) read the same file.
"""

import itertools
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

try:
    import fcntl
except ImportError:  # Windows: two runs with one store are not told apart there.
    fcntl = None  # type: ignore[assignment]

from costguard.clouds.sighting import Binding, Sighting
from costguard.errors import InputError
from costguard.model.coverage import Cell, Outcome
from costguard.model.resource import Manager, Relation

_FORMAT = "costguard/scan/v2"

RANKS = {"native": 0, "list": 1, "tagging": 1, "search": 2, "explorer": 2, "config": 3}
"""Whose word counts first: the service itself, then what follows it closely, then the indexes that trail it."""

_TABLES = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sighting (
    id TEXT NOT NULL, rank INTEGER NOT NULL, source TEXT NOT NULL, type TEXT NOT NULL,
    account TEXT NOT NULL, region TEXT NOT NULL, tags BLOB, unread TEXT NOT NULL, open TEXT NOT NULL, bound BLOB,
    reported INTEGER, untaggable TEXT NOT NULL, made_unasked TEXT NOT NULL, managers BLOB,
    related BLOB
);
CREATE TABLE cell (
    cloud TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
    outcome TEXT NOT NULL, count INTEGER NOT NULL, age INTEGER, error TEXT NOT NULL
);
"""
_INSERT = "INSERT INTO sighting VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_CLAIMS = "CREATE TEMP TABLE IF NOT EXISTS claim (key TEXT NOT NULL, manager BLOB NOT NULL)"

_tags = msgspec.json.Decoder(dict[str, str])
_bound = msgspec.json.Decoder(tuple[Binding, ...])
_manager = msgspec.json.Decoder(Manager)
_managers = msgspec.json.Decoder(tuple[Manager, ...])
_related = msgspec.json.Decoder(tuple[Relation, ...])
_encode = msgspec.json.Encoder().encode


def _rows(source: str, sightings: Sequence[Sighting]) -> list[tuple[object, ...]]:
    rank = RANKS[source]
    return [
        (
            seen.id,
            rank,
            source,
            seen.type,
            seen.account,
            seen.region,
            None if seen.tags is None else _encode(seen.tags),
            seen.unread,
            seen.open,
            None if seen.bound is None else _encode(seen.bound),
            seen.reported,
            seen.untaggable,
            seen.default,
            _encode(seen.managers) if seen.managers else None,
            _encode(seen.related) if seen.related else None,
        )
        for seen in sightings
    ]


_BADNESS: Sequence[Outcome] = ("read", "disabled", "absent", "cut", "failed")


def _both(one: Cell, other: Cell) -> Cell:
    """Two cells of the same place and source, as one: the worse outcome, and all that was seen."""
    outcome = max(one.outcome, other.outcome, key=_BADNESS.index)
    count = one.count + other.count
    return msgspec.structs.replace(
        one,
        outcome="cut" if outcome == "failed" and count else outcome,
        count=count,
        age=max((age for age in (one.age, other.age) if age is not None), default=None),
        error="; ".join(sorted({cell.error for cell in (one, other) if cell.error})),
    )


def _utf_8(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_utf_8(key): _utf_8(item) for key, item in value.items()}
        case list() | tuple():
            return [_utf_8(item) for item in value]
        case _:
            return value


def _hold(path: Path) -> int:
    """Makes the file empty, and keeps all other processes from doing so while the descriptor is open; one that was
    killed left only the file. Raises :class:`BlockingIOError` where another holds it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(held, 0)
    except OSError:
        os.close(held)
        raise
    return held


class Store:
    """One run's sightings and ledger. Writing is safe from several threads; reading is for one, after the writing."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, partial: Path | None, held: int | None = None
    ) -> None:
        self._connection = connection
        self._path = path
        self._partial = partial
        self._held = held
        self.has_claims = False
        """Whether :meth:`claims` was called: without, nobody needs to ask who claims what."""
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> "Store":
        """A new, empty store that takes the place of ``path`` when it is kept (:meth:`keep`).

        Only its user may read it. Raises :class:`InputError` where the file can't be written, or where another run is
        writing it.
        """
        partial = path.with_name(f".{path.name}.partial")
        try:
            held = _hold(partial)
        except BlockingIOError as error:
            raise InputError(f"another run is writing the store {path}; name another with --store FILE") from error
        except OSError as error:
            raise InputError(f"the store {path} can't be written: {error}; name another with --store FILE") from error
        try:
            connection = sqlite3.connect(partial, check_same_thread=False, isolation_level=None)
            # A run that is cut short is run again: nothing in an unfinished file is worth the wait for a disk.
            connection.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000;")
            connection.executescript(_TABLES)
            connection.execute("BEGIN")
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store {path} can't be written: {error}; name another with --store FILE") from error
        store = cls(connection, path, partial, held)
        store.note("format", _FORMAT)
        return store

    @classmethod
    def open(cls, path: Path) -> "Store":
        """The store that an earlier run kept. Raises :class:`InputError` where the file is none."""
        if not path.is_file():
            raise InputError(f"there is no store {path}; a scan leaves one")
        try:
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            format_ = connection.execute("SELECT value FROM run WHERE key = 'format'").fetchone()
        except sqlite3.Error as error:
            raise InputError(f"{path} is not a store of costguard scan: {error}") from error
        if format_ is None or format_[0] != _FORMAT:
            raise InputError(f"{path} is a store of another version of costguard; scan again")
        return cls(connection, path, None)

    def add(self, source: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
        """Keeps what a source showed, and returns it."""
        try:
            self._insert(source, sightings)
        except UnicodeEncodeError:
            # Half of a surrogate pair, which JSON can hold and UTF-8 can't: its escape stands for it, as text.
            for seen in sightings:
                self._insert(source, [msgspec.convert(_utf_8(msgspec.to_builtins(seen)), Sighting)])
        return sightings

    def _insert(self, source: str, sightings: Sequence[Sighting]) -> None:
        rows = _rows(source, sightings)
        with self._writing():
            self._connection.execute("SAVEPOINT page")
            try:
                self._connection.executemany(_INSERT, rows)
            except UnicodeEncodeError:
                self._connection.execute("ROLLBACK TO page")
                self._connection.execute("RELEASE page")
                raise
            self._connection.execute("RELEASE page")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One thread at a time. Raises :class:`InputError` where the file takes no more."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise InputError(
                    f"the store {self._path} can't be written: {error}; name another with --store FILE"
                ) from error

    def cell(self, cell: Cell) -> None:
        values = _utf_8(msgspec.structs.astuple(cell))
        with self._writing():
            self._connection.execute("INSERT INTO cell VALUES (?,?,?,?,?,?,?,?,?)", values)

    def note(self, key: str, value: str) -> None:
        """Keeps a fact of the run under a name."""
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (key, value))

    def noted(self, key: str) -> str | None:
        """What :meth:`note` kept."""
        found = self._connection.execute("SELECT value FROM run WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def take_in(self, other: "Store") -> None:
        """Copies all sightings and cells of another store into this one."""
        for table, marks in (("sighting", 15), ("cell", 9)):
            rows = other._connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - two names, both above.
            with self._lock:
                self._connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * marks)})", rows)  # noqa: S608

    def claims(self, claims: Iterable[tuple[str, Manager]]) -> None:
        """Who manages the resource of a key. Claims are for this process alone; they aren't kept in the file."""
        with self._lock:
            self.has_claims = True
            self._connection.execute(_CLAIMS)
            self._connection.executemany(
                "INSERT INTO claim VALUES (?, ?)", ((key, _encode(manager)) for key, manager in claims)
            )
            self._connection.execute("CREATE INDEX IF NOT EXISTS temp.claim_key ON claim (key)")

    def claimed(self, keys: Sequence[str]) -> tuple[Manager, ...]:
        """Those that claim a resource under any of its keys."""
        if not self.has_claims:
            return ()
        rows = self._connection.execute(
            f"SELECT DISTINCT manager FROM temp.claim WHERE key IN ({','.join('?' * len(keys))})",  # noqa: S608
            tuple(keys),
        )
        return tuple(sorted(_manager.decode(row[0]) for row in rows))

    def resources(self) -> Iterator[list[tuple[str, Sighting]]]:
        """All that was seen of each resource, with the source, the best first; the resources by their ids."""
        rows = self._sorted()
        for _, group in itertools.groupby(rows, key=lambda row: row[0]):
            yield [
                (
                    source,
                    Sighting(
                        id=id_,
                        type=type_,
                        account=account,
                        region=region,
                        tags=None if tags is None else _tags.decode(tags),
                        unread=unread,
                        open=open_,
                        bound=None if bound is None else _bound.decode(bound),
                        reported=reported,
                        untaggable=untaggable,
                        default=default,
                        managers=_managers.decode(managers) if managers else (),
                        related=_related.decode(related) if related else (),
                    ),
                )
                for (
                    id_,
                    _,
                    source,
                    type_,
                    account,
                    region,
                    tags,
                    unread,
                    open_,
                    bound,
                    reported,
                    untaggable,
                    default,
                    managers,
                    related,
                ) in group
            ]

    def _sorted(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute("SELECT * FROM sighting ORDER BY id, rank, rowid")
        except sqlite3.Error as error:  # Sorting many takes space for temporary files.
            raise InputError(f"the store {self._path} can't be read: {error}; is there space left?") from error

    def cells(self) -> tuple[Cell, ...]:
        """The ledger, in its order. What two shards, or two indexes, say of one place is one cell."""
        rows = self._connection.execute("SELECT * FROM cell")
        names = Cell.__struct_fields__
        cells: dict[str, Cell] = {}
        for row in rows:
            cell = msgspec.convert(dict(zip(names, row, strict=True)), Cell)
            there = cells.get(cell.where)
            cells[cell.where] = cell if there is None else _both(there, cell)
        return tuple(cells[where] for where in sorted(cells))

    def keep(self) -> None:
        """Puts the file in its place; the store can be read on. Raises :class:`InputError` where that fails."""
        if self._partial is None:
            return
        try:
            self._connection.execute("COMMIT")
            self._partial.replace(self._path)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"the store {self._path} can't be written: {error}") from error
        self._partial = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:  # An interrupted run's threads may be writing still.
            self._connection.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
        if self._held is not None:
            os.close(self._held)
