"""Bills as their providers export them, read as charges of one shape.

A format is one file here with a class that satisfies :class:`Format`, and one line in :data:`FORMATS`. It knows the
columns of its provider and what they mean, and says it in SQL: one expression for each of :data:`COLUMNS`. Nothing here
reads a row. Whoever runs the SQL is :mod:`costguard.spend.engines`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Literal, Protocol

import msgspec

from costguard.model.cost import Basis

FormatName = Literal["focus", "aws-cur", "gcp", "azure"]

COLUMNS = (
    "provider",
    "account",
    "region",
    "service",
    "currency",
    "start",
    "class",
    "resource",
    "tags",
    "inherited",
    "cost",
)
"""What a charge has.

``provider`` is aws, google, azure or what the bill calls it. ``account`` and ``resource`` are text, whatever they look
like. ``start`` is when the charge began, in UTC. ``class`` is one of :data:`costguard.model.cost.CLASSES`. ``tags`` is
text: a JSON object, with or without its braces, or a JSON list of objects with a key and a value each; null where there
are none. Where the Tags of Google's resource manager are known too, it is a JSON list of two such lists: the labels,
and the Tags with their namespace and whether they are inherited. ``inherited`` is text of tags that don't stand on the
resource and yet say whose its cost is: FOCUS 1.3's AllocatedTags, AWS's account tags, Google's project labels. They are
never judged. ``cost`` is an exact decimal number, null where it can't be read.
"""

DECIMALS = 18
"""How many decimals amounts have where none has more: exact, and summed exactly, up to 10^20. A text with more asks for
more, as Azure's do."""


def amount(decimals: int) -> str:
    """The type of amounts with so many decimals."""
    return f"DECIMAL(38,{decimals})"


class Columns:
    """The columns of an export, whatever letter case they are in. ``types`` are DuckDB's. ``loose``: all are text that
    may say in a word, or with nothing, that it is null, as in a CSV file. ``embedded``: DuckDB reads them, and what is
    faster there may be said as only DuckDB understands it. ``decimals`` is how many amounts get, and ``amounts`` are
    the columns that were read as such."""

    def __init__(self, types: Mapping[str, str], *, loose: bool = False, embedded: bool = True) -> None:
        self.types = dict(types)
        self.loose = loose
        self.embedded = embedded
        self.decimals = DECIMALS
        self.amounts: set[str] = set()
        self._named = {name.casefold(): name for name in types}

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._named

    def has(self, *names: str) -> bool:
        """Whether all of these are there."""
        return all(name in self for name in names)

    def first(self, *names: str) -> str | None:
        """The first of these that is there, as a quoted identifier."""
        found = next((self._named[name.casefold()] for name in names if name in self), None)
        return None if found is None else quoted(found)

    def starting(self, *prefixes: str) -> list[str]:
        """The names that begin so, in the file's order and spelling."""
        return [name for name in self.types if name.casefold().startswith(tuple(map(str.casefold, prefixes)))]

    def type(self, name: str) -> str:
        """The type of a column that is there."""
        return self.types[self._named[name.casefold()]]

    def text(self, *names: str) -> str:
        """The first of these that is there, as text; empty text is null."""
        column = self.first(*names)
        if column is None:
            return "CAST(NULL AS VARCHAR)"
        if self.loose:
            return f"NULLIF(NULLIF({column}, ''), 'NULL')"
        kind = next(self.type(name) for name in names if name in self)
        return f"NULLIF({column}, '')" if kind.upper() == "VARCHAR" else f"CAST({column} AS VARCHAR)"

    def either(self, *names: str) -> str:
        """The first of these that says something, row by row, as text."""
        there = [self.text(name) for name in names if name in self]
        return f"COALESCE({', '.join(there)})" if len(there) > 1 else self.text(*names)

    def money(self, *names: str) -> str:
        """The first of these that is there, as an amount; null where it is none. A binary fraction means the shortest
        decimal number that is read back as it, which is what it was before it was written to the file."""
        column = self.first(*names)
        if column is None:
            return f"CAST(NULL AS {amount(self.decimals)})"
        self.amounts.add(column)
        return self.exact(column, next(self.type(name) for name in names if name in self))

    def exact(self, expression: str, kind: str) -> str:
        """An amount of this type as an exact decimal number; null where it is none."""
        money = amount(self.decimals)
        if kind.upper() not in ("DOUBLE", "FLOAT"):
            return f"TRY_CAST({expression} AS {money})"
        shortest = f"TRY_CAST(CAST({expression} AS VARCHAR) AS {money})"
        if not self.embedded:
            return shortest
        # Below a thousand twelve decimals are at most fifteen digits, which name a double for themselves.
        short = f"TRY_CAST({expression} AS DECIMAL(38,12))"
        return (
            f"CASE WHEN ABS({expression}) < 1000 AND CAST({short} AS DOUBLE) = {expression} "
            f"THEN CAST({short} AS {money}) ELSE {shortest} END"
        )

    def time(self, *names: str) -> str:
        """The first of these that is there, as a time; without a zone it is UTC."""
        column = self.first(*names)
        if column is None:
            return "CAST(NULL AS TIMESTAMPTZ)"
        if not self.embedded and next(self.type(name) for name in names if name in self).upper() == "VARCHAR":
            column = f"CAST({column} AS VARCHAR)"  # For those whose casts don't read every way to write a time.
        return f"TRY_CAST({column} AS TIMESTAMPTZ)"

    def date(self, *names: str) -> str:
        """The same of a day that may be written as Americans do (9/21/2023)."""
        column = self.first(*names)
        if column is None or next(self.type(name) for name in names if name in self).upper() != "VARCHAR":
            return self.time(*names)
        american = f"CAST(TRY_STRPTIME({column}, '%m/%d/%Y') AS TIMESTAMPTZ)"
        return f"COALESCE({american}, {self.time(*names)})"

    def json(self, name: str) -> str:
        """A map, a struct, a list of keys with values or a text of JSON as text of JSON."""
        if self.type(name).upper().startswith(("MAP", "STRUCT", "JSON")):
            return as_json(self.first(name) or "")
        return self.text(name)


