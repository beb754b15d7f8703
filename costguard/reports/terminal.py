"""For an engineer with thirty seconds: what, where, why, and the mend; the summary last, where the eye is.

A fault that many resources share is said once. Lines are wrapped between words at ``style.width``; addresses
and paths are never cut, because they are what a reader copies.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from costguard.model.finding import Finding, Report, Status
from costguard.model.resource import Checkpoint
from costguard.reports import Style, inventory
from costguard.reports.layout import ALARM, BOLD, CYAN, DIM, GREEN, RED, YELLOW, Page, Words, words
from costguard.reports.sections import (
    MOST,
    Block,
    Part,
    Section,
    Survey,
    address,
    blocks,
    by_way_of,
    count,
    heading,
    headline,
    location,
    managed,
    more_instances,
    name,
    said_of_all,
    tally,
    whereabouts,
)
from costguard.reports.text import ADDRESS, columns, printable, prose

_LISTED = 5
_GAPS_LISTED = 20
_LIVE_LISTED = 30
"""Findings of a live report that are listed one by one. It may have a million: the faults are counted before them."""
_FAULTS_LISTED = 20

_LOOK = {
    Section.ERROR: ("✗", RED, "error", "errors"),
    Section.WARNING: ("!", YELLOW, "warning", "warnings"),
    Section.UNDECIDED: ("?", CYAN, "undecided tag", "undecided tags"),
    Section.INFO: ("·", DIM, "remark", "remarks"),
    Section.DEBT: ("·", DIM, "old finding", "old findings"),
}


def render(report: Report, style: Style) -> Iterable[str]:
    return [_Page(style, report.checkpoint).of(report)]


class _Page(Page):
    """The lines of a report so far."""

    def __init__(self, style: Style, checkpoint: Checkpoint) -> None:
        super().__init__(style)
        self.live = checkpoint == "live"

    def of(self, report: Report) -> str:
        verbose, quiet = self.style.verbosity >= 1, self.style.verbosity < 0
        most = None if not self.live else MOST if verbose else _LIVE_LISTED
        survey = Survey(report, most)
        shown = [Section.ERROR] if quiet else [Section.ERROR, Section.WARNING, Section.UNDECIDED]
        if verbose:
            shown.append(Section.INFO)
        if self.live:
            self._headline(report, survey)
            self.say([])
            self._faults(report, [*shown, Section.DEBT] if verbose else shown)
        for part in shown:
            self._section(part, survey[part])
        if verbose:
            self._debt(survey[Section.DEBT])
        if not quiet:
            self._resources(report)
            self._notes(report.notes)
            self._coverage(report)
        self._gaps(report)
        self._summary(report, survey)
        return self.text()

    def _faults(self, report: Report, shown: Sequence[Section]) -> None:
        """How often each fault is there, before any single resource: what somebody with a minute reads."""
        rows = [fault for fault in inventory.faults(report) if fault.section in shown]
        if not rows:
            return
        listed = rows if self.style.verbosity >= 1 or len(rows) <= _FAULTS_LISTED + 1 else rows[:_FAULTS_LISTED]
        for fault in listed:
            mark, sgr, *_ = _LOOK[fault.section]
            self.say([*words(fault.title, BOLD), *words(f"on {fault.extent}")], "", "  ", mark=(mark, sgr))
            self.say(words(fault.types), "    ", "      ")
            self.say([("in", ""), *words(fault.accounts)], "    ", "      ")
        if len(listed) < len(rows):
            self.say(words(f"and {count(len(rows) - len(listed), 'more fault')} (-v lists them)", DIM))
        self.say([])

    def _section(self, kind: Section, part: Part) -> None:
        """The findings of a section. Of a live report that says each fault first, it needn't name one of each."""
        if not part.shown:
            return
        mark, sgr, one, many = _LOOK[kind]
        title = count(part.findings, one, many)
        if part.left_out:
            title = f"{len(part.shown):,} of {title}"
        self.say([(title.upper(), f"1;{sgr}")])
        self.say([])
        for block in blocks(part.shown):
            self._block(block, mark, sgr)
            self.say([])
        if part.left_out:
            verbose = self.style.verbosity >= 1 or part.findings <= _LIVE_LISTED
            where = "--format json has all" if verbose else f"-v lists up to {MOST:,}, --format json all"
            self.say(words(f"and {count(part.left_out, f'more {one}', f'more {many}')} ({where})", DIM))
            self.say([])

    def _block(self, block: Block, mark: str, sgr: str) -> None:
        places = block.places
        alone = len(places) == 1
        together = not alone and len({whereabouts(place) for place in places}) == 1 and bool(places[0].location)
        title = self._place(places[0], BOLD) if alone else words(count(len(places), "resource"), BOLD)
        if together:
            title.append((whereabouts(places[0]), ""))
        self.say(title, "", "  ", mark=(mark, sgr))
        for group in block.faults:
            self._fault(group, sgr, location(places[0]) if alone else None)
        if alone:
            self._contexts(block)
        else:
            only = block.faults[0]
            differ = len(block.faults) == 1 and len({finding.message for finding in only}) > 1
            rows = [[(address(place), "")] if together else self._place(place) for place in places]
            rows = [row + self._more(place) for row, place in zip(rows, places, strict=True)]
            if differ:
                rows = [row + self._found(finding) for row, finding in zip(rows, only, strict=True)]
            self._list(rows, "      ", len(rows) if self.live else _LISTED)

    def _contexts(self, block: Block) -> None:
        """How the source leads to the one resource of a block, and for which others it stands; each said once."""
        firsts = [group[0] for group in block.faults]
        for say in (by_way_of, more_instances, managed):
            for text in dict.fromkeys(map(say, firsts)):
                if text:
                    self.say(words(text, DIM), "    ", "      ")

    def _more(self, finding: Finding) -> Words:
        said = f"(and {count(finding.instances - 1, 'more instance')})" if finding.instances > 1 else ""
        return words(f"{said} {managed(finding)}", DIM)

    def _place(self, finding: Finding, sgr: str = "") -> Words:
        """One word each for the address and for where it is, so that neither is torn."""
        where = whereabouts(finding)
        return [(address(finding), sgr), *([(where, "" if finding.location else DIM)] if where else [])]

    def _found(self, finding: Finding) -> Words:
        return [] if finding.found is None else words(f'has "{printable(finding.found)}"', DIM)

    def _fault(self, group: Sequence[Finding], sgr: str, at: str | None) -> None:
        first = group[0]
        line = words(said_of_all(group))
        if line and line[0][0].rstrip(":") == name(first):
            line[0] = (line[0][0], sgr)
        if at is not None and first.location and location(first) != at:
            line.append((f"at {location(first)}", ""))
        if self.style.verbosity >= 1 or first.rule != f"tags/{first.tag}":
            line.append((f"[{printable(first.rule).replace(' ', '_')}]", DIM))
        self.say(line, "    ", "    ")
        if mend := words(prose(first.remedy)):
            self.say(mend, "    ", "      ", mark=("→", GREEN))

    def _list(self, rows: Sequence[Words], indent: str, most: int) -> None:
        """All of them under -v, or where naming the rest takes no more room than counting them."""
        shown = rows if self.style.verbosity >= 1 or len(rows) <= most + 1 else rows[:most]
        for row in shown:
            self.say(row, indent, indent + "  ")
        if len(shown) < len(rows):
            self.say(words(f"and {len(rows) - len(shown):,} more (-v lists them)", DIM), indent, indent)

    def _debt(self, part: Part) -> None:
        if not part.findings:
            return
        _, sgr, one, many = _LOOK[Section.DEBT]
        title = count(part.findings, one, many)
        if part.left_out:
            title = f"{len(part.shown):,} of {title} (--format json has all)"
        self.say([(title.upper(), BOLD)])
        self.say([])
        by_resource: dict[object, list[Finding]] = {}
        for finding in part.shown:
            by_resource.setdefault(finding.resource, []).append(finding)
        for own in by_resource.values():
            said = words(", ".join(heading(finding) for finding in own))
            place = self._place(own[0])
            place[-1] = (place[-1][0] + ":", place[-1][1])
            self.say([*place, *said], "", "    ", mark=("·", sgr))
        self.say([])

    def _resources(self, report: Report) -> None:
        resources = report.resources
        if not resources:  # Unset, or none.
            return
        self.say([(count(len(resources), "resource").upper(), BOLD)])
        self.say([])
        colors = {Status.COMPLIANT: GREEN, Status.VIOLATING: RED, Status.UNKNOWN: CYAN}
        for resource in islice(resources, MOST):
            line: Words = [(f"{resource.status.value:10}", colors.get(resource.status, DIM))]
            line.append((printable(resource.address, ADDRESS) or "(no address)", BOLD))
            tags = [
                f"{printable(key)}={'?' if value is None else printable(value) or '(empty)'}"
                for key, value in sorted(resource.tags.items())
            ]
            if tags:
                line[-1] = (line[-1][0] + ":", BOLD)
            line += words(", ".join(tags))
            if resource.note:
                line += words(f"({prose(resource.note)})", DIM)
            self.say(line, "", " " * 13)
        if (more := len(resources) - MOST) > 0:
            self.say(words(f"and {count(more, 'more resource')} (--format json has all)", DIM))
        self.say([])

    def _notes(self, notes: Iterable[str]) -> None:
        before = len(self.lines)
        for note in notes:
            self.say([("note:", BOLD), *words(prose(note))], "", "      ")
        if len(self.lines) > before:
            self.say([])

    def _coverage(self, report: Report) -> None:
        """What was looked at, and which of it couldn't be seen although nobody calls it a gap."""
        said = inventory.looked(report)
        if not said or not report.coverage:
            return
        verbose = self.style.verbosity >= 1
        self.say([("COVERAGE", BOLD)])
        self.say([])
        self.say(words(said))
        rows = [[(f"{hole.name}:", ""), *words(hole.why)] for hole in inventory.unread(report)]
        self._list(rows, "  ", _GAPS_LISTED)
        if verbose:
            self.say([])
            self._table(inventory.table(report.coverage))
        self.say([])

    def _table(self, rows: Sequence[Sequence[str]]) -> None:
        """In columns where they fit, else each row as a line of words."""
        widths = [max(map(columns, column)) for column in zip(*rows, strict=True)][:-1]
        fits = sum(widths) + len(widths) + 2 < self.width
        for index, (*cells, last) in enumerate(rows):
            if fits and last:
                cells = [cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True)]
            elif fits:
                text = "".join(
                    cell + " " * (width + 1 - columns(cell)) for cell, width in zip(cells, widths, strict=True)
                )
                cells = [text.rstrip()]
            sgr = "" if index else DIM
            self.say([*((cell, sgr) for cell in cells if cell), *words(last)], "  ", "      ")

    def _gaps(self, report: Report) -> None:
        """Between rules, in capitals, at every verbosity: a run with holes must not pass for a clean one."""
        if report.complete and not report.gaps:
            return
        rule = "=" * min(self.width, 100)
        self.say([(rule, ALARM)])
        number = len(report.gaps)
        what = f"{count(number, 'thing')} could not be read" if number else "not everything could be read"
        what += "; nothing here speaks for what is missing."
        self.say([("INCOMPLETE:", ALARM), *words(what, BOLD)])
        rows = [[(f"{gap.name}:", BOLD), *words(gap.why)] for gap in inventory.gaps(report)]
        self._list(rows, "  ", _GAPS_LISTED)
        if self.live and rows:
            self.say(words("Mend what can be mended; --allow-gap PATTERN accepts what can't, by the names above."))
        self.say([(rule, ALARM)])
        self.say([])

    def _headline(self, report: Report, survey: Survey) -> None:
        sgr = GREEN
        if survey[Section.ERROR].findings or not report.complete:
            sgr = ALARM
        elif survey[Section.WARNING].findings or survey[Section.UNDECIDED].findings:
            sgr = YELLOW
        head = headline(report, survey)
        if not report.complete:
            head = f"INCOMPLETE. {head}"
        self.say([(f"costguard {report.checkpoint}:", BOLD), *words(head, sgr)])

    def _summary(self, report: Report, survey: Survey) -> None:
        verbose = self.style.verbosity >= 1
        self._headline(report, survey)
        debt = survey[Section.DEBT]
        hint = "" if verbose else " (-v lists them)"
        if debt.findings:
            said = f"{count(debt.findings, 'finding')} on {count(debt.resources, 'resource')}"
            self.say(words(f"Old debt, not blocking: {said}{hint}."))
        if remarks := survey[Section.INFO].findings:
            self.say(words(f"For information: {count(remarks, 'remark')}{hint}."))
        self.say(words(tally(report), DIM))
