"""Reads HCL's JSON syntax into the tree of :mod:`costguard.iac.hcl.tree`.

Hides tree-sitter-json, which gives the positions; the words of an error, texts and numbers come from the bytes by the
rules of JSON. Where the syntax is ambiguous, a property may be an attribute or blocks: who asks decides (see
``hcl/json/structure.go``). Texts are templates, but not in a file of variables, which Terraform takes by the letter.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import tree_sitter_json
from tree_sitter import Language, Node, Parser

from costguard.iac.hcl import native, tree
from costguard.iac.hcl.native import Unreadable

MAX_DEPTH = 100
"""How deep objects and arrays may nest."""

_LANGUAGE = Language(tree_sitter_json.language())
_PARSER = Parser(_LANGUAGE)
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+")
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


def read(source: bytes, name: str) -> tree.File:
    """The file; what isn't JSON, or isn't a body, is in its problems."""
    reader = _Reader(source, literal=name.endswith(".tfvars.json"))
    try:
        body = reader.file()
    except Unreadable as problem:
        line = source.count(b"\n", 0, problem.offset) + 1
        return tree.File(name, source, native.EMPTY, json=True, problems=(tree.Problem(line, problem.reason),))
    return tree.File(name, source, body, json=True)


class _Reader:
    """Makes nodes into our tree. ``literal``: a text is what it is, not a template."""

    __slots__ = ("literal", "source")

    def __init__(self, source: bytes, *, literal: bool) -> None:
        self.source = source
        self.literal = literal

    def file(self) -> "Body":
        offset = native.not_text(self.source)
        if offset is not None:
            raise Unreadable(offset, native.NOT_TEXT)
        root = _PARSER.parse(self.source).root_node
        nodes = root.children
        if root.has_error or len(nodes) != 1 or self.source.startswith(b"\xef\xbb\xbf"):
            self.refuse()
        _check_depth(nodes[0])
        if b"\\u" in self.source:  # which tree-sitter-json takes for an escape sequence by itself
            self.ask_the_standard_library()
        if nodes[0].type not in ("object", "array"):
            raise Unreadable(nodes[0].start_byte, "an object with arguments and blocks is expected here")
        return Body(self, (nodes[0],))

    def refuse(self) -> None:
        """Raises, with the words of the standard library's reader where it has any."""
        self.ask_the_standard_library()
        raise Unreadable(0, "it isn't JSON")

    def ask_the_standard_library(self) -> None:
        text = self.source.decode()
        try:
            json.loads(text, parse_int=str)  # an integer may have more digits than Python converts
        except json.JSONDecodeError as error:
            raise Unreadable(len(text[: error.pos].encode()), f"it isn't JSON: {error.msg}") from None
        except RecursionError:
            raise Unreadable(0, f"it is nested more than {MAX_DEPTH} deep") from None

    def text(self, node: Node) -> str:
        start, end = node.byte_range
        raw = self.source[start:end]
        if b"\\" not in raw:
            text = raw[1:-1].decode()
        else:
            text = json.loads(raw)
            # Half of a surrogate pair is no character; Terraform puts the replacement character.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return native.normal(text)

    def expression(self, node: Node) -> tree.Expression:
        start, end = node.byte_range
        match node.type:
            case "string":
                return self.string(node)
            case "number":
                return tree.Literal(start, end, native.number(self.source[start:end].decode(), start))
            case "array":
                return tree.Tuple(start, end, tuple(self.expression(child) for child in node.named_children))
            case "object":
                items = []
                for pair in node.named_children:
                    key, value = pair.named_children
                    items.append(tree.ObjectItem(*pair.byte_range, self.string(key, key=True), self.expression(value)))
                return tree.Object(start, end, tuple(items))
            case constant:
                return tree.Literal(start, end, _CONSTANTS[constant])

    def string(self, node: Node, *, key: bool = False) -> tree.Expression:
        start, end = node.byte_range
        text = self.text(node)
        if self.literal or ("${" not in text and "%{" not in text):
            return tree.Literal(start, end, text)
        content = text.encode()
        try:
            value = native.template(content)
        except Unreadable as problem:
            return tree.Opaque(start, end, problem.reason)
        if isinstance(value, tree.Literal) and isinstance(value.value, str) and value.end - value.start == len(content):
            return tree.Literal(start, end, value.value)
        raw = self.source[start + 1 : end - 1]
        # Without an escape the text stands in the file as it is.
        places = range(start + 1, end) if raw == content else _places(raw.decode(), start + 1, len(content))
        try:
            value = _moved(value, places)
        except RecursionError:
            return tree.Opaque(start, end, "it is nested too deeply")
        if key and not isinstance(value, tree.Template):
            return tree.Parentheses(start, end, value)
        return msgspec.structs.replace(value, start=start, end=end) if isinstance(value, tree.Template) else value


