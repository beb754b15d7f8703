"""What every format agrees on: what blocks, which faults are one and the same, and how to count in words."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from costguard.model.finding import Finding, Level, Report, ResourceRef, Verdict
from costguard.model.resource import Checkpoint
from costguard.reports.text import ADDRESS, printable, prose

SHARED = 4
"""A fault that this many resources have is said once, with a list of them; fewer have a block each."""

_FOUND = 4
_MANAGERS = 2
# Where a resource of some type carries its own tags: naming it tells a reader nothing.
_OWN = frozenset(("", "tags", "tag", "labels", "resource_labels", "user_labels"))


class Section(StrEnum):
    """The part of a report that a finding belongs to, the most urgent first."""

    ERROR = "error"
    WARNING = "warning"
    UNDECIDED = "undecided"
    INFO = "info"
    DEBT = "old debt"


def section(finding: Finding) -> Section:
    return section_of(finding.new, finding.level, finding.verdict)


def section_of(new: bool, level: Level, verdict: Verdict) -> Section:
    """An undecided tag that the policy makes an error is one: a reader must see it among what blocks."""
    if not new:
        return Section.DEBT
    match level:
        case Level.ERROR:
            return Section.ERROR
        case Level.WARNING:
            return Section.UNDECIDED if verdict is Verdict.UNKNOWN else Section.WARNING
        case Level.INFO:
            return Section.INFO


MOST = 10_000
"""The findings that a format lists which has an entry for each; GitHub takes 25,000 results and shows 5,000."""

_BLOCKING = (Section.ERROR, Section.WARNING, Section.UNDECIDED)


class Part(msgspec.Struct):
    """What a report has of one section: the findings to show, how many there are in all, and on how many resources."""

    shown: list[Finding]
    findings: int = 0
    resources: int = 0

    @property
    def left_out(self) -> int:
        return self.findings - len(self.shown)


class Survey:
    """The findings of a report by section, each in the order of the report, counted in one pass.

    Of more than ``most`` findings the first of the most urgent sections are shown. ``hit`` is the number of resources
    with a finding that is new and more than a remark.
    """

    def __init__(self, report: Report, most: int | None = None) -> None:
        self.parts = {part: Part([]) for part in Section}
        self.hit = 0
        bits = {part: 1 << index for index, part in enumerate(Section)}
        blocking = sum(bits[part] for part in _BLOCKING)
        # A million resources are told apart by 64 bits of each, which takes a tenth of the room.
        seen: dict[int, int] = {}
        room = len(report.findings) if most is None else most
        for finding in report.findings:
            kind = section(finding)
            part, bit = self.parts[kind], bits[kind]
            part.findings += 1
            who = hash(finding.resource)
            before = seen.get(who, 0)
            if not before & bit:
                part.resources += 1
                self.hit += bool(bit & blocking and not before & blocking)
                seen[who] = before | bit
            part.shown.append(finding)
            room -= 1
            if room < 0:
                next(part for part in reversed(self.parts.values()) if part.shown).shown.pop()
                room = 0

    def __getitem__(self, part: Section) -> Part:
        return self.parts[part]

    @property
    def shown(self) -> Iterator[Finding]:
        """The findings to show, what blocks first."""
        return (finding for part in self.parts.values() for finding in part.shown)

    @property
    def left_out(self) -> int:
        return sum(part.left_out for part in self.parts.values())

    def rest(self) -> str:
        """What isn't shown and where it is, in a sentence; nothing where nothing is left out."""
        left = [count(part.left_out, *_NOUNS[kind]) for kind, part in self.parts.items() if part.left_out]
        return f"Left out here: {series(left)}; --format json has them all." if left else ""


_NOUNS = {
    Section.ERROR: ("error", "errors"),
    Section.WARNING: ("warning", "warnings"),
    Section.UNDECIDED: ("undecided tag", "undecided tags"),
    Section.INFO: ("remark", "remarks"),
    Section.DEBT: ("old finding", "old findings"),
}


