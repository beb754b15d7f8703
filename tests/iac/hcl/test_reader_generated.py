"""Laws of the reader, on trees that are drawn first and then written down: what was written is what is read, whatever
the blanks and comments; python-hcl2 and Terraform, which know nothing of us, say the same of the same text."""

import json
import re
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.iac.hcl import SyntaxProblem, parse, parse_expression, parse_template, second_opinion, tree
from tests.conftest import Terraform

LAW = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
KEYWORDS = {"true", "false", "null", "for", "if", "in", "else", "endif", "endfor"}
LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
LEVEL = {operator: level for level, operators in enumerate(LEVELS, 1) for operator in operators}
UNARY, STEP = 7, 8


# --------------------------------------------------------------------------------------------------------------------
# Trees


def level(node: object) -> int:
    """How tightly an expression binds."""
    match node:
        case tree.Conditional():
            return 0
        case tree.Binary(operator=operator):
            return LEVEL[operator]
        case tree.Unary():
            return UNARY
        case _:
            return STEP


def within(node: Any, least: int) -> Any:
    """The expression, in parentheses where it would bind too loosely."""
    return node if level(node) >= least else tree.Parentheses(0, 0, node)


def based(node: Any) -> Any:
    """An expression that steps can follow without being taken for its own."""
    return within(tree.Parentheses(0, 0, node) if isinstance(node, tree.Splat | tree.Literal) else node, STEP)


names = st.from_regex(r"[a-z_][a-z0-9_-]{0,5}", fullmatch=True).filter(lambda name: name not in KEYWORDS)
texts = st.text(
    st.sampled_from('ab0 "\\$%{}\n\t\r~#/*é😀') | st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Mn"]),
    max_size=8,
).filter(lambda text: text == re.sub(r"[^\x00-\x7fé😀]", "x", text) or len(text) < 4)
literals = st.builds(
    lambda value: tree.Literal(0, 0, value),
    st.none()
    | st.booleans()
    | st.integers(0, 10**20)
    | st.decimals(0, 1000, places=3).filter(lambda d: d % 1 != 0)
    | texts,
)


def parts(children: st.SearchStrategy[Any], depth: int = 2) -> st.SearchStrategy[Any]:
    """The parts of a template: no two texts are neighbours."""
    directive = (
        st.nothing()
        if not depth
        else st.builds(
            lambda when, then, other: tree.TemplateIf(0, 0, when, then, other),
            children,
            parts(children, depth - 1),
            parts(children, depth - 1),
        )
        | st.builds(
            lambda key, value, collection, body: tree.TemplateFor(0, 0, key, value, collection, body),
            st.just("") | names,
            names,
            children,
            parts(children, depth - 1),
        )
    )
    return st.lists(texts.filter(bool) | children | directive, max_size=4).map(melded)


def melded(items: list[Any]) -> tuple[Any, ...]:
    result: list[Any] = []
    for item in items:
        if isinstance(item, str) and result and isinstance(result[-1], str):
            result[-1] += item
        else:
            result.append(item)
    return tuple(result)


def template(parts: tuple[Any, ...]) -> Any:
    if all(isinstance(part, str) for part in parts):
        return tree.Literal(0, 0, "".join(parts))
    if len(parts) == 1 and not isinstance(parts[0], tree.TemplateIf | tree.TemplateFor):
        return parts[0]
    return tree.Template(0, 0, parts)


