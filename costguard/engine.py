"""The engine: a policy, an inventory and a day → a report. Pure; no clock, no environment, and no I/O but for the
temporary file of a report that is too long to be held.

What the evidence for a tag amounts to is decided in ``costguard.policy.rules``; here it is decided which rules meet
which surfaces, what becomes of their faults (exempted, old debt, level), and that one (resource, surface, tag) has one
finding.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from costguard import __version__
from costguard.model.coverage import Cell
from costguard.model.finding import (
    FINDINGS_SCHEMA,
    FaultTotal,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Totals,
    Verdict,
)
from costguard.model.resource import Checkpoint, Gap, Inventory, Known, Resource, Surface, without_indexes
from costguard.model.spool import HELD, Spool, encoded
from costguard.policy import Exemption, Policy
from costguard.policy.rules import Fault, Rule, shown

MOST_TAGS = 100
"""A rule about keys that nobody foresaw may fault any number of them: this many are counted one by one."""

_UNKNOWN_LEVEL = {"pass": Level.INFO, "warn": Level.WARNING, "fail": Level.ERROR}


class Judged(msgspec.Struct, frozen=True):
    """A resource and what the policy makes of it. ``secret`` are keys whose values nobody may print."""

    resource: Resource
    status: Status
    findings: tuple[Finding, ...]
    secret: frozenset[str] = frozenset()


def stream(policy: Policy, checkpoint: Checkpoint, resources: Iterable[Resource], today: date) -> Iterator[Judged]:
    """Judges each resource as it comes; nothing of it is kept. :class:`Draft` makes a report of them."""
    judge = _Judge(policy, checkpoint, today)
    return map(judge.resource, resources)


def remarks(policy: Policy, today: date) -> Iterator[str]:
    """What a report has to say of the policy itself: its warnings, and exemptions that no longer hold."""
    yield from map(str, policy.warnings)
    for exemption in policy.exemptions:
        if exemption.until is not None and exemption.until < today:
            ended = f"ended on {exemption.until} and no longer holds"
            yield f"{exemption.origin}: the exemption ({exemption.reason}) {ended}"


def evaluate(policy: Policy, inventory: Inventory, today: date, *, with_resources: bool = False) -> Report:
    """Judges every resource. Findings come sorted by address, surface and tag, so equal input gives equal bytes."""
    draft = Draft(inventory.checkpoint, with_resources=with_resources, held=sys.maxsize)
    resources = sorted(inventory.resources, key=lambda resource: resource.address)
    for judged in stream(policy, inventory.checkpoint, resources, today):
        draft.add(judged)
    return draft.report(gaps=inventory.gaps, notes=(*inventory.notes, *remarks(policy, today)))


class Draft:
    """A report while its resources are judged. What is long in it is spooled, so it takes any number of them.

    Beyond ``held`` findings (or listed resources) they go to a temporary file. ``accept`` says what becomes of each
    finding, where there is accepted debt.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        with_resources: bool = False,
        accept: Callable[[Finding], Finding] | None = None,
        held: int = HELD,
    ) -> None:
        self._checkpoint = checkpoint
        self._accept = accept
        self._findings = Spool(Finding, held)
        self._listed = Spool(ResourceStatus, held) if with_resources else None
        self._statuses = dict.fromkeys(Status, 0)
        self._count = _Count() if checkpoint == "live" else None
        self._address = ""
        self._here: list[Finding] = []
        self._listed_here: list[ResourceStatus] = []

    def add(self, judged: Judged) -> None:
        """Takes in one resource. They come in the order of their addresses; :class:`ValueError` otherwise."""
        address = judged.resource.address
        if address != self._address:
            if address < self._address:
                raise ValueError(f"{address} comes after {self._address}")
            self._turn()
            self._address = address
        findings = judged.findings
        if self._accept is not None and findings:
            findings = tuple(map(self._accept, findings))
        self._statuses[judged.status] += 1
        self._here += findings
        if self._listed is not None:
            self._listed_here.append(_listed(judged))
        if self._count is not None:
            self._count.add(judged.resource, judged.status, findings)

    def report(
        self,
        *,
        gaps: Iterable[Gap] = (),
        notes: Iterable[str] = (),
        coverage: tuple[Cell, ...] | msgspec.UnsetType = msgspec.UNSET,
    ) -> Report:
        """The report of all that was added; nothing can be added afterwards."""
        self._turn()
        left_out = tuple(sorted(gaps))
        return Report(
            schema=FINDINGS_SCHEMA,
            tool=Tool(name="costguard", version=__version__),
            checkpoint=self._checkpoint,
            complete=not left_out,
            summary=_summary(self._statuses, len(self._findings)),
            findings=self._findings.sealed(),
            resources=msgspec.UNSET if self._listed is None else self._listed.sealed(),
            gaps=left_out,
            notes=tuple(notes),
            coverage=coverage,
            totals=msgspec.UNSET if self._count is None else self._count.totals(),
        )

    def _turn(self) -> None:
        """Nothing more comes of this address: what is said of it gets its order."""
        if len(self._here) > 1:
            self._here.sort(key=_order)
        for finding in self._here:
            self._findings.append(finding)
        self._here.clear()
        if self._listed is not None:
            if len(self._listed_here) > 1:
                self._listed_here.sort(key=lambda listed: (listed.type, encoded(listed)))
            for listed in self._listed_here:
                self._listed.append(listed)
            self._listed_here.clear()


