"""Who else reads a value that tags are made from, and what it comes to there.

Knows the expressions that no argument of a resource shows: conditions, validations, checks, imports, the configuration
of providers, connections, outputs. Of a value that can't be told, what it is made from is compared instead: of two
unknown values that read different maps nothing says that they are the same.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from costguard.iac.hcl import tree
from costguard.iac.hcl.evaluate import Exhausted, Locals, Scope, evaluate
from costguard.iac.hcl.tree import Expression, File, GetAttr, Index, Name, Splat
from costguard.iac.hcl.values import EvaluationError, Marked, PartialMap, Set, Unknown, Value, unknowns
from costguard.iac.source import Configuration, Judged
from costguard.iac.source.configuration import instances
from costguard.iac.source.instance import ONE, BlockScope, Each, ModuleInstance
from costguard.iac.source.module import LABELS, Declared, Layer, find
from costguard.iac.source.tagset import Body

Plain = Any
"""A value as nested tuples, which can be compared and put into a set."""

_COMPARED_ELSEWHERE = frozenset(("resource", "data", "module", "locals"))
_OUTSIDE_OF_VALUES: Mapping[str, frozenset[str]] = {
    "variable": frozenset(("default", "type", "description")),
    "provider": frozenset(("default_tags", "default_labels")),
    "output": frozenset(("value", "description")),
}
_READING_BLOCKS = frozenset(("lifecycle", "provisioner", "connection"))
_REFERENCES_ONLY = frozenset(("depends_on", "ignore_changes", "provider", "providers"))
_EVERYTHING = frozenset(("tags_all", "terraform_labels", "effective_labels"))
_DEEPEST = 40
_SPACE = re.compile(rb"\s+")


def plain(value: Value) -> Plain:
    """A value to compare."""
    match value:
        case Unknown(reason):
            return ("?", reason)
        case Marked(inner):
            return ("secret", plain(inner))
        case tuple():
            return ("list", *map(plain, value))
        case Set(items):
            return ("set", *map(plain, items))
        case dict():
            return ("map", *((key, plain(item)) for key, item in sorted(value.items())))
        case PartialMap(entries, maybe, open_):
            return ("part", plain(entries), tuple(sorted(maybe)), bool(open_))
        case _:
            return (type(value).__name__, value)


class Place(msgspec.Struct, frozen=True):
    """Where an expression stands: in an instance of a block of a module, and of which resource."""

    module: ModuleInstance
    file: File
    each: Each = ONE
    block: Declared | None = None
    names: Locals = {}

    @property
    def scope(self) -> Scope:
        return self.module.in_block(self.each)


class Readers:
    """The readers of one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._known: dict[tuple[int, str, str], Plain] = {}
        self._all_tags: dict[int, list[Judged]] = {}
        for judged in configuration.judged:
            self._all_tags.setdefault(id(judged.evidence.declared), []).append(judged)

    def all(self) -> Iterator[tuple[tuple[str, ...], Plain]]:
        """Everything that reads values and is no argument: (address, where in it…), and what it comes to."""
        for module in instances(self._configuration.root):
            prefix = f"{module.address}." if module.address else ""
            for file in module.module.files:
                yield from self._blocks(module, prefix, file)
            for kind, declared in self._counted(module):
                type_, name = kind
                for each in module.instances(type_, name, declared):
                    address = f"{prefix}{type_}.{name}{each.index}"
                    for layer in declared.layers:
                        place = Place(module, layer.file, each, declared)
                        yield from self._meta((address,), layer, place)
        root = self._configuration.root
        for name, declared in root.module.outputs.items():
            found = declared.attribute("value")
            if found is not None:
                yield (f"output.{name}",), self._output(found[1].value, Place(root, found[0]))

    def more(
        self, where: tuple[str, ...], name: str, body: Body, block: Declared
    ) -> Iterator[tuple[tuple[str, ...], Plain]]:
        """What an argument whose value isn't known is made from."""
        found = find(body.layers, name)
        if found is None or not isinstance(body.scope, BlockScope):
            return
        if any(True for _ in unknowns(body.value(name))):
            place = Place(body.scope.module, found[0], body.scope.each, block, body.names)
            yield (*where, name, "which isn't known"), self.value(found[1].value, place)

    def _counted(self, module: ModuleInstance) -> Iterator[tuple[tuple[str, str], Declared]]:
        yield from module.module.resources.items()
        for (type_, name), declared in module.module.data.items():
            yield (f"data.{type_}", name), declared

    def _blocks(self, module: ModuleInstance, prefix: str, file: File) -> Iterator[tuple[tuple[str, ...], Plain]]:
        counts: dict[str, int] = {}
        for type_ in file.body.block_types():
            if type_ in _COMPARED_ELSEWHERE:
                continue
            for block in file.body.blocks(type_, LABELS.get(type_, 0)):
                name = ".".join((type_, *block.labels))
                counts[name] = counts.get(name, 0) + 1
                more = f"[{counts[name]}]" if counts[name] > 1 else ""
                address = f"{prefix}{name}{more} of {file.name}"
                left_out = _OUTSIDE_OF_VALUES.get(type_, frozenset())
                yield from self._body((address,), block.body, Place(module, file), left_out)

    def _meta(self, where: tuple[str, ...], layer: Layer, place: Place) -> Iterator[tuple[tuple[str, ...], Plain]]:
        arguments = frozenset(layer.body.attributes) - _READING_BLOCKS
        types = frozenset(layer.body.block_types()) - _READING_BLOCKS
        yield from self._body((*where, "in", layer.file.name), layer.body, place, arguments | types)

    def _body(
        self, where: tuple[str, ...], body: tree.Body, place: Place, left_out: frozenset[str], depth: int = 0
    ) -> Iterator[tuple[tuple[str, ...], Plain]]:
        if depth > _DEEPEST:
            return
        for name, attribute in body.attributes.items():
            if name not in left_out and name not in _REFERENCES_ONLY:
                yield (*where, name), self.value(attribute.value, place)
        if place.file.json:
            return  # Every property is an attribute there, too.
        for type_ in body.block_types():
            if type_ in left_out:
                continue
            for index, block in enumerate(body.blocks(type_)):
                yield from self._body((*where, f"{type_}[{index}]"), block.body, place, frozenset(), depth + 1)

    # --- what an expression comes to

    def value(self, node: Expression, place: Place, depth: int = 0) -> Plain:
        """The value; with what it is made from where it isn't known."""
        try:
            value = evaluate(node, place.scope, place.names)
        except EvaluationError as error:
            value = Unknown(str(error))
        except (Exhausted, RecursionError):
            value = Unknown("it takes too long")
        found = plain(value)
        try:
            chains = list(_chains(node))
        except RecursionError:
            return found, _text(node, place)
        if depth > _DEEPEST:
            return found, _text(node, place)
        if not any(True for _ in unknowns(value)) and not any(chain[0] == "self" for chain in chains):
            return found
        return found, *(self._chain(chain, place, depth + 1, resources=True) for chain in chains)

    def _output(self, node: Expression, place: Place, depth: int = 0) -> Plain:
        """As :meth:`value`, of an output, but for what it reads from resources: that is to change with them."""
        try:
            chains = list(_chains(node))
        except RecursionError:
            chains = [("", "")]
        if depth > _DEEPEST or not _touches(chains, place, 0):
            return self.value(node, place)
        found = tuple(self._chain(chain, place, depth + 1, resources=False) for chain in chains)
        return _text(node, place), *found

    def _chain(self, chain: tuple[str, ...], place: Place, depth: int, *, resources: bool) -> Plain:
        if chain[0] in place.names:
            return plain(place.names[chain[0]])
        key = (id(place.module), "" if resources else "output", ".".join(chain))
        lasting = chain[0] not in ("self", "each", "count")
        if lasting and key in self._known:
            return self._known[key]
        if lasting:
            self._known[key] = ("itself",)
        read = self.value if resources else self._output
        found = tuple(read(node, there, depth) for node, there in _behind(chain, place, resources=resources))
        if resources:
            found += tuple(self._tags(chain, place))
        if lasting:
            self._known[key] = found
        return found

    def _tags(self, chain: tuple[str, ...], place: Place) -> Iterator[Plain]:
        """All tags of a resource, where something reads them with the defaults."""
        declared = _resource(chain, place)
        if declared is None or not _EVERYTHING.intersection(chain):
            return
        for judged in self._all_tags.get(id(declared), ()):
            for surface in judged.resource.surfaces:
                tags = sorted((key, str(tag.value)) for key, tag in surface.tags.tags.items())
                yield surface.path, tuple(tags)


