"""For an engineer with thirty seconds: what, where, why, and the mend; the summary last, where the eye is.

A fault that many resources share is said once. Lines are wrapped between words at ``style.width``; addresses
and paths are never cut, because they are what a reader copies.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from costguard.model.finding import Finding, Report, Status
from costguard.model.resource import Checkpoint
from costguard.reports import Style, inventory
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

_BOLD, _DIM, _RED, _YELLOW, _CYAN, _GREEN = "1", "2", "31", "33", "36", "32"
_ALARM = "1;31"
_NARROWEST = 24
_LISTED = 5
_GAPS_LISTED = 20
_LIVE_LISTED = 30
"""Findings of a live report that are listed one by one. It may have a million: the faults are counted before them."""
_FAULTS_LISTED = 20

_LOOK = {
    Section.ERROR: ("✗", _RED, "error", "errors"),
    Section.WARNING: ("!", _YELLOW, "warning", "warnings"),
    Section.UNDECIDED: ("?", _CYAN, "undecided tag", "undecided tags"),
    Section.INFO: ("·", _DIM, "remark", "remarks"),
    Section.DEBT: ("·", _DIM, "old finding", "old findings"),
}

_Words = list[tuple[str, str]]


def render(report: Report, style: Style) -> Iterable[str]:
    return [_Page(style, report.checkpoint).of(report)]


def _words(text: str, sgr: str = "") -> _Words:
    return [(word, sgr) for word in text.split()]


class _Page:
    """The lines so far, and how they are laid out."""

    def __init__(self, style: Style, checkpoint: Checkpoint) -> None:
        self.style = style
        self.live = checkpoint == "live"
        self.width = max(style.width, _NARROWEST)
        self.lines: list[str] = []

    def of(self, report: Report) -> str:
        verbose, quiet = self.style.verbosity >= 1, self.style.verbosity < 0
        most = None if not self.live else MOST if verbose else _LIVE_LISTED
        survey = Survey(report, most)
        shown = [Section.ERROR] if quiet else [Section.ERROR, Section.WARNING, Section.UNDECIDED]
        if verbose:
            shown.append(Section.INFO)
        if self.live:
            self._headline(report, survey)
            self._say([])
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
        return "\n".join(self.lines) + "\n"

    def _faults(self, report: Report, shown: Sequence[Section]) -> None:
        """How often each fault is there, before any single resource: what somebody with a minute reads."""
        rows = [fault for fault in inventory.faults(report) if fault.section in shown]
        if not rows:
            return
        listed = rows if self.style.verbosity >= 1 or len(rows) <= _FAULTS_LISTED + 1 else rows[:_FAULTS_LISTED]
        for fault in listed:
            mark, sgr, *_ = _LOOK[fault.section]
            self._say([*_words(fault.title, _BOLD), *_words(f"on {fault.extent}")], "", "  ", mark=(mark, sgr))
            self._say(_words(fault.types), "    ", "      ")
            self._say([("in", ""), *_words(fault.accounts)], "    ", "      ")
        if len(listed) < len(rows):
            self._say(_words(f"and {count(len(rows) - len(listed), 'more fault')} (-v lists them)", _DIM))
        self._say([])

    def _section(self, kind: Section, part: Part) -> None:
        """The findings of a section. Of a live report that says each fault first, it needn't name one of each."""
        if not part.shown:
            return
        mark, sgr, one, many = _LOOK[kind]
        title = count(part.findings, one, many)
        if part.left_out:
            title = f"{len(part.shown):,} of {title}"
        self._say([(title.upper(), f"1;{sgr}")])
        self._say([])
        for block in blocks(part.shown):
            self._block(block, mark, sgr)
            self._say([])
        if part.left_out:
            verbose = self.style.verbosity >= 1 or part.findings <= _LIVE_LISTED
            where = "--format json has all" if verbose else f"-v lists up to {MOST:,}, --format json all"
            self._say(_words(f"and {count(part.left_out, f'more {one}', f'more {many}')} ({where})", _DIM))
            self._say([])

    def _block(self, block: Block, mark: str, sgr: str) -> None:
        places = block.places
        alone = len(places) == 1
        together = not alone and len({whereabouts(place) for place in places}) == 1 and bool(places[0].location)
        title = self._place(places[0], _BOLD) if alone else _words(count(len(places), "resource"), _BOLD)
        if together:
            title.append((whereabouts(places[0]), ""))
        self._say(title, "", "  ", mark=(mark, sgr))
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
                    self._say(_words(text, _DIM), "    ", "      ")

    def _more(self, finding: Finding) -> _Words:
        said = f"(and {count(finding.instances - 1, 'more instance')})" if finding.instances > 1 else ""
        return _words(f"{said} {managed(finding)}", _DIM)

    def _place(self, finding: Finding, sgr: str = "") -> _Words:
        """One word each for the address and for where it is, so that neither is torn."""
        where = whereabouts(finding)
        return [(address(finding), sgr), *([(where, "" if finding.location else _DIM)] if where else [])]

    def _found(self, finding: Finding) -> _Words:
        return [] if finding.found is None else _words(f'has "{printable(finding.found)}"', _DIM)

    def _fault(self, group: Sequence[Finding], sgr: str, at: str | None) -> None:
        first = group[0]
        words = _words(said_of_all(group))
        if words and words[0][0].rstrip(":") == name(first):
            words[0] = (words[0][0], sgr)
        if at is not None and first.location and location(first) != at:
            words.append((f"at {location(first)}", ""))
        if self.style.verbosity >= 1 or first.rule != f"tags/{first.tag}":
            words.append((f"[{printable(first.rule).replace(' ', '_')}]", _DIM))
        self._say(words, "    ", "    ")
        if mend := _words(prose(first.remedy)):
            self._say(mend, "    ", "      ", mark=("→", _GREEN))

    def _list(self, rows: Sequence[_Words], indent: str, most: int) -> None:
        """All of them under -v, or where naming the rest takes no more room than counting them."""
        shown = rows if self.style.verbosity >= 1 or len(rows) <= most + 1 else rows[:most]
        for row in shown:
            self._say(row, indent, indent + "  ")
        if len(shown) < len(rows):
            self._say(_words(f"and {len(rows) - len(shown):,} more (-v lists them)", _DIM), indent, indent)

    def _debt(self, part: Part) -> None:
        if not part.findings:
            return
        _, sgr, one, many = _LOOK[Section.DEBT]
        title = count(part.findings, one, many)
        if part.left_out:
            title = f"{len(part.shown):,} of {title} (--format json has all)"
        self._say([(title.upper(), _BOLD)])
        self._say([])
        by_resource: dict[object, list[Finding]] = {}
        for finding in part.shown:
            by_resource.setdefault(finding.resource, []).append(finding)
        for own in by_resource.values():
            said = _words(", ".join(heading(finding) for finding in own))
            place = self._place(own[0])
            place[-1] = (place[-1][0] + ":", place[-1][1])
            self._say([*place, *said], "", "    ", mark=("·", sgr))
        self._say([])

    def _resources(self, report: Report) -> None:
        resources = report.resources
        if not resources:  # Unset, or none.
            return
        self._say([(count(len(resources), "resource").upper(), _BOLD)])
        self._say([])
        colors = {Status.COMPLIANT: _GREEN, Status.VIOLATING: _RED, Status.UNKNOWN: _CYAN}
        for resource in islice(resources, MOST):
            words: _Words = [(f"{resource.status.value:10}", colors.get(resource.status, _DIM))]
            words.append((printable(resource.address, ADDRESS) or "(no address)", _BOLD))
            tags = [
                f"{printable(key)}={'?' if value is None else printable(value) or '(empty)'}"
                for key, value in sorted(resource.tags.items())
            ]
            if tags:
                words[-1] = (words[-1][0] + ":", _BOLD)
            words += _words(", ".join(tags))
            if resource.note:
                words += _words(f"({prose(resource.note)})", _DIM)
            self._say(words, "", " " * 13)
        if (more := len(resources) - MOST) > 0:
            self._say(_words(f"and {count(more, 'more resource')} (--format json has all)", _DIM))
        self._say([])

    def _notes(self, notes: Iterable[str]) -> None:
        before = len(self.lines)
        for note in notes:
            self._say([("note:", _BOLD), *_words(prose(note))], "", "      ")
        if len(self.lines) > before:
            self._say([])

    def _coverage(self, report: Report) -> None:
        """What was looked at, and which of it couldn't be seen although nobody calls it a gap."""
        said = inventory.looked(report)
        if not said or not report.coverage:
            return
        verbose = self.style.verbosity >= 1
        self._say([("COVERAGE", _BOLD)])
        self._say([])
        self._say(_words(said))
        rows = [[(f"{hole.name}:", ""), *_words(hole.why)] for hole in inventory.unread(report)]
        self._list(rows, "  ", _GAPS_LISTED)
        if verbose:
            self._say([])
            self._table(inventory.table(report.coverage))
        self._say([])

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
            sgr = "" if index else _DIM
            self._say([*((cell, sgr) for cell in cells if cell), *_words(last)], "  ", "      ")

    def _gaps(self, report: Report) -> None:
        """Between rules, in capitals, at every verbosity: a run with holes must not pass for a clean one."""
        if report.complete and not report.gaps:
            return
        rule = "=" * min(self.width, 100)
        self._say([(rule, _ALARM)])
        number = len(report.gaps)
        what = f"{count(number, 'thing')} could not be read" if number else "not everything could be read"
        what += "; nothing here speaks for what is missing."
        self._say([("INCOMPLETE:", _ALARM), *_words(what, _BOLD)])
        rows = [[(f"{gap.name}:", _BOLD), *_words(gap.why)] for gap in inventory.gaps(report)]
        self._list(rows, "  ", _GAPS_LISTED)
        if self.live and rows:
            self._say(_words("Mend what can be mended; --allow-gap PATTERN accepts what can't, by the names above."))
        self._say([(rule, _ALARM)])
        self._say([])

    def _headline(self, report: Report, survey: Survey) -> None:
        sgr = _GREEN
        if survey[Section.ERROR].findings or not report.complete:
            sgr = _ALARM
        elif survey[Section.WARNING].findings or survey[Section.UNDECIDED].findings:
            sgr = _YELLOW
        head = headline(report, survey)
        if not report.complete:
            head = f"INCOMPLETE. {head}"
        self._say([(f"costguard {report.checkpoint}:", _BOLD), *_words(head, sgr)])

    def _summary(self, report: Report, survey: Survey) -> None:
        verbose = self.style.verbosity >= 1
        self._headline(report, survey)
        debt = survey[Section.DEBT]
        hint = "" if verbose else " (-v lists them)"
        if debt.findings:
            said = f"{count(debt.findings, 'finding')} on {count(debt.resources, 'resource')}"
            self._say(_words(f"Old debt, not blocking: {said}{hint}."))
        if remarks := survey[Section.INFO].findings:
            self._say(_words(f"For information: {count(remarks, 'remark')}{hint}."))
        self._say(_words(tally(report), _DIM))

    def _say(
        self, words: Sequence[tuple[str, str]], first: str = "", rest: str = "", mark: tuple[str, str] | None = None
    ) -> None:
        """Adds a paragraph: ``first`` and the mark before its first line, ``rest`` before the others.

        The mark holds on to the first word, however long that is.
        """
        row: list[tuple[str, str]] = [mark] if mark else []
        indent, used = first, len(first) + (len(mark[0]) if mark else 0)
        held = len(row)
        for word, sgr in words:
            size = columns(word)
            if len(row) > held and used + 1 + size > self.width:
                self.lines.append(indent + self._paint(row))
                row, indent, used, held = [], rest, len(rest), 0
            used += size + (1 if row else 0)
            row.append((word, sgr))
        self.lines.append(indent + self._paint(row) if row else "")

    def _paint(self, row: Sequence[tuple[str, str]]) -> str:
        if not self.style.color:
            return " ".join(word for word, _ in row)
        runs: list[tuple[list[str], str]] = []
        for word, sgr in row:
            if runs and runs[-1][1] == sgr:
                runs[-1][0].append(word)
            else:
                runs.append(([word], sgr))
        return " ".join(f"\x1b[{sgr}m{' '.join(run)}\x1b[0m" if sgr else " ".join(run) for run, sgr in runs)
