"""Texts that a cloud doesn't take as a tag, written so that it does, and back.

``alice@corp.com`` can't be a label of Google's. ``cg--alice_40corp_2ecom`` can: the marker says that the rest is
encoded, and in it ``_`` and two hexadecimal digits stand for an octet of UTF-8. What a cloud takes is never changed,
unless it has the marker itself. So no two texts have one encoding, and a value without the marker, which nobody
happens to write, means itself.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from costguard import catalog
from costguard.model.resource import Cloud

if TYPE_CHECKING:
    import regex

MARKER = "cg--"
"""What an encoded text begins with. It is of letters and dashes, which every cloud takes, and begins with a letter."""

Part = Literal["key", "value"]

_ESCAPE = re.compile("_([0-9a-f]{2})")


def encode(cloud: Cloud, text: str, part: Part = "value") -> str | None:
    """The text as the cloud takes it: unchanged where it can be. None where its encoding would be too long for the
    cloud (nothing is ever cut off), or where it is no text that UTF-8 has."""
    if not text.startswith(MARKER) and legal(cloud, text, part):
        return text
    try:
        body = "".join(char if _plain(cloud, char) else _escaped(char) for char in text)
    except UnicodeEncodeError:
        return None
    found = MARKER + body
    return found if legal(cloud, found, part) else None


def decode(cloud: Cloud, text: str, part: Part = "value") -> str | None:
    """The text that :func:`encode` makes this of; None where it makes this of none."""
    if not text.startswith(MARKER):
        return text if legal(cloud, text, part) else None
    pieces = _ESCAPE.split(text.removeprefix(MARKER))
    try:
        octets = b"".join(bytes.fromhex(piece) if index % 2 else piece.encode() for index, piece in enumerate(pieces))
        found = octets.decode()
    except UnicodeError:
        return None
    # A text has one encoding; anything else that looks like one was written by somebody else and means itself.
    return found if encode(cloud, found, part) == text else None


def encoded(cloud: Cloud | None, text: str) -> str | None:
    """What a value stands for that is encoded; None for one that stands for itself, as nearly all do."""
    return decode(cloud, text) if cloud is not None and text.startswith(MARKER) else None


def legal(cloud: Cloud, text: str, part: Part) -> bool:
    """Whether the cloud takes the text as it is from its users."""
    limits = catalog.LIMITS[cloud]
    longest, pattern = (
        (limits.key_length, limits.key_pattern) if part == "key" else (limits.value_length, limits.value_pattern)
    )
    if len(text) > longest or not _fits(pattern, text):
        return False
    if part == "key" and limits.reserved and text.casefold().startswith(limits.reserved):
        return False
    try:
        return not limits.octets or len(text.encode()) <= limits.octets
    except UnicodeEncodeError:
        return False


def _fits(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    import regex  # Only a policy's own expressions may need it, and most need neither.

    return regex.compile(pattern)


@lru_cache(maxsize=4096)
def _plain(cloud: Cloud, char: str) -> bool:
    """Whether a character of an encoded text stands for itself, as it does in keys and in values."""
    limits = catalog.LIMITS[cloud]
    return char != "_" and _fits(limits.key_pattern, f"c{char}") and _fits(limits.value_pattern, char)


def _escaped(char: str) -> str:
    return "".join(f"_{octet:02x}" for octet in char.encode())
