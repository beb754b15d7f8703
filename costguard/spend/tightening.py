"""What the last record means for a gate: it can be stricter while the error budget is spent, and say what things cost.

While the budget is spent, what is unknown fails, and warnings are errors. Only where ``slo.tighten`` in costguard.yaml
says so, and only on the strength of a record that leaves no doubt: of the whole bill, about the objective that is in
force, not older than its window, and with known faults alone above the budget. In every other case the report is as it
was, and a note says what is missing. Nothing that goes wrong here fails a gate. Costs are those of this organisation's
own resources (:mod:`costguard.spend.prices`), and are notes only.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from costguard.config import SloDoc
from costguard.errors import CostguardError
from costguard.model.cost import money
from costguard.model.finding import Finding, Level, Report, Verdict
from costguard.spend.history import Record, latest
from costguard.spend.prices import ARGUMENTS, remarks

_SETTING = "slo.tighten"


class Standing(msgspec.Struct, frozen=True):
    """Whether the budget is spent, and what a report has to say about it; empty where that is nothing."""

    spent: bool
    note: str = ""


def tightened(report: Report, store: str, doc: SloDoc, today: date) -> Report:
    """The report as it is while the budget is spent, with a note that says why. Old debt, and what an exemption covers,
    block no more than before. ``store`` is the address of the history."""
    found = standing(store, doc, today)
    if found.note:
        report = msgspec.structs.replace(report, notes=(*report.notes, found.note))
    if not found.spent:
        return report
    return msgspec.structs.replace(report, findings=tuple(map(_tightened, report.findings)))


class _Change(msgspec.Struct, frozen=True):
    after: Any = None


class _Planned(msgspec.Struct, frozen=True):
    address: str = ""
    type: str = ""
    change: _Change = _Change()


class _Plan(msgspec.Struct, frozen=True):
    """As much of a plan as says how large its resources are."""

    resource_changes: list[_Planned] = []


def quoted(report: Report, store: str, plan: bytes) -> Report:
    """The report with a note for each type and size of the ``plan`` at fault whose cost is known here. Old debt is not
    spoken of again."""
    wrong = {finding.resource.address for finding in report.findings if finding.new}
    if not wrong:
        return report
    try:
        record = latest(store)
        read = msgspec.json.decode(plan, type=_Plan)
    except (CostguardError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return msgspec.structs.replace(report, notes=(*report.notes, f"spend.quote says nothing: {error}"))
    if record is None or not record.prices:
        return report
    planned = [
        (one.type, {name: text for name in ARGUMENTS if isinstance(text := _of(one.change.after, name), str)})
        for one in read.resource_changes
        if one.address in wrong
    ]
    said = remarks(record.prices, record.currency, planned)
    return msgspec.structs.replace(report, notes=(*report.notes, *said))


def _of(arguments: Any, name: str) -> Any:
    return arguments.get(name) if isinstance(arguments, dict) else None


def standing(store: str, doc: SloDoc, today: date) -> Standing:
    """How the last record has it."""
    try:
        record = latest(store)
    except CostguardError as error:
        return Standing(False, f"{_SETTING} changes nothing: {error}")
    if record is None:
        return Standing(False, f"{_SETTING} changes nothing: nothing is recorded; costguard spend --record does that")
    return judged(record, doc, today)


def judged(record: Record, doc: SloDoc, today: date) -> Standing:
    """What a record says of the budget today."""
    slo = record.slo
    recorded = f"the record of {record.at[:10]}"
    if slo is None or slo.end is None:
        return Standing(False, f"{_SETTING} changes nothing: {recorded} has no days")
    if (slo.objective, f"{slo.days}d") != (money(Decimal(str(doc.objective))), doc.window):
        return Standing(
            False,
            f"{_SETTING} changes nothing: {recorded} is about an objective of {slo.objective} in {slo.days} days, and "
            f"costguard.yaml asks for {doc.objective} in {doc.window.removesuffix('d')}; record the spend again",
        )
    age = (today - date.fromisoformat(slo.end)).days
    if age > slo.days:
        why = f"{recorded} is about the days before {slo.end}, longer ago than its window of {slo.days} days"
        return Standing(False, f"{_SETTING} changes nothing: {why}; record the spend again")
    if slo.state != "missed":
        return Standing(False)
    if not record.complete:
        return Standing(False, f"{_SETTING} changes nothing: {recorded} is of a bill that could not be read whole")
    rate = slo.burn[0].rate if slo.burn else None
    burning = f", a burn rate of {rate:.1f}" if rate is not None else ""
    return Standing(
        True,
        f"the tagging error budget is spent, so what is unknown fails and warnings are errors ({_SETTING}): in the "
        f"{slo.days} days before {slo.end}, {slo.spent} of {slo.taggable} {record.currency} that can be tagged was not "
        f"compliant, and an objective of {slo.objective} leaves {slo.budget}{burning}; recorded on {record.at[:10]}",
    )


def _tightened(finding: Finding) -> Finding:
    if finding.new and (finding.level is Level.WARNING or finding.verdict is Verdict.UNKNOWN):
        return msgspec.structs.replace(finding, level=Level.ERROR)
    return finding
