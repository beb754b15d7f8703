"""Regular expressions: Go's syntax (RE2) translated into Python's, and matched within bounds.

What means the same in both is translated piece by piece, with the flags resolved, so that Python's own flags and
defaults never matter. What Go refuses is an EvaluationError; what Go accepts and the translation isn't sure of is
Undecided.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

import msgspec

from costguard.iac.hcl.functions.signature import MOST_ELEMENTS, Function, Undecided, function
from costguard.iac.hcl.functions.strings import composed
from costguard.iac.hcl.types import STRING
from costguard.iac.hcl.values import EvaluationError, Value

_LONGEST_PATTERN = 2_000
_LONGEST_TEXT = 100_000
_SHORT_TEXT = 2_000
_PATIENCE = 0.25
"""Seconds that one search may take. An expression that needs more backtracks without end."""
_MOST_REPEATS = 1_000

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\x0b\\x0c\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_PERL = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\x0c\\r "}
_NOT_PERL = {
    "D": "\\x00-/:-\\U0010ffff",
    "W": "\\x00-/:-@\\[-^`{-\\U0010ffff",
    "S": "\\x00-\\x08\\x0b\\x0e-\\x1f!-\\U0010ffff",
}
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


class _Compiled(Protocol):
    """A compiled expression, of either of the two engines."""

    def search(self, text: str, at: int, /) -> "_Match | None": ...


class _Match(Protocol):
    def start(self) -> int: ...

    def end(self) -> int: ...

    def group(self, group: int, /) -> str | None: ...


class _Pattern(msgspec.Struct, frozen=True):
    """A translated expression. ``names`` has one entry for each group, empty where it has no name. ``plain``: it can't
    backtrack much. ``ascii``: what it means for other characters isn't certain."""

    source: str
    names: tuple[str, ...]
    plain: bool
    ascii: bool
    not_empty: bool


class _Piece(msgspec.Struct, frozen=True):
    """A translated piece: whether it can match nothing, and whether it may be repeated."""

    source: str
    nullable: bool
    repeatable: bool = True
    group: bool = False