def as_json(expression: str) -> str:
    """What holds others as the text of a JSON value. In just these words: other engines have others for it."""
    return f"CAST(TO_JSON({expression}) AS VARCHAR)"


def quoted(name: str) -> str:
    """A name as an identifier of SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal of SQL, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows of one export read as charges.

    ``select`` has an expression for each of :data:`COLUMNS`; ``where`` leaves out rows that would count a cost twice.
    ``tagged`` is false where the export has no tags, ``identified`` where it has no resource ids. ``folded``: the
    export writes keys in lower case, with other characters replaced by ``_``. ``prefix``: keys of the resource's own
    tags begin so, and others are of something else. ``besides``: what a row has as a second charge beside the first,
    where that costs anything. ``remarks`` are worth a reader's time.
    """

    select: Mapping[str, str]
    besides: Mapping[str, str] | None = None
    where: str = ""
    tagged: bool = True
    identified: bool = True
    folded: bool = False
    prefix: str = ""
    remarks: tuple[str, ...] = ()


class Format(Protocol):
    """One provider's way of writing a bill."""

    @property
    def name(self) -> FormatName: ...

    def recognises(self, columns: Columns) -> bool:
        """Whether an export with these columns is of this format."""
        ...

    def charges(self, columns: Columns, basis: Basis) -> Charges:
        """How its rows read. ``recognises`` has been asked, or somebody has named the format; raises
        :class:`costguard.errors.InputError` where a column is missing without which nothing can be said."""
        ...


_MODULES: Mapping[FormatName, str] = {"focus": "focus", "aws-cur": "aws_cur", "gcp": "gcp", "azure": "azure"}
"""In the order in which they are asked."""


def formats() -> Mapping[FormatName, Format]:
    """All that there are."""
    return {name: import_module(f"costguard.billing.{module}").FORMAT for name, module in _MODULES.items()}


def recognised(columns: Columns) -> Format | None:
    """The format that an export with these columns is of."""
    return next((one for one in formats().values() if one.recognises(columns)), None)
