"""Functions of texts."""

import unicodedata
from decimal import Decimal

from costguard.iac.hcl.functions.collections import whole_number
from costguard.iac.hcl.functions.signature import LONGEST_TEXT, MOST_ELEMENTS, Function, Undecided, function
from costguard.iac.hcl.numbers import Number
from costguard.iac.hcl.types import ANY, NUMBER, STRING, List
from costguard.iac.hcl.values import EvaluationError, Value

_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def composed(text: str) -> str:
    """The text in the normal form (NFC) that every string of Terraform has. Raises Undecided where it is too long."""
    if len(text) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def clusters(text: str) -> list[str]:
    """What a reader sees as single characters, which is what Terraform counts."""
    if text.isascii():
        return list(text) if "\r" not in text else _joined_line_ends(text)
    import regex

    return regex.findall(r"\X", text)


def _joined_line_ends(text: str) -> list[str]:
    found: list[str] = []
    for character in text:
        if character == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(character)
    return found


def characters(text: str) -> int:
    """How many characters a reader sees."""
    return len(text) if text.isascii() and "\r" not in text else len(clusters(text))


def lower(text: str) -> str:
    """Lower case, one character for one."""
    if text.isascii():
        return text.lower()
    return composed("".join("i" if character == "\u0130" else character.lower() for character in text))


def upper(text: str) -> str:
    """Upper case, one character for one."""
    return text.upper() if text.isascii() else composed("".join(map(_upper, text)))


def _upper(character: str) -> str:
    found = character.upper()
    return found if len(found) == 1 else _title(character)


def _title(character: str) -> str:
    found = character.title()
    return found if len(found) == 1 else character


def _titled(text: str) -> Value:
    found = []
    separated = True
    for character in text:
        found.append(_title(character) if separated else character)
        if character.isascii():
            separated = not (character.isalnum() or character == "_")
        else:
            separated = not (character.isalpha() or character.isdecimal()) and character in _SPACE
    return composed("".join(found))


def _replace(text: str, old: str, new: str) -> Value:
    if len(old) > 1 and old[0] == old[-1] == "/":
        from costguard.iac.hcl.functions.patterns import replaced

        return composed(replaced(text, old[1:-1], new))
    if len(new) > 1 and len(text) + text.count(old) * len(new) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return composed(text.replace(old, new))


def _split(separator: str, text: str) -> Value:
    parts = text.split(separator) if separator else list(text)
    if len(parts) > MOST_ELEMENTS:
        raise Undecided("a list too long to work with")
    return tuple(map(composed, parts))


def _join(separator: str, *lists: tuple[str | None, ...]) -> Value:
    if not lists:
        raise EvaluationError("at least one list is required")
    parts: list[str] = []
    for one in lists:
        for item in one:
            if item is None:
                raise EvaluationError("null can't be joined")
            parts.append(item)
    if sum(map(len, parts)) + len(parts) * len(separator) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return composed(separator.join(parts))


def _substr(text: str, offset: Number, length: Number) -> Value:
    start = whole_number(offset, "the offset")
    count = whole_number(length, "the length")
    if start >= 0 and not count:
        return ""
    found = clusters(text)
    if start < 0:
        start = max(start + len(found), 0)
    # With a start that counts from the end, a length of zero takes the rest, as a negative one does.
    return composed("".join(found[start : start + count] if count > 0 else found[start:]))


def _indent(spaces: Number, text: str) -> Value:
    width = whole_number(spaces, "the number of spaces")
    if width < 0:
        raise EvaluationError("the number of spaces must not be negative")
    if len(text) + text.count("\n") * width > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return text.replace("\n", "\n" + " " * width)


def _trimprefix(text: str, prefix: str) -> Value:
    return composed(text.removeprefix(prefix))


def _trimsuffix(text: str, suffix: str) -> Value:
    return composed(text.removesuffix(suffix))


def _parseint(number: Value, base: Number) -> Value:
    if isinstance(number, int | Decimal | tuple | dict) or not isinstance(number, str):
        raise EvaluationError("the first argument must be a string")
    radix = whole_number(base, "the base")
    if not 2 <= radix <= 62:
        raise EvaluationError("the base must lie between 2 and 62")
    digits = number[1:] if number[:1] in ("-", "+") else number
    if not digits:
        raise EvaluationError(f'"{number}" is no number in base {radix}')
    if len(digits) > 150:
        raise Undecided("a number too large to work with")
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    result = 0
    for digit in digits if radix > 36 else digits.lower():
        value = alphabet.find(digit)
        if not 0 <= value < radix:
            raise EvaluationError(f'"{number}" is no number in base {radix}')
        result = result * radix + value
    return -result if number[0] == "-" else result


FUNCTIONS: dict[str, Function] = {
    "chomp": function(lambda text: text.rstrip("\r\n"), STRING),
    "endswith": function(lambda text, suffix: text.endswith(suffix), STRING, STRING),
    "indent": function(_indent, NUMBER, STRING),
    "join": function(_join, STRING, rest=List(STRING)),
    "lower": function(lower, STRING),
    "parseint": function(_parseint, ANY, NUMBER),
    "replace": function(_replace, STRING, STRING, STRING),
    "split": function(_split, STRING, STRING),
    "startswith": function(lambda text, prefix: text.startswith(prefix), STRING, STRING),
    "strcontains": function(lambda text, part: part in text, STRING, STRING),
    "strrev": function(lambda text: composed("".join(reversed(clusters(text)))), STRING),
    "substr": function(_substr, STRING, NUMBER, NUMBER),
    "title": function(_titled, STRING),
    "trim": function(lambda text, cut: composed(text.strip(cut)), STRING, STRING),
    "trimprefix": function(_trimprefix, STRING, STRING),
    "trimspace": function(lambda text: text.strip(_SPACE), STRING),
    "trimsuffix": function(_trimsuffix, STRING, STRING),
    "upper": function(upper, STRING),
}