class _Translation:
    """One pass over one expression."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.names: list[str] = []
        self.fold = self.lines = self.dot_all = self.swapped = False
        self.unbounded = 0
        self.plain = True
        self.ascii = False
        self.not_empty = False

    def translate(self) -> _Pattern:
        source, _ = self._alternatives(0)
        if self.at < len(self.pattern):
            raise EvaluationError("a ) without its ( in the expression")
        named = [name for name in self.names if name]
        if len(set(named)) != len(named):
            raise Undecided("two groups of the expression have one name")
        plain = self.plain and self.unbounded <= 2
        return _Pattern(source, tuple(self.names), plain, self.ascii, self.not_empty)

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _alternatives(self, depth: int) -> tuple[str, bool]:
        if depth > 50:
            raise Undecided("an expression that is nested too deeply")
        found: list[str] = []
        nullable = False
        while True:
            source, empty = self._sequence(depth)
            found.append(source)
            nullable = nullable or empty
            if self._peek() != "|":
                return "|".join(found), nullable
            self.at += 1

    def _sequence(self, depth: int) -> tuple[str, bool]:
        pieces: list[_Piece] = []
        repeated = False
        while self.at < len(self.pattern) and self._peek() not in "|)":
            bounds = self._bounds()
            if bounds is not None:
                if not pieces:
                    raise EvaluationError("nothing to repeat in the expression")
                if repeated:
                    raise EvaluationError("a repetition of a repetition in the expression")
                pieces[-1] = self._repeated(pieces[-1], bounds)
                repeated = True
                continue
            repeated = False
            pieces += self._atom(depth)
        return "".join(piece.source for piece in pieces), all(piece.nullable for piece in pieces)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The bounds of the repetition that stands here, which is read."""
        character = self._peek()
        if character in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        if character != "{":
            return None
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not (low.isascii() and low.isdigit() and (not high or (high.isascii() and high.isdigit()))):
            return None
        if any(len(number) > 1 and number[0] == "0" for number in (low, high)):
            raise Undecided("a repetition with a leading zero")
        least = int(low)
        most = int(high) if high else None if comma else least
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise EvaluationError("bounds of a repetition that aren't allowed")
        self.at = end + 1
        return least, most

    def _repeated(self, piece: _Piece, bounds: tuple[int, int | None]) -> _Piece:
        least, most = bounds
        lazy = self._peek() == "?"
        if lazy:
            self.at += 1
        if not piece.repeatable or (piece.nullable and bounds != (0, 1)):
            raise Undecided("a repetition of what may be empty")
        if most is None:
            self.unbounded += 1
        if piece.group and bounds != (0, 1):
            self.plain = False
        if bounds in ((0, None), (1, None), (0, 1)):
            mark = {(0, None): "*", (1, None): "+", (0, 1): "?"}[bounds]
        else:
            mark = f"{{{least},{'' if most is None else most}}}"
            if piece.group or max(least, most or 0) > 100:
                self.plain = False
        return _Piece(
            piece.source + mark + ("?" if lazy != self.swapped else ""), piece.nullable or not least, group=piece.group
        )

    def _atom(self, depth: int) -> list[_Piece]:
        character = self._peek()
        self.at += 1
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return [_Piece(self._folded(self._class()), False)]
            case ".":
                return [_Piece("[\\x00-\\U0010ffff]" if self.dot_all else "[^\\n]", False)]
            case "^":
                return [_Piece("(?m:^)" if self.lines else "\\A", True, repeatable=False)]
            case "$":
                return [_Piece("(?m:$)" if self.lines else "\\Z", True, repeatable=False)]
            case "\\":
                return self._escape()
            case _:
                return [self._literal(ord(character))]

    def _literal(self, code: int) -> _Piece:
        return _Piece(self._folded(_escaped(code), chr(code).isalpha()), False)

    def _folded(self, source: str, cased: bool = True) -> str:
        if not self.fold or not cased:
            return source
        self.ascii = True
        return f"(?i:{source})"

    def _group(self, depth: int) -> list[_Piece]:
        flags = (self.fold, self.lines, self.dot_all, self.swapped)
        opening = "("
        if self._peek() == "?":
            self.at += 1
            if self.pattern.startswith(("P<", "<"), self.at):
                if self.pattern.startswith(("<=", "<!"), self.at):
                    raise EvaluationError("Go's expressions can't look behind")
                start = self.pattern.index("<", self.at) + 1
                end = self.pattern.find(">", start)
                name = self.pattern[start:end] if end > 0 else ""
                if not name.isascii() or not name.replace("_", "a").isalnum():
                    raise EvaluationError("a group with a wrong name in the expression")
                self.names.append(name)
                self.at = end + 1
            else:
                if not self._flags():
                    return []  # (?i) holds from here to the end of the group around it.
                opening = "(?:"
        else:
            self.names.append("")
        source, nullable = self._alternatives(depth + 1)
        if self._peek() != ")":
            raise EvaluationError("a ( without its ) in the expression")
        self.at += 1
        self.fold, self.lines, self.dot_all, self.swapped = flags
        return [_Piece(f"{opening}{source})", nullable, group=True)]

    def _flags(self) -> bool:
        """Reads flags; whether they open a group."""
        value = True
        some = False
        while self.at < len(self.pattern):
            character = self._peek()
            self.at += 1
            match character:
                case "i":
                    self.fold = value
                case "m":
                    self.lines = value
                case "s":
                    self.dot_all = value
                case "U":
                    self.swapped = value
                case "-" if value:
                    value = False
                    some = False
                    continue
                case ":" | ")" if some or value:
                    return character == ":"
                case _:
                    break
            some = True
        raise EvaluationError("something after (? that Go's expressions don't have")

    def _escape(self) -> list[_Piece]:
        character = self._peek()
        self.at += 1
        match character:
            case "d" | "w" | "s":
                return [_Piece(f"[{_PERL[character]}]", False)]
            case "D" | "W" | "S":
                return [_Piece(f"[{_NOT_PERL[character]}]", False)]
            case "A":
                return [_Piece("\\A", True, repeatable=False)]
            case "z":
                return [_Piece("\\Z", True, repeatable=False)]
            case "b" | "B":
                self.ascii = True
                self.not_empty = self.not_empty or character == "B"
                return [_Piece("\\" + character, True, repeatable=False)]
            case "Q":
                end = self.pattern.find("\\E", self.at)
                quoted = self.pattern[self.at : end if end >= 0 else None]
                self.at = end + 2 if end >= 0 else len(self.pattern)
                return [self._literal(ord(one)) for one in quoted]
            case "p" | "P":
                raise Undecided("a class of Unicode characters")
            case _:
                return [self._literal(self._code(character))]

    def _code(self, character: str) -> int:
        """The character that an escape stands for; its first character is read."""
        if not character:
            raise EvaluationError("a \\ at the end of the expression")
        if character in "01234567":
            if character != "0" and (not self._peek() or self._peek() not in "01234567"):
                raise EvaluationError("Go's expressions can't refer back to a group")
            digits = character
            while len(digits) < 3 and self._peek() and self._peek() in "01234567":
                digits += self._peek()
                self.at += 1
            return int(digits, 8)
        if character == "x":
            if self._peek() == "{":
                end = self.pattern.find("}", self.at)
                digits = self.pattern[self.at + 1 : end] if end > 0 else ""
                self.at = end + 1
            else:
                digits = self.pattern[self.at : self.at + 2]
                self.at += 2
                if len(digits) != 2:
                    digits = ""
            if not digits or len(digits) > 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise EvaluationError("a wrong \\x in the expression")
            code = int(digits, 16)
            if code > 0x10FFFF:
                raise EvaluationError("a wrong \\x in the expression")
            return code
        if character in _CONTROL:
            return _CONTROL[character]
        if character.isascii() and not character.isalnum():
            return ord(character)
        raise EvaluationError(f"Go's expressions have no \\{character}")

    def _class(self) -> str:
        """What stands between two brackets; the first is read."""
        pieces = ["["]
        if self._peek() == "^":
            self.at += 1
            pieces.append("^")
        first = True
        while first or self._peek() != "]":
            if self.at >= len(self.pattern):
                raise EvaluationError("a [ without its ] in the expression")
            first = False
            special = self._special_in_class()
            if special:
                pieces.append(special)
                continue
            low = self._class_character()
            high = low
            if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._class_character()
                if high < low:
                    raise EvaluationError("a range that runs backwards in the expression")
            pieces.append(_escaped(low) if high == low else f"{_escaped(low)}-{_escaped(high)}")
        self.at += 1
        return "".join(pieces) + "]"

    def _special_in_class(self) -> str:
        if self.pattern.startswith("[:", self.at):
            end = self.pattern.find(":]", self.at)
            if end > 0:
                name = self.pattern[self.at + 2 : end]
                if name.startswith("^"):
                    raise Undecided("a negated class in a class")
                if name not in _POSIX:
                    raise EvaluationError(f"Go's expressions have no class [:{name}:]")
                self.at = end + 2
                return _POSIX[name]
        if self._peek() == "\\":
            following = self.pattern[self.at + 1 : self.at + 2]
            if following and following in "pP":
                raise Undecided("a class of Unicode characters")
            found = _PERL.get(following) or _NOT_PERL.get(following)
            if found:
                self.at += 2
                return found
        return ""

    def _class_character(self) -> int:
        character = self._peek()
        self.at += 1
        if character == "\\":
            escaped = self._peek()
            self.at += 1
            return self._code(escaped)
        if not character:
            raise EvaluationError("a [ without its ] in the expression")
        return ord(character)


