"""Terraform's type constraints, and its conversions from one type to another.

A value here doesn't say whether it is a list or a tuple, a map or an object. Where Terraform's result turns on that,
both are worked out, and what they don't agree on is unknown.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from costguard.iac.hcl import tree
from costguard.iac.hcl.numbers import TooLarge, normal, parse, text
from costguard.iac.hcl.values import (
    EvaluationError,
    Marked,
    PartialMap,
    Set,
    Unknown,
    Value,
    doubt,
    equal,
    is_known,
    kind,
    mark,
    partial,
    reason_of,
    unmark,
    unmark_deep,
)

_DEPTH = 200
"""Values nested deeper than this are not converted."""
_SPLIT_DEPTH = 6
"""Down to this depth both readings of a value (map and object) are worked out; each level doubles the work."""


class Primitive(msgspec.Struct, frozen=True):
    """``string``, ``number`` or ``bool``"""

    name: str


class Any(msgspec.Struct, frozen=True):
    """``any``, and whatever isn't understood: a value passes as it is."""


class List(msgspec.Struct, frozen=True):
    """``list(element)``"""

    element: "Type"


class SetOf(msgspec.Struct, frozen=True):
    """``set(element)``"""

    element: "Type"


class Map(msgspec.Struct, frozen=True):
    """``map(element)``"""

    element: "Type"


class Tuple(msgspec.Struct, frozen=True):
    """``tuple([a, b])``"""

    items: "tuple[Type, ...]"


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of an object type. ``default`` takes the place of an ``optional`` one that is missing or null."""

    type: "Type"
    optional: bool = False
    default: Value = None


class Object(msgspec.Struct, frozen=True):
    """``object({a = string, b = optional(string, "x")})``"""

    attributes: dict[str, Attribute]


Type: TypeAlias = Primitive | Any | List | SetOf | Map | Tuple | Object

STRING = Primitive("string")
NUMBER = Primitive("number")
BOOL = Primitive("bool")
ANY = Any()

_NAMES: dict[str, Type] = {
    "string": STRING,
    "number": NUMBER,
    "bool": BOOL,
    "any": ANY,
    "list": List(ANY),
    "set": SetOf(ANY),
    "map": Map(ANY),
}


def _constant(expression: tree.Expression) -> Value:
    return expression.value if isinstance(expression, tree.Literal) else Unknown("a default that isn't read")


def parse_type(expression: tree.Expression, evaluate: Callable[[tree.Expression], Value] = _constant) -> Type:
    """The type that the expression writes; what isn't understood is ``any``. ``evaluate`` gives a default's value.

    The old spelling in quotes is understood, and so is the whole expression in quotes that JSON has.
    """
    return _parse(expression, evaluate, _DEPTH)


def _parse(expression: tree.Expression, evaluate: Callable[[tree.Expression], Value], depth: int) -> Type:
    if depth <= 0:
        return ANY
    match expression:
        case tree.Parentheses(inner=inner):
            return _parse(inner, evaluate, depth - 1)
        case tree.Name(name=name) if name in _NAMES:
            return _NAMES[name]
        case tree.Literal(value=str(written)):
            if written in _NAMES:
                return _NAMES[written]
            return _parse_text(written, evaluate, depth - 1)
        case tree.Call(name="list" | "set" | "map" as name, arguments=(element,), expand=False):
            inner_type = _parse(element, evaluate, depth - 1)
            return List(inner_type) if name == "list" else SetOf(inner_type) if name == "set" else Map(inner_type)
        case tree.Call(name="tuple", arguments=(tree.Tuple(items=items),), expand=False):
            return Tuple(tuple(_parse(item, evaluate, depth - 1) for item in items))
        case tree.Call(name="object", arguments=(tree.Object(items=attributes),), expand=False):
            found = {}
            for item in attributes:
                key = _key(item.key)
                if key is None:
                    return ANY
                found[key] = _attribute(item.value, evaluate, depth - 1)
            return Object(found)
        case _:
            return ANY


def _key(key: tree.Expression) -> str | None:
    match key:
        case tree.Literal(value=str(name)) | tree.Name(name=name):
            return name
        case _:
            return None


def _attribute(expression: tree.Expression, evaluate: Callable[[tree.Expression], Value], depth: int) -> Attribute:
    match expression:
        case tree.Call(name="optional", arguments=(inner,)):
            return Attribute(_parse(inner, evaluate, depth), True)
        case tree.Call(name="optional", arguments=(inner, default)):
            type_ = _parse(inner, evaluate, depth)
            return Attribute(type_, True, convert(evaluate(default), type_))
        case _:
            return Attribute(_parse(expression, evaluate, depth))


def _parse_text(written: str, evaluate: Callable[[tree.Expression], Value], depth: int) -> Type:
    if "(" not in written:
        return ANY
    from costguard.iac.hcl import SyntaxProblem, parse_expression

    try:
        parsed = parse_expression(written)
    except SyntaxProblem:
        return ANY
    return ANY if isinstance(parsed, tree.Literal | tree.Opaque) else _parse(parsed, evaluate, depth)


def type_name(type_: Type) -> str:
    """The type as messages call it."""
    match type_:
        case Primitive(name):
            return name
        case Any():
            return "any"
        case List(element):
            return f"list of {type_name(element)}"
        case SetOf(element):
            return f"set of {type_name(element)}"
        case Map(element):
            return f"map of {type_name(element)}"
        case Tuple():
            return "tuple"
        case Object():
            return "object"


def convert(value: Value, type_: Type) -> Value:
    """The value as the type wants it. Raises EvaluationError where Terraform can't convert it.

    What isn't known stays so: a whole, an entry, and the keys of a map. An object always has every attribute of its
    type.
    """
    return _convert(value, type_, _DEPTH)


def _convert(value: Value, type_: Type, depth: int) -> Value:
    if value is None or isinstance(type_, Any) or isinstance(value, Unknown):
        return value
    if depth <= 0:
        return Unknown("a value that is nested too deeply")
    if isinstance(value, Marked):
        return mark(_convert(value.value, type_, depth - 1))
    match type_:
        case Primitive("string"):
            return to_text(value)
        case Primitive("number"):
            return to_number(value)
        case Primitive("bool"):
            return to_bool(value)
        case List(element) | SetOf(element):
            items = _sequence(value, type_)
            if isinstance(element, Any) and None in items and any(isinstance(item, _COMPOUND) for item in items):
                # Terraform stops, unless the null is of a type.
                return Unknown("whether the null in a list is of a type")
            converted = _elements(items, element, depth)
            return converted if isinstance(type_, List) else set_of(converted)
        case Map(element):
            return _map(value, element, depth)
        case Tuple(types):
            if not isinstance(value, tuple):
                raise EvaluationError(f"a tuple is required, not a {kind(value)}")
            if len(value) != len(types):
                raise EvaluationError(f"a tuple of {len(types)} elements is required, this has {len(value)}")
            return tuple(_convert(item, wanted, depth - 1) for item, wanted in zip(value, types, strict=True))
        case Object(attributes):
            return _object(value, attributes, depth)
        case _:
            return value


def to_text(value: Value) -> Value:
    """The text that Terraform makes of a primitive value."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            try:
                return text(value)
            except TooLarge as error:
                return Unknown(str(error))
        case None | Unknown():
            return value
        case _:
            raise EvaluationError(f"a string is required, not a {kind(value)}")


