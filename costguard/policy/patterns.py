"""Regular expressions and globs as the policy means them.

JSON Schema's ``pattern`` is an ECMA-262 expression. Python's ``re`` differs where it hurts: ``$`` also matches before a
last newline (so ``"payments\\n"`` would satisfy ``^[a-z]+$``), ``\\d`` and ``\\w`` match every script, and ``\\p{Ll}``
is an error. Expressions are translated here, once. Most text is ASCII, and for that ``\\p{…}`` is a plain class; only
for other text is the ``regex`` library asked, and only then imported.
"""

import re
import unicodedata
import warnings
from functools import lru_cache
from typing import Protocol

LONGEST_VALUE = 1024
"""No cloud takes a value nearly this long (256 characters on AWS and Azure, 63 on Google), so none is matched against
an expression. That bounds what most expressions take; one with a repetition inside of a repetition, as in ``(a+)+$``,
can still take very long on a much shorter value."""


class Pattern(Protocol):
    """The one thing that all patterns do here."""

    def search(self, string: str, /) -> object | None: ...


class PatternError(ValueError):
    """The text isn't a regular expression that can be understood."""


@lru_cache(maxsize=512)
def pattern(text: str) -> Pattern:
    """The compiled expression. Raises :class:`PatternError` with the reason."""
    if not _PROPERTY.search(text):
        return _compile(_translate(text))
    ascii_only = _translate(text, properties=True)
    return _Unicode(text, None if ascii_only is None else _compile(ascii_only))


def ecma(text: str) -> str:
    """The expression, which is valid and without ``\\p{…}``, as Python's :mod:`re` takes it."""
    return _translate(text) or ""


def _compile(text: str | None) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "[[" is a class with a bracket in it, as in ECMA-262
            return re.compile(text or "", re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(str(error)) from error


class _Unicode:
    """An expression with ``\\p{…}``. Without ``ascii_only``, a stand-in that is right for ASCII text, it is compiled
    at once, because only ``regex`` can say whether it is valid."""

    def __init__(self, text: str, ascii_only: re.Pattern[str] | None) -> None:
        self._text = text
        self._ascii = ascii_only
        self._full: Pattern | None = None if ascii_only is not None else _by_regex(text)

    def search(self, string: str, /) -> object | None:
        if self._ascii is not None and string.isascii():
            return self._ascii.search(string)
        if self._full is None:
            self._full = _by_regex(self._text)
        return self._full.search(string)


def _by_regex(text: str) -> Pattern:
    import regex

    try:
        # Not regex.ASCII: it would make \p{…} match ASCII letters alone.
        compiled: Pattern = regex.compile(_translate(text, digits=True) or "", regex.V0)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise PatternError(str(error)) from error
    return compiled


_PROPERTY = re.compile(r"\\[pP]\{")
_CATEGORY = re.compile(r"\\([pP])\{([LMNPSZC][a-z]?)\}")
_ASCII_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_"}


def _translate(text: str, *, properties: bool = False, digits: bool = False) -> str | None:
    """``$`` outside a character class becomes "the very end"; all else stays.

    ``properties``: ``\\p{Ll}`` becomes the class of its ASCII members; None where that can't be done.
    ``digits``: ``\\d`` and ``\\w`` are spelled out, for a library that would take them for more.
    """
    out: list[str] = []
    in_class = False
    at = 0
    while at < len(text):
        char = text[at]
        taken = text[at : at + 2] if char == "\\" else char
        if char == "\\" and taken[1:] in ("p", "P") and properties:
            category = _CATEGORY.match(text, at)
            if category is None:
                return None
            taken = category[0]
            members = _ascii_members(category[2], negated=category[1] == "P")
            out.append(members if in_class else f"[{members}]")
        elif char == "\\" and taken[1:] in _ASCII_CLASSES and digits:
            members = _ASCII_CLASSES[taken[1]]
            out.append(members if in_class else f"[{members}]")
        elif char == "$" and not in_class:
            out.append(r"\Z")
        else:
            if char in "[]":
                in_class = char == "[" or (in_class and char != "]")
            out.append(taken)
        at += len(taken)
    return "".join(out)


@lru_cache(maxsize=64)
def _ascii_members(category: str, *, negated: bool) -> str:
    """The inside of a character class; of a category without ASCII members, a character that no ASCII text has."""
    members = [c for c in map(chr, range(128)) if unicodedata.category(c).startswith(category) is not negated]
    return "".join(f"\\x{ord(c):02x}" for c in members) or r"\x80"


def glob_matches(glob: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether ``text`` as a whole matches. Only ``*`` and ``?`` are special: addresses are full of brackets.

    Linear in the text for each ``*``: what a plan says can't make it slow.
    """
    if ignore_case:
        glob, text = glob.casefold(), text.casefold()
    if "*" not in glob:
        return _fits_at(glob, text, 0) and len(glob) == len(text)
    first, *middle, last = glob.split("*")
    end = len(text) - len(last)
    if end < len(first) or not _fits_at(first, text, 0) or not _fits_at(last, text, end):
        return False
    at = len(first)
    for part in middle:
        at = _find(part, text, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def path_matches(glob: str, path: str) -> bool:
    """Whether ``path`` as a whole matches: ``*`` and ``?`` match in one name, ``**`` any number of names."""
    names = path.split("/")
    reached = {0}
    for part in glob.split("/"):
        if part == "**":
            reached = set(range(min(reached), len(names) + 1)) if reached else reached
        else:
            reached = {at + 1 for at in reached if at < len(names) and glob_matches(part, names[at])}
    return len(names) in reached


def globs_meet(one: str, other: str) -> bool:
    """Whether some text matches both globs."""
    meets = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if i == len(one) and j == len(other):
            return True
        steps: list[tuple[int, int]] = []
        if i < len(one) and one[i] == "*":
            steps += [(i + 1, j)] + ([(i, j + 1)] if j < len(other) else [])
        if j < len(other) and other[j] == "*":
            steps += [(i, j + 1)] + ([(i + 1, j)] if i < len(one) else [])
        if i < len(one) and j < len(other) and (one[i] == other[j] or "?" in (one[i], other[j])):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in meets:
                meets.add(step)
                todo.append(step)
    return False


def _fits_at(part: str, text: str, at: int) -> bool:
    if "?" not in part:
        return text.startswith(part, at)
    return len(text) - at >= len(part) and all(p in ("?", text[at + i]) for i, p in enumerate(part))


def _find(part: str, text: str, start: int, end: int) -> int:
    if "?" not in part:
        return text.find(part, start, end)
    return next((at for at in range(start, end - len(part) + 1) if _fits_at(part, text, at)), -1)