def _escaped(code: int) -> str:
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(256)
def _translated(pattern: str) -> _Pattern:
    if len(pattern) > _LONGEST_PATTERN:
        raise Undecided("an expression too long to work with")
    return _Translation(pattern).translate()


@lru_cache(256)
def _compiled(source: str, plain: bool) -> _Compiled:
    if plain:
        import re

        return re.compile(source, re.ASCII)
    import regex

    expression = regex.compile(source, regex.ASCII | regex.V0)

    class Patient:
        """The engine that can be stopped."""

        def search(self, text: str, at: int, /) -> _Match | None:
            try:
                return expression.search(text, at, timeout=_PATIENCE)
            except TimeoutError:
                raise Undecided("an expression that takes too long to match") from None

    return Patient()


def _matches(pattern: str, text: str) -> Iterator[tuple[_Match, _Pattern]]:
    """Every match as Go finds them: an empty one never stands right behind another."""
    translated = _translated(pattern)
    if len(text) > _LONGEST_TEXT:
        raise Undecided("a text too long to match")
    if (translated.ascii and not text.isascii()) or (translated.not_empty and not text):
        raise Undecided("an expression that isn't certain to mean the same here")
    compiled = _compiled(translated.source, translated.plain and len(text) <= _SHORT_TEXT)
    at = 0
    last = -1
    while at <= len(text):
        match = compiled.search(text, at)
        if match is None:
            return
        if match.end() > match.start():
            at = match.end()
        else:
            at = match.end() + 1
            if match.start() == last:
                continue
        last = match.end()
        yield match, translated


