"""Makes text that others wrote fit to print: addresses, tag keys and values, messages and gaps are hostile.

What can't be seen is shown as an escape (``\\x1b``, ``\\u202e``) rather than dropped: it is often the very
fault. The log of a CI server is a terminal too: what its runner would obey (``##[command]`` anywhere in a
line, ``::command`` at its start) is broken in the same place.
"""

VALUE = 256
"""The longest tag value that AWS takes; Google's are shorter, and nobody reads more of Azure's."""
PROSE = 600
"""A message or a gap: a few sentences."""
ADDRESS = 1_000
"""Addresses and paths are what a reader copies, so they are cut only where nobody could have meant them."""

_SPACES = frozenset("\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))
# The Unicode database calls these printable, but nothing is seen of them (Default_Ignorable_Code_Point).
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_RUNNER_COMMANDS = ("##[", "##vso[", "##teamcity[")


def seen(character: str) -> bool:
    """Whether the character shows as itself."""
    return character.isprintable() and character not in _INVISIBLE


class _Escapes(dict[int, str | int]):
    """A translation table that is filled as it is asked; the astral planes are not kept, which bounds it."""

    def __missing__(self, point: int) -> str | int:
        result = self.of(chr(point))
        if point < 0x10000:
            self[point] = result
        return result

    def of(self, character: str) -> str | int:
        if seen(character):
            return ord(character)
        if character in _SPACES:
            return " "
        if character in _SHORT:
            return _SHORT[character]
        point = ord(character)
        if point < 0x100:
            return f"\\x{point:02x}"
        return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


class _JsonEscapes(_Escapes):
    """The same characters, as JSON spells them: a reader gets back what was there."""

    def of(self, character: str) -> str | int:
        if seen(character):
            return ord(character)
        point = ord(character)
        if point < 0x10000:
            return f"\\u{point:04x}"
        point -= 0x10000
        return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


_ESCAPES = _Escapes()
_JSON_ESCAPES = _JsonEscapes()


def printable(text: str, limit: int = VALUE) -> str:
    """One line, ``limit`` characters at most (the last an ellipsis), of which every one shows as itself."""
    text = _cut(text, limit)
    if not (text.isascii() and text.isprintable()):
        text = _cut(text.translate(_ESCAPES), limit)
    if "##" in text:
        for command in _RUNNER_COMMANDS:
            text = text.replace(command, "#\\x23" + command[2:])
    if "::" in text:
        # The wrapping of a terminal line puts any word at its start.
        text = text.replace(" ::", " :\\x3a")
        if text.startswith("::"):
            text = ":\\x3a" + text[2:]
    return text


def prose(text: str, limit: int = PROSE) -> str:
    """The same for sentences: their line breaks are only layout, and become spaces."""
    text = text[: limit * 4]
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split())
    return printable(text.strip(), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def json_text(encoded: bytes) -> str:
    """Encoded JSON as text that says the same and is fit to print."""
    text = encoded.decode()
    if not text.isascii() or "\x7f" in text:
        # Line by line, because a table that is asked for each character is slow and few lines need it.
        lines = text.split("\n")
        text = "\n".join(
            line if line.isascii() and line.isprintable() else line.translate(_JSON_ESCAPES) for line in lines
        )
    if "##" in text:
        # "#" is only ever inside a string, and never after a backslash that would escape it.
        for command in _RUNNER_COMMANDS:
            text = text.replace(command, "#\\u0023" + command[2:])
    return text


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
