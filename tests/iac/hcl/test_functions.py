"""Functions of values of which not everything is known: what is still certain, and what isn't."""

from pathlib import Path

import pytest

from costguard.iac.hcl.functions import call
from costguard.iac.hcl.values import EvaluationError, Marked, PartialMap, Set, Unknown, Value

WHY = "only after apply"
U = Unknown(WHY)
NULLABLE = Unknown(WHY, nullable=True)


class Module:
    """A module with one file."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, text: str) -> Path | None:
        found = (self.root / text).resolve()
        return found if found.is_relative_to(self.root) else None

    def template(self, text: str, variables: Value) -> Value:
        return (text, variables)


HOST = Module(Path("/module"))

MERGES: dict[str, tuple[list[Value], Value]] = {
    "a key of the last map stays whatever an earlier one holds": (
        [U, {"a": 1}],
        PartialMap({"a": 1}, {}, WHY),
    ),
    "a key stays and its value may be overridden": ([{"a": 1}, U], PartialMap({"a": U}, {}, WHY)),
    "a map that may be null may also add keys": ([{"a": 1}, NULLABLE], PartialMap({"a": U}, {}, WHY)),
    "null adds nothing": ([{"a": 1}, None, {"b": 2}], {"a": 1, "b": 2}),
    "the certain entries of a partial map count": (
        [{"a": 1, "b": 1}, PartialMap({"b": 2}, {}, WHY)],
        PartialMap({"a": U, "b": 2}, {}, WHY),
    ),
    "a key that may be there may override": (
        [{"a": 1, "b": 1}, PartialMap({}, {"b": WHY, "c": WHY})],
        PartialMap({"a": 1, "b": U}, {"c": WHY}),
    ),
    "keys that begin alike may override": (
        [{"k8s/x": 1, "a": 1}, PartialMap({}, {"k8s/*": WHY})],
        PartialMap({"k8s/x": U, "a": 1}, {"k8s/*": WHY}),
    ),
    "a key that may be there is there when a later map has it": ([PartialMap({}, {"a": WHY}), {"a": 1}], {"a": 1}),
    "an unknown value is a value": ([{"a": U}, {"b": 1}], {"a": U, "b": 1}),
    "a value that is sensitive stays it": ([{"a": Marked("x")}, {"b": 1}], {"a": Marked("x"), "b": 1}),
    "a sensitive map makes all of it sensitive": ([Marked({"a": 1}), {"b": 1}], Marked({"a": 1, "b": 1})),
    "nothing is an empty map": ([], {}),
    "an unknown alone is some map": ([U], PartialMap({}, {}, WHY)),
}


@pytest.mark.parametrize("case", MERGES)
def test_merge(case: str) -> None:
    maps, expected = MERGES[case]
    assert call("merge", maps, HOST) == expected


OPEN = PartialMap({"a": "x", "n": 1}, {"m": WHY}, "")
CERTAIN: list[tuple[str, list[Value], Value]] = [
    ("lookup", [PartialMap({"a": "x"}, {}, WHY), "a", "d"], "x"),
    ("lookup", [{"a": U}, "b", "d"], "d"),
    ("lookup", [OPEN, "z", "d"], "d"),
    ("contains", [("a", U), "a"], True),
    ("element", [("a", U), 0], "a"),
    ("element", [("a", U), 2], "a"),
    ("length", [("a", U)], 2),
    ("length", [{"a": U}], 1),
    ("keys", [{"b": U, "a": 1}], ("a", "b")),
    ("values", [{"b": U, "a": 1}], (1, U)),
    ("concat", [("a",), (U,)], ("a", U)),
    ("flatten", [(("a",), {"b": U})], ("a", {"b": U})),
    ("zipmap", [("a", "b"), (1, U)], {"a": 1, "b": U}),
    ("zipmap", [("a", "b"), U], {"a": U, "b": U}),
    ("zipmap", [("a", U), (1, 2)], PartialMap({"a": U}, {}, WHY)),
    ("zipmap", [(U, "a"), (1, 2)], PartialMap({"a": 2}, {}, WHY)),
    ("zipmap", [U, (1, 2)], PartialMap({}, {}, WHY)),
    ("tomap", [{"a": "x", "b": U}], {"a": "x", "b": U}),
    ("tomap", [PartialMap({"a": "x"}, {}, WHY)], PartialMap({"a": "x"}, {}, WHY)),
    ("tolist", [("a", U)], ("a", U)),
    ("coalesce", ["a", U], "a"),
    ("coalesce", [None, PartialMap({"a": "x"}, {}, WHY)], PartialMap({"a": "x"}, {}, WHY)),
    ("coalescelist", [("a",), U], ("a",)),
    ("alltrue", [(U, False)], False),
    ("anytrue", [(U, True)], True),
    ("index", [("a", U), "a"], 0),
    ("slice", [("a", "b", U), 0, 2], ("a", "b")),
    ("reverse", [("a", U)], (U, "a")),
    ("chunklist", [("a", U, "b"), 2], (("a", U), ("b",))),
    ("formatlist", ["%s!", ("a", U)], ("a!", U)),
    ("setproduct", [("a",), (U,)], (("a", U),)),
    ("one", [(U,)], U),
    ("map", ["a", 1, "b", "x"], {"a": "1", "b": "x"}),
    ("list", [1, "a"], ("1", "a")),
    ("sensitive", [PartialMap({"a": 1}, {}, WHY)], Marked(PartialMap({"a": 1}, {}, WHY))),
    ("core::lower", ["A"], "a"),
    ("urldecode", ["a%20b+c%2F"], "a b c/"),
    ("cidrcontains", ["10.0.0.0/8", "10.1.2.3"], True),
    ("cidrcontains", ["10.0.0.0/16", "10.1.0.0/24"], False),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CERTAIN)
def test_what_is_certain_in_spite_of_what_is_not_known(name: str, arguments: list[Value], expected: Value) -> None:
    assert call(name, arguments, HOST) == expected


UNCERTAIN: list[tuple[str, list[Value]]] = [
    ("lookup", [OPEN, "m", "d"]),
    ("lookup", [PartialMap({}, {}, WHY), "a", "d"]),
    ("lookup", [{"a": "x"}, U, "d"]),
    ("lookup", [U, "a", "d"]),
    ("keys", [PartialMap({"a": 1}, {}, WHY)]),
    ("keys", [OPEN]),
    ("values", [OPEN]),
    ("length", [OPEN]),
    ("length", [U]),
    ("contains", [("a", U), "b"]),
    ("contains", [("a",), U]),
    ("index", [(U, "a"), "a"]),
    ("element", [("a", "b"), U]),
    ("coalesce", [U, "a"]),
    ("coalesce", [NULLABLE, "a"]),
    ("coalesce", ["", U]),
    ("coalescelist", [U, ("a",)]),
    ("concat", [("a",), U]),
    ("flatten", [(("a",), U)]),
    ("join", [",", ("a", U)]),
    ("format", ["%s-%s", "a", U]),
    ("lower", [U]),
    ("lower", [NULLABLE]),
    ("toset", [("a", U)]),
    ("distinct", [("a", U)]),
    ("compact", [("a", U)]),
    ("sort", [("b", U)]),
    ("alltrue", [(U, True)]),
    ("anytrue", [(U, False)]),
    ("jsonencode", [{"a": U}]),
    ("jsonencode", [PartialMap({"a": 1}, {}, WHY)]),
    ("setunion", [Set(("a",)), U]),
]


@pytest.mark.parametrize(("name", "arguments"), UNCERTAIN)
def test_what_is_not_certain_is_unknown_for_the_first_reason(name: str, arguments: list[Value]) -> None:
    result = call(name, arguments, HOST)
    assert isinstance(result, Unknown)
    assert result.reason == WHY
    assert not result.nullable


def test_what_fails_in_any_case_fails_though_something_is_not_known() -> None:
    failing: list[tuple[str, list[Value]]] = [
        ("merge", [U, 1]),
        ("join", [(), U]),
        ("lower", [U, U]),
        ("zipmap", [("a",), (U, U)]),
    ]
    for name, arguments in failing:
        with pytest.raises(EvaluationError):
            call(name, arguments, HOST)


def test_the_types_of_unknown_values_leave_numbers_in_doubt() -> None:
    """If the value that isn't known is a text, the number beside it becomes one."""
    assert call("tolist", [(1, U)], HOST) == (U, U)
    assert call("tomap", [{"a": 1, "b": U}], HOST) == {"a": U, "b": U}
    assert call("tomap", [PartialMap({"a": 1}, {}, WHY)], HOST) == PartialMap({"a": U}, {}, WHY)


