"""The independent reader's word on an edit: python-hcl2 reads the old and the new text, and must see exactly the change
that was planned, and the same blocks otherwise."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from costguard.fix.edits import Add, AddBlock, Operation, Put, Rename, Set, quoted, written
from costguard.iac.hcl.second_opinion import Block, Reading, Unverifiable, Value, changes, read
from costguard.iac.hcl.tree import File, Literal

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.-]+|\S')
_OBJECT = re.compile(r"\{[0-9]+\}")
_LAYOUT = frozenset("(){},=:") | {"merge", "null"}
"""What comes and goes where an expression is wrapped: it has no meaning without the rest."""


def doubt(file: File, new: bytes, operations: Iterable[Operation]) -> str:
    """Why the new text can't be vouched for; empty where it can."""
    planned = list(operations)
    try:
        if file.json:
            json.loads(file.source)
            json.loads(new)
            return ""
        before, after = read(file.source.decode()), read(new.decode())
    except (Unverifiable, ValueError) as error:
        return f"the edit can't be checked with a second parser, python-hcl2 ({error})"
    names = {name for operation in planned for name in _names(operation)}
    come: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for change in changes(before, after):
        if not change.attribute and (change.before is not None or not isinstance(change.after, Block)):
            return f"python-hcl2, which checks the edit, misses {'.'.join(change.path)} in the edited text"
        if isinstance(change.after, Block):
            if change.after.type not in names:
                return f"python-hcl2, which checks the edit, sees {'.'.join(change.path)} come, too"
            come.update(_of_block(change.after))
            continue
        old = Counter(_of_value(change.before)) if isinstance(change.before, Value) else Counter()
        fresh = Counter(_of_value(change.after)) if isinstance(change.after, Value) else Counter()
        come.update(fresh - old)
        gone.update(old - fresh)
    wanted = [_expected(operation, file.source) for operation in planned]
    for seen, expected in ((come, [one for one, _ in wanted]), (gone, [one for _, one in wanted])):
        if _counted(seen.elements()) != _counted(token for part in expected for token in part):
            return "python-hcl2, which checks the edit, doesn't see exactly this change in the edited text"
    return ""


def _names(operation: Operation) -> Sequence[str]:
    match operation:
        case Add(_, path):
            return path
        case AddBlock(_, type_):
            return (type_,)
    return ()


def _of_block(block: Block | Reading) -> Iterator[str]:
    for _, value in block.attributes:
        yield from _of_value(value)
    for inner in block.blocks:
        yield from _of_block(inner)


def _of_value(value: Value) -> Iterator[str]:
    yield from _tokens(_OBJECT.sub(" ", value.shape))
    for entries in value.objects:
        for key, text in entries:
            yield from _tokens(key)
            yield from _tokens(text)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _counted(tokens: Iterable[str]) -> Counter[str]:
    return Counter(token for token in tokens if token not in _LAYOUT)


def _expected(operation: Operation, source: bytes) -> tuple[list[str], list[str]]:
    """The tokens that come and those that go."""
    match operation:
        case Add(pairs=pairs) | Put(pairs=pairs):
            return [token for key, value in pairs for text in (_key(key), _text(value)) for token in _tokens(text)], []
        case AddBlock(_, _, attributes):
            return [token for _, value in attributes for token in _tokens(_text(value))], []
        case Rename(item, key):
            old = item.key.value if isinstance(item.key, Literal) else ""
            return _tokens(_key(key)), _tokens(_key(str(old)))
        case Set(value, to):
            return _tokens(_text(to)), _tokens(source[value.start : value.end].decode())


def _text(value: str | bool) -> str:
    return written(value).decode()


def _key(name: str) -> str:
    """A key as python-hcl2 shows it: without the quotes of a plain text."""
    text = quoted(name).decode()
    return text[1:-1] if re.fullmatch(r'"[^"\\$%]*"', text) else text
