"""A bill for people: a page on a terminal, Markdown for a ticket, CSV for a spreadsheet.

Names, tags and services are somebody's text. On a terminal and in Markdown they are made printable; a spreadsheet
would run a cell that begins like a formula, so such a cell gets an apostrophe before it (OWASP, "CSV Injection").
"""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal

from costguard.model.cost import Burn, Candidate, Kpi, Part, Share, Slo, SpendReport
from costguard.reports import Style
from costguard.reports.layout import ALARM, BOLD, CYAN, DIM, GREEN, RED, YELLOW, Page, words
from costguard.reports.markdown import Comment, plain, value
from costguard.reports.text import ADDRESS, columns, printable, prose

_CLASSES = {
    "usage_taggable": "taggable usage",
    "usage_no_resource": "usage without a resource",
    "purchase": "purchases",
    "unused_commitment": "unused commitments",
    "tax": "tax",
    "credit_adjustment": "credits and adjustments",
}
_STATES = ("compliant", "missing", "misspelled", "empty", "invalid", "unknown")
_BARS = "▁▂▃▄▅▆▇█"
_TOP = 10


def terminal(report: SpendReport, style: Style) -> str:
    """The page that is read first."""
    return _Page(style).of(report)


class _Page(Page):
    def of(self, report: SpendReport) -> str:
        quiet = self.style.verbosity < 0
        most = _TOP if self.style.verbosity < 1 else 10_000
        self._headline(report)
        if quiet:
            return self.text()
        self._gaps(report)
        self._classes(report)
        self._objective(report)
        for tag, shares in report.showback.items():
            self._shares(report, tag, shares, most)
        for name in ("account", "service"):
            if len(report.by.get(name, ())) > 1:
                self._parts(report, name, report.by[name], most)
        self._first(report, most)
        self._diagnoses(report)
        return self.text()

    def _headline(self, report: SpendReport) -> None:
        shares = {one.id: one for one in report.kpis}
        compliant, untagged = shares["compliant_share_taggable"], shares["untagged_share_taggable"]
        when = f"{report.period.start} to {report.period.end}, " if report.period.start else ""
        said = f"{_money(report.total)} {printable(report.currency)} ({when}{report.cost})"
        self.say(words(said, BOLD))
        if compliant.ratio is None:
            self.say(words(f"share of taggable spend that is compliant: {compliant.note}", YELLOW))
        else:
            color = GREEN if compliant.ratio >= 0.95 else RED
            self.say(
                [
                    *words(f"{compliant.ratio:.1%} of taggable spend is compliant", color),
                    *words(f"({_of(compliant)});"),
                    *words(f"{_percent(untagged)} has no tag at all ({_of(untagged)})"),
                ]
            )
        allocated = shares["allocated_share"]
        self.say(words(f"{_percent(allocated)} of all spend is allocated to an owner ({_of(allocated)})"))
        mended, reached = _recoverable(report)
        if mended:
            self.say(words(mended))
        if reached and report.recoverable is not None:
            self.say([*words(f"{reached}:"), *words(report.recoverable.command, BOLD)], "  ", "    ")

    def _gaps(self, report: SpendReport) -> None:
        if report.gaps:
            self.lines.append("")
            self.say(words("Incomplete: not all of the bill could be counted.", ALARM))
            for gap in report.gaps[:_TOP]:
                self.say(words(f"{printable(gap.where, ADDRESS)}: {prose(gap.why)}"), "  ", "    ")
            if len(report.gaps) > _TOP:
                self.say(words(f"and {len(report.gaps) - _TOP:,} more"), "  ")

    def _classes(self, report: SpendReport) -> None:
        rows = [
            (_CLASSES[name], _money(report.classes[name]), _share(report.classes[name], report.total))
            for name in _CLASSES
            if name == "usage_taggable" or Decimal(report.classes[name])
        ]
        self._table("What the bill is made of", ("", report.currency, "share"), rows)
        whole = report.classes["usage_taggable"]
        states = [
            (state, _money(report.taggable[state]), _share(report.taggable[state], whole))
            for state in _STATES
            if state == "compliant" or Decimal(report.taggable[state])
        ]
        self._table("Taggable usage, by its tags", ("", report.currency, "share"), states)

    def _objective(self, report: SpendReport) -> None:
        slo = report.slo
        if slo is None:
            return
        self.lines.append("")
        self.say(words(f"The objective: {float(slo.objective) * 100:.8g}% of taggable spend compliant", BOLD))
        if slo.start is not None:
            when = f"{slo.days} days before {slo.end}"
            color = {"met": GREEN, "missed": RED, "undecided": YELLOW}[slo.state]
            self.say(
                [*words(slo.state, color), *words(f"in the {when}: {_budget(slo, report.currency)}")], "  ", "    "
            )
            self.say(words("; ".join(map(_burning, slo.burn))), "  ", "    ")
        for note in slo.notes:
            self.say(words(prose(note)), "  - ", "    ")
        days = [point.ratio for point in report.trend if point.kind == "day"][-60:]
        if len(days) > 1:
            bars = "".join(" " if one is None else _BARS[min(7, int(one * 7))] for one in days)
            self.say(words(f"compliant by day: {bars}"), "  ", "    ")

    def _shares(self, report: SpendReport, tag: str, shares: Sequence[Share], most: int) -> None:
        months = sorted({month for share in shares for month in share.months if month})
        rows = [
            (
                printable(share.value, 40) if share.value is not None else "(not allocated)",
                _money(share.total),
                _share(share.total, report.total),
                _trend([Decimal(share.months.get(month, "0")) for month in months]),
                _how(share),
            )
            for share in _top(shares, most)
        ]
        head = ("", report.currency, "share", "trend" if len(months) > 1 else "", "")
        self._table(f"Whose it is, by the tag {printable(tag, 40)}", head, rows, len(shares) - len(rows))

    def _parts(self, report: SpendReport, name: str, parts: Sequence[Part], most: int) -> None:
        rows = [
            (
                printable(part.name, 48) or "(none)",
                _money(part.total),
                "–" if part.ratio is None else f"{part.ratio:.1%}",
            )
            for part in parts[:most]
        ]
        self._table(f"By {name}", ("", report.currency, "at fault"), rows, len(parts) - len(rows))

    def _first(self, report: SpendReport, most: int) -> None:
        for kind, title in (("source", "Places in the source to mend first"), ("resource", "Resources to tag first")):
            found = [one for one in report.pareto if one.kind == kind]
            if not found:
                continue
            self.lines.append("")
            self.say(words(title, BOLD))
            for one in found[:most]:
                left = "" if one.projected is None else f"leaves {one.projected:.1%} at fault"
                many = f"{one.resources:,} resources, " if one.resources > 1 else ""
                lacks = ", ".join(printable(name, 40) for name in one.missing)
                self.say(
                    [
                        *words(_money(one.cost), BOLD),
                        *words(printable(one.name, ADDRESS), CYAN),
                        *words(f"({many}{lacks}; {left})"),
                    ],
                    "  ",
                    "    ",
                )
                if one.command:
                    self.say(words(printable(one.command, ADDRESS), DIM), "    ", "      ")
            if len(found) > most:
                self.say(words(f"and {len(found) - most:,} more (-v)"), "  ")

    def _diagnoses(self, report: SpendReport) -> None:
        if report.diagnoses:
            self.lines.append("")
            self.say(words("What to know about these numbers", BOLD))
            for one in report.diagnoses:
                remedy = f": {one.remedy}" if one.remedy else ""
                cost = f" ({_money(one.cost)})" if one.cost else ""
                self.say(words(prose(f"{one.message}{cost}{remedy}")), "  - ", "    ")

    def _table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], more: int = 0) -> None:
        """Names to the left, numbers to the right; what doesn't fit in the width is cut from the names."""
        if not rows:
            return
        self.lines.append("")
        self.say(words(printable(title), BOLD))
        widths = [max(columns(row[n]) for row in (head, *rows)) for n in range(len(head))]
        rest = sum(widths[1:]) + 2 * len([width for width in widths[1:] if width])
        widths[0] = max(8, min(widths[0], self.width - rest - 2))
        for number, row in enumerate((head, *rows)):
            cells = [_left(row[0], widths[0])]
            cells += [
                _left(cell, width) if n > 2 else " " * (width - columns(cell)) + cell
                for n, (cell, width) in enumerate(zip(row[1:], widths[1:], strict=True), 1)
                if width
            ]
            line = ("  " + "  ".join(cells)).rstrip()
            if number or line.strip():
                self.lines.append(f"\x1b[{DIM}m{line}\x1b[0m" if not number and self.style.color else line)
        if more > 0:
            self.say(words(f"and {more:,} more (-v)"), "  ")


