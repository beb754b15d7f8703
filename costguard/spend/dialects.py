"""The grouping query in the words of other engines: SQLGlot translates it, and one expression is each dialect's own.

SQLGlot passes a map that becomes JSON through unchanged, and none of the others calls that TO_JSON, or means a text by
it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from costguard.errors import UsageError

if TYPE_CHECKING:
    from sqlglot import exp

Dialect = Literal["spark", "trino", "athena", "bigquery"]

_AS_JSON: Mapping[Dialect, str] = {
    "spark": "TO_JSON({})",
    "trino": "JSON_FORMAT(CAST({} AS JSON))",
    "athena": "JSON_FORMAT(CAST({} AS JSON))",
    "bigquery": "TO_JSON_STRING({})",
}
"""A map, or what takes its place, as the text of a JSON object."""


def translated(query: str, dialect: Dialect) -> str:
    """A query in DuckDB's SQL in that of another engine. Raises :class:`UsageError` where SQLGlot isn't installed."""
    try:
        import sqlglot
    except ImportError as error:
        raise UsageError(
            "other engines than DuckDB need sqlglot, which isn't installed: pip install 'costguard-tags[spend]'"
        ) from error
    tree = sqlglot.parse_one(query, read="duckdb")
    return tree.transform(_as_json(dialect)).sql(dialect=dialect, pretty=True)


def _as_json(dialect: Dialect) -> "Callable[[exp.Expr], exp.Expr]":
    from sqlglot import exp, parse_one

    def change(node: exp.Expr) -> exp.Expr:
        """``CAST(TO_JSON(x) AS VARCHAR)`` is how the query says it."""
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.JSONFormat):
            of = node.this.this.sql(dialect=dialect)
            return parse_one(_AS_JSON[dialect].format(of), read=dialect)
        return node

    return change
