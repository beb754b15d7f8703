"""Functions of lists, sets and maps, and the conversions from one to another.

They are where partly known values matter: a map whose keys are half known stays half known through ``merge``.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal

from costguard.iac.hcl.functions.signature import MOST_ELEMENTS, WHOLE, Function, Parameter, Undecided, function
from costguard.iac.hcl.numbers import Number, arithmetic
from costguard.iac.hcl.types import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    List,
    Map,
    SetOf,
    Type,
    agree,
    convert,
    set_of,
    to_number,
    unify,
)
from costguard.iac.hcl.values import (
    EvaluationError,
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

_LIST_OR_TUPLE = "whether these are lists or tuples decides the type of their elements"
_MAP_OR_OBJECT = "whether this is a map or an object decides the type of the default"
_ONE_TYPE = "whether the values are of one type isn't shown"
_VERSION = "versions of Terraform differ in this"


def whole_number(value: Number, what: str) -> int:
    """The number as an index or a count. Raises EvaluationError where it is no whole number."""
    if not isinstance(value, int):
        if value:
            raise EvaluationError(f"{what} must be a whole number, not {value}")
        return 0
    if value.bit_length() > 63:
        raise EvaluationError(f"{what} is too large")
    return value


def same(left: Value, right: Value) -> bool | None:
    """Whether two values are equal and of one type; None where that isn't shown."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return None
    if left is None or right is None:
        return left is right
    if kind(left) != kind(right):
        return False
    if not isinstance(left, tuple | dict | Set | PartialMap):
        return equal(left, right)
    if is_known(left) and is_known(right):
        return None if equal(left, right) else False
    return None


def _entries(value: dict[str, Value] | PartialMap) -> PartialMap:
    return value if isinstance(value, PartialMap) else PartialMap(value)


def _merge(*maps: Value) -> Value:
    entries: dict[str, Value] = {}
    maybe: dict[str, str] = {}
    open_ = ""
    marked = False
    for one in maps:
        bare, secret = unmark(one)
        marked = marked or secret
        match bare:
            case None:
                continue
            case dict():
                entries.update(bare)
                continue
            case Unknown(reason):
                later = PartialMap({}, {}, reason)
            case PartialMap():
                later = bare
            case _:
                if None in maps:
                    raise Undecided("a null of no type keeps the arguments from being checked")
                raise EvaluationError(f"arguments must be maps or objects, not a {kind(bare)}")
        for key in entries:
            if key not in later.entries:
                reason = doubt(later, key)
                if reason:
                    before = entries[key]
                    nullable = before is None or (isinstance(before, Unknown) and before.nullable)
                    entries[key] = Unknown(reason, nullable)
        entries.update(later.entries)
        maybe |= later.maybe
        open_ = open_ or later.open
    maybe = {key: reason for key, reason in maybe.items() if key not in entries}
    return mark(partial(entries, maybe, open_), marked)


def _lookup(of: Value, key: Value, *default: Value) -> Value:
    of, marked = unmark(of)
    key, secret = unmark(key)
    marked = marked or secret
    if not isinstance(of, dict | PartialMap | Unknown):
        raise EvaluationError(f"a map is required, not a {kind(of)}")
    if isinstance(of, Unknown) or not isinstance(key, str):
        reason = reason_of((of,)) if isinstance(of, Unknown) else reason_of((key,))
        return mark(Unknown(reason, nullable=any(unmark(one)[0] is None for one in default)), marked)
    map_ = _entries(of)
    if key in map_.entries:
        return mark(map_.entries[key], marked)
    reason = doubt(map_, key)
    if reason:
        return mark(Unknown(reason, nullable=any(unmark(one)[0] is None for one in default)), marked)
    if not default:
        raise EvaluationError(f'there is no key "{key}"')
    return mark(_default(map_, default[0]), marked)


def _default(map_: PartialMap, default: Value) -> Value:
    """The default as ``lookup`` gives it: a map converts it to the type of its elements, an object doesn't."""
    bare, marked = unmark(default)
    if bare is None or isinstance(bare, Unknown):
        return default
    kinds = {kind(unmark(item)[0]) for item in map_.entries.values()} - {"null"}
    known = kinds - {"unknown"}
    if len(known) > 1:
        return default
    convertible = {"string"} if isinstance(bare, bool | int | Decimal) else set()
    if isinstance(bare, str):
        convertible = {of for of, type_ in (("number", NUMBER), ("bool", BOOL)) if _converts(bare, type_)}
    if isinstance(bare, tuple | Set | dict | PartialMap):
        # Its parts are converted, or are not.
        return default if not is_known(bare) else mark(_parts(bare, map_), marked)
    if known:
        return default if not known & convertible else mark(Unknown(_MAP_OR_OBJECT), marked)
    return default if not convertible else mark(Unknown(_MAP_OR_OBJECT), marked)


