"""What python-hcl2 says of a file: why it can't be read, and what stands in it.

It is an independent reader, and that is its worth: before a person is told of a mistake it gives the words, and before
a fix is written it shows what the edit changed (:func:`read`, :func:`changes`). It is slow (a twentieth of the working
parser's speed, a quarter of a second to load), so nothing here is imported before it is needed.

Hides its tree, the known traps (where a blank follows the end marker of a heredoc, it takes all up to the end of the
next one for a single text), and that other distributions install a package of the same name.
"""

import base64
import functools
import hashlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MAX_DEPTH = 300
"""How deep python-hcl2's tree may be; an expression in parentheses is two levels."""
MAX_LENGTH = 400_000
"""What is longer isn't read: it would take seconds."""


class Unverifiable(Exception):  # noqa: N818 - it isn't an error of anybody
    """python-hcl2 can't vouch for a text; the message says why."""


class Value(msgspec.Struct, frozen=True):
    """An expression without its layout and comments.

    Every object literal that isn't inside another is ``{0}``, ``{1}``… in ``shape`` and stands in ``objects``: its
    entries in their order, each a key and the text of its value. A key that is a plain text has no quotes.
    """

    shape: str
    objects: tuple[tuple[tuple[str, str], ...], ...] = ()


class Block(msgspec.Struct, frozen=True):
    """A block. ``attributes`` and ``blocks`` are in their order; a name that stands twice is there twice."""

    type: str
    labels: tuple[str, ...]
    attributes: tuple[tuple[str, Value], ...]
    blocks: "tuple[Block, ...]"


class Reading(msgspec.Struct, frozen=True):
    """What stands in a text."""

    attributes: tuple[tuple[str, Value], ...]
    blocks: tuple[Block, ...]


class Change(msgspec.Struct, frozen=True):
    """One difference of two readings.

    ``path`` names the block, a step for each level (``resource.aws_s3_bucket.logs``; a second block with the same
    header ends in ``#2``). ``attribute`` is empty where the last step of the path, a whole block, was added or removed.
    """

    path: tuple[str, ...]
    attribute: str
    before: Value | Block | None
    after: Value | Block | None


def read(text: str) -> Reading:
    """What python-hcl2 sees in a text; raises :class:`Unverifiable` where it can't vouch for it."""
    trouble = foreign() or _too_long(text)
    if trouble:
        raise Unverifiable(trouble)
    parsed = _parsed(text)
    if isinstance(parsed, Refusal):
        raise Unverifiable(parsed.message)
    objection = _objection(parsed)
    if objection:
        raise Unverifiable(objection)
    return _Builder().body(parsed.children[0])


def changes(before: Reading, after: Reading) -> tuple[Change, ...]:
    """All that differs. Blocks are paired by their headers, the n-th with the n-th."""
    return tuple(_changes((), before, after))


def _changes(path: tuple[str, ...], before: Reading | Block, after: Reading | Block) -> Iterator[Change]:
    # A name may stand twice, where only the whole sequence says what is meant.
    old, new = _numbered(before.attributes), _numbered(after.attributes)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(path, name, old.get(name), new.get(name))
    old_blocks = _numbered((".".join((block.type, *block.labels)), block) for block in before.blocks)
    new_blocks = _numbered((".".join((block.type, *block.labels)), block) for block in after.blocks)
    for step in dict.fromkeys((*old_blocks, *new_blocks)):
        one, other = old_blocks.get(step), new_blocks.get(step)
        if one is None or other is None:
            yield Change((*path, step), "", one, other)
        elif one != other:
            yield from _changes((*path, step), one, other)


