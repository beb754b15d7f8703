"""From exports and a policy to a :class:`~costguard.model.cost.SpendReport`."""

import tempfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from costguard import __version__
from costguard.billing import FormatName, literal
from costguard.billing.exports import find
from costguard.errors import InputError
from costguard.model.cost import CLASSES, SPEND_SCHEMA, STATES, Basis, Kpi, Period, SpendReport, money
from costguard.model.finding import Tool
from costguard.model.resource import Gap
from costguard.policy import Policy
from costguard.spend.ledger import Ledger
from costguard.spend.query import grouping
from costguard.spend.verdicts import Judge, needs


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is to be about. ``currency``: the one that is reported; where there are several and none is named,
    the one with the most charges."""

    paths: tuple[tuple[str, FormatName | None], ...]
    basis: Basis = "EffectiveCost"
    currency: str | None = None


def report(asked: Asked, policy: Policy, today: date) -> SpendReport:
    """Reads the bills and sums them. Raises :class:`InputError` where there is none that can be read."""
    with tempfile.TemporaryDirectory(prefix="costguard-") as scratch:
        ledger = Ledger(Path(scratch))
        found = find(ledger.db, asked.paths)
        if not found.exports:
            raise InputError("\n".join(f"{gap.where}: {gap.why}" for gap in found.gaps) or "there is no bill to read")
        judges: dict[int, Judge] = {}
        ledger.open(daily=False)
        for number, export in enumerate(found.exports):
            charges = export.reader().charges(export.columns, asked.basis)
            judges[number] = Judge(policy, today, tagged=charges.tagged, folded=charges.folded)
            ledger.take(number, grouping(charges, export.relation))
        ledger.judge(judges, list(policy.spellings), needs(policy))
        return _summed(ledger, asked, found.gaps)


def _summed(ledger: Ledger, asked: Asked, gaps: Sequence[Gap]) -> SpendReport:
    classes = dict.fromkeys(CLASSES, Decimal())
    taggable = dict.fromkeys((*STATES, "untagged"), Decimal())
    rows = 0
    left_out = list(gaps)
    currencies = ledger.rows("SELECT currency, SUM(charges) FROM judged GROUP BY 1 ORDER BY 2 DESC, 1")
    currency = asked.currency or next((name for name, _ in currencies if name), "")
    for class_, state, untagged, cost, charges, unread in ledger.rows(
        "SELECT COALESCE(class, 'usage_no_resource'), state, untagged, SUM(cost), SUM(charges), SUM(unread) "
        f"FROM judged WHERE COALESCE(currency, '') = {literal(currency)} GROUP BY 1, 2, 3"
    ):
        amount = cost or Decimal()
        rows += int(charges)
        classes[class_] += amount
        if class_ == "usage_taggable":
            taggable[state] += amount
            if untagged:
                taggable["untagged"] += amount
        if unread:
            left_out.append(Gap("the bill", f"{unread} charges have no {asked.basis} that can be read"))
    total = sum(classes.values(), Decimal())
    usage = classes["usage_taggable"]
    return SpendReport(
        schema=SPEND_SCHEMA,
        tool=Tool(name="costguard", version=__version__),
        complete=not left_out,
        cost=asked.basis,
        currency=currency,
        period=_period(ledger),
        total=money(total),
        classes={name: money(amount) for name, amount in classes.items()},
        taggable={name: money(amount) for name, amount in taggable.items()},
        kpis=(_kpi("untagged_share_taggable", "% cost untagged, of taggable", taggable["untagged"], usage),),
        gaps=tuple(sorted(left_out)),
        rows=rows,
    )


def _period(ledger: Ledger) -> Period:
    ((first, last),) = ledger.rows("SELECT MIN(month), MAX(month) FROM judged")
    return Period(start=first, end=last)


def _kpi(id_: str, name: str, part: Decimal, whole: Decimal) -> Kpi:
    sound = whole > 0 and 0 <= part <= whole
    return Kpi(
        id=id_,
        name=name,
        numerator=money(part),
        denominator=money(whole),
        ratio=float(part / whole) if sound else None,
        note="" if sound else "credits or corrections make this share meaningless",
    )
