"""Where a tag can be mended: for one finding the places to choose from, the best first.

An entry that is wrong has one place: where it is written. One that is missing may be added where the map comes from (a
local, an argument of a call), at the resource, or in its provider's defaults. Nothing here is tried out: which place is
right shows when the edited source is judged.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

from costguard import catalog
from costguard.fix.edits import Add, AddBlock, EditError, Operation, Put, Rename, Set
from costguard.iac.hcl.tree import Body as Node
from costguard.iac.hcl.tree import (
    Call,
    Expression,
    File,
    GetAttr,
    Index,
    Literal,
    Name,
    Object,
    ObjectItem,
    Parentheses,
)
from costguard.iac.source.configuration import instances
from costguard.iac.source.evidence import Evidence
from costguard.iac.source.instance import ONE, ModuleInstance, ProviderConfiguration
from costguard.iac.source.module import LABELS, Declared, Module, find
from costguard.iac.source.places import Trace, default_expression, entry, own_expression, surface_parts
from costguard.iac.source.tagset import THE_RESOURCE, Body
from costguard.model.resource import Surface

PROPAGATE = "propagate_at_launch"
_LONGEST = 20


class Spot(msgspec.Struct, frozen=True):
    """A place in a file of ``module``. ``key`` names it across findings; ``operations`` gives what mends a tag there,
    from its key and its value. ``shared``: others than the resource may depend on it. ``plain``: the resource's tags
    are nothing but a reference that leads there. ``defaults``: it is among the defaults of a provider."""

    file: File
    module: ModuleInstance
    key: tuple[str, str, int]
    operations: Callable[[str, str], tuple[Operation, ...]]
    shared: bool = False
    plain: bool = False
    defaults: bool = False

    @property
    def home(self) -> "Home":
        return home(self.file, self.key[2], self.key[1].partition(".")[0])


class Nowhere(msgspec.Struct, frozen=True):
    """Why there is no place; half a sentence."""

    why: str


# --- tags that are missing


def additions(evidence: Evidence, surface: Surface, key: str) -> Iterator[Spot] | Nowhere:
    """Where a missing tag can be added, the places that the map comes from first and the resource itself last."""
    own = evidence.kind.own if evidence.kind is not None else None
    if own is not None and own.shape == "blocks" and not surface.created:
        return _block(evidence, own)
    if own is not None and surface.path == f"{own.path[-1]}.{PROPAGATE}":
        return _propagation(evidence, own.path[-1], key)
    written = own_expression(evidence, surface.path)
    if written is not None:
        trace = Trace(written.file, written.node, written.module, written.each, written.names)
        return iter((*_sources(trace), _put(trace, shared=False)))
    names = [name for name, _ in surface_parts(surface.path)]
    parents = _parents(evidence, surface.path)
    if not parents and names[:-1] == ["metadata"]:
        parents, names = [evidence.body], ["metadata", names[-1]]
    elif parents:
        names = names[-1:]
    else:
        return Nowhere(f"{names[0]} is not written as a block")
    layer = parents[0].layers[0]
    return iter((_into(layer.file, evidence.module, layer.body, tuple(names)),))


def _block(evidence: Evidence, own: catalog.Surface) -> Iterator[Spot] | Nowhere:
    """A tag block of its own, as Auto Scaling has them."""
    type_ = own.path[-1]
    stated = evidence.declared.attribute(type_)
    if stated is not None:
        in_json = stated[0].json
        return Nowhere(f"{type_} blocks are not added in JSON" if in_json else f"its {type_} blocks are computed")
    parents = _parents(evidence, ".".join(own.path))
    if not parents:
        return Nowhere(f"{own.path[0]} is not written as a block")
    layer = parents[0].layers[0]
    propagate: tuple[tuple[str, str | bool], ...] = ((PROPAGATE, True),) if evidence.type.startswith("aws_") else ()

    def operations(key: str, value: str) -> tuple[Operation, ...]:
        return (AddBlock(layer.body, type_, (("key", key), ("value", value), *propagate)),)

    return iter((Spot(layer.file, evidence.module, (layer.file.name, type_, layer.body.start), operations),))


def _propagation(evidence: Evidence, type_: str, key: str) -> Nowhere:
    """Why a tag that a group has and keeps from its instances stays so: somebody said that it should."""
    child = _tag_block(evidence, type_, key)
    found = find(child.layers, PROPAGATE) if child is not None else None
    if found is None:
        return Nowhere(f"no {type_} block of its own sets {PROPAGATE} for it")
    file, attribute = found
    return Nowhere(f"{file.name}:{file.line(attribute.start)} sets {PROPAGATE}, and somebody decided that")


def _parents(evidence: Evidence, path: str) -> list[Body]:
    """The bodies that hold the attribute of a surface."""
    level = [evidence.body]
    for name, label in surface_parts(path)[:-1]:
        deeper: list[Body] = []
        for body in level:
            children = [child for child in body.children(name)[0] if isinstance(child, Body)]
            if label is not None:
                children = [child for index, child in enumerate(children) if _is_called(child, index, label)]
            deeper += children
        level = deeper
    return level


def _is_called(child: Body, index: int, label: str) -> bool:
    names = ("resource_type", "location", "name", "device_name", "step_id", "rule_name")
    return label == str(index) or any(child.value(name) == label for name in names)


def _tag_block(evidence: Evidence, type_: str, key: str) -> Body | None:
    children = (child for child in evidence.body.children(type_)[0] if isinstance(child, Body))
    return next((child for child in children if child.value("key") == key), None)


def _sources(trace: Trace, depth: int = 0, *, plain: bool = True) -> Iterator[Spot]:
    """The maps that this one is made from and that stand under a name, the innermost first."""
    if depth > _LONGEST:
        return
    match trace.node:
        case Parentheses(inner=inner):
            yield from _sources(msgspec.structs.replace(trace, node=inner), depth + 1, plain=plain)
        case Call(name="merge" | "tomap" | "core::merge" | "core::tomap", arguments=arguments, expand=False):
            for argument in arguments:
                yield from _sources(msgspec.structs.replace(trace, node=argument), depth + 1, plain=False)
        case _:
            behind = _behind(trace)
            if isinstance(behind, Trace):
                yield from _sources(behind, depth + 1, plain=plain)
                yield _put(behind, shared=True, plain=plain)
            elif behind is not None:
                yield msgspec.structs.replace(behind, plain=plain)


def _behind(trace: Trace) -> Trace | Spot | None:
    """What a name stands for: an expression elsewhere, or an argument that a call doesn't give yet."""
    module = trace.module
    match trace.node:
        case GetAttr(of=Name(name="local"), name=name):
            found = module.module.locals.get(name)
            return None if found is None else Trace(found[0], found[1].value, module, ONE, {})
        case GetAttr(of=Name(name="var"), name=name):
            return _argument(module, name)
        case GetAttr(of=GetAttr(of=Name(name="module"), name=call), name=output):
            return _output(module, call, output)
        case GetAttr(of=Index(of=GetAttr(of=Name(name="module"), name=call)), name=output):
            return _output(module, call, output)
    return None