def _parts(default: Value, map_: PartialMap) -> Value:
    try:
        converted = unify((*(unmark_deep(item)[0] for item in map_.entries.values()), Unknown(_MAP_OR_OBJECT), default))
    except EvaluationError:
        return default
    return agree(default, converted[-1], _MAP_OR_OBJECT)


def _converts(value: Value, type_: Type) -> bool:
    try:
        convert(value, type_)
    except EvaluationError:
        return False
    return True


def _keys(of: Value) -> Value:
    bare, marked = unmark(of)
    match bare:
        case dict():
            return mark(tuple(sorted(bare)), marked)
        case PartialMap() | Unknown():
            return mark(Unknown(_why_open(bare)), marked)
        case _:
            raise EvaluationError(f"a map is required, not a {kind(bare)}")


def _why_open(value: PartialMap | Unknown) -> str:
    if isinstance(value, Unknown):
        return value.reason
    return value.open or next(iter(value.maybe.values()), "")


def _values(of: Value) -> Value:
    bare, marked = unmark(of)
    match bare:
        case dict():
            return mark(tuple(bare[key] for key in sorted(bare)), marked)
        case PartialMap() | Unknown():
            return mark(Unknown(_why_open(bare)), marked)
        case _:
            raise EvaluationError(f"a map is required, not a {kind(bare)}")


def _length(of: Value) -> Value:
    bare, marked = unmark(of)
    match bare:
        case str():
            from costguard.iac.hcl.functions.strings import characters

            return mark(characters(bare), marked)
        case tuple() | dict():
            return mark(len(bare), marked)
        case Set(items):
            return mark(len(items), marked)
        case PartialMap() | Unknown():
            return mark(Unknown(_why_open(bare)), marked)
        case None:
            raise EvaluationError("the argument must not be null")
        case _:
            raise EvaluationError(f"the argument must be a string or a collection, not a {kind(bare)}")


def _contains(of: Value, value: Value) -> Value:
    if value is None:
        raise Undecided(_VERSION)
    if isinstance(of, Unknown):
        return Unknown(of.reason)
    undecided: list[Value] = []
    for item in _items(of):
        found = same(item, value)
        if found:
            return True
        if found is None:
            undecided.append(item)
    if undecided:
        return Unknown(reason_of((*undecided, value)) or _ONE_TYPE)
    return False


def _index(of: Value, value: Value) -> Value:
    if isinstance(of, Unknown):
        return Unknown(of.reason)
    if not isinstance(of, tuple):
        raise EvaluationError(f"the argument must be a list, not a {kind(of)}")
    if not of:
        raise EvaluationError("an empty list can't be searched")
    for position, item in enumerate(of):
        found = same(item, value)
        if found is None:
            return Unknown(reason_of((item, value)) or _ONE_TYPE)
        if found:
            return position
    raise EvaluationError("the item is not there")


def _items(of: Value) -> tuple[Value, ...]:
    match of:
        case tuple():
            return of
        case Set(items):
            return items
        case _:
            raise EvaluationError(f"a list or a set is required, not a {kind(of)}")


def _element(of: Value, index: Value) -> Value:
    of, marked = unmark(of)
    if isinstance(of, Unknown):
        return mark(Unknown(of.reason, of.nullable), marked)
    if not isinstance(of, tuple):
        raise EvaluationError(f"a list is required, not a {kind(of)}")
    if isinstance(index, Unknown):
        return mark(Unknown(index.reason, nullable=None in of), marked)
    assert isinstance(index, int | Decimal)  # noqa: S101 - the parameter's type
    position = whole_number(index, "the index")
    if position < 0:
        raise Undecided(_VERSION)
    if not of:
        raise EvaluationError("an empty list has no elements")
    return mark(of[position % len(of)], marked)


