"""From values to tag sets: the tags that a body in the source writes, and how they meet a provider's defaults."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from costguard.iac.hcl.evaluate import Locals, Scope, evaluate, text_of
from costguard.iac.hcl.tree import Expression, Name
from costguard.iac.hcl.values import (
    EvaluationError,
    Marked,
    PartialMap,
    Set,
    Unknown,
    Value,
    reason_of,
    unmark,
)
from costguard.iac.source.module import Layer, blocks, find
from costguard.model import resource as model
from costguard.model.resource import Known, Tag, TagSet

THE_RESOURCE = "the resource"


class Written(msgspec.Struct, frozen=True):
    """Tags as one body writes them. ``nulls`` are the keys whose value is null."""

    tags: TagSet
    nulls: frozenset[str] = frozenset()


class Body:
    """A body in the source, with the scope and the names (of ``dynamic`` iterators) that hold inside."""

    __slots__ = ("layers", "names", "scope")

    def __init__(self, layers: tuple[Layer, ...], scope: Scope, names: Locals | None = None) -> None:
        self.layers = layers
        self.scope = scope
        self.names: Locals = names or {}

    def writes(self, name: str) -> bool:
        """Whether the attribute is there with a value other than null."""
        return self.value(name) is not None

    def value(self, name: str) -> Value:
        """The value of an attribute, None where it isn't there. One that Terraform couldn't evaluate is Unknown."""
        found = find(self.layers, name)
        if found is None:
            return None
        return attempt(found[1].value, self.scope, self.names)

    def children(self, name: str) -> "tuple[list[Body | Item], str]":
        """The nested blocks of a type, those of ``dynamic`` blocks and those written as a list of objects among them;
        and why there may be others, empty where there are none."""
        found: list[list[Body | Item]] = []
        unknown = ""
        for file, block in blocks(self.layers, name):
            if block.type == "dynamic":
                expanded, why = self._dynamic(Layer(file, block.body), name)
                unknown = unknown or why
                found.append(expanded)
            else:
                found.append([Body((Layer(file, block.body),), self.scope, self.names)])
        if not found:
            value, _ = unmark(self.value(name))
            match value:
                case None:
                    pass
                case dict() | PartialMap():
                    found.append([Item(value)])
                case tuple() | Set():
                    items = value.items if isinstance(value, Set) else value
                    found.append([Item(item) for item in items])
                case _:
                    unknown = reason_of([value]) or f"{name} is no block"
        return [child for group in found for child in group], unknown

    def _dynamic(self, layer: Layer, name: str) -> "tuple[list[Body | Item], str]":
        """The blocks that one ``dynamic`` block stands for."""
        stated = layer.body.attributes.get("for_each")
        if stated is None:
            return [], "a dynamic block has no for_each"
        iterator = name
        renamed = layer.body.attributes.get("iterator")
        if renamed is not None and isinstance(renamed.value, Name):
            iterator = renamed.value.name
        collection, _ = unmark(attempt(stated.value, self.scope, self.names))
        why = ""
        pairs: list[tuple[Value, Value]]
        match collection:
            case dict():
                pairs = [*sorted(collection.items())]
            case PartialMap(entries, maybe, open_):
                pairs = [*sorted(entries.items())]
                why = open_ or next(iter(maybe.values()))
            case tuple():
                pairs = [*enumerate(collection)]
            case Set(items):
                pairs = [(item, item) for item in items]
            case None:
                pairs = []
            case _:
                return [], reason_of([collection]) or f"the for_each of dynamic {name!r} is no collection"
        children: list[Body | Item] = []
        for key, value in pairs:
            self.scope.spend(1)
            names = {**self.names, iterator: {"key": key, "value": value}}
            children += [
                Body((Layer(layer.file, block.body),), self.scope, names) for block in layer.body.blocks("content")
            ]
        return children, why


class Item:
    """An object that is written where a block could be."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value, _ = unmark(value)

    def writes(self, name: str) -> bool:
        return self.value(name) is not None

    def value(self, name: str) -> Value:
        match self._value:
            case dict():
                return self._value.get(name)
            case PartialMap(entries, maybe, open_):
                return entries[name] if name in entries else Unknown(open_ or maybe.get(name, "")) if open_ else None
            case _:
                return Unknown(reason_of([self._value]) or "it is no object")

    def children(self, name: str) -> "tuple[list[Body | Item], str]":
        value, _ = unmark(self.value(name))
        match value:
            case None:
                return [], ""
            case dict() | PartialMap():
                return [Item(value)], ""
            case tuple():
                return [Item(item) for item in value], ""
            case Set(items):
                return [Item(item) for item in items], ""
        return [], reason_of([value]) or f"{name} is no block"


