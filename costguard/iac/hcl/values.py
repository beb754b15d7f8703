"""The values of HCL, with what isn't known as values of their own.

========================  ============================================================================
HCL                       here
========================  ============================================================================
null                      ``None``
bool, string              ``bool``, ``str``
number                    ``int`` where it is whole, else ``Decimal`` (:data:`NUMBERS` has the precision)
list, tuple               ``tuple``
set                       :class:`Set`
map, object               ``dict`` with ``str`` keys, or :class:`PartialMap`
not known                 :class:`Unknown`
sensitive                 :class:`Marked` around any of these, also inside a collection
========================  ============================================================================

An expression for which Terraform would stop with an error raises :class:`EvaluationError`; what costguard can't do
itself is an :class:`Unknown` instead, because ``try`` and ``can`` turn on the difference.
"""

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Any, TypeAlias

import msgspec

NUMBERS = Context(prec=154)
"""Terraform computes with 512-bit floats: 154 decimal digits."""


class EvaluationError(Exception):
    """Terraform would stop here, and this is why."""


class Unknown(msgspec.Struct, frozen=True):
    """A value that the source doesn't show, and why (half a sentence: "known only after apply").

    ``nullable``: there is cause to think that it is null in some case (one branch of an undecided condition is).
    """

    reason: str
    nullable: bool = False


class Set(msgspec.Struct, frozen=True):
    """A set; ``items`` have no duplicates and stand in Terraform's order (texts by their bytes)."""

    items: "tuple[Value, ...]"


class PartialMap(msgspec.Struct, frozen=True):
    """A map of which not everything is known.

    ``entries`` are there for certain (a value may be :class:`Unknown`). ``maybe`` are keys that may be there or not,
    each with the reason, and are not in ``entries``; one that ends in ``*`` stands for every key that begins so.
    ``open`` says why any other key may be there too, empty where none can.
    """

    entries: "dict[str, Value]"
    maybe: dict[str, str] = {}
    open: str = ""


class Marked(msgspec.Struct, frozen=True):
    """A sensitive value: known, used, and never printed. It never wraps another mark."""

    value: "Value"


Value: TypeAlias = (
    "bool | int | Decimal | str | tuple[Value, ...] | dict[str, Value] | Set | PartialMap | Unknown | Marked | None"
)


def partial(entries: "dict[str, Value]", maybe: dict[str, str], open_: str) -> "dict[str, Value] | PartialMap":
    """A map that is partial only where something is in doubt."""
    if open_:
        return PartialMap(entries, maybe, open_)
    maybe = {key: reason for key, reason in maybe.items() if key not in entries}
    return PartialMap(entries, maybe) if maybe else entries


def from_data(data: Any) -> Value:
    """What JSON or YAML holds, as a value; what they have beyond HCL (a date of YAML) is the text of it."""
    match data:
        case dict():
            return {str(key): from_data(value) for key, value in data.items()}
        case list():
            return tuple(map(from_data, data))
        case float():
            return int(data) if data.is_integer() else Decimal(repr(data))
        case None | bool() | int() | str():
            return data
    return str(data)


def doubt(map_: PartialMap, key: str) -> str:
    """Why a key that isn't among the entries may be there all the same; empty where it certainly isn't."""
    if map_.open or key in map_.maybe:
        return map_.open or map_.maybe[key]
    for name, reason in map_.maybe.items():
        if name.endswith("*") and key.startswith(name[:-1]):
            return reason
    return ""


def unmark(value: Value) -> tuple[Value, bool]:
    """The value without a mark of its own (marks further inside stay), and whether it had one."""
    return (value.value, True) if isinstance(value, Marked) else (value, False)


def unmark_deep(value: Value) -> tuple[Value, bool]:
    """The value without any mark, and whether there was one anywhere in it."""
    match value:
        case Marked(inner):
            return unmark_deep(inner)[0], True
        case tuple():
            items = [unmark_deep(item) for item in value]
            return (tuple(item for item, _ in items), True) if any(marked for _, marked in items) else (value, False)
        case Set(items):
            inner, marked = unmark_deep(items)
            return (Set(inner), True) if marked and isinstance(inner, tuple) else (value, False)
        case dict():
            pairs = {key: unmark_deep(item) for key, item in value.items()}
            marked = any(one for _, one in pairs.values())
            return ({key: item for key, (item, _) in pairs.items()}, True) if marked else (value, False)
        case PartialMap(entries, maybe, open_):
            inner, marked = unmark_deep(entries)
            return (PartialMap(inner, maybe, open_), True) if marked and isinstance(inner, dict) else (value, False)
        case _:
            return value, False


def mark(value: Value, marked: bool = True) -> Value:
    """The value as sensitive, where it is."""
    return Marked(value) if marked and not isinstance(value, Marked) else value


def unknowns(value: Value) -> Iterator[Unknown]:
    """Every part of the value that isn't known."""
    match value:
        case Unknown():
            yield value
        case Marked(inner):
            yield from unknowns(inner)
        case tuple() | Set():
            for item in value.items if isinstance(value, Set) else value:
                yield from unknowns(item)
        case dict():
            for item in value.values():
                yield from unknowns(item)
        case PartialMap(entries, maybe, open_):
            yield from unknowns(entries)
            for reason in (*maybe.values(), *((open_,) if open_ else ())):
                yield Unknown(reason)


def is_known(value: Value) -> bool:
    """Whether every part of the value is known."""
    return next(unknowns(value), None) is None


def reason_of(values: Iterable[Value]) -> str:
    """Why something among the values isn't known; empty where all is."""
    for value in values:
        for unknown in unknowns(value):
            return unknown.reason
    return ""


def equal(left: Value, right: Value) -> bool:
    """Whether two known values are the same in Terraform: a number never equals a text, and true isn't 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return left == right
    if isinstance(left, Set) and isinstance(right, Set):
        return equal(left.items, right.items)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and left == right


def kind(value: Value) -> str:
    """What messages call the value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | Decimal():
            return "number"
        case str():
            return "string"
        case tuple():
            return "list"
        case Set():
            return "set"
        case dict() | PartialMap():
            return "map"
        case Marked(inner):
            return kind(inner)
        case Unknown():
            return "unknown"
