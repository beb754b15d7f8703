"""What earlier runs found, kept in the store that ``reconcile.store`` names, so that a trend needs no bill again.

A record is kept only where somebody asks for it (``costguard spend --record``): else the command only reads. The same
result for the same period is one record, however often it is kept. What each of them says is JSON under a few columns
that are searched.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from costguard.database import Database, Use, open_database
from costguard.errors import JournalError
from costguard.model.cost import Basis, Day, Part, Point, Slo, SpendReport, UnitCost
from costguard.model.spool import encoded
from costguard.policy import Policy
from costguard.spend.shares import ratio

if TYPE_CHECKING:
    from sqlalchemy import Table

_USE = Use("history of spend", "then run it again", "spend")
_TABLE = "costguard_spend"
_NAMED = 500
"""Of owners and accounts, the dearest are kept."""
_QUICK = 3
"""Seconds that a look at the last record waits for a server, or for another process that is writing."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one run found. ``at`` is when it was kept first; ``policy`` tells policies apart. The fields that a report
    has, too, are as there; ``owners`` are the values of the policy's tag "owner"."""

    at: str
    start: str | None
    end: str | None
    currency: str
    cost: Basis
    policy: str
    complete: bool
    total: str
    classes: dict[str, str]
    taggable: dict[str, str]
    kpis: dict[str, tuple[str, str]]
    owners: tuple[Part, ...] = ()
    accounts: tuple[Part, ...] = ()
    days: tuple[Day, ...] = ()
    slo: Slo | None = None
    prices: tuple[UnitCost, ...] = ()

    @property
    def until(self) -> str:
        """The day after the last that it is about; empty where nothing says when that was."""
        return (self.slo.end if self.slo is not None else None) or self.end or ""


_record = msgspec.json.Decoder(Record)


def record(report: SpendReport, policy: Policy, at: datetime) -> Record:
    """What is worth keeping of a report."""
    return Record(
        at=at.astimezone(UTC).isoformat(timespec="seconds"),
        start=report.period.start,
        end=report.period.end,
        currency=report.currency,
        cost=report.cost,
        policy=named(policy),
        complete=report.complete,
        total=report.total,
        classes=report.classes,
        taggable=report.taggable,
        kpis={kpi.id: (kpi.numerator, kpi.denominator) for kpi in report.kpis},
        owners=report.by.get("tag:owner", ())[:_NAMED],
        accounts=report.by.get("account", ())[:_NAMED],
        days=report.days,
        slo=report.slo,
        prices=report.prices,
    )


def named(policy: Policy) -> str:
    """A name for what the policy says, wherever its files are."""
    said = [(path, value) for path, value, _ in policy.statement]
    return sha256(msgspec.json.encode(said, enc_hook=str, order="deterministic")).hexdigest()[:12]


def trend(records: Iterable[Record], currency: str, cost: Basis) -> tuple[Point, ...]:
    """The share that was compliant, by runs and by days, in order. Only records in this currency and of this cost can
    be compared. Of a day, and of a period, the record counts that was kept last."""
    runs: dict[tuple[str | None, str], Point] = {}
    days: dict[str, Point] = {}
    alike = (one for one in records if (one.currency, one.cost) == (currency, cost))
    for one in sorted(alike, key=lambda one: (one.at, encoded(one))):
        whole = one.classes.get("usage_taggable", "0")
        if one.until:
            point = _point("run", one.until, whole, one.taggable.get("compliant", "0"), one.policy)
            runs[one.start, one.until] = point
        for day in one.days:
            days[day.day] = _point("day", day.day, day.taggable, day.compliant, one.policy)
    return tuple(sorted((*runs.values(), *days.values()), key=lambda point: (point.kind, point.at, encoded(point))))


def _point(kind: Literal["run", "day"], at: str, taggable: str, compliant: str, policy: str) -> Point:
    share = ratio(Decimal(compliant), Decimal(taggable))
    return Point(kind=kind, at=at, taggable=taggable, compliant=compliant, ratio=share, policy=policy)


