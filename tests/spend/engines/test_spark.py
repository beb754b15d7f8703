"""Spark and DuckDB give the same groups of the same bill, to the last digit. With a real Spark, in this process.

``COSTGUARD_ROWS=1000000`` makes the bill as large.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from costguard.billing import Columns, formats
from costguard.cli.main import outcome
from costguard.errors import InputError
from costguard.model.cost import Basis
from costguard.spend.engines import Engine, opened
from costguard.spend.ledger import Ledger
from costguard.spend.query import grouping
from tests.conftest import absent
from tests.spend.bills import MAP, TEXT, write

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
ROWS = int(os.environ.get("COSTGUARD_ROWS", "20000"))


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    if find_spec("pyspark") is None or shutil.which("java") is None:
        absent("spark", "PySpark or a Java runtime isn't installed")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    engine = opened("spark", {"master": "local[2]"})
    yield engine
    engine.stop()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charges with tags as text and as a map."""
    folder = tmp_path_factory.mktemp("bills")
    write(folder / "bill.parquet", ROWS, Tags=TEXT, Mapped=MAP)
    return folder


def _read(text: str | None) -> Any:
    """A tag set without its order of keys, which engines write as they like."""
    return None if text is None else tuple(sorted((key, value) for key, value in json.loads(text).items()))


def _sums(ledger: Ledger) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    cost: Counter[Any] = Counter()
    count: Counter[Any] = Counter()
    unread: Counter[Any] = Counter()
    for *names, tags, amount, charges, without in ledger.rows(
        "SELECT provider, account, region, service, currency, month, class, resource, inherited, tags, cost, charges, "
        "unread FROM groups"
    ):
        key = (*names, _read(tags))
        cost[key] += amount
        count[key] += charges
        unread[key] += without
    return cost, count, unread


@pytest.mark.parametrize("tags", ["Tags", "Mapped"])
@pytest.mark.parametrize("basis", ["BilledCost", "EffectiveCost"])
def test_spark_gives_what_duckdb_gives(spark: Engine, bills: Path, tmp_path: Path, basis: Basis, tags: str) -> None:
    other = {"Tags", "Mapped"} - {tags}
    files = f"read_parquet('{bills}/*.parquet')"
    with Ledger(tmp_path / "duckdb") as ours, Ledger(tmp_path / "spark") as theirs:
        shown = {row[0]: row[1] for row in ours.rows(f"DESCRIBE SELECT * FROM {files}") if row[0] not in other}
        named = {("Tags" if name == "Mapped" else name): kind for name, kind in shown.items()}
        ours.open()
        select = ", ".join(f'"{name}"' for name in shown if name != tags)
        relation = f'(SELECT {select}, "{tags}" AS "Tags" FROM {files})'
        ours.take(0, grouping(formats()["focus"].charges(Columns(named), basis), relation))
        theirs.open()
        assert set(shown) <= set(spark.columns(str(bills)).types)
        table = spark.relation(str(bills))
        inner = f'(SELECT {select}, "{tags}" AS "Tags" FROM {table})'
        query = grouping(formats()["focus"].charges(Columns(named), basis), f"{inner} AS chosen")
        theirs.take_batches(0, spark.groups(str(bills), query))
        assert _sums(theirs) == _sums(ours)
        ((total,),) = ours.rows("SELECT SUM(charges) FROM groups")
        assert total == ROWS


def test_what_spark_cannot_read_is_said(spark: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read by Spark"):
        spark.columns(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="can't be read by Spark"):
        spark.columns("no_such_table")


def test_the_command_line_gives_the_same_report_by_either_engine(
    spark: Engine, bills: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del spark  # Its session is the one that the command finds.
    said = {}
    for engine in ("duckdb", "spark"):
        command = ["spend", str(bills), "--engine", engine, "--format", "json", "--currency", "USD"]
        assert outcome(command) == 3, "a kind of charge that nobody knows is a gap"
        document = json.loads(capsys.readouterr().out)
        document.pop("gaps")  # A table isn't called what its files are.
        document.pop("diagnoses")
        said[engine] = document
    assert said["spark"] == said["duckdb"]
