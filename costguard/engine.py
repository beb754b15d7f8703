"""The engine: a policy, an inventory and a day → a report. Pure; no I/O, no clock, no environment.

What the evidence for a tag amounts to is decided in ``costguard.policy.rules``; here it is decided which rules meet
which surfaces, what becomes of their faults (exempted, old debt, level), and that one (resource, surface, tag) has one
finding.
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
from costguard.model.resource import Inventory, Known, Resource, Surface, without_indexes
from costguard.policy import Exemption, Policy
from costguard.policy.rules import Fault, Rule, shown

_UNKNOWN_LEVEL = {"pass": Level.INFO, "warn": Level.WARNING, "fail": Level.ERROR}


def evaluate(policy: Policy, inventory: Inventory, today: date, *, with_resources: bool = False) -> Report:
    """Judges every resource. Findings come sorted by address, surface and tag, so equal input gives equal bytes."""
    judge = _Judge(policy, inventory.checkpoint, today)
    findings: list[Finding] = []
    statuses: dict[Status, int] = dict.fromkeys(Status, 0)
    listed: list[ResourceStatus] = []
    for resource in inventory.resources:
        mine, status, secret = judge.resource(resource)
        findings += mine
        statuses[status] += 1
        if with_resources:
            listed.append(_listed(resource, status, secret))
    findings.sort(key=_order)
    listed.sort(key=lambda r: (r.address, r.type, msgspec.json.encode(r)))
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
        self._by_type: dict[tuple[str, str, str | None], tuple[list[Rule], _Exemptions]] = {}

    def notes(self) -> Iterator[str]:
        """What there is to say of the policy itself: exemptions that no longer hold."""
        for warning in self._policy.warnings:
            yield str(warning)
        for exemption in self._policy.exemptions:
            if exemption.until is not None and exemption.until < self._today:
                yield (
                    f"{exemption.origin}: the exemption ({exemption.reason}) ended on {exemption.until} "
                    "and no longer holds"
                )

    def resource(self, resource: Resource) -> tuple[list[Finding], Status, set[str]]:
        """The findings, the status, and the keys whose values nobody may print."""
        findings: list[Finding] = []
        secret: set[str] = set()
        if not resource.surfaces:
            return findings, Status.UNTAGGABLE, secret
        rules, by_type = self._for_type(resource)
        exemptions: list[Exemption] | None = None  # found for the first fault; most resources have none
        exempted = False
        judged = False
        at_fault: dict[tuple[str, _About], bool] = {}  # whether it is certain
        for surface in resource.surfaces:
            stated = self._policy.surface_level(surface.path) if surface.created else None
            if stated == "ignore" or (surface.created and stated is None and not surface.authored):
                continue
            judged = True
            kept: dict[_About, _Charge] = {}
            for rule, fault in _faults(rules, resource, surface):
                about = (fault.tag, "") if fault.tag is not None else (None, rule.id)
                certain = fault.verdict is not Verdict.UNKNOWN
                at_fault[surface.path, about] = certain or at_fault.get((surface.path, about), False)
                if fault.secret and fault.key is not None:
                    secret.add(fault.key)  # also where an exemption covers it: it is accepted there, and not printed
                said = at_fault.get((surface.derived_from, about)) if surface.derived_from else None
                if said or (said is False and not certain):
                    continue  # what is already wrong there isn't said twice, but a doubt there hides no certainty here
                if exemptions is None:
                    exemptions = by_type.of(resource)
                holds, remark = self._exempt(exemptions, rule, fault, resource, surface)
                if holds:
                    exempted = True
                    continue
                charge = _Charge(rule, fault, self._level(rule, fault, surface, stated), remark)
                kept[about] = charge if about not in kept else _sterner(kept[about], charge)
            findings += [self._finding(_redacted(charge, secret), resource, surface) for charge in kept.values()]
        if any(finding.verdict is not Verdict.UNKNOWN for finding in findings):
            return findings, Status.VIOLATING, secret
        if findings:
            return findings, Status.UNKNOWN, secret
        if exempted:
            return findings, Status.EXEMPT, secret
        return findings, Status.COMPLIANT if judged else Status.UNTAGGABLE, secret

    def _for_type(self, resource: Resource) -> "tuple[list[Rule], _Exemptions]":
        key = (resource.type, resource.provider, resource.cloud)
        known = self._by_type.get(key)
        if known is None:
            args = (*key, self._checkpoint)
            known = self._by_type[key] = (
                [rule for rule in self._policy.rules if rule.selector.selects_type(*args)],
                _Exemptions([one for one in self._policy.exemptions if one.selector.selects_type(*args)]),
            )
        return known

    def _exempt(
        self, exemptions: list[Exemption], rule: Rule, fault: Fault, resource: Resource, surface: Surface
    ) -> tuple[bool, str]:
        """Whether an exemption certainly covers this fault, and what is to be said of one that ended or that can't be
        decided here. An exemption by account that a plan can't show must not open the gate for every account."""
        remark = ""
        for exemption in exemptions:
            if exemption.tags is not None and fault.tag not in exemption.tags:
                continue
            if exemption.rules is not None and rule.id not in exemption.rules:
                continue
            selected = exemption.selector.selects(resource, surface.tags)
            if selected is False:
                continue
            if exemption.until is None or exemption.until < self._today:
                why = f"ended on {exemption.until}" if exemption.until else "has no valid date"
                remark = f"; its exemption ({exemption.origin}) {why}"
            elif selected is True:
                return True, ""
            else:
                remark = remark or f"; whether the exemption at {exemption.origin} covers it can't be told: {selected}"
        return False, remark

    def _level(self, rule: Rule, fault: Fault, surface: Surface, stated: str | None) -> Level:
        level = rule.level
        if fault.verdict is Verdict.UNKNOWN:
            level = min(level, self._unknown_level, key=lambda one: one.rank)
        if surface.created:
            most = Level(stated) if stated is not None else Level.WARNING
            level = min(level, most, key=lambda one: one.rank)
        return level

    def _finding(self, charge: "_Charge", resource: Resource, surface: Surface) -> Finding:
        rule, fault, level = charge.rule, charge.fault, charge.level
        if not resource.touched and level is Level.ERROR:
            level = Level.WARNING
        return Finding(
            rule=rule.id,
            tag=fault.tag,
            key=fault.key,
            surface=surface.path,
            verdict=fault.verdict,
            level=level,
            resource=_ref(resource),
            location=resource.location,
            message=fault.message + (f" in {surface.path}" if surface.created else "") + charge.remark,
            remedy=fault.remedy,
            fingerprint=fingerprint(rule.id, resource.address, surface.path, fault.tag),
            new=resource.touched,
            found=fault.found,
            expected=fault.expected,
        )


