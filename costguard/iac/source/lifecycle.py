"""What the ``lifecycle`` of a resource keeps from being changed."""

import msgspec

from costguard.iac.hcl.tree import Expression, GetAttr, Index, Literal, Name, Parentheses, Splat, Tuple
from costguard.iac.source.module import Declared, find, nested
from costguard.model.resource import TagSet

KEPT = "ignore_changes keeps what the cloud has"


class Kept(msgspec.Struct, frozen=True):
    """What ``lifecycle.ignore_changes`` says: attributes that stay as they are, whole or by key."""

    everything: bool = False
    whole: frozenset[str] = frozenset()
    keys: tuple[tuple[str, str], ...] = ()
    """(attribute, key)"""

    def has(self, attribute: str) -> bool:
        """Whether the attribute, or a part of it, stays as it is."""
        return self.everything or attribute in self.whole or any(name == attribute for name, _ in self.keys)

    def over(self, attribute: str, tags: TagSet) -> TagSet:
        """The tags as far as what is ignored lets the source decide them."""
        if self.everything or attribute in self.whole:
            return TagSet({}, KEPT)
        kept = {key: KEPT for name, key in self.keys if name == attribute}
        if not kept:
            return tags
        left = {key: tag for key, tag in tags.tags.items() if key not in kept}
        return TagSet(left, tags.open, (*tags.hidden, *kept.items()))


def kept(declared: Declared) -> Kept:
    """What the ``lifecycle`` of a resource ignores."""
    found = find(nested(declared.layers, "lifecycle"), "ignore_changes")
    if found is None:
        return Kept()
    expression = found[1].value
    if not isinstance(expression, Tuple):
        return Kept(everything=_path(expression) == ("all",))
    paths = [_path(item) for item in expression.items]
    return Kept(
        everything=("*",) in paths or ("all",) in paths,
        whole=frozenset(path[0] for path in paths if len(path) == 1 or (path and not path[1])),
        keys=tuple((path[0], path[1]) for path in paths if len(path) == 2 and path[1]),
    )


def _path(expression: Expression) -> tuple[str, ...]:
    """``tags`` or ``tags["X"]`` as its parts; a deeper path ends in an empty part, because it is not looked into."""
    match expression:
        case Name(name=name):
            return (name,)
        case Literal(value=str(text)):
            head, dot, rest = text.partition(".")
            return (head, rest) if dot else (head,)
        case Index(of=Name(name=name), key=Literal(value=str(key))):
            return (name, key)
        case GetAttr(of=Name(name=name), name=key):
            return (name, key)
        case GetAttr(of=inner) | Index(of=inner) | Splat(of=inner) | Parentheses(inner=inner):
            path = _path(inner)
            return (path[0], "") if path else ()
    return ()
