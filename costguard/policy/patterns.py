"""Regular expressions and globs as the policy means them.

JSON Schema's ``pattern`` is an ECMA-262 expression. Python's ``re`` differs where it hurts: ``$`` also matches before a
last newline (so ``"payments\\n"`` would satisfy ``^[a-z]+$``), ``\\d`` and ``\\w`` match every script, and ``\\p{Ll}`` is
an error. Expressions are translated here, once; ``\\p{…}`` falls back to the ``regex`` library.
"""

import re
from functools import lru_cache
from typing import Protocol

LONGEST_VALUE = 4096
"""No cloud takes a value nearly this long (256 characters on AWS and Azure, 63 on Google), so none is matched against
an expression: a hostile plan can't make one run for hours."""


class Pattern(Protocol):
    """The one thing that both libraries' patterns do here."""

    def search(self, string: str, /) -> object | None: ...


class PatternError(ValueError):
    """The text isn't a regular expression that can be understood."""


@lru_cache(maxsize=512)
def pattern(text: str) -> Pattern:
    """The compiled expression. Raises :class:`PatternError` with the reason."""
    try:
        if re.search(r"\\[pP]\{", text):
            import regex

            return regex.compile(_translate(text), regex.ASCII | regex.V0)
        return re.compile(_translate(text), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(str(error)) from error
    except Exception as error:
        if type(error).__module__.startswith("regex"):
            raise PatternError(str(error)) from error
        raise


def _translate(text: str) -> str:
    """``$`` outside a character class becomes "the very end"; all else stays."""
    out: list[str] = []
    in_class = False
    skip = False
    for char in text:
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "$":
            char = r"\Z"  # noqa: PLW2901 - the translation
        out.append(char)
    return "".join(out)


@lru_cache(maxsize=4096)
def _glob(text: str, ignore_case: bool) -> re.Pattern[str]:
    body = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def glob_matches(glob: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether ``text`` as a whole matches. Only ``*`` and ``?`` are special: addresses are full of brackets."""
    if "*" not in glob and "?" not in glob and not ignore_case:
        return glob == text
    return _glob(glob, ignore_case).fullmatch(text) is not None
