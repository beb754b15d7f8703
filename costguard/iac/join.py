"""A plan and the source that it was made from, read together.

The plan knows values, the source knows places, and keys where one unknown value hides a whole map in the plan. Where
the two disagree anywhere on what both show, the source is another one than the plan's, and only its places are used.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from costguard import catalog
from costguard.iac.hcl.values import from_data
from costguard.iac.origin import difference
from costguard.iac.plan.format import Configuration as Planned
from costguard.iac.source import Configuration, Judged, Settings, read_configuration
from costguard.iac.source.defaults import label_of
from costguard.iac.source.evidence import provider_defaults
from costguard.iac.source.instance import AFTER_APPLY, ProviderConfiguration
from costguard.iac.source.places import Place, holds_on_to
from costguard.iac.source.places import place as place_of
from costguard.iac.source.suppressions import apply, names_of, remarks, suppressions_in
from costguard.iac.source.tagset import THE_RESOURCE
from costguard.model.finding import Finding, Report
from costguard.model.resource import (
    Inventory,
    Known,
    Location,
    Resource,
    Surface,
    Tag,
    TagSet,
    Unknown,
    without_indexes,
)
from costguard.policy import Policy


def read_source(folder: Path, stated: Mapping[str, Any]) -> Configuration:
    """The source of a plan, with the variables that the plan was made with."""
    return read_configuration(folder, Settings(planned={name: from_data(value) for name, value in stated.items()}))


class Joined:
    """A plan's inventory with what its source adds: places, and what the source proves. ``planned`` is the plan's own
    ``configuration``, where it has one."""

    def __init__(self, plan: Inventory, planned: Planned | None, source: Configuration) -> None:
        self._source = source
        self._sources = _Sources(source)
        self._planned = {resource.address: resource for resource in plan.resources}
        self.inventory = self._joined(plan, planned)

    def _joined(self, plan: Inventory, planned: Planned | None) -> Inventory:
        pairs = [(resource, self._sources.of(resource.address)) for resource in plan.resources]
        foreign = self._foreign(pairs, planned)
        resources: list[Resource] = []
        for resource, judged in pairs:
            if judged is None:
                where = self._sources.call(resource.module)
                resources.append(resource if where is None else msgspec.structs.replace(resource, location=where))
                continue
            surfaces = resource.surfaces if foreign else tuple(_completed(resource, judged))
            resources.append(msgspec.structs.replace(resource, surfaces=surfaces, location=judged.resource.location))
        notes = [*plan.notes]
        if foreign:
            notes.append(
                f"the source in {self._source.root.module.folder} isn't what the plan was made from: {foreign} "
                "differs; only its lines are used"
            )
        else:
            notes += _failing(plan, self._sources)
        return msgspec.structs.replace(plan, resources=tuple(resources), notes=tuple(notes))

    def _foreign(self, pairs: list[tuple[Resource, Judged | None]], planned: Planned | None) -> str:
        """The first thing in which the source can't be what the plan was made from; empty where nothing says so.

        Only asked where the plan leaves anything open: nothing else is taken from the source.
        """
        if not any(_leaves_open(surface.tags) for resource, _ in pairs for surface in resource.surfaces):
            return ""
        for resource, judged in pairs:
            if judged is not None and judged.resource.type != "module":
                for surface in resource.surfaces:
                    other = counterpart(surface, resource, judged)
                    if other is not None and _contradicts(surface.tags, other.tags, resource.touched):
                        return f"{surface.path} of {resource.address}"
        return "" if planned is None else difference(planned, self._source)

    def placed(self, report: Report, policy: Policy, today: date) -> Report:
        """The report with each finding at the place where it is mended, and without what a comment there accepts."""
        places: dict[str, Place] = {}
        findings: list[Finding] = []
        for finding in report.findings:
            place = self._place(finding)
            if place is not None:
                places[finding.resource.address + finding.fingerprint] = place
                finding = msgspec.structs.replace(finding, location=place.location, chain=place.chain)
            findings.append(finding)
        report = msgspec.structs.replace(report, findings=tuple(findings))

        def hangs_on(finding: Finding) -> Iterator[Location]:
            judged = self._sources.of(finding.resource.address)
            place = places.get(finding.resource.address + finding.fingerprint)
            if judged is not None and place is not None:
                yield from holds_on_to(judged.evidence, place)
            elif finding.location is not None:
                yield finding.location

        found = list(suppressions_in(self._source))
        report, used = apply(report, hangs_on, found, today)
        said = tuple(remarks(found, used, names_of(policy), today))
        return msgspec.structs.replace(report, notes=(*report.notes, *said)) if said else report

    def _place(self, finding: Finding) -> Place | None:
        judged = self._sources.of(finding.resource.address)
        resource = self._planned.get(finding.resource.address)
        if judged is None or resource is None:
            return None
        surface = next((one for one in resource.surfaces if one.path == finding.surface), None)
        other = None if surface is None else counterpart(surface, resource, judged)
        return None if other is None else place_of(judged.evidence, other, finding)


class _Sources:
    """The resources of a configuration by the addresses of a plan."""

    def __init__(self, source: Configuration) -> None:
        self._source = source
        self._by_block: dict[str, list[Judged]] = {}
        for judged in source.judged:
            self._by_block.setdefault(without_indexes(judged.resource.address), []).append(judged)

    def of(self, address: str) -> Judged | None:
        """The one that an instance comes from. Where the source can't tell instances apart, the one for all of them."""
        found = self._source.find(address)
        if found is not None:
            return found
        block = self._by_block.get(without_indexes(address), [])
        # One that stands for any: its own index or one of its module's isn't known.
        return block[0] if len(block) == 1 and block[0].resource.basis else None

    def call(self, module: str) -> Location | None:
        """The call of the outermost module that isn't here, for what is inside it."""
        parts = module.split(".module.")
        for length in range(1, len(parts) + 1):
            found = self.of(".module.".join(parts[:length]))
            if found is not None and found.resource.type == "module":
                return found.resource.location
        return None


