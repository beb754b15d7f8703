"""The grouping query, and the types of its columns, in the words of other engines.

SQLGlot translates, and knows no column's type. So what depends on one is said here, an expression for each dialect:
text of JSON, a time out of a text, the month of a time, an exact amount. Where a dialect has no word of its own,
SQLGlot's is right.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from costguard.errors import InputError, UsageError

if TYPE_CHECKING:
    from sqlglot import exp

Dialect = Literal["spark", "trino", "athena", "bigquery"]

_PRESTO = {
    # A map becomes an object, and so does a row (Trino, "JSON functions", cast to JSON).
    "json": "JSON_FORMAT(CAST({} AS JSON))",
    # A cast reads no T and no Z; what ISO 8601 has neither, a cast reads.
    "time": "COALESCE(TRY(FROM_ISO8601_TIMESTAMP({0})), TRY_CAST({0} AS TIMESTAMP WITH TIME ZONE))",
    "day": "TRY(CAST(DATE_PARSE({}, {}) AS TIMESTAMP WITH TIME ZONE))",
    # A time keeps the zone that it was written in, and a month would be that zone's.
    "period": "DATE_FORMAT({} AT TIME ZONE 'UTC', {})",
}
_WORDS: Mapping[Dialect, Mapping[str, str]] = {
    "spark": {"json": "TO_JSON({})", "day": "TRY_TO_TIMESTAMP({}, 'M/d/yyyy')"},
    "trino": _PRESTO,
    "athena": _PRESTO,
    "bigquery": {
        "json": "TO_JSON_STRING({})",
        "time": "SAFE_CAST({} AS TIMESTAMP)",
        "day": "SAFE.PARSE_TIMESTAMP({1}, {0})",
        "period": "FORMAT_TIMESTAMP({1}, {0})",
        # A cast takes no number of decimals, and would keep all 38.
        "amount": "ROUND({}({} AS BIGNUMERIC), {})",
    },
}


def translated(query: str, dialect: Dialect) -> str:
    """A query in DuckDB's SQL in that of another engine. Raises :class:`UsageError` where SQLGlot isn't installed, and
    :class:`InputError` where the engine has no words for it."""
    _needed()
    from sqlglot import ErrorLevel, parse_one

    tree = parse_one(query, read="duckdb").transform(_changed(dialect))
    return tree.sql(dialect=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)


def kind(text: str, dialect: Dialect) -> str:
    """A type in DuckDB's words; one that nobody knows is as it is."""
    _needed()
    from sqlglot import ParseError, exp
    from sqlglot.errors import TokenError

    try:
        said = exp.DataType.build(text, dialect=dialect).sql(dialect="duckdb")
    except (ParseError, TokenError, ValueError):
        return text.upper()
    return re.sub(r"\bTEXT\b(\([0-9]+\))?", "VARCHAR", said)


def _needed() -> None:
    try:
        import sqlglot  # noqa: F401 - it is used by those who ask.
    except ImportError as error:
        raise UsageError(
            "other engines than DuckDB need sqlglot, which isn't installed: pip install 'costguard-tags[spend]'"
        ) from error


def _changed(dialect: Dialect) -> "Callable[[exp.Expr], exp.Expr]":
    """What replaces an expression of the query by the dialect's own. The query's words for it are those of
    :mod:`costguard.billing` and of :mod:`costguard.spend.query`."""
    from sqlglot import exp, parse_one

    words = _WORDS[dialect]

    def said(word: str, *parts: object) -> exp.Expr:
        texts = (part.transform(change).sql(dialect=dialect) if isinstance(part, exp.Expr) else part for part in parts)
        return parse_one(words[word].format(*texts), read=dialect)

    def change(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Cast):
            inner, to = node.this, node.to
            if to.is_type("text") and inner.sql("duckdb").startswith("TO_JSON("):
                return said("json", *inner.expressions or [inner.this])
            if to.is_type("timestamptz") and isinstance(inner, exp.Cast) and inner.to.is_type("text"):
                return said("time", inner.this) if "time" in words else node
            if to.is_type("timestamptz") and (parsed := _parsed(inner)) is not None and "day" in words:
                return said("day", *parsed)
            if to.is_type("decimal") and "amount" in words:
                how = "SAFE_CAST" if isinstance(node, exp.TryCast) else "CAST"
                return said("amount", how, inner, to.expressions[1].this)
        if isinstance(node, exp.Unnest) and dialect != "bigquery":
            raise InputError(f"lists of credits, as Google's export has them, can't be summed by {dialect} here")
        if isinstance(node, exp.TimeToStr) and "period" in words:
            return said("period", node.this, exp.Literal.string(node.text("format")))
        return node

    return change


def _parsed(node: "exp.Expr") -> "tuple[exp.Expr, exp.Expr] | None":
    """The text and the form of ``TRY_STRPTIME(text, form)``."""
    call = node.sql("duckdb")
    if not call.startswith("TRY_STRPTIME("):
        return None
    first, second = node.expressions or (node.this, node.args["format"])
    return first, second