def _argument(module: ModuleInstance, name: str) -> Trace | Spot | None:
    """What the caller gives for a variable. Those of a root come from outside, and a default is for everybody."""
    declared = module.module.variables.get(name)
    if declared is None or module.parent is None or module.call is None:
        return None
    given = module.call.attribute(name)
    if given is not None:
        return Trace(given[0], given[1].value, module.parent, module.each, {})
    default = declared.expression("default")
    if isinstance(default, Object) or (isinstance(default, Literal) and default.value is None):
        layer = module.call.layers[0]
        return msgspec.structs.replace(_into(layer.file, module.parent, layer.body, (name,)), shared=True)
    return None


def _output(module: ModuleInstance, call: str, output: str) -> Trace | None:
    if call not in module.module.calls:
        return None
    children = module.children(call).instances
    declared = children[0].module.outputs.get(output) if children else None
    found = declared.attribute("value") if declared is not None else None
    return None if found is None else Trace(found[0], found[1].value, children[0], ONE, {})


def _put(trace: Trace, *, shared: bool, plain: bool = False) -> Spot:
    node = trace.node
    assert not isinstance(node, ObjectItem)  # noqa: S101 - these traces lead to maps

    def operations(key: str, value: str) -> tuple[Operation, ...]:
        there = [item for item in _items(node) if isinstance(item.key, Literal) and item.key.value == key]
        if not there:
            return (Put(node, ((key, value),)),)
        # A null stands for a tag that isn't there; what may be null is somebody's to give, and not to be hidden.
        entry = there[-1].value
        if isinstance(entry, Literal) and entry.value is None:
            return (Set(entry, value),)
        raise EditError(f"{key} is set to null at {trace.file.name}:{trace.file.line(entry.start)}")

    return Spot(trace.file, trace.module, (trace.file.name, "map", node.start), operations, shared, plain)


