"""Suppressions: comments in the source that accept a fault where it stands, for a reason and until a day.

``# costguard:ignore=owner,service retired in Q1 until=2027-03-31``, also after ``//`` and in ``/* */``, and in JSON as
the property ``"//"`` of the block. It covers the block that it stands above, at the first or last line of, or in: a
resource, a module call with all that is in the module, or a provider's default tags. What is said in place of a tag
may also be the name of a rule.

One that is malformed, that names what no policy knows, or that is past its day covers nothing, and :func:`remarks` says
so; it says the same of one that there is nothing for.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date

import msgspec

from costguard.iac.hcl.tree import Block, Comment, File
from costguard.iac.source.configuration import Configuration, instances
from costguard.model.finding import Finding, Report, ResourceRef, Status, Verdict
from costguard.model.resource import Location
from costguard.policy import Policy
from costguard.policy.rules.require import Require

_MARK = re.compile(r"(?:^|(?<=[\s#/*]))costguard:\s*ignore\b(.*)")
_NAMES = re.compile(r"\s*=\s*([^\s,=]+(?:\s*,\s*[^\s,=]+)*)(?=\s|$)")
_UNTIL = re.compile(r"(?:^|(?<=\s))until=(\S*)")
_JSON_COMMENT = re.compile(rb'(?<!\\)"//"\s*:\s*("(?:[^"\\]|\\.)*")')
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_LABELS = {"resource": 2, "data": 2, "ephemeral": 2, "module": 1, "provider": 1, "variable": 1, "output": 1, "check": 1}
_COVERED = ("resource", "module", "provider")
_FORM = "costguard:ignore=TAG[,TAG] REASON until=YYYY-MM-DD"


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """One comment. ``block`` is what it covers; ``flaw`` says why it covers nothing, whatever day and policy are."""

    at: Location
    block: Location
    names: tuple[str, ...] = ()
    reason: str = ""
    until: date = date.min
    flaw: str = ""

    def holds(self, today: date) -> bool:
        return not self.flaw and today <= self.until

    def names_fault(self, finding: Finding) -> bool:
        return finding.tag in self.names or finding.rule in self.names


def suppressions(file: File) -> tuple[Suppression, ...]:
    """Every suppression in a file, the flawed ones included, in their order."""
    if b"costguard:" not in file.source or file.problems:
        return ()
    found = _in_json(file) if file.json else _in_comments(file)
    return tuple(sorted(found, key=lambda one: one.at.line))


def suppressions_in(configuration: Configuration) -> Iterator[Suppression]:
    """Those in every file that a configuration reads."""
    folders: set[str] = set()
    for instance in instances(configuration.root):
        if instance.module.folder not in folders:
            folders.add(instance.module.folder)
            for file in instance.module.files:
                yield from suppressions(file)


def names_of(policy: Policy) -> frozenset[str]:
    """What a suppression may name: the policy's tags and its rules."""
    rules = policy.rules
    required = {rule.spelling.name for rule in rules if isinstance(rule, Require)}
    return frozenset(policy.spellings) | required | {rule.id for rule in rules}


def apply(
    report: Report,
    places: Callable[[Finding], Iterable[Location]],
    accepted: Sequence[Suppression],
    today: date,
) -> tuple[Report, frozenset[Location]]:
    """The report without what the suppressions cover, and where those stand that cover something.

    ``places`` names every place that a finding hangs on: its resource's block, the module calls that lead there, where
    it would be mended. A resource of which nothing else is left is exempt, and the counts say so.
    """
    if not accepted:
        return report, frozenset()
    by_file: dict[str, list[Suppression]] = {}
    for one in accepted:
        if not one.flaw:
            by_file.setdefault(one.block.file, []).append(one)
    kept: list[Finding] = []
    used: set[Location] = set()
    touched: dict[ResourceRef, list[Finding]] = {}
    for finding in report.findings:
        covering = list(_covering(finding, places(finding), by_file)) if by_file else []
        holding = [one.at for one in covering if one.holds(today)]
        if holding:
            used.update(holding)
            touched.setdefault(finding.resource, []).append(finding)
            continue
        if covering:
            used.update(one.at for one in covering)  # That it ended is said here, and again nowhere.
            last = max(covering, key=lambda one: one.until)
            ended = f"; its suppression at {last.at.file}:{last.at.line} ended on {last.until}"
            finding = msgspec.structs.replace(finding, message=finding.message + ended)
        kept.append(finding)
    if len(kept) == len(report.findings):
        return msgspec.structs.replace(report, findings=tuple(kept)), frozenset(used)
    return _recounted(report, kept, touched), frozenset(used)