def _numbered(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    seen: Counter[str] = Counter()
    numbered = {}
    for name, value in pairs:
        seen[name] += 1
        numbered[name if seen[name] == 1 else f"{name}#{seen[name]}"] = value
    return numbered


# --------------------------------------------------------------------------------------------------------------------
# The words of a mistake


class Refusal(msgspec.Struct, frozen=True):
    """Why python-hcl2 can't read a text. ``line`` is 0 where it points nowhere."""

    line: int
    message: str


_WORDY = re.compile(r"[\w-]")
_WORDS: Mapping[str, str] = {
    "$END": "the end of the file",
    "NL_OR_COMMENT": "the end of the line",
    "NAME": "a name",
    "DBLQUOTE": 'the quotation mark "',
    "STRING_CHARS": "a text",
    "EQ": "=",
    "COLON": ":",
    "COMMA": ",",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[",
    "RSQB": "]",
    "LPAR": "(",
    "RPAR": ")",
}


def of(source: bytes) -> Refusal:
    """What to tell of a file that the working parser can't read."""
    text = source.decode()
    answer = foreign() or _too_long(text)
    if answer:
        return Refusal(0, f"it isn't HCL ({answer})")
    parsed = _parsed(text)
    if isinstance(parsed, Refusal):
        return Refusal(parsed.line, f"it isn't HCL: {parsed.message}")
    return Refusal(0, "tree-sitter-hcl can't read it and python-hcl2 can; `terraform fmt` tells which of them is right")


def _too_long(text: str) -> str:
    return f"python-hcl2 isn't asked about more than {MAX_LENGTH} characters" if len(text) > MAX_LENGTH else ""


def _parsed(text: str) -> "Any":
    """python-hcl2's tree, or why there is none."""
    import hcl2
    from lark.exceptions import LarkError, UnexpectedInput, UnexpectedToken

    try:
        parsed = hcl2.parses_to_tree(text.removeprefix("\ufeff"))
    except UnexpectedToken as error:
        # What it took for a text goes on to the next quotation mark.
        found = _WORDS.get(error.token.type, "") if error.token.type != "STRING_CHARS" else ""
        if not found:
            found = _first_line(str(error.token)) or "the end of the line"
        expected = sorted(_WORDS[name] for name in error.expected if name in _WORDS)
        hope = f"; {' or '.join(expected)} is expected" if len(expected) == len(error.expected) <= 3 else ""
        return Refusal(
            error.line, f"python-hcl2 doesn't expect {found} at line {error.line}, column {error.column}{hope}"
        )
    except UnexpectedInput as error:
        return Refusal(error.line, f"python-hcl2 can't go on at line {error.line}, column {error.column}")
    except (LarkError, RecursionError) as error:
        return Refusal(0, f"python-hcl2 gives up on it ({type(error).__name__})")
    return parsed


def _first_line(text: str) -> str:
    """What a message shows of a text."""
    line = text.strip().split("\n", 1)[0]
    return "".join(character if character.isprintable() else "?" for character in line[:40])


def _objection(parsed: "Any") -> str:
    """Why the tree isn't to be relied on; empty where nothing is against it."""
    waiting = [(parsed, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return "python-hcl2's tree of it is nested too deeply"
        if hasattr(node, "data"):
            waiting.extend((child, depth + 1) for child in node.children)
        elif node is not None and node.type.startswith("HEREDOC"):
            opening, *lines = str(node).rstrip("\r\n").split("\n")
            marker = opening.lstrip("<-").strip()
            if any(line.strip() == marker for line in lines[:-1]):
                return f"python-hcl2 takes two heredocs for one at line {node.line}"
    return ""


# --------------------------------------------------------------------------------------------------------------------
# The tree


class _Builder:
    """Reads python-hcl2's tree without layout."""

    def body(self, node: "Any") -> Reading:
        attributes: list[tuple[str, Value]] = []
        blocks: list[Block] = []
        for child in node.children:
            if child.data == "attribute":
                name, _, value = child.children
                attributes.append((self.text(name), self.value(value)))
            elif child.data == "block":
                header = [one for one in child.children if hasattr(one, "data")]
                inner = self.body(next(one for one in header if one.data == "body"))
                names = [self.plain(one) for one in header if one.data not in ("body", "new_line_or_comment")]
                blocks.append(Block(names[0], tuple(names[1:]), inner.attributes, inner.blocks))
        return Reading(tuple(attributes), tuple(blocks))

    def value(self, node: "Any") -> Value:
        objects: list[tuple[tuple[str, str], ...]] = []
        return Value(self.text(node, objects), tuple(objects))

    def plain(self, node: "Any") -> str:
        """A key or a label: without its quotes where it is a plain text."""
        text = self.text(node)
        if re.fullmatch(r'"[^"\\$%]*"', text):
            return text[1:-1]
        return text

    def text(self, node: "Any", objects: "list[tuple[tuple[str, str], ...]] | None" = None) -> str:
        """The tokens of a node in a row; object literals go to ``objects`` where it is given."""
        pieces: list[str] = []
        self.write(node, pieces, objects)
        return "".join(pieces)

    def write(self, node: "Any", pieces: list[str], objects: "list[tuple[tuple[str, str], ...]] | None") -> None:
        if not hasattr(node, "data"):
            self.write_token(node, pieces)
        elif node.data == "object":
            entries = tuple(
                (self.plain(elem.children[0]), self.text(elem.children[2]))
                for elem in node.children
                if getattr(elem, "data", "") == "object_elem"
            )
            if objects is None:
                pieces.append("{" + ",".join(f"{key}={value}" for key, value in entries) + "}")
            else:
                pieces.append(f"{{{len(objects)}}}")
                objects.append(entries)
        elif node.data != "new_line_or_comment":
            for child in node.children:
                self.write(child, pieces, objects)

    def write_token(self, token: "Any", pieces: list[str]) -> None:
        kind = token.type
        if kind in ("STRING_CHARS", "ESCAPED_INTERPOLATION", "ESCAPED_DIRECTIVE") or kind.startswith("HEREDOC"):
            pieces.append(str(token))
            return
        # An operator's token may begin with the line's end and the comment before it.
        text = str(token).rsplit("\n", 1)[-1].strip()
        if kind in ("RSQB", "RPAR") and pieces and pieces[-1] == ",":
            pieces.pop()
        if pieces and _WORDY.match(text) and _WORDY.match(pieces[-1][-1:]):
            pieces.append(" ")  # `a - b` isn't `a-b`
        pieces.append(text)


# --------------------------------------------------------------------------------------------------------------------
# Who owns the name


@functools.cache
def foreign() -> str:
    """Why the package ``hcl2`` can't be used, and the commands that mend it; empty where it is python-hcl2's, 8 or
    newer."""
    try:
        ours = metadata.distribution("python-hcl2")
    except metadata.PackageNotFoundError:
        others = _others()
        if not others:
            return "python-hcl2 is not installed; install it with `pip install 'python-hcl2>=8'`"
        return f"the package hcl2 belongs to {' and '.join(others)}, not to python-hcl2; {_mend(others)}"
    if int(ours.version.split(".", 1)[0]) < 8:
        return f"python-hcl2 {ours.version} is too old; mend it with `pip install --upgrade 'python-hcl2>=8'`"
    files = [file for file in ours.files or () if file.parts[0] == "hcl2" and file.suffix in (".py", ".lark")]
    if all(map(_is_as_installed, files)) and _is_imported_from(files):
        return ""
    others = _others()
    if not others:
        return f"the package hcl2 was changed after its installation; {_mend(())}"
    return f"the package hcl2 of python-hcl2 was overwritten by {' and '.join(others)}; {_mend(others)}"


def _is_as_installed(file: metadata.PackagePath) -> bool:
    if file.hash is None or file.hash.mode != "sha256":
        return True
    try:
        digest = hashlib.sha256(file.read_binary()).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value


def _is_imported_from(files: list[metadata.PackagePath]) -> bool:
    """Whether ``import hcl2`` finds one of these files, and not a package that stands before it on the path."""
    found = importlib.util.find_spec("hcl2")
    if found is None or found.origin is None:
        return False
    entry = next((file for file in files if file.parts == ("hcl2", "__init__.py")), None)
    return entry is None or Path(found.origin).resolve() == Path(str(entry.locate())).resolve()


def _others() -> tuple[str, ...]:
    return tuple(sorted(set(metadata.packages_distributions().get("hcl2", ())) - {"python-hcl2"}))


def _mend(others: tuple[str, ...]) -> str:
    removal = f"`pip uninstall {' '.join(others)}` and " if others else ""
    return f"mend it with {removal}`pip install --force-reinstall --no-deps 'python-hcl2>=8'`"
