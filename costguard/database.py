"""The database that ``reconcile.store`` names: SQLite, which needs nothing, or PostgreSQL, which a team shares.

What it hides: that a commit is only one when it is on the disk, and the many ways in which a database can fail. Each of
those is a :class:`JournalError` with a sentence, and none names a password.

SQLite runs with its write-ahead log (where the file system can't have one, with the rollback journal), synchronised at
every commit; so a copy of the file is whole only together with the ``-wal`` beside it, which the last one that closes
takes away. PostgreSQL is told ``synchronous_commit = on`` whatever the server's default.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from costguard.errors import JournalError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, Table

_PATIENCE = 30
"""Seconds that a statement waits for another process that is writing."""


class Use(msgspec.Struct, frozen=True):
    """What a database is used for, as messages have it: a ``noun``, and what is to be done ``afterwards``, when the
    database works again. ``extra`` is what of costguard's brings SQLAlchemy with it."""

    noun: str
    afterwards: str
    extra: str = "reconcile"


class Database:
    """An open database. ``name`` is how messages call it."""

    def __init__(self, engine: "Engine", name: str, use: Use) -> None:
        self.engine = engine
        self.name = name
        self._use = use

    @contextmanager
    def speaking(self) -> "Iterator[Connection]":
        """A transaction, which is on the disk when this ends. Raises :class:`JournalError` where it isn't."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            said = _first_line(error)
            raise JournalError(
                f"the {self._use.noun} {self.name} can't be kept: {said}; {self._advice(said)}"
            ) from error

    def locked(self, connection: "Connection") -> None:
        """Until the transaction ends, nobody else makes tables: two that make the same one at once stumble over each
        other, "if not exists" or not. SQLite has one writer at a time anyway."""
        from sqlalchemy import text

        if self.engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7233619)"))

    def insert(self, table: "Table") -> Any:
        """An INSERT that can say what is to happen on a conflict."""
        from sqlalchemy.dialects import postgresql, sqlite

        return (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert(table)

    def close(self) -> None:
        self.engine.dispose()

    def _advice(self, said: str) -> str:
        mend = _mend_sqlite if self.engine.dialect.name == "sqlite" else _mend_postgresql
        return mend(said, self._use.afterwards)


def open_database(url: str, use: Use) -> Database:
    """The database at ``sqlite:///PATH`` or ``postgresql://…``, made where there is none.

    Raises :class:`UsageError` where SQLAlchemy (or psycopg) isn't installed or the address is none, and
    :class:`JournalError` where a file can't be opened.
    """
    try:
        import sqlalchemy
    except ImportError as error:
        raise UsageError(
            f"the {use.noun} needs SQLAlchemy, which isn't installed: pip install 'costguard-tags[{use.extra}]'"
        ) from error
    try:
        address = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        address = None
    backend = address.get_backend_name() if address is not None else ""
    # The address itself is in no message: it may hold a password.
    if address is None or backend not in ("sqlite", "postgresql") or not address.database:
        raise UsageError(f"the {use.noun}'s address is neither sqlite:///PATH nor postgresql://USER@HOST/DATABASE")
    if backend == "sqlite":
        return Database(_sqlite(address, use), address.database, use)
    return Database(_postgresql(address, use), f"postgresql://{address.host or ''}/{address.database}", use)


# ------------------------------------------------------------------ the two databases


def _sqlite(url: "URL", use: Use) -> "Engine":
    from sqlalchemy import create_engine, event

    path = Path(url.database or "")
    try:
        # What was done to a cloud, and the names of everything in it, are its user's alone. SQLite gives the files that
        # it puts beside it the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    except OSError as error:
        raise JournalError(
            f"the {use.noun} {path} can't be opened: {error.strerror}; reconcile.store names where it is"
        ) from error
    # One connection, for which threads queue up: SQLite has one writer at a time anyway.
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_timeout=2 * _PATIENCE,
        connect_args={"timeout": _PATIENCE, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        # Python's own idea of when a transaction begins is switched off; "begin" below says it.
        connection.isolation_level = None
        for left in range(_PATIENCE * 10, -1, -1):
            try:
                # Switching to the log doesn't wait for another process that is doing the same.
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except connection.OperationalError as error:
                if "locked" not in str(error) or not left:
                    raise
                time.sleep(0.1)
        # EXTRA is FULL with the log. Without one it also makes sure that a journal that was taken away stays so.
        connection.execute("PRAGMA synchronous = EXTRA")

    @event.listens_for(engine, "begin")
    def began(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: "URL", use: Use) -> "Engine":
    from sqlalchemy import create_engine, event

    try:
        import psycopg  # noqa: F401 - asked for here, where the sentence can say what to install.
    except ImportError as error:
        raise UsageError(
            f"a {use.noun} in PostgreSQL needs psycopg, which isn't installed: pip install 'costguard-tags[postgres]'"
        ) from error
    # A server that fell silent is noticed within half a minute, also in the middle of a statement.
    silence = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "tcp_user_timeout": 30_000}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=2 * _PATIENCE,
        connect_args={name: value for name, value in silence.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
            cursor.execute(f"SET statement_timeout = '{_PATIENCE}s'")
        connection.commit()

    return engine


def _mend_sqlite(said: str, afterwards: str) -> str:
    if "full" in said:
        return f"make room on its disk; {afterwards}"
    if "readonly" in said or "permission" in said.lower():
        return "the file and its folder must be writable"
    if "locked" in said:
        return "another process has held it for too long"
    if "not a database" in said or "malformed" in said:
        return "it is no SQLite database, or a damaged one: name another store, and keep this one for looking into it"
    return f"see that its disk is there and sound; {afterwards}"


def _mend_postgresql(said: str, afterwards: str) -> str:
    if "authentication" in said or "password" in said or "role " in said:
        return "see reconcile.store, and PGPASSWORD or ~/.pgpass"
    return f"see that the server is reachable and takes writes; {afterwards}"


def _first_line(error: BaseException) -> str:
    """What the database said. SQLAlchemy's own text adds the statement, which helps nobody here."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0].rstrip(".") if said else type(error).__name__
