"""A change set for people: as a diff on a terminal, and as Markdown for whoever has to approve it.

Both say first what would be written, with the reason for each value; then what belongs into the source, what somebody
must look at, and at last what was left alone and why. Everything in a change set is somebody's text.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from costguard.model.change import Change, ChangeSet, Decision, Step, Value
from costguard.reports import Style
from costguard.reports.layout import ALARM, BOLD, CYAN, DIM, GREEN, RED, YELLOW, Page, words
from costguard.reports.markdown import Comment, plain, value
from costguard.reports.sections import count
from costguard.reports.text import ADDRESS, printable, prose

_LISTED = 200
"""Resources that are listed one by one; the file has them all."""
_SOME = 5
_REASONS = 20


def terminal(changes: ChangeSet, style: Style) -> str:
    """The change set as a diff."""
    return _Diff(style).of(changes)


def markdown(changes: ChangeSet) -> str:
    """The change set for a comment or a ticket, cut where GitHub would refuse more."""
    comment = Comment()
    written = _of(changes, "tag")
    comment.say(f"<!-- costguard:changes -->\n### costguard reconcile: {plain(_headline(changes))}")
    if changes.gaps:
        said = count(len(changes.gaps), "thing")
        comment.say(f"**Incomplete. {said} could not be read; nothing here speaks for what is missing.**")
        comment.list("", [f"- {value(gap.where)}: {plain(gap.why)}" for gap in changes.gaps[:_SOME]], "gap")
    if written:
        comment.say(f"**{count(len(written), 'resource')} would be tagged**")
        head = ["| Resource | Change | Why |", "| --- | --- | --- |"]
        comment.fold("", head, [(_row(change), 1) for change in written], "resource")
    for patch in changes.patches:
        if patch.diff:
            title = f"{count(len(patch.mends), 'resource')} by a patch to {value(patch.repository)}"
            lines = "\n".join(printable(line, 2000) for line in patch.diff.split("\n"))
            fence = "`" * max(3, 1 + max((len(run) for run in _ticks(lines)), default=0))
            if not comment.say(f"<details><summary>{title}</summary>\n\n{fence}diff\n{lines}\n{fence}\n\n</details>"):
                comment.say(f"{title}, which is too long for a comment")
    for decision, title in (("flag", "need somebody to look at"), ("skip", "are left alone for now")):
        rows = [f"- {plain(why)} ({len(found):,})" for why, found in _by_reason(_of(changes, decision))]
        if rows:
            number = sum(1 for change in changes.changes if change.decision == decision)
            comment.list(f"{count(number, 'resource')} {title}", rows, "reason")
    if changes.steps:
        rows = [f"- {value(step.id)}: {plain(_climbs(step))}" for step in changes.steps]
        comment.list(f"{count(len(changes.steps), 'resource')} would climb the ladder", rows, "resource")
    if said := _measured(changes):
        comment.say(plain(said))
    comment.end(f"Change set {value(changes.id[:12])}, good until {plain(f'{changes.expires:%Y-%m-%d %H:%M} UTC')}")
    return comment.text()


def _row(change: Change) -> str:
    edits = "<br>".join(plain(_edit(one)[1]) for one in change.values)
    whys = "<br>".join(plain(_evidence(one)) for one in change.values)
    return f"| {value(change.id)} | {edits} | {whys} |"


def _ticks(text: str) -> Iterable[str]:
    run = ""
    for char in text:
        if char == "`":
            run += char
        elif run:
            yield run
            run = ""
    if run:
        yield run


class _Diff(Page):
    """The lines of a change set so far."""

    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self._verbose = style.verbosity >= 1

    def of(self, changes: ChangeSet) -> str:
        if self.style.verbosity >= 0:
            self._written(_of(changes, "tag"))
            self._patches(changes)
            self._reasons(_of(changes, "flag"), "FLAGGED", YELLOW)
            self._reasons(_of(changes, "skip"), "LEFT ALONE", DIM)
            self._ladder(changes.steps)
            for note in changes.notes:
                self.say([("note:", BOLD), *words(prose(note))], "", "      ")
            if changes.notes:
                self.say([])
        self._gaps(changes)
        self.say([("costguard reconcile:", BOLD), *words(_headline(changes), ALARM if changes.gaps else GREEN)])
        for held in changes.held:
            number = f"{held.most:g}{'%' if held.limit == 'percent' else ''}"
            text = f"limits.{held.limit} is {number} ({prose(held.of)}): {count(held.held, 'resource')} had to wait."
            self.say(words(text, YELLOW))
        if said := _measured(changes):
            self.say(words(said, DIM))
        return self.text()

    def _written(self, written: Sequence[Change]) -> None:
        if not written:
            return
        self.say([(f"TAG {count(len(written), 'resource')}".upper(), f"1;{GREEN}")])
        self.say([])
        for change in written if self._verbose else written[:_LISTED]:
            self._resource(change)
            for one in change.values:
                mark, text = _edit(one)
                colour = {"+": GREEN, "-": RED, "~": YELLOW}[mark]
                self.say(words(text, colour), "    ", "        ", mark=(mark, colour))
                self.say(words(_evidence(one), DIM), "        ", "        ")
            if change.why:
                self.say(words(f"not: {prose(change.why)}", DIM), "      ", "        ")
        self._more(len(written))
        self.say([])

    def _more(self, number: int) -> None:
        if not self._verbose and number > _LISTED:
            self.say(words(f"and {count(number - _LISTED, 'more resource')} (-v lists them)", DIM))

    def _resource(self, change: Change) -> None:
        self.say([(printable(change.id, ADDRESS), BOLD), (printable(change.type), DIM)], "", "  ", mark=("~", YELLOW))

    def _patches(self, changes: ChangeSet) -> None:
        patched = _of(changes, "patch")
        if not patched:
            return
        self.say([(f"PATCH THE SOURCE OF {count(len(patched), 'resource').upper()}", f"1;{CYAN}")])
        self.say([])
        mended: set[str] = set()
        for patch in changes.patches:
            if patch.diff:
                mended.update(patch.mends)
                title = f"{printable(patch.repository, ADDRESS)}: {count(len(patch.mends), 'resource')}"
                self.say(words(title, BOLD), "", "  ")
                for line in patch.diff.rstrip("\n").split("\n"):
                    colour = {"+": GREEN, "-": RED, "@": CYAN}.get(line[:1], "")
                    self.say([(printable(line, 10_000), colour)] if line else [], "    ", "    ")
        left = [change for change in patched if change.id not in mended]
        self._grouped(_by_reason(left))
        self.say([])

    def _reasons(self, found: Sequence[Change], title: str, colour: str) -> None:
        if not found:
            return
        self.say([(f"{title}: {count(len(found), 'resource').upper()}", f"1;{colour}")])
        self.say([])
        self._grouped(_by_reason(found))
        self.say([])

    def _grouped(self, groups: Sequence[tuple[str, Sequence[Change]]]) -> None:
        """Each reason once, with some of the resources that it is the reason for."""
        for why, found in groups if self._verbose else groups[:_REASONS]:
            self.say([(f"{len(found):,} ×", BOLD), *words(prose(why))], "  ", "      ")
            shown = found if self._verbose else found[:_SOME]
            for change in shown:
                self.say([(printable(change.id, ADDRESS), "")], "      ")
            if len(shown) < len(found):
                self.say(words(f"and {len(found) - len(shown):,} more (-v lists them)", DIM), "      ")
        if not self._verbose and len(groups) > _REASONS:
            left = sum(len(found) for _, found in groups[_REASONS:])
            self.say(words(f"and {count(left, 'resource')} for other reasons (-v lists them)", DIM), "  ")

    def _ladder(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        self.say([(f"THE LADDER: {count(len(steps), 'resource').upper()} A RUNG HIGHER", f"1;{RED}")])
        self.say([])
        for step in steps if self._verbose else steps[:_LISTED]:
            colour = RED if step.rung in ("stop", "terminate") else YELLOW
            self.say([(step.rung, colour), (printable(step.id, ADDRESS), BOLD)], "  ", "      ")
            self.say(words(prose(_climbs(step)), DIM), "      ", "      ")
        self._more(len(steps))
        self.say([])

    def _gaps(self, changes: ChangeSet) -> None:
        if not changes.gaps:
            return
        what = f"{count(len(changes.gaps), 'thing')} could not be read; nothing here speaks for what is missing."
        self.say([("INCOMPLETE:", ALARM), *words(what, BOLD)])
        shown = changes.gaps if self._verbose else changes.gaps[:_SOME]
        for gap in shown:
            self.say([(f"{printable(gap.where, ADDRESS)}:", BOLD), *words(prose(gap.why))], "  ", "    ")
        if len(shown) < len(changes.gaps):
            self.say(words(f"and {len(changes.gaps) - len(shown):,} more (-v lists them)", DIM), "  ")
        self.say([])


def _of(changes: ChangeSet, decision: Decision | str) -> list[Change]:
    return [change for change in changes.changes if change.decision == decision]


def _by_reason(found: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    """The commonest reason first. What is said of one resource alone (an address, a number) stays in the file."""
    groups: dict[str, list[Change]] = {}
    for change in found:
        groups.setdefault(_general(change), []).append(change)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _general(change: Change) -> str:
    return change.why or "nothing is said"


def _edit(one: Value) -> tuple[str, str]:
    key = printable(one.key)
    if one.after is None:
        return "-", f"{key} = {_shown(one.before)}"
    if one.before is None:
        return "+", f"{key} = {_shown(one.after)}"
    return "~", f"{key} = {_shown(one.before)} → {_shown(one.after)}"


def _shown(text: str | None) -> str:
    text = printable(text or "")
    return text if text and text == text.strip() else f'"{text}"'


def _evidence(one: Value) -> str:
    best = prose(one.evidence[0].says) if one.evidence else "nothing is said"
    more = f" (and {len(one.evidence) - 1} more)" if len(one.evidence) > 1 else ""
    return f"{one.confidence:.2f} {best}{more}"


def _climbs(step: Step) -> str:
    owner = f"; probably {step.owner}'s" if step.owner else ""
    missing = ", ".join(step.missing)
    return f"{step.rung}: {step.why}; without {missing} since {step.since}{owner}"


_VERBS: Mapping[str, str] = {"tag": "to tag", "patch": "to patch", "flag": "flagged", "skip": "left alone"}


def _headline(changes: ChangeSet) -> str:
    """What would be done, in a sentence."""
    if not changes.changes and not changes.steps:
        return f"nothing is to be done about the {count(changes.read, 'resource')} that were read."
    counts = Counter(change.decision for change in changes.changes)
    parts = [f"{counts[decision]:,} {verb}" for decision, verb in _VERBS.items() if counts[decision]]  # type: ignore[index]
    if changes.steps:
        parts.append(f"{len(changes.steps):,} a rung higher")
    return f"of {count(changes.read, 'resource')}, {', '.join(parts)}."


def _measured(changes: ChangeSet) -> str:
    found = changes.calibration
    if found is None or not found.held_out:
        return ""
    said = f"Measured on {found.held_out:,} known values that were hidden"
    if found.precision is not None:
        said += f": of those that are {found.threshold:g} sure or more {found.precision:.1%} were right"
    if found.coverage is not None:
        said += f", and {found.coverage:.1%} of all reach that"
    if found.error is not None:
        said += f"; calibration error {found.error * 100:.1f} points"
    return said + "."


Renderer = Callable[[ChangeSet, Style], str]


def as_json(changes: ChangeSet) -> str:
    from costguard.model.change import written

    return written(changes).decode()


FORMATS: Mapping[str, Renderer] = {
    "terminal": terminal,
    "markdown": lambda changes, _: markdown(changes),
    "json": lambda changes, _: as_json(changes),
}
__all__ = ["FORMATS", "as_json", "markdown", "terminal"]