def _places(raw: str, start: int, length: int) -> list[int]:
    """Where each byte of a text stands in the file, which has it with escapes; one more for its end."""
    places: list[int] = []
    at = start
    for match in _ESCAPE.finditer(raw):
        piece = match[0]
        size = len(piece.encode())
        if piece.startswith("\\"):
            decoded = json.loads(f'"{piece}"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            places += [at] * len(decoded.encode())
        else:
            places += range(at, at + size)
        at += size
    if len(places) != length:  # the text was normalized: no place is exact
        return [start] * length + [at]
    return [*places, at]


def _moved(value: "tree.Expression", places: Sequence[int]) -> "tree.Expression":
    """The expression with every span looked up in ``places``."""

    def moved(part: object) -> object:
        if isinstance(part, tuple):
            return tuple(moved(one) for one in part)
        if isinstance(part, tree.Node):
            fields = {
                name: moved(inner)
                for name in part.__struct_fields__
                if isinstance(inner := getattr(part, name), tuple | tree.Node)
            }
            return msgspec.structs.replace(part, start=places[part.start], end=places[part.end], **fields)
        return part

    result = moved(value)
    assert isinstance(result, tree.Expression)  # noqa: S101 - its type is what it was
    return result


def _check_depth(root: Node) -> None:
    level = [root]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH * 2:  # a pair and its value are two
            raise Unreadable(level[0].start_byte, f"it is nested more than {MAX_DEPTH} deep")
        level = [child for node in level for child in node.named_children if child.type in ("object", "array", "pair")]


class Body:
    """The properties of an object, or of all the objects in an array."""

    __slots__ = ("_attributes", "_nodes", "_pairs", "_reader", "_values", "end", "start")

    def __init__(self, reader: _Reader, nodes: Sequence[Node], *, literal: bool = False) -> None:
        self._reader = reader
        self._values = _Reader(reader.source, literal=True) if literal else reader
        self._nodes = nodes
        self._pairs: list[tuple[str, Node, Node]] | None = None
        self._attributes: dict[str, tree.Attribute] | None = None
        self.start = nodes[0].start_byte + 1
        self.end = nodes[-1].end_byte - 1

    def _properties(self) -> list[tuple[str, Node, Node]]:
        if self._pairs is None:
            self._pairs = [(name, key, value) for name, key, value in _pairs(self._reader, self._nodes) if name != "//"]
        return self._pairs

    @property
    def attributes(self) -> Mapping[str, tree.Attribute]:
        if self._attributes is None:
            self._attributes = {}
            for name, key, value in self._properties():
                if name not in self._attributes:
                    build = functools.partial(_value, self._values, value)
                    self._attributes[name] = tree.Attribute(
                        name, key.start_byte, value.start_byte, value.end_byte, build
                    )
        return self._attributes

    def blocks(self, name: str, labels: int = 0) -> tuple[tree.Block, ...]:
        found: list[tree.Block] = []
        for property_, _, value in self._properties():
            if property_ != name:
                continue
            level: list[tuple[tuple[str, ...], Node]] = [((), value)]
            for _ in range(labels):
                level = [
                    ((*above, label), inner)
                    for above, node in level
                    for label, _, inner in _pairs(self._reader, (node,))
                ]
            for names, node in level:
                for one in node.named_children if node.type == "array" else [node]:
                    if one.type in ("object", "array"):
                        # The default of a variable is taken by the letter, as everything in a file of variables.
                        body = Body(self._reader, (one,), literal=name == "variable")
                        found.append(tree.Block(*one.byte_range, name, names, one.start_byte, body))
        return tuple(found)

    def block_types(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _, value in self._properties() if value.type in ("object", "array")))


def _pairs(reader: _Reader, nodes: Sequence[Node]) -> Iterator[tuple[str, Node, Node]]:
    """The properties of the objects among the nodes, and of those in an array."""
    for node in nodes:
        for one in node.named_children if node.type == "array" else (node,):
            if one.type == "object":
                for pair in one.named_children:
                    key, value = pair.named_children
                    yield reader.text(key), key, value


def _value(reader: _Reader, node: Node, start: int, end: int) -> tree.Expression:
    try:
        return reader.expression(node)
    except Unreadable as problem:
        return tree.Opaque(start, end, problem.reason)
