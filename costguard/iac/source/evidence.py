"""The surfaces of one resource in the source: where it carries tags, and what is known of them there."""

from collections.abc import Iterator

import msgspec

from costguard import catalog
from costguard.iac.hcl.evaluate import Exhausted
from costguard.iac.hcl.values import Unknown, Value, unmark
from costguard.iac.launched import common
from costguard.iac.source.defaults import as_value, defaults_of
from costguard.iac.source.instance import (
    TOO_LONG,
    Each,
    ModuleInstance,
    NotTags,
    Promised,
    ProviderConfiguration,
)
from costguard.iac.source.lifecycle import KEPT, Kept, kept
from costguard.iac.source.module import Declared, find
from costguard.iac.source.tagset import (
    THE_RESOURCE,
    Body,
    Item,
    Written,
    as_written,
    from_blocks,
    overlay,
)
from costguard.model.resource import Surface, Tag, TagSet
from costguard.model.resource import Unknown as NotKnown

_TEMPLATE = "aws_launch_template"
_NOT_SURE = "which launch template it uses can't be told from the source, and it may add tags"
_NOT_HERE = "its launch template is not in this configuration, and may add tags"


class Evidence(msgspec.Struct, frozen=True):
    """One instance of a resource, and all that its tags depend on."""

    module: ModuleInstance
    type: str
    name: str
    declared: Declared
    each: Each
    provider: ProviderConfiguration
    kind: catalog.TaggableType | None

    @property
    def body(self) -> Body:
        return Body(self.declared.layers, self.module.in_block(self.each))

    def surfaces(self) -> Iterator[Surface]:
        """Every surface that the type has; none where it can't be tagged, or its cloud isn't judged."""
        cloud = catalog.cloud_of(self.provider.source)
        if cloud is None:
            return
        ignored = kept(self.declared)
        kind = self.kind
        if kind is None:
            yield from self._uncatalogued(cloud, ignored)
            return
        body = self.body
        if kind.own is not None:
            tags = self._own(kind.own, body)
            path = ".".join(kind.own.path)
            if ignored.whole.intersection(kind.own.effective):
                tags = TagSet({}, KEPT)
            yield Surface(path, ignored.over(kind.own.path[0], tags))
            if kind.own.shape == "blocks":
                yield self._propagated(kind.own, body, ignored)
        for declared in kind.created:
            for surface in self._created(declared, body):
                yield msgspec.structs.replace(surface, tags=ignored.over(declared.path[0], surface.tags))

    def _uncatalogued(self, cloud: str, ignored: Kept) -> Iterator[Surface]:
        """A type that nobody has heard of: what its block writes is there, and the rest isn't decided."""
        name = "labels" if cloud == "google" else "tags"
        reason = f"{self.type} is not in the catalogue, so that it isn't known whether it can be tagged"
        own = as_written(self.body.value(name), THE_RESOURCE, name)
        if find(self.declared.layers, name) is None:
            yield Surface(name, TagSet({}, reason))
            return
        tags = overlay(own, self.defaults())
        yield Surface(name, ignored.over(name, TagSet(tags.tags, tags.open or reason, tags.hidden)))

    def defaults(self) -> TagSet:
        return provider_defaults(self.module, self.provider)

    def _own(self, own: catalog.Surface, body: Body) -> TagSet:
        parents, unknown = _descend([body], own.path[:-1])
        if unknown:
            return TagSet({}, unknown)
        inherited = self._inherited(own, body)
        if not parents:
            return inherited
        attribute = own.path[-1]
        if own.shape == "blocks":
            return from_blocks(parents[0], attribute, THE_RESOURCE)
        return overlay(self._written(parents[0], attribute), inherited)

    def _written(self, parent: Body | Item, attribute: str) -> Written:
        keeps_null = self.kind is not None and self.kind.keeps_null
        return as_written(parent.value(attribute), THE_RESOURCE, attribute, keeps_null=keeps_null)

    def _inherited(self, surface: catalog.Surface, body: Body) -> TagSet:
        if not surface.inherits:
            return TagSet({})
        overriding, unknown = body.children("override_provider") if self.type.startswith("aws_s3_object") else ([], "")
        if unknown:
            return TagSet({}, unknown)
        if overriding:
            blocks, why = overriding[0].children("default_tags")
            if why:
                return TagSet({}, why)
            if blocks:
                return as_written(blocks[0].value("tags"), "override_provider", "default_tags").tags
        return self.defaults()

    def _created(self, surface: catalog.Surface, body: Body) -> Iterator[Surface]:
        """One surface for each block that carries tags of something that the resource will create."""
        level: list[tuple[str, Body | Item]] = [("", body)]
        for position, attribute in enumerate(surface.path[:-1]):
            last = position == len(surface.path) - 2
            deeper: list[tuple[str, Body | Item]] = []
            for prefix, parent in level:
                children, unknown = parent.children(attribute)
                if unknown:
                    path = f"{prefix}{'.'.join(surface.path[position:])}"
                    yield Surface(path, TagSet({}, unknown), created=True, authored=False)
                used: set[str] = set()
                for index, child in enumerate(children):
                    name = unmark(child.value(surface.label))[0] if last and surface.label else None
                    label = name if isinstance(name, str) and name not in used else str(index)
                    used.add(label)
                    deeper.append((f"{prefix}{attribute}[{label}].", child))
            level = deeper
        attribute = surface.path[-1]
        for prefix, parent in level:
            written = parent.writes(attribute)
            if surface.shape == "blocks":
                children, unknown = parent.children(attribute)
                tags = from_blocks(parent, attribute, THE_RESOURCE)
                written = bool(children or unknown)
            else:
                tags = overlay(self._written(parent, attribute), self._inherited(surface, body))
            yield Surface(f"{prefix}{attribute}", tags, created=True, authored=written)

    def _propagated(self, own: catalog.Surface, body: Body, ignored: Kept) -> Surface:
        """What the instances of an Auto Scaling group get: its propagated tags over those of its launch template."""
        attribute = own.path[-1]
        children, unknown = body.children(attribute)
        mine = from_blocks(body, attribute, THE_RESOURCE, only="propagate_at_launch")
        launched = self._launched(body)
        return Surface(
            path=f"{attribute}.propagate_at_launch",
            tags=ignored.over(
                attribute,
                _over(mine, launched),
            ),
            created=True,
            authored=bool(children or unknown),
            derived_from=attribute,
        )

    def _launched(self, body: Body) -> TagSet:
        parents, unknown = body.children("launch_template")
        mixed, why = body.children("mixed_instances_policy")
        unknown = unknown or why
        for block in mixed:
            templates, why = block.children("launch_template")
            unknown = unknown or why
            for template in templates:
                specifications, why = template.children("launch_template_specification")
                unknown = unknown or why
                parents += specifications
                overrides, why = template.children("override")
                unknown = unknown or why
                for override in overrides:
                    specifications, why = override.children("launch_template_specification")
                    unknown = unknown or why
                    parents += specifications
        if unknown:
            return TagSet({}, _NOT_SURE)
        return common([self._template(parent) for parent in parents])

    def _template(self, specification: Body | Item) -> TagSet:
        for attribute in ("id", "launch_template_id", "name", "launch_template_name"):
            value, _ = unmark(specification.value(attribute))
            if isinstance(value, Promised) and value.origin is not None:
                module, type_name, name, each = value.origin
                if type_name != _TEMPLATE:
                    return TagSet({}, _NOT_SURE)
                return _of_template(module, name, each)
            if value is not None:
                return TagSet({}, _NOT_SURE if isinstance(value, Unknown) else _NOT_HERE)
        return TagSet({}, _NOT_HERE)


