"""The embedded store: what goes in comes out, resource by resource, and a run that is cut short changes nothing."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.sighting import Binding, Sighting
from costguard.clouds.store import Store
from costguard.errors import InputError
from costguard.model.coverage import Cell
from costguard.model.resource import Manager

ARN = "arn:aws:sqs:eu-west-1:111122223333:orders"


def sighting(**changes: object) -> Sighting:
    fields = {"id": ARN, "type": "aws_sqs_queue", "account": "111122223333", "region": "eu-west-1", "tags": {}}
    return Sighting(**{**fields, **changes})  # type: ignore[arg-type]


def cell(**changes: object) -> Cell:
    fields = {
        "cloud": "aws",
        "account": "111122223333",
        "region": "eu-west-1",
        "type": "aws_sqs_queue",
        "source": "native",
        "outcome": "read",
    }
    return Cell(**{**fields, **changes})  # type: ignore[arg-type]


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    seen=st.lists(
        st.builds(
            sighting,
            id=TEXT,
            type=TEXT,
            region=TEXT,
            tags=st.none() | st.dictionaries(TEXT, TEXT, max_size=4),
            unread=TEXT,
            open=TEXT,
            bound=st.none() | st.lists(st.builds(Binding, TEXT, TEXT, TEXT), max_size=2).map(tuple),
            reported=st.none() | st.integers(0, 2**40),
            untaggable=TEXT,
            default=TEXT,
            managers=st.lists(st.builds(Manager, tool=TEXT, name=TEXT, where=TEXT), max_size=2).map(tuple),
        ),
        max_size=12,
    )
)
def test_every_sighting_comes_back_as_it_went_in_grouped_by_id(tmp_path: Path, seen: list[Sighting]) -> None:
    with Store.create(tmp_path / "scan.db") as store:
        store.add("native", seen)
        groups = list(store.resources())
    assert [group[0][1].id for group in groups] == sorted({one.id for one in seen}, key=lambda text: text.encode())
    assert [one for group in groups for source, one in group] == sorted(seen, key=lambda one: one.id.encode())


def test_half_of_a_surrogate_pair_in_a_name_or_a_tag_is_kept_as_its_escape_and_nothing_beside_it_is_lost(
    tmp_path: Path,
) -> None:
    page = [sighting(id="arn:a"), sighting(id="arn:b", tags={"owner": "\ud800x"}), sighting(id="arn:c\udfff")]
    with Store.create(tmp_path / "scan.db") as store:
        store.add("tagging", page)
        groups = list(store.resources())
    assert [(len(group), group[0][1].id) for group in groups] == [(1, "arn:a"), (1, "arn:b"), (1, "arn:c\\udfff")]
    assert groups[1][0][1].tags == {"owner": "\\ud800x"}


def test_the_service_s_own_word_comes_before_that_of_the_indexes_in_whatever_order_they_were_read(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path / "scan.db") as store:
        for source in ("config", "explorer", "native", "tagging"):
            store.add(source, [sighting()])
        (group,) = store.resources()
    assert [source for source, _ in group] == ["native", "tagging", "explorer", "config"]


def test_a_run_that_is_cut_short_leaves_the_last_good_store(tmp_path: Path) -> None:
    path = tmp_path / "scan.db"
    with Store.create(path) as store:
        store.add("native", [sighting()])
        store.keep()
    with Store.create(path) as store:
        store.add("native", [sighting(id="arn:other")])
    assert [file.name for file in tmp_path.iterdir()] == ["scan.db"]
    with Store.open(path) as kept:
        assert [group[0][1].id for group in kept.resources()] == [ARN]


def test_the_ledger_comes_back_in_one_order_whatever_the_order_of_the_workers(tmp_path: Path) -> None:
    cells = [
        cell(type="aws_sns_topic", outcome="failed", error="access denied"),
        cell(count=3, age=60),
        cell(region="ap-east-1"),
    ]
    ledgers = []
    for order in (cells, cells[::-1]):
        with Store.create(tmp_path / "scan.db") as store:
            for one in order:
                store.cell(one)
            ledgers.append(store.cells())
    assert ledgers[0] == ledgers[1] == (cells[2], cells[0], cells[1])


def test_claims_are_found_by_any_key_and_never_kept_in_the_file(tmp_path: Path) -> None:
    one, other = Manager(tool="terraform", name="a.b", where="live"), Manager(tool="terraform", name="c.d", where="old")
    with Store.create(tmp_path / "scan.db") as store:
        store.keep()
    with Store.open(tmp_path / "scan.db") as store:
        assert store.claimed((ARN,)) == ()
        store.claims([(ARN, one), ("sqs:queue/orders", other), (ARN, one)])
        assert store.claimed((ARN, "sqs:queue/orders")) == (one, other)
        assert store.claimed(("arn:else",)) == ()
    with sqlite3.connect(tmp_path / "scan.db") as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "claim" not in names


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"no database", "is not a store of costguard scan"),
        (b"", "is not a store of costguard scan"),
    ],
)
def test_a_file_that_is_no_store_is_said_to_be_none(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "scan.db"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=says):
        Store.open(path)
    with pytest.raises(InputError, match="there is no store"):
        Store.open(tmp_path / "absent.db")


def test_a_store_that_cannot_be_written_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scan\.db can't be written: .*--store FILE"):
        Store.create(tmp_path / "no folder" / "scan.db")


def test_two_runs_do_not_write_one_store_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "scan.db"
    with Store.create(path) as first:
        first.add("native", [sighting()])
        with pytest.raises(InputError, match="another run is writing the store"):
            Store.create(path)
        first.keep()
    with Store.create(path) as second:
        second.keep()


def test_what_a_killed_run_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".scan.db.partial").write_bytes(b"half of a database")
    with Store.create(tmp_path / "scan.db") as store:
        store.add("native", [sighting()])
        store.keep()
    assert [file.name for file in tmp_path.iterdir()] == ["scan.db"]


def test_only_its_user_may_read_a_store(tmp_path: Path) -> None:
    with Store.create(tmp_path / "scan.db") as store:
        store.keep()
    assert (tmp_path / "scan.db").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by Linux's means")
def test_a_disk_that_is_full_is_said_in_a_sentence(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
from costguard.clouds.sighting import Sighting
from costguard.clouds.store import Store
from costguard.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
page = [Sighting(id=f"arn:{n}" + "x" * 500, type="t", account="1", region="r", tags={}) for n in range(500)]
try:
    with Store.create(Path(sys.argv[1])) as store:
        for _ in range(400):
            store.add("native", page)
        store.keep()
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "scan.db"], capture_output=True, text=True)
    assert re.search(r"the store .*scan\.db can't be written: .*--store FILE", done.stdout), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cell_s_words_may_be_anything(tmp_path: Path) -> None:
    with Store.create(tmp_path / "scan.db") as store:
        store.cell(cell(error="\ud800"))
        assert [one.error for one in store.cells()] == ["\\ud800"]
