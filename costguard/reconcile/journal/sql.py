"""The journal in SQL: one implementation for SQLite, which needs nothing, and PostgreSQL, which a team shares.

What it hides: that nouns are kept as JSON under a few columns that are searched. How the database is opened, and what
its failures are called, is in :mod:`costguard.database`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from costguard.database import Database, Use, open_database
from costguard.errors import JournalError
from costguard.model.spool import encoded
from costguard.reconcile.journal import Busy, Ended, Entry, Flag, Journal, Run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

T = TypeVar("T")

_FORMAT = 1
"""The version of the tables; a store of another one isn't touched."""
_MANY = 500
"""Rows in one statement: SQLite takes 32,766 values in one, an older one 999."""
_LONGEST = 1000
"""Characters of a key; PostgreSQL's indexes take a third of a page."""

_entry = msgspec.json.Decoder(Entry)
_flag = msgspec.json.Decoder(Flag)
_run = msgspec.json.Decoder(Run)


def open_journal(url: str) -> Journal:
    """The journal at ``sqlite:///PATH`` or ``postgresql://…``, made where there is none.

    Raises :class:`UsageError` where SQLAlchemy (or psycopg) isn't installed or the address is none, and
    :class:`JournalError` where the store can't be opened, or is of another version.
    """
    return _Sql(open_database(url, Use("journal", "what was begun is then settled with --resume")))