def _over(mine: TagSet, launched: TagSet) -> TagSet:
    """The tags that a group propagates over those of its launch template."""
    tags = dict(launched.tags)
    if mine.open:  # It may propagate any key, and with any value.
        tags = {key: Tag(NotKnown(mine.open), tag.source) for key, tag in tags.items()}
    return TagSet({**tags, **mine.tags}, mine.open or launched.open, launched.hidden)


def _descend(level: "list[Body | Item]", path: tuple[str, ...]) -> "tuple[list[Body | Item], str]":
    for attribute in path:
        deeper: list[Body | Item] = []
        for parent in level:
            children, unknown = parent.children(attribute)
            if unknown and not children:
                return [], unknown
            deeper += children
        level = deeper
    return level, ""


def _of_template(module: ModuleInstance, name: str, each: Each) -> TagSet:
    """What a launch template gives to instances."""
    declared = module.module.resources[_TEMPLATE, name]
    body = Body(declared.layers, module.in_block(each))
    specifications, unknown = body.children("tag_specifications")
    if unknown:
        return TagSet({}, "the tag_specifications of its launch template are not known")
    prefix = f"{module.address}." if module.address else ""
    source = f"launch template {prefix}{_TEMPLATE}.{name}{each.index}"
    for specification in specifications:
        if specification.value("resource_type") == "instance":
            return as_written(specification.value("tags"), source, "tags").tags
        if isinstance(specification.value("resource_type"), Unknown):
            return TagSet({}, "the tag_specifications of its launch template are not known")
    return TagSet({})


def provider_defaults(module: ModuleInstance, provider: ProviderConfiguration) -> TagSet:
    """The defaults of a provider configuration, worked out once."""
    cache = module.world.defaults
    key = (provider.key, provider.source, provider.doubt)
    if key not in cache:
        try:
            cache[key] = defaults_of(provider, module.world.environment)
        except (Exhausted, RecursionError):
            cache[key] = TagSet({}, TOO_LONG)
    return cache[key]


def shown_tags(
    module: ModuleInstance, type_name: str, name: str, declared: Declared, each: Each, attribute: str
) -> Value:
    """What ``type.name.tags`` or ``.tags_all`` is in an expression; :data:`NotTags` for other attributes."""
    kind = catalog.lookup(type_name)
    if kind is None or kind.own is None or kind.own.shape != "map" or len(kind.own.path) != 1:
        return NotTags
    own = kind.own.path[0]
    if attribute != own and attribute not in kind.own.effective:
        return NotTags

    def compute() -> Value:
        ignored = kept(declared)
        if ignored.everything or ignored.whole & {own, attribute} or ignored.keys:
            return Unknown(f"{type_name}.{name}.{attribute}: {KEPT}")
        provider = module.resource_provider(type_name, declared)
        evidence = Evidence(module, type_name, name, declared, each, provider, kind)
        if attribute == own:
            written = find(declared.layers, own)
            value, _ = unmark(evidence.body.value(own))
            if written is None or value is None:
                return None
            return as_value(as_written(evidence.body.value(own), THE_RESOURCE, own).tags)
        if provider.block is not None and any(
            True for layer in provider.block.layers for _ in layer.body.blocks("ignore_tags")
        ):
            return Unknown(f"{type_name}.{name}.{attribute} leaves out what ignore_tags names")
        if kind.own is not None and kind.own.effective.index(attribute) > 0:
            return Unknown(f"{type_name}.{name}.{attribute} also has what others put on the resource")
        return as_value(evidence._own(kind.own, evidence.body)) if kind.own is not None else None

    return module.once(f"{type_name}.{name}{each.index}", attribute, compute)
