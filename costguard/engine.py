"""The engine: a policy, an inventory and a day → a report. Pure; no I/O, no clock, no environment.

DESIGN section 2 is decided in ``costguard.policy.rules``; here it is decided which rules meet which surfaces, what
becomes of their faults (exempted, old debt, level), and that one (resource, surface, tag) has one finding.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from costguard import __version__
from costguard.model.finding import (
    FINDINGS_SCHEMA,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Verdict,
)
from costguard.model.resource import Inventory, Known, Resource, Surface
from costguard.policy import Exemption, Policy
from costguard.policy.rules import Fault, Rule

_UNKNOWN_LEVEL = {"pass": Level.INFO, "warn": Level.WARNING, "fail": Level.ERROR}


def evaluate(policy: Policy, inventory: Inventory, today: date, *, with_resources: bool = False) -> Report:
    """Judges every resource. Findings come sorted by address, surface and tag, so equal input gives equal bytes."""
    judge = _Judge(policy, inventory.checkpoint, today)
    findings: list[Finding] = []
    statuses: dict[Status, int] = dict.fromkeys(Status, 0)
    listed: list[ResourceStatus] = []
    for resource in inventory.resources:
        mine, status = judge.resource(resource)
        findings += mine
        statuses[status] += 1
        if with_resources:
            listed.append(_listed(resource, status))
    findings.sort(key=lambda f: (f.resource.address, f.surface, f.tag or "", f.rule))
    listed.sort(key=lambda r: r.address)
    return Report(
        schema=FINDINGS_SCHEMA,
        tool=Tool(name="costguard", version=__version__),
        checkpoint=inventory.checkpoint,
        complete=not inventory.gaps,
        summary=Summary(
            resources=len(inventory.resources),
            compliant=statuses[Status.COMPLIANT],
            violating=statuses[Status.VIOLATING],
            unknown=statuses[Status.UNKNOWN],
            exempt=statuses[Status.EXEMPT],
            untaggable=statuses[Status.UNTAGGABLE],
            findings=len(findings),
        ),
        findings=tuple(findings),
        resources=tuple(listed) if with_resources else msgspec.UNSET,
        gaps=tuple(sorted(inventory.gaps)),
        notes=(*inventory.notes, *judge.notes()),
    )


class _Judge:
    def __init__(self, policy: Policy, checkpoint: str, today: date) -> None:
        self._policy = policy
        self._checkpoint = checkpoint
        self._today = today
        self._unknown_level = _UNKNOWN_LEVEL[policy.unknown_action(checkpoint)]
        self._by_type: dict[tuple[str, str], tuple[list[Rule], list[Exemption]]] = {}

    def notes(self) -> Iterator[str]:
        """What there is to say of the policy itself: exemptions that no longer hold."""
        for warning in self._policy.warnings:
            yield str(warning)
        for exemption in self._policy.exemptions:
            if exemption.until is not None and exemption.until < self._today:
                yield f"{exemption.origin}: the exemption ({exemption.reason}) ended on {exemption.until} and no longer holds"

    def resource(self, resource: Resource) -> tuple[list[Finding], Status]:
        if not resource.surfaces:
            return [], Status.UNTAGGABLE
        rules, exemptions = self._for_type(resource)
        ref: ResourceRef | None = None
        findings: list[Finding] = []
        exempted = False
        judged = False
        at_fault: set[tuple[str, str | None]] = set()
        for surface in resource.surfaces:
            stated = self._policy.surface_level(surface.path) if surface.created else None
            if stated == "ignore" or (surface.created and stated is None and not surface.authored):
                continue
            judged = True
            for rule, fault in _faults(rules, resource, surface):
                at_fault.add((surface.path, fault.tag))
                if surface.derived_from and (surface.derived_from, fault.tag) in at_fault:
                    continue
                exemption, ended = self._exemption(exemptions, rule, fault, resource, surface)
                if exemption is not None:
                    exempted = True
                    continue
                if ref is None:
                    ref = _ref(resource)
                level = self._level(rule, fault, surface, stated)
                findings.append(self._finding(rule, fault, resource, ref, surface, level, ended))
        if any(finding.verdict is not Verdict.UNKNOWN for finding in findings):
            return findings, Status.VIOLATING
        if findings:
            return findings, Status.UNKNOWN
        if exempted:
            return findings, Status.EXEMPT
        return findings, Status.COMPLIANT if judged else Status.UNTAGGABLE

    def _for_type(self, resource: Resource) -> tuple[list[Rule], list[Exemption]]:
        key = (resource.type, resource.provider)
        known = self._by_type.get(key)
        if known is None:
            args = (resource.type, resource.provider, resource.cloud, self._checkpoint)
            known = self._by_type[key] = (
                [rule for rule in self._policy.rules if rule.selector.selects_type(*args)],
                [one for one in self._policy.exemptions if one.selector.selects_type(*args)],
            )
        return known

    def _exemption(
        self, exemptions: list[Exemption], rule: Rule, fault: Fault, resource: Resource, surface: Surface
    ) -> tuple[Exemption | None, Exemption | None]:
        """The exemption that covers this fault, and else the one that did until it ended."""
        ended = None
        for exemption in exemptions:
            if exemption.tags is not None and fault.tag not in exemption.tags:
                continue
            if exemption.rules is not None and rule.id not in exemption.rules:
                continue
            if exemption.selector.selects(resource, surface.tags) is not True:
                continue
            if exemption.until is not None and self._today <= exemption.until:
                return exemption, None
            ended = exemption
        return None, ended

    def _level(self, rule: Rule, fault: Fault, surface: Surface, stated: str | None) -> Level:
        level = rule.level
        if fault.verdict is Verdict.UNKNOWN:
            level = min(level, self._unknown_level, key=lambda one: one.rank)
        if surface.created:
            most = Level(stated) if stated is not None else Level.WARNING
            level = min(level, most, key=lambda one: one.rank)
        return level

    def _finding(
        self,
        rule: Rule,
        fault: Fault,
        resource: Resource,
        ref: ResourceRef,
        surface: Surface,
        level: Level,
        ended: Exemption | None,
    ) -> Finding:
        message = fault.message
        if surface.created:
            message += f" in {surface.path}"
        if ended is not None:
            why = f"ended on {ended.until}" if ended.until else "has no valid date"
            message += f"; its exemption ({ended.origin}) {why}"
        if not resource.touched and level is Level.ERROR:
            level = Level.WARNING
        return Finding(
            rule=rule.id,
            tag=fault.tag,
            key=fault.key,
            surface=surface.path,
            verdict=fault.verdict,
            level=level,
            resource=ref,
            location=resource.location,
            message=message,
            remedy=fault.remedy,
            fingerprint=fingerprint(rule.id, resource.address, surface.path, fault.tag),
            new=resource.touched,
            found=fault.found,
            expected=fault.expected,
        )


def _faults(rules: Iterable[Rule], resource: Resource, surface: Surface) -> Iterator[tuple[Rule, Fault]]:
    """The faults of a surface, at most one for each tag: a certain one counts over an unknown one, then the sterner
    level, then the earlier rule. Faults of the whole map have no tag and are told apart by their rule."""
    kept: dict[tuple[str, str], tuple[Rule, Fault]] = {}
    for rule in rules:
        selected: bool | str = True if rule.selector.by_type_only else rule.selector.selects(resource, surface.tags)
        if selected is False:
            continue
        for fault in rule.judge(resource, surface):
            if selected is not True:
                fault = msgspec.structs.replace(  # noqa: PLW2901 - the fault as the selector leaves it
                    fault,
                    verdict=Verdict.UNKNOWN,
                    message=f"{fault.message}, if {rule.id} applies: {selected}",
                )
            key = ("tag", fault.tag) if fault.tag is not None else ("rule", rule.id)
            other = kept.get(key)
            if other is None or _weight(rule, fault) > _weight(*other):
                kept[key] = (rule, fault)
    return iter(kept.values())


def _weight(rule: Rule, fault: Fault) -> tuple[bool, int]:
    return fault.verdict is not Verdict.UNKNOWN, rule.level.rank


def fingerprint(rule: str, address: str, surface: str, tag: str | None) -> str:
    """Names a finding across runs: it changes with the rule, the address, the surface or the tag, and with nothing else."""
    text = "\0".join(("costguard/v1", rule, address, surface, tag or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _ref(resource: Resource) -> ResourceRef:
    return ResourceRef(
        address=resource.address,
        type=resource.type,
        provider=resource.provider,
        id=resource.id,
        account=resource.account,
        region=resource.region,
    )


def _listed(resource: Resource, status: Status) -> ResourceStatus:
    own = next((surface for surface in resource.surfaces if not surface.created), None)
    tags = dict(sorted(own.tags.tags.items())) if own else {}
    return ResourceStatus(
        address=resource.address,
        type=resource.type,
        status=status,
        tags={
            key: tag.value.text if isinstance(tag.value, Known) and not tag.value.sensitive else None
            for key, tag in tags.items()
        },
        provenance={key: tag.source for key, tag in tags.items()},
        note=resource.basis or None,
    )
