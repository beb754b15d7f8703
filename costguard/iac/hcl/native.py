"""Reads HCL's native syntax into the tree of :mod:`costguard.iac.hcl.tree`.

Hides tree-sitter-hcl, and what of it isn't HCL: it takes every line end for a blank, reads nested conditionals from the
left, wants a fraction before an exponent, and splits the escapes of templates by pairs. What would mislead it is
overwritten in a copy of the same length before it parses; all texts, numbers and names are then read from the bytes on
disk. Texts are cut by the rules of Terraform's own scanner (``hclsyntax/scan_tokens.rl``), because trim markers and the
indentation of heredocs work on its tokens.

No syntax tree outlives :func:`read`: an expression is parsed a second time when it is asked for, which is cheaper than
to keep twenty times the size of every file.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, DecimalException
from sys import intern
from typing import ClassVar, Literal, TypeAlias, cast

import msgspec
import tree_sitter_hcl
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from costguard.iac.hcl import tree
from costguard.iac.hcl.values import NUMBERS

MAX_DEPTH = 100
"""How deep expressions may nest; what is deeper is :class:`~costguard.iac.hcl.tree.Opaque`."""
MAX_CHAIN = 1000
"""How many operators, steps or conditionals may follow each other in one chain."""
MAX_BLOCK_DEPTH = 200
"""How deep blocks may nest."""

_LANGUAGE = Language(tree_sitter_hcl.language())
_PARSER = Parser(_LANGUAGE)


NOT_TEXT = "it isn't a text in UTF-8"


class Unreadable(Exception):  # noqa: N818 - it says what the source is, and is told as a problem
    """The syntax is beyond what is read: where, and why."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


def _kind(name: str) -> int:
    kind = _LANGUAGE.id_for_node_kind(name, True)
    assert kind is not None, name  # noqa: S101 - the grammar that pyproject.toml asks for has them all
    return kind


