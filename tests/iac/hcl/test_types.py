"""Type constraints and conversions. The known results are Terraform's own (terraform console 1.11.4)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.iac.hcl import numbers, parse_expression
from costguard.iac.hcl.types import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    Attribute,
    List,
    Map,
    Object,
    SetOf,
    Tuple,
    Type,
    agree,
    convert,
    loosen,
    parse_type,
    unify,
)
from costguard.iac.hcl.values import EvaluationError, Marked, PartialMap, Set, Unknown, Value

WHY = "not shown"
U = Unknown(WHY)
NULLABLE = Unknown(WHY, nullable=True)

TYPES: list[tuple[str, Type]] = [
    ("string", STRING),
    ("number", NUMBER),
    ("bool", BOOL),
    ("any", ANY),
    ("list(string)", List(STRING)),
    ("set(number)", SetOf(NUMBER)),
    ("map(list(bool))", Map(List(BOOL))),
    ("tuple([string, number])", Tuple((STRING, NUMBER))),
    ("list", List(ANY)),
    ("map", Map(ANY)),
    ('"string"', STRING),
    ('"list"', List(ANY)),
    ('"map"', Map(ANY)),
    ('"map(string)"', Map(STRING)),
    ("(string)", STRING),
    ("object({})", Object({})),
    ('object({ a = string, "b" = list(any) })', Object({"a": Attribute(STRING), "b": Attribute(List(ANY))})),
    (
        'object({ a = optional(string), b = optional(number, "5") })',
        Object({"a": Attribute(STRING, True), "b": Attribute(NUMBER, True, 5)}),
    ),
    ("strings", ANY),
    ("list(a, b)", ANY),
    ("1", ANY),
    ('"list("', ANY),
]


@pytest.mark.parametrize(("written", "expected"), TYPES)
def test_a_type_constraint_is_read(written: str, expected: Type) -> None:
    assert parse_type(parse_expression(written)) == expected


def test_the_default_of_an_attribute_is_evaluated_by_whoever_can() -> None:
    read = parse_type(parse_expression("object({ a = optional(list(string), [1]) })"), lambda _: (1, 2))
    assert read == Object({"a": Attribute(List(STRING), True, ("1", "2"))})


def test_a_value_is_converted_to_a_type_nested_without_end_so_far_as_it_goes() -> None:
    deep: Type = ANY
    value: Value = "x"
    for _ in range(300):
        deep = List(deep)
        value = (value,)
    depth = 0
    converted = convert(value, deep)
    while isinstance(converted, tuple):
        converted = converted[0]
        depth += 1
    assert depth >= 100


PERSON = Object({"name": Attribute(STRING), "age": Attribute(NUMBER, True, 7), "nick": Attribute(STRING, True)})

CONVERSIONS: list[tuple[Value, Type, Value]] = [
    (1, STRING, "1"),
    (Decimal("1.50"), STRING, "1.5"),
    (Decimal("1e21"), STRING, "1000000000000000000000"),
    (True, STRING, "true"),
    ("5", NUMBER, 5),
    ("5.0", NUMBER, 5),
    ("true", BOOL, True),
    ("0", BOOL, False),
    (None, STRING, None),
    (U, NUMBER, U),
    (NULLABLE, NUMBER, NULLABLE),
    (Marked(1), STRING, Marked("1")),
    ((1, True), List(STRING), ("1", "true")),
    (("b", "a", "b"), SetOf(STRING), Set(("a", "b"))),
    (("10", "9"), SetOf(NUMBER), Set((9, 10))),
    (Set(("a", "b")), List(STRING), ("a", "b")),
    (("a", U), List(STRING), ("a", U)),
    (("a", U), SetOf(STRING), U),
    (("a", Marked("b")), SetOf(STRING), Marked(Set(("a", "b")))),
    ({"a": 1}, Map(STRING), {"a": "1"}),
    ({"a": 1, "b": None}, Map(STRING), {"a": "1", "b": None}),
    ({"a": 1, "b": "x"}, Map(ANY), {"a": "1", "b": "x"}),
    ((1, "x"), List(ANY), ("1", "x")),
    ((1, "x"), ANY, (1, "x")),
    (PartialMap({"a": 1}, {"b": WHY}, ""), Map(STRING), PartialMap({"a": "1"}, {"b": WHY}, "")),
    (("a", 1), Tuple((STRING, STRING)), ("a", "1")),
    ({"name": 1}, PERSON, {"name": "1", "age": 7, "nick": None}),
    ({"name": "x", "age": None, "more": 1}, PERSON, {"name": "x", "age": 7, "nick": None}),
    ({"name": "x", "age": "3", "nick": "y"}, PERSON, {"name": "x", "age": 3, "nick": "y"}),
    ({"name": "x", "age": NULLABLE}, PERSON, {"name": "x", "age": U, "nick": None}),
    (
        PartialMap({"name": "x"}, {"age": WHY}, ""),
        PERSON,
        {"name": "x", "age": Unknown(WHY), "nick": None},
    ),
    (PartialMap({}, {}, WHY), PERSON, {"name": NULLABLE, "age": Unknown(WHY), "nick": NULLABLE}),
    (({"name": "x"},), List(PERSON), ({"name": "x", "age": 7, "nick": None},)),
]


@pytest.mark.parametrize(("value", "type_", "expected"), CONVERSIONS)
def test_a_value_is_converted(value: Value, type_: Type, expected: Value) -> None:
    assert convert(value, type_) == expected


REFUSED: list[tuple[Value, Type, str]] = [
    ("x", NUMBER, "a number is required"),
    (True, NUMBER, "a number is required, not a bool"),
    (1, BOOL, "a bool is required, not a number"),
    ("TRUE", BOOL, "a bool is required"),
    (("a",), STRING, "a string is required, not a list"),
    ("a", List(STRING), "a list of string is required, not a string"),
    ({"a": 1}, List(ANY), "a list of any is required, not a map"),
    (("a",), Map(STRING), "a map is required, not a list"),
    ({"age": 1}, PERSON, 'the attribute "name" is required'),
    (PartialMap({}, {"age": WHY}, ""), PERSON, 'the attribute "name" is required'),
    (("a",), Tuple((STRING, STRING)), "a tuple of 2 elements is required, this has 1"),
    ((1, True), List(ANY), "a bool and a number have no type in common"),
    ((1, (1,)), List(ANY), "a number and a list have no type in common"),
]


@pytest.mark.parametrize(("value", "type_", "words"), REFUSED)
def test_what_terraform_refuses_is_refused(value: Value, type_: Type, words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        convert(value, type_)


UNIFIED: list[tuple[str, list[Value], tuple[Value, ...]]] = [
    ("a number beside a text", [1, "a"], ("1", "a")),
    ("a boolean beside a text", [True, "a"], ("true", "a")),
    ("a null", [1, None], (1, None)),
    ("objects of other keys are maps", [{"a": 1}, {"a": 1, "b": "x"}], ({"a": "1"}, {"a": "1", "b": "x"})),
    (
        "objects of the same keys",
        [{"a": 1, "b": "x"}, {"a": "q", "b": "r"}],
        ({"a": "1", "b": "x"}, {"a": "q", "b": "r"}),
    ),
    ("objects that can be no maps", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], ({"a": 1, "b": "x"}, {"a": 2, "b": "y"})),
    ("tuples of other lengths are lists", [(1, 2), ("a",)], (("1", "2"), ("a",))),
    ("tuples of one length", [(1, 2), ("a", "b")], (("1", "2"), ("a", "b"))),
    ("a tuple beside a set", [("b", "a"), Set(("c",))], (Set(("a", "b")), Set(("c",)))),
    ("no tuple at all beside a set", [Set(("a",)), ()], (Set(("a",)), Set(()))),
    ("an empty object beside another", [{}, {"a": 1}], ({}, {"a": 1})),
    ("texts beside something unknown", ["a", U], ("a", U)),
    ("a number beside something unknown", [1, U], (U, U)),
    ("numbers in a map beside something unknown", [{"a": 1, "b": "x"}, U], ({"a": U, "b": "x"}, U)),
    ("a list that would be another set", [("b", "a"), U], (U, U)),
    ("a list that would be the same set", [("a", "b"), U], (("a", "b"), U)),
    ("a sensitive number beside a text", [Marked(1), "a"], (Marked("1"), "a")),
    (
        "a map that is half known",
        [{"a": 1, "b": "x"}, PartialMap({"c": "y"}, {}, WHY)],
        ({"a": U, "b": "x"}, PartialMap({"c": "y"}, {}, WHY)),
    ),
]


@pytest.mark.parametrize(("values", "expected"), [row[1:] for row in UNIFIED], ids=[row[0] for row in UNIFIED])
def test_values_get_one_type(values: list[Value], expected: tuple[Value, ...]) -> None:
    assert unify(values) == expected


def test_what_turns_on_map_or_object_is_unknown_and_the_rest_is_not() -> None:
    """Were the first a map of numbers, the 3 would become "3"; as an object it stays."""
    first, second = unify([{"a": 1, "b": 2}, {"a": "x", "b": 3}])
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["a"], second["a"]) == ("1", "x")
    assert isinstance(first["b"], Unknown)
    assert isinstance(second["b"], Unknown)


@pytest.mark.parametrize("values", [[1, True], ["a", (1,)], [(), {"a": 1}], [{"a": 1}, "x"], [(1,), (True, False)]])
def test_values_without_a_common_type_are_refused(values: list[Value]) -> None:
    with pytest.raises(EvaluationError, match="no type in common"):
        unify(values)


def test_values_nested_without_end_are_unified_in_no_time() -> None:
    left: Value = 1
    right: Value = "x"
    for _ in range(150):
        left, right = {"a": left, "b": 1}, {"a": right, "b": 2}
    assert len(unify([left, right])) == 2


def test_what_two_values_agree_on() -> None:
    assert agree({"a": 1, "b": 2}, {"a": 1, "b": 3}, WHY) == {"a": 1, "b": U}
    assert agree({"a": 1}, {"b": 1}, WHY) == PartialMap({}, {"a": WHY, "b": WHY}, "")
    assert agree((1, 2), (1, 3), WHY) == (1, U)
    assert agree(1, None, WHY) == NULLABLE
    assert agree(1, "1", WHY) == U
    assert agree(Marked(1), 1, WHY) == Marked(1)


def test_loosened_values_keep_their_texts_and_keys() -> None:
    assert loosen({"a": "x", "b": 1, "c": ("b", "a"), "d": ("a", "b")}, WHY) == {
        "a": "x",
        "b": U,
        "c": U,
        "d": ("a", "b"),
    }


ARITHMETIC: list[tuple[str, numbers.Operator, str, str]] = [
    ("0.1", "+", "0.2", "0.3"),
    ("0.1", "*", "3", "0.3"),
    ("1.1", "*", "1.1", "1.21" + "0" * 151 + "1"),
    ("1", "/", "3", "0." + "3" * 154 + "5"),
    ("2", "/", "3", "0." + "6" * 153 + "7"),
    ("7.5", "%", "2", "1.5"),
    ("-7", "%", "3", "-1"),
    ("5", "%", "0", "5"),
    ("0", "/", "-5", "-0"),
    ("1", "/", "1e300", "0." + "0" * 299 + "1"),
    ("9", "-", "10", "-1"),
    ("6", "/", "3", "2"),
]


@pytest.mark.parametrize(("left", "operator", "right", "expected"), ARITHMETIC)
def test_arithmetic_has_the_digits_of_terraform(
    left: str, operator: numbers.Operator, right: str, expected: str
) -> None:
    one, other = numbers.parse(left), numbers.parse(right)
    assert one is not None
    assert other is not None
    assert numbers.text(numbers.arithmetic(operator, one, other)) == expected


def test_a_division_by_zero_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="division by zero"):
        numbers.arithmetic("/", 1, 0)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20).filter(lambda number: abs(number) < 10**100))
def test_a_number_reads_back_as_the_text_that_it_is_written_as(number: Decimal) -> None:
    normal = numbers.normal(number)
    assert numbers.parse(numbers.text(normal)) == normal == number


@given(st.integers(-(10**200), 10**200), st.integers(1, 10**200))
def test_a_quotient_is_the_shortest_text_of_its_float(left: int, right: int) -> None:
    quotient = numbers.arithmetic("/", left, right)
    assert numbers.normal(quotient) == quotient
    assert numbers.rounded(numbers.exactly(quotient)) == quotient