def _items(node: Expression) -> Iterator[ObjectItem]:
    """The entries of the object literals in a map."""
    match node:
        case Object(items=items):
            yield from items
        case Parentheses(inner=inner):
            yield from _items(inner)
        case Call(name="merge" | "tomap" | "core::merge" | "core::tomap", arguments=arguments):
            for argument in arguments:
                yield from _items(argument)


def _into(file: File, module: ModuleInstance, body: Node, path: tuple[str, ...]) -> Spot:
    def operations(key: str, value: str) -> tuple[Operation, ...]:
        return (Add(body, path, ((key, value),)),)

    return Spot(file, module, (file.name, ".".join(path), body.start), operations)


# --- who wrote what

Home = tuple[str, int, str]
"""Where a piece of source is, so that an edit elsewhere doesn't change it: the file, the number of the top-level block,
and the argument or the type of the nested block in that."""


def home(file: File, at: int, into: str = "") -> Home:
    """The home of a byte; of the begin of a block's body, that of ``into``, which is to be added there."""
    blocks = sorted(
        (block.start, block.end, block.body)
        for type_ in file.body.block_types()
        for block in file.body.blocks(type_, LABELS.get(type_, 0))
    )
    for number, (start, end, body) in enumerate(blocks):
        if start <= at < end:
            if at == body.start and into:
                return file.name, number, into
            inner = [(one.start, one.end, one.name) for one in body.attributes.values()]
            inner += [(one.start, one.end, type_) for type_ in body.block_types() for one in body.blocks(type_)]
            return file.name, number, next((name for begin, stop, name in inner if begin <= at < stop), "")
    return file.name, -1, ""


def homes(evidence: Evidence, surface: Surface, key: str) -> set[Home]:
    """Where the entry of a key is written, and all that its value goes through."""
    own = evidence.kind.own if evidence.kind is not None else None
    source = surface.tags.tags[key].source
    path = surface.path
    if own is not None and path == f"{own.path[-1]}.{PROPAGATE}":
        path = own.path[-1]
    trace = entry(evidence, own_expression(evidence, path), key, source)
    found: set[Home] = set()
    for _ in range(_LONGEST):
        if trace is None:
            break
        found.add(home(trace.file, trace.node.start))
        node = trace.node.value if isinstance(trace.node, ObjectItem) else trace.node
        behind = _behind(msgspec.structs.replace(trace, node=node))
        trace = behind if isinstance(behind, Trace) else None
    return found


# --- the defaults of a provider

_SINCE = {"aws": (3, 38), "google": (5, 0)}
"""The versions of the providers that brought default tags."""


