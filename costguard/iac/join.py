"""A plan and the source that it was made from, read together.

The plan knows values, the source knows places, and keys where one unknown value hides a whole map in the plan. Where
the two disagree on what both show, the source is another one than the plan's, and only its places are used.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from costguard import catalog
from costguard.iac.hcl.values import Value
from costguard.iac.source import Configuration, Judged, Settings, read_configuration
from costguard.iac.source.defaults import label_of
from costguard.iac.source.evidence import provider_defaults
from costguard.iac.source.instance import AFTER_APPLY
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
    return read_configuration(folder, Settings(planned={name: as_value(value) for name, value in stated.items()}))


def as_value(data: Any) -> Value:
    """What the JSON of a plan holds, as a value of the language."""
    match data:
        case dict():
            return {str(key): as_value(value) for key, value in data.items()}
        case list():
            return tuple(map(as_value, data))
        case float():
            return int(data) if data.is_integer() else Decimal(repr(data))
        case None | bool() | int() | str():
            return data
    raise TypeError(type(data))


class Joined:
    """A plan's inventory with what its source adds: places, and what the source proves."""

    def __init__(self, plan: Inventory, source: Configuration) -> None:
        self._source = source
        self._sources = _Sources(source)
        self.inventory = self._joined(plan)

    def _joined(self, plan: Inventory) -> Inventory:
        resources: list[Resource] = []
        strangers: list[str] = []
        for resource in plan.resources:
            judged = self._sources.of(resource.address)
            if judged is None:
                where = self._sources.call(resource.module)
                resources.append(resource if where is None else msgspec.structs.replace(resource, location=where))
                continue
            surfaces = _joined_surfaces(resource, judged)
            if surfaces is None:
                strangers.append(resource.address)
                surfaces = resource.surfaces
            resources.append(msgspec.structs.replace(resource, surfaces=surfaces, location=judged.resource.location))
        notes = [*plan.notes, *_failing(plan, self._sources)]
        if strangers:
            more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
            notes.append(
                f"the source in {self._source.root.module.folder} isn't what the plan was made from: "
                f"the tags of {strangers[0]}{more} differ; only its lines are used for them"
            )
        return msgspec.structs.replace(plan, resources=tuple(resources), notes=tuple(notes))

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
        surfaces = judged.resource.surfaces if judged is not None else ()
        surface = next((one for one in surfaces if one.path == finding.surface), None)
        if judged is None or surface is None:
            return None
        return place_of(judged.evidence, surface, finding.key, finding.found)


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


def _joined_surfaces(resource: Resource, judged: Judged) -> tuple[Surface, ...] | None:
    """The surfaces with what the source adds; None where it contradicts the plan."""
    stated = {surface.path: surface for surface in judged.resource.surfaces}
    found: list[Surface] = []
    for surface in resource.surfaces:
        other = stated.get(surface.path)
        if other is None:
            found.append(surface)
            continue
        tags = surface.tags
        if tags.open or tags.hidden or any(isinstance(tag.value, Unknown) for tag in tags.tags.values()):
            if _contradicts(tags, other.tags):
                return None
            tags = _completed(tags, other.tags)
        found.append(
            msgspec.structs.replace(
                surface, tags=tags, authored=surface.authored or (surface.created and other.authored)
            )
        )
    return tuple(found)


def _contradicts(plan: TagSet, source: TagSet) -> bool:
    for key, tag in plan.tags.items():
        stated = source.tags.get(key)
        if stated is None:
            # What a provider adds may come from its environment, and from the cloud itself.
            if tag.source == THE_RESOURCE and isinstance(tag.value, Known) and not source.doubt(key):
                return True
        elif isinstance(tag.value, Known) and isinstance(stated.value, Known) and tag.value.text != stated.value.text:
            return True
    return False


def _completed(plan: TagSet, source: TagSet) -> TagSet:
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
    seen: set[str] = set()
    for resource in plan.resources:
        judged = sources.of(resource.address) if resource.touched and resource.cloud == "aws" else None
        if judged is None or judged.resource.type == "module":
            continue
        kind = catalog.lookup(resource.type)
        provider = judged.evidence.provider
        if kind is None or kind.own is None or not kind.own.inherits or provider.block is None or provider.key in seen:
            continue
        seen.add(provider.key)
        defaults = provider_defaults(judged.evidence.module, provider)
        late = [
            key
            for key, tag in defaults.tags.items()
            if isinstance(tag.value, Unknown) and tag.value.reason.endswith(AFTER_APPLY)
        ]
        if late:
            where = provider.block.location
            yield (
                f"{where.file}:{where.line}: {label_of(provider)}: {', '.join(late)} is {AFTER_APPLY}, and the apply "
                'will fail ("Provider produced inconsistent final plan"): give it a value that is known while planning'
            )
