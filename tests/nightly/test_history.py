"""What is kept of the nights, in both databases; and the lease that keeps two of them apart."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from costguard.errors import JournalError, UsageError
from costguard.nightly.history import Fault, Nights, leased, open_nights
from costguard.reconcile.journal.sql import open_journal
from tests.nightly.build import night
from tests.reports.samples import HOSTILE
from tests.servers.postgres import Postgres

TERM = timedelta(seconds=2)
AGO = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'costguard.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


@pytest.fixture
def nights(url: str) -> Iterator[Nights]:
    with open_nights(url) as opened:
        yield opened


def test_a_night_is_kept_without_its_long_lists(nights: Nights) -> None:
    made = night(20)
    nights.keep(made, "asked")
    nights.keep(made, "asked")
    (kept,) = nights.nights()
    assert (kept.rows, kept.before, kept.gaps) == ((), (), made.gaps)
    assert kept.headline == made.headline
    assert (kept.live, kept.planned, kept.stages) == (made.live, made.planned, made.stages)
    many = tuple(msgspec.structs.replace(made.gaps[0], where=f"{n}") for n in range(2_000))
    nights.keep(msgspec.structs.replace(made, gaps=many), "asked")
    assert len(nights.nights()[0].gaps) == 1_000


def test_the_latest_nights_come_first_and_only_those_that_ended(nights: Nights) -> None:
    for day in range(1, 6):
        began = f"2026-11-{day:02}T01:00:00.000+00:00"
        ended = "" if day == 5 else f"2026-11-{day:02}T02:00:00.000+00:00"
        nights.keep(msgspec.structs.replace(night(more=False), id=f"n{day}", began=began, ended=ended), "asked")
    assert [one.id for one in nights.nights(3)] == ["n4", "n3", "n2"]
    assert [one.id for one in nights.nights(since=date(2026, 11, 3))] == ["n4", "n3"]


def test_the_latest_night_is_taken_up_where_it_has_not_ended_and_is_the_same(nights: Nights) -> None:
    unfinished = msgspec.structs.replace(night(more=False), ended="")
    assert nights.unfinished("asked", AGO) is None
    nights.keep(unfinished, "asked")
    assert nights.unfinished("asked", AGO) == unfinished
    assert nights.unfinished("something else", AGO) is None
    assert nights.unfinished("asked", datetime(2026, 11, 25, tzinfo=UTC)) is None, "it is too long ago"
    nights.keep(msgspec.structs.replace(night(more=False), id="later", began="2026-11-25T01:00:00+00:00"), "asked")
    assert nights.unfinished("asked", AGO) is None, "a later one has ended"


def test_faults_are_kept_as_they_are_now(nights: Nights) -> None:
    day = date(2026, 11, 1)
    texts = [text for text in HOSTILE if "\ud800" not in text]  # Half a pair is read back as its escape.
    many = [Fault(id=f"{text}{number}", first=day, last=day, owner=text) for number, text in enumerate(texts)]
    many += [Fault(id=f"arn:{number}", first=day, last=day) for number in range(1_200)]
    nights.keep_faults(many)
    assert nights.faults() == {one.id: one for one in many}
    mended = msgspec.structs.replace(many[0], mended=day)
    nights.keep_faults([mended])
    assert nights.faults()[mended.id] == mended
    assert len(nights.faults()) == len(many)


def test_two_nights_keep_out_of_each_others_way(url: str) -> None:
    told: list[str] = []
    with leased(url, "one", told.append, TERM):
        # By the same process, which isn't gone: it is waited for as long as a lease lasts, and it is renewed meanwhile.
        with pytest.raises(UsageError, match="another night is under way"), leased(url, "two", told.append, TERM):
            pass
        assert told
    with leased(url, "two", told.append, TERM):
        pass


def test_a_night_that_ends_lets_the_next_one_in_at_once(url: str) -> None:
    inside = threading.Event()

    def other() -> None:
        with leased(url, "one", lambda _: None, timedelta(seconds=20)):
            inside.set()
            time.sleep(0.5)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(20)
    began = time.monotonic()
    with leased(url, "two", lambda _: None, timedelta(seconds=20)):
        pass
    thread.join()
    assert time.monotonic() - began < 15


def test_the_lease_of_a_process_that_is_gone_keeps_nobody_out(url: str) -> None:
    script = (
        "import os, sys, datetime\n"
        "from costguard.nightly.history import leased\n"
        "with leased(sys.argv[1], 'one', print, datetime.timedelta(minutes=5)):\n"
        "    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, url], check=True, env=dict(os.environ))
    began = time.monotonic()
    with leased(url, "two", lambda _: None, timedelta(minutes=5)):
        pass
    assert time.monotonic() - began < 60


def test_the_lease_of_another_machine_runs_out(url: str) -> None:
    with closing(open_journal(url)) as journal:
        now = datetime.now(UTC)
        journal.lease("nightly", "elsewhere/0 process 1 one", now + TERM, now)
    told: list[str] = []
    with leased(url, "two", told.append, TERM):
        pass
    assert "is held by elsewhere/0 process 1 one" in told[0]


def test_a_night_of_a_later_costguard_is_said_to_be_one(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "costguard.db"
    with open_nights(f"sqlite:///{path}") as nights:
        nights.keep(night(more=False), "asked")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE costguard_night SET body = x'7b7d'")
            connection.commit()
        with pytest.raises(JournalError, match="another costguard wrote it"):
            nights.nights()
