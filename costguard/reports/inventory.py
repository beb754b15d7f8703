"""What a live report says beside its findings: the faults counted, what was looked at, and what could not be.

Lines of plain words, made of text that is safe to print, for the formats to set. What many cells of the ledger or many
gaps have in common is said once: a role that is refused in 40 accounts is one line.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from costguard.model.coverage import ANY_TYPE, Cell
from costguard.model.finding import FaultTotal, Report, Summary, Verdict
from costguard.model.resource import Gap
from costguard.reports.sections import Section, count, section_of, series
from costguard.reports.text import ADDRESS, printable, prose

_WORST = 3
_NAMED = 2
_GLOBAL = "global"
_TAGS_OF = re.compile(r"the tags of ([0-9,]{1,20}) could not be read: (.*)", re.DOTALL)


class Fault(msgspec.Struct, frozen=True):
    """One row of the table of faults: ``Owner missing``, ``1,204 of 3,880 resources``, and where there are most."""

    section: Section
    title: str
    extent: str
    types: str
    accounts: str


def faults(report: Report) -> list[Fault]:
    """The faults of a report that has totals, what blocks most first."""
    totals = report.totals
    if isinstance(totals, msgspec.UnsetType):
        return []
    judged = report.summary.resources - report.summary.untaggable
    found = [
        Fault(
            section=section_of(fault.new, fault.level, fault.verdict),
            title=_title(fault),
            extent=f"{fault.resources:,} of {count(max(judged, fault.resources), 'resource')}",
            types=_worst(fault.types, totals.types, "type"),
            accounts=_worst(fault.accounts, totals.accounts, "account"),
        )
        for fault in totals.faults
    ]
    return sorted(found, key=lambda fault: list(Section).index(fault.section))


def _title(fault: FaultTotal) -> str:
    verdict = "undecided" if fault.verdict is Verdict.UNKNOWN else fault.verdict.value
    about = printable(fault.key or fault.tag or "").strip()
    rule = printable(fault.rule).strip()
    if not about:
        return f"{verdict} by {rule}" if rule else verdict
    return f"{about} {verdict}" if fault.rule == f"tags/{fault.tag}" else f"{about} {verdict} ({rule})"


def _worst(counts: dict[str, int], totals: dict[str, Summary], noun: str) -> str:
    """``aws_s3_bucket 600 of 900, aws_instance 30 of 310 and 12 more types``."""
    first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = first if len(first) <= _WORST + 1 else first[:_WORST]
    said = []
    for name, number in shown:
        total = totals.get(name)
        judged = total.resources - total.untaggable if total else 0
        of = f" of {judged:,}" if judged >= number else ""
        said.append(f"{printable(name).strip() or f'(no {noun})'} {number:,}{of}")
    if len(shown) < len(first):
        said.append(count(len(first) - len(shown), f"more {noun}"))
    return series(said)


def looked(report: Report) -> str:
    """``Looked at 3 accounts, 17 regions, 58 types: 12,345 resources.``, or nothing where there is no ledger."""
    if not report.coverage:  # Unset, or empty.
        return ""
    cells = [cell for cell in report.coverage if cell.outcome in ("read", "cut")]
    extent = (
        (len({(cell.cloud, cell.account) for cell in cells}), "account"),
        (len({(cell.cloud, cell.region) for cell in cells if cell.region != _GLOBAL}), "region"),
        (len({cell.type for cell in cells if cell.type != ANY_TYPE}), "type"),
    )
    said = ", ".join(count(number, noun) for number, noun in extent if number) or "nothing"
    return f"Looked at {said}: {count(report.summary.resources, 'resource')}."


_OUTCOMES = {
    "failed": "not read",
    "cut": "cut short",
    "absent": "not set up",
    "disabled": "not enabled",
    "read": "read",
}


class Hole(msgspec.Struct, frozen=True):
    """Cells that could not be read for the same reason, or gaps that have one. ``name`` is a pattern that all of them
    match; it matches others, too, where it has a ``*``."""

    name: str
    why: str


def unread(report: Report) -> list[Hole]:
    """The cells of the ledger that weren't read to the end and are no gaps: those come with :func:`gaps`."""
    if not report.coverage:  # Unset, or empty.
        return []
    known = {gap.where for gap in report.gaps}
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in report.coverage:
        if cell.outcome != "read" and cell.where not in known:
            groups.setdefault((cell.outcome, cell.cloud, cell.source, _reason(cell.error)), []).append(cell)
    return [
        _hole(cells, source, ": ".join(filter(None, (_OUTCOMES[outcome], prose(cells[0].error)))), "")
        for (outcome, _, source, _), cells in groups.items()
    ]