def _coalesce(*values: Value) -> Value:
    if not values:
        raise EvaluationError("at least one argument is required")
    for value in _of_one_type(values):
        if isinstance(value, Unknown):
            return Unknown(value.reason)
        if value is not None and not (isinstance(value, str) and not value):
            return value
    raise EvaluationError("every argument is null or an empty string")


def _of_one_type(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values unified. A null, which here has no type, keeps Terraform from converting lists and maps, and from
    minding values without a common type."""
    try:
        unified = unify(values)
    except EvaluationError:
        if any(isinstance(value, Unknown | tuple | Set | dict | PartialMap) for value in values):
            raise Undecided(_ONE_TYPE) from None
        if None in values:
            return values
        raise
    untyped = None in values or any(isinstance(value, Unknown) for value in values)
    if not untyped or not any(isinstance(value, tuple | Set | dict | PartialMap) for value in values):
        return unified
    return tuple(agree(one, other, _ONE_TYPE) for one, other in zip(values, unified, strict=True))


def _coalescelist(*lists: Value) -> Value:
    if not lists:
        raise EvaluationError("at least one argument is required")
    if None in lists:
        raise Undecided("whether the null is one of a list")
    for one in lists:
        if not isinstance(one, tuple | Unknown):
            raise EvaluationError(f"arguments must be lists, not a {kind(one)}")
    for one in lists:
        if isinstance(one, Unknown):
            return Unknown(one.reason)
        if one:
            return one
    raise EvaluationError("every list is empty")


def _compact(items: tuple[Value, ...]) -> Value:
    return tuple(item for item in items if item is not None and item != "")


def _concat(*lists: Value) -> Value:
    if not lists:
        raise EvaluationError("at least one argument is required")
    marked = False
    unseen: Unknown | None = None
    flat: list[Value] = []
    uniform = True
    for one in lists:
        bare, secret = unmark(one)
        marked = marked or secret
        if isinstance(bare, Unknown):
            unseen = unseen or bare
            continue
        if not isinstance(bare, tuple):
            raise EvaluationError(f"arguments must be lists, not a {kind(bare)}")
        flat += bare
        uniform = uniform and len({kind(item) for item in bare} - {"unknown", "null"}) <= 1
    if unseen is not None:
        return mark(Unknown(unseen.reason), marked)
    _bounded(len(flat))
    result = tuple(flat)
    if uniform and len(lists) > 1:
        with suppress(EvaluationError):  # If they can't be lists of one type, they are tuples.
            result = _agreed(result, unify(result))
    return mark(result, marked)


def _agreed(left: tuple[Value, ...], right: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(
        one if one is other else agree(one, other, _LIST_OR_TUPLE) for one, other in zip(left, right, strict=True)
    )


def _bounded(count: int) -> None:
    if count > MOST_ELEMENTS:
        raise Undecided("a list too long to work with")


def _distinct(items: tuple[Value, ...]) -> Value:
    return tuple(_without_repeats(items))


def _without_repeats(items: Iterable[Value]) -> list[Value]:
    kept: list[Value] = []
    primitives: set[tuple[str, Value]] = set()
    compounds: list[Value] = []
    for item in items:
        if isinstance(item, tuple | dict | Set):
            if len(compounds) > 1_000:
                raise Undecided("a list too long to work with")
            if any(equal(item, other) for other in compounds):
                continue
            compounds.append(item)
        else:
            key = (kind(item), item)
            if key in primitives:
                continue
            primitives.add(key)
        kept.append(item)
    return kept


def _flatten(of: Value) -> Value:
    bare, marked = unmark(of)
    if isinstance(bare, Unknown):
        return mark(Unknown(bare.reason), marked)
    _items(bare)
    found: list[Value] = []
    unseen = ""
    # An explicit stack, so that no nesting is too deep.
    stack = [iter(_items(bare))]
    while stack:
        item = next(stack[-1], _END)
        if isinstance(item, _End):
            stack.pop()
            continue
        plain, secret = unmark(item)
        if isinstance(plain, tuple | Set):
            marked = marked or secret
            stack.append(iter(_items(plain)))
        elif isinstance(plain, Unknown):
            marked = marked or secret
            unseen = unseen or plain.reason
        else:
            found.append(item)
            _bounded(len(found))
    return mark(Unknown(unseen) if unseen else tuple(found), marked)


class _End:
    """Where an iterator ends, as a value that no list contains."""


_END = _End()


def _zipmap(keys: Value, values: Value) -> Value:
    keys, marked = unmark(keys)
    values, secret = unmark(values)
    marked = marked or secret
    if not isinstance(values, tuple | Unknown):
        raise EvaluationError(f"the values must be a list, not a {kind(values)}")
    if isinstance(keys, Unknown):
        return mark(PartialMap({}, {}, keys.reason), marked)
    assert isinstance(keys, tuple)  # noqa: S101 - the parameter's type
    if isinstance(values, tuple) and len(keys) != len(values):
        raise EvaluationError(f"there are {len(keys)} keys and {len(values)} values")
    entries: dict[str, Value] = {}
    open_ = ""
    for position, key in enumerate(keys):
        name, secret = unmark(key)
        marked = marked or secret
        value = values[position] if isinstance(values, tuple) else Unknown(values.reason)
        match name:
            case None:
                raise EvaluationError(f"the key {position} is null")
            case Unknown(reason):
                open_ = open_ or reason
                # It may be a key that is there already, and then has this value.
                entries = dict.fromkeys(entries, Unknown(reason))
            case _:
                assert isinstance(name, str)  # noqa: S101 - the parameter's type
                entries[name] = value
    return mark(partial(entries, {}, open_), marked)


def _matchkeys(values: tuple[Value, ...], keys: tuple[Value, ...], searched: tuple[Value, ...]) -> Value:
    if len(values) != len(keys):
        raise EvaluationError(f"there are {len(keys)} keys and {len(values)} values")
    if not searched:
        return ()
    if len(keys) * len(searched) > 10 * MOST_ELEMENTS:
        raise Undecided("lists too long to work with")
    both = unify((*keys, *searched))
    keys, searched = both[: len(keys)], both[len(keys) :]
    return tuple(value for value, key in zip(values, keys, strict=True) if any(equal(key, other) for other in searched))


def _chunklist(of: Value, size: Value) -> Value:
    of, marked = unmark(of)
    size, secret = unmark(size)
    marked = marked or secret
    if isinstance(of, Unknown) or isinstance(size, Unknown):
        return mark(Unknown(reason_of((of, size))), marked)
    assert isinstance(of, tuple)  # noqa: S101 - the parameter's type
    assert isinstance(size, int | Decimal)  # noqa: S101 - the parameter's type
    count = whole_number(size, "the size")
    if count < 0:
        raise EvaluationError("the size must not be negative")
    if not of:
        return mark((), marked)
    if not count:
        return mark((of,), marked)
    return mark(tuple(of[start : start + count] for start in range(0, len(of), count)), marked)


def _one(of: Value) -> Value:
    if isinstance(of, Unknown):
        return Unknown(of.reason, nullable=True)
    items = _items(of)
    if len(items) > 1:
        raise EvaluationError(f"the list must have one element or none, this has {len(items)}")
    return items[0] if items else None


def _sum(of: Value) -> Value:
    items = _items(of)
    if not items:
        raise EvaluationError("an empty list has no sum")
    if None in items:
        raise EvaluationError("null can't be added")
    numbers = [to_number(item) for item in items]
    total = numbers[0]
    for number in numbers[1:]:
        if not isinstance(total, int | Decimal) or not isinstance(number, int | Decimal):
            return Unknown(reason_of(numbers))
        total = arithmetic("+", total, number)
    return total


def _transpose(of: dict[str, Value]) -> Value:
    found: dict[str, list[Value]] = {}
    for key in sorted(of):
        items = of[key]
        if items is None:
            raise EvaluationError(f'the list of "{key}" is null')
        for item in _items(items):
            if item is None:
                raise EvaluationError(f'the list of "{key}" contains null')
            assert isinstance(item, str)  # noqa: S101 - the parameter's type
            found.setdefault(item, []).append(key)
    return {key: tuple(found[key]) for key in sorted(found)}


def _reverse(of: Value) -> Value:
    of, marked = unmark(of)
    if isinstance(of, Unknown):
        return mark(Unknown(of.reason), marked)
    return mark(_items(of)[::-1], marked)


def _slice(of: Value, start: Value, end: Value) -> Value:
    of, marked = unmark(of)
    if isinstance(of, Unknown):
        return mark(Unknown(of.reason), marked)
    if not isinstance(of, tuple):
        raise EvaluationError(f"a list is required, not a {kind(of)}")
    bounds = []
    for position, what in ((start, "the start"), (end, "the end")):
        if isinstance(position, Unknown):
            return mark(Unknown(position.reason), marked)
        assert isinstance(position, int | Decimal)  # noqa: S101 - the parameter's type
        number = whole_number(position, what)
        if not 0 <= number <= len(of):
            raise EvaluationError(f"{what} must lie between 0 and the length of the list, {len(of)}")
        bounds.append(number)
    if bounds[0] > bounds[1]:
        raise EvaluationError("the start lies behind the end")
    return mark(of[bounds[0] : bounds[1]], marked)


def _sort(items: tuple[Value, ...]) -> Value:
    if None in items:
        raise EvaluationError("null can't be sorted")
    return tuple(sorted(item for item in items if isinstance(item, str)))


def _alltrue(items: tuple[Value, ...]) -> Value:
    unseen = ""
    for item in items:
        if item is None or item is False:
            return False
        if isinstance(item, Unknown):
            unseen = unseen or item.reason
    return Unknown(unseen) if unseen else True


def _anytrue(items: tuple[Value, ...]) -> Value:
    unseen = ""
    for item in items:
        if item is True:
            return True
        if isinstance(item, Unknown):
            unseen = unseen or item.reason
    return Unknown(unseen) if unseen else False


def _all_or_unknown(of: Value, decide: bool) -> Value:
    if isinstance(of, Unknown):
        return Unknown(of.reason)
    assert isinstance(of, tuple)  # noqa: S101 - the parameter's type
    return _alltrue(of) if decide else _anytrue(of)


def _range(*numbers: Number) -> Value:
    match numbers:
        case (end,):
            start: Number = 0
            step: Number = 1 if end >= 0 else -1
        case (start, end):
            step = 1 if end >= start else -1
        case (start, end, step):
            pass
        case _:
            raise EvaluationError("one to three arguments are required")
    if not step and start != end:
        raise EvaluationError("the step must not be zero")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise EvaluationError("the step leads away from the end")
    found: list[Value] = []
    at = start
    while at < end if step > 0 else at > end:
        if len(found) >= 1024:
            raise EvaluationError("more than 1024 numbers")
        found.append(at)
        at = arithmetic("+", at, step)
    return tuple(found)


def _sets(sets: Sequence[Set]) -> list[tuple[Value, ...]]:
    """The elements of each set, all converted to one type."""
    _bounded(sum(len(one.items) for one in sets))
    flat = iter(unify(tuple(item for one in sets for item in one.items)))
    return [tuple(next(flat) for _ in one.items) for one in sets]


def _setunion(*sets: Set) -> Value:
    return set_of(item for one in _sets(sets) for item in one)


def _setintersection(*sets: Set) -> Value:
    first, *others = _sets(sets)
    for other in others:
        first = _selected(first, other, True)
    return set_of(first)


def _setsubtract(left: Set, right: Set) -> Value:
    kept, removed = _sets((left, right))
    return set_of(_selected(kept, removed, False))


def _selected(items: tuple[Value, ...], others: tuple[Value, ...], wanted: bool) -> tuple[Value, ...]:
    """The items that are among the others, or that are not."""
    if all(isinstance(item, str) for item in (*items, *others)):
        among = frozenset(others)
        return tuple(item for item in items if (item in among) is wanted)
    if len(items) * len(others) > 10 * MOST_ELEMENTS:
        raise Undecided("sets too large to work with")
    return tuple(item for item in items if any(equal(item, other) for other in others) is wanted)


def _setproduct(*sets: Value) -> Value:
    if len(sets) < 2:
        raise EvaluationError("at least two arguments are required")
    marked = False
    unseen = ""
    total = 1
    lists = True
    columns: list[tuple[Value, ...]] = []
    for one in sets:
        bare, secret = unmark(one)
        marked = marked or secret
        if isinstance(bare, Unknown):
            unseen = unseen or bare.reason
            continue
        lists = lists and isinstance(bare, tuple)
        column = unify(_items(bare))
        columns.append(column)
        total *= len(column)
    if unseen:
        # One empty set makes the product empty, but whether it is a list or a set is open too.
        return mark(Unknown(unseen), marked)
    _bounded(total * len(columns))
    from itertools import product

    rows = tuple(product(*columns))
    return mark(rows if lists else set_of(rows), marked)


def _to(type_: Type) -> Function:
    def converted(value: Value) -> Value:
        return convert(value, type_)

    return function(converted, Parameter(ANY, null=True, unknown=True, marks=True))


def _list(*items: Value) -> Value:
    return unify(items)


def _map(*pairs: Value) -> Value:
    if len(pairs) % 2:
        raise EvaluationError("an even number of arguments is required")
    keys = pairs[::2]
    values = pairs[1::2]
    if any(key is None for key in keys):
        raise EvaluationError("a key must not be null")
    return _zipmap(convert(keys, List(STRING)), unify(values))


def _sensitive(value: Value) -> Value:
    return mark(unmark_deep(value)[0])


def _nonsensitive(value: Value) -> Value:
    return unmark(value)[0]


def _issensitive(value: Value) -> Value:
    bare, marked = unmark(value)
    if isinstance(bare, Unknown) and not marked:
        # What comes from outside may be sensitive.
        return Unknown(bare.reason)
    return marked


def _ephemeralasnull(value: Value) -> Value:
    if not is_known(value):
        raise Undecided(reason_of((value,)))
    return value


_ANYTHING = Parameter(ANY, null=True, unknown=True, marks=True)
_OPEN = Parameter(ANY, unknown=True)

FUNCTIONS: dict[str, Function] = {
    "alltrue": function(lambda of: _all_or_unknown(of, True), Parameter(List(BOOL), unknown=True)),
    "anytrue": function(lambda of: _all_or_unknown(of, False), Parameter(List(BOOL), unknown=True)),
    "chunklist": function(
        _chunklist, Parameter(List(ANY), unknown=True, marks=True), Parameter(NUMBER, unknown=True, marks=True)
    ),
    "coalesce": function(_coalesce, rest=Parameter(ANY, null=True, unknown=True)),
    "coalescelist": function(_coalescelist, rest=Parameter(ANY, null=True, unknown=True)),
    "compact": function(_compact, List(STRING)),
    "concat": function(_concat, rest=WHOLE),
    "contains": function(_contains, _OPEN, Parameter(ANY, null=True, unknown=True)),
    "distinct": function(_distinct, List(ANY)),
    "element": function(_element, WHOLE, Parameter(NUMBER, unknown=True)),
    "ephemeralasnull": function(_ephemeralasnull, _ANYTHING),
    "flatten": function(_flatten, WHOLE),
    "index": function(_index, _OPEN, _OPEN),
    "issensitive": function(_issensitive, _ANYTHING),
    "keys": function(_keys, WHOLE),
    "length": function(_length, WHOLE),
    "list": function(_list, rest=_ANYTHING),
    "lookup": function(_lookup, WHOLE, Parameter(STRING, unknown=True, marks=True), _ANYTHING, optional=1),
    "map": function(_map, rest=_ANYTHING),
    "matchkeys": function(_matchkeys, List(ANY), List(ANY), List(ANY)),
    "merge": function(_merge, rest=_ANYTHING),
    "nonsensitive": function(_nonsensitive, _ANYTHING),
    "one": function(_one, _OPEN),
    "range": function(_range, rest=NUMBER),
    "reverse": function(_reverse, WHOLE),
    "sensitive": function(_sensitive, _ANYTHING),
    "setintersection": function(_setintersection, SetOf(ANY), rest=SetOf(ANY)),
    "setproduct": function(_setproduct, rest=WHOLE),
    "setsubtract": function(_setsubtract, SetOf(ANY), SetOf(ANY)),
    "setunion": function(_setunion, SetOf(ANY), rest=SetOf(ANY)),
    "slice": function(_slice, WHOLE, Parameter(NUMBER, unknown=True), Parameter(NUMBER, unknown=True)),
    "sort": function(_sort, List(STRING)),
    "sum": function(_sum, ANY),
    "tobool": _to(BOOL),
    "tolist": _to(List(ANY)),
    "tomap": _to(Map(ANY)),
    "tonumber": _to(NUMBER),
    "toset": _to(SetOf(ANY)),
    "tostring": _to(STRING),
    "transpose": function(_transpose, Map(List(STRING))),
    "values": function(_values, WHOLE),
    "zipmap": function(_zipmap, Parameter(List(STRING), unknown=True, marks=True), WHOLE),
}