def _left(text: str, width: int) -> str:
    while columns(text) > width:
        text = text[:-2] + "…" if len(text) > 1 else ""
    return text + " " * (width - columns(text))


def _top(shares: Sequence[Share], most: int) -> list[Share]:
    """The dearest, and in any case what nothing allocates."""
    listed = [share for share in shares if share.value is not None][:most]
    return listed + [share for share in shares if share.value is None]


def _how(share: Share) -> str:
    """By what a share is known, where that isn't the tag itself."""
    parts = [
        f"{_money(amount)} {how}"
        for how, amount in (("inherited", share.inherited), ("by rule", share.ruled), ("shared", share.split))
        if Decimal(amount)
    ]
    return ", ".join(parts)


def _budget(slo: Slo, currency: str) -> str:
    """What is left of the error budget, or by how much it is overspent."""
    left = f"{_money(slo.left)} left" if not slo.left.startswith("-") else f"{_money(slo.left[1:])} too much"
    return f"{_money(slo.spent)} of a budget of {_money(slo.budget)} {printable(currency)} is spent, {left}"


def _burning(burn: Burn) -> str:
    """The burn rate of a window with what it is made of."""
    days = "day" if burn.days == 1 else f"{burn.days} days"
    rate = burn.note if burn.rate is None else f"{burn.rate:,.2f}"
    return f"burn rate of the last {days}: {rate} ({_money(burn.spent)} of {_money(burn.budget)})"