def remarks(
    found: Iterable[Suppression], used: Collection[Location], known: Collection[str], today: date
) -> Iterator[str]:
    """What is to be said of suppressions that do nothing. ``used`` are the places of those that did something."""
    for one in sorted(set(found), key=lambda one: (one.at.file, one.at.line, one.names)):
        place = f"{one.at.file}:{one.at.line}"
        unknown = [name for name in one.names if name not in known]
        if one.flaw:
            yield f"{place}: this suppression covers nothing: {one.flaw}"
        elif unknown:
            yield f"{place}: this suppression names {unknown[0]}, which no policy knows{_near(unknown[0], known)}"
        elif one.at in used:
            continue
        elif not one.holds(today):
            yield f"{place}: this suppression ended on {one.until}, and there is nothing left that it would cover"
        else:
            yield f"{place}: there is nothing for this suppression ({one.reason}) to cover; it can go"


def _near(name: str, known: Collection[str]) -> str:
    from costguard.policy.validate import near

    return near(name, sorted(known))


def _covering(
    finding: Finding, places: Iterable[Location], by_file: dict[str, list[Suppression]]
) -> Iterator[Suppression]:
    for place in places:
        for one in by_file.get(place.file, ()):
            if one.block.line <= place.line <= one.block.end_line and one.names_fault(finding):
                yield one


def _recounted(report: Report, kept: list[Finding], suppressed: dict[ResourceRef, list[Finding]]) -> Report:
    """The report with the findings that are left, and every number and status as they make it."""
    left: dict[ResourceRef, list[Finding]] = {}
    for finding in kept:
        if finding.resource in suppressed:
            left.setdefault(finding.resource, []).append(finding)
    summary = report.summary
    now: dict[tuple[str, str], Status] = {}
    for ref, gone in suppressed.items():
        mine = left.get(ref, [])
        before, after = _status([*mine, *gone]), _status(mine)
        now[ref.address, ref.type] = after
        if before is not after:
            counts = {name: getattr(summary, name) for name in (before.value, after.value)}
            counts[before.value] -= 1
            counts[after.value] += 1
            summary = msgspec.structs.replace(summary, **counts)
    resources = report.resources
    if not isinstance(resources, msgspec.UnsetType):
        resources = tuple(
            msgspec.structs.replace(one, status=now.get((one.address, one.type), one.status)) for one in resources
        )
    summary = msgspec.structs.replace(summary, findings=len(kept))
    return msgspec.structs.replace(report, findings=tuple(kept), summary=summary, resources=resources)


def _status(findings: Sequence[Finding]) -> Status:
    if any(finding.verdict is not Verdict.UNKNOWN for finding in findings):
        return Status.VIOLATING
    return Status.UNKNOWN if findings else Status.EXEMPT


def _in_comments(file: File) -> Iterator[Suppression]:
    marked = [comment for comment in file.comments if "costguard:" in comment.text]
    if not marked:
        return
    blocks = list(_blocks(file))
    starts = {file.line(block.start): block for block in blocks}
    alone = _lines_of_comments(file)
    for comment in marked:
        block, flaw = _covered(file, comment, blocks, starts, alone)
        line = file.line(comment.start)
        for offset, text in enumerate(comment.text.split("\n")):
            said = _MARK.search(text.rstrip("\r"))
            if said is not None:
                yield _read(said[1].removesuffix("*/"), Location(file.name, line + offset, line + offset), block, flaw)