class _Exemptions:
    """The exemptions for a type. Accepted debt is listed by address, thousands of them: those are looked up."""

    def __init__(self, exemptions: list[Exemption]) -> None:
        self._all = exemptions
        self._anywhere: list[int] = []
        self._by_address: dict[str, list[int]] = {}
        for index, exemption in enumerate(exemptions):
            addresses = exemption.selector.address
            if not addresses or any("*" in address or "?" in address for address in addresses):
                self._anywhere.append(index)
            else:
                for address in dict.fromkeys(addresses):
                    self._by_address.setdefault(address, []).append(index)

    def of(self, resource: Resource) -> list[Exemption]:
        """Those that may cover the resource, in the policy's order."""
        named = (resource.address, without_indexes(resource.address))
        found = {index for address in named for index in self._by_address.get(address, ())}
        return [self._all[index] for index in sorted({*self._anywhere, *found})]


_About = tuple[str | None, str]
"""What a fault is about: a tag, or — where it is about the whole map — its rule. One finding each, on one surface."""


class _Charge(msgspec.Struct, frozen=True):
    """A fault that no exemption covers, with its level on this surface."""

    rule: Rule
    fault: Fault
    level: Level
    remark: str


def _faults(rules: Iterable[Rule], resource: Resource, surface: Surface) -> Iterator[tuple[Rule, Fault]]:
    """The faults of a surface; those of a rule that may not apply are uncertain."""
    for rule in rules:
        selected: bool | str = True if rule.selector.by_type_only else rule.selector.selects(resource, surface.tags)
        if selected is False:
            continue
        for fault in rule.judge(resource, surface):
            if selected is True:
                yield rule, fault
            else:
                message = f"{fault.message}, if {rule.id} applies: {selected}"
                yield rule, msgspec.structs.replace(fault, verdict=Verdict.UNKNOWN, message=message)


def _sterner(one: _Charge, other: _Charge) -> _Charge:
    """Which of two faults of one tag becomes the finding: a certain one before an unknown one, a forbidden one before
    any other, the sterner level, the earlier rule. It has the sterner level of both, so that a rule more never makes a
    finding milder."""
    winner = other if _weight(other) > _weight(one) else one
    level = max(one.level, other.level, key=lambda level: level.rank)
    return msgspec.structs.replace(winner, level=level)


def _redacted(charge: _Charge, secret: set[str]) -> _Charge:
    """What one rule forbids to show, no other rule shows either."""
    fault = charge.fault
    if fault.key not in secret or fault.found is None:
        return charge
    message = fault.message.replace(shown(fault.found, False), shown("", True))
    return msgspec.structs.replace(
        charge, fault=msgspec.structs.replace(fault, message=message, found=None, expected=None, secret=True)
    )


def _weight(charge: _Charge) -> tuple[bool, bool, int]:
    verdict = charge.fault.verdict
    return verdict is not Verdict.UNKNOWN, verdict is Verdict.FORBIDDEN, charge.level.rank


def _order(finding: Finding) -> tuple[str, ...]:
    """A total order: two resources of one address (in two accounts) stand in the same order whatever came first."""
    ref = finding.resource
    where = (ref.address, finding.surface, finding.tag or "", finding.rule)
    whose = (ref.type, ref.provider, ref.account or "", ref.region or "", ref.id or "")
    what = (
        finding.verdict,
        finding.level,
        finding.message,
        finding.remedy,
        finding.found or "",
        finding.expected or "",
    )
    return (*where, *whose, *what, str(finding.location))


def fingerprint(rule: str, address: str, surface: str, tag: str | None) -> str:
    """Names a finding across runs: it changes with the rule, the address, the surface and the tag alone."""
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


def _listed(resource: Resource, status: Status, secret: set[str]) -> ResourceStatus:
    own = next((surface for surface in resource.surfaces if not surface.created), None)
    tags = dict(sorted(own.tags.tags.items())) if own else {}
    return ResourceStatus(
        address=resource.address,
        type=resource.type,
        status=status,
        tags={
            key: tag.value.text
            if isinstance(tag.value, Known) and not tag.value.sensitive and key not in secret
            else None
            for key, tag in tags.items()
        },
        provenance={key: tag.source for key, tag in tags.items()},
        note=resource.basis or None,
    )
