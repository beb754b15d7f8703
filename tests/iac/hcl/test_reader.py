"""The reader on native syntax: each form, each known defect of the parser beneath, and what isn't HCL. What a form
means was worked out by hand from the language's specification, or asked of ``terraform console``."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from costguard.iac.hcl import MAX_BYTES, SyntaxProblem, parse, parse_expression, parse_template, tree


def plain(node: Any) -> Any:
    """A node as plain data: ``("Name", "a")``; a literal is its value, a reference ``a.b`` a text in angle brackets."""
    if isinstance(node, tuple):
        return tuple(plain(one) for one in node)
    if isinstance(node, tree.Literal):
        return node.value
    if isinstance(node, tree.Name):
        return f"<{node.name}>"
    if isinstance(node, tree.GetAttr) and isinstance(of := plain(node.of), str) and of.startswith("<"):
        return f"{of[:-1]}.{node.name}>"
    if isinstance(node, tree.Node):
        fields = [name for name in node.__struct_fields__ if name not in ("start", "end")]
        return (type(node).__name__, *(plain(getattr(node, name)) for name in fields))
    return node


def value(text: str) -> Any:
    return plain(parse_expression(text))


def only(source: str | bytes) -> tree.Attribute:
    """The one argument of a file."""
    file = parse(source.encode() if isinstance(source, str) else source, "main.tf")
    assert not file.problems
    (attribute,) = file.body.attributes.values()
    return attribute


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("007", 7),
        ("1.50", Decimal("1.5")),
        ("2.0", 2),
        ("1e3", 1000),
        ("1E-2", Decimal("0.01")),
        ("1.5e+2", 150),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("true", True),
        ("false", False),
        ("null", None),
        ('""', ""),
        (r'"a\n\r\t\"\\b"', 'a\n\r\t"\\b'),
        (r'"\u00e9\U0001F600"', "é😀"),
        ('"e\u0301"', "\u00e9"),  # Terraform normalizes every text
        ('"$${x} %%{x}"', "${x} %{x}"),
        ('"$$${x}"', "$${x}"),  # from three on, tree-sitter-hcl takes two for an escape and the third for a marker
        ('"$$$${x}"', "$$${x}"),
        ('"%%%{if}"', "%%{if}"),
        ('"a$"', "a$"),
        ('"5 % $ {"', "5 % $ {"),
        ('"${"a"}"', "a"),
        ('"${x}"', "<x>"),
        ('"${x.y}z"', ("Template", ("<x.y>", "z"))),
        ('"a ${~ x ~} b"', ("Template", ("a", "<x>", "b"))),
        ('"a ${ x ~} b ${~ y }"', ("Template", ("a ", "<x>", "b", "<y>"))),
    ],
)
def test_numbers_texts_and_constants(text: str, expected: Any) -> None:
    read = value(text)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a - b - c", ("Binary", "-", ("Binary", "-", "<a>", "<b>"), "<c>")),
        ("a + b * c", ("Binary", "+", "<a>", ("Binary", "*", "<b>", "<c>"))),
        ("a || b && c", ("Binary", "||", "<a>", ("Binary", "&&", "<b>", "<c>"))),
        ("a == b < c", ("Binary", "==", "<a>", ("Binary", "<", "<b>", "<c>"))),
        ("a <= b + c % d", ("Binary", "<=", "<a>", ("Binary", "+", "<b>", ("Binary", "%", "<c>", "<d>")))),
        ("a != b >= c", ("Binary", "!=", "<a>", ("Binary", ">=", "<b>", "<c>"))),
        ("a-b", "<a-b>"),
        ("-a.b", ("Unary", "-", "<a.b>")),
        ("!a == b", ("Binary", "==", ("Unary", "!", "<a>"), "<b>")),
        ("-a * -b", ("Binary", "*", ("Unary", "-", "<a>"), ("Unary", "-", "<b>"))),
        ("!!a", ("Unary", "!", ("Unary", "!", "<a>"))),
        ("(a + b) * c", ("Binary", "*", ("Parentheses", ("Binary", "+", "<a>", "<b>")), "<c>")),
        ("a ? b : c ? d : e", ("Conditional", "<a>", "<b>", ("Conditional", "<c>", "<d>", "<e>"))),
        ("(a ? b : c) ? d : e", ("Conditional", ("Parentheses", ("Conditional", "<a>", "<b>", "<c>")), "<d>", "<e>")),
        ("a ? b ? c : d : e", ("Conditional", "<a>", ("Conditional", "<b>", "<c>", "<d>"), "<e>")),
        (
            "a ? b : c ? d : e ? f : g",
            ("Conditional", "<a>", "<b>", ("Conditional", "<c>", "<d>", ("Conditional", "<e>", "<f>", "<g>"))),
        ),
        ("a == 1 ? b : c + 1", ("Conditional", ("Binary", "==", "<a>", 1), "<b>", ("Binary", "+", "<c>", 1))),
    ],
)
def test_operators_bind_as_in_terraform(text: str, expected: Any) -> None:
    assert value(text) == expected


def step(name: str = "", key: Any = None, nested: Any = None) -> Any:
    return ("SplatStep", name, key, nested)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("var.a.b", "<var.a.b>"),
        ("a[0]", ("Index", "<a>", 0)),
        ('a["b"].c', ("GetAttr", ("Index", "<a>", "b"), "c")),
        ("a.0.b", ("GetAttr", ("Index", "<a>", 0), "b")),
        ("a[b[0]]", ("Index", "<a>", ("Index", "<b>", 0))),
        ("f(a)[0].b", ("GetAttr", ("Index", ("Call", "f", ("<a>",), False), 0), "b")),
        ("a[*].b[0].c", ("Splat", "<a>", (step("b"), step(key=0), step("c")))),
        ("a[*]", ("Splat", "<a>", ())),
        ("a[ * ]", ("Splat", "<a>", ())),
        ("a.*.b", ("Splat", "<a>", (step("b"),))),
        # An index in brackets ends the attributes-only splat: it works on the list of all the b.
        ("a.*.b[0]", ("Index", ("Splat", "<a>", (step("b"),)), 0)),
        ("a.*.b[0].c", ("GetAttr", ("Index", ("Splat", "<a>", (step("b"),)), 0), "c")),
        ("a.*.b.0", ("Splat", "<a>", (step("b"), step(key=0)))),
        # [{b=[{c=1}]}][*].b[*].c is [[1]]: a splat after a full splat works on each element.
        ("a[*].b[*].c", ("Splat", "<a>", (step("b"), step(nested=(step("c"),))))),
        ("a[*].b.*.c[0]", ("Splat", "<a>", (step("b"), step(nested=(step("c"),)), step(key=0)))),
        ("a.*.b[*].c", ("Splat", ("Splat", "<a>", (step("b"),)), (step("c"),))),
    ],
)
def test_steps_and_splats(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", ("Call", "f", (), False)),
        ("f(a, b...)", ("Call", "f", ("<a>", "<b>"), True)),
        ("f(\n a,\n)", ("Call", "f", ("<a>",), False)),
        ("provider::aws::arn_parse(a)", ("Call", "provider::aws::arn_parse", ("<a>",), False)),
        ("[]", ("Tuple", ())),
        ("[a, 1,]", ("Tuple", ("<a>", 1))),
        ("{}", ("Object", ())),
        ("[for v in a : v]", ("For", "", "v", "<a>", None, "<v>", None, False)),
        ("[for k, v in a : v if k]", ("For", "k", "v", "<a>", None, "<v>", "<k>", False)),
        ("{for k, v in a : v => k...}", ("For", "k", "v", "<a>", "<v>", "<k>", None, True)),
        (
            "[for x in y : x ? a : b ? c : d]",
            (
                "For",
                "",
                "x",
                "<y>",
                None,
                ("Conditional", "<x>", "<a>", ("Conditional", "<b>", "<c>", "<d>")),
                None,
                False,
            ),
        ),
    ],
)
def test_calls_collections_and_for(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", "a"),
        ("a-b", "a-b"),
        ('"a b"', "a b"),
        ("true", "true"),
        ("null", "null"),
        ("if", "if"),
        ("1", 1),
        ("(a)", ("Parentheses", "<a>")),
        ("(a.b)", ("Parentheses", "<a.b>")),
        ('"${a}"', ("Parentheses", "<a>")),
        ('"${a}-b"', ("Template", ("<a>", "-b"))),
        ("a.b", "<a.b>"),  # which Terraform refuses when it evaluates it
    ],
)
def test_keys_of_objects(key: str, expected: Any) -> None:
    for separator in (" = ", "=", ": "):
        read = parse_expression(f"{{ {key}{separator}1 }}")
        assert isinstance(read, tree.Object)
        assert plain(read.items[0].key) == expected


def test_a_key_in_parentheses_on_a_new_line_is_no_argument_of_the_value_before_it() -> None:
    """tree-sitter-hcl, which doesn't see lines, takes this for the call ``x(b)``."""
    text = "{\n  a = x # y\n\n  (b) = f(1)\n  c = z\n  (d) = 2\n}"
    assert value(text) == (
        "Object",
        (
            ("ObjectItem", "a", "<x>"),
            ("ObjectItem", ("Parentheses", "<b>"), ("Call", "f", (1,), False)),
            ("ObjectItem", "c", "<z>"),
            ("ObjectItem", ("Parentheses", "<d>"), 2),
        ),
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["<<EOT", "  a", "EOT"], "  a\n"),
        (["<<EOT", "EOT"], ""),
        (["<<-EOT", "    a", "      b", "   EOT"], "a\n  b\n"),
        (["<<-EOT", "    a", "", "  ", "    b", "EOT"], "a\n\n  \nb\n"),  # blank lines keep what they have
        (["<<-EOT", "\ta", "\t\tb", "EOT"], "a\n\tb\n"),
        (["<<-EOT", "  ${x}", "    b", "EOT"], ("Template", ("<x>", "\n  b\n"))),
        (["<<-EOT", "${x}", "  b", "EOT"], ("Template", ("<x>", "\n  b\n"))),
        (["<<EOT", "${x}", "EOT"], ("Template", ("<x>", "\n"))),
        (["<<EOT", r'a\n"b" $${c} ${"d"}', "EOT"], ("Template", ('a\\n"b" ${c} ', "d", "\n"))),
        (["<<EOT", "EO", "EOTX", "x EOT", "EOT  "], "EO\nEOTX\nx EOT\n"),
        (["<<EOT", "a", "  EOT"], "a\n"),
        (["<<A-B", "a", "A-B"], "a\n"),
        (["<<EOT", "a ${~ x ~}", "  b", "EOT"], ("Template", ("a", "<x>", "  b\n"))),  # a marker trims its own line
        (
            ["<<EOT", "%{ for x in y ~}", "- ${x}", "%{ endfor ~}", "EOT"],
            ("Template", (("TemplateFor", "", "x", "<y>", ("- ", "<x>", "\n")),)),
        ),
        (
            ["<<EOT", "%{ if a }", "b", "%{ else }", "c", "%{ endif }", "EOT"],
            ("Template", (("TemplateIf", "<a>", ("\nb\n",), ("\nc\n",)), "\n")),
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_heredocs(lines: list[str], expected: Any, newline: str) -> None:
    if newline == "\r\n":  # the text has the line ends that the file has
        expected = crlf(expected)
    attribute = only(newline.join(("a = " + lines[0], *lines[1:])) + newline)
    assert plain(attribute.value) == expected


def crlf(node: Any) -> Any:
    if isinstance(node, tuple):
        return tuple(crlf(one) for one in node)
    return node.replace("\n", "\r\n") if isinstance(node, str) else node


def test_two_heredocs_with_one_marker_are_two() -> None:
    file = parse(b"a = <<E\nx\nE  \nb = <<E\ny\nE\n", "main.tf")
    assert {name: plain(one.value) for name, one in file.body.attributes.items()} == {"a": "x\n", "b": "y\n"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("${x}", "<x>"),
        ('a "b" \\n ${x}', ("Template", ('a "b" \\n ', "<x>"))),
        ("%{ for k, v in x }${k}%{ endfor }", ("Template", (("TemplateFor", "k", "v", "<x>", ("<k>",)),))),
        ("_\n__\n", "_\n__\n"),
        ("  $${a}\r\n", "  ${a}\r\n"),
    ],
)
def test_templates_without_quotes(text: str, expected: Any) -> None:
    assert plain(parse_template(text)) == expected


