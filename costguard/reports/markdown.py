"""GitHub-flavoured Markdown, for a comment on a pull request or the summary of a step.

All text that others wrote becomes plain words or code. A backslash does not stop GitHub from making a mention, a
reference or a link of ``@team``, ``#12`` or a commit's hash, because it looks for them after the Markdown is rendered;
code does. So a word stays a word only if it can be nothing else, and is code otherwise: inside a code span, or in a
``<code>`` element of character references where the word has what would end a span or a table cell.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from costguard.model.finding import Finding, Report
from costguard.reports import Style, inventory
from costguard.reports.sections import (
    MOST,
    Block,
    Section,
    Survey,
    blocks,
    count,
    headline,
    location,
    managed,
    said_of_all,
    tally,
    whereabouts,
)
from costguard.reports.text import ADDRESS, VALUE, printable, prose

_MOST = 65_000
"""GitHub refuses a comment of more than 65,536 characters; this counts bytes, which are never fewer."""
_RESERVE = 1_500
"""For the end of a fold, and the sentences that say what is left out."""
_LISTED = 5
_GAPS_LISTED = 20
_LIVE_LISTED = 200

_PLAIN = re.compile(
    r"""["'(]{0,2}[^\W\d_]+(?:['’-][^\W\d_]+)*["')]{0,2}[.,;:!?]?|["'()=—–…][.,;:!?]?"""
    r"""|\(?[0-9]{1,3}(?:,[0-9]{3})*[,;:]?"""  # A number, but none that begins a list.
)
_HASH = re.compile(r"[0-9a-fA-F]{7,}")
_CORE = re.compile(r"""(["'(]+)(.*?)(["')]+[.,;:!?]*)|()(.*?)([.,;:!?]*)""", re.DOTALL)
_UNSPANNABLE = re.compile(r"[`|<>]")


def render(report: Report, style: Style) -> Iterable[str]:  # noqa: ARG001 - Markdown has no style.
    comment = Comment()
    survey = Survey(report, _LIVE_LISTED if report.checkpoint == "live" else None)
    errors = survey[Section.ERROR]
    calm = report.complete and not survey[Section.WARNING].findings and not survey[Section.UNDECIDED].findings
    mark = "❌" if errors.findings else "✅" if calm else "⚠️"
    # The first line lets a job find its earlier comment and replace it.
    title = f"{mark} costguard {report.checkpoint}: {headline(report, survey).rstrip('.')}"
    comment.say(f"<!-- costguard:{report.checkpoint} -->\n### {title}")
    if not report.complete or report.gaps:
        _gaps(comment, report)
    faults = inventory.faults(report)
    if faults:
        comment.faults(faults)
    if errors.findings:
        title = "" if not faults else f"{count(errors.findings, 'error')} on {count(errors.resources, 'resource')}"
        comment.table(title, blocks(errors.shown), "error", errors.left_out)
    for kind, noun in _FOLDS:
        part = survey[kind]
        if part.findings:
            title = f"{count(part.findings, noun)} on {count(part.resources, 'resource')}"
            comment.table(title, blocks(part.shown), noun, part.left_out)
    if report.resources:  # Unset, or none.
        some = islice(report.resources, MOST)
        rows = [f"- {one.status.value}: {value(one.address)}" for one in some]
        comment.list(count(len(report.resources), "judged resource"), rows, "resource", len(report.resources))
    if said := inventory.looked(report):
        comment.say(plain(said))
        rows = [f"- {value(hole.name)}: {plain(hole.why)}" for hole in inventory.unread(report)]
        comment.list("What was not read", rows, "line")
    if report.notes:
        comment.list("", [f"- {plain(note)}" for note in report.notes], "note")
    comment.end(f"{tally(report)} <sub>{plain(report.tool.name)} {value(report.tool.version, VALUE)}</sub>")
    return [comment.text()]


_FOLDS = (
    (Section.WARNING, "warning"),
    (Section.UNDECIDED, "undecided tag"),
    (Section.INFO, "remark"),
    (Section.DEBT, "old finding"),
)


def _gaps(comment: "Comment", report: Report) -> None:
    what = count(len(report.gaps), "thing") if report.gaps else "Something"
    comment.say(f"**Incomplete. {what} could not be read; nothing here speaks for what is missing.**")
    rows = [f"- {value(gap.name)}: {plain(gap.why)}" for gap in inventory.gaps(report)]
    comment.list("", rows[:_GAPS_LISTED], "gap", len(rows))
    if rows and report.checkpoint == "live":
        comment.say("Mend what can be mended; `--allow-gap PATTERN` accepts what can't, by the names above.")


class Comment:
    """The paragraphs so far, and the room that is left for more."""

    def __init__(self) -> None:
        self._paragraphs: list[str] = []
        self._room = _MOST - _RESERVE

    def text(self) -> str:
        return "\n\n".join(self._paragraphs) + "\n"

    def say(self, paragraph: str) -> bool:
        """Whether there was room for it."""
        fits = self._takes(paragraph)
        if fits:
            self._paragraphs.append(paragraph)
        return fits

    def end(self, paragraph: str) -> None:
        """What the reserve is for."""
        self._paragraphs.append(paragraph)

    def faults(self, found: Sequence[inventory.Fault]) -> None:
        head = ["| What is wrong | On | Most of them |", "| --- | --- | --- |"]
        rows = []
        for fault in found:
            worst = "<br>".join((plain(fault.types), plain(fault.accounts)))
            rows.append((f"| {plain(fault.title)} | {plain(fault.extent)} | {worst} |", 1))
        self.fold("", head, rows, "fault")

    def table(self, title: str, found: Sequence[Block], noun: str, more: int = 0) -> None:
        """``more`` findings are not in ``found``."""
        head = ["| Resource | What is wrong | What mends it |", "| --- | --- | --- |"]
        rows = [(row, number) for block in found for row, number in _rows(block)]
        self.fold(title, head, [*rows, *([("", more)] if more else [])], noun)

    def list(self, title: str, rows: Sequence[str], noun: str, total: int = 0) -> None:
        extra = [("", total - len(rows))] if total > len(rows) else []
        self.fold(title, [], [*((row, 1) for row in rows), *extra], noun)

    def fold(self, title: str, head: Sequence[str], rows: Sequence[tuple[str, int]], noun: str) -> None:
        """As many of the rows as there is room for, and how many findings the others stand for."""
        start, stop = (f"<details><summary>{title}</summary>\n\n", "\n\n</details>") if title else ("", "")
        kept = list(head)
        left = sum(number for _, number in rows)
        if self._takes(start + "\n".join(head) + stop):
            for row, number in rows:
                if not row or not self._takes(row):
                    break
                kept.append(row)
                left -= number
        if len(kept) > len(head):
            self._paragraphs.append(start + "\n".join(kept) + stop)
        if left:
            more = "more " if len(kept) > len(head) else ""
            verb = "is" if left == 1 else "are"
            self._paragraphs.append(f"**{left:,} {more}{noun if left == 1 else noun + 's'} {verb} left out here.**")

    def _takes(self, text: str) -> bool:
        size = len(text.encode()) + 2
        if size > self._room:
            return False
        self._room -= size
        return True


def _rows(block: Block) -> Iterable[tuple[str, int]]:
    """A row for each fault, the resources beside the first, and how many findings the row stands for."""
    shown = block.places if len(block.places) <= _LISTED + 1 else block.places[:_LISTED]
    lines = [_place(place) for place in shown]
    if len(shown) < len(block.places):
        lines.append(f"and {len(block.places) - len(shown):,} more")
    cell = "<br>".join(lines)
    for group in block.faults:
        yield f"| {cell} | {plain(said_of_all(group))} | {plain(group[0].remedy)} |", len(group)
        cell = ""


def _place(finding: Finding) -> str:
    where = f"at {value(location(finding))}" if finding.location else plain(whereabouts(finding))
    more = f"(and {count(finding.instances - 1, 'more instance')})" if finding.instances > 1 else ""
    by = plain(managed(finding))
    return " ".join(part for part in (value(finding.resource.address), where, more, by) if part)


def _code(text: str) -> str:
    """The text as code, in a table too. It must be printable, and not empty."""
    if not _UNSPANNABLE.search(text):
        return f"`{text}`"
    return f"<code>{''.join(c if c.isalnum() or c == ' ' else f'&#{ord(c)};' for c in text)}</code>"


def value(text: str, limit: int = ADDRESS) -> str:
    return _code(printable(text, limit).strip() or "(empty)")


def plain(text: str) -> str:
    """Sentences, in which every word that could be more than a word is code."""
    return " ".join(map(_word, prose(text).split()))


def _word(word: str) -> str:
    if _PLAIN.fullmatch(word) and not _HASH.search(word):
        return word
    match = _CORE.fullmatch(word)
    before, core, after = (part for part in match.groups() if part is not None) if match else ("", word, "")
    return f"{before}{_code(core)}{after}" if core else _code(word)
