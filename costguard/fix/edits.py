"""A parsed file and what is to be written into it → the new bytes; nothing else of the file changes.

Knows the layouts in which people write maps, calls and blocks, and writes in the one it finds: line ends, indentation,
quotes, colons, trailing commas. Columns are kept by :mod:`costguard.fix.layout`. What can't be written without a guess
at what its author meant raises :class:`EditError`.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from costguard.errors import CostguardError
from costguard.fix.layout import Line, Splice, lines, realign, splice
from costguard.iac.hcl.tree import (
    Attribute,
    Body,
    Call,
    Expression,
    File,
    Literal,
    Object,
    ObjectItem,
    Parentheses,
)

Pairs = tuple[tuple[str, str], ...]

WIDTH = 100
"""What is added to a line stays on it up to this column, else it gets lines of its own."""


class EditError(CostguardError):
    """Why something can't be written into a file; half a sentence."""


class Add(msgspec.Struct, frozen=True):
    """Adds pairs to a map in a body. ``path`` leads from the body to the map: ``("tags",)``,
    ``("default_tags", "tags")``; what is missing of it is written too. ``last``: later than anything that is there
    already, so that nothing overrides it."""

    body: Body
    path: tuple[str, ...]
    pairs: Pairs
    last: bool = False


class Put(msgspec.Struct, frozen=True):
    """Adds pairs to the map that an expression gives, as :class:`Add` does."""

    expression: Expression
    pairs: Pairs
    last: bool = False


class AddBlock(msgspec.Struct, frozen=True):
    """Adds a block without labels to a body; a value is a text or a boolean."""

    body: Body
    type: str
    attributes: tuple[tuple[str, str | bool], ...]


class Rename(msgspec.Struct, frozen=True):
    """Gives an entry of an object another key."""

    item: ObjectItem
    key: str


class Set(msgspec.Struct, frozen=True):
    """Puts a text or a boolean in the place of a literal value."""

    value: Expression
    to: str | bool


Operation = Add | Put | AddBlock | Rename | Set


def edit(file: File, operations: Iterable[Operation]) -> bytes:
    """The file's new text. Raises :class:`EditError`."""
    editor = (_Json if file.json else _Native)(file)
    return editor.made(editor.splices(operations))


def check(file: File, operations: Iterable[Operation]) -> None:
    """Raises :class:`EditError` where :func:`edit` would, and takes a hundredth of its time."""
    (_Json if file.json else _Native)(file).splices(operations)


