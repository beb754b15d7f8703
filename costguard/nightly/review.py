"""The weekly review: one week of the bill beside those before it, and what the nights saw come and go.

The forecast is the mean of the four weeks before: with so few numbers nothing cleverer holds, and everybody can check
it. A cost that is more than 15% off either way is to be explained.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import msgspec

from costguard import __version__
from costguard.config import SloDoc
from costguard.model.cost import SpendReport, money
from costguard.model.finding import Tool
from costguard.model.night import AtFault, Night
from costguard.model.resource import Gap
from costguard.model.review import REVIEW_SCHEMA, Action, Mending, Move, Review
from costguard.nightly.history import Fault
from costguard.policy import Policy
from costguard.spend.report import Asked, report
from costguard.spend.slo import window_days

WEEK = timedelta(days=7)
WEEKS = 4
"""The weeks before that a forecast is the mean of."""
LIMIT = 0.15
_SMALL = Decimal("0.01")
"""A cost below this part of the whole is flagged by nobody: it is off by half every other week."""
_LISTED = 200
_FRESH = 50
_ACTIONS = 20
NOBODY = "(nobody)"


def last_week(today: date) -> date:
    """The Monday of the last week that has ended."""
    return today - timedelta(days=today.weekday()) - WEEK


class Seen(msgspec.Struct, frozen=True):
    """What the nights know: which resources were at fault and since when, and the nights of the week."""

    faults: Mapping[str, Fault] = {}
    nights: Sequence[Night] = ()


def review(asked: Asked, policy: Policy, start: date, slo: SloDoc, seen: Seen | None = None) -> Review:
    """The review of the week that begins on ``start``. ``asked`` says which bills, and of what cost.

    Raises :class:`InputError` where no bill can be read.
    """
    end = start + WEEK
    this = report(_within(asked, start, end, most=_LISTED), policy, end)
    asked = msgspec.structs.replace(asked, currency=this.currency or None)
    before = report(_within(asked, start - WEEK, start, most=0), policy, end)
    earlier = report(
        msgspec.structs.replace(_within(asked, start - WEEKS * WEEK, start, most=0), slo=slo), policy, start
    )
    window = timedelta(days=window_days(slo))
    whole = report(msgspec.structs.replace(_within(asked, end - window, end, most=0), slo=slo), policy, end)
    days = sorted(date.fromisoformat(one.day) for one in whole.days if start <= date.fromisoformat(one.day) < end)
    reaches = bool(earlier.days) and earlier.days[0].day <= (start - WEEKS * WEEK).isoformat()
    total = _move("all", this.total, before.total, earlier.total if reaches else None, Decimal(this.total))
    seen = seen or Seen()
    fresh, more = _fresh(seen.faults, start, end, this)
    moved = {
        name: _moves(_amounts(this, name), _amounts(before, name), _amounts(earlier, name) if reaches else None)
        for name in ("tag:owner", "tag:service", "account")
    }
    notes = []
    if len(days) < 7:
        notes.append(f"the bill has taggable charges on {len(days)} of the week's 7 days: the others are not there yet")
    if not reaches:
        notes.append(f"the bill doesn't reach back {WEEKS} weeks before this one: there is no forecast")
    gaps = tuple(dict.fromkeys((*this.gaps, *before.gaps, *earlier.gaps, *whole.gaps)))
    nights = [one for one in seen.nights if start.isoformat() <= one.began[:10] < end.isoformat()]
    return Review(
        schema=REVIEW_SCHEMA,
        tool=Tool(name="costguard", version=__version__),
        start=start,
        end=end,
        complete=not gaps,
        cost=this.cost,
        currency=this.currency,
        seen=len(days),
        total=total,
        share=_share(this),
        share_before=_share(before),
        untagged=this.taggable.get("untagged", "0"),
        slo=whole.slo,
        owners=moved["tag:owner"],
        services=moved["tag:service"],
        accounts=moved["account"],
        fresh=fresh,
        more=more,
        mending=_mending(seen.faults, start, end) if seen.faults else None,
        actions=_actions(this, whole, moved["tag:owner"], fresh, gaps),
        nights=len(nights),
        good_nights=sum(one.complete for one in nights),
        gaps=gaps,
        notes=tuple(notes),
    )


def _within(asked: Asked, start: date, end: date, most: int) -> Asked:
    return msgspec.structs.replace(asked, since=start, until=end, most=max(most, 1), empty=True)


def _share(spend: SpendReport) -> float | None:
    found = next((one for one in spend.kpis if one.id == "compliant_share_taggable"), None)
    return None if found is None or found.ratio is None else 1 - found.ratio


def _amounts(spend: SpendReport, name: str) -> dict[str, Decimal]:
    if name.startswith("tag:"):
        shares = spend.showback.get(name.removeprefix("tag:"), ())
        return {NOBODY if one.value is None else one.value: Decimal(one.total) for one in shares}
    return {one.name: Decimal(one.total) for one in spend.by.get(name, ())}


def _moves(
    now: Mapping[str, Decimal], before: Mapping[str, Decimal], earlier: Mapping[str, Decimal] | None
) -> tuple[Move, ...]:
    whole = sum((abs(cost) for cost in now.values()), Decimal())
    names = dict.fromkeys([*now, *before])
    none = Decimal()
    found = [
        _move(
            name,
            money(now.get(name, none)),
            money(before.get(name, none)),
            None if earlier is None else money(earlier.get(name, none)),
            whole,
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda one: (-abs(Decimal(one.change)), one.name))[:_LISTED])


def _move(name: str, now: str, before: str, earlier: str | None, whole: Decimal) -> Move:
    cost = Decimal(now)
    forecast = None if earlier is None else Decimal(earlier) / WEEKS
    variance = float((cost - forecast) / forecast) if forecast is not None and forecast > 0 else None
    matters = max(abs(cost), abs(forecast or Decimal())) >= _SMALL * abs(whole)
    new = forecast == 0 and cost > 0
    return Move(
        name=name,
        cost=now,
        before=before,
        change=money(cost - Decimal(before)),
        forecast=None if forecast is None else money(forecast),
        variance=variance,
        flagged=matters and (new or (variance is not None and abs(variance) > LIMIT)),
    )


def _fresh(faults: Mapping[str, Fault], start: date, end: date, spend: SpendReport) -> tuple[tuple[AtFault, ...], int]:
    """The resources that came to be at fault in the week and still are, the dearest first."""
    from costguard.spend.inventory import names

    costs = {one.name: one for one in spend.pareto if one.kind == "resource"}
    found = []
    for fault in faults.values():
        if not (fault.open and start <= fault.first < end):
            continue
        billed = next((costs[name] for name in (fault.id, *names(fault.id)) if name in costs), None)
        found.append(
            AtFault(
                id=fault.id,
                type=fault.type,
                account=fault.account,
                since=fault.first,
                owner=fault.owner,
                creator=fault.creator,
                cost=billed.cost if billed else None,
                tags=billed.missing if billed else (),
            )
        )
    found.sort(key=lambda one: (-Decimal(one.cost or 0), one.id))
    return tuple(found[:_FRESH]), max(0, len(found) - _FRESH)


def _mending(faults: Mapping[str, Fault], start: date, end: date) -> Mending:
    taken = [(one.mended - one.first).days for one in faults.values() if one.mended and start <= one.mended < end]
    ages = [(end - one.first).days for one in faults.values() if one.open and one.first < end]
    return Mending(
        mended=len(taken),
        median=float(median(taken)) if taken else None,
        open=len(ages),
        age=float(median(ages)) if ages else None,
    )


def _actions(
    spend: SpendReport, whole: SpendReport, owners: Iterable[Move], fresh: Iterable[AtFault], gaps: Sequence[Gap]
) -> tuple[Action, ...]:
    """What to do, in the order in which it is worth it."""
    from costguard.spend.inventory import names

    found = []
    if whole.slo is not None and whole.slo.state == "missed":
        found.append(
            Action(
                what="Spend less than the error budget: tag what is dearest, below",
                owner="the platform team",
                why=f"the objective of {whole.slo.objective} is missed",
                cost=whole.slo.spent,
            )
        )
    for place in [one for one in spend.pareto if one.kind == "source"][:5]:
        what = f"Mend {place.name}: {place.resources} resources at once"
        found.append(Action(what=f"{what} ({place.command})" if place.command else what, owner="", cost=place.cost))
    by_id = {name: one for one in fresh for name in (one.id, *names(one.id))}
    for one in [one for one in spend.pareto if one.kind == "resource"][:10]:
        known = by_id.get(one.name)
        owner = (known.owner or known.creator if known else "") or (f"account {one.account}" if one.account else "")
        why = f"{', '.join(one.missing)} {one.states[0]}" if one.states else ", ".join(one.missing)
        found.append(Action(what=f"Tag {one.name}", owner=owner, why=why, cost=one.cost))
    found += [
        Action(
            what="Explain a cost that is new"
            if one.variance is None
            else f"Explain {'more' if one.variance > 0 else 'less'} than forecast ({one.variance:+.0%})",
            owner=one.name,
            why=f"forecast {Decimal(one.forecast or 0):,.2f}",
            cost=one.cost,
        )
        for one in owners
        if one.flagged and one.name != NOBODY
    ]
    if gaps:
        found.append(
            Action(what=f"Mend what could not be read ({len(gaps)})", owner="the platform team", why=gaps[0].where)
        )
    return tuple(found[:_ACTIONS])
