"""Where the grouping query is run. An engine is one file here with a class that satisfies :class:`Engine`, a function
``connect`` that opens it, the names of ``OPTIONS`` that this takes, and one line here; what it needs is imported when
it is opened.

DuckDB, which comes with costguard, reads files. The others hold the bill in a table of their own, and are given its
name where files would be named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol

from costguard.billing import DECIMALS, Columns
from costguard.errors import UsageError
from costguard.spend.query import DIMENSIONS, SUMS

if TYPE_CHECKING:
    import pyarrow as pa

EngineName = Literal["duckdb", "spark", "athena", "bigquery", "trino"]

_BATCH = 50_000


class Engine(Protocol):
    """Runs queries over tables that bills lie in."""

    def columns(self, table: str) -> Columns:
        """The table's columns, their types in DuckDB's words. Raises :class:`costguard.errors.InputError` where there
        is no such table, or it can't be read."""
        ...

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """What the grouping query over the table gives: the columns of :data:`costguard.spend.query.DIMENSIONS`
        as text, those of :data:`costguard.spend.query.SUMS` as DECIMAL(38,18) and as integers. ``query`` is in
        DuckDB's SQL and names the table as :meth:`relation` does. Raises :class:`costguard.errors.InputError` where the
        engine refuses it."""
        ...

    def relation(self, table: str) -> str:
        """What stands after FROM in the query."""
        ...


_MODULES: Mapping[EngineName, str] = {"spark": "spark", "athena": "athena", "bigquery": "bigquery", "trino": "trino"}


def opened(name: EngineName, settings: Mapping[str, str]) -> Engine:
    """An engine by its name, with its options. Raises :class:`UsageError` where what it needs isn't installed, or one
    of the options is none of its own."""
    module = import_module(f"costguard.spend.engines.{_MODULES[name]}")
    options: Sequence[str] = module.OPTIONS
    for option in settings:
        if option not in options:
            raise UsageError(f"--engine-option {option}: {name} takes {', '.join(options)}, as in NAME=VALUE")
    engine: Engine = module.connect(**settings)
    return engine


def batches(rows: Iterable[Sequence[Any]]) -> "Iterator[pa.RecordBatch]":
    """Rows of the grouping query, in its order of columns, as batches."""
    import pyarrow as pa

    kinds = [pa.string()] * len(DIMENSIONS) + [pa.decimal128(38, DECIMALS), pa.int64(), pa.int64()]
    schema = pa.schema(list(zip((*DIMENSIONS, *SUMS), kinds, strict=True)))
    left = iter(rows)
    while some := list(islice(left, _BATCH)):
        columns = [pa.array(column, kind) for column, kind in zip(zip(*some, strict=True), kinds, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