def _captured(match: _Match, pattern: _Pattern) -> Value:
    if not pattern.names:
        return composed(match.group(0) or "")
    if any(pattern.names):
        if not all(pattern.names):
            raise EvaluationError("named and nameless groups can't stand in one expression")
        return {name: _group(match, number + 1) for number, name in sorted(enumerate(pattern.names), key=_second)}
    return tuple(_group(match, number + 1) for number in range(len(pattern.names)))


def _second(pair: tuple[int, str]) -> str:
    return pair[1]


def _group(match: _Match, number: int) -> Value:
    found = match.group(number)
    return None if found is None else composed(found)


def _regex(pattern: str, text: str) -> Value:
    for match, translated in _matches(pattern, text):
        return _captured(match, translated)
    translated = _translated(pattern)
    if any(translated.names) and not all(translated.names):
        raise EvaluationError("named and nameless groups can't stand in one expression")
    raise EvaluationError("the expression matches no part of the text")


def _regexall(pattern: str, text: str) -> Value:
    translated = _translated(pattern)
    if any(translated.names) and not all(translated.names):
        raise EvaluationError("named and nameless groups can't stand in one expression")
    found: list[Value] = []
    for match, _ in _matches(pattern, text):
        found.append(_captured(match, translated))
        if len(found) > MOST_ELEMENTS:
            raise Undecided("a list too long to work with")
    return tuple(found)


def replaced(text: str, pattern: str, new: str) -> str:
    """The text with every match replaced; ``$1``, ``$name`` and ``${name}`` stand for what a group matched."""
    pieces: list[str] = []
    at = 0
    size = 0
    for match, translated in _matches(pattern, text):
        pieces += (text[at : match.start()], _expanded(new, match, translated))
        size += len(pieces[-1])
        if size > 10 * _LONGEST_TEXT:
            raise Undecided("a text too long to work with")
        at = match.end()
    pieces.append(text[at:])
    return "".join(pieces)


def _expanded(new: str, match: _Match, pattern: _Pattern) -> str:
    if "$" not in new:
        return new
    pieces: list[str] = []
    at = 0
    while True:
        dollar = new.find("$", at)
        if dollar < 0:
            return "".join(pieces) + new[at:]
        pieces.append(new[at:dollar])
        at = dollar + 1
        if new[at : at + 1] == "$":
            pieces.append("$")
            at += 1
            continue
        braces = new[at : at + 1] == "{"
        start = at + braces
        end = start
        while end < len(new) and (new[end].isalpha() or new[end].isdecimal() or new[end] == "_"):
            end += 1
        if end == start or (braces and new[end : end + 1] != "}"):
            pieces.append("$")
            continue
        name = new[start:end]
        at = end + braces
        if name.isascii() and name.isdigit():
            number = int(name) if len(name) < 8 and (name == "0" or name[0] != "0") else len(pattern.names) + 1
        else:
            number = pattern.names.index(name) + 1 if name in pattern.names else len(pattern.names) + 1
        if number <= len(pattern.names):
            pieces.append(match.group(number) or "")


FUNCTIONS: dict[str, Function] = {
    "regex": function(_regex, STRING, STRING),
    "regexall": function(_regexall, STRING, STRING),
}