def test_a_file_has_its_blocks_and_arguments_with_exact_spans() -> None:
    lines = ("\ufeff# é", 'resource aws_x "ö-1" { # c', '  n = "é"', "  tags {", "    k = 1", "  }", "}", "top = 2")
    source = "\r\n".join(lines).encode()
    file = parse(source, "main.tf")
    assert not file.problems

    def text(start: int, end: int) -> str:
        return source[start:end].decode()

    (block,) = file.body.blocks("resource")
    assert (block.type, block.labels, list(file.body.block_types())) == ("resource", ("aws_x", "ö-1"), ["resource"])
    assert text(block.start, block.end).startswith('resource aws_x "ö-1" {')
    assert text(block.end - 1, block.end) == text(block.body.end, block.body.end + 1) == "}"
    assert text(block.header_end, block.body.start) == "{"
    assert (file.line(block.start), file.line(block.end)) == (2, 7)
    name = block.body.attributes["n"]
    assert text(name.start, name.value_start) == "n = "
    assert text(name.value_start, name.value_end) == '"é"'
    assert text(name.value.start, name.value.end) == '"é"'
    assert name.value is name.value
    (tags,) = block.body.blocks("tags")
    assert plain(tags.body.attributes["k"].value) == 1
    assert plain(file.body.attributes["top"].value) == 2
    assert [(text(one.start, one.end), one.text) for one in file.comments] == [("# é", "# é"), ("# c", "# c")]