def to_number(value: Value) -> Value:
    """The number that Terraform makes of a primitive value."""
    match value:
        case bool():
            raise EvaluationError("a number is required, not a bool")
        case int() | Decimal():
            try:
                return normal(value)
            except TooLarge as error:
                return Unknown(str(error))
        case str():
            try:
                number = parse(value)
            except TooLarge as error:
                return Unknown(str(error))
            if number is None:
                raise EvaluationError("a number is required, and the text is none")
            return number
        case None | Unknown():
            return value
        case _:
            raise EvaluationError(f"a number is required, not a {kind(value)}")


def to_bool(value: Value) -> Value:
    """The boolean that Terraform makes of a primitive value."""
    match value:
        case bool() | None | Unknown():
            return value
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case str():
            raise EvaluationError('a bool is required; only the texts "true" and "false" convert to one')
        case _:
            raise EvaluationError(f"a bool is required, not a {kind(value)}")


_COMPOUND = (tuple, Set, dict, PartialMap)


def _sequence(value: Value, type_: Type) -> tuple[Value, ...]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, Set):
        return value.items
    raise EvaluationError(f"a {type_name(type_)} is required, not a {kind(value)}")


def _elements(items: tuple[Value, ...], element: Type, depth: int) -> tuple[Value, ...]:
    if (isinstance(element, Any) or element == STRING) and all(type(item) is str for item in items):
        return items
    if isinstance(element, Any):
        return _unify(items, 1)
    converted = tuple(_convert(item, element, depth - 1) for item in items)
    return _unify(converted, 1) if _has_any(element) else converted