def _reason(why: str) -> str:
    """The reason without what a cloud says of it in brackets, which names the account, the resource, the request."""
    return why.partition(" (")[0]


def gaps(report: Report) -> list[Hole]:
    """The gaps, in their order; those of a ledger with one reason are one."""
    cells: dict[str, Cell] = {}
    places: dict[str, Cell] = {}
    for cell in report.coverage or ():
        cells[cell.where] = cell
        places[cell.where.removesuffix(f"/{cell.source}")] = cell
    holes: dict[tuple[str, ...], list[tuple[Gap, Cell | None]]] = {}
    for gap in report.gaps:
        unseen = _TAGS_OF.fullmatch(gap.why)
        own, there = cells.get(gap.where), places.get(gap.where.removesuffix("/tags"))
        if own is not None:
            holes.setdefault((own.cloud, own.source, own.outcome, _reason(gap.why)), []).append((gap, own))
        elif unseen and there is not None:
            holes.setdefault((there.cloud, "tags", "", _reason(unseen[2])), []).append((gap, there))
        else:
            holes.setdefault((gap.where, gap.why), []).append((gap, None))
    return [_gap(kind, group) for kind, group in holes.items()]


def _gap(kind: Sequence[str], group: Sequence[tuple[Gap, Cell | None]]) -> Hole:
    gap, _ = group[0]
    cells = [cell for _, cell in group if cell is not None]
    if len(cells) < 2:
        return Hole(printable(gap.where, ADDRESS).strip() or "somewhere", prose(gap.why))
    why = gap.why
    if kind[1] == "tags":
        found = [one for gap, _ in group if (one := _TAGS_OF.fullmatch(gap.why))]
        number = sum(int(one[1].replace(",", "") or 0) for one in found)
        why = f"the tags of {number:,} could not be read: {found[0][2]}"
    return _hole(cells, kind[1], prose(why), count(len(group), "gap"))


def _hole(cells: Sequence[Cell], source: str, why: str, number: str) -> Hole:
    """What the cells have in common in their place is named, else there is a ``*``."""
    parts = [_common(getattr(cell, part) for cell in cells) for part in ("cloud", "account", "region", "type")]
    name = printable("/".join((*parts, source)), ADDRESS)
    said = []
    for noun in ("account", "region", "type"):
        different = sorted({getattr(cell, noun) for cell in cells} - {ANY_TYPE})
        if len(different) > 1:
            named = [printable(one) for one in different[:_NAMED]]
            more = len(different) - len(named)
            said.append(f"{count(len(different), noun)}: {', '.join(named)}{f' and {more:,} more' if more else ''}")
    places = "; ".join(said)
    note = f"{number} in {places}" if number and places else places or number
    return Hole(name, f"{why} ({note})" if note else why)


def _common(values: Iterable[str]) -> str:
    different = set(values)
    return different.pop() if len(different) == 1 else "*"


def table(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """The ledger for a reader: a row of headings, then one for each cell. The last column is what went wrong."""
    return [
        ("place", "source", "outcome", "resources", "age", ""),
        *(
            (
                printable("/".join((cell.cloud, cell.account, cell.region, cell.type)), ADDRESS),
                printable(cell.source),
                _OUTCOMES[cell.outcome],
                f"{cell.count:,}",
                _age(cell.age),
                prose(cell.error),
            )
            for cell in cells
        ),
    ]


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit} old"
    return f"{seconds:,} s old"
