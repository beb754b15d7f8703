"""Knows how ``terraform fmt`` sets the columns of ``=`` and of trailing comments, and keeps them through an edit.

It works on lines as the formatter sees them: a heredoc belongs to the line that opens it. A run of neighbouring lines
that each hold ``name = value`` has its ``=`` in one column, and so have the trailing comments of neighbouring lines
theirs. A line whose value leaves a bracket open is in no run, nor is a blank one or a lone comment.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Literal

import msgspec
import regex


class Splice(msgspec.Struct, frozen=True):
    """Puts ``text`` in the place of the bytes ``[start, end)``."""

    start: int
    end: int
    text: bytes


class Line(msgspec.Struct):
    """One line of the formatter.

    ``assign`` and ``comment`` are where ``=`` and a trailing comment stand, -1 where there is none; ``lead_end`` and
    ``assign_end`` are where what is before them ends. ``opens``: the brackets of the value don't pair up on this line,
    so that its ``=`` is in no column. ``net`` is how many more brackets the whole line opens than it closes.
    """

    start: int
    lead_end: int = -1
    assign: int = -1
    assign_end: int = -1
    comment: int = -1
    opens: bool = False
    net: int = 0


_CODE = re.compile(
    rb"""(?P<newline>\n)
    | (?P<comment>(?:\#|//)[^\n]*)
    | /\*.*?(?:\*/|\Z)
    | <<-?(?P<heredoc>[^\W\d][\w-]*)[^\n]*(?:\n|\Z)
    | (?P<quote>")
    | (?P<open>[({\[])
    | (?P<close>[)}\]])
    | [=!<>]=|=>
    | (?P<equal>=)
    | (?:[^\s\#/<"(){}\[\]=!>]|[\x80-\xff])+
    | [/<!>]
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(rb'(?P<end>")|\\.|[$%]{2}\{|(?P<open>[$%]\{)|(?P<newline>\n)', re.DOTALL)


def lines(source: bytes) -> Iterator[Line]:
    """The lines of a source in native syntax."""
    at = 3 if source.startswith(b"\xef\xbb\xbf") else 0
    depths: list[int] = []  # of the brackets in each interpolation that is open; 0 while in the template's own text
    line, empty, end, net = Line(at), True, at, 0  # net: of the value, where there is one
    while at < len(source):
        quoted = bool(depths) and depths[-1] == 0
        token = (_QUOTED if quoted else _CODE).search(source, at)
        if token is None:
            break
        start, at = token.span()
        kind = token.lastgroup
        if kind == "newline":
            yield _closed(line, end, net)
            line, empty, end, net = Line(at), True, at, 0
            continue
        if kind == "comment":
            if not empty:
                line.comment = start
                line.assign_end = end
            continue
        if kind == "equal" and not quoted and not empty and line.assign < 0:
            line.lead_end, line.assign, line.net, net = end, start, net, 0
        elif kind == "heredoc":
            marker = re.compile(rb"^[ \t]*" + re.escape(token["heredoc"]) + rb"[ \t]*\r?$", re.MULTILINE)
            closing = marker.search(source, at)
            at = len(source) if closing is None else closing.end()
        elif kind == "quote":
            depths.append(0)
        elif kind == "open":
            net += 1
            if depths:
                depths[-1] += 1
        elif kind == "close":
            net -= 1
            if depths:
                depths[-1] -= 1
        elif kind == "end":
            depths.pop()
        empty, end = False, at
    yield _closed(line, end, net)


def _closed(line: Line, end: int, net: int) -> Line:
    """The line, complete."""
    if line.comment < 0:
        line.assign_end = end
    line.opens = line.assign >= 0 and net != 0
    line.net += net
    return line


def splice(source: bytes, splices: Iterable[Splice]) -> bytes:
    """The source with every splice made. They come in the order of their starts and don't overlap."""
    parts: list[bytes] = []
    at = 0
    for one in splices:
        parts += source[at : one.start], one.text
        at = one.end
    return b"".join((*parts, source[at:]))


def realign(old: bytes, splices: Sequence[Splice]) -> bytes:
    """The source with every splice made, and with every run that was in columns in columns again.

    A run that a person has set otherwise stays as it is, and what is new in it joins its column where it can.
    """
    new = splice(old, splices)
    before = list(lines(old))
    origins = list(_origins(splices, before, list(lines(new))))
    for cell in _CELLS:
        set_by_hand = {index for run in _runs(before, cell) if not _in_columns(old, before, run, cell) for index in run}
        after = list(lines(new))
        changes: list[Splice] = []
        for run in _runs(after, cell):
            kept = [index for index in run if origins[index] is not None]
            if any(origins[index] in set_by_hand for index in kept):
                changes += _joined(new, after, [index for index in run if index not in kept], kept, cell)
            else:
                changes += _aligned(new, after, run, cell)
        if cell == "assign":
            changes += _left(before, after, origins, set_by_hand)
            changes.sort(key=lambda one: one.start)
        new = splice(new, changes)
    return new


_Cell = Literal["assign", "comment"]
_CELLS: tuple[_Cell, ...] = ("assign", "comment")  # in this order: moving a value moves the comment behind it


def _origins(splices: Sequence[Splice], before: Sequence[Line], after: Sequence[Line]) -> Iterator[int | None]:
    """For each new line the index of the old one that begins where it does; None for what was put in."""
    index = {line.start: number for number, line in enumerate(before)}
    rest = iter(splices)
    one = next(rest, None)
    moved = 0  # how much further on the new text is
    for line in after:
        while one is not None and line.start >= one.start + moved + len(one.text):
            moved += len(one.text) - (one.end - one.start)
            one = next(rest, None)
        fresh = one is not None and line.start >= one.start + moved
        yield None if fresh else index.get(line.start - moved)


def _left(
    before: Sequence[Line],
    after: Sequence[Line],
    origins: Sequence[int | None],
    set_by_hand: Container[int],
) -> Iterator[Splice]:
    """What takes the column's space from a line that was in a run and no longer is."""
    for line, origin in zip(after, origins, strict=True):
        if line.opens and origin is not None and origin not in set_by_hand and _in_run(before[origin], "assign"):
            yield Splice(line.lead_end, line.assign, b" ")


def _in_run(line: Line, cell: _Cell) -> bool:
    return line.comment >= 0 if cell == "comment" else line.assign >= 0 and not line.opens


def _runs(found: Sequence[Line], cell: _Cell) -> Iterator[list[int]]:
    """The indexes of the lines of each run."""
    run: list[int] = []
    for index, line in enumerate(found):
        if _in_run(line, cell):
            run.append(index)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _gap(line: Line, cell: _Cell) -> tuple[int, int]:
    """The space before the cell."""
    return (line.lead_end, line.assign) if cell == "assign" else (line.assign_end, line.comment)


def _width(source: bytes, line: Line, cell: _Cell) -> int:
    """How many columns stand before that space: the formatter counts what a reader sees as one character."""
    text = source[line.start : _gap(line, cell)[0]]
    return len(text) if text.isascii() else len(regex.findall(r"\X", text.decode("utf-8", "replace")))


def _aligned(source: bytes, found: Sequence[Line], run: Sequence[int], cell: _Cell) -> Iterator[Splice]:
    """What puts the run in columns."""
    widths = [_width(source, found[index], cell) for index in run]
    for index, width in zip(run, widths, strict=True):
        start, end = _gap(found[index], cell)
        space = b" " * (max(widths) - width + 1)
        if source[start:end] != space:
            yield Splice(start, end, space)


def _in_columns(source: bytes, found: Sequence[Line], run: Sequence[int], cell: _Cell) -> bool:
    return next(_aligned(source, found, run, cell), None) is None


def _joined(
    source: bytes, found: Sequence[Line], fresh: Sequence[int], kept: Sequence[int], cell: _Cell
) -> Iterator[Splice]:
    """What puts fresh lines in the column that all the others share, where they do and it is wide enough."""
    columns = {
        _width(source, found[index], cell) + end - start
        for index in kept
        for start, end in (_gap(found[index], cell),)
        if source[start:end].strip(b" ") == b""
    }
    if len(columns) == 1:
        for index in fresh:
            start, end = _gap(found[index], cell)
            space = columns.copy().pop() - _width(source, found[index], cell)
            if space > 0:
                yield Splice(start, end, b" " * space)