class Block(msgspec.Struct, frozen=True):
    """Faults that the same resources share: ``faults[i][j]`` is fault ``i`` of resource ``j``."""

    faults: tuple[tuple[Finding, ...], ...]

    @property
    def places(self) -> tuple[Finding, ...]:
        """One finding of each resource."""
        return self.faults[0]


_Fault = tuple[str, str | None, str | None, str, Verdict, Level, str, str]


def _fault(finding: Finding) -> _Fault:
    return (
        finding.rule,
        finding.tag,
        finding.key,
        finding.surface,
        finding.verdict,
        finding.level,
        finding.remedy,
        # What was found may differ and is listed; what else a message says would be lost.
        finding.message if finding.found is None else "",
    )


def blocks(findings: Sequence[Finding]) -> list[Block]:
    """The findings so that nothing is said twice, what most resources share first.

    A fault of many resources stands alone, or with the others that just these resources have; the rest are
    grouped by resource, and resources with the very same faults are one block.
    """
    by_fault: dict[_Fault, list[Finding]] = {}
    for finding in findings:
        by_fault.setdefault(_fault(finding), []).append(finding)
    shared: dict[tuple[ResourceRef, ...], list[tuple[Finding, ...]]] = {}
    alone: dict[ResourceRef, list[Finding]] = {}
    for finding in findings:
        if len(by_fault[_fault(finding)]) < SHARED:
            alone.setdefault(finding.resource, []).append(finding)
    for group in by_fault.values():
        if len(group) >= SHARED:
            shared.setdefault(tuple(finding.resource for finding in group), []).append(tuple(group))
    alike: dict[tuple[tuple[_Fault, str], ...], list[list[Finding]]] = {}
    for own in alone.values():
        alike.setdefault(tuple((_fault(finding), finding.message) for finding in own), []).append(own)
    together = [Block(tuple(faults)) for faults in shared.values()]
    return together + [Block(tuple(zip(*group, strict=True))) for group in alike.values()]


def name(finding: Finding) -> str:
    """What the fault is about, as it stands in the source: the key, else the policy's words for it."""
    return printable(finding.key or finding.tag or finding.rule).strip() or '""'


def heading(finding: Finding) -> str:
    """``Owner missing``, and where the tags aren't the resource's own: ``Owner missing in volume_tags``."""
    verdict = "undecided" if finding.verdict is Verdict.UNKNOWN else finding.verdict.value
    return f"{name(finding)} {verdict}{in_surface(finding)}"


def in_surface(finding: Finding) -> str:
    """`` in volume_tags``, or nothing where it is the resource's own."""
    surface = printable(finding.surface)
    return "" if surface in _OWN else f" in {surface}"


def said(finding: Finding) -> str:
    """The message, and whatever of its heading it doesn't say itself."""
    message = prose(finding.message)
    if not message or name(finding) not in message:
        return f"{heading(finding)}: {message}" if message else heading(finding)
    surface = in_surface(finding)
    return message if surface in message else message + surface


def said_of_all(group: Sequence[Finding]) -> str:
    """What can be said at once of one fault of several resources: where they differ, what was found there."""
    if len({finding.message for finding in group}) == 1:
        return said(group[0])
    found = dict.fromkeys(printable(finding.found) for finding in group if finding.found is not None)
    quoted = [f'"{value}"' for value in found]
    few = quoted if len(quoted) <= _FOUND + 1 else [*quoted[:_FOUND], f"{len(quoted) - _FOUND:,} other values"]
    return f"{heading(group[0])}: {series(few)}"


def mended(finding: Finding) -> str:
    """All that there is to say in one line, for the formats that have one field for it."""
    parts = (said(finding), prose(finding.remedy), by_way_of(finding), more_instances(finding), managed(finding))
    return "; ".join(part for part in parts if part)


def managed(finding: Finding) -> str:
    """``managed by module.a.aws_s3_bucket.b in live/prod (terraform): mend it there``, or nothing.

    A service of the cloud that made it has no place to mend it in: ``made by eks.amazonaws.com``.
    """
    makers = [one for one in finding.managed_by if one.tool == "aws"]
    named = [
        f"{printable(str(one), ADDRESS).strip() or '(no name)'} ({printable(one.tool).strip() or 'by another tool'})"
        for one in finding.managed_by
        if one.tool != "aws"
    ]
    if len(named) > _MANAGERS + 1:
        named[_MANAGERS:] = [f"{len(named) - _MANAGERS:,} others"]
    said = [f"made by {printable(str(makers[0])).strip() or 'its service'}"] if makers else []
    return "; ".join([*said, *([f"managed by {series(named)}: mend it there"] if named else [])])


