"""Bills as they lie there: split, packed, partitioned, broken off, hostile. What can't be read is a gap with its place,
and the rest is counted."""

import csv
import gzip
import os
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.billing.tables import table
from costguard.errors import InputError
from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.spend.build import COLUMNS, GOOD, bill, charge, policy

TODAY = date(2026, 11, 23)


def reported(tmp_path: Path, *paths: str | Path) -> SpendReport:
    asked = Asked(paths=tuple((str(path), None) for path in paths), cache=tmp_path / "cache")
    return report(asked, policy(tmp_path / "policy"), TODAY)


def written(folder: Path, name: str = "bill.csv") -> bytes:
    """A bill of three charges, 1 + 2 + 4."""
    charges = [charge("1", GOOD), charge("2", GOOD), charge("4", GOOD)]
    return bill(folder / name, charges).read_bytes()


# ------------------------------------------------------------------ where they lie


def test_files_folders_globs_and_packed_files_are_one_bill(tmp_path: Path) -> None:
    raw = written(tmp_path / "plain")
    folder = tmp_path / "bills" / "BILLING_PERIOD=2026-10"
    folder.mkdir(parents=True)
    (folder / "part-1.csv.gz").write_bytes(gzip.compress(raw))
    bill(folder / "part-2.csv", [charge("8", GOOD)])
    (folder / "manifest.txt").write_text("no bill")
    for paths in (
        [tmp_path / "bills"],
        [f"{tmp_path}/bills/**/*.csv*"],
        [folder / "part-1.csv.gz", folder / "part-2.csv"],
        [tmp_path / "bills", folder / "part-2.csv"],
    ):
        done = reported(tmp_path, *paths)
        assert (done.total, done.rows, done.complete) == ("15", 4, True)