def _has_any(type_: Type) -> bool:
    match type_:
        case Any():
            return True
        case List(element) | SetOf(element) | Map(element):
            return _has_any(element)
        case Tuple(items):
            return any(map(_has_any, items))
        case Object(attributes):
            return any(_has_any(attribute.type) for attribute in attributes.values())
        case _:
            return False


def _map(value: Value, element: Type, depth: int) -> Value:
    match value:
        case dict():
            return dict(zip(value, _elements(tuple(value.values()), element, depth), strict=True))
        case PartialMap(entries, maybe, open_):
            items = tuple(entries.values())
            if _has_any(element):
                # A value that nobody sees is one of the values whose types are unified.
                items = (*items, Unknown(open_ or next(iter(maybe.values()), "")))
            converted = _elements(items, element, depth)[: len(entries)]
            return partial(dict(zip(entries, converted, strict=True)), maybe, open_)
        case _:
            raise EvaluationError(f"a map is required, not a {kind(value)}")


def _object(value: Value, attributes: dict[str, Attribute], depth: int) -> Value:
    if not isinstance(value, dict | PartialMap):
        raise EvaluationError(f"an object is required, not a {kind(value)}")
    map_ = value if isinstance(value, PartialMap) else PartialMap(value)
    entries = map_.entries
    result: dict[str, Value] = {}
    for name, attribute in attributes.items():
        if name in entries:
            item = entries[name]
            if attribute.optional and attribute.default is not None:
                bare, _ = unmark(item)
                if bare is None:
                    item = attribute.default
                elif isinstance(bare, Unknown) and bare.nullable:
                    item = Unknown(bare.reason)
            result[name] = _convert(item, attribute.type, depth - 1)
        elif why := doubt(map_, name):
            # What the type demands is there, or Terraform stops.
            result[name] = Unknown(why, nullable=attribute.default is None)
        elif attribute.optional:
            result[name] = attribute.default
        else:
            raise EvaluationError(f'the attribute "{name}" is required')
    return result


def set_of(items: Iterable[Value]) -> Value:
    """The items as a set. One that isn't known through and through may be the same as another, so it has no size."""
    given = tuple(items)
    if all(type(item) is str for item in given):
        return Set(tuple(sorted({item for item in given if isinstance(item, str)})))
    bare, marked = unmark_deep(given)
    assert isinstance(bare, tuple)  # noqa: S101 - what went in is a tuple
    if not is_known(bare):
        return mark(Unknown(reason_of(bare)), marked)
    ranked = [(_rank(item), item) for item in bare]
    if any(rank is None for rank, _ in ranked):
        return mark(Unknown("a number too large to work with"), marked)
    kept: list[tuple[tuple[int, object], Value]] = []
    for rank, item in sorted(((rank, item) for rank, item in ranked if rank), key=lambda pair: pair[0]):
        # Equal values have equal ranks; so have, rarely, values that differ.
        if not any(equal(item, other) for _, other in _same(kept, rank)):
            kept.append((rank, item))
    return mark(Set(tuple(item for _, item in kept)), marked)


def _same(
    kept: Sequence[tuple[tuple[int, object], Value]], rank: tuple[int, object]
) -> Iterable[tuple[tuple[int, object], Value]]:
    for pair in reversed(kept):
        if pair[0] != rank:
            return
        yield pair


def _rank(value: Value) -> tuple[int, object] | None:
    """Where the value stands among others of its type in a set; null comes last."""
    match value:
        case None:
            return (9, 0)
        case bool():
            return (0, value)
        case int() | Decimal():
            return (1, value)
        case str():
            return (2, value)
        case _:
            try:
                return (3, _hash(value))
            except TooLarge:
                return None


def _hash(value: Value) -> str:
    """What Terraform orders compound values in a set by."""
    match value:
        case None:
            return "~"
        case bool():
            return "T" if value else "F"
        case int() | Decimal():
            return _short(value)
        case str():
            from costguard.iac.hcl.functions.formatting import quoted

            return quoted(value)
        case tuple() | Set():
            # Tuples of one type have one length, and stand in the order of lists; so do objects in that of maps.
            return "[" + "".join(_hash(item) + ";" for item in _sequence(value, ANY)) + "]"
        case dict():
            from costguard.iac.hcl.functions.formatting import quoted

            return "{" + "".join(f"{quoted(key)}:{_hash(value[key])};" for key in sorted(value)) + "}"
        case _:
            return "?"


