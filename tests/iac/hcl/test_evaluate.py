# ruff: noqa: E501 - a row of a table stands on one line
"""Expressions in three-valued logic: what isn't known spreads no further than it must, and never becomes a guess.

Each row is an expression over names of which some aren't known; what it gives was reasoned by hand from what Terraform
does for every value that the unknown may turn out to have.
"""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.iac.hcl import parse_expression
from costguard.iac.hcl.evaluate import Reference, either, evaluate
from costguard.iac.hcl.values import (
    EvaluationError,
    Marked,
    PartialMap,
    Set,
    Unknown,
    Value,
    is_known,
    mark,
    unmark,
    unmark_deep,
)
from tests.iac.hcl.test_function_laws import KEYS, UNKNOWN, VALUES, admits, weakened

FAILS = "it fails"


class Names:
    """A scope of plain values; functions see no files."""

    root = Path("/module")

    def __init__(self, **values: Value) -> None:
        self.values = values
        self.spent = 0

    @property
    def host(self) -> "Names":
        return self

    def path(self, text: str) -> Path | None:
        return None

    def template(self, text: str, variables: Value) -> Value:
        return UNKNOWN

    def name(self, name: str) -> "Value | Reference":
        if name not in self.values:
            raise EvaluationError(f"there is no {name}")
        return self.values[name]

    def spend(self, steps: int) -> None:
        self.spent += steps


KNOWN: dict[str, Value] = {
    "t": True,
    "f": False,
    "n": 7,
    "s": "x",
    "nothing": None,
    "list": ("a", "b"),
    "map": {"a": "1", "b": "2"},
    "objects": ({"k": "a", "v": "1"}, {"k": "b", "v": "2"}),
    "set": Set(("a", "b")),
}
OPEN: dict[str, Value] = {
    "u": UNKNOWN,
    "partial": PartialMap({"a": "1"}, {"b": "perhaps"}),
    "open": PartialMap({"a": "1"}, {}, "anything else"),
    "holes": {"a": UNKNOWN, "b": "2"},
    "secret": Marked("hunter2"),
}


def given_(text: str) -> "Value | str":
    try:
        return evaluate(parse_expression(text), Names(**KNOWN, **OPEN))
    except EvaluationError:
        return FAILS