_ATTRIBUTE, _BLOCK, _BODY, _COMMENT = _kind("attribute"), _kind("block"), _kind("body"), _kind("comment")
_EXPRESSION, _CONDITIONAL, _OPERATION = _kind("expression"), _kind("conditional"), _kind("operation")
_UNARY, _BINARY = _kind("unary_operation"), _kind("binary_operation")
_LITERAL, _TEMPLATE, _COLLECTION = _kind("literal_value"), _kind("template_expr"), _kind("collection_value")
_VARIABLE, _CALL, _FOR = _kind("variable_expr"), _kind("function_call"), _kind("for_expr")
_GET_ATTR, _INDEX, _SPLAT = _kind("get_attr"), _kind("index"), _kind("splat")
_NEW_INDEX, _ATTR_SPLAT = _kind("new_index"), _kind("attr_splat")
_NUMBER, _STRING, _QUOTED, _HEREDOC = (
    _kind("numeric_lit"),
    _kind("string_lit"),
    _kind("quoted_template"),
    _kind("heredoc_template"),
)
_IDENTIFIER, _ELLIPSIS, _ARGUMENTS = _kind("identifier"), _kind("ellipsis"), _kind("function_arguments")
_TUPLE, _OBJECT_ELEM = _kind("tuple"), _kind("object_elem")
_FOR_INTRO, _FOR_COND = _kind("for_intro"), _kind("for_cond")
_INTERPOLATION, _DIRECTIVE = _kind("template_interpolation"), _kind("template_directive")
_IF, _IF_INTRO, _ELSE, _END_IF = (
    _kind("template_if"),
    _kind("template_if_intro"),
    _kind("template_else_intro"),
    _kind("template_if_end"),
)
_TFOR, _TFOR_START, _TFOR_END = _kind("template_for"), _kind("template_for_start"), _kind("template_for_end")
_BLOCK_START, _HEREDOC_MARKER = _kind("block_start"), _kind("heredoc_identifier")
_SEQUENCES = frozenset((_INTERPOLATION, _IF_INTRO, _ELSE, _END_IF, _TFOR_START, _TFOR_END))
_NESTED = frozenset((_DIRECTIVE, _IF, _TFOR))
_NESTED_OR_SEQUENCE = _NESTED | _SEQUENCES
_TEXTS = Query(_LANGUAGE, "[(quoted_template) (string_lit)] @text")
_COMMENTS = Query(_LANGUAGE, "(comment) @comment")
BinaryOperator: TypeAlias = Literal["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]
_OPERATORS = frozenset(("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"))

# The header of a block: its type, then labels, bare or quoted, all on one line with the brace.
# No group gives back what it took: a header that isn't one must not be tried in every way of cutting its words.
_HEADER = re.compile(rb'([^\s"{=/#]++)((?:[ \t]*+(?:"(?:[^"\\\n$%]|\\.|[$%](?!\{))*+"|[^\s"{=/#]++))*+)[ \t]*+\{')
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"{=/#]+)')
_ATTRIBUTE_HEAD = re.compile(rb"([^\s=/#]+)[ \t]*=[ \t]*(?![ \t\n\r#/])")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_SEPARATOR = re.compile(rb"[,\n]")
_END_OF_LINE = re.compile(rb"(?:[ \t]|/\*(?:[^*]|\*(?!/))*+\*/)*+(?:\r?\n|#|//|\Z)")

# tree-sitter-hcl takes every blank for a token of its own and looks from each to the end of them all.
_MANY_BLANKS = 200
_LONG_BLANK = re.compile(rb"\s{%d,}" % _MANY_BLANKS)

# What would mislead tree-sitter-hcl, see `masked`.
_ODD_ESCAPE = re.compile(rb"(?<!\$)\$(?=(?:\$\$)+\{)|(?<!%)%(?=(?:%%)+\{)")
_EXPONENT = re.compile(rb"(?<![\w.])(?<!\w-)([0-9]+(?:\.[0-9]+)?)([eE][-+]?[0-9]+)(?![\w.])")
_WIDE_SPLAT = re.compile(rb"\[\s*\*\s*\]|\.[ \t]+\*")
_PARENTHESIS_AFTER_NAME = re.compile(
    rb"(?<![\w.\x80-\xff-])(?!(?:if|in)(?![\w\x80-\xff-]))"
    rb"([\w\x80-\xff-]++)((?:[ \t]*+(?:(?:#|//)[^\n]*+)?\r?\n)++[ \t]*+)\("
)

_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\$\$\{|%%\{", re.DOTALL)
_ESCAPED = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\", "$${": "${", "%%{": "%{"}
_ESCAPED_MARKER = re.compile(rb"\$\$\{|%%\{")
_NOT_QUOTED = re.compile(rb'\n|(?<!\\)(?:\\\\)*"')
_UNESCAPED_MARKER = re.compile(rb"\$\{|%\{")

# The tokens of Terraform's scanner in a quoted text, and in a heredoc or a template file, where a token ends with its
# line.
_QUOTED_TOKEN = re.compile(r"(?:[^$%\\]|\\.)+|\$\$\{~?|%%\{~?|[$%]", re.DOTALL)
_HEREDOC_TOKEN = re.compile(r"[^$%\n]*\n|[^$%\n]+|\$\$\{~?\n?|%%\{~?\n?|[$%](?:\n|\r(?=\n))?")


def blanked(source: bytes) -> bytes:
    """A copy of the same length without what would mislead tree-sitter-hcl; nearly always the source itself."""
    masked = source
    if masked.startswith(b"\xef\xbb\xbf"):
        masked = b"   " + masked[3:]
    if b"$$${" in masked or b"%%%{" in masked:
        masked = _ODD_ESCAPE.sub(b"_", masked)
    return _LONG_BLANK.sub(_as_comment, masked)


def _as_comment(match: re.Match[bytes]) -> bytes:
    """Blanks as one comment. Line ends that may mean something stay: the first and the last."""
    head, newline, rest = match[0].partition(b"\n")
    middle, last, tail = rest.rpartition(b"\n")
    return b"".join(
        piece if len(piece) < _MANY_BLANKS else b"/*" + b"*" * (len(piece) - 4) + b"*/"
        for piece in (head, newline, middle, last, tail)
    )


class Body(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Attributes and blocks of a body in native syntax."""

    start: int
    end: int
    attributes: Mapping[str, tree.Attribute]
    all_blocks: tuple[tree.Block, ...]

    def blocks(self, name: str, labels: int = 0) -> tuple[tree.Block, ...]:
        return tuple(block for block in self.all_blocks if block.type == name)

    def block_types(self) -> Iterator[str]:
        return iter(dict.fromkeys(block.type for block in self.all_blocks))


_NONE: Mapping[str, tree.Attribute] = {}
EMPTY = Body(0, 0, _NONE, ())


def read(source: bytes, name: str) -> tree.File:
    """The file; what isn't HCL is in its problems."""
    try:
        offset = not_text(source)
        if offset is not None:
            raise Unreadable(offset, NOT_TEXT)
        masked = blanked(source)
        root = _PARSER.parse(masked).root_node
        if root.has_error:
            masked = _mended(masked)
            root = _PARSER.parse(masked).root_node
            if root.has_error:
                return _refused(source, name, _first_error(root))
        _refuse_lone_returns(source, masked)
        body = _Structure(source, masked).file(root)
    except Unreadable as problem:
        line = source.count(b"\n", 0, problem.offset) + 1
        return tree.File(name, source, EMPTY, problems=(tree.Problem(line, problem.reason),))
    comments = functools.cache(lambda: _comments(source, masked)) if b"#" in source or b"/" in source else tuple
    return tree.File(name, source, body, comments=comments)


def _refused(source: bytes, name: str, offset: int) -> tree.File:
    """A file that isn't HCL, with the words of the second parser."""
    from costguard.iac.hcl import second_opinion

    opinion = second_opinion.of(source)
    line = opinion.line or source.count(b"\n", 0, offset) + 1
    return tree.File(name, source, EMPTY, problems=(tree.Problem(line, opinion.message),))


def _refuse_lone_returns(source: bytes, masked: bytes) -> None:
    """A carriage return without a line feed is nothing that HCL knows; only a comment can hold one."""
    if b"\r" not in source or _LONE_RETURN.search(source) is None:
        return
    at = 0
    for comment in (*_comments(source, masked), tree.Comment(len(source), len(source), "")):
        found = _LONE_RETURN.search(source, at, comment.start)
        if found is not None:
            raise Unreadable(found.start(), "a carriage return stands here without a line feed")
        at = comment.end


def not_text(source: bytes) -> int | None:
    """Where the bytes stop to be a text."""
    offset = source.find(b"\0")
    if offset >= 0:
        return offset
    if not source.isascii():
        try:
            source.decode()
        except UnicodeDecodeError as error:
            return error.start
    return None


def _mended(masked: bytes) -> bytes:
    """The copy without what only tree-sitter-hcl refuses."""
    masked = _EXPONENT.sub(lambda m: m[1] + b"0" * len(m[2]), masked)
    masked = _WIDE_SPLAT.sub(lambda m: re.sub(rb"\s", b"", m[0]).ljust(len(m[0])), masked)

    def separated(match: re.Match[bytes]) -> bytes:
        # A comma between the items, and blanks where a comment would hide it.
        return match[1] + b"," + re.sub(rb"[^\r\n]", b" ", match[2])[1:] + b"("

    return _PARENTHESIS_AFTER_NAME.sub(separated, masked)


def _first_error(root: Node) -> int:
    node = root
    while True:
        for child in node.children:
            if child.is_error or child.is_missing:
                return child.start_byte
            if child.has_error:
                node = child
                break
        else:
            return node.start_byte


class _Structure:
    """Makes nodes into bodies, and refuses what is an error in HCL because of a line's end, which tree-sitter-hcl
    doesn't look at."""

    __slots__ = ("build", "masked", "source")

    def __init__(self, source: bytes, masked: bytes) -> None:
        self.source = source
        self.masked = masked
        self.build = functools.partial(_value, source, masked)

    def file(self, root: Node) -> Body:
        items: list[Node] = []
        for child in root.children:
            kind = child.kind_id
            if kind == _BODY:
                items = child.children
            elif kind != _COMMENT:
                raise Unreadable(child.start_byte, "an argument or a block is expected here")
        self.quotes(root)
        return self.body(items, 0, len(self.source), 0)

    def body(self, nodes: list[Node], start: int, end: int, depth: int) -> Body:
        masked = self.masked
        attributes: dict[str, tree.Attribute] = {}
        blocks: list[tree.Block] = []
        for node in nodes:
            kind = node.kind_id
            if kind == _ATTRIBUTE:
                at, stop = node.byte_range
                head = _ATTRIBUTE_HEAD.match(masked, at)
                if head is not None:
                    name, value_start = head[1].decode(), head.end()
                else:
                    name, value_start = self.attribute_head(node)
                if ":" in name:
                    raise Unreadable(at, f"{name} isn't a name")
                if name in attributes:
                    raise Unreadable(at, f"the argument {name} is set a second time")
                attributes[name] = tree.Attribute(intern(name), at, value_start, stop, self.build)
            elif kind == _BLOCK:
                block = self.block(node, depth)
                blocks.append(block)
                stop = block.end
            else:
                continue
            if _END_OF_LINE.match(masked, stop) is None and not self.is_single(nodes, node, start, end):
                raise Unreadable(stop, f"{'an argument' if kind == _ATTRIBUTE else 'a block'} has to end its line")
        return Body(start, end, attributes or _NONE, tuple(blocks))

    def is_single(self, nodes: list[Node], node: Node, start: int, end: int) -> bool:
        """Whether the node is the one argument of a block on one line."""
        return (
            node.kind_id == _ATTRIBUTE
            and all(other == node or other.kind_id == _COMMENT for other in nodes)
            and start > 0
            and b"\n" not in self.source[start : node.start_byte]
            and b"\n" not in self.source[node.end_byte : end]
        )

    def attribute_head(self, node: Node) -> tuple[str, int]:
        name, _, value = (child for child in node.children if child.kind_id != _COMMENT)
        if b"\n" in self.source[name.end_byte : value.start_byte]:
            raise Unreadable(name.start_byte, "an argument's value has to begin on its line")
        return self.masked[name.start_byte : name.end_byte].decode(), value.start_byte

    def block(self, node: Node, depth: int) -> tree.Block:
        start, end = node.byte_range
        if depth > MAX_BLOCK_DEPTH:
            raise Unreadable(start, f"blocks are nested more than {MAX_BLOCK_DEPTH} deep")
        opening = end
        inner: list[Node] = []
        children = node.children
        for child in children:
            kind = child.kind_id
            if kind == _BODY:
                inner = child.children
            elif kind == _BLOCK_START:
                opening = child.start_byte
        header = _HEADER.match(self.masked, start)
        if header is not None and header.end() - 1 == opening:
            type_, labels = header[1].decode(), _labels(header[2], start) if header[2] else ()
        else:
            texts = [
                self.masked[child.start_byte : child.end_byte]
                for child in children
                if child.kind_id in (_IDENTIFIER, _STRING)
            ]
            if b"\n" in self.source[start:opening]:
                raise Unreadable(start, "the header of a block has to stand on one line with its brace")
            if any(_UNESCAPED_MARKER.search(_ESCAPED_MARKER.sub(b"_", text)) for text in texts):
                raise Unreadable(start, "a label can't have a template in it")
            type_, labels = texts[0].decode(), _labels(b" ".join(texts[1:]), start)
        if ":" in type_:
            raise Unreadable(start, f"{type_} isn't a name")
        body = self.body(inner, opening + 1, end - 1, depth + 1)
        if inner and inner[0].kind_id != _COMMENT and b"\n" not in self.source[opening : inner[0].start_byte]:
            first = inner[0]
            if not self.is_single(inner, first, opening + 1, end - 1):
                raise Unreadable(first.start_byte, "a block on one line holds one argument and ends on that line")
        return tree.Block(start, end, intern(type_), labels, opening, body)

    def quotes(self, root: Node) -> None:
        """Refuses a quoted text that runs over the end of a line."""
        if not any(line.count(b'"') & 1 for line in self.masked.split(b"\n")):
            return
        for node in QueryCursor(_TEXTS).captures(root).get("text", ()):
            start, end = node.byte_range
            if b"\n" in self.source[start:end]:
                at = start
                for child in node.children:
                    if child.kind_id in _NESTED_OR_SEQUENCE or child.end_byte == end:
                        if b"\n" in self.source[at : child.start_byte]:
                            raise Unreadable(at, "a text in quotes has to end on its line")
                        at = child.end_byte


def _labels(text: bytes, offset: int) -> tuple[str, ...]:
    return tuple(
        intern(_unescaped(match[1].decode(), offset) if match[1] is not None else match[2].decode())
        for match in _LABEL.finditer(text)
    )


def _comments(source: bytes, masked: bytes) -> tuple[tree.Comment, ...]:
    found = []
    for node in QueryCursor(_COMMENTS).captures(_PARSER.parse(masked).root_node).get("comment", ()):
        start, end = node.byte_range
        text = source[start:end].decode()
        if text.isspace():
            continue  # they are blanks, see `blanked`
        if text.endswith("\r") and source[end : end + 1] == b"\n":
            text, end = text[:-1], end - 1
        found.append(tree.Comment(start, end, text))
    return tuple(sorted(found, key=lambda comment: comment.start))


# --------------------------------------------------------------------------------------------------------------------
# Expressions


def _value(source: bytes, masked: bytes, start: int, end: int) -> tree.Expression:
    root = _PARSER.parse(b"a=" + masked[start:end] + b"\n").root_node
    expression = root.children[0].children[0].children[-1]
    try:
        return _Converter(source, masked, start - 2).expression(expression, 0)
    except Unreadable as problem:
        return tree.Opaque(start, end, problem.reason)
    except RecursionError:  # who asks may be deep in Python's stack already
        return tree.Opaque(start, end, "it is nested too deeply")


def expression(source: bytes) -> tree.Expression:
    """One expression that stands alone; raises :class:`Unreadable`."""
    masked = blanked(source)
    root = _PARSER.parse(b"a=" + masked + b"\n").root_node
    if root.has_error:
        masked = _mended(masked)
        root = _PARSER.parse(b"a=" + masked + b"\n").root_node
    attribute = _only_attribute(root, len(masked))
    return _Converter(source, masked, -2).expression(attribute.children[-1], 0)


def _only_attribute(root: Node, length: int) -> Node:
    if root.has_error:
        raise Unreadable(min(max(_first_error(root) - 2, 0), length), "it isn't an expression")
    items = [child for child in root.children[0].children if child.kind_id != _COMMENT]
    if len(items) != 1 or items[0].kind_id != _ATTRIBUTE:
        raise Unreadable(max(items[1].start_byte - 2, 0) if len(items) > 1 else 0, "it isn't a single expression")
    return items[0]


def template(source: bytes) -> tree.Expression:
    """One template without quotes, as in a file; raises :class:`Unreadable`."""
    marker = b"_"
    while marker in source:
        marker += b"_"
    head = b"a=<<" + marker + b"\n"
    masked = blanked(source)
    wrapped = head + masked + b"\n" + marker + b"\n"
    root = _PARSER.parse(wrapped).root_node
    if root.has_error:
        masked = _mended(masked)
        root = _PARSER.parse(head + masked + b"\n" + marker + b"\n").root_node
    if root.has_error:
        raise Unreadable(min(max(_first_error(root) - len(head), 0), len(source)), "it isn't a template")
    node = root.children[0].children[0].children[-1].children[0].children[0]
    converter = _Converter(source, masked, -len(head))
    return converter.template(node.children, 0, len(source), _HEREDOC_TOKEN, 0, (0, len(source)))


def normal(text: str) -> str:
    """The text as Terraform holds it, in the normal form C of Unicode."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _unescaped(text: str, offset: int) -> str:
    """The text with its escapes resolved."""
    if "\\" in text or "{" in text:

        def resolved(match: re.Match[str]) -> str:
            found = match[0]
            plain = _ESCAPED.get(found)
            if plain is not None:
                return plain
            if len(found) > 2:
                digits = found[2:]
                point = int(digits, 16)
                if point < 0x110000 and not 0xD800 <= point < 0xE000:
                    return chr(point)
            raise Unreadable(offset, f"{found} isn't an escape sequence")

        text = _ESCAPE.sub(resolved, text)
    return normal(text)


def _plain(text: str) -> str:
    """A piece of a heredoc: only the markers can be escaped."""
    text = text.replace("$${", "${").replace("%%{", "%{")
    return normal(text)


class _Piece:
    """A token of a template: a ``text``, or the ``node`` of an interpolation or of a directive's part."""

    __slots__ = ("end", "kind", "node", "start", "text")

    def __init__(self, kind: int, start: int, end: int, node: Node | None, text: str = "") -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.node = node
        self.text = text


class _Converter:
    """Turns nodes into our tree. ``base`` is what is added to a node's position to give its place in ``source``."""

    __slots__ = ("base", "masked", "source")

    def __init__(self, source: bytes, masked: bytes, base: int) -> None:
        self.source = source
        self.masked = masked
        self.base = base

    def text(self, node: Node) -> str:
        return self.source[node.start_byte + self.base : node.end_byte + self.base].decode()

    def name(self, node: Node) -> str:
        name = self.text(node)
        if ":" in name:  # tree-sitter-hcl allows it in every name
            raise Unreadable(node.start_byte + self.base, f"{name} isn't a name: only functions have a namespace")
        return name

    def expression(self, node: Node, depth: int) -> tree.Expression:
        """An ``expression``."""
        if depth > MAX_DEPTH:
            return tree.Opaque(node.start_byte + self.base, node.end_byte + self.base, "it is nested too deeply")
        return self.term([child for child in node.children if child.kind_id != _COMMENT], depth)

    def term(self, nodes: list[Node], depth: int) -> tree.Expression:
        """A term and the steps that follow it."""
        first = nodes[0]
        kind = first.kind_id
        if first.is_named:
            value = self.kinds[kind](self, first, depth + 1)
            at = 1
        else:
            start, end = first.start_byte + self.base, nodes[2].end_byte + self.base
            value = tree.Parentheses(start, end, self.expression(nodes[1], depth + 1))
            at = 3
        if at == len(nodes):
            return value
        if len(nodes) > MAX_CHAIN:
            raise Unreadable(first.start_byte + self.base, f"it has a chain of more than {MAX_CHAIN} steps")
        return self.steps(value, nodes[at:], depth)

    def steps(self, value: tree.Expression, nodes: list[Node], depth: int) -> tree.Expression:
        for at, node in enumerate(nodes):
            end = node.end_byte + self.base
            kind = node.kind_id
            if kind == _GET_ATTR:
                value = tree.GetAttr(value.start, end, value, self.name(node.children[-1]))
            elif kind == _INDEX:
                if (
                    isinstance(value, tree.Literal)
                    and not _is_bracketed(node)
                    and isinstance(value.value, int | Decimal)
                    and value.end == node.start_byte + self.base
                ):
                    raise Unreadable(value.start, "a number has more than one point")
                value = tree.Index(value.start, end, value, self.key(node.children[0], depth))
            else:
                splat = node.children[0]
                inner = [child for child in splat.children[1:] if child.kind_id != _COMMENT]
                if splat.kind_id == _ATTR_SPLAT:
                    # An index in brackets ends a splat of this kind, and works on the whole list.
                    own = 0
                    while own < len(inner) and not _is_bracketed(inner[own]):
                        own += 1
                    end = (inner[own - 1] if own else splat.children[0]).end_byte + self.base
                    value = tree.Splat(value.start, end, value, self.splat_steps(inner[:own], depth))
                    return self.steps(value, inner[own:] + nodes[at + 1 :], depth)
                # The full splat takes all that follows, further splats included.
                rest = inner + nodes[at + 1 :]
                end = (rest[-1] if rest else splat).end_byte + self.base
                return tree.Splat(value.start, end, value, self.splat_steps(rest, depth))
        return value

    def splat_steps(self, nodes: list[Node], depth: int) -> tuple[tree.SplatStep, ...]:
        if depth > MAX_DEPTH:
            raise Unreadable(nodes[0].start_byte + self.base, "it is nested too deeply")
        steps: list[tree.SplatStep] = []
        for at, node in enumerate(nodes):
            start, end = node.start_byte + self.base, node.end_byte + self.base
            kind = node.kind_id
            if kind == _GET_ATTR:
                steps.append(tree.SplatStep(start, end, self.name(node.children[-1]), None))
            elif kind == _INDEX:
                steps.append(tree.SplatStep(start, end, "", self.key(node.children[0], depth)))
            else:
                splat = node.children[0]
                inner = [child for child in splat.children[1:] if child.kind_id != _COMMENT]
                rest = inner + nodes[at + 1 :]
                own = len(rest)
                if splat.kind_id == _ATTR_SPLAT:
                    own = next((i for i, one in enumerate(rest) if one.kind_id == _SPLAT or _is_bracketed(one)), own)
                end = (rest[own - 1] if own else splat.children[0]).end_byte + self.base
                nested = self.splat_steps(rest[:own], depth + 1)
                steps.append(tree.SplatStep(start, end, "", None, nested))
                return (*steps, *self.splat_steps(rest[own:], depth + 1))
        return tuple(steps)

    def key(self, node: Node, depth: int) -> tree.Expression:
        """The key of an index, be it in brackets or the old one behind a dot."""
        if node.kind_id == _NEW_INDEX:
            inner = next(child for child in node.children if child.kind_id == _EXPRESSION)
            return self.expression(inner, depth + 1)
        start, end = node.start_byte + self.base, node.end_byte + self.base
        digits = self.source[start:end].lstrip(b". \t\r\n")
        return self.number_literal(end - len(digits), end)

    def conditional(self, node: Node, depth: int) -> tree.Expression:
        """``a ? b : c ? d : e``, which tree-sitter reads as ``(a ? b : c) ? d : e``."""
        chain: list[tuple[Node, Node, Node]] = []
        while True:
            condition, then, last = (child for child in node.children if child.kind_id == _EXPRESSION)
            chain.append((condition, then, last))
            if len(chain) > MAX_CHAIN:
                raise Unreadable(node.start_byte + self.base, f"it has more than {MAX_CHAIN} conditions in a row")
            inner = [child for child in condition.children if child.kind_id != _COMMENT]
            if len(inner) != 1 or inner[0].kind_id != _CONDITIONAL:
                break
            node = inner[0]
        # From the innermost outwards: what was "the otherwise" of one is the condition of the next.
        condition, then, last = chain.pop()
        conditions = [(self.expression(condition, depth), then)]
        for _, next_then, next_last in reversed(chain):
            conditions.append((self.expression(last, depth), next_then))
            last = next_last
        result = self.expression(last, depth)
        for when, then in reversed(conditions):
            result = tree.Conditional(when.start, result.end, when, self.expression(then, depth), result)
        return result

    def operation(self, node: Node, depth: int) -> tree.Expression:
        operation = node.children[0]
        nodes = [child for child in operation.children if child.kind_id != _COMMENT]
        if operation.kind_id == _UNARY:
            operand = self.guarded(nodes[1:], depth)
            start = nodes[0].start_byte + self.base
            return tree.Unary(start, operand.end, cast('Literal["-", "!"]', nodes[0].type), operand)
        # The left side of a chain nests as deep as the chain is long.
        rest: list[tuple[str, list[Node]]] = []
        while True:
            at = next(i for i in range(1, len(nodes)) if nodes[i].type in _OPERATORS)
            rest.append((nodes[at].type, nodes[at + 1 :]))
            nodes = nodes[:at]
            if len(rest) > MAX_CHAIN:
                raise Unreadable(node.start_byte + self.base, f"it has more than {MAX_CHAIN} operators in a row")
            if len(nodes) != 1 or nodes[0].kind_id != _OPERATION or nodes[0].children[0].kind_id != _BINARY:
                break
            nodes = [child for child in nodes[0].children[0].children if child.kind_id != _COMMENT]
        result = self.guarded(nodes, depth)
        for operator, right_nodes in reversed(rest):
            right = self.guarded(right_nodes, depth)
            result = tree.Binary(result.start, right.end, cast("BinaryOperator", operator), result, right)
        return result

    def guarded(self, nodes: list[Node], depth: int) -> tree.Expression:
        if depth > MAX_DEPTH:
            raise Unreadable(nodes[0].start_byte + self.base, "it is nested too deeply")
        return self.term(nodes, depth)

    def literal(self, node: Node, depth: int) -> tree.Expression:
        inner = node.children[0]
        start, end = inner.start_byte + self.base, inner.end_byte + self.base
        if inner.kind_id == _STRING:
            raw = self.source[start + 1 : end - 1]
            if b"\\" in raw or b"{" in raw or not raw.isascii():
                return tree.Literal(start, end, _unescaped(raw.decode(), start))
            return tree.Literal(start, end, raw.decode())
        if inner.kind_id == _NUMBER:
            return self.number_literal(start, end)
        return tree.Literal(start, end, {b"true": True, b"false": False, b"null": None}[self.source[start:end]])

    def number_literal(self, start: int, end: int) -> tree.Literal:
        return tree.Literal(start, end, number(self.source[start:end].decode(), start))

    def variable(self, node: Node, depth: int) -> tree.Expression:
        return tree.Name(node.start_byte + self.base, node.end_byte + self.base, self.name(node))

    def call(self, node: Node, depth: int) -> tree.Expression:
        arguments: list[tree.Expression] = []
        expand = False
        for child in node.children:
            if child.kind_id == _ARGUMENTS:
                for argument in child.children:
                    if argument.kind_id == _EXPRESSION:
                        arguments.append(self.expression(argument, depth))
                    elif argument.kind_id == _ELLIPSIS:
                        expand = True
        start, end = node.start_byte + self.base, node.end_byte + self.base
        return tree.Call(start, end, self.text(node.children[0]), tuple(arguments), expand)

    def collection(self, node: Node, depth: int) -> tree.Expression:
        inner = node.children[0]
        start, end = inner.start_byte + self.base, inner.end_byte + self.base
        if inner.kind_id == _TUPLE:
            items = [self.expression(child, depth) for child in inner.children if child.kind_id == _EXPRESSION]
            return tree.Tuple(start, end, tuple(items))
        pairs: list[tree.ObjectItem] = []
        for child in inner.children:
            if child.kind_id == _OBJECT_ELEM:
                if pairs and not _SEPARATOR.search(self.source, pairs[-1].end, child.start_byte + self.base):
                    raise Unreadable(pairs[-1].end, "the items of an object have no comma between them")
                key, value = (one for one in child.children if one.kind_id == _EXPRESSION)
                pairs.append(
                    tree.ObjectItem(
                        child.start_byte + self.base,
                        child.end_byte + self.base,
                        self.object_key(key, depth),
                        self.expression(value, depth),
                    )
                )
        return tree.Object(start, end, tuple(pairs))

    def object_key(self, node: Node, depth: int) -> tree.Expression:
        key = self.expression(node, depth)
        if isinstance(key, tree.Name) and node.children[0].kind_id == _VARIABLE:
            return tree.Literal(key.start, key.end, key.name)
        if isinstance(key, tree.Literal) and not isinstance(key.value, str):
            text = self.source[key.start : key.end]
            if text in (b"true", b"false", b"null"):
                return tree.Literal(key.start, key.end, text.decode())
        elif node.children[0].kind_id == _TEMPLATE and not isinstance(key, tree.Literal | tree.Template):
            # "${a.b}" is evaluated, while a bare a.b is refused.
            return tree.Parentheses(node.start_byte + self.base, node.end_byte + self.base, key)
        return key

    def for_(self, node: Node, depth: int) -> tree.Expression:
        inner = node.children[0]
        key, value, collection = "", "", None
        condition = None
        results: list[tree.Expression] = []
        grouping = False
        for child in inner.children:
            kind = child.kind_id
            if kind == _FOR_INTRO:
                names = [self.name(one) for one in child.children if one.kind_id == _IDENTIFIER]
                key, value = names if len(names) == 2 else ("", names[0])
                source = next(one for one in child.children if one.kind_id == _EXPRESSION)
                collection = self.expression(source, depth)
            elif kind == _EXPRESSION:
                results.append(self.expression(child, depth))
            elif kind == _ELLIPSIS:
                grouping = True
            elif kind == _FOR_COND:
                condition = self.expression(child.children[-1], depth)
        assert collection is not None  # noqa: S101 - the grammar has it so
        result_key = results[0] if len(results) == 2 else None
        start, end = inner.start_byte + self.base, inner.end_byte + self.base
        return tree.For(start, end, key, value, collection, result_key, results[-1], condition, grouping)

    # Templates

    def template_expression(self, node: Node, depth: int) -> tree.Expression:
        inner = node.children[0]
        start, end = inner.start_byte + self.base, inner.end_byte + self.base
        if inner.kind_id == _QUOTED:
            return self.template(inner.children, start + 1, end - 1, _QUOTED_TOKEN, depth, (start, end))
        first, *_, last = (child for child in inner.children if child.kind_id == _HEREDOC_MARKER)
        body = self.source.index(b"\n", first.end_byte + self.base) + 1
        closing = self.source.rindex(b"\n", 0, last.start_byte + self.base) + 1
        flush = inner.children[0].end_byte - inner.children[0].start_byte == 3
        return self.template(
            inner.children, body, closing, _HEREDOC_TOKEN, depth, (start, last.end_byte + self.base), flush
        )

    def template(
        self,
        nodes: list[Node],
        start: int,
        end: int,
        token: re.Pattern[str],
        depth: int,
        span: tuple[int, int],
        flush: bool = False,
    ) -> tree.Expression:
        """A template whose text is ``source[start:end]``; ``nodes`` has its interpolations and directives."""
        pieces: list[_Piece] = []
        at = start
        trim_next = False
        for kind, left, right, node in self.sequences(nodes):
            trim = self.source[left + 2 : left + 3] == b"~"
            texts = self.texts(at, left, token, trim_next, flush or trim)
            pieces += texts
            if texts and trim:
                texts[-1].text = texts[-1].text.rstrip()
            pieces.append(_Piece(kind, left, right, node))
            trim_next = self.source[right - 2 : right - 1] == b"~"
            at = right
        pieces += self.texts(at, end, token, trim_next, flush)
        if flush:
            _flush(pieces)
        parts = self.nest(pieces, depth)
        if len(pieces) == 1 and pieces[0].kind == _INTERPOLATION and not isinstance(parts[0], str):
            only = parts[0]
            assert not isinstance(only, tree.TemplateIf | tree.TemplateFor)  # noqa: S101 - it is an interpolation
            return only
        if all(isinstance(part, str) for part in parts):
            return tree.Literal(*span, "".join(cast("tuple[str, ...]", parts)))
        return tree.Template(*span, parts)

    def sequences(self, nodes: list[Node]) -> Iterator[tuple[int, int, int, Node]]:
        """Interpolations and the parts of directives, flat and in order."""
        waiting = list(reversed(nodes))
        while waiting:
            node = waiting.pop()
            kind = node.kind_id
            if kind in _SEQUENCES:
                yield kind, node.start_byte + self.base, node.end_byte + self.base, node
            elif kind in _NESTED:
                waiting.extend(reversed(node.children))

    def texts(self, start: int, end: int, token: re.Pattern[str], trim: bool, split: bool) -> list[_Piece]:
        """The tokens of a literal text, or where they don't matter (not ``split``) the whole. ``trim``: the first loses
        the blanks before it."""
        if start >= end:
            return []
        raw = self.source[start:end]
        if _UNESCAPED_MARKER.search(_ESCAPED_MARKER.sub(b"_", raw)):
            raise Unreadable(start, "its template can't be taken apart")
        quoted = token is _QUOTED_TOKEN
        if quoted and _NOT_QUOTED.search(raw):
            raise Unreadable(start, "a text in quotes has an end of a line or a bare quotation mark in it")
        pieces = []
        at = start
        whole = raw.decode()
        for text in token.findall(whole) if split or trim else (whole,):
            size = len(text.encode())
            pieces.append(_Piece(0, at, at + size, None, _unescaped(text, at) if quoted else _plain(text)))
            at += size
        if trim and pieces:
            pieces[0].text = pieces[0].text.lstrip()
        return pieces

    def nest(self, pieces: list[_Piece], depth: int) -> tuple[tree.TemplatePart, ...]:
        """Directives around what they enclose; neighbouring texts become one."""
        parts: list[tree.TemplatePart] = []
        # For each open directive: its opening, what came before it, and the branch before "else".
        stack: list[tuple[_Piece, list[tree.TemplatePart], list[tree.TemplatePart] | None]] = []
        for piece in pieces:
            kind, node = piece.kind, piece.node
            if node is None:
                if piece.text:
                    if parts and isinstance(parts[-1], str):
                        parts[-1] += piece.text
                    else:
                        parts.append(piece.text)
            elif kind == _INTERPOLATION:
                inner = next((child for child in node.children if child.kind_id == _EXPRESSION), None)
                if inner is None:
                    raise Unreadable(piece.start, "an interpolation is empty")
                parts.append(self.expression(inner, depth))
            elif kind in (_IF_INTRO, _TFOR_START):
                stack.append((piece, parts, None))
                parts = []
                if len(stack) > MAX_DEPTH:
                    raise Unreadable(piece.start, "it is nested too deeply")
            elif kind == _ELSE:
                opening, before, _ = stack.pop()
                stack.append((opening, before, parts))
                parts = []
            else:
                opening, before, then = stack.pop()
                assert opening.node is not None  # noqa: S101 - it is a directive's
                children = opening.node.children
                inner_expression = self.expression(
                    next(child for child in children if child.kind_id == _EXPRESSION), depth + len(stack)
                )
                directive: tree.TemplateIf | tree.TemplateFor
                if kind == _END_IF:
                    branches = (tuple(parts), ()) if then is None else (tuple(then), tuple(parts))
                    directive = tree.TemplateIf(opening.start, piece.end, inner_expression, *branches)
                else:
                    names = [self.name(child) for child in children if child.kind_id == _IDENTIFIER]
                    key, value = names if len(names) == 2 else ("", names[0])
                    directive = tree.TemplateFor(opening.start, piece.end, key, value, inner_expression, tuple(parts))
                parts = before
                parts.append(directive)
        return tuple(parts)

    kinds: ClassVar["Mapping[int, Callable[[_Converter, Node, int], tree.Expression]]"] = {
        _CONDITIONAL: conditional,
        _OPERATION: operation,
        _LITERAL: literal,
        _TEMPLATE: template_expression,
        _COLLECTION: collection,
        _VARIABLE: variable,
        _CALL: call,
        _FOR: for_,
    }


def _is_bracketed(node: Node) -> bool:
    return node.kind_id == _INDEX and node.children[0].kind_id == _NEW_INDEX


def _flush(pieces: list[_Piece]) -> None:
    """Takes the common indentation off the lines of ``<<-``, as ``flushHeredocTemplateParts`` does."""
    least: int | None = None
    starts_line = True
    lines = []
    for piece in pieces:
        text = piece.text
        if starts_line:
            starts_line = False
            spaces: int | None = 0
            if piece.node is None:
                trimmed = text.lstrip()
                if not trimmed and text.endswith("\n"):
                    spaces = None  # a blank line counts for nothing and keeps what it has
                else:
                    spaces = len(text) - len(trimmed)
                    lines.append(piece)
            if spaces is not None and (least is None or spaces < least):
                least = spaces
        if piece.node is None and text.endswith("\n"):
            starts_line = True
    for piece in lines:
        piece.text = piece.text[least:]


def number(text: str, offset: int) -> int | Decimal:
    """A number with the precision that Terraform has."""
    try:
        value = NUMBERS.create_decimal(text)
    except DecimalException:
        raise Unreadable(offset, "a number is out of bounds") from None
    if value.adjusted() < 400 and value == value.to_integral_value():
        return int(value)
    return value