def counterpart(surface: Surface, resource: Resource, judged: Judged) -> Surface | None:
    """The surface of the source that a surface of the plan is. Blocks that are only numbered may lie in another order
    in a plan (it sorts sets): among several, the one whose tags are the same, if it is the only one."""
    group = _numbered(surface.path)
    if group is None:
        return next((one for one in judged.resource.surfaces if one.path == surface.path), None)
    here = [one for one in resource.surfaces if _numbered(one.path) == group]
    there = [one for one in judged.resource.surfaces if _numbered(one.path) == group]
    if len(here) != len(there):
        return None
    if len(there) > 1:
        there = [one for one in there if _shows(one.tags) == _shows(surface.tags)]
    return there[0] if len(there) == 1 else None


def _numbered(path: str) -> str | None:
    """The path without the numbers of its blocks; None where it has none."""
    plain = re.sub(r"\[[0-9]+\]", "[]", path)
    return plain if plain != path else None


def _shows(tags: TagSet) -> dict[str, str]:
    return {key: tag.value.text for key, tag in tags.tags.items() if isinstance(tag.value, Known)}


def _leaves_open(tags: TagSet) -> bool:
    return bool(tags.open or tags.hidden or any(isinstance(tag.value, Unknown) for tag in tags.tags.values()))


def _contradicts(plan: TagSet, source: TagSet, touched: bool) -> bool:
    """Whether what both show is not the same. What is left alone may show tags from before."""
    for key, tag in plan.tags.items():
        stated = source.tags.get(key)
        if not isinstance(tag.value, Known) or (tag.source != THE_RESOURCE and not touched):
            continue
        if stated is None:
            # What a provider adds may come from its environment, and from the cloud itself.
            if tag.source == THE_RESOURCE and not source.doubt(key):
                return True
        elif isinstance(stated.value, Known) and tag.value.text != stated.value.text:
            return True
    return any(
        touched and stated.source == THE_RESOURCE and key not in plan.tags and not plan.doubt(key)
        for key, stated in source.tags.items()
    )


def _completed(resource: Resource, judged: Judged) -> Iterator[Surface]:
    """The surfaces with what the source adds."""
    for surface in resource.surfaces:
        other = counterpart(surface, resource, judged)
        if other is None:
            yield surface
            continue
        tags = _proven(surface.tags, other.tags) if _leaves_open(surface.tags) else surface.tags
        authored = surface.authored or (surface.created and other.authored)
        yield msgspec.structs.replace(surface, tags=tags, authored=authored)


def _proven(plan: TagSet, source: TagSet) -> TagSet:
    """What the plan shows, and what the source proves of the rest."""
    tags: dict[str, Tag] = dict(plan.tags)
    for key, stated in source.tags.items():
        there = tags.get(key)
        if there is None or (isinstance(there.value, Unknown) and isinstance(stated.value, Known)):
            tags[key] = stated
    hidden = {
        key: reason for key, reason in plan.hidden if key not in tags and (key.endswith("*") or source.doubt(key))
    }
    open_ = plan.open if source.open else ""
    if plan.open and not source.open:
        hidden |= {key: reason for key, reason in source.hidden if key not in tags}
    return TagSet(tags, open_, tuple(hidden.items()))


def _failing(plan: Inventory, sources: _Sources) -> Iterator[str]:
    """Default tags that are known only after apply: the AWS provider then ends with "inconsistent final plan"."""
    late: dict[str, tuple[ProviderConfiguration, set[str]]] = {}
    for resource in plan.resources:
        judged = sources.of(resource.address) if resource.touched and resource.cloud == "aws" else None
        if judged is None or judged.resource.type == "module":
            continue
        kind = catalog.lookup(resource.type)
        provider = judged.evidence.provider
        if kind is None or kind.own is None or not kind.own.inherits or provider.block is None:
            continue
        if provider.key not in late:
            defaults = provider_defaults(judged.evidence.module, provider)
            unknown = {
                key
                for key, tag in defaults.tags.items()
                if isinstance(tag.value, Unknown) and tag.value.reason.endswith(AFTER_APPLY)
            }
            late[provider.key] = (provider, unknown)
        # What a default refers to may exist already; then the plan shows it.
        own = next((one for one in resource.surfaces if one.path == ".".join(kind.own.path)), None)
        for key, tag in () if own is None else own.tags.tags.items():
            if isinstance(tag.value, Known) and tag.source != THE_RESOURCE:
                late[provider.key][1].discard(key)
    for provider, keys in late.values():
        if keys and provider.block is not None:
            where = provider.block.location
            yield (
                f"{where.file}:{where.line}: {label_of(provider)}: {', '.join(sorted(keys))} is {AFTER_APPLY}, and the "
                'apply will fail ("Provider produced inconsistent final plan"): give it a value that is known while '
                "planning"
            )