def attempt(expression: Expression, scope: Scope, names: Locals | None = None) -> Value:
    """The value of an expression; one for which Terraform would stop is Unknown."""
    try:
        return evaluate(expression, scope, names or {})
    except EvaluationError as error:
        return Unknown(f"it can't be evaluated: {error}")


def as_written(value: Value, source: str, what: str, *, keeps_null: bool = False) -> Written:
    """A map of tags. ``what`` names the attribute in messages; ``keeps_null``: a null becomes an empty text."""
    plain, secret = unmark(value)
    match plain:
        case None:
            return Written(TagSet({}))
        case dict():
            return _entries(plain, {}, "", source, secret, keeps_null)
        case PartialMap(entries, maybe, open_):
            return _entries(entries, maybe, open_, source, secret, keeps_null)
        case Unknown(reason):
            return Written(TagSet({}, reason))
    return Written(TagSet({}, f"its {what} are not a map"))


def _entries(
    entries: Mapping[str, Value],
    maybe: Mapping[str, str],
    open_: str,
    source: str,
    secret: bool,
    keeps_null: bool,
) -> Written:
    tags: dict[str, Tag] = {}
    hidden: list[tuple[str, str]] = [*maybe.items()]
    nulls: set[str] = set()
    for key, value in entries.items():
        plain, marked = unmark(value)
        if plain is None:
            nulls.add(key)
            if keeps_null:
                tags[key] = Tag(Known(""), source)
        elif isinstance(plain, Unknown) and plain.nullable:
            hidden.append((key, plain.reason))
        else:
            tags[key] = Tag(tag_value(plain, secret or marked), source)
    return Written(TagSet(tags, open_, tuple(hidden)), frozenset(nulls))


def tag_value(value: Value, secret: bool = False) -> Known | model.Unknown:
    """One value as a tag carries it."""
    match value:
        case str():
            return Known(value, secret)
        case bool():
            return Known("true" if value else "false", secret)
        case int() | Decimal():
            text = text_of(value)
            return Known(text, secret) if isinstance(text, str) else model.Unknown(text.reason)
        case Marked(inner):
            return tag_value(inner, True)
    return model.Unknown(reason_of([value]) or "it is no text")


def from_blocks(body: "Body | Item", name: str, source: str, *, only: str = "") -> TagSet:
    """The tags of ``key``/``value`` blocks; with ``only``, of those in which that flag is true."""
    children, unknown = body.children(name)
    tags: dict[str, Tag] = {}
    open_ = unknown
    for child in children:
        key, _ = unmark(child.value("key"))
        if not isinstance(key, str):
            open_ = open_ or reason_of([key]) or f"a {name} block has no key"
            continue
        if only:
            wanted, _ = unmark(child.value(only))
            if isinstance(wanted, Unknown):
                open_ = open_ or wanted.reason
                continue
            if wanted not in (True, "true"):
                continue
        value, secret = unmark(child.value("value"))
        tags[key] = Tag(tag_value("" if value is None else value, secret), source)
    return TagSet(tags, open_)


def overlay(own: Written, defaults: TagSet) -> TagSet:
    """The effective tags: a resource's own over its provider's defaults."""
    tags: dict[str, Tag] = {}
    hidden = {**dict(defaults.hidden), **dict(own.tags.hidden)}
    for key, tag in defaults.tags.items():
        doubt = own.tags.doubt(key)
        if key in own.tags.tags or not doubt:
            tags[key] = tag
        elif isinstance(tag.value, Known) and not tag.value.text.strip():
            hidden[key] = doubt  # A blank default proves not even the presence of a value.
        else:
            reason = f"the resource's own tags may override what {tag.source} set: {doubt}"
            tags[key] = Tag(model.Unknown(reason), tag.source)
    tags |= own.tags.tags
    return TagSet(
        tags,
        own.tags.open or defaults.open,
        tuple((key, reason) for key, reason in hidden.items() if key not in tags),
    )
