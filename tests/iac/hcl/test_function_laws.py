"""What holds of every function, whatever its arguments.

- It never says more than is certain: where a part of an argument becomes unknown, the result stays the same so far as
  it is still known.
- It never fails with anything but an EvaluationError, takes long, or grows without bound.
"""

import time
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.iac.hcl import parse_expression, tree
from costguard.iac.hcl.evaluate import evaluate
from costguard.iac.hcl.functions import FAMILIES, IMPURE, call
from costguard.iac.hcl.functions.signature import Function
from costguard.iac.hcl.types import Any, List, Map, Primitive, SetOf, Type, set_of
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
    mark,
    unmark_deep,
)
from tests.iac.hcl.test_console import Folder, expressions

FUNCTIONS: dict[str, Function] = {}
for family in FAMILIES:
    FUNCTIONS |= import_module(f"costguard.iac.hcl.functions.{family}").FUNCTIONS
NAMES = sorted(FUNCTIONS)


class Elsewhere:
    """A module without files, whose templates give their own text."""

    root = Path("/module")

    def path(self, text: str) -> Path | None:
        return None

    def template(self, text: str, variables: Value) -> Value:
        return text if is_known(variables) else Unknown("a variable")


HOST = Elsewhere()
WORDS = (
    *(
        "",
        "a",
        "b",
        "a b",
        "Ab",
        "é",
        "e\u0301",
        "👍🏽",
        "x,y",
        "1",
        "10",
        "-1.50",
        "0x1f",
        "true",
        "false",
        "null",
        "yes",
    ),
    *("%s", "%d%%", "%5.2f|%[1]v", "/(a)|b/", "[a-z]+", "(?P<k>.)", "(a*)*b", "$1", "10.0.0.0/8", "2001:db8::/32"),
    *("2024-02-29T12:00:00Z", "1h30m", "YYYY-MM-DD'x'", '{"a": [1, "b"]}', "a: &x [1]\nb: *x", "YWI=", "a,b\n1,2"),
    *("dns", "utf-8", "data/x.json", "..", "~", "\n", " \t", "\0", "<&>"),
)
TEXTS = st.sampled_from(WORDS) | st.text(max_size=5)
NUMBERS = (
    st.integers(-3, 12)
    | st.sampled_from((255, 10**20, -(10**9), 1 << 70))
    | st.sampled_from(("0.5", "-2.25", "1e-9", "-0.0")).map(Decimal)
)
PRIMITIVES = st.none() | st.booleans() | NUMBERS | TEXTS
KEYS = st.sampled_from(("a", "b", "c", "Name", "10"))
VALUES: st.SearchStrategy[Value] = st.recursive(
    PRIMITIVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.lists(TEXTS, max_size=4).map(tuple)
        | st.lists(TEXTS, max_size=3).map(set_of)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
UNKNOWN = Unknown("a part that isn't shown")
HOSTILE: st.SearchStrategy[Value] = st.recursive(
    PRIMITIVES | st.just(UNKNOWN) | st.just(Unknown("perhaps null", nullable=True)) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.lists(TEXTS, max_size=3).map(set_of)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.builds(
            PartialMap, st.dictionaries(KEYS, inner, max_size=2), st.just({"z": "?", "k8s/*": "?"}), st.just("")
        )
        | st.builds(PartialMap, st.dictionaries(KEYS, inner, max_size=2), st.just({}), st.just("open"))
        | inner.map(lambda value: mark(value))
    ),
    max_leaves=8,
)


def of_type(type_: Type) -> st.SearchStrategy[Value]:
    """Mostly what a parameter of this type wants."""
    match type_:
        case Primitive("string"):
            return TEXTS
        case Primitive("number"):
            return NUMBERS | st.sampled_from(("2", "x"))
        case Primitive("bool"):
            return st.booleans()
        case List(element) | SetOf(element):
            lists = st.lists(of_type(element), max_size=3).map(tuple)
            return lists | st.lists(TEXTS, max_size=3).map(set_of)
        case Map(element):
            return st.dictionaries(KEYS, of_type(element), max_size=3)
        case Any() | _:
            return VALUES


@st.composite
def calls(draw: st.DrawFn, name: str) -> tuple[Value, ...]:
    function = FUNCTIONS[name]
    arguments = [draw(of_type(parameter.type)) for parameter in function.parameters]
    if function.optional and draw(st.booleans()):
        arguments.pop()
    if function.rest is not None:
        arguments += draw(st.lists(of_type(function.rest.type), max_size=3))
    if draw(st.integers(0, 9)) == 0 and arguments:
        arguments[draw(st.integers(0, len(arguments) - 1))] = draw(VALUES)
    return tuple(arguments)