@pytest.mark.parametrize(
    "source",
    [
        "a { b = 1 }",
        "a { b = {\n c = 1\n} }",
        "a {}",
        "a /* x */ b {\n}",
        'a "b$c" "$${d}" {\n}',
        "a = 1 /* x\n y */\nb = 2",
        "a = 1 // x",
        "if = 1\nfor = 2\nnull = 3",
        "a = [ # x\n1, /* y */ 2\n]",
        'a = "${\n1\n}"',
        "a = (b\n? c\n: d)",
        "a = f (x)",
        "a = {\n  b = x\n  (c) = [for d in\n(e) : d if\n(f)]\n}",
        "a = 1 # x\ry\n# z\r",
        "é = ü.ö",
        "a = 1\na {\n}",
        "",
        "\ufeff",
        "# only a comment",
        "a = " + " " * 5000 + "1" + "\n" * 5000 + "b = 2",
    ],
)
def test_valid_files_are_read(source: str) -> None:
    file = parse(source.encode(), "main.tofu")
    assert not file.problems
    for attribute in file.body.attributes.values():
        assert not isinstance(attribute.value, tree.Opaque)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a = 1\nb = \n", 2, "python-hcl2 doesn't expect the end of the line at line 2, column 5"),
        ('x "y" {\n  a = [1,\n}\n', 3, "doesn't expect } at line 3"),
        ("a {\n  b = 1\n", 3, "the end of the file"),
        ("}\n", 1, "doesn't expect }"),
        ("a = 1\nb = 1 c = 2\n", 2, "end its line"),
        ("a {\n} b {\n}\n", 2, "end its line"),
        ("a { b = 1\n}\n", 1, "one line"),
        ("a { b {} }\n", 1, "end its line"),
        ("a\n{\n}\n", 1, "one line with its brace"),
        ("\na =\n1\n", 2, "begin on its line"),
        ('\na = "x\ny"\n', 2, "in quotes has to end on its line"),
        ("a = 1\nb = 2\n\na = 3\n", 4, "set a second time"),
        ('a "b${c}" {\n}\n', 1, "label"),
        ('{"a": 1}\n', 1, "expected here"),
        ("a::b = 1\n", 1, "isn't a name"),
        ("a = 1\rb = 2\r", 1, "carriage return"),
        ("a = 1\n\0", 2, "UTF-8"),
    ],
)
def test_what_is_no_hcl_has_its_place_and_a_reason_and_nothing_else(source: str, line: int, words: str) -> None:
    file = parse(source.encode(), "main.tf")
    (problem,) = file.problems
    assert problem.line == line
    assert words in problem.message
    assert not file.body.attributes
    assert not list(file.body.block_types())