def test_an_unknown_that_is_passed_on_may_be_null_where_it_might_before() -> None:
    assert call("one", [U], HOST) == NULLABLE
    assert call("lookup", [U, "a", None], HOST) == NULLABLE
    assert call("tostring", [NULLABLE], HOST) == NULLABLE
    assert call("element", [(None, "a"), U], HOST) == NULLABLE


def test_an_error_names_the_function_and_what_is_wrong() -> None:
    with pytest.raises(EvaluationError, match=r"argument 1 of lower\(\): a string is required, not a list"):
        call("lower", [("a",)], HOST)
    with pytest.raises(EvaluationError, match=r"lower\(\) takes one argument, not 2"):
        call("lower", ["a", "b"], HOST)
    with pytest.raises(EvaluationError, match=r"argument 1 of lower\(\) must not be null"):
        call("lower", [None], HOST)
    with pytest.raises(EvaluationError, match=r"lookup\(\): there is no key \"b\""):
        call("lookup", [{"a": 1}, "b"], HOST)


def test_files_are_read_in_the_module_and_nowhere_else(tmp_path: Path) -> None:
    module = Module(tmp_path.resolve())
    (tmp_path / "a.txt").write_bytes(b"hello")
    (tmp_path / "folder").mkdir()
    assert call("file", ["a.txt"], module) == "hello"
    assert call("fileexists", ["a.txt"], module) is True
    assert call("templatefile", ["a.txt", {"x": 1}], module) == ("hello", {"x": 1})
    assert call("templatestring", ["${x}", {"x": U}], module) == ("${x}", {"x": U})
    for outside in ("../a.txt", "/etc/passwd", "~/.ssh/id_rsa", "absent.txt", "a\0b", "folder"):
        assert isinstance(call("file", [outside], module), Unknown)
        assert isinstance(call("filesha256", [outside], module), Unknown)
    for outside in ("../a.txt", "/etc/passwd", "absent.txt"):
        assert isinstance(call("fileexists", [outside], module), Unknown)
        assert isinstance(call("fileset", [outside, "*"], module), Unknown)
    assert isinstance(call("fileset", [".", "../*"], module), Unknown)


def test_a_folder_behind_a_symbolic_link_is_not_searched(tmp_path: Path) -> None:
    module = Module(tmp_path.resolve())
    (tmp_path / "a.txt").write_bytes(b"")
    assert call("fileset", [".", "*.txt"], module) == Set(("a.txt",))
    (tmp_path / "link").symlink_to("/")
    assert isinstance(call("fileset", [".", "**"], module), Unknown)