def steps(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.builds(lambda name: tree.SplatStep(0, 0, name, None), names) | st.builds(
        lambda key: tree.SplatStep(0, 0, "", key), children
    )
    plain = st.lists(one, max_size=3).map(tuple)
    nested = st.builds(
        lambda before, inner: (*before, tree.SplatStep(0, 0, "", None, inner)),
        plain,
        st.lists(one, max_size=2).map(tuple),
    )
    return plain | nested


def grown(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = (
        st.builds(lambda name: tree.Literal(0, 0, name), names)
        | texts.map(lambda text: tree.Literal(0, 0, text))
        | st.builds(lambda node: tree.Parentheses(0, 0, node), children)
    )
    return st.one_of(
        st.builds(lambda of, name: tree.GetAttr(0, 0, based(of), name), children, names),
        st.builds(lambda of, key: tree.Index(0, 0, based(of), key), children, children),
        st.builds(lambda of, some: tree.Splat(0, 0, based(of), some), children, steps(children)),
        st.builds(
            lambda name, arguments, expand: tree.Call(0, 0, name, tuple(arguments), expand and bool(arguments)),
            names | st.just("provider::aws::arn_parse"),
            st.lists(children, max_size=3),
            st.booleans(),
        ),
        st.builds(lambda o, node: tree.Unary(0, 0, o, within(node, UNARY)), st.sampled_from(["-", "!"]), children),
        st.builds(
            lambda o, left, right: tree.Binary(0, 0, o, within(left, LEVEL[o]), within(right, LEVEL[o] + 1)),
            st.sampled_from(sorted(LEVEL)),
            children,
            children,
        ),
        st.builds(lambda a, b, c: tree.Conditional(0, 0, within(a, 1), b, c), children, children, children),
        st.builds(lambda items: tree.Tuple(0, 0, tuple(items)), st.lists(children, max_size=3)),
        st.builds(
            lambda items: tree.Object(0, 0, tuple(tree.ObjectItem(0, 0, key, value) for key, value in items)),
            st.lists(st.tuples(keys, children), max_size=3),
        ),
        st.builds(
            lambda key, value, collection, result_key, result, condition, grouping: tree.For(
                0, 0, key, value, collection, result_key, result, condition, grouping and result_key is not None
            ),
            st.just("") | names,
            names,
            children,
            st.none() | children,
            children,
            st.none() | children,
            st.booleans(),
        ),
        parts(children).map(template),
    )


expressions = st.recursive(literals | st.builds(lambda name: tree.Name(0, 0, name), names), grown, max_leaves=12)


def bare(node: Any) -> Any:
    """The node as if it stood nowhere."""
    if isinstance(node, tuple):
        return tuple(bare(one) for one in node)
    if isinstance(node, tree.Node):
        fields = {name: bare(getattr(node, name)) for name in node.__struct_fields__}
        return type(node)(**{**fields, "start": 0, "end": 0})
    return node


# --------------------------------------------------------------------------------------------------------------------
# Writing


class Writer:
    """Writes a tree down. With a ``random``, blanks, line ends and comments stand wherever they may."""

    def __init__(self, random: Random | None = None) -> None:
        self.random = random

    def gap(self, inside: bool, least: str = "") -> str:
        """What may stand between two tokens; line ends only ``inside`` of brackets."""
        if self.random is None:
            return least
        gaps = ["", " ", "  ", "\t", "/* ? */", "/**/ "]
        if inside:
            gaps += ["\n", "\r\n  ", ' # "it\'s" ${\n', "// }\n"]
        return least + self.random.choice(gaps)

    def __call__(self, node: Any, inside: bool = False) -> str:
        gap = self.gap
        match node:
            case tree.Literal(value=None):
                return "null"
            case tree.Literal(value=bool(value)):
                return "true" if value else "false"
            case tree.Literal(value=str(value)):
                return f'"{self.quoted(value)}"'
            case tree.Literal(value=value):
                return format(value, "f") if not isinstance(value, int) else str(value)
            case tree.Template(parts=parts):
                return f'"{self.parts(parts)}"'
            case tree.Name(name=name):
                return name
            case tree.GetAttr(of=of, name=name):
                return f"{self(of, inside)}.{name}"
            case tree.Index(of=of, key=key):
                return f"{self(of, inside)}[{gap(True)}{self(key, True)}{gap(True)}]"
            case tree.Splat(of=of, steps=steps):
                return f"{self(of, inside)}[*]{self.steps(steps)}"
            case tree.Call(name=name, arguments=arguments, expand=expand):
                inner = f"{gap(True)},{gap(True)}".join(self(one, True) for one in arguments)
                return f"{name}({gap(True)}{inner}{gap(True)}{'...' if expand else ''}{gap(True)})"
            case tree.Unary(operator=operator, operand=operand):
                return f"{operator}{gap(inside)}{self(operand, inside)}"
            case tree.Binary(operator=operator, left=left, right=right):
                return f"{self(left, inside)}{gap(inside, ' ')}{operator}{gap(inside, ' ')}{self(right, inside)}"
            case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
                branches = f"{gap(inside, ' ')}:{gap(inside, ' ')}".join((self(then, inside), self(otherwise, inside)))
                return f"{self(condition, inside)}{gap(inside, ' ')}?{gap(inside, ' ')}{branches}"
            case tree.Tuple(items=items):
                inner = f"{gap(True)},{gap(True)}".join(self(item, True) for item in items)
                return f"[{gap(True)}{inner}{gap(True)}{',' if items and self.random else ''}]"
            case tree.Object(items=items):
                return "{" + self.items(items) + "}"
            case tree.For():
                return self.for_(node)
            case tree.Parentheses(inner=inner):
                return f"({gap(True)}{self(inner, True)}{gap(True)})"
        raise AssertionError(node)

    def steps(self, steps: tuple[tree.SplatStep, ...]) -> str:
        written = ""
        for step in steps:
            if step.nested is not None:
                written += "[*]" + self.steps(step.nested)
            elif step.key is not None:
                written += f"[{self.gap(True)}{self(step.key, True)}{self.gap(True)}]"
            else:
                written += f".{step.name}"
        return written

    def items(self, items: tuple[tree.ObjectItem, ...]) -> str:
        random, written = self.random, ""
        for at, item in enumerate(items):
            key = item.key
            plain = key.value if isinstance(key, tree.Literal) and isinstance(key.value, str) else ""
            may_be_bare = re.fullmatch(r"[a-z_][a-z0-9_-]*", plain) and plain != "for"
            name = plain if may_be_bare and (random is None or random.random() < 0.5) else self(key, False)
            separator = " = " if random is None else random.choice([" = ", "=", ": ", " : "])
            end = "" if at == len(items) - 1 else ", "
            if random is not None:
                end = random.choice([",", " ,\n", "\n", "\n\n# x\n", " // x, y\n", ",\r\n"])
            written += f"{name}{separator}{self(item.value, False)}{end}"
        return (random.choice(["", " ", "\n", "\n# {\n"]) if random else "") + written

    def for_(self, node: tree.For) -> str:
        gap = self.gap
        variables = f"{node.key}{gap(True)},{gap(True)}{node.value}" if node.key else node.value
        written = f"for {gap(True)}{variables} in {gap(True)}{self(node.collection, True)} {gap(True)}:{gap(True)}"
        if node.result_key is not None:
            written += f"{self(node.result_key, True)}{gap(True, ' ')}=>{gap(True)}"
        written += f"{self(node.result, True)}{gap(True)}{'...' if node.grouping else ''}"
        if node.condition is not None:
            written += f" {gap(True)}if {gap(True)}{self(node.condition, True)}{gap(True)}"
        return f"[{written}]" if node.result_key is None else "{" + written + "}"

    def quoted(self, text: str, at_end: bool = True) -> str:
        written = re.sub(r'[\\"]', lambda found: "\\" + found[0], text)
        written = written.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        written = written.replace("${", "$${").replace("%{", "%%{")
        if not at_end and written[-1:] in ("$", "%"):  # before a marker it would be read as its escape
            written = f"{written[:-1]}\\u00{ord(written[-1]):x}"
        return written

    def parts(self, parts: tuple[Any, ...]) -> str:
        gap, written = self.gap, ""
        for part in parts:
            match part:
                case str():
                    written += self.quoted(part, at_end=False)
                case tree.TemplateIf(condition=condition, then=then, otherwise=otherwise):
                    other = f"%{{else}}{self.parts(otherwise)}" if otherwise else ""
                    written += f"%{{ if {self(condition, True)} }}{self.parts(then)}{other}%{{ endif }}"
                case tree.TemplateFor(key=key, value=value, collection=collection, body=body):
                    variables = f"{key}, {value}" if key else value
                    written += f"%{{for {variables} in {self(collection, True)} }}{self.parts(body)}%{{ endfor }}"
                case _:
                    written += f"${{{gap(True)}{self(part, True)}{gap(True)}}}"
        return written


# --------------------------------------------------------------------------------------------------------------------
# Laws


@LAW
@given(expressions, st.randoms(use_true_random=False))
def test_an_expression_is_read_as_it_was_meant_whatever_its_layout(node: Any, random: Random) -> None:
    written = Writer(random)(node)
    assert bare(parse_expression(written)) == bare(node), written


@LAW
@given(expressions)
def test_every_span_reads_as_its_own_node(node: Any) -> None:
    """The autofix cuts by spans: what a span holds is the whole of its expression and nothing more."""
    written = Writer()(node)
    source = written.encode()
    for part in found(parse_expression(written)):
        if isinstance(part, tree.Expression) and not isinstance(part, tree.Literal):
            again = parse_expression(source[part.start : part.end].decode())
            assert bare(again) == bare(part), (written, part)


def found(node: Any) -> Iterator[Any]:
    """Every node of a tree."""
    if isinstance(node, tuple):
        for one in node:
            yield from found(one)
    elif isinstance(node, tree.Node):
        yield node
        yield from found(tuple(getattr(node, name) for name in node.__struct_fields__))


# --------------------------------------------------------------------------------------------------------------------
# Files

labels = texts.filter(lambda text: "\r" not in text and "\n" not in text)
bodies: st.SearchStrategy[Any] = st.recursive(
    st.tuples(st.dictionaries(names, expressions, max_size=3), st.just(())),
    lambda inner: st.tuples(
        st.dictionaries(names, expressions, max_size=2),
        st.lists(st.tuples(names, st.lists(names | labels, max_size=2), inner), max_size=3).map(tuple),
    ),
    max_leaves=4,
)


def written(body: Any, writer: Writer, indent: str = "") -> str:
    """A body, each item on its lines."""
    attributes, blocks = body
    lines = [f"{indent}{name} = {writer(node)}\n" for name, node in attributes.items()]
    for type_, labels, inner in blocks:
        header = " ".join([type_, *(f'"{writer.quoted(label)}"' for label in labels)])
        lines.append(f"{indent}{header} {{\n{written(inner, writer, indent + '  ')}{indent}}}\n")
    return "".join(lines)


def read(body: tree.Body, value: Callable[[tree.Attribute], Any]) -> Any:
    """The same tuples as the strategy's, read from a file; blocks by type."""
    return (
        {name: value(attribute) for name, attribute in body.attributes.items()},
        {
            type_: [(block.labels, read(block.body, value)) for block in body.blocks(type_)]
            for type_ in body.block_types()
        },
    )


def meant(body: Any, value: Callable[[Any], Any]) -> Any:
    attributes, blocks = body
    by_type: dict[str, list[Any]] = {}
    for type_, labels, inner in blocks:
        names = tuple(unicodedata.normalize("NFC", label) for label in labels)
        by_type.setdefault(type_, []).append((names, meant(inner, value)))
    return {name: value(node) for name, node in attributes.items()}, by_type


def read_by_python_hcl2(reading: second_opinion.Reading | second_opinion.Block) -> Any:
    by_type: dict[str, list[Any]] = {}
    for block in reading.blocks:
        by_type.setdefault(block.type, []).append(read_by_python_hcl2(block))
    return set(dict(reading.attributes)), by_type


def only_names(body: Any) -> Any:
    attributes, blocks = body
    return set(attributes), {type_: [only_names(inner) for _, inner in some] for type_, some in blocks.items()}


@LAW
@given(bodies, st.randoms(use_true_random=False), st.sampled_from(["", "\ufeff"]), st.booleans())
def test_a_file_is_read_as_it_was_meant(body: Any, random: Random, mark: str, crlf: bool) -> None:
    text = mark + written(body, Writer(random))
    if crlf:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    file = parse(text.encode(), "main.tf")
    assert not file.problems, text
    assert read(file.body, lambda attribute: bare(attribute.value)) == meant(body, bare)


@LAW
@given(bodies)
def test_an_attribute_spans_its_name_and_its_value(body: Any) -> None:
    source = written(body, Writer()).encode()
    file = parse(source, "main.tf")

    def value(attribute: tree.Attribute) -> str:
        assert source[attribute.start :].startswith(attribute.name.encode())
        assert source[attribute.start : attribute.value_start] == f"{attribute.name} = ".encode()
        assert attribute.end == attribute.value_end
        return source[attribute.value_start : attribute.value_end].decode()

    assert read(file.body, value) == meant(body, Writer())


@LAW
@given(bodies)
def test_python_hcl2_sees_the_same_blocks_and_arguments(body: Any) -> None:
    text = written(body, Writer())
    try:
        reading = second_opinion.read(text)
    except second_opinion.Unverifiable:
        return
    ours = read(parse(text.encode(), "main.tf").body, lambda _: None)
    assert read_by_python_hcl2(reading) == only_names(ours), text


@LAW
@given(st.data())
def test_no_text_makes_the_reader_raise(data: st.DataObject) -> None:
    """Damaged files, with every expression asked for."""
    text = written(data.draw(bodies), Writer())
    for _ in range(data.draw(st.integers(1, 3))):
        text = damaged(text, data.draw(st.randoms(use_true_random=False)))
    file = parse(text.encode("utf-8", "surrogatepass"), "main.tf")
    read(file.body, lambda attribute: attribute.value)
    assert isinstance(file.comments, tuple)
    for problem in file.problems:
        assert 1 <= problem.line <= text.count("\n") + 2
        assert problem.message
    for single in (parse_expression, parse_template):
        try:
            single(text)
        except SyntaxProblem as problem:
            assert str(problem)  # noqa: PT017 - either is right


@LAW
@given(st.binary(max_size=60), st.sampled_from(["main.tf", "main.tf.json", "a.tfvars.json"]))
def test_no_bytes_make_the_reader_raise(raw: bytes, name: str) -> None:
    file = parse(raw, name)
    read(file.body, lambda attribute: attribute.value)


PIECES = (
    *'{}[]()"\n,.=:?#a1$%\\-!~/|é<*+ \t\r\0',
    *('"${', "%{", "<<E\n", "E\n", "/*", "*/", "1e3", "...", "=>", "for", "if", "::", "[*]", ".*"),
)


def damaged(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    way = random.randrange(3)
    if way == 0:
        return text[:at] + text[at + 1 :]
    if way == 1:
        return text[:at] + str(random.choice(PIECES)) + text[at:]
    return text[:at] + text[at : at + 6][::-1] + text[at + 6 :]


# --------------------------------------------------------------------------------------------------------------------
# Terraform


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Many examples at once, for a program that is slow to start."""
    collected: list[Any] = []

    @settings(LAW, max_examples=count)
    @given(strategy)
    def collect(example: Any) -> None:
        collected.append(example)

    collect()
    return collected


@pytest.mark.terraform
def test_what_terraform_accepts_is_read(terraform: Terraform, tmp_path: Path) -> None:
    """Whole and damaged files: whatever ``terraform fmt`` has nothing against is read to its last expression; and of
    what it refuses, next to nothing is."""
    random = Random(3)  # noqa: S311 - no secret
    texts_ = [written(body, Writer(random)) for body in drawn(bodies, 250)]
    texts_ += [damaged(text, random).replace("\0", "") for text in texts_ for _ in range(2)]
    for number, text in enumerate(texts_):
        (tmp_path / f"f{number}.tf").write_bytes(text.encode())
    done = subprocess.run(
        [terraform.program, "fmt", "-no-color", "-write=false", "-list=false", tmp_path],
        env=dict(terraform.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {int(number) for number in re.findall(r"f(\d+)\.tf line", done.stderr)}
    assert 100 < len(refused) < len(texts_) * 2 / 3
    missed = 0
    for number, text in enumerate(texts_):
        file = parse(text.encode(), "main.tf")
        values: list[tree.Expression] = []
        read(file.body, values_into(values))
        complaint = file.problems or [node for node in found(tuple(values)) if isinstance(node, tree.Opaque)]
        if number in refused:
            missed += not complaint
        else:
            assert not complaint, text
    assert missed < len(refused) / 50


def values_into(values: list[tree.Expression]) -> Callable[[tree.Attribute], None]:
    return lambda attribute: values.append(attribute.value)


TOKENS = [
    *'ab$%"}-~\t',
    " ",
    "  ",
    "\n",
    "\n",
    "\n  ",
    "$$",
    "$${",
    "%%{",
    "$$$${",
    "é",
    "E",
    "EO",
    "EOTX",
    "x EOT",
    "//",
]


@st.composite
def template_bodies(draw: st.DrawFn, depth: int = 2) -> str:
    """The inside of a heredoc, full of markers that trim."""

    def marker(opening: str, content: str) -> str:
        return f"{opening}{{{draw(trim)} {content} {draw(trim)}}}"

    def inner() -> str:
        text = draw(template_bodies(depth - 1))
        return f"{text}-" if text.endswith(("$", "%")) else text  # else it would escape the marker that follows

    trim = st.sampled_from(["", "~"])
    text = ""
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from("tttti" + "cl" * (depth > 0)))
        if kind == "t":
            text += draw(st.sampled_from(TOKENS))
            continue
        text += "-" if text.endswith(("$", "%")) else ""
        if kind == "i":
            text += marker("$", '" v "')
        elif kind == "c":
            text += marker("%", draw(st.sampled_from(["if true", "if false"]))) + inner()
            if draw(st.booleans()):
                text += marker("%", "else") + inner()
            text += marker("%", "endif")
        else:
            text += marker("%", 'for x in ["1", "2"]') + inner() + marker("%", "endfor")
    return text


def rendered(part: Any) -> str:
    """What a template of nothing but texts gives."""
    match part:
        case str():
            return part
        case tree.Literal(value=str(value)):
            return str(value)
        case tree.Template(parts=parts):
            return "".join(map(rendered, parts))
        case tree.TemplateIf(condition=tree.Literal(value=value), then=then, otherwise=otherwise):
            return "".join(map(rendered, then if value else otherwise))
        case tree.TemplateFor(collection=tree.Tuple(items=items), body=body):
            return "".join(map(rendered, body)) * len(items)
    raise AssertionError(part)


@pytest.mark.terraform
def test_a_heredoc_has_the_text_that_terraform_gives_it(terraform: Terraform, tmp_path: Path) -> None:
    values = [
        f"<<{'-' * (number % 2)}EOT\n{body}\n{' ' * (number % 3)}EOT"
        for number, body in enumerate(drawn(template_bodies(), 300))
    ]
    source = "locals {\n" + "".join(f"  v{number} = {value}\n" for number, value in enumerate(values)) + "}\n"
    (tmp_path / "main.tf").write_bytes(source.encode())
    (locals_,) = parse(source.encode(), "main.tf").body.blocks("locals")
    everything = ", ".join(f"local.v{number}" for number in range(len(values)))
    done = subprocess.run(
        [terraform.program, "console", "-no-color"],
        cwd=tmp_path,
        env=dict(terraform.environment),
        input=f"jsonencode([{everything}])\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(json.loads(done.stdout))
    for number, value in enumerate(values):
        assert rendered(locals_.body.attributes[f"v{number}"].value) == expected[number], value