def test_a_path_that_names_nothing_is_a_slip(tmp_path: Path) -> None:
    for path in ("nothing.csv", "none/*.csv", "s3x.csv"):
        with pytest.raises(InputError, match="there is no bill there"):
            reported(tmp_path, tmp_path / path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        reported(tmp_path, tmp_path / "pipe.csv")


def test_parquet_is_read_as_it_is(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    amounts = [Decimal("0.1"), Decimal("1234.000000000001")]
    columns = {
        "EffectiveCost": pa.array([0.1, 1234.5], pa.float64()),
        "BilledCost": pa.array(amounts, pa.decimal128(28, 12)),
        "ChargeCategory": ["Usage", "Usage"],
        "ResourceId": ["i-1", "i-2"],
        "SubAccountId": ["000000000001", "000000000002"],
        "ProviderName": ["AWS", "AWS"],
        "BillingCurrency": ["USD", "USD"],
        "ChargePeriodStart": pa.array([0, 0], pa.timestamp("us", "UTC")),
        "Tags": pa.array([[("owner", "shop"), ("environment", "dev")], None], pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), tmp_path / "bill.parquet")
    done = reported(tmp_path, tmp_path / "bill.parquet")
    assert (done.total, done.taggable["compliant"], done.taggable["missing"]) == ("1234.6", "0.1", "1234.5")
    billed = report(
        Asked(paths=((str(tmp_path / "bill.parquet"), None),), basis="BilledCost"), policy(tmp_path / "policy"), TODAY
    )
    assert billed.total == "1234.100000000001"


def test_the_same_content_twice_is_remarked_on(tmp_path: Path) -> None:
    raw = written(tmp_path, "a.csv")
    (tmp_path / "b.csv").write_bytes(raw)
    done = reported(tmp_path, tmp_path / "a.csv", tmp_path / "b.csv")
    assert done.total == "14"
    assert any("the same content" in one.message for one in done.diagnoses)


# ------------------------------------------------------------------ broken and hostile

_HUGE = '{"owner": "' + "x" * 1_200_000 + '"}'
HEAD = (",".join(COLUMNS)).encode()


def _line(cost: str, tags: str = "", resource: str = "i-9") -> bytes:
    row = charge(cost, tags, resource)
    return (",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in COLUMNS) + "\r\n").encode()


BROKEN: Mapping[str, tuple[Callable[[bytes], bytes], str, str]] = {
    # what is done to a bill of 1 + 2 + 4 → its total, and what is said with the place
    "a row with a column too many": (lambda raw: raw + _line("8").rstrip() + b",x\r\n", "7", ":5: it has 14 of 13"),
    "a row that was broken off": (lambda raw: raw + b'8,8,"USD"', "7", ":5: it has 3 of 13 columns"),
    "a quote that never ends": (
        lambda raw: raw + b'8,8,"USD\r\n' + _line("16").replace(b'"', b""),
        "7",
        ":5: it has 3 of 13 columns, over 2 lines",
    ),
    "a cost that is none": (lambda raw: raw + _line("much"), "7", "1 charges have no EffectiveCost"),
    "bytes that are no text": (
        lambda raw: raw + _line("8", '{"owner": "sh\\u00f6p"}').replace(b"\\u00f6", b"\xff"),
        "15",
        "1 lines hold bytes that are no text",
    ),
    "a huge cell": (lambda raw: raw + _line("8", _HUGE), "15", ":5: a cell has more than 1,000,000 characters"),
}


@pytest.mark.parametrize(("broken", "total", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_a_gap_with_its_place(
    tmp_path: Path, broken: Callable[[bytes], bytes], total: str, said: str
) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(broken(written(tmp_path)))
    done = reported(tmp_path, path)
    assert (done.total, done.complete) == (total, False)
    assert any(said in f"{gap.where}: {gap.why}" for gap in done.gaps), done.gaps


SOUND: Mapping[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "lines with LF": lambda raw: raw.replace(b"\r\n", b"\n"),
    "empty lines": lambda raw: raw.replace(b"\r\n", b"\r\n\r\n"),
    "NUL in a cell": lambda raw: raw.replace(b"Amazon EC2", b"Amazon\x00EC2"),
    "names in another case": lambda raw: raw.replace(HEAD, HEAD.upper()),
}


@pytest.mark.parametrize("other", SOUND.values(), ids=SOUND)
def test_what_only_looks_odd_is_read(tmp_path: Path, other: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(other(written(tmp_path)))
    done = reported(tmp_path, path)
    assert (done.total, done.rows, done.complete) == ("7", 3, True)


def test_rows_without_their_last_columns_are_read_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(written(tmp_path) + b"8,8,USD,Usage\r\n")
    done = reported(tmp_path, path)
    assert (done.total, done.complete) == ("15", True)
    assert any("1 rows of" in one.message for one in done.diagnoses)


def test_a_file_that_ends_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    rows = [charge("1", GOOD, f"i-{number}-{os.urandom(40).hex()}") for number in range(4000)]
    whole = gzip.compress(bill(tmp_path / "bill.csv", rows).read_bytes())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    done = reported(tmp_path, path)
    assert not done.complete
    assert 0 < done.rows < 4000
    assert Decimal(done.total) == done.rows
    assert any("from here on it can't be read" in gap.why for gap in done.gaps)


EMPTY: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is empty"),
    "no bill": (b"a,b\r\n1,2\r\n", "no bill that costguard knows"),
    "broken gzip": (b"\x1f\x8bno", "it can't be"),
}


@pytest.mark.parametrize(("raw", "said"), EMPTY.values(), ids=EMPTY)
def test_one_bad_file_among_good_ones_is_a_gap(tmp_path: Path, raw: bytes, said: str) -> None:
    written(tmp_path, "good.csv")
    name = "bad.csv.gz" if raw.startswith(b"\x1f") else "bad.csv"
    (tmp_path / name).write_bytes(raw)
    done = reported(tmp_path, tmp_path / "good.csv", tmp_path / name)
    assert (done.total, done.complete) == ("7", False)
    assert [said in gap.why for gap in done.gaps] == [True]
    with pytest.raises(InputError, match=said):
        reported(tmp_path, tmp_path / name)


def test_a_column_that_is_there_twice_is_said_and_the_first_counts(tmp_path: Path) -> None:
    columns = ["EffectiveCost", "ChargeCategory", "effectivecost"]
    with (tmp_path / "bill.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, ["1", "Usage", "100"]])
    done = reported(tmp_path, tmp_path / "bill.csv")
    assert (done.total, done.complete) == ("1", False)
    assert "effectivecost is there twice" in done.gaps[0].why


def test_names_of_files_are_no_sql(tmp_path: Path) -> None:
    path = tmp_path / "it's [a] 'bill'; --.csv"
    path.write_bytes(written(tmp_path, "b.csv"))
    assert reported(tmp_path, path).total == "7"


# ------------------------------------------------------------------ the cache


def test_a_converted_file_is_made_once_and_again_where_it_was_spoilt(tmp_path: Path) -> None:
    written(tmp_path)
    cache = tmp_path / "cache"
    first = table(tmp_path / "bill.csv", cache)
    made = Path(first.path).stat().st_mtime_ns
    assert table(tmp_path / "bill.csv", cache) == first
    Path(first.path).write_bytes(b"PAR1 spoilt")
    again = table(tmp_path / "bill.csv", cache)
    assert again == first
    assert Path(again.path).stat().st_size > 100
    assert made
    assert not list(cache.glob("*.part"))


_CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(_CELLS, min_size=3, max_size=3), max_size=5))
def test_no_cell_loses_a_character(tmp_path: Path, rows: list[list[str]]) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "cells.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([["Cost", "b", "c"], *rows])
    made = table(path, tmp_path / "cache")
    found = pq.read_table(made.path).to_pylist()
    # What stands between quotes is taken as it is, line ends among it.
    assert [[row["Cost"], row["b"], row["c"]] for row in found] == rows


def test_a_cell_of_a_hundred_megabytes_costs_its_own_charge_its_tags_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "bill.csv"
    with file.open("w") as out:
        out.write("ChargeCategory,EffectiveCost,BillingCurrency,ResourceId,Tags\n")
        out.write('Usage,1.5,USD,i-1,"{""owner"": ""' + "x" * 100_000_000 + '""}"\n')
        out.write("Usage,2.5,USD,i-2,{}\n")
    asked = Asked(paths=((str(file), None),), cache=tmp_path / "cache")
    done = report(asked, policy(tmp_path), date(2026, 11, 23))
    assert (done.total, done.taggable["unknown"], done.taggable["missing"]) == ("4", "1.5", "2.5")
    assert not done.complete
    assert f"{file}:2" in [gap.where for gap in done.gaps]


def test_all_paths_that_name_nothing_are_said_at_once(tmp_path: Path) -> None:
    here = tmp_path / "bill.csv"
    here.write_text("ChargeCategory,BilledCost\nUsage,1\n", encoding="utf-8")
    paths = (str(tmp_path / "one"), str(here), str(tmp_path / "two" / "*.csv"))
    with pytest.raises(InputError) as caught:
        reported(tmp_path, *paths)
    assert str(caught.value) == f"{paths[0]}: there is no bill there\n{paths[2]}: there is no bill there"
