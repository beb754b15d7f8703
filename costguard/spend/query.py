"""The one query that every engine runs: the charges of an export, summed by tag set and dimensions.

It is written in DuckDB's SQL and has no logic about tags: JSON in SQL costs three times as much as this whole query,
and the policy is judged elsewhere. Other engines get it through SQLGlot (:mod:`costguard.spend.dialects`).
"""

from collections.abc import Mapping

from costguard.billing import COLUMNS, Charges

DIMENSIONS = ("provider", "account", "region", "service", "currency", "month", "class", "resource", "tags", "inherited")
"""What a group has, all text. ``month`` is ``2026-10``, null where no charge says when it was; ``class`` is null where
the bill's own word for it isn't known. Of days there are none: they would be as many groups as charges, and
:mod:`costguard.spend.slo` counts them in another way."""

SUMS = ("cost", "charges", "unread")
"""And what they come to: the sum of the costs, how many charges there are, and how many of them have no cost that can
be read."""


def grouping(charges: Charges, relation: str, *, embedded: bool = False) -> str:
    """The query over ``relation``, which is whatever may stand after FROM. ``embedded``: it gives the same in DuckDB
    alone, which takes times apart eight times faster where no time zone is in question, and groups faster by them than
    by their text."""
    rows = _rows(charges.select, charges.where, relation)
    if charges.besides is not None:
        besides = _rows(charges.besides, charges.where, relation)
        rows += f"\n  UNION ALL SELECT * FROM ({besides}) AS besides WHERE cost <> 0"
    if embedded:
        period = "DATE_TRUNC('month', MAKE_TIMESTAMP(EPOCH_US(start))) AS month"
        text = {"month": "STRFTIME(dated.month, '%Y-%m') AS month"}
        keys = ", ".join(f"dated.{name}" for name in DIMENSIONS)
        shown = ", ".join(text.get(name, f"dated.{name}") for name in DIMENSIONS)
    else:
        period = "STRFTIME(start, '%Y-%m') AS month"
        shown = keys = ", ".join(DIMENSIONS)
    plain = ", ".join(name for name in DIMENSIONS if name != "month")
    return (
        f"SELECT {shown}, SUM(cost) AS cost, COUNT(*) AS charges, COUNT(*) - COUNT(cost) AS unread\n"
        f"FROM (SELECT {plain}, {period}, cost\n"
        f"FROM ({rows}) AS charges) AS dated\n"
        f"GROUP BY {keys}"
    )


def _rows(select: Mapping[str, str], where: str, relation: str) -> str:
    parts = ",\n  ".join(f"{select[name]} AS {name}" for name in COLUMNS)
    return f"SELECT\n  {parts}\n  FROM {relation}" + (f"\n  WHERE {where}" if where else "")
