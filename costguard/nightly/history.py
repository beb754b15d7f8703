"""What is kept of the nights, in the store that ``reconcile.store`` names: each night's record, and since when each
resource has been at fault, so that the next night can say what changed.

A night's body is a :class:`~costguard.model.night.Night` without its long lists: those are in its files. The lease
keeps two nights apart; it is renewed while one works, and one whose process is gone on this machine is taken over.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from costguard.database import Database, Use, open_database
from costguard.errors import JournalError, UsageError
from costguard.model.night import Night
from costguard.model.spool import encoded

if TYPE_CHECKING:
    from sqlalchemy import Table

_USE = Use("history of nights", "then run it again")
_CHUNK = 500
_GAPS = 1_000
"""So many gaps of a night are kept in its record; its files have all of them."""
LEASE = timedelta(minutes=2)
"""A lease's term; it is renewed four times as often."""
_PLACE = "nightly"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that is or was at fault: since when, the day it was last seen so, and the day on which it was found
    compliant (``mended``), or was found no more (``gone``). One that comes back begins anew."""

    id: str
    first: date
    last: date
    mended: date | None = None
    gone: date | None = None
    type: str = ""
    account: str = ""
    owner: str = ""
    creator: str = ""

    @property
    def open(self) -> bool:
        return self.mended is None and self.gone is None


_night = msgspec.json.Decoder(Night)
_fault = msgspec.json.Decoder(Fault)


class Nights:
    """The nights in a store. Every method raises :class:`JournalError` where the store can't be read or written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._nights, self._faults = _tables()
        try:
            with database.speaking() as connection:
                database.locked(connection)
                self._nights.metadata.create_all(connection)
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def keep(self, night: Night, asked: str) -> None:
        """Keeps a night as it stands. ``asked`` tells apart what nights were asked to do."""
        spend = night.spend and msgspec.structs.replace(
            night.spend, by={}, showback={}, pareto=(), trend=(), days=(), prices=(), gaps=()
        )
        body = msgspec.structs.replace(night, rows=(), gaps=night.gaps[:_GAPS], notes=(), before=(), spend=spend)
        row = {
            "id": night.id,
            "began": night.began,
            "ended": night.ended,
            "asked": asked,
            "body": encoded(body),
        }
        insert = self._database.insert(self._nights).values(row)
        upsert = insert.on_conflict_do_update(index_elements=["id"], set_=row)
        with self._database.speaking() as connection:
            connection.execute(upsert)

    def unfinished(self, asked: str, since: datetime) -> Night | None:
        """The latest night, where it was asked the same, began after ``since`` and has not ended."""
        columns = self._nights.c
        with self._database.speaking() as connection:
            row = connection.execute(self._nights.select().order_by(columns.began.desc()).limit(1)).first()
        if row is None or row.ended or row.asked != asked or row.began < _iso(since):
            return None
        return _read(row.body)

    def nights(self, most: int = 60, since: date | None = None) -> Sequence[Night]:
        """The nights that ended, the latest first."""
        columns = self._nights.c
        chosen = self._nights.select().where(columns.ended != "").order_by(columns.began.desc()).limit(most)
        if since is not None:
            chosen = chosen.where(columns.began >= since.isoformat())
        with self._database.speaking() as connection:
            return [_read(row.body) for row in connection.execute(chosen)]

    def faults(self) -> Mapping[str, Fault]:
        """All that is known of resources at fault, by their ids."""
        with self._database.speaking() as connection:
            found = [_fault.decode(row.body) for row in connection.execute(self._faults.select())]
        return {one.id: one for one in found}

    def keep_faults(self, faults: Iterable[Fault]) -> None:
        """Keeps these as they are now."""
        # An id is somebody else's text, of which not every database takes every character.
        rows = [{"id": sha256(encoded(one.id)).hexdigest()[:40], "body": encoded(one)} for one in faults]
        with self._database.speaking() as connection:
            for start in range(0, len(rows), _CHUNK):
                insert = self._database.insert(self._faults).values(rows[start : start + _CHUNK])
                connection.execute(
                    insert.on_conflict_do_update(index_elements=["id"], set_={"body": insert.excluded.body})
                )