def by_way_of(finding: Finding) -> str:
    """How the source leads from the place of the mend to the resource: ``by module.a at main.tf:3, …``; or nothing."""
    return f"by {', '.join(printable(step, ADDRESS) for step in finding.chain)}" if finding.chain else ""


def more_instances(finding: Finding) -> str:
    """``and 4 more instances: …``, or nothing where the finding stands for one resource."""
    more = finding.instances - 1
    if more < 1:
        return ""
    named = [printable(other, ADDRESS) for other in finding.also[:more]]
    if len(named) < more:
        named.append("…")
    return f"and {count(more, 'more instance')}{': ' if named else ''}{', '.join(named)}"


def location(finding: Finding) -> str:
    """``file:line``, or nothing."""
    place = finding.location
    return f"{printable(place.file, ADDRESS)}:{place.line}" if place else ""


def whereabouts(finding: Finding) -> str:
    """Where to look for it: the source line, else the account, region and id that tell it from others."""
    resource = finding.resource
    if finding.location:
        return f"at {location(finding)}"
    scope = "/".join(printable(part) for part in (resource.account, resource.region) if part)
    own = printable(resource.id, ADDRESS) if resource.id and resource.id != resource.address else ""
    return " ".join(part for part in (f"in {scope}" if scope else "", f"({own})" if own else "") if part)


def address(finding: Finding) -> str:
    return printable(finding.resource.address, ADDRESS).strip() or "(no address)"


def unlocated(checkpoint: Checkpoint, what: str) -> str:
    """The path of something that has no known source file, for the formats that insist on one.

    It names the resource and says that it isn't a file: pointing at one that merely exists (the policy, the
    plan, ``main.tf``) would send the reader to a line that has nothing to do with the fault.
    """
    return f"unlocated/{checkpoint}/{printable(what, ADDRESS)}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``no errors``, ``1 error``, ``1,204 errors``."""
    said = f"{number:,}" if number else "no"
    return f"{said} {noun if number == 1 else plural or noun + 's'}"


def series(parts: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def headline(report: Report, survey: Survey) -> str:
    """The verdict in a sentence. It never says that all is well of a run that didn't see everything."""
    said = [count(survey[part].findings, *_NOUNS[part]) for part in _BLOCKING if survey[part].findings]
    summary = report.summary
    if said and report.checkpoint == "source":
        return f"{series(said)} in {count(summary.resources, 'resource')}."  # One mend may be for many of them.
    if said:
        total = max(summary.resources, survey.hit)
        where = "the only resource" if total == 1 else f"{survey.hit:,} of {count(total, 'resource')}"
        return f"{series(said)} on {where}."
    if not report.complete:
        return "No new findings in what could be read."
    if not summary.resources:
        if report.checkpoint == "source":
            return "Nothing to judge: there are no resources in what was asked for."
        if report.checkpoint == "live":
            return "Nothing to judge: no resource was found."
        return "Nothing to judge: no resource is created, changed or kept."
    judged = summary.resources - summary.untaggable
    if not judged:
        return f"Nothing to judge: {count(summary.resources, 'resource')}, and none can be tagged."
    if report.findings or summary.compliant != judged:
        return "Nothing new to mend."
    return f"All {judged:,} taggable resources are compliant." if judged > 1 else "The one resource is compliant."


def tally(report: Report) -> str:
    """``38 resources: 21 compliant, 13 violating.``: how many there are of each status that occurs."""
    summary = report.summary
    statuses = ("compliant", "violating", "unknown", "exempt", "untaggable")
    said = [f"{getattr(summary, status):,} {status}" for status in statuses if getattr(summary, status)]
    return f"{count(summary.resources, 'resource')}{': ' if said else ''}{', '.join(said)}."
