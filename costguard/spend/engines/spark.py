"""Spark, through PySpark: a bill in Parquet files, or a table that the session knows.

The session is the one that there is, else one that Spark's own configuration makes; ``master`` names another. Amounts
stay decimal numbers all the way, and times are UTC.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from costguard.billing import Columns
from costguard.errors import InputError, UsageError
from costguard.spend.dialects import kind, translated

if TYPE_CHECKING:
    import pyarrow as pa

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")
_VIEW = "costguard_bill"
OPTIONS = ("master",)


class Spark:
    """The engine."""

    def __init__(self, session: Any) -> None:
        self._session = session
        session.conf.set("spark.sql.session.timeZone", "UTC")

    def columns(self, table: str) -> Columns:
        """See :class:`costguard.spend.engines.Engine`."""
        return Columns({name: kind(said, "spark") for name, said in self._table(table).dtypes}, embedded=False)

    def relation(self, table: str) -> str:
        """See :class:`costguard.spend.engines.Engine`."""
        return _VIEW

    def groups(self, table: str, query: str) -> "Iterator[pa.RecordBatch]":
        """See :class:`costguard.spend.engines.Engine`."""
        from pyspark.errors import PySparkException

        self._table(table).createOrReplaceTempView(_VIEW)
        try:
            found = self._session.sql(translated(query, "spark")).toArrow()
        except PySparkException as error:
            raise InputError(f"Spark refused the query over {table}: {_first(error)}") from error
        yield from found.to_batches()

    def stop(self) -> None:
        """Ends the session."""
        self._session.stop()

    def _table(self, table: str) -> Any:
        from pyspark.errors import PySparkException

        try:
            if _TABLE.fullmatch(table):
                return self._session.table(table)
            return self._session.read.parquet(table)
        except PySparkException as error:
            raise InputError(f"{table} can't be read by Spark: {_first(error)}") from error


def connect(master: str | None = None) -> Spark:
    """The engine. Raises :class:`UsageError` where PySpark isn't installed."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError(
            "--engine spark needs pyspark, which isn't installed: pip install 'costguard-tags[spark]'"
        ) from error
    builder = SparkSession.builder.appName("costguard")
    if master is not None:
        builder = builder.master(master)
    return Spark(builder.getOrCreate())


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