def _text(node: Expression, place: Place) -> Plain:
    return ("text", _SPACE.sub(b" ", place.file.source[node.start : node.end]))


def _touches(chains: list[tuple[str, ...]], place: Place, depth: int) -> bool:
    """Whether an expression reads a resource, directly or not."""
    if depth > _DEEPEST:
        return True
    for chain in chains:
        if _resource(chain, place) is not None:
            return True
        for node, there in _behind(chain, place, resources=False):
            if _touches(list(_chains(node)), there, depth + 1):
                return True
    return False


def _resource(chain: tuple[str, ...], place: Place) -> Declared | None:
    if chain[0] == "self":
        return place.block
    return place.module.module.resources.get((chain[0], chain[1])) if len(chain) > 1 else None


def _behind(chain: tuple[str, ...], place: Place, *, resources: bool) -> Iterator[tuple[Expression, Place]]:
    """The expressions that a reference leads to."""
    module = place.module
    match chain:
        case ("local",):
            for name in module.module.locals:
                yield from _behind(("local", name), place, resources=resources)
        case ("local", name, *_):
            local = module.module.locals.get(name)
            if local is not None:
                yield local[1].value, Place(module, local[0])
        case ("var", name, *_):
            if module.parent is not None and module.call is not None:
                given = module.call.attribute(name)
                if given is not None:
                    yield given[1].value, Place(module.parent, given[0], module.each, module.call)
        case ("module", call, *attributes) if call in module.module.calls:
            for child in module.children(call).instances:
                for name, declared in child.module.outputs.items():
                    found = declared.attribute("value")
                    if found is not None and (not attributes or name in attributes):
                        yield found[1].value, Place(child, found[0])
        case ("each", *_) if place.block is not None:
            found = place.block.attribute("for_each")
            if found is not None:
                yield found[1].value, Place(module, found[0])
        case _ if resources:
            resource = _resource(chain, place)
            if resource is None:
                return
            read = set(chain[1:] if chain[0] == "self" else chain[2:])
            whole = not read or bool(read & _EVERYTHING)
            for name in sorted({name for layer in resource.layers for name in layer.body.attributes}):
                if name in read or (whole and name in ("tags", "labels")):
                    found = resource.attribute(name)
                    if found is not None:
                        for each in _each(chain, place, resource):
                            yield found[1].value, Place(module, found[0], each, resource)


def _each(chain: tuple[str, ...], place: Place, declared: Declared) -> list[Each]:
    return [place.each] if chain[0] == "self" else place.module.instances(chain[0], chain[1], declared)


def _chains(node: object) -> Iterator[tuple[str, ...]]:
    """The references in an expression: each name with the attributes that are read of it, without what is in brackets,
    which are references of their own."""
    if isinstance(node, tuple):
        for item in node:
            yield from _chains(item)
        return
    if not isinstance(node, tree.Node):
        return
    names: list[str] = []
    current: object = node
    while isinstance(current, GetAttr | Index | Splat):
        match current:
            case GetAttr(of=of, name=name):
                names.append(name)
                current = of
            case Index(of=of, key=key):
                if isinstance(key, tree.Literal) and isinstance(key.value, str):
                    names.append(key.value)
                yield from _chains(key)
                current = of
            case Splat(of=of, steps=steps):
                yield from _chains(steps)
                names += [step.name for step in reversed(steps) if step.name]
                current = of
    if isinstance(current, Name):
        yield (current.name, *reversed(names))
        return
    for field in current.__struct_fields__ if isinstance(current, tree.Node) else ():
        yield from _chains(getattr(current, field))
