"""What a configuration amounts to, so that two of them can be compared: its tags, and everything else.

An edit of tags may change the tags that were planned and nothing more: no instance comes or goes, no name, no selector
and no argument of a data source moves with them, and nothing that reads the same values for a condition or an output.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from costguard import catalog
from costguard.fix.readers import Plain, Readers, plain
from costguard.iac.hcl.values import unknowns
from costguard.iac.source import Configuration
from costguard.iac.source.configuration import instances
from costguard.iac.source.instance import ModuleInstance
from costguard.iac.source.module import Declared
from costguard.iac.source.tagset import Body, Item

_META = frozenset(("depends_on", "provider", "providers"))
_META_BLOCKS = frozenset(("lifecycle", "provisioner", "connection"))
_DEEPEST = 40


def everything_else(configuration: Configuration) -> dict[tuple[str, ...], Plain]:
    """All that is not the tags of a resource: (address, argument…) → its value."""
    readers = Readers(configuration)
    found: dict[tuple[str, ...], Plain] = dict(readers.all())
    collect = partial(_collect, found, readers)
    for module in instances(configuration.root):
        prefix = f"{module.address}." if module.address else ""
        for (type_name, name), declared in module.module.resources.items():
            judged = catalog.cloud_of(module.resource_provider(type_name, declared).source) is not None
            tags = _tag_paths(type_name) if judged else frozenset()
            for each in module.instances(type_name, name, declared):
                address = f"{prefix}{type_name}.{name}{each.index}"
                collect(declared, (address,), Body(declared.layers, module.in_block(each)), tags, 0)
        for (type_name, name), declared in module.module.data.items():
            for each in module.instances(f"data.{type_name}", name, declared):
                address = f"{prefix}data.{type_name}.{name}{each.index}"
                collect(declared, (address,), Body(declared.layers, module.in_block(each)), frozenset(), 0)
        for name, declared in module.module.calls.items():
            if module.children(name).present:
                continue  # What its arguments lead to is compared where it leads.
            for each in module.instances("module", name, declared):
                body = Body(declared.layers, module.in_block(each))
                collect(declared, (f"{prefix}module.{name}{each.index}",), body, frozenset(), 0)
        found.update(_broken(module, prefix))
    return found


def _broken(module: ModuleInstance, prefix: str) -> Iterator[tuple[tuple[str, ...], Plain]]:
    """Which locals and outputs Terraform could not evaluate: an entry that they ask for may have another name now."""
    for kind, names in (("local", module.module.locals), ("output", module.module.outputs)):
        for name in names:
            value = module.local(name) if kind == "local" else module.output(name)
            errors = tuple(one.reason for one in unknowns(value) if "can't be evaluated" in one.reason)
            if errors:
                yield (f"{prefix}{kind}.{name}",), errors


def _tag_paths(type_name: str) -> frozenset[tuple[str, ...]]:
    kind = catalog.lookup(type_name)
    if kind is None:
        return frozenset((("tags",), ("labels",)))
    surfaces = (*((kind.own,) if kind.own is not None else ()), *kind.created)
    return frozenset(surface.path for surface in surfaces)


def _collect(
    found: dict[tuple[str, ...], Plain],
    readers: Readers,
    declared: Declared,
    where: tuple[str, ...],
    body: Body | Item,
    tags: frozenset[tuple[str, ...]],
    depth: int,
) -> None:
    if isinstance(body, Item) or depth > _DEEPEST:
        return  # An object that stands for a block is the value of an argument, and compared as that.
    names = {name for layer in body.layers for name in layer.body.attributes}
    for name in sorted(names - (_META if depth == 0 else frozenset())):
        if not any(path[0] == name for path in tags):
            found[*where, name] = plain(body.value(name))
            # What a module that isn't here gets as tags may grow, as all tags do.
            if declared.block.type != "module" or not is_for_tags(name):
                found.update(readers.more(where, name, body, declared))
    types = {type_ for layer in body.layers for type_ in layer.body.block_types()} - {"dynamic"}
    types |= {
        block.labels[0] for layer in body.layers for block in layer.body.blocks("dynamic", 1) if len(block.labels) == 1
    }
    for type_ in sorted(types - (_META_BLOCKS if depth == 0 else frozenset())):
        if (type_,) in tags:
            continue
        children, unknown = body.children(type_)
        inner = frozenset(path[1:] for path in tags if path[0] == type_)
        if not inner:  # A block that holds tags may have been written for their sake alone.
            found[*where, type_] = (len(children), unknown)
        for index, child in enumerate(children):
            _collect(found, readers, declared, (*where, f"{type_}[{index}]"), child, inner, depth + 1)


def is_for_tags(argument: str) -> bool:
    """Whether an argument of a module is called as those are that take tags."""
    return "tag" in argument or "label" in argument


def gained(before: Plain, after: Plain) -> Mapping[str, Plain] | None:
    """What entries a map has more than before, None where anything else is different, too."""
    if not (before and after and before[0] == after[0]):
        return None
    if before[0] == "part":
        return gained(before[1], after[1]) if before[2:] == after[2:] else None
    if before[0] != "map":
        return None
    old, new = dict(before[1:]), dict(after[1:])
    if any(new.get(key) != value for key, value in old.items()):
        return None
    return {key: value for key, value in new.items() if key not in old}