_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KEYWORDS = frozenset(("for", "if", "in", "null", "true", "false"))
_BLANK = re.compile(rb"[ \t]*")
# Possessive, so that a row of comments is read once: it would take for ever to find that no comma follows.
_COMMENT = rb"/\*(?:[^*]|\*(?!/))*+\*/"
_COMMA = re.compile(rb"(?:[ \t]|" + _COMMENT + rb")*+,")
_REST_OF_LINE = re.compile(rb"(?:[ \t,]|" + _COMMENT + rb")*+(?:(?:#|//)[^\r\n]*+)?")
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*(?:\r?\n|\Z)")
_BLANK_LINES = re.compile(rb"(?:\r?\n[ \t]*(?=\r?\n))*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_COLON = re.compile(rb"[ \t]*:[ \t]*")
# What people keep at the end of a resource, behind its tags.
_LAST_ATTRIBUTES = frozenset(("depends_on",))
_LAST_BLOCKS = frozenset(("lifecycle", "provisioner", "connection", "timeouts"))


def quoted(text: str) -> bytes:
    """A text as a literal of HCL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return b'"%s"' % re.sub(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", escaped
    ).encode("utf-8", "replace")


def written(value: str | bool) -> bytes:
    """A value as it is written."""
    return quoted(value) if isinstance(value, str) else str(value).lower().encode()


def _key(name: str, quote: bool = False) -> bytes:
    """A key as an object has it: bare where it can be."""
    bare = not quote and _IDENTIFIER.fullmatch(name) is not None and name not in _KEYWORDS
    return name.encode() if bare else quoted(name)


class _Map(msgspec.Struct, frozen=True):
    """A map to write into a body; ``path`` is the way to it, from blocks to the attribute."""

    path: tuple[str, ...]
    pairs: Pairs

    def text(self, indent: bytes, unit: bytes, newline: bytes) -> bytes:
        depth = len(self.path) - 1
        lines = [indent + unit * level + name.encode() + b" {" for level, name in enumerate(self.path[:-1])]
        inner = indent + unit * depth
        lines.append(inner + self.path[-1].encode() + b" = " + _lines(self.pairs, inner, unit, newline))
        lines += [indent + unit * level + b"}" for level in reversed(range(depth))]
        return newline.join(lines)


class _Sub(msgspec.Struct, frozen=True):
    """A block to write into a body."""

    type: str
    attributes: tuple[tuple[str, str | bool], ...]

    def text(self, indent: bytes, unit: bytes, newline: bytes) -> bytes:
        lines = [indent + self.type.encode() + b" {"]
        lines += [indent + unit + name.encode() + b" = " + written(value) for name, value in self.attributes]
        return newline.join((*lines, indent + b"}"))


def _inline(pairs: Pairs) -> bytes:
    return b"{ " + b", ".join(_key(key) + b" = " + quoted(value) for key, value in pairs) + b" }"


def _lines(pairs: Pairs, indent: bytes, unit: bytes, newline: bytes) -> bytes:
    """An object over several lines, the first of which is begun already."""
    items = [indent + unit + _key(key) + b" = " + quoted(value) for key, value in pairs]
    return newline.join((b"{", *items, indent + b"}"))


class _Element(msgspec.Struct, frozen=True, order=True):
    """An attribute or block of a body."""

    start: int
    end: int
    name: str
    block: bool
    labels: tuple[str, ...] = ()

    @property
    def stays_last(self) -> bool:
        return self.name in (_LAST_BLOCKS if self.block else _LAST_ATTRIBUTES)


class _Native:
    """The edits of one file in native syntax."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.source = file.source
        first = self.source.find(b"\n")
        self.newline = b"\r\n" if first > 0 and self.source[first - 1 : first] == b"\r" else b"\n"

    def splices(self, operations: Iterable[Operation]) -> list[Splice]:
        splices: list[Splice] = []
        puts: dict[tuple[int, int], Put] = {}
        bodies: dict[int, tuple[Body, dict[object, _Map | _Sub]]] = {}
        for operation in operations:
            match operation:
                case Put():
                    _gather(puts, operation)
                case Add():
                    body, path = _along(operation.body, operation.path)
                    attribute = body.attributes.get(path[0])
                    if attribute is not None:
                        _gather(puts, Put(attribute.value, operation.pairs, operation.last))
                        continue
                    fresh = bodies.setdefault(body.start, (body, {}))[1]
                    before = fresh.get(path)
                    pairs = before.pairs if isinstance(before, _Map) else ()
                    fresh[path] = _Map(path, (*pairs, *operation.pairs))
                case AddBlock(body, type_, attributes):
                    bodies.setdefault(body.start, (body, {}))[1][operation.attributes] = _Sub(type_, attributes)
                case Rename(item, key):
                    splices.append(self._rename(item, key))
                case Set(value, to):
                    splices.append(self._set(value, to))
        for put in puts.values():
            splices += self._put(put.expression, put.pairs, put.last)
        for body, fresh in bodies.values():
            splices += self._add(body, tuple(fresh.values()))
        return _in_order(self.file, splices)

    def made(self, splices: list[Splice]) -> bytes:
        return realign(self.source, splices)

    # --- what stands where

    def _line_start(self, at: int) -> int:
        return self.source.rfind(b"\n", 0, at) + 1

    def _indent(self, at: int) -> bytes:
        """The blanks that the line of a byte begins with."""
        start = self._line_start(at)
        if start == 0 and self.source.startswith(b"\xef\xbb\xbf"):
            start = 3
        return self.source[start : _end(_BLANK, self.source, start)]

    def _begins_line(self, at: int) -> bool:
        return self.source[self._line_start(at) : at].strip(b" \t\xef\xbb\xbf") == b""

    def _line_rest(self, at: int) -> int:
        """The end of a line on which, from ``at`` on, only commas and comments stand."""
        return _end(_REST_OF_LINE, self.source, at)

    def _net(self, at: int) -> int:
        """How many more brackets the line of a byte opens than it closes."""
        return self._layout[bisect_right(self._layout, at, key=lambda line: line.start) - 1].net

    @cached_property
    def _layout(self) -> list[Line]:
        return list(lines(self.source))

    def _columns(self, start: int, end: int) -> int:
        """How long the lines of a span would be as one, from the begin of its first to the end of its last."""
        stop = self.source.find(b"\n", end)
        line = self.source[self._line_start(start) : len(self.source) if stop < 0 else stop]
        return len(line.decode("utf-8", "replace").rstrip())

    def _opens(self, start: int, end: int) -> bool:
        """Whether a bracket in the place of ``[start, end)`` may stay open at its line's end: the line begins with no
        closing bracket, closes all that it opens, and only closing parentheses come after."""
        begin = self._line_start(start)
        stop = self.source.find(b"\n", end)
        after = self.source[end : len(self.source) if stop < 0 else stop]
        before = _STRING.sub(b"", self.source[begin:start])
        closed = after.partition(b"#")[0].partition(b"//")[0]
        return (
            not before.lstrip().startswith((b"}", b")", b"]"))
            and closed.strip(b"), \t\r") == b""
            and before.count(b"(") - before.count(b")") == closed.count(b")")
            and before.count(b"{") == before.count(b"}")
            and before.count(b"[") == before.count(b"]")
        )

    @cached_property
    def _unit(self) -> bytes:
        """One step of indentation, as the file has it."""
        for type_ in self.file.body.block_types():
            for block in self.file.body.blocks(type_):
                for element in _elements(block.body):
                    outer, inner = self._indent(block.start), self._indent(element.start)
                    if self._begins_line(element.start) and inner != outer and inner.startswith(outer):
                        return inner[len(outer) :]
        return b"  "

    # --- maps

    def _put(self, expression: Expression, pairs: Pairs, last: bool) -> Iterator[Splice]:
        match expression:
            case Parentheses(_, _, inner):
                yield from self._put(inner, pairs, last)
            case Object():
                yield from self._extend(expression, pairs)
            case Call(_, _, "merge" | "core::merge") if not (expression.expand and (last or not _objects(expression))):
                yield from self._merge(expression, pairs, last)
            case Call(_, _, "tomap" | "core::tomap", (Object() as inner,), False):
                yield from self._extend(inner, pairs)
            case Literal(start, end, None):
                yield Splice(start, end, self._object(pairs, start, end))
            case _:
                yield from self._wrap(expression, pairs)

    def _object(self, pairs: Pairs, start: int, end: int) -> bytes:
        """An object in the place of ``[start, end)``, over several lines where the line may be broken there."""
        if not self._opens(start, end):
            return _inline(pairs)
        return _lines(pairs, self._indent(start), self._unit, self.newline)

    def _added(self, pairs: Pairs, at: int, extra: int) -> bytes:
        """An object that comes into a line; ``extra`` is what comes with it. It stays on that line where it fits."""
        inline = _inline(pairs)
        if self._columns(at, at) + len(inline) + extra <= WIDTH or not self._opens(at, at):
            return inline
        return _lines(pairs, self._indent(at), self._unit, self.newline)

    def _wrap(self, expression: Expression, pairs: Pairs) -> Iterator[Splice]:
        """``expression`` → ``merge(expression, {…})``"""
        start, end = expression.start, expression.end
        if self.source.startswith(b"<<", start):
            raise EditError(f"the text on line {self.file.line(start)} is no map")
        several = b"\n" in self.source[start:end]
        text = _inline(pairs) if several or not self._opens(start, end) else self._added(pairs, end, len("merge(, )"))
        yield Splice(start, start, b"merge(")
        yield Splice(end, end, b", " + text + b")")

    def _merge(self, call: Call, pairs: Pairs, last: bool) -> Iterator[Splice]:
        objects = _objects(call)
        if objects and (not last or objects[-1].argument == len(call.arguments) - 1):
            yield from self._extend(objects[-1].object, pairs)
            return
        closing = call.end - 1
        if not call.arguments:
            yield Splice(closing, closing, self._added(pairs, closing, 0))
            return
        end = call.arguments[-1].end
        comma = _COMMA.match(self.source, end)
        if b"\n" in self.source[end:closing]:
            first = call.arguments[-1].start
            indent = self._indent(first) if self._begins_line(first) else self._indent(closing) + self._unit
            text = _inline(pairs)
            if len(indent) + len(text) > WIDTH:
                text = _lines(pairs, indent, self._unit, self.newline)
            if comma is None:
                yield Splice(end, end, b",")
            at = self._line_rest(end)
            yield Splice(at, at, self.newline + indent + text + (b"," if comma else b""))
            return
        text = _inline(pairs) if b"\n" in self.source[call.start : call.end] else self._added(pairs, closing, 2)
        if comma is None:
            yield Splice(end, end, b", " + text)
        else:  # A comma before the parenthesis looks odd behind a brace, and the formatter wants a blank there.
            yield Splice(comma.end(), closing, b" " + text)

    def _extend(self, target: Object, pairs: Pairs) -> Iterator[Splice]:
        """Adds the pairs behind the last item of an object."""
        inside, closing = target.start + 1, target.end - 1
        if not target.items:
            content = self.source[inside:closing]
            at = inside + len(content.rstrip())
            if b"\n" in self.source[at:closing]:
                indent = self._indent(target.start) + (self._unit if self._net(target.start) > 0 else b"")
                blank = _end(_BLANK_LINES, self.source, at)
                text = b"".join(self.newline + indent + self._pair(pair) for pair in pairs)
                yield Splice(at, at if content.strip() else blank, text)
            elif content.strip():
                yield Splice(at, at, b" " + b", ".join(map(self._pair, pairs)))
            else:
                yield Splice(target.start, target.end, self._object(pairs, target.start, target.end))
            return
        last = target.items[-1]
        quote = all(self.source[item.key.start : item.key.start + 1] == b'"' for item in target.items)
        colon = _COLON.fullmatch(self.source[last.key.end : last.value.start])
        items = [self._pair(pair, quote, colon[0] if colon else b" = ") for pair in pairs]
        end = last.end
        while self.source[end - 1 : end] in (b"\n", b"\r"):  # of a heredoc
            end -= 1
        comma = _COMMA.match(self.source, end)
        if b"\n" not in self.source[end:closing]:
            if comma is None:
                yield Splice(end, end, b", " + b", ".join(items))
            else:
                yield Splice(comma.end(), comma.end(), b" " + b", ".join(items) + b",")
            return
        own_lines = [item for item in reversed(target.items) if self._begins_line(item.start)]
        indent = self._indent(own_lines[0].start) if own_lines else self._indent(closing) + self._unit
        heredoc = self.source.startswith(b"<<", last.value.start)
        listed = len(target.items) > 1 and all(_COMMA.match(self.source, item.end) for item in target.items[:-1])
        separator = b"," if comma or (listed and not heredoc) else b""
        if separator and not comma:
            yield Splice(end, end, b",")
        at = self._line_rest(end)
        text = (separator + self.newline + indent).join(items)
        yield Splice(at, at, self.newline + indent + text + (separator if comma else b""))

    def _pair(self, pair: tuple[str, str], quote: bool = False, separator: bytes = b" = ") -> bytes:
        return _key(pair[0], quote) + separator + quoted(pair[1])

    # --- bodies

    def _add(self, body: Body, fresh: Sequence[_Map | _Sub]) -> Iterator[Splice]:
        base = self._indent(body.start - 1)
        elements = _elements(body)
        first = next((one for one in elements if self._begins_line(one.start)), None)
        indent = base + self._unit if first is None else self._indent(first.start)
        unit = self._unit if first is None or not indent.startswith(base) else indent[len(base) :] or self._unit

        def text(entries: Sequence[_Map | _Sub], gap: bytes) -> bytes:
            return (self.newline + gap).join(one.text(indent, unit, self.newline) for one in entries)

        content = self.source[body.start : body.end]
        if b"\n" not in content:
            stripped = content.strip()
            begin = body.start + len(content) - len(content.lstrip()) if stripped else body.start
            end = begin + len(stripped)
            if stripped:
                yield Splice(body.start, begin, self.newline + indent)
            blank = self.newline if stripped else b""
            yield Splice(end, body.end, blank + self.newline + text(fresh, self.newline) + self.newline + base)
            return
        for type_ in dict.fromkeys(one.type for one in fresh if isinstance(one, _Sub)):
            names = ((type_, ()), ("dynamic", (type_,)))
            siblings = [one for one in elements if one.block and (one.name, one.labels) in names]
            if siblings:
                mine = [one for one in fresh if isinstance(one, _Sub) and one.type == type_]
                fresh = [one for one in fresh if one not in mine]
                at = self._line_rest(siblings[-1].end)
                gap = self.source[siblings[-2].end : siblings[-1].start] if len(siblings) > 1 else b"\n\n"
                blank = self.newline if gap.count(b"\n") != 1 else b""
                yield Splice(at, at, self.newline + blank + text(mine, blank))
        if fresh:
            yield self._behind(body, elements, text(fresh, self.newline), base)

    def _behind(self, body: Body, elements: Sequence[_Element], text: bytes, base: bytes) -> Splice:
        """Puts lines where they belong in a body over several lines: last, but before what people keep last."""
        tail = len(elements)
        while tail and elements[tail - 1].stays_last:
            tail -= 1
        if tail == len(elements):
            at = body.start + len(self.source[body.start : body.end].rstrip())
            above = bool(elements) or at > self._line_rest(body.start)
            after = b"" if b"\n" in self.source[at : body.end] else self.newline + base
        else:
            at = self._line_rest(elements[tail - 1].end if tail else body.start)
            above = tail > 0
            after = b"" if _BLANK_LINE.match(self.source, at) else self.newline
        return Splice(at, at, self.newline * (2 if above else 1) + text + after)

    # --- single places

    def _rename(self, item: ObjectItem, key: str) -> Splice:
        old = item.key
        if not isinstance(old, Literal) or not isinstance(old.value, str):
            raise EditError(f"the key on line {self.file.line(old.start)} is computed")
        quote = self.source.startswith(b'"', old.start)
        return Splice(old.start, old.end, _key(key, quote))

    def _set(self, value: Expression, to: str | bool) -> Splice:
        if not isinstance(value, Literal) or self.source.startswith(b"<<", value.start):
            raise EditError(f"the value on line {self.file.line(value.start)} is computed")
        return Splice(value.start, value.end, written(to))


class _Json(_Native):
    """The edits of one file in JSON. What stands in a text is HCL again, all on one line and escaped once more."""

    @cached_property
    def _texts(self) -> list[tuple[int, int]]:
        return [found.span() for found in _STRING.finditer(self.source)]

    def _in_text(self, at: int) -> bool:
        number = bisect_right(self._texts, at, key=lambda span: span[0]) - 1
        return number >= 0 and self._texts[number][0] < at < self._texts[number][1]

    @cached_property
    def _unit(self) -> bytes:
        found = re.search(rb"[{\[]\r?\n([ \t]+)", self.source)
        return found[1] if found else b"  "

    @cached_property
    def _colon(self) -> bytes:
        return b": " if re.search(rb'":\s', self.source) or b'":' not in self.source else b":"

    def _opens(self, start: int, end: int) -> bool:
        return False

    def made(self, splices: list[Splice]) -> bytes:
        return splice(self.source, splices)

    def _put(self, expression: Expression, pairs: Pairs, last: bool) -> Iterator[Splice]:
        start, end = expression.start, expression.end
        if self._in_text(start):
            for one in super()._put(expression, pairs, last):
                yield Splice(one.start, one.end, _escaped(one.text))
            return
        members = {key: _template(value) for key, value in pairs}
        match expression:
            case Object():
                yield self._grown(start, end, members)
            case Literal(_, _, None):
                yield Splice(start, end, self._value(members, self._indent(start)))
            case _:
                raise EditError(f"the text on line {self.file.line(start)} is no map")

    def _add(self, body: Body, fresh: Sequence[_Map | _Sub]) -> Iterator[Splice]:
        start, end = body.start - 1, body.end + 1
        if self.source[start : start + 1] != b"{":
            raise EditError(f"the block on line {self.file.line(start)} is spread over an array")
        members: dict[str, object] = {}
        for one in fresh:
            match one:
                case _Map(path, pairs):
                    inner: dict[str, object] = members
                    for name in path:
                        inner = inner.setdefault(name, {})  # type: ignore[assignment]  # a path never ends in another
                    inner.update((key, _template(value)) for key, value in pairs)
                case _Sub(type_, attributes):
                    value = {name: _template(one) if isinstance(one, str) else one for name, one in attributes}
                    there = body.attributes.get(type_)
                    if there is None:
                        members.setdefault(type_, []).append(value)  # type: ignore[attr-defined]  # the list it set
                        continue
                    yield from self._appended(there, value)
        if members:
            yield self._grown(start, end, members)

    def _grown(self, start: int, end: int, members: Mapping[str, object]) -> Splice:
        """Adds members to the object ``[start, end)``."""
        content = self.source[start + 1 : end - 1]
        if not content.strip():
            return Splice(start, end, self._value(members, self._indent(start)))
        at = start + 1 + len(content.rstrip())
        if b"\n" not in content:
            gap = b", " if b", " in content or self._colon == b": " else b","
            texts = [_dumped(name) + self._colon + self._value(value, None) for name, value in members.items()]
            return Splice(at, at, b"".join(gap + text for text in texts))
        indent = self._indent(at) if b"\n" in self.source[at : end - 1] else self._indent(start) + self._unit
        text = [indent + _dumped(name) + self._colon + self._value(value, indent) for name, value in members.items()]
        return Splice(at, at, b"".join(b"," + self.newline + one for one in text))

    def _appended(self, there: Attribute, value: object) -> Iterator[Splice]:
        """Adds a block to those that a property holds: an array of them, or a single one."""
        start, end = there.value_start, there.value_end
        indent = self._indent(start) + self._unit if b"\n" in self.source[start:end] else None
        if self.source[start : start + 1] != b"[":
            inner = None if indent is None else self._indent(start)
            yield Splice(start, start, b"[")
            yield Splice(end, end, b", " + self._value(value, inner) + b"]")
            return
        content = self.source[start + 1 : end - 1]
        at = start + 1 + len(content.rstrip())
        first = b"" if not content.strip() else b"," if indent is not None else b", "
        line = b"" if indent is None else self.newline + indent
        yield Splice(at, at, first + line + self._value(value, indent))

    def _value(self, value: object, indent: bytes | None) -> bytes:
        """A value as JSON: on one line, or on lines that follow one with ``indent``."""
        if not isinstance(value, dict | list):
            return _dumped(value)
        marks = (b"{", b"}") if isinstance(value, dict) else (b"[", b"]")
        inner = None if indent is None else indent + self._unit
        items = (
            [_dumped(name) + self._colon + self._value(one, inner) for name, one in value.items()]
            if isinstance(value, dict)
            else [self._value(one, inner) for one in value]
        )
        if indent is None or b"\n" not in self.source.strip():
            return marks[0] + (b", " if self._colon == b": " else b",").join(items) + marks[1]
        lines = (b"," + self.newline).join(indent + self._unit + item for item in items)
        return marks[0] + self.newline + lines + self.newline + indent + marks[1]

    def _rename(self, item: ObjectItem, key: str) -> Splice:
        if self._in_text(item.key.start):
            one = super()._rename(item, key)
            return Splice(one.start, one.end, _escaped(one.text))
        if not isinstance(item.key, Literal):
            raise EditError(f"the key on line {self.file.line(item.key.start)} is computed")
        return Splice(item.key.start, item.key.end, _dumped(_template(key)))

    def _set(self, value: Expression, to: str | bool) -> Splice:
        if not isinstance(value, Literal):
            raise EditError(f"the value on line {self.file.line(value.start)} is computed")
        if self._in_text(value.start):
            return Splice(value.start, value.end, _escaped(written(to)))
        return Splice(value.start, value.end, _dumped(_template(to) if isinstance(to, str) else to))


def _template(text: str) -> str:
    """A text of JSON that means exactly ``text`` to HCL."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _escaped(text: bytes) -> bytes:
    """HCL as it stands between the quotes of a text of JSON."""
    return _dumped(text.decode())[1:-1]


def _end(pattern: re.Pattern[bytes], source: bytes, at: int) -> int:
    """Where a pattern that always matches ends."""
    found = pattern.match(source, at)
    return at if found is None else found.end()


class _Argument(msgspec.Struct, frozen=True):
    """An object literal among the arguments of a call, and the number of that argument."""

    argument: int
    object: Object


def _objects(call: Call) -> list[_Argument]:
    found = []
    for number, argument in enumerate(call.arguments[:-1] if call.expand else call.arguments):
        inner = argument
        while True:
            match inner:
                case Parentheses(_, _, one) | Call(_, _, "tomap" | "core::tomap", (one,), False):
                    inner = one
                case _:
                    break
        if isinstance(inner, Object):
            found.append(_Argument(number, inner))
    return found


def _gather(puts: dict[tuple[int, int], Put], put: Put) -> None:
    """Several additions to one expression are one."""
    where = (put.expression.start, put.expression.end)
    before = puts.get(where)
    if before is not None:
        put = Put(put.expression, (*before.pairs, *put.pairs), before.last or put.last)
    puts[where] = put


def _along(body: Body, path: tuple[str, ...]) -> tuple[Body, tuple[str, ...]]:
    """The innermost body on the path that is there, and what of the path is left."""
    while len(path) > 1:
        inner = body.blocks(path[0])
        if not inner:
            break
        body, path = inner[0].body, path[1:]
    return body, path


def _elements(body: Body) -> list[_Element]:
    """What stands in a body, in order."""
    found = [_Element(one.start, one.end, one.name, False) for one in body.attributes.values()]
    for type_ in body.block_types():
        found += [_Element(one.start, one.end, type_, True, one.labels) for one in body.blocks(type_)]
    return sorted(found)


def _in_order(file: File, splices: list[Splice]) -> list[Splice]:
    """The splices by their starts; two that meet can't both be made."""
    splices.sort(key=lambda one: (one.start, one.end))
    at = 0
    for one in splices:
        if one.start < at:
            raise EditError(f"two changes meet on line {file.line(one.start)}")
        at = one.end
    return splices