@st.composite
def weakened(draw: st.DrawFn, value: Value, depth: int = 0) -> Value:
    """The value with something in it that isn't known any more."""
    choice = draw(st.integers(0, 3 if depth else 2))
    if choice == 0:
        return UNKNOWN
    match value:
        case tuple() if value:
            at = draw(st.integers(0, len(value) - 1))
            return (*value[:at], draw(weakened(value[at], depth + 1)), *value[at + 1 :])
        case dict() if value:
            key = draw(st.sampled_from(sorted(value)))
            rest = {name: item for name, item in value.items() if name != key}
            if choice == 1:
                return value | {key: draw(weakened(value[key], depth + 1))}
            if choice == 2:
                return PartialMap(rest, {key: "perhaps"})
            return PartialMap(rest, {}, "open")
        case dict():
            return PartialMap({}, {"b": "perhaps"})
        case Marked(inner):
            return mark(draw(weakened(inner, depth)))
        case _:
            return UNKNOWN


def outcome(name: str, arguments: tuple[Value, ...]) -> "Value | EvaluationError":
    try:
        return unmark_deep(call(name, arguments, HOST))[0]
    except EvaluationError as error:
        return error


def admits(weak: Value, strong: Value) -> bool:
    """Whether a result that is less certain leaves room for the certain one. Where what decides isn't in the values (a
    list or a tuple, a map or an object) the certain one has its doubts too."""
    if isinstance(strong, Unknown | PartialMap):
        return True
    match weak:
        case Unknown():
            return True
        case PartialMap(entries):
            if not isinstance(strong, dict):
                return False
            return all(key in strong and admits(item, strong[key]) for key, item in entries.items()) and all(
                key in entries or doubt(weak, key) for key in strong
            )
        case dict():
            return (
                isinstance(strong, dict)
                and weak.keys() == strong.keys()
                and all(admits(item, strong[key]) for key, item in weak.items())
            )
        case tuple() | Set():
            # Beside something of unknown type a list may become a set; it is left where both look the same.
            items = weak.items if isinstance(weak, Set) else weak
            others = strong.items if isinstance(strong, Set) else strong
            return isinstance(others, tuple) and len(items) == len(others) and all(map(admits, items, others))
        case _:
            return equal(weak, strong)