def test_bytes_that_are_no_text_are_a_problem() -> None:
    (problem,) = parse(b'a = 1\nb = "\xff"\n', "main.tf").problems
    assert problem == tree.Problem(2, "it isn't a text in UTF-8")


def test_a_file_beyond_the_limit_is_a_problem() -> None:
    (problem,) = parse(b"#" * (MAX_BYTES + 1), "main.tf").problems
    assert "16 MiB" in problem.message


@pytest.mark.parametrize("text", ["", "1 +", "1\nb = 2", "}", "a b", '"${x"'])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(SyntaxProblem):
        parse_expression(text)


@pytest.mark.parametrize("text", ["${", "%{ if x }", "%{ endif }", "a ${ 1 + } b"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(SyntaxProblem):
        parse_template(text)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', "1.0e9999999", "0x1F", '"${}"', "{a = 1 b = 2}", "10.11.12.13", "a::b", '"${a::b}"']
)
def test_an_expression_that_can_not_be_read_is_opaque_and_the_file_is_read(text: str) -> None:
    attribute = only(f"a = {text}\n")
    assert isinstance(attribute.value, tree.Opaque)
    assert attribute.value.reason


def height(node: Any) -> int:
    """How deep a tree is, without recursion."""
    level, depth = [node], 0
    while level:
        depth += 1
        level = [
            inner
            for one in level
            for inner in (one if isinstance(one, tuple) else (getattr(one, name) for name in one.__struct_fields__))
            if isinstance(inner, tuple | msgspec.Struct)
        ]
    return depth


DEEP = {
    "parentheses": "(" * 10_000 + "1" + ")" * 10_000,
    "lists": "[" * 10_000 + "]" * 10_000,
    "objects": "{a=" * 5_000 + "1" + "}" * 5_000,
    "calls": "f(" * 5_000 + ")" * 5_000,
    "negations": "!" * 10_000 + "a",
    "sums": " + ".join(["a"] * 5_000),
    "conditions": "a ? b : " * 3_000 + "c",
    "conditions inside": "a ? " * 3_000 + "b" + " : c" * 3_000,
    "steps": "a" + ".b" * 5_000,
    "indexes": "a[" * 3_000 + "0" + "]" * 3_000,
    "splats": "a" + "[*]" * 3_000,
    "for": "[for x in " * 2_000 + "y" + " : x]" * 2_000,
    "directives": '"' + "%{if a}" * 3_000 + "%{endif}" * 3_000 + '"',
    "interpolations": '"${' * 60 + "1" + '}"' * 60,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_ends_in_something_opaque(name: str) -> None:
    read = only(f"a = {DEEP[name]}\n").value
    assert height(read) < 900  # two for each level: a directive and its parts


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        '"${' * 20_000,
        "a {\n" * 10_000 + "}\n" * 10_000,
        "}" * 50_000,
        "a = = \n" * 20_000,
        "<<A\n" * 20_000,
        '"' * 50_001,
        " " * 1_000_000,
        "a = 1" + "\n" * 1_000_000,
        "/*" * 100_000,
        "some words that by accident stand before a block without quotes\nb {\n}\n",
        "a = 1 " + "/**/" * 5_000 + "b = 2\n",
    ],
)
def test_hostile_files_are_neither_a_crash_nor_a_hang(source: str) -> None:
    for json in (False, True):
        file = parse(source.encode(), "main.tf", json=json)
        assert file.problems or not file.body.attributes or source.startswith("a = 1")


def test_a_flat_chain_of_realistic_length_is_read() -> None:
    read = value(" || ".join(f'a == "{number}"' for number in range(300)))
    for number in reversed(range(1, 300)):
        operator, read, right = read[1:]
        assert (operator, right) == ("||", ("Binary", "==", "<a>", str(number)))
    assert read == ("Binary", "==", "<a>", "0")


def test_the_parsers_are_loaded_only_where_they_are_needed() -> None:
    """A clean run must not pay for python-hcl2 (a quarter of a second), nor a run without a file for any parser."""
    program = (
        "import sys; from costguard.iac import hcl; assert 'tree_sitter' not in sys.modules;"
        "file = hcl.parse(b'a = 1', 'x.tf'); file.body.attributes['a'].value; file.comments;"
        "assert 'tree_sitter' in sys.modules and not {'hcl2', 'lark'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