def _trend(amounts: Sequence[Decimal]) -> str:
    """The months as bars; a credit is the lowest."""
    if len(amounts) < 2:
        return ""
    top = max(amounts)
    if top <= 0:
        return _BARS[0] * len(amounts)
    return "".join(_BARS[min(7, int(max(amount, Decimal()) / top * 7))] for amount in amounts)


def _money(amount: str) -> str:
    """To the cent, for reading; what isn't nothing never looks like it."""
    exact = Decimal(amount)
    rounded = exact.quantize(Decimal("0.01")) if abs(exact) < Decimal(10) ** 20 else exact
    return f"{rounded:,.2f}" if rounded or not exact else ("<0.01" if exact > 0 else ">-0.01")


def _share(part: str, whole: str) -> str:
    all_ = Decimal(whole)
    return f"{Decimal(part) / all_:.1%}" if all_ > 0 else "–"


def _percent(one: Kpi) -> str:
    return "an unknown share" if one.ratio is None else f"{one.ratio:.1%}"


def _of(one: Kpi) -> str:
    return f"{_money(one.numerator)} of {_money(one.denominator)}"


# ------------------------------------------------------------------ Markdown


def markdown(report: SpendReport) -> str:
    """The report for a comment or a ticket, cut where GitHub would refuse more."""
    comment = Comment()
    when = f", {report.period.start} to {report.period.end}" if report.period.start else ""
    comment.say(f"<!-- costguard:spend -->\n### costguard spend: {_money(report.total)} {plain(report.currency)}{when}")
    if report.gaps:
        comment.say("**Incomplete. Not all of the bill could be counted.**")
        comment.list("", [f"- {value(gap.where)}: {plain(gap.why)}" for gap in report.gaps[:_TOP]], "gap")
    head = ["| Share | | Numerator | Denominator |", "| --- | ---: | ---: | ---: |"]
    rows = [
        f"| {plain(one.name)} | {_percent(one)} | {_money(one.numerator)} | {_money(one.denominator)} |"
        for one in report.kpis
    ]
    comment.say("\n".join([*head, *rows]))
    head = ["| Charges | Amount |", "| --- | ---: |"]
    rows = [f"| {_CLASSES[name]} | {_money(report.classes[name])} |" for name in _CLASSES]
    rows += [f"| taggable usage, {state} | {_money(report.taggable[state])} |" for state in _STATES]
    comment.say("\n".join([*head, *rows]))
    if report.slo is not None and report.slo.start is not None:
        slo = report.slo
        said = f"in the {slo.days} days before {slo.end}: {_budget(slo, report.currency)}"
        rates = "; ".join(map(_burning, slo.burn))
        comment.say(f"Objective of {float(slo.objective) * 100:.8g}%: **{slo.state}** {plain(said)}; {plain(rates)}")
    mended, reached = _recoverable(report)
    if mended and report.recoverable is not None:
        comment.say(f"{mended}. {reached}: `{report.recoverable.command}`" if reached else f"{mended}.")
    for tag, shares in report.showback.items():
        head = [f"| {plain(tag)} | Amount | Share |", "| --- | ---: | ---: |"]
        listed = [(_owned(share, report), 1) for share in _top(shares, 200)]
        comment.fold(f"Whose it is, by the tag {plain(tag)}", head, listed, "value")
    first = [(_candidate(one), 1) for one in report.pareto]
    if first:
        head = ["| To tag first | Amount | Share at fault after it |", "| --- | ---: | ---: |"]
        comment.fold("What to tag first", head, first, "resource")
    if report.diagnoses:
        comment.list(
            "What to know about these numbers",
            [f"- {plain(one.message)}{plain(f': {one.remedy}' if one.remedy else '')}" for one in report.diagnoses],
            "remark",
        )
    comment.end(f"{report.cost}, {report.rows:,} charges")
    return comment.text()