def provider_defaults(provider: ProviderConfiguration, evidence: Evidence) -> Iterator[Spot]:
    """Where a tag can be given to everything that a root's provider configuration makes."""
    cloud = catalog.cloud_of(provider.source)
    where = provider.where
    if provider.block is None or where is None or where.parent is not None or cloud not in _SINCE:
        return
    if not may_be_since(where.module, provider.key.partition(".")[0], _SINCE[cloud]):
        return
    for spot in _defaults(provider, evidence, where, cloud):
        yield msgspec.structs.replace(spot, shared=True, defaults=True)


def _defaults(provider: ProviderConfiguration, evidence: Evidence, where: ModuleInstance, cloud: str) -> Iterator[Spot]:
    trace = default_expression(evidence)
    if trace is not None:
        yield from _sources(trace)
        yield _put(trace, shared=True)
        return
    assert provider.block is not None  # noqa: S101 - as the caller knows
    layer = provider.block.layers[0]
    if any(block.labels == ("default_tags",) for block in layer.body.blocks("dynamic", 1)):
        return
    path = ("default_labels",) if cloud == "google" else ("default_tags", "tags")
    yield _into(layer.file, where, layer.body, path)


def reaches_absent(provider: ProviderConfiguration) -> str:
    """The address of a module whose files aren't here and that gets a root's provider configuration, so that nobody can
    tell what its defaults would change there; empty where there is none."""
    if provider.where is None:
        return ""
    for module in instances(provider.where):
        for name, call in module.module.calls.items():
            if not module.children(name).present and _gets(module, call, provider):
                return f"{module.address}.module.{name}".lstrip(".")
    return ""


def _gets(module: ModuleInstance, call: Declared, provider: ProviderConfiguration) -> bool:
    """Whether a call passes a provider configuration on, by name or without a word."""
    inside: set[str] = set()
    passed = call.expression("providers")
    if passed is not None and not isinstance(passed, Object):
        return True
    for item in passed.items if passed is not None else ():
        name, alias = _provider_name(item.value)
        if not name or module.provider(name, alias).block is provider.block:
            return True
        inside.add(_provider_name(item.key)[0])
    kind = provider.source.rpartition("/")[2]
    inherited = {kind, *module.module.required, *module.module.providers, *module.passed}
    return any(
        module.provider(name).block is provider.block for name in inherited if "." not in name and name not in inside
    )


def _provider_name(expression: Expression) -> tuple[str, str]:
    match expression:
        case Name(name=name):
            return name, ""
        case GetAttr(of=Name(name=name), name=alias):
            return name, alias
        case Literal(value=str(text)):
            name, _, alias = text.partition(".")
            return name, alias
    return "", ""


def may_be_since(module: Module, provider: str, version: tuple[int, int]) -> bool:
    """Whether the versions that a module asks for leave room for a provider that is at least this new."""
    return not any(
        _below(constraint.strip(), version)
        for constraints in _constraints(module, provider)
        for constraint in constraints.split(",")
    )


def _constraints(module: Module, provider: str) -> Iterator[str]:
    """What is said of the provider's version in ``required_providers``."""
    for file in module.files:
        for block in file.body.blocks("terraform"):
            for wanted in block.body.blocks("required_providers"):
                stated = wanted.body.attributes.get(provider)
                if stated is None:
                    continue
                value = stated.value
                for item in value.items if isinstance(value, Object) else ():
                    if isinstance(item.key, Literal) and item.key.value == "version":
                        value = item.value
                if isinstance(value, Literal) and isinstance(value.value, str):
                    yield value.value


_CONSTRAINT = re.compile(r"(=|<=|<|~>|)\s*v?([0-9]+(?:\.[0-9]+)*)")