def _short(number: int | Decimal) -> str:
    """The number in ten significant digits, as Go's ``%.10g`` has it."""
    from costguard.iac.hcl.functions.formatting import general

    return general(number, 10)


def unify(values: Sequence[Value]) -> tuple[Value, ...]:
    """The values converted to the one type that fits all, as in a list, a map, or the branches of a conditional.

    Raises EvaluationError where no type does. What isn't known may be of any type: what it would change in the others
    is unknown too.
    """
    if all(type(value) is str for value in values):
        return tuple(values)
    return _unify(tuple(values), 0)


def _unify(values: tuple[Value, ...], depth: int) -> tuple[Value, ...]:
    marks = [isinstance(value, Marked) for value in values]
    if any(marks):
        inner = _unify(tuple(unmark(value)[0] for value in values), depth)
        return tuple(mark(value, marked) for value, marked in zip(inner, marks, strict=True))
    given = [value for value in values if value is not None and not isinstance(value, Unknown)]
    if not given:
        return values
    unseen = next((value for value in values if isinstance(value, Unknown)), None)
    if all(isinstance(value, str | bool | int | Decimal) for value in given):
        return _unify_primitives(values, given, unseen)
    if depth > _DEPTH:
        return tuple(_unless_null(value, "a value that is nested too deeply") for value in values)
    if unseen is None and len(given) == 1:
        return values
    if all(isinstance(value, dict | PartialMap) for value in given):
        return _unify_maps(values, unseen, depth)
    if all(isinstance(value, tuple | Set) for value in given):
        return _unify_sequences(values, given, unseen, depth)
    raise EvaluationError(f"a {kind(given[0])} and a {_other_kind(given)} have no type in common")


def _other_kind(given: Sequence[Value]) -> str:
    return next((kind(value) for value in given if kind(value) != kind(given[0])), "value of another type")


def _unless_null(value: Value, reason: str) -> Value:
    return value if value is None or isinstance(value, Unknown) else Unknown(reason)


def _unify_primitives(values: tuple[Value, ...], given: Sequence[Value], unseen: Unknown | None) -> tuple[Value, ...]:
    if any(isinstance(value, str) for value in given):
        return tuple(to_text(value) for value in values)
    if unseen is not None:
        return tuple(_unless_null(value, unseen.reason) for value in values)
    if len({isinstance(value, bool) for value in given}) > 1:
        raise EvaluationError("a bool and a number have no type in common")
    return values


def _unify_maps(values: tuple[Value, ...], unseen: Unknown | None, depth: int) -> tuple[Value, ...]:
    if unseen is None:
        unseen = next((Unknown(_doubt(value)) for value in values if isinstance(value, PartialMap)), None)
    if unseen is not None or depth > _SPLIT_DEPTH:
        reason = unseen.reason if unseen else _UNDECIDED_MAP
        return tuple(loosen(value, reason) for value in values)
    maps = [value for value in values if isinstance(value, dict)]
    if all(one.keys() == maps[0].keys() for one in maps):
        names = list(maps[0])
        columns = [_unify(tuple(one[name] for one in maps), depth + 1) for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] if names else maps
        if any(map(_could_be_map, maps)):
            try:
                as_maps = _unify_as_maps(maps, depth)
            except EvaluationError:
                as_maps = rows
            rows = [_merged(row, other, _UNDECIDED_MAP) for row, other in zip(rows, as_maps, strict=True)]
    else:
        rows = _unify_as_maps(maps, depth)
    following = iter(rows)
    return tuple(next(following) if isinstance(value, dict) else value for value in values)


_UNDECIDED_MAP = "whether this is a map or an object decides its type"
_UNDECIDED_LIST = "whether this is a list, a tuple or a set decides its type"


def _merged(left: Value, right: Value, reason: str) -> dict[str, Value]:
    joined = agree(left, right, reason)
    assert isinstance(joined, dict)  # noqa: S101 - both have the same keys
    return joined


def _doubt(value: PartialMap) -> str:
    return value.open or next(iter(value.maybe.values()), "")


def _could_be_map(value: dict[str, Value]) -> bool:
    """Whether the values are of one type so far as their outermost kinds tell."""
    kinds = {kind(item) for item in value.values() if item is not None}
    return len(kinds - {"unknown"}) <= 1


