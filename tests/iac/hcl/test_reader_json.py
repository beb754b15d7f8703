"""The reader on JSON: what Terraform's own reader makes of a property depends on who asks for it."""

from decimal import Decimal
from typing import Any

import pytest

from costguard.iac.hcl import parse, tree
from tests.iac.hcl.test_reader import plain


def locals_(text: str) -> Any:
    """The value of the one local ``a`` of a file."""
    (block,) = read(f'{{"locals": {{"a": {text}}}}}').blocks("locals")
    return block.body.attributes["a"].value


def read(source: str, name: str = "main.tf.json") -> tree.Body:
    file = parse(source.encode(), name)
    assert file.json
    assert not file.problems
    return file.body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1.50", Decimal("-1.5")),
        ("1e3", 1000),
        ("true", True),
        ("null", None),
        (r'"a\n\"\\\/\u00e9\ud83d\ude00"', 'a\n"\\/é😀'),
        (r'"\ud800x"', "\ufffdx"),
        ('"e\u0301"', "\u00e9"),
        ('"${x.y}"', "<x.y>"),
        ('"a ${x} $${y}"', ("Template", ("a ", "<x>", " ${y}"))),
        (r'"${f(\"b\")}"', ("Call", "f", ("b",), False)),
        ('"$${x}"', "${x}"),
        ('"%{ if a }b%{ endif }"', ("Template", (("TemplateIf", "<a>", ("b",), ()),))),
        ('[1, "${x}"]', ("Tuple", (1, "<x>"))),
        (
            '{"b": 1, "${k}": 2, "//": 3, "a-${k}": 4}',
            (
                "Object",
                (
                    ("ObjectItem", "b", 1),
                    ("ObjectItem", ("Parentheses", "<k>"), 2),
                    ("ObjectItem", "//", 3),  # a comment only in a body
                    ("ObjectItem", ("Template", ("a-", "<k>")), 4),
                ),
            ),
        ),
    ],
)
def test_values(text: str, expected: Any) -> None:
    value = plain(locals_(text))
    assert value == expected
    assert type(value) is type(expected)


def labels(body: tree.Body, name: str, count: int) -> list[tuple[str, ...]]:
    return [block.labels for block in body.blocks(name, count)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"resource": {"a": {"b": {}, "c": {}}, "d": {"e": {}}}}', [("a", "b"), ("a", "c"), ("d", "e")]),
        ('{"resource": [{"a": {"b": {}}}, {"a": {"c": {}}}]}', [("a", "b"), ("a", "c")]),
        ('{"resource": {"a": [{"b": {}}, {"c": {}}]}}', [("a", "b"), ("a", "c")]),
        ('{"resource": {"a": {"b": [{}, {}]}}}', [("a", "b"), ("a", "b")]),
        ('{"resource": {"a": {"b": {}}}, "resource": {"a": {"c": {}}}}', [("a", "b"), ("a", "c")]),
        ('[{"resource": {"a": {"b": {}}}}, {"resource": {"a": {"c": {}}}}]', [("a", "b"), ("a", "c")]),
        ('{"resource": null}', []),
        ('{"resource": {"a": {"b": null}}}', []),
        ('{"//": {"resource": {"a": {"b": {}}}}}', []),
    ],
)
def test_objects_and_arrays_of_objects_are_blocks(source: str, expected: list[tuple[str, ...]]) -> None:
    assert labels(read(source), "resource", 2) == expected


def test_a_property_is_an_argument_or_blocks_as_it_is_asked_for() -> None:
    (resource,) = read('{"resource": {"a": {"b": {"tags": {"k": "v"}, "//": "no", "n": 1}}}}').blocks("resource", 2)
    assert list(resource.body.attributes) == ["tags", "n"]
    assert plain(resource.body.attributes["tags"].value) == ("Object", (("ObjectItem", "k", "v"),))
    (tags,) = resource.body.blocks("tags")
    assert plain(tags.body.attributes["k"].value) == "v"
    assert list(resource.body.block_types()) == ["tags"]


def test_spans_are_those_on_disk() -> None:
    source = '{"resource": {"a": {"b": {\n "n": "é${x.y}",\n "m": "\\n${z[\\"k\\"]}"}}}}'
    file = parse(source.encode(), "main.tf.json")
    (block,) = file.body.blocks("resource", 2)

    def text(node: Any) -> str:
        return source.encode()[node.start : node.end].decode()

    assert text(block).startswith('{\n "n"')
    assert text(block).endswith('"}')
    name, escaped = block.body.attributes.values()
    assert text(name) == '"n": "é${x.y}"'
    assert text(name.value) == '"é${x.y}"'
    assert isinstance(name.value, tree.Template)
    assert text(name.value.parts[1]) == "x.y"
    assert file.line(name.start) == 2
    assert isinstance(escaped.value, tree.Template)
    assert text(escaped.value.parts[1]) == 'z[\\"k\\"]'


def test_a_file_of_variables_and_a_default_are_taken_by_the_letter() -> None:
    """Terraform evaluates them without anything to refer to, and then reads no template."""
    assert plain(read('{"a": "${x}"}', "terraform.tfvars.json").attributes["a"].value) == "${x}"
    source = '{"variable": {"v": {"default": "${x}", "validation": {"condition": "${var.v}"}}}}'
    (variable,) = read(source).blocks("variable", 1)
    assert plain(variable.body.attributes["default"].value) == "${x}"
    (validation,) = variable.body.blocks("validation")
    assert plain(validation.body.attributes["condition"].value) == "<var.v>"


def test_a_text_that_is_no_template_is_opaque() -> None:
    assert isinstance(locals_('"x ${"'), tree.Opaque)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("", 1, "it isn't JSON"),
        ('{\n"a": 1,\n}', 3, "it isn't JSON"),
        ('{"a": 1} // c', 1, "Extra data"),
        ('{"a": 1}\n{}', 2, "Extra data"),
        ("{'a': 1}", 1, "property name"),
        ('{"a": 01}', 1, "it isn't JSON"),
        ('{"a": "\\q"}', 1, "escape"),
        ('{"a": 1,\n "\\uzzzz": 2}', 2, "escape"),
        ('{"a": "b\nc"}', 1, "control character"),
        ('\ufeff{"a": 1}', 1, "it isn't JSON"),  # Terraform refuses the mark here
        ('{"a": NaN}', 1, "it isn't JSON"),
        ('"a"', 1, "an object"),
        ("a = 1", 1, "it isn't JSON"),
        ('{"a":' * 150 + "1" + "}" * 150, 1, "nested more than 100 deep"),
        ("[" * 100_000, 1, "nested more than 100 deep"),
    ],
)
def test_what_is_no_json_has_its_place_and_a_reason(source: str, line: int, words: str) -> None:
    file = parse(source.encode(), "main.tf.json")
    (problem,) = file.problems
    assert problem.line == line
    assert words in problem.message
    assert not file.body.attributes
    assert not list(file.body.block_types())


def test_bytes_that_are_no_text_are_a_problem() -> None:
    assert parse(b'{"a":\n"\xff"}', "a.tf.json").problems == (tree.Problem(2, "it isn't a text in UTF-8"),)


def test_the_name_tells_the_syntax_and_the_caller_may_know_better() -> None:
    assert parse(b"{}", "a.tfvars.json").json
    assert not parse(b"", "a.tf").json
    assert parse(b"{}", "-", json=True).json
