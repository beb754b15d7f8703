"""For an engineer with thirty seconds: what, where, why, and the mend; the summary last, where the eye is.

A fault that many resources share is said once. Lines are wrapped between words at ``style.width``; addresses
and paths are never cut, because they are what a reader copies.
"""

from collections.abc import Iterable, Sequence

from costguard.model.finding import Finding, Report, Status
from costguard.reports import Style
from costguard.reports.sections import (
    Block,
    Section,
    address,
    blocks,
    by_way_of,
    count,
    heading,
    headline,
    location,
    more_instances,
    name,
    of_resources,
    said_of_all,
    split,
    tally,
    whereabouts,
)
from costguard.reports.text import ADDRESS, columns, printable, prose

_BOLD, _DIM, _RED, _YELLOW, _CYAN, _GREEN = "1", "2", "31", "33", "36", "32"
_ALARM = "1;31"
_NARROWEST = 24
_LISTED = 5
_GAPS_LISTED = 20

_LOOK = {
    Section.ERROR: ("✗", _RED, "error", "errors"),
    Section.WARNING: ("!", _YELLOW, "warning", "warnings"),
    Section.UNDECIDED: ("?", _CYAN, "undecided tag", "undecided tags"),
    Section.INFO: ("·", _DIM, "remark", "remarks"),
    Section.DEBT: ("·", _DIM, "old finding", "old findings"),
}

_Words = list[tuple[str, str]]


def render(report: Report, style: Style) -> Iterable[str]:
    return [_Page(style).of(report)]


def _words(text: str, sgr: str = "") -> _Words:
    return [(word, sgr) for word in text.split()]


class _Page:
    """The lines so far, and how they are laid out."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.width = max(style.width, _NARROWEST)
        self.lines: list[str] = []

    def of(self, report: Report) -> str:
        verbose, quiet = self.style.verbosity >= 1, self.style.verbosity < 0
        parts = split(report.findings)
        shown = [Section.ERROR] if quiet else [Section.ERROR, Section.WARNING, Section.UNDECIDED]
        if verbose:
            shown.append(Section.INFO)
        for part in shown:
            self._section(part, parts[part])
        if verbose:
            self._debt(parts[Section.DEBT])
        if not quiet:
            self._resources(report)
            self._notes(report.notes)
        self._gaps(report)
        self._summary(report, parts)
        return "\n".join(self.lines) + "\n"

    def _section(self, part: Section, findings: list[Finding]) -> None:
        if not findings:
            return
        mark, sgr, one, many = _LOOK[part]
        self._say([(count(len(findings), one, many).upper(), f"1;{sgr}")])
        self._say([])
        for block in blocks(findings):
            self._block(block, mark, sgr)
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
            self._list(rows, "      ", _LISTED)

    def _contexts(self, block: Block) -> None:
        """How the source leads to the one resource of a block, and for which others it stands; each said once."""
        firsts = [group[0] for group in block.faults]
        for say in (by_way_of, more_instances):
            for text in dict.fromkeys(map(say, firsts)):
                if text:
                    self._say(_words(text, _DIM), "    ", "      ")

    def _more(self, finding: Finding) -> _Words:
        return _words(f"(and {count(finding.instances - 1, 'more instance')})", _DIM) if finding.instances > 1 else []

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

    def _debt(self, findings: list[Finding]) -> None:
        if not findings:
            return
        _, sgr, one, many = _LOOK[Section.DEBT]
        self._say([(count(len(findings), one, many).upper(), _BOLD)])
        self._say([])
        by_resource: dict[object, list[Finding]] = {}
        for finding in findings:
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
        for resource in resources:
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
        self._say([])

    def _notes(self, notes: Iterable[str]) -> None:
        before = len(self.lines)
        for note in notes:
            self._say([("note:", _BOLD), *_words(prose(note))], "", "      ")
        if len(self.lines) > before:
            self._say([])

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
        rows = [
            [(f"{printable(gap.where, ADDRESS) or 'somewhere'}:", _BOLD), *_words(prose(gap.why))]
            for gap in report.gaps
        ]
        self._list(rows, "  ", _GAPS_LISTED)
        self._say([(rule, _ALARM)])
        self._say([])

    def _summary(self, report: Report, parts: dict[Section, list[Finding]]) -> None:
        verbose = self.style.verbosity >= 1
        sgr = _GREEN
        if parts[Section.ERROR] or not report.complete:
            sgr = _ALARM
        elif parts[Section.WARNING] or parts[Section.UNDECIDED]:
            sgr = _YELLOW
        head = headline(report)
        if not report.complete:
            head = f"INCOMPLETE. {head}"
        self._say([(f"costguard {report.checkpoint}:", _BOLD), *_words(head, sgr)])
        debt = parts[Section.DEBT]
        hint = "" if verbose else " (-v lists them)"
        if debt:
            said = f"{count(len(debt), 'finding')} on {count(of_resources(debt), 'resource')}"
            self._say(_words(f"Old debt, not blocking: {said}{hint}."))
        if remarks := len(parts[Section.INFO]):
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