DECIDED: list[tuple[str, Value]] = [
    ("f && u", False),
    ("u && f", False),
    ("t || u", True),
    ("u || t", True),
    ("!t", False),
    ("t ? s : u", "x"),
    ("u ? s : s", "x"),
    ('t ? 1 : "a"', "1"),
    ('f ? "a" : true', "true"),
    ("1 == 1.0", True),
    ('1 == "1"', False),
    ("true == 1", False),
    ("nothing == null", True),
    ("s == null", False),
    ('"a" != "b"', True),
    ("[1] == [2]", False),
    ("[[1]] == [[1], [2]]", False),
    ('[u, 1][1]', 1),
    ("holes.b", "2"),
    ("partial.a", "1"),
    ('open["a"]', "1"),
    ('{ a = u, a = "2" }', {"a": "2"}),
    ("list[1]", "b"),
    ('list["1"]', "b"),
    ("map.a", "1"),
    ('{ "1" = "x" }[1]', "x"),
    ("objects[*].k", ("a", "b")),
    ("objects.*.v", ("1", "2")),
    ("map[*].a", ("1",)),
    ("nothing[*].a", ()),
    ("set[*]", ("a", "b")),
    ("[{ l = [{ x = 1 }] }, { l = [] }][*].l[*].x", ((1,), ())),
    ("[for o in objects : o.v if o.k != s]", ("1", "2")),
    ("{ for k, v in map : v => k }", {"1": "a", "2": "b"}),
    ("{ for o in objects : o.k => o.v... }", {"a": ("1",), "b": ("2",)}),
    ("[for i, s in list : i]", (0, 1)),
    ("[for s in list : upper(s)]", ("A", "B")),
    ('"%{ for k, v in map }${k}=${v};%{ endfor }"', "a=1;b=2;"),
    ('"%{ if u == null || t }y%{ else }n%{ endif }"', "y"),
    ("try(map.c, list[9], s)", "x"),
    ("can(map.c)", False),
    ("can(map.a)", True),
    ("try(holes.b, u)", "2"),
    ("merge(open, { a = 2 }).a", 2),
    ("7 / 2", Decimal("3.5")),
    ("-n + 1", -6),
    ('"${nothing == null}"', True),
    ('"-${nothing == null}"', "-true"),
    ("max([1, 2]...)", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DECIDED, ids=[text for text, _ in DECIDED])
def test_what_is_decided_is_known(text: str, expected: Value) -> None:
    found = given_(text)

    assert found == expected
    assert not isinstance(found, Unknown)


UNDECIDED = [
    "u", "u && t", "u && map.c", "u || nothing", "f || u", "!u", "u + 1", "u == 1", "u == null", "u ? s : n", "u[0]", "u.a", "u[*].a", "list[u]",
    "map[u]", '"${s}-${u}"', "open.c", "partial.b", "[for x in u : x]", "[for s in list : s if s == u]", "upper(u)",
    "max(u...)", "try(u, s)", "try(u.a, s)", "can(u.a)", "try(upper(u), s)", 'try("${u}", s)', "list == list",
    "map == map", '[] == []', '"%{ if u }y%{ endif }"', '"%{ for x in u }y%{ endfor }"', "try(t && upper(u) == s, f)",
    "[u] == [u]", "try(u ? map.c : s, n)", "[for k, v in open : k]",
]  # fmt: skip


@pytest.mark.parametrize("text", UNDECIDED)
def test_what_is_not_decided_is_unknown(text: str) -> None:
    assert isinstance(given_(text), Unknown)


WRONG = [
    "gone", "map.c", "list[2]", "list[-1]", "list[0.5]", "s.a", "s[0]", "nothing.a", "nothing[0]", "set[0]", "1 + s",
    "!s", '"-${nothing}"', '"-${list}"', "s ? 1 : 2", "nothing ? 1 : 2", "null && true", "[for x in s : x]", "1 < nothing",
    '{ for s in ["a", "a"] : s => 1 }', "{ (nothing) = 1 }", "{ (list) = 1 }", "max(s...)", "try()", "try(map.c)",
    "can()", "u ? map.c : list[9]", "n.a", "partial.c",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_where_terraform_would_stop_it_fails(text: str) -> None:
    assert given_(text) == FAILS


PARTLY: list[tuple[str, Value]] = [
    ('{ a = u, b = s }', {"a": UNKNOWN, "b": "x"}),
    ('{ (u) = s, b = s }', PartialMap({"b": "x"}, {}, UNKNOWN.reason)),
    ('{ b = s, (u) = s }', PartialMap({"b": UNKNOWN}, {}, UNKNOWN.reason)),
    ('{ "k8s/${u}" = s, b = s }', PartialMap({"b": "x"}, {"k8s/*": UNKNOWN.reason})),
    ("u ? map : {}", PartialMap({}, {"a": UNKNOWN.reason, "b": UNKNOWN.reason})),
    ('u ? map : { a = "1", c = "3" }', PartialMap({"a": "1"}, {"b": UNKNOWN.reason, "c": UNKNOWN.reason})),
    ("u ? map : null", Unknown(UNKNOWN.reason, nullable=True)),
    ("u ? null : null", None),
    ("u ? list : [s, s]", (UNKNOWN, UNKNOWN)),
    ("u ? map.c : s", "x"),
    ("{ for k, v in open : k => v }", PartialMap({"a": "1"}, {}, "anything else")),
    ("{ for k, v in partial : k => v }", PartialMap({"a": "1"}, {"b": "perhaps"})),
    ("{ for k, v in partial : upper(k) => v }", PartialMap({"A": "1"}, {}, "perhaps")),
    ("{ for k, v in map : k => v if k == u }", PartialMap({}, {"a": UNKNOWN.reason, "b": UNKNOWN.reason})),
    ('{ for k, v in map : "${k}-${u}" => v }', PartialMap({}, {"a-*": UNKNOWN.reason, "b-*": UNKNOWN.reason})),
    ("{ for k in u : k => 1 }", PartialMap({}, {}, UNKNOWN.reason)),
    ("{ for k in u : k => 1... }", PartialMap({}, {}, UNKNOWN.reason)),
    ("merge(map, u...)", PartialMap({"a": UNKNOWN, "b": UNKNOWN}, {}, UNKNOWN.reason)),
    ("try({ a = upper(u) }, {})", PartialMap({}, {"a": UNKNOWN.reason})),
    ("try(holes, {})", {"a": UNKNOWN, "b": "2"}),
    ("try(u, nothing)", Unknown(UNKNOWN.reason, nullable=True)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PARTLY, ids=[text for text, _ in PARTLY])
def test_what_is_partly_known_keeps_what_is(text: str, expected: Value) -> None:
    assert given_(text) == expected


SECRET = [
    "secret", '"a${secret}"', 'secret == "x"', 'secret == "x" ? 1 : 2', "upper(secret)", "!(secret == s)", "[secret][0]",
    '{ a = secret }["a"]', '"%{ if secret == s }y%{ endif }"', "{ a = secret }.a", "{ (secret) = 1 }",
    'secret == "hunter2" && t', 'u ? secret : s', "try(secret, s)", '{ for k in [secret] : k => 1 }', "-length(secret)",
]  # fmt: skip


@pytest.mark.parametrize("text", SECRET)
def test_what_is_made_of_a_secret_is_one(text: str) -> None:
    found = given_(text)

    assert found != FAILS
    assert unmark(found)[1]


@pytest.mark.parametrize("text", ["map[secret]", "[1][secret]", "tonumber(secret)", '{ for k in [secret, secret] : k => 1 }'])  # fmt: skip
def test_no_error_tells_a_secret(text: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        evaluate(parse_expression(text), Names(**KNOWN, **OPEN))

    assert "hunter2" not in str(raised.value)


# --- laws

NAMES = ("a", "b", "c")
LEAVES = st.sampled_from((*NAMES, "true", "false", "null", "1", '"x"', '""', "[]", "{}", '"a"'))


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    three = st.tuples(inner, inner, inner)
    key = KEYS.filter(str.isalpha)
    return st.one_of(
        two.map(lambda p: f"({p[0]} && {p[1]})"),
        two.map(lambda p: f"({p[0]} || {p[1]})"),
        two.map(lambda p: f"({p[0]} == {p[1]})"),
        two.map(lambda p: f"({p[0]} < {p[1]})"),
        three.map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        two.map(lambda p: f"try({p[0]}, {p[1]})"),
        inner.map(lambda p: f"can({p})"),
        inner.map(lambda p: f"!{p}"),
        st.tuples(inner, key).map(lambda p: f"({p[0]}).{p[1]}"),
        two.map(lambda p: f"({p[0]})[{p[1]}]"),
        st.tuples(inner, key).map(lambda p: f"({p[0]})[*].{p[1]}"),
        two.map(lambda p: f"[{p[0]}, {p[1]}]"),
        three.map(lambda p: f"{{ a = {p[0]}, ({p[1]}) = {p[2]} }}"),
        two.map(lambda p: f'"${{{p[0]}}}-${{{p[1]}}}"'),
        two.map(lambda p: f"merge({p[0]}, {p[1]})"),
        three.map(lambda p: f"{{ for k, v in {p[0]} : k => {p[1]} if {p[2]} }}"),
        two.map(lambda p: f"{{ for k, v in {p[0]} : {p[1]} => v }}"),
        two.map(lambda p: f"{{ for k, v in {p[0]} : {p[1]} => v... }}"),
        two.map(lambda p: f"[for k, v in {p[0]} : {p[1]}]"),
        two.map(lambda p: f'"%{{ for v in {p[0]} }}${{v}}${{{p[1]}}}%{{ endfor }}"'),
        inner.map(lambda p: f"upper({p})"),
        inner.map(lambda p: f"keys({p})"),
        inner.map(lambda p: f"length({p})"),
    )


EXPRESSIONS = st.recursive(LEAVES | st.sampled_from(("k", "v", *NAMES)), compound, max_leaves=8)


@settings(max_examples=1_000, deadline=None)
@given(text=EXPRESSIONS, values=st.tuples(VALUES, VALUES, VALUES), data=st.data())
def test_what_is_less_known_gives_a_result_that_is_less_known_and_never_another(
    text: str, values: tuple[Value, ...], data: st.DataObject
) -> None:
    expression = parse_expression(text)
    at = data.draw(st.integers(0, 2))
    less = (*values[:at], data.draw(weakened(values[at])), *values[at + 1 :])
    outcomes: list[Value | EvaluationError] = []
    for each in (values, less):
        try:
            found = evaluate(expression, Names(**dict(zip(NAMES, each, strict=True))))
            outcomes.append(unmark_deep(found)[0])
        except EvaluationError as error:
            outcomes.append(error)
    strong, weak = outcomes
    if isinstance(weak, EvaluationError):
        assert isinstance(strong, EvaluationError | Unknown), f"{text} with {less}: {weak}; with {values}: {strong}"
    elif not isinstance(strong, EvaluationError):
        assert admits(weak, strong), f"{text} with {less}: {weak}; with {values}: {strong}"


@settings(max_examples=300, deadline=None)
@given(one=VALUES, other=VALUES, first=st.booleans())
def test_one_of_two_admits_both(one: Value, other: Value, first: bool) -> None:
    assert admits(either(one, other, "?"), one if first else other)


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_one_of_two_that_are_the_same_is_it(value: Value) -> None:
    found = either(value, value, "?")

    assert admits(found, value)
    assert not is_known(found) or found == value


@settings(max_examples=300, deadline=None)
@given(text=EXPRESSIONS, values=st.tuples(VALUES, VALUES, VALUES))
def test_a_mark_changes_no_value(text: str, values: tuple[Value, ...]) -> None:
    """What is computed of secrets is what would be computed of the same values in clear, where it is decided."""
    expression = parse_expression(text)
    outcomes: list[Value] = []
    for each in (values, tuple(map(mark, values))):
        try:
            outcomes.append(unmark_deep(evaluate(expression, Names(**dict(zip(NAMES, each, strict=True)))))[0])
        except EvaluationError:
            outcomes.append(UNKNOWN)
    plain, marked = outcomes
    if plain != UNKNOWN and marked != UNKNOWN:
        assert admits(marked, plain) or admits(plain, marked)
