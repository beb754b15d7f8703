"""The embedded store: what goes in comes out, resource by resource, and a run that is cut short changes nothing."""

import sqlite3
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