def _summary(statuses: Mapping[Status, int], findings: int) -> Summary:
    return Summary(
        resources=sum(statuses.values()),
        compliant=statuses[Status.COMPLIANT],
        violating=statuses[Status.VIOLATING],
        unknown=statuses[Status.UNKNOWN],
        exempt=statuses[Status.EXEMPT],
        untaggable=statuses[Status.UNTAGGABLE],
        findings=findings,
    )


class _Count:
    """The totals while they are counted."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Statuses] = {}
        self._types: dict[str, _Statuses] = {}
        self._faults: dict[_FaultKey, _FaultCount] = {}
        self._tags: dict[str, set[str | None]] = {}
        self._number = 0

    def add(self, resource: Resource, status: Status, findings: Sequence[Finding]) -> None:
        account = resource.account or ""
        for by, named in ((self._accounts, account), (self._types, resource.type)):
            known = by.get(named)
            if known is None:
                known = by[named] = _Statuses()
            known.statuses[status] += 1
            known.findings += len(findings)
        self._number += 1
        for finding in findings:
            fault = self._fault(finding)
            fault.findings += 1
            if fault.key != finding.key:
                fault.key = None
            if fault.latest != self._number:
                fault.latest = self._number
                fault.resources += 1
                fault.accounts[account] += 1
                fault.types[resource.type] += 1

    def _fault(self, finding: Finding) -> "_FaultCount":
        about = (finding.rule, finding.tag, finding.verdict, finding.level, finding.new)
        fault = self._faults.get(about)
        if fault is not None:
            return fault
        tags = self._tags.setdefault(finding.rule, set())
        if finding.tag not in tags and len(tags) >= MOST_TAGS:
            about = (finding.rule, None, finding.verdict, finding.level, finding.new)
            return self._faults.setdefault(about, _FaultCount(None))
        tags.add(finding.tag)
        fault = self._faults[about] = _FaultCount(finding.key)
        return fault

    def totals(self) -> Totals:
        faults = [
            FaultTotal(
                rule=rule,
                tag=tag,
                key=count.key,
                verdict=verdict,
                level=level,
                new=new,
                findings=count.findings,
                resources=count.resources,
                accounts=dict(sorted(count.accounts.items())),
                types=dict(sorted(count.types.items())),
            )
            for (rule, tag, verdict, level, new), count in self._faults.items()
        ]
        faults.sort(
            key=lambda one: (not one.new, -one.level.rank, -one.resources, one.rule, one.tag or "", one.verdict)
        )
        return Totals(accounts=_counted(self._accounts), types=_counted(self._types), faults=tuple(faults))


_FaultKey = tuple[str, str | None, Verdict, Level, bool]


class _FaultCount:
    def __init__(self, key: str | None) -> None:
        self.key = key
        self.findings = 0
        self.resources = 0
        self.latest = 0
        """The number of the last resource that was counted."""
        self.accounts: Counter[str] = Counter()
        self.types: Counter[str] = Counter()


class _Statuses:
    def __init__(self) -> None:
        self.statuses = dict.fromkeys(Status, 0)
        self.findings = 0


def _counted(by: Mapping[str, _Statuses]) -> dict[str, Summary]:
    return {name: _summary(known.statuses, known.findings) for name, known in sorted(by.items())}


class _Judge:
    def __init__(self, policy: Policy, checkpoint: str, today: date) -> None:
        self._policy = policy
        self._checkpoint = checkpoint
        self._today = today
        self._unknown_level = _UNKNOWN_LEVEL[policy.unknown_action(checkpoint)]
        self._by_type: dict[tuple[str, str, str | None], tuple[list[Rule], _Exemptions]] = {}

    def resource(self, resource: Resource) -> Judged:
        if not resource.surfaces:
            return Judged(resource, Status.UNTAGGABLE, ())
        findings: list[Finding] = []
        secret: set[str] = set()
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
            status = Status.VIOLATING
        elif findings:
            status = Status.UNKNOWN
        elif exempted:
            status = Status.EXEMPT
        else:
            status = Status.COMPLIANT if judged else Status.UNTAGGABLE
        return Judged(resource, status, tuple(findings), frozenset(secret))

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
            managed_by=resource.managers,
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
        named = (resource.address, *(resource.declared or ()))
        found = {
            index
            for name in named
            for address in (name, without_indexes(name))
            for index in self._by_address.get(address, ())
        }
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
        by_type = rule.selector.by_type_only and resource.type
        selected: bool | str = True if by_type else rule.selector.selects(resource, surface.tags)
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


def _listed(judged: Judged) -> ResourceStatus:
    resource, secret = judged.resource, judged.secret
    own = next((surface for surface in resource.surfaces if not surface.created), None)
    tags = dict(own.tags.tags) if own else {}
    bound = own.tags.bound.tags if own and own.tags.bound else {}
    for key, tag in bound.items():
        origin = tag.source if tag.source == "the resource" else f"inherited from {tag.source}"
        tags.setdefault(f"tag:{key}", msgspec.structs.replace(tag, source=origin))
    tags = dict(sorted(tags.items()))
    return ResourceStatus(
        address=resource.address,
        type=resource.type,
        status=judged.status,
        tags={
            key: tag.value.text
            if isinstance(tag.value, Known) and not tag.value.sensitive and key not in secret
            else None
            for key, tag in tags.items()
        },
        provenance={key: tag.source for key, tag in tags.items()},
        note=resource.basis or None,
        managed_by=resource.managers,
    )