class History:
    """The records in a store. Every method raises :class:`JournalError` where the store can't be read or written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = _table()
        try:
            with database.speaking() as connection:
                database.locked(connection)
                self._table.metadata.create_all(connection)
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def taken(self, report: SpendReport, policy: Policy, at: datetime) -> SpendReport:
        """Keeps what is worth it of a report, and gives the report the trend that this makes."""
        self.keep(record(report, policy, at))
        return msgspec.structs.replace(report, trend=trend(self.records(), report.currency, report.cost))

    def keep(self, one: Record) -> bool:
        """Keeps a record; False where it was kept before."""
        body = encoded(msgspec.structs.replace(one, at=""))
        row = {"id": sha256(body).hexdigest(), "ends": one.until, "recorded": one.at, "body": encoded(one)}
        insert = self._database.insert(self._table).values(row).on_conflict_do_nothing(index_elements=["id"])
        with self._database.speaking() as connection:
            return connection.execute(insert.returning(self._table.c.id)).first() is not None

    def records(self, most: int = 400) -> Sequence[Record]:
        """The records, the one with the latest day first."""
        columns = self._table.c
        chosen = self._table.select().order_by(columns.ends.desc(), columns.recorded.desc(), columns.id).limit(most)
        with self._database.speaking() as connection:
            return [_read(row.body) for row in connection.execute(chosen)]


def open_history(url: str) -> History:
    """The history at ``sqlite:///PATH`` or ``postgresql://…``, made where there is none. Raises :class:`UsageError`
    where SQLAlchemy (or psycopg) isn't installed or the address is none, :class:`JournalError` where it can't be
    opened."""
    return History(open_database(url, _USE))


def latest(url: str) -> Record | None:
    """The record with the latest day; None where there is none. Nothing is made or changed, and no server is waited for
    longer than a few seconds. A SQLite file is read without SQLAlchemy, which takes longer to import than most gates
    take, and which a hook doesn't have. Raises as :func:`open_history` does."""
    path = url.removeprefix("sqlite:///")
    return _latest_in_file(Path(path)) if path != url else _latest_on_server(url)


_LATEST = f"SELECT body FROM {_TABLE} ORDER BY ends DESC, recorded DESC, id LIMIT 1"


def _latest_in_file(path: Path) -> Record | None:
    if not path.is_file():
        return None
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_QUICK)) as connection:
            row = connection.execute(_LATEST).fetchone()
    except sqlite3.Error as error:
        if f"no such table: {_TABLE}" in str(error):
            return None
        raise JournalError(f"the {_USE.noun} {path} can't be read: {error}") from error
    return None if row is None else _read(row[0])


def _latest_on_server(url: str) -> Record | None:
    from sqlalchemy import inspect, text

    patience = f"{'&' if '?' in url else '?'}connect_timeout={_QUICK}"
    database = open_database(url if "connect_timeout" in url else url + patience, _USE)
    try:
        with database.speaking() as connection:
            if not inspect(connection).has_table(_TABLE):
                return None
            row = connection.execute(text(_LATEST)).first()
    finally:
        database.close()
    return None if row is None else _read(row.body)


def _read(body: bytes) -> Record:
    try:
        return _record.decode(body)
    except (msgspec.MsgspecError, UnicodeError, TypeError) as error:
        raise JournalError(
            f"a record in the {_USE.noun} can't be read ({error}): another costguard wrote it"
        ) from error


def _table() -> "Table":
    from sqlalchemy import Column, LargeBinary, MetaData, Table, Text

    return Table(
        _TABLE,
        MetaData(),
        Column("id", Text, primary_key=True),
        # Days and times as ISO 8601 has them, which sort as they are.
        Column("ends", Text, nullable=False),
        Column("recorded", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
