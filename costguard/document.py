"""Reads YAML documents that people write, as the untrusted text that they are, and remembers where everything stands.

Hides PyYAML: its events are built into plain data here, because its own constructors follow a cycle for ever, let nine
lines of aliases grow into gigabytes, and keep the last of two equal keys without a word. Every scalar of a date's
shape stays text.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import yaml
from yaml import events as ev

from costguard.errors import DocumentError, Problem

_Path = tuple[str | int, ...]

MAX_BYTES = 2 * 1024 * 1024
"""A policy is read by people; the largest that is plausible (a list of 20,000 teams) is well under this."""
MAX_NODES = 200_000
"""Aliases are expanded, and this is what bounds them: the billion-laughs file has 10⁹ nodes in 400 bytes."""
MAX_DEPTH = 60

# Digits after a leading zero stay text: they are an account's id, and hardly ever an octal number.
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z|0x[0-9a-fA-F]+\Z|0o[0-7]+\Z", re.ASCII)
_FLOAT = re.compile(r"(?=[^.eE]*[.eE])[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)
_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}


class Document(msgspec.Struct, frozen=True):
    """A document's data and the line of everything in it."""

    file: str
    data: Any
    lines: Mapping[_Path, int]

    def line(self, path: Iterable[str | int]) -> int:
        """The line (from 1) of the entry at ``path``, or of the nearest thing around it that is there."""
        parts = tuple(path)
        while parts and parts not in self.lines:
            parts = parts[:-1]
        return self.lines.get(parts, 1)

    def problem(self, path: Iterable[str | int], message: str) -> Problem:
        parts = tuple(path)
        return Problem(self.file, self.line(parts), dotted(parts), message)