def _below(constraint: str, version: tuple[int, int]) -> bool:
    """Whether all that one part of a constraint (``~> 4.1``) allows is older."""
    found = _CONSTRAINT.match(constraint)
    if found is None:
        return False
    numbers = tuple(map(int, found[2].split(".")))
    match found[1]:
        case "<":
            return (*numbers, 0, 0)[:3] <= (*version, 0)
        case "~>":
            # Its last number may rise, and nothing before it.
            return numbers[:-1] < version[: len(numbers) - 1]
        case _:
            return (*numbers, 0)[:2] < version


# --- tags that are there and wrong


def renaming(evidence: Evidence, surface: Surface, found: str, value: str | None) -> Iterator[Spot] | Nowhere:
    """Where a tag that is there under a wrong key can get its own; and ``value`` where what it has is wrong, too."""
    own = evidence.kind.own if evidence.kind is not None else None
    if own is not None and own.shape == "blocks" and not surface.created:
        child = _tag_block(evidence, own.path[-1], found)
        stated = find(child.layers, "key") if child is not None else None
        if stated is None:
            return Nowhere(f"the key of its {own.path[-1]} block is computed")
        if value is None:
            return iter((_set(stated[0], evidence.module, stated[1].value, lambda key, _: key),))
        beside = find(child.layers, "value") if child is not None else None
        if beside is None or beside[0] is not stated[0] or not isinstance(beside[1].value, Literal):
            return Nowhere(f"the value of {found} is not allowed either, and computed")
        key_at, value_at = stated[1].value, beside[1].value

        def both(key: str, _value: str) -> tuple[Operation, ...]:
            return (Set(key_at, key), Set(value_at, value))

        return iter((Spot(stated[0], evidence.module, (stated[0].name, "value", key_at.start), both, shared=True),))
    trace = entry(evidence, own_expression(evidence, surface.path), found, surface.tags.tags[found].source)
    if trace is None or not isinstance(trace.node, ObjectItem):
        return Nowhere(f"{found} is computed{_at(trace)}")
    item = trace.node
    if value is not None and not isinstance(item.value, Literal):
        return Nowhere(f"the value of {found} is not allowed either, and computed")

    def operations(key: str, _value: str) -> tuple[Operation, ...]:
        return (Rename(item, key),) if value is None else (Rename(item, key), Set(item.value, value))

    where = (trace.file.name, "key", item.start)
    defaults = surface.tags.tags[found].source != THE_RESOURCE
    return iter((Spot(trace.file, trace.module, where, operations, shared=True, defaults=defaults),))


def settings(evidence: Evidence, surface: Surface, key: str) -> Iterator[Spot] | Nowhere:
    """Where the value of a tag is written, as a literal."""
    trace = entry(evidence, own_expression(evidence, surface.path), key, surface.tags.tags[key].source)
    if trace is None:
        return Nowhere(f"{key} is computed")
    value = trace.node.value if isinstance(trace.node, ObjectItem) else trace.node
    current: Trace | None = msgspec.structs.replace(trace, node=value)
    shared = False
    for _ in range(_LONGEST):
        if current is None or isinstance(current.node, ObjectItem):
            break
        if isinstance(current.node, Literal):
            spot = _set(current.file, current.module, current.node, lambda _, value: value, shared=shared)
            defaults = surface.tags.tags[key].source != THE_RESOURCE
            return iter((msgspec.structs.replace(spot, shared=shared or defaults, defaults=defaults),))
        behind = _behind(current)
        current = behind if isinstance(behind, Trace) else None
        shared = True
    return Nowhere(f"the value of {key} is computed{_at(trace)}")


def _set(
    file: File, module: ModuleInstance, value: Expression, to: Callable[[str, str], str | bool], *, shared: bool = True
) -> Spot:
    def operations(key: str, text: str) -> tuple[Operation, ...]:
        return (Set(value, to(key, text)),)

    return Spot(file, module, (file.name, "value", value.start), operations, shared)


def _at(trace: Trace | None) -> str:
    return "" if trace is None else f" at {trace.location.file}:{trace.location.line}"