def _recoverable(report: SpendReport) -> tuple[str, str]:
    """What is mended already, and what of it a backfill could reach; empty where there is nothing of it."""
    found = report.recoverable
    if found is None or not found.resources:
        return "", ""
    mended = (
        f"{_money(found.cost)} of what is at fault on the bill is compliant in today's inventory "
        f"({found.resources:,} resources): it is mended already"
    )
    reached = f"{_money(found.backfill)} of that at most a backfill could still put on the bill"
    return mended, reached if found.command else ""


def _owned(share: Share, report: SpendReport) -> str:
    name = "(not allocated)" if share.value is None else value(share.value)
    return f"| {name} | {_money(share.total)} | {_share(share.total, report.total)} |"


def _candidate(one: Candidate) -> str:
    left = "–" if one.projected is None else f"{one.projected:.1%}"
    return f"| {value(one.name)} | {_money(one.cost)} | {left} |"


# ------------------------------------------------------------------ CSV


def table(report: SpendReport) -> str:
    """One table of all sums: what it is about, of whom, and how much; the amounts to the last digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("table", "name", "measure", "amount", "currency"))
    for row in _cells(report):
        writer.writerow([*map(cell, row), cell(report.currency)])
    return text.getvalue()


def _cells(report: SpendReport) -> Iterator[tuple[str, str, str, str]]:
    yield "total", "", "cost", report.total
    for name, amount in report.classes.items():
        yield "class", name, "cost", amount
    for name, amount in report.taggable.items():
        yield "taggable", name, "cost", amount
    for one in report.kpis:
        yield "kpi", one.id, "numerator", one.numerator
        yield "kpi", one.id, "denominator", one.denominator
    for dimension, parts in report.by.items():
        for part in parts:
            for measure in ("total", "taggable", "compliant", "untagged"):
                yield f"by {dimension}", part.name, measure, getattr(part, measure)
    for tag, shares in report.showback.items():
        for share in shares:
            for measure in ("total", "tagged", "inherited", "ruled", "split"):
                named = "" if share.value is None else share.value
                what = "unallocated" if share.value is None else measure
                if share.value is not None or measure == "total":
                    yield f"showback {tag}", named, what, getattr(share, measure)
    for candidate in report.pareto:
        yield f"pareto {candidate.kind}", candidate.name, "cost", candidate.cost


_NUMERIC = frozenset("0123456789.-")


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula. Amounts, which may begin with a minus, stay numbers."""
    if text and _NUMERIC.issuperset(text):
        return text
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "'") else text
