"""The tagging objective: how much of the taggable spend of a window may lack its tags, and how fast that is used up.

What the days come to isn't summed from the groups, which have no days: five million charges are as many groups by
resource and day. Each charge is given the verdict that its tag set has already, and is summed with the others of its
day, so that only days times states come out (measured: 0.65 s for five million charges, and no memory that grows with
them; grouping by day and tag set first takes 1.7 s and 200 MB).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Literal

import msgspec

from costguard.billing import Charges, literal
from costguard.config import SloDoc
from costguard.model.cost import STATES, Burn, Day, Slo, State, money
from costguard.spend.ledger import Ledger

_DIGITS = 80
"""More than any sum of amounts has, times an objective: Python's own 28 would round."""
_MEANINGLESS = "credits or corrections make this meaningless"
_NOTHING = "there is no taggable spend"
_EARLIEST, _LATEST = "DATE '1970-01-01'", "DATE '9998-12-31'"
"""Days that calendars have, here and in the database; any other one says nothing."""

States = Mapping[State, Decimal]


class Dated(msgspec.Struct, frozen=True):
    """The taggable spend of a bill by day and state; ``undated`` is that of charges that don't say when they were."""

    days: Mapping[date, States]
    undated: States


def dated(
    ledger: Ledger, read: Iterable[tuple[int, Charges, str]], needs: Iterable[str], currency: str | None
) -> Dated:
    """The days of exports that were judged already: each with its number, how it reads and what stands after FROM.
    ``needs`` are as when they were judged."""
    keys = ["tags", "provider", *(name for name in ("account", "region", "resource") if name in set(needs))]
    same = " AND ".join(f"charges.{name} IS NOT DISTINCT FROM known.{name}" for name in keys)
    chosen = "currency IS NULL" if currency is None else f"currency = {literal(currency)}"
    wanted = list(dict.fromkeys([*keys, "class", "currency", "cost"]))
    queries = []
    for number, charges, relation in read:
        columns = ", ".join(f"{charges.select[name]} AS {name}" for name in wanted)
        where = f" WHERE {charges.where}" if charges.where else ""
        queries.append(
            f"SELECT CASE WHEN day BETWEEN {_EARLIEST} AND {_LATEST} THEN day END AS day, state, SUM(cost) AS cost"
            f" FROM (SELECT CAST({charges.select['start']} AS DATE) AS day, {columns}"
            f" FROM {relation}{where}) AS charges JOIN (SELECT cases.*, state FROM cases JOIN rulings USING (id)"
            f" WHERE export = {number}) AS known ON {same}"
            f" WHERE class = 'usage_taggable' AND {chosen} GROUP BY 1, 2"
        )
    days: dict[date, dict[State, Decimal]] = {}
    undated = dict.fromkeys(STATES, Decimal())
    if queries:
        for day, state, cost in ledger.rows(
            f"SELECT day, state, SUM(cost) FROM ({' UNION ALL '.join(queries)}) AS parts GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            into = undated if day is None else days.setdefault(day, dict.fromkeys(STATES, Decimal()))
            into[state] += cost or Decimal()
    return Dated(days, undated)


def wire(found: Dated) -> tuple[Day, ...]:
    """The days as a report has them, in order."""
    return tuple(
        Day(day=day.isoformat(), taggable=money(_sum(states.values())), compliant=money(states["compliant"]))
        for day, states in sorted(found.days.items())
    )


def slo(found: Dated, doc: SloDoc, today: date) -> Slo:
    """How the objective stands in the window that ends with the bill's last day. What is dated after ``today`` is in no
    window."""
    with localcontext(prec=_DIGITS):
        return _slo(found, Decimal(str(doc.objective)), window_days(doc), today)


def window_days(doc: SloDoc) -> int:
    """The days of the objective's window."""
    return int(doc.window.removesuffix("d"))


class _Stretch(msgspec.Struct, frozen=True):
    """Some days' spend under an objective."""

    taggable: Decimal
    compliant: Decimal
    unknown: Decimal
    budget: Decimal

    @property
    def spent(self) -> Decimal:
        return self.taggable - self.compliant

    @property
    def flaw(self) -> str:
        """Why a share of it has no meaning; empty where it has one."""
        if not self.taggable and not self.compliant and not self.unknown:
            return _NOTHING
        whole = self.taggable > 0 and self.compliant >= 0 and 0 <= self.unknown <= self.spent
        return "" if whole else _MEANINGLESS

    @property
    def state(self) -> Literal["met", "missed", "undecided"]:
        if self.flaw:
            return "undecided"
        if self.spent - self.unknown > self.budget:
            return "missed"
        return "met" if self.spent <= self.budget else "undecided"


def _slo(found: Dated, objective: Decimal, length: int, today: date) -> Slo:
    days = {day: states for day, states in found.days.items() if day <= today}
    notes = []
    if later := [states for day, states in found.days.items() if day > today]:
        ahead = money(_sum(cost for states in later for cost in states.values()))
        notes.append(f"{ahead} of taggable spend is dated after {today} and is in no window")
    if amount := _sum(found.undated.values()):
        notes.append(f"{money(amount)} of taggable spend doesn't say when it was and is in no window")
    if not days:
        last = None
        whole = _stretch([], objective)
    else:
        last = max(days)
        whole = _stretch(_within(days, last, length), objective)
    seen = 0 if last is None else len(_within(days, last, length))
    if whole.flaw:
        notes.append(whole.flaw)
    elif whole.state == "undecided":
        notes.append(f"whether the budget is spent hangs on {money(whole.unknown)} of which nothing is known")
    if last is not None and seen < length:
        notes.append(f"the bill has taggable charges on {seen} of the window's {length} days: the budget is of these")
    short = max(1, length // 10)
    return Slo(
        objective=money(objective),
        start=_first(last, length),
        end=_after(last),
        days=length,
        seen=seen,
        taggable=money(whole.taggable),
        compliant=money(whole.compliant),
        unknown=money(whole.unknown),
        budget=money(whole.budget),
        spent=money(whole.spent),
        left=money(whole.budget - whole.spent),
        state=whole.state,
        burn=()
        if last is None
        else tuple(_burn(_stretch(_within(days, last, many), objective), last, many) for many in (length, short)),
        notes=tuple(notes),
    )


def _burn(part: _Stretch, last: date, days: int) -> Burn:
    return Burn(
        start=str(last - timedelta(days=days - 1)),
        end=str(last + timedelta(days=1)),
        days=days,
        spent=money(part.spent),
        budget=money(part.budget),
        rate=None if part.flaw else float(part.spent / part.budget),
        note=part.flaw,
    )


def _stretch(days: Sequence[States], objective: Decimal) -> _Stretch:
    taggable = _sum(cost for states in days for cost in states.values())
    compliant, unknown = (_sum(states[name] for states in days) for name in ("compliant", "unknown"))
    return _Stretch(taggable, compliant, unknown, (1 - objective) * taggable)


def _within(days: Mapping[date, States], last: date, length: int) -> list[States]:
    return [states for day, states in days.items() if 0 <= (last - day).days < length]


def _first(last: date | None, length: int) -> str | None:
    return None if last is None else str(last - timedelta(days=length - 1))


def _after(last: date | None) -> str | None:
    return None if last is None else str(last + timedelta(days=1))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal())
