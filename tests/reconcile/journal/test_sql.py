"""Both journals: what was kept is there whatever happens next, a lease is one holder's, and failures are sentences."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from costguard.clouds.writing import Target
from costguard.errors import JournalError, UsageError
from costguard.model.change import Rung
from costguard.reconcile.journal import Busy, Entry, Flag, Run
from costguard.reconcile.journal.sql import open_journal
from tests.conftest import ROOT
from tests.reconcile.build import NOW
from tests.servers.postgres import PASSWORD, Postgres

PLACE = "aws/111122223333/eu-west-1"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


def run(id_: str = "r1", **fields: object) -> Run:
    plain = Run(id=id_, kind="apply", change_set="c" * 64, started=NOW)
    return msgspec.structs.replace(plain, **fields)


def entry(number: int, **fields: object) -> Entry:
    target = Target("arn:aws:sns:eu-west-1:111122223333:t", "aws_sns_topic", "aws", "111122223333", "eu-west-1")
    return Entry(run="r1", number=number, verb="tags", target=target, **fields)  # type: ignore[arg-type]  # as above.


def test_what_was_kept_is_read_back_as_it_was_by_whoever_opens_it_next(url: str) -> None:
    first = entry(0, before={"Owner": None}, after={"Owner": "shop"}, expects={"Name": "x"})
    with closing(open_journal(url)) as journal:
        journal.begin(run(payload=b"\x00\xffchange set"))
        journal.intend([first, entry(2), entry(1)])
        journal.record([entry(1, state="verified", how="done", by="tag:TagResources", guard="read", found="ours")])
        journal.intend([entry(2, why="once more")])
        journal.end("r1", "stopped", "too many failed", NOW + timedelta(minutes=5))
    with closing(open_journal(url)) as journal:
        assert journal.run("r1") == run(
            payload=b"\x00\xffchange set",
            ended=NOW + timedelta(minutes=5),
            how="stopped",
            why="too many failed",
        )
        assert list(journal.entries("r1")) == [
            first,
            entry(1, state="verified", how="done", by="tag:TagResources", guard="read", found="ours"),
            entry(2, why="once more"),
        ]
        assert list(journal.entries("r2")) == []
        assert journal.run("r2") is None


def test_the_latest_runs_come_first_without_what_is_large(url: str) -> None:
    with closing(open_journal(url)) as journal:
        for number in range(5):
            journal.begin(run(f"r{number}", started=NOW + timedelta(seconds=number % 3), payload=b"large"))
        assert [(one.id, one.payload) for one in journal.runs(3)] == [("r2", b""), ("r4", b""), ("r1", b"")]


def test_a_run_is_begun_once_and_ended_where_it_began(url: str) -> None:
    with closing(open_journal(url)) as journal:
        journal.begin(run())
        with pytest.raises(JournalError):
            journal.begin(run())
        with pytest.raises(JournalError, match="no run r2"):
            journal.end("r2", "done", "", NOW)


HOSTILE = ("arn:\x00:x", "half \ud800 a pair", "'; DROP TABLE costguard_run; --", "%s {} ?", "ü" * 5000, "\n")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_kept_like_others(url: str, text: str) -> None:
    legible = text.encode("utf-8", "backslashreplace").decode()
    with closing(open_journal(url)) as journal:
        journal.begin(run())
        journal.intend([entry(0, after={text: text}, why=text)])
        assert [one.after for one in journal.entries("r1")] == [{legible: legible}]
        journal.flag([Flag(id=text, first=NOW.date(), last=NOW.date())])
        assert list(journal.flags([text])) == [legible]
        journal.lease(text, text.replace("\0", "").encode("utf-8", "replace").decode(), NOW + timedelta(1), NOW)
        journal.deliver(text, NOW, text)
        assert journal.delivered(text)
        assert not journal.delivered(text + "x")


def test_flags_are_replaced_and_forgotten_one_by_one(url: str) -> None:
    today = date(2026, 11, 23)
    flags = [Flag(id=f"i-{number}", first=today, last=today) for number in range(1200)]  # More than one statement has.
    climbed = Flag(id="i-7", first=today, last=date(2026, 11, 24), climbed={"notify": date(2026, 11, 24)})
    with closing(open_journal(url)) as journal:
        journal.flag(flags)
        journal.flag([climbed])
        assert journal.flags(["i-7", "i-8", "i-x"]) == {"i-7": climbed, "i-8": flags[8]}
        journal.unflag([flag.id for flag in flags if flag.id != "i-7"])
        assert journal.flags() == {"i-7": climbed}
        assert journal.flags([]) == {}


MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def flag(first: date = MONDAY, last: date = MONDAY, *climbed: Rung) -> Flag:
    return Flag(id="i-1", first=first, last=last, climbed=dict.fromkeys(climbed, TUESDAY))


@pytest.mark.parametrize(
    ("seen", "kept", "new", "then"),
    [
        pytest.param(None, None, flag(), flag(), id="new"),
        pytest.param(flag(), flag(), flag(MONDAY, TUESDAY), flag(MONDAY, TUESDAY), id="nobody else's"),
        pytest.param(
            flag(),
            flag(MONDAY, MONDAY, "notify"),
            flag(MONDAY, TUESDAY),
            flag(MONDAY, TUESDAY, "notify"),
            id="climbed meanwhile",
        ),
        pytest.param(
            flag(),
            flag(MONDAY, MONDAY, "notify"),
            flag(MONDAY, TUESDAY, "quarantine"),
            flag(MONDAY, TUESDAY, "notify", "quarantine"),
            id="each climbed another rung",
        ),
        pytest.param(
            flag(MONDAY, MONDAY, "notify"),
            flag(MONDAY, TUESDAY, "notify"),
            flag(MONDAY, MONDAY),
            flag(MONDAY, TUESDAY),
            id="what whoever writes has taken off stays off",
        ),
        pytest.param(
            flag(MONDAY, MONDAY, "notify"),
            flag(TUESDAY, TUESDAY),
            flag(MONDAY, MONDAY, "notify", "quarantine"),
            flag(TUESDAY, TUESDAY),
            id="begun anew meanwhile",
        ),
        pytest.param(flag(), None, flag(MONDAY, TUESDAY), flag(MONDAY, TUESDAY), id="forgotten meanwhile"),
    ],
)
def test_a_flag_that_was_made_from_what_is_not_so_any_more_loses_nobody_elses(
    url: str, seen: Flag | None, kept: Flag | None, new: Flag, then: Flag
) -> None:
    with closing(open_journal(url)) as journal:
        journal.flag([] if kept is None else [kept])
        journal.flag([new], {} if seen is None else {seen.id: seen})
        assert journal.flags() == {"i-1": then}


def test_who_holds_a_lease_is_named(url: str) -> None:
    with closing(open_journal(url)) as journal:
        journal.lease(PLACE, "run r1 (process 7 on build)", NOW + timedelta(minutes=2), NOW)
        with pytest.raises(Busy, match="2026-11-23 09:02:00 UTC") as raised:
            journal.lease(PLACE, "run r2", NOW + timedelta(minutes=3), NOW)
        assert raised.value.holder == "run r1 (process 7 on build)"


# ------------------------------------------------------------------ leases

MINUTE = timedelta(minutes=1)
Step = tuple[str, int, int | None]
"""(holder, minute at which it asks, minute until which it asks), the latter None where it gives all back."""


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        pytest.param([("a", 0, 2), ("b", 1, 3)], [1], id="another's that runs is refused"),
        pytest.param([("a", 0, 2), ("b", 2, 4)], [], id="another's that ran out is taken over"),
        pytest.param([("a", 0, 2), ("a", 1, 3), ("b", 2, 4)], [2], id="one's own is renewed"),
        pytest.param([("a", 0, 2), ("b", 2, 4), ("a", 3, 5)], [2], id="one that was taken over isn't renewed"),
        pytest.param([("a", 0, 2), ("a", 1, None), ("b", 1, 3)], [], id="one that was given back is free"),
        pytest.param([("a", 0, 2), ("b", 1, None), ("b", 1, 3)], [2], id="nobody gives back another's"),
        pytest.param([("a", 0, 2), ("a", 5, 6)], [], id="one's own that ran out is renewed where nobody took it"),
    ],
)
def test_a_lease_is_one_holders(url: str, steps: list[Step], refused: list[int]) -> None:
    found, said = [], []
    with closing(open_journal(url)) as journal:
        for number, (holder, now, until) in enumerate(steps):
            try:
                if until is None:
                    journal.release(holder)
                else:
                    journal.lease(PLACE, holder, NOW + until * MINUTE, NOW + now * MINUTE)
            except Busy as busy:
                found.append(number)
                said.append(str(busy))
    assert found == refused
    assert all(text.startswith(f"{PLACE} is held by ") for text in said)


def test_of_many_that_ask_at_once_one_gets_the_lease(url: str) -> None:
    journals = [open_journal(url) for _ in range(8)]
    together = threading.Barrier(len(journals))
    got: list[int] = []

    def ask(number: int) -> None:
        together.wait()
        try:
            journals[number].lease(PLACE, f"holder {number}", NOW + MINUTE, NOW)
        except Busy:
            return
        got.append(number)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(len(journals))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for journal in journals:
        journal.close()
    assert len(got) == 1


def test_several_processes_make_and_use_one_store_at_once(url: str) -> None:
    program = (
        "import sys; from costguard.reconcile.journal.sql import open_journal; "
        "from tests.reconcile.journal.test_sql import entry; journal = open_journal(sys.argv[1]); "
        "[journal.intend([entry(int(sys.argv[2]) * 100 + number)]) for number in range(25)]; journal.close()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, url, str(number)], cwd=ROOT, stderr=subprocess.PIPE)
        for number in range(4)
    ]
    failed = [process.communicate(timeout=60)[1] for process in processes]
    assert failed == [b""] * 4
    with closing(open_journal(url)) as journal:
        assert len(journal.entries("r1")) == 100


# ------------------------------------------------------------------ crashes and failures


def _killed_after(url: str, statement: str) -> None:
    """Runs the statement on a journal in a process that kills itself right after it."""
    program = (
        "import os, sys; from costguard.reconcile.journal.sql import open_journal; "
        "from tests.reconcile.journal.test_sql import *; journal = open_journal(sys.argv[1]); "
        f"{statement}; os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_what_a_killed_process_kept_is_there(url: str) -> None:
    _killed_after(url, "journal.begin(run()); journal.intend([entry(0), entry(1)])")
    with closing(open_journal(url)) as journal:
        assert [one.number for one in journal.entries("r1")] == [0, 1]


@pytest.mark.usefixtures("postgres")
def test_what_was_kept_survives_the_death_of_the_server(tmp_path: Path) -> None:
    # The server's own default is not to wait for the disk.
    with Postgres(tmp_path / "own") as server, closing(open_journal(server.database())) as journal:
        journal.begin(run())
        for number in range(20):
            journal.intend([entry(number)])
        server.kill()
        with pytest.raises(JournalError, match="see that the server is reachable"):
            journal.intend([entry(20)])
        server.start()
        assert [one.number for one in journal.entries("r1")] == list(range(20))


def test_a_commit_is_on_the_disk(url: str) -> None:
    """The settings that make it so, as the databases themselves tell them."""
    with closing(open_journal(url)) as journal, journal._engine.begin() as connection:  # type: ignore[attr-defined]
        if url.startswith("sqlite"):
            # 3 is EXTRA: https://sqlite.org/pragma.html#pragma_synchronous
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        journal.begin(run())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0o600)
    assert "journal.db" in modes


def test_a_store_of_another_version_is_left_alone(url: str) -> None:
    with closing(open_journal(url)) as journal, journal._engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE costguard_store SET version = 2")
    with pytest.raises(JournalError, match="is of version 2, and this costguard knows version 1"):
        open_journal(url)


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is no database, and never was one" * 100)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        pytest.param(_no_database, "it is no SQLite database", id="another file"),
        pytest.param(_folder, "can't be opened: Is a directory", id="a folder"),
        pytest.param(lambda path: path.parent.rmdir(), "can't be opened: No such file", id="no such folder"),
    ],
)
def test_a_store_that_cannot_be_opened_is_a_sentence(
    tmp_path: Path, prepare: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "kept" / "journal.db"
    path.parent.mkdir()
    prepare(path)
    with pytest.raises(JournalError, match=said):
        open_journal(f"sqlite:///{path}")


def test_a_store_that_another_process_damages_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(open_journal(f"sqlite:///{path}")) as journal:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DROP TABLE costguard_entry")
        with pytest.raises(JournalError, match="no such table"):
            journal.intend([entry(0)])


def test_a_full_store_is_a_sentence_and_keeps_what_it_has(tmp_path: Path) -> None:
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        journal.begin(run())
        with journal._engine.begin() as connection:  # type: ignore[attr-defined]
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="make room on its disk"):
            journal.intend([entry(number, why="x" * 1000) for number in range(100)])
        assert journal.run("r1") is not None
        assert list(journal.entries("r1")) == []  # All or none.


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/db", "sqlite://", "journal.db", "", "postgresql://u:secret@h", "://", "u:secret:x"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError, match="neither sqlite:///PATH nor postgresql://") as caught:
        open_journal(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["nobody-knows", "costguard"])
def test_a_password_is_in_no_message(postgres: Postgres, user: str) -> None:
    address = postgres.url("case").replace(PASSWORD, "s3cret-w0rd").replace("//costguard:", f"//{user}:")
    with pytest.raises(JournalError) as caught:
        open_journal(address)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in str(error)
        error = error.__cause__
    assert "PGPASSWORD" in str(caught.value)


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(JournalError, match="see that the server is reachable") as caught:
        open_journal("postgresql://costguard:s3cret@127.0.0.1:1/costguard")
    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_may_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_journal(f"sqlite:///{path}").close()
    path.chmod(0o400)
    with pytest.raises(JournalError, match="can't be opened: Permission denied"):
        open_journal(f"sqlite:///{path}")