def _unify_as_maps(maps: Sequence[dict[str, Value]], depth: int) -> list[dict[str, Value]]:
    flat = iter(_unify(tuple(item for one in maps for item in one.values()), depth + 1))
    return [{name: next(flat) for name in one} for one in maps]


def _unify_sequences(
    values: tuple[Value, ...], given: Sequence[Value], unseen: Unknown | None, depth: int
) -> tuple[Value, ...]:
    if unseen is not None or depth > _SPLIT_DEPTH:
        reason = unseen.reason if unseen else _UNDECIDED_LIST
        return tuple(loosen(value, reason) for value in values)
    sequences = [value.items if isinstance(value, Set) else value for value in given if isinstance(value, Set | tuple)]
    sets = [isinstance(value, Set) for value in given]
    if depth and any(sets) and not all(sets):
        return tuple(_unless_null(value, _UNDECIDED_LIST) for value in values)
    flat = iter(_unify(tuple(item for one in sequences for item in one), depth + 1)) if sequences else iter(())
    if not any(sets) and all(len(one) == len(sequences[0]) for one in sequences):
        columns = [_unify(column, depth + 1) for column in zip(*sequences, strict=True)]
        rows: list[Value] = [tuple(row) for row in zip(*columns, strict=True)] if columns else list(sequences)
    else:
        rows = [tuple(next(flat) for _ in one) for one in sequences]
        if any(sets):
            # A tuple becomes a set beside a set. A list would make lists of the sets instead; sets are far more often
            # written beside the tuple [] than beside a list.
            rows = [set_of(row) for row in rows if isinstance(row, tuple)]
    following = iter(rows)
    return tuple(next(following) if isinstance(value, tuple | Set) else value for value in values)


def loosen(value: Value, reason: str) -> Value:
    """What is certain of the value when it is converted to a type that isn't known: texts stay, numbers and booleans
    may become texts, and a sequence stays only where it would look the same as a set."""
    return _loosen(value, reason, 0)


def _loosen(value: Value, reason: str, depth: int) -> Value:
    if depth > _DEPTH:
        return Unknown(reason)
    match value:
        case str() | None | Unknown():
            return value
        case Marked(inner):
            return mark(_loosen(inner, reason, depth + 1))
        case dict():
            return {key: _loosen(item, reason, depth + 1) for key, item in value.items()}
        case PartialMap(entries, maybe, open_):
            return PartialMap({key: _loosen(item, reason, depth + 1) for key, item in entries.items()}, maybe, open_)
        case tuple() | Set():
            items = value.items if isinstance(value, Set) else value
            texts = [item for item in items if isinstance(item, str)]
            if len(texts) == len(items) and texts == sorted(set(texts)):
                return value
            return Unknown(reason)
        case _:
            return Unknown(reason)


def agree(left: Value, right: Value, reason: str) -> Value:
    """What is certain of a value that is one of two: the parts in which they are the same; ``reason`` for the rest."""
    return _agree(left, right, reason, 0)


def _agree(left: Value, right: Value, reason: str, depth: int) -> Value:
    if isinstance(left, Marked) or isinstance(right, Marked):
        return mark(_agree(unmark(left)[0], unmark(right)[0], reason, depth + 1))
    if isinstance(left, Unknown) or isinstance(right, Unknown) or depth > _DEPTH:
        unknown = left if isinstance(left, Unknown) else right
        nullable = any(side is None or (isinstance(side, Unknown) and side.nullable) for side in (left, right))
        return Unknown(unknown.reason if isinstance(unknown, Unknown) else reason, nullable)
    if isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        return tuple(_agree(a, b, reason, depth + 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict | PartialMap) and isinstance(right, dict | PartialMap):
        a, a_maybe, a_open = (left, {}, "") if isinstance(left, dict) else (left.entries, left.maybe, left.open)
        b, b_maybe, b_open = (right, {}, "") if isinstance(right, dict) else (right.entries, right.maybe, right.open)
        entries = {key: _agree(item, b[key], reason, depth + 1) for key, item in a.items() if key in b}
        maybe = {key: reason for one in (a, b) for key in one if key not in entries}
        return partial(entries, maybe | a_maybe | b_maybe, a_open or b_open)
    if is_known(left) and is_known(right) and equal(left, right):
        return left
    return Unknown(reason, nullable=left is None or right is None)
