"""What the instances of an Auto Scaling group will carry: propagated tags, and those of its launch templates."""

from collections.abc import Iterator

import msgspec

from costguard import catalog
from costguard.iac.launched import common
from costguard.iac.plan.configuration import Source, references
from costguard.iac.plan.evidence import Evidence
from costguard.iac.plan.format import Plan, ResourceChange, decode_change
from costguard.iac.plan.surfaces import THE_RESOURCE, Setting, created_surfaces
from costguard.model.resource import Surface, Tag, TagSet, without_indexes

_TEMPLATE = "aws_launch_template"
_NOT_HERE = "its launch template is not in this plan, and may add tags"
_NOT_SURE = "which launch template it uses can't be told from the plan, and it may add tags"


class LaunchTemplates:
    """The launch templates of a plan, and which of them a group uses."""

    def __init__(self, plan: Plan, source: Source, secrets: tuple[str, ...], name: str) -> None:
        self._plan = plan
        self._source = source
        self._secrets = secrets
        self._name = name
        self._by_address: dict[str, ResourceChange] | None = None

    def propagated(self, planned: ResourceChange, evidence: Evidence, own: catalog.Surface) -> Surface | None:
        """The surface ``tag.propagate_at_launch`` of a group whose own tags are ``own``."""
        attribute = own.path[-1]
        blocks = evidence.blocks(attribute, only="propagate_at_launch")
        if blocks is None:
            return None
        tags = {name: Tag(value, THE_RESOURCE) for name, value in blocks.values.items()}
        launched = self._launched(planned)
        return Surface(
            path=f"{attribute}.propagate_at_launch",
            tags=TagSet({**launched.tags, **tags}, blocks.open or launched.open, launched.hidden),
            created=True,
            authored=bool(evidence.after.get(attribute)) or evidence.is_unknown(attribute),
            derived_from=attribute,
        )

    def _launched(self, planned: ResourceChange) -> TagSet:
        """What the launch templates of a group give to its instances."""
        templates: list[TagSet] = []
        block = self._source.block(planned)
        if block is None:
            return TagSet({}, _NOT_SURE)
        for attribute in ("launch_template", "mixed_instances_policy"):
            if attribute in block.expressions:
                names = list(references(msgspec.json.decode(block.expressions[attribute])))
                if not names:
                    return TagSet({}, _NOT_HERE)
                found = [self._template(address) for address in self._addresses(planned.module_address, names)]
                if not found or any(template is None for template in found):
                    return TagSet({}, _NOT_SURE)
                templates += [template for template in found if template is not None]
        return common(templates)

    def _addresses(self, module: str, names: list[str]) -> Iterator[str]:
        """The addresses that the references name; one that names nothing in the plan where it can't be told.

        Terraform lists a reference with all that it begins with: ``aws_launch_template.t["a"].id``, then ``…t["a"]``,
        then ``…t``. Only the longest says which instance is meant.
        """
        prefix = f"{module}." if module else ""
        indexed = {without_indexes(name) for name in names if _instance(name) != without_indexes(_instance(name))}
        for name in dict.fromkeys(map(_instance, names)):
            if not name.startswith(f"{_TEMPLATE}."):
                if name.startswith("module.") and name.count(".") >= 2:
                    _, call, output = name.split(".")[:3]
                    inner = self._source.output_references(without_indexes(module), call, output)
                    yield from self._addresses(f"{prefix}module.{call}", inner) if inner else iter(("?",))
                elif not name.startswith("module."):
                    yield "?"
            elif name != without_indexes(name) or not any(_instance(other) == name for other in indexed):
                yield prefix + name

    def _template(self, address: str) -> TagSet | None:
        """The tags that a template gives to instances; None where there is no such template in the plan."""
        if self._by_address is None:
            self._by_address = {
                planned.address: planned
                for planned in self._plan.resource_changes or ()
                if planned.type == _TEMPLATE and not planned.deposed
            }
        kind = catalog.lookup(_TEMPLATE)
        planned = self._by_address.get(address)
        if planned is None or kind is None:
            return None
        change = decode_change(planned, self._name, planned.address)
        if change.after is None:
            return None
        evidence = Evidence.of(change, f"{self._name}: {planned.address}", self._secrets)
        for surface in (s for declared in kind.created for s in created_surfaces(declared, evidence, Setting())):
            if surface.path == "tag_specifications[instance].tags":
                source = f"launch template {address}"
                tags = {name: Tag(tag.value, source) for name, tag in surface.tags.tags.items()}
                return TagSet(tags, surface.tags.open)
            if surface.path.startswith("tag_specifications."):
                return TagSet({}, "the tag_specifications of its launch template are not known")
        return TagSet({})


def _instance(name: str) -> str:
    """The part of a reference that names a resource: ``aws_instance.t["a"]`` of ``aws_instance.t["a"].id``.

    A reference to an output of a module keeps three parts.
    """
    parts = 3 if name.startswith("module.") else 2
    depth, dots = 0, 0
    quoted = False
    for index, char in enumerate(name):
        if char == '"':
            quoted = not quoted
        elif not quoted and char in "[]":
            depth += 1 if char == "[" else -1
        elif char == "." and not quoted and depth == 0:
            dots += 1
            if dots == parts:
                return name[:index]
    return name