def open_nights(url: str) -> Nights:
    """The nights at ``sqlite:///PATH`` or ``postgresql://…``, whose tables are made where there are none."""
    return Nights(open_database(url, _USE))


def changed(
    known: Mapping[str, Fault],
    tonight: Mapping[str, Fault],
    compliant: Iterable[str],
    undecided: Iterable[str],
    day: date,
    *,
    whole: bool,
) -> list[Fault]:
    """What is to be kept after a scan that found ``tonight`` at fault. What is ``compliant`` was mended; of what is
    ``undecided`` nothing new is known. Only where the ``whole`` inventory was read is what it doesn't show gone, and so
    is what is exempted by now: nobody has tagged it."""
    kept = []
    for id_, one in tonight.items():
        before = known.get(id_)
        kept.append(msgspec.structs.replace(one, first=before.first) if before is not None and before.open else one)
    open_ = {id_ for id_, one in known.items() if one.open} - tonight.keys()
    mended = open_ & set(compliant)
    kept += [msgspec.structs.replace(known[id_], mended=day) for id_ in sorted(mended)]
    if whole:
        gone = open_ - mended - set(undecided)
        kept += [msgspec.structs.replace(known[id_], gone=day) for id_ in sorted(gone)]
    return kept


# ------------------------------------------------------------------ the lease


def _here() -> str:
    """This machine, as far as process ids have a meaning in it."""
    namespace = ""
    with suppress(OSError):
        namespace = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
        namespace += "/" + str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()}/{namespace}"


def _gone(holder: str) -> bool:
    """Whether a holder of the lease was a process of this machine that is no more."""
    host, _, process = holder.rpartition(" process ")
    number = process.partition(" ")[0]
    if host != _here() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def leased(url: str, name: str, waiting: Callable[[str], object], term: timedelta = LEASE) -> Iterator[None]:
    """Keeps other nights with this store out until it ends.

    Another night's is waited for as long as a lease lasts, for it may be that of a process that was killed on another
    machine; ``waiting`` is told so. Raises :class:`UsageError` where it is still held then.
    """
    from costguard.reconcile.journal import Busy
    from costguard.reconcile.journal.sql import open_journal

    holder = f"{_here()} process {os.getpid()} {name} {secrets.token_hex(2)}"
    with closing(open_journal(url)) as journal:
        ends = time.monotonic() + term.total_seconds() * 1.25
        while True:
            now = datetime.now(UTC)
            try:
                journal.lease(_PLACE, holder, now + term, now)
                break
            except Busy as error:
                if error.holder and _gone(error.holder):
                    journal.release(error.holder)
                    continue
                if time.monotonic() > ends:
                    raise UsageError(f"another night is under way: {error}") from error
                waiting(str(error))
                time.sleep(min(1.0, term.total_seconds() / 4))
        done = threading.Event()

        def renew() -> None:
            while not done.wait(term.total_seconds() / 4):
                now = datetime.now(UTC)
                # Where it can't be renewed the night goes on: what writes to a cloud has leases of its own.
                with suppress(JournalError, Busy):
                    journal.lease(_PLACE, holder, now + term, now)

        thread = threading.Thread(target=renew, name="costguard-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            with suppress(JournalError):
                journal.release(holder)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _read(body: bytes) -> Night:
    try:
        return _night.decode(body)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise JournalError(f"a night in the {_USE.noun} can't be read ({error}): another costguard wrote it") from error


def _tables() -> "tuple[Table, Table]":
    from sqlalchemy import Column, LargeBinary, MetaData, Table, Text

    meta = MetaData()
    return (
        Table(
            "costguard_night",
            meta,
            Column("id", Text, primary_key=True),
            # ISO 8601 in UTC, which sorts as it is; empty for one that has not ended.
            Column("began", Text, nullable=False),
            Column("ended", Text, nullable=False),
            Column("asked", Text, nullable=False),
            Column("body", LargeBinary, nullable=False),
        ),
        Table(
            "costguard_fault", meta, Column("id", Text, primary_key=True), Column("body", LargeBinary, nullable=False)
        ),
    )