@settings(max_examples=1_500, deadline=None)
@given(data=st.data())
def test_what_is_less_known_gives_a_result_that_is_less_known_and_never_another(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    arguments = data.draw(calls(name))
    if not arguments:
        return
    at = data.draw(st.integers(0, len(arguments) - 1))
    weak_arguments = (*arguments[:at], data.draw(weakened(arguments[at])), *arguments[at + 1 :])
    strong = outcome(name, arguments)
    weak = outcome(name, weak_arguments)
    if isinstance(weak, EvaluationError):
        assert isinstance(strong, EvaluationError | Unknown), (
            f"{name}{weak_arguments}: {weak}, but {name}{arguments} is {strong}"
        )
    elif not isinstance(strong, EvaluationError | Unknown):
        assert admits(weak, strong), f"{name}{weak_arguments} is {weak}, but {name}{arguments} is {strong}"


def test_the_same_holds_of_every_call_that_the_console_is_asked_about(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for written, _ in expressions():
        expression = parse_expression(written)
        if not isinstance(expression, tree.Call) or expression.expand or expression.name in ("try", "can"):
            continue
        try:
            arguments = tuple(evaluate(argument, folder) for argument in expression.arguments)
        except EvaluationError:
            continue
        name = expression.name
        strong = outcome(name, arguments)
        for at, argument in enumerate(arguments):
            for less in lesser(argument):
                weak = outcome(name, (*arguments[:at], less, *arguments[at + 1 :]))
                if isinstance(weak, EvaluationError):
                    assert isinstance(strong, EvaluationError | Unknown), f"{written}, {less}: {weak}"
                elif not isinstance(strong, EvaluationError):
                    assert admits(weak, strong), f"{written}, {less}: {weak}"


def lesser(value: Value) -> Iterator[Value]:
    """The value with less known of it, in several ways."""
    yield UNKNOWN
    match value:
        case tuple():
            for at, item in enumerate(value[:4]):
                for less in lesser(item):
                    yield (*value[:at], less, *value[at + 1 :])
        case dict():
            yield PartialMap(value, {}, "open")
            yield PartialMap({}, dict.fromkeys(value, "perhaps"))
            for key, item in [*value.items()][:4]:
                yield PartialMap({name: other for name, other in value.items() if name != key}, {key: "perhaps"})
                for less in lesser(item):
                    yield value | {key: less}
        case Marked(inner):
            yield from map(mark, lesser(inner))


@settings(max_examples=1_500, deadline=None)
@given(name=st.sampled_from(NAMES), arguments=st.lists(HOSTILE, max_size=4))
def test_no_arguments_make_a_function_fail_otherwise_than_terraform_does(name: str, arguments: list[Value]) -> None:
    outcome(name, tuple(arguments))


@given(name=st.sampled_from(NAMES), arguments=st.lists(VALUES, max_size=3), at=st.integers(0, 2))
@settings(max_examples=1_000, deadline=None)
def test_what_is_sensitive_never_comes_out_without_its_mark(name: str, arguments: list[Value], at: int) -> None:
    """Only the functions that take marks off, or tell nothing but a length or a key, may show less of a mark."""
    if at >= len(arguments) or name in ("nonsensitive", "issensitive"):
        return
    arguments[at] = mark(arguments[at])
    try:
        result = call(name, arguments, HOST)
    except EvaluationError:
        return
    whole = isinstance(result, Marked)
    taken_over = name in ("merge", "lookup", "coalesce", "list", "map")
    assert whole or unmark_deep(result)[1] or taken_over, f"{name}{arguments} is {result}"


@pytest.mark.parametrize("name", [*IMPURE, "provider::aws::arn_parse", "no_such_function"])
def test_a_function_that_is_not_evaluated_is_unknown_and_named(name: str) -> None:
    result = call(name, ["x", 1], HOST)
    assert isinstance(result, Unknown)
    assert f"{name}()" in result.reason


DEEP: Value = "x"
for _ in range(100_000):
    DEEP = (DEEP,)
MANY = tuple(range(5_000))
BOMB = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 8)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

HUGE: dict[str, tuple[str, tuple[Value, ...]]] = {
    "a list of 10^9": ("range", (10**9,)),
    "a step of next to nothing": ("range", (0, 10**9, Decimal("1e-9"))),
    "a width of 10^9": ("format", ("%999999999d", 1)),
    "a precision of 10^9": ("format", ("%.999999999f", 1)),
    "many wide fields": ("format", ("%9999d" * 2_000, *(1,) * 2_000)),
    "an argument number of 10^9": ("format", ("%[999999999]s", 1)),
    "an indentation of 10^9": ("indent", (10**9, "a\nb")),
    "a replacement that multiplies": ("replace", ("a" * 10_000, "a", "b" * 10_000)),
    "an empty text replaced": ("replace", ("a" * 100_000, "", "b" * 100_000)),
    "matches that multiply": ("replace", ("a" * 10_000, "/a/", "$0" * 1_000)),
    "a separator that multiplies": ("join", ("s" * 10_000, ("a",) * 10_000)),
    "a product of 10^11": ("setproduct", (MANY, MANY, MANY)),
    "a power": ("pow", (10, 10**9)),
    "a number of 10^9 digits": ("tostring", (Decimal("1e999999999"),)),
    "a number of 10^9 places": ("tostring", (Decimal("1e-999999999"),)),
    "a text of such a number": ("tonumber", ("1e999999999",)),
    "a text of another": ("tonumber", ("1p999999999",)),
    "a long number": ("tonumber", ("9" * 100_000,)),
    "a long number in another base": ("parseint", ("9" * 100_000, 16)),
    "a sum of very different numbers": ("sum", ((Decimal("1e3999"), Decimal("1e-3999")),)),
    "a hexadecimal number": ("format", ("%x", 1 << 100_000)),
    "an expression that backtracks": ("regex", ("(a|a)*(a|a)*(a|a)*b", "a" * 5_000)),
    "nested repetitions": ("regex", ("((((a+)+)+)+)+b", "a" * 5_000)),
    "an expression of many repetitions": ("regexall", ("(.{1,100}){1,100}(.{1,100}){1,100}x", "y" * 2_000)),
    "an expression nested deeply": ("regex", ("(" * 1_000 + ")" * 1_000, "a")),
    "a long expression": ("regex", ("a" * 100_000, "a")),
    "JSON nested deeply": ("jsondecode", ("[" * 100_000 + "]" * 100_000,)),
    "a number in JSON": ("jsondecode", ("1e999999999",)),
    "long digits in JSON": ("jsondecode", ("9" * 100_000,)),
    "YAML nested deeply": ("yamldecode", ("[" * 5_000 + "]" * 5_000,)),
    "YAML that multiplies": ("yamldecode", (BOMB,)),
    "a list nested deeply": ("flatten", (DEEP,)),
    "many subnets": ("cidrsubnets", ("2001:db8::/32", *(16,) * 60_000)),
    "a host of a million digits": ("cidrhost", ("10.0.0.0/8", 1 << 3_000_000)),
    "a long duration": ("timeadd", ("2024-01-01T00:00:00Z", "9" * 10_000 + "h")),
    "many compound values": ("distinct", (tuple((number,) for number in range(5_000)),)),
    "many compound values of a set": ("toset", (tuple((number,) for number in range(5_000)),)),
    "many keys to match": ("matchkeys", (MANY, MANY, MANY)),
    "many sets": ("setunion", tuple(MANY for _ in range(50))),
    "a long text split": ("split", ("", "a" * 1_000_000)),
}


@pytest.mark.parametrize("case", HUGE)
def test_what_would_be_huge_is_not_made(case: str) -> None:
    name, arguments = HUGE[case]
    started = time.process_time()
    result = outcome(name, arguments)
    assert time.process_time() - started < 3
    assert isinstance(result, EvaluationError) or size(result) <= 2_000_000


def size(value: Value) -> int:
    """How many characters and elements the value has."""
    match value:
        case str():
            return len(value)
        case tuple():
            return sum(map(size, value))
        case Set(items):
            return size(items)
        case dict():
            return sum(len(key) + size(item) for key, item in value.items())
        case _:
            return 1