class _Sql:
    """A :class:`Journal`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine = database.engine
        self._name = database.name
        self._tables = _tables()
        try:
            with self._speaking() as connection:
                self._prepare(connection)
        except BaseException:
            database.close()
            raise

    # ------------------------------------------------------------- runs

    def begin(self, run: Run) -> None:
        table = self._tables["run"]
        body = encoded(msgspec.structs.replace(run, payload=b""))
        row = {"id": run.id, "started": _micros(run.started), "body": body, "payload": run.payload}
        with self._speaking() as connection:
            connection.execute(table.insert(), row)

    def end(self, run: str, how: Ended, why: str, at: datetime) -> None:
        table = self._tables["run"]
        with self._speaking() as connection:
            found = connection.execute(table.select().where(table.c.id == run)).first()
            if found is None:
                raise JournalError(f"the journal {self._name} has no run {run}: is it the one that the run began in?")
            ended = msgspec.structs.replace(_run.decode(found.body), ended=at, how=how, why=why)
            connection.execute(table.update().where(table.c.id == run).values(body=encoded(ended)))

    def runs(self, most: int = 100) -> Sequence[Run]:
        table = self._tables["run"]
        columns = table.select().with_only_columns(table.c.body)
        latest = columns.order_by(table.c.started.desc(), table.c.id.desc()).limit(most)
        with self._speaking() as connection:
            return [_run.decode(row.body) for row in connection.execute(latest)]

    def run(self, id: str) -> Run | None:  # noqa: A002 - the protocol's own word.
        table = self._tables["run"]
        with self._speaking() as connection:
            row = connection.execute(table.select().where(table.c.id == id)).first()
        return None if row is None else msgspec.structs.replace(_run.decode(row.body), payload=row.payload)

    # ------------------------------------------------------------- entries

    def intend(self, entries: Sequence[Entry]) -> None:
        self._keep(entries)

    def record(self, entries: Sequence[Entry]) -> None:
        self._keep(entries)

    def _keep(self, entries: Sequence[Entry]) -> None:
        rows = [{"run": one.run, "number": one.number, "state": one.state, "body": encoded(one)} for one in entries]
        self._put("entry", ("run", "number"), rows)

    def entries(self, run: str) -> Sequence[Entry]:
        table = self._tables["entry"]
        ordered = table.select().where(table.c.run == run).order_by(table.c.number)
        with self._speaking() as connection:
            return [_entry.decode(row.body) for row in connection.execute(ordered)]

    # ------------------------------------------------------------- leases

    def lease(self, place: str, holder: str, until: datetime, now: datetime) -> None:
        """One statement takes it: it writes only where nobody else's lease is, or where that has run out by ``now``.

        Times are those of the processes, and nobody's clock is compared with the database's. So whoever holds a lease
        stops writing well before it ends by its own clock; what it leaves is how far two clocks may be apart.
        """
        table = self._tables["lease"]
        insert = self._database.insert(table).values(place=_key(place), holder=holder, until=_micros(until))
        taken = insert.on_conflict_do_update(
            index_elements=["place"],
            set_={"holder": holder, "until": _micros(until)},
            where=(table.c.holder == holder) | (table.c.until <= _micros(now)),
        ).returning(table.c.place)
        with self._speaking() as connection:
            if connection.execute(taken).first() is not None:
                return
            row = connection.execute(table.select().where(table.c.place == _key(place))).first()
        if row is None:  # It was given back between the two statements.
            raise Busy(f"{place} was held by another run just now")
        raise Busy(f"{place} is held by {row.holder} until {_moment(row.until):%Y-%m-%d %H:%M:%S} UTC", row.holder)

    def release(self, holder: str) -> None:
        table = self._tables["lease"]
        with self._speaking() as connection:
            connection.execute(table.delete().where(table.c.holder == holder))

    # ------------------------------------------------------------- flags

    def flags(self, ids: Iterable[str] | None = None) -> Mapping[str, Flag]:
        with self._speaking() as connection:
            return self._flags(connection, ids)

    def _flags(self, connection: "Connection", ids: Iterable[str] | None) -> Mapping[str, Flag]:
        table = self._tables["flag"]
        if ids is None:
            found = [row.body for row in connection.execute(table.select().order_by(table.c.id))]
        else:
            found = []
            for some in _chunks(map(_key, ids)):
                rows = connection.execute(table.select().where(table.c.id.in_(some)))
                found += [row.body for row in rows]
        return {flag.id: flag for flag in map(_flag.decode, found)}

    def flag(self, flags: Sequence[Flag], seen: Mapping[str, Flag] | None = None) -> None:
        from sqlalchemy import text

        if not flags:
            return
        with self._speaking() as connection:
            if seen is not None:
                if connection.dialect.name == "postgresql":
                    # SQLite has one writer at a time anyway.
                    connection.execute(text(f"LOCK TABLE {self._tables['flag'].name} IN SHARE ROW EXCLUSIVE MODE"))
                kept = self._flags(connection, [one.id for one in flags])
                names = [one.id.encode("utf-8", "backslashreplace").decode() for one in flags]
                flags = [_merged(one, seen.get(name), kept.get(name)) for one, name in zip(flags, names, strict=True)]
            rows = [{"id": _key(one.id), "body": encoded(one)} for one in flags]
            connection.execute(self._upsert("flag", ("id",), rows), rows)

    def unflag(self, ids: Sequence[str]) -> None:
        table = self._tables["flag"]
        with self._speaking() as connection:
            for some in _chunks(map(_key, ids)):
                connection.execute(table.delete().where(table.c.id.in_(some)))

    # ------------------------------------------------------------- notices

    def delivered(self, key: str) -> bool:
        table = self._tables["notice"]
        with self._speaking() as connection:
            return connection.execute(table.select().where(table.c.id == _key(key))).first() is not None

    def deliver(self, key: str, at: datetime, what: str) -> None:
        self._put("notice", ("id",), [{"id": _key(key), "at": _micros(at), "what": _text(what)}])

    def close(self) -> None:
        self._database.close()

    # ------------------------------------------------------------- underneath

    def _put(self, name: str, unique: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes the rows, each in place of the one with the same key; all in one transaction."""
        if not rows:
            return
        with self._speaking() as connection:
            connection.execute(self._upsert(name, unique, rows), list(rows))

    def _upsert(self, name: str, unique: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
        insert = self._database.insert(self._tables[name])
        others = [column for column in rows[0] if column not in unique]
        return insert.on_conflict_do_update(
            index_elements=list(unique), set_={column: insert.excluded[column] for column in others}
        )

    def _prepare(self, connection: "Connection") -> None:
        self._database.locked(connection)
        store = self._tables["store"]
        store.metadata.create_all(connection)
        found = connection.execute(store.select()).first()
        if found is None:
            connection.execute(store.insert(), {"version": _FORMAT})
        elif found.version != _FORMAT:
            raise JournalError(
                f"the journal {self._name} is of version {found.version}, and this costguard knows version {_FORMAT}: "
                "use the costguard that wrote it, or name another store"
            )

    def _speaking(self) -> "AbstractContextManager[Connection]":
        return self._database.speaking()


# ------------------------------------------------------------------ the tables


def _tables() -> Mapping[str, "Table"]:
    from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

    data = MetaData()

    def table(name: str, *columns: Column[Any]) -> Table:
        return Table(f"costguard_{name}", data, *columns)

    return {
        "store": table("store", Column("version", Integer, primary_key=True, autoincrement=False)),
        # ``started`` and all other times are microseconds since 1970.
        "run": table(
            "run",
            Column("id", Text, primary_key=True),
            Column("started", BigInteger, nullable=False),
            Column("body", LargeBinary, nullable=False),
            Column("payload", LargeBinary, nullable=False),
        ),
        "entry": table(
            "entry",
            Column("run", Text, primary_key=True),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("state", Text, nullable=False),
            Column("body", LargeBinary, nullable=False),
        ),
        "lease": table(
            "lease",
            Column("place", Text, primary_key=True),
            Column("holder", Text, nullable=False),
            Column("until", BigInteger, nullable=False),
        ),
        "flag": table("flag", Column("id", Text, primary_key=True), Column("body", LargeBinary, nullable=False)),
        "notice": table(
            "notice",
            Column("id", Text, primary_key=True),
            Column("at", BigInteger, nullable=False),
            Column("what", Text, nullable=False),
        ),
    }


# ------------------------------------------------------------------ small things


def _merged(new: Flag, seen: Flag | None, kept: Flag | None) -> Flag:
    """What is to be kept of a flag that was made from ``seen``, where ``kept`` is there now."""
    if kept is None or kept == seen:
        return new
    if kept.first > new.first:
        return kept
    meanwhile = {rung: day for rung, day in kept.climbed.items() if seen is None or rung not in seen.climbed}
    refused = {**new.refused, **kept.refused}
    return msgspec.structs.replace(
        new, last=max(new.last, kept.last), climbed={**meanwhile, **new.climbed}, refused=refused
    )


def _micros(moment: datetime) -> int:
    whole = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000 + whole.microseconds


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def _text(text: str) -> str:
    """As both databases take it: no half of a surrogate pair, no NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _key(text: str) -> str:
    """The text, or, of one that is too long for an index, its beginning and its hash."""
    text = _text(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 64]}{sha256(text.encode()).hexdigest()}"


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, _MANY)):
        yield some