def _covered(
    file: File, comment: Comment, blocks: Sequence[Block], starts: dict[int, Block], alone: dict[int, int]
) -> tuple[Location, str]:
    """The block that a comment stands at, or why it stands at none that it could cover."""
    line = file.line(comment.start)
    nowhere = Location(file.name, line, line)
    block = next((one for one in blocks if one.start <= comment.start < one.end), None)
    if block is None:
        block = next((one for one in blocks if one.end <= comment.start and file.line(one.end - 1) == line), None)
    if block is None and line in alone:
        while line in alone:
            line = alone[line] + 1
        block = starts.get(line)
    if block is None:
        return nowhere, "it stands at no block; put it on the line above one, or inside"
    if block.type not in _COVERED:
        return nowhere, f"it stands at a {block.type} block; it can cover a resource, a module call or a provider"
    inner = _nested_at(block, comment)
    if inner is not None and (block.type, inner.type) != ("provider", "default_tags"):
        return (
            nowhere,
            f"it stands in the block {inner.type}, and covers only whole resources; put it above the resource",
        )
    return _lines(file, block.start, block.end - 1), ""


def _nested_at(block: Block, comment: Comment) -> Block | None:
    for name in block.body.block_types():
        for inner in block.body.blocks(name):
            if inner.start <= comment.start < inner.end:
                return inner
    return None


def _lines_of_comments(file: File) -> dict[int, int]:
    """The lines that begin with a comment, and the line that it ends on."""
    lines = {}
    for comment in file.comments:
        begin = file.source.rfind(b"\n", 0, comment.start) + 1
        if not file.source[begin : comment.start].strip():
            lines[file.line(comment.start)] = file.line(max(comment.end - 1, comment.start))
    return lines


def _in_json(file: File) -> Iterator[Suppression]:
    """In JSON the property ``"//"`` of a block, which Terraform passes over; the words anywhere else cover nothing."""
    blocks = [block for block in _blocks(file) if block.type in _COVERED]
    taken: list[range] = []
    for found in _JSON_COMMENT.finditer(file.source):
        block = next((one for one in blocks if one.start <= found.start() < one.end), None)
        if block is None or any(one.start <= found.start() < one.end for one in block.body.attributes.values()):
            continue
        try:
            said = _MARK.search(msgspec.json.decode(found[1], type=str))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if said is not None:
            taken.append(range(*found.span()))
            yield _read(
                said[1], _lines(file, found.start(), found.start()), _lines(file, block.start, block.end - 1), ""
            )
    for other in re.finditer(rb"costguard:\s*ignore\b", file.source):
        if not any(other.start() in one for one in taken):
            place = _lines(file, other.start(), other.start())
            flaw = 'in JSON it is the property "//" of a resource, a module call or a provider'
            yield Suppression(at=place, block=place, flaw=flaw)


def _lines(file: File, first: int, last: int) -> Location:
    return Location(file.name, file.line(first), file.line(last))


def _blocks(file: File) -> Iterator[Block]:
    for kind in file.body.block_types():
        yield from file.body.blocks(kind, _LABELS.get(kind, 0))


def _read(text: str, at: Location, block: Location, flaw: str) -> Suppression:
    """What stands behind ``costguard:ignore``."""
    names = _NAMES.match(text)
    if names is None:
        return Suppression(at=at, block=block, flaw=flaw or f"it names no tag; the form is {_FORM}")
    rest = text[names.end() :]
    until = _UNTIL.search(rest)
    reason = " ".join((rest[: until.start()] + rest[until.end() :] if until else rest).split())
    day = _day(until[1]) if until else None
    if not flaw:
        if until is None:
            flaw = f"it doesn't say until when; the form is {_FORM}"
        elif day is None:
            flaw = f"{until[1]!r} is no date (YYYY-MM-DD)"
        elif not reason:
            flaw = f"it gives no reason; the form is {_FORM}"
    listed = tuple(dict.fromkeys(name.strip() for name in names[1].split(",")))
    return Suppression(at=at, block=block, names=listed, reason=reason, until=day or date.min, flaw=flaw)


def _day(text: str) -> date | None:
    if not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