def dotted(path: Iterable[str | int]) -> str:
    """``tags.owner.aliases[2]``: a path as the messages write it; a key with a dot or bracket in it is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.search(r"[.\[\]\s]", part) or not part:
            text += f"[{part!r}]"
        else:
            text += f".{part}" if text else part
    return text


def read_text(path: Path, *, limit: int = MAX_BYTES, name: str | None = None) -> str:
    """The file as text; ``name`` is what messages call it. Raises :class:`DocumentError` where it can't be read, isn't
    a regular file (which might never end), is over ``limit`` bytes or isn't UTF-8."""
    name = name or str(path)
    try:
        # Without O_NONBLOCK the opening of a FIFO waits for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb", closefd=True) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise DocumentError([Problem(name, 0, "", "is not a regular file; name a file that holds a document")])
            raw = stream.read(limit + 1)
    except IsADirectoryError as error:
        raise DocumentError([Problem(name, 0, "", "is a folder; name a file")]) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DocumentError([Problem(name, 0, "", f"can't be read: {why}")]) from error
    if len(raw) > limit:
        message = f"is larger than {limit:,} bytes, which no document of this kind is"
        raise DocumentError([Problem(name, 0, "", message)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}; save the file as UTF-8"
        raise DocumentError([Problem(name, line, "", message)]) from error


def read_yaml(path: Path) -> Document:
    """The one YAML document in a file. Raises :class:`DocumentError` with every mistake that the reading shows."""
    documents = parse_yaml(read_text(path), str(path))
    if len(documents) != 1:
        message = "is empty" if not documents else f"holds {len(documents)} documents; one is expected"
        raise DocumentError([Problem(str(path), 0, "", message)])
    return documents[0]


def parse_yaml(text: str, file: str) -> list[Document]:
    """All documents of a YAML stream; ``file`` is only the name that the messages give it."""
    control = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        message = f"is not YAML: U+{ord(control[0]):04X} is a character that it does not allow"
        raise DocumentError([Problem(file, line, "", message)])
    builder = _Builder(file)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.feed(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        context = getattr(error, "context", None)
        message = f"is not YAML: {what}" + (f" ({context})" if context else "")
        last = text.count("\n") + (not text.endswith("\n"))  # what the end of the text lacks has a mark beyond it
        raise DocumentError([Problem(file, min(mark.line + 1, last) if mark else 0, "", message)]) from error
    if builder.problems:
        raise DocumentError(builder.problems)
    return builder.documents


class _Open(msgspec.Struct):
    """A collection that is being built."""

    value: dict[str, Any] | list[Any]
    path: _Path
    anchor: str | None
    keys: dict[str, int]  # the line of each key so far
    key: str | None = None
    merges: list[Any] = []


class _Builder:
    """Turns YAML events into plain data, a dict of lines and a list of problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self._reset()

    def _reset(self) -> None:
        self._lines: dict[_Path, int] = {}
        self._stack: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._building: set[str] = set()
        self._weights: dict[int, tuple[int, int]] = {}
        self._nodes = 0

    def feed(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, ev.ScalarEvent):
            value = self._scalar(event, line)
            self._anchor(event.anchor, value)
            self._add(value, line, text=event.value)
        elif isinstance(event, ev.MappingStartEvent | ev.SequenceStartEvent):
            if len(self._stack) >= MAX_DEPTH:
                self._stop(line, f"is nested more than {MAX_DEPTH} deep")
            fresh: dict[str, Any] | list[Any] = {} if isinstance(event, ev.MappingStartEvent) else []
            path = self._place(line)
            if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
                self._report(line, f"the YAML tag {event.tag!r} is not understood here; remove it")
            if event.anchor:
                self._building.add(event.anchor)
            self._stack.append(_Open(fresh, path, event.anchor, {}, merges=[]))
        elif isinstance(event, ev.MappingEndEvent | ev.SequenceEndEvent):
            done = self._stack.pop()
            if isinstance(done.value, dict):
                self._merge(done)
            if done.anchor:
                self._building.discard(done.anchor)
                self._anchor(done.anchor, done.value)
            self._add(done.value, line, text=None, placed=True)
        elif isinstance(event, ev.AliasEvent):
            if event.anchor in self._building:
                self._stop(line, f"the alias *{event.anchor} stands inside what it refers to: a cycle")
            if event.anchor not in self._anchors:
                self._stop(line, f"the alias *{event.anchor} refers to nothing")
            value = self._anchors[event.anchor]
            nodes, depth = self._weigh(value)
            self._count(nodes, line)
            if len(self._stack) + depth > MAX_DEPTH:
                self._stop(line, f"is nested more than {MAX_DEPTH} deep")
            self._add(value, line, text=None)
        elif isinstance(event, ev.DocumentEndEvent):
            self._reset()

    def _scalar(self, event: Any, line: int) -> Any:
        text: str = event.value
        if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
            self._report(line, f"the YAML tag {event.tag!r} is not understood here; remove it")
            return text
        if event.style or event.tag is not None:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if len(text) < 20 and _INT.match(text):
            return int(text.replace("_", ""), 0)
        if len(text) < 40 and _FLOAT.match(text):
            return float(text)
        return text

    def _place(self, line: int) -> _Path:
        """Where the collection that starts now stands; notes its line."""
        if not self._stack:
            path: _Path = ()
        else:
            parent = self._stack[-1]
            if isinstance(parent.value, list):
                path = (*parent.path, len(parent.value))
            elif parent.key is None:
                self._stop(line, "a list or mapping can't be a key")
            else:
                path = (*parent.path, parent.key)
        self._lines.setdefault(path, line)
        return path

    def _add(self, value: Any, line: int, *, text: str | None, placed: bool = False) -> None:
        self._count(1, line)
        if not self._stack:
            if not placed:
                self._lines.setdefault((), line)
            self.documents.append(Document(self.file, value, self._lines))
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            self._lines.setdefault((*top.path, len(top.value)), line)
            top.value.append(value)
        elif top.key is None:
            if text is None:
                self._stop(line, "a list or mapping can't be a key")
            key = text
            top.key = key
            if key in top.keys and key != "<<":
                path = (*top.path, key)
                self.problems.append(
                    Problem(
                        self.file,
                        line,
                        dotted(path),
                        f"the key is there twice; the first is in line {top.keys[key]}",
                    )
                )
            else:
                top.keys[key] = line
                self._lines[*top.path, key] = line
        else:
            if top.key == "<<":
                top.merges.append(value)
            elif top.key not in top.value:
                top.value[top.key] = value
            top.key = None

    def _merge(self, done: _Open) -> None:
        assert isinstance(done.value, dict)  # noqa: S101 - for the type checker; the caller looked
        for merged in done.merges:
            for source in merged if isinstance(merged, list) else [merged]:
                if not isinstance(source, dict):
                    self._report(self._lines[done.path], "<<: takes a mapping or a list of mappings")
                    continue
                for key, value in source.items():
                    done.value.setdefault(key, value)

    def _anchor(self, name: str | None, value: Any) -> None:
        if name:
            self._anchors[name] = value

    def _weigh(self, value: Any) -> tuple[int, int]:
        """How many nodes ``value`` unfolds to, and how deep. Memoised by identity: a bomb is weighed, not walked."""
        if not isinstance(value, dict | list):
            return 1, 0
        known = self._weights.get(id(value))
        if known is None:
            children = [self._weigh(child) for child in (value.values() if isinstance(value, dict) else value)]
            known = (
                1 + sum(nodes for nodes, _ in children),
                1 + max((depth for _, depth in children), default=0),
            )
            self._weights[id(value)] = known
        return known

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(line, f"unfolds to more than {MAX_NODES:,} values; aliases that repeat aliases do that")

    def _report(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.file, line, "", message))

    def _stop(self, line: int, message: str) -> NoReturn:
        raise DocumentError([*self.problems, Problem(self.file, line, "", message)])
