"""Where the grouping query is run. An engine is one file here with a class that satisfies :class:`Engine`, and one line
here; what it needs is imported when it is opened.

DuckDB, which comes with costguard, reads files. The others hold the bill in a table of their own, and are given its
name where files would be named.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from costguard.billing import Columns

if TYPE_CHECKING:
    import pyarrow as pa

EngineName = Literal["duckdb", "spark", "athena", "bigquery", "trino"]


class Engine(Protocol):
    """Runs queries over tables that bills lie in."""

    def columns(self, table: str) -> Columns:
        """The table's columns, their types in DuckDB's words. Raises :class:`costguard.errors.InputError` where there
        is no such table, or it can't be read."""
        ...

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """What the grouping query over the table gives: the columns of :data:`costguard.spend.query.DIMENSIONS` (and
        ``day``) as text, those of :data:`costguard.spend.query.SUMS` as DECIMAL(38,18) and as integers. ``query`` is in
        DuckDB's SQL and names the table as :meth:`relation` does. Raises :class:`costguard.errors.InputError` where the
        engine refuses it."""
        ...

    def relation(self, table: str) -> str:
        """What stands after FROM in the query."""
        ...


_MODULES: Mapping[EngineName, str] = {"spark": "spark"}


def opened(name: EngineName, **settings: Any) -> Engine:
    """An engine by its name. Raises :class:`costguard.errors.UsageError` where what it needs isn't installed."""
    engine: Engine = import_module(f"costguard.spend.engines.{_MODULES[name]}").connect(**settings)
    return engine
