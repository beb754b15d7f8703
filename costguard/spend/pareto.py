"""What to tag first: the fewest resources, and the fewest places in the source, that move the share most."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

from costguard.billing import literal
from costguard.model.cost import Candidate, Recoverable, State, money
from costguard.model.resource import Manager
from costguard.spend.ledger import Ledger
from costguard.spend.shares import Sums, ratio


class Known(msgspec.Struct, frozen=True):
    """What today's inventory says of a resource: whether the policy is content with it, its type, and what manages
    it."""

    compliant: bool
    type: str
    managers: tuple[Manager, ...] = ()


Inventory = Mapping[str, Known]
"""By the resources' ids, as bills have them."""


class Ordered(msgspec.Struct, frozen=True):
    """The candidates in the order in which they are worth the effort, and what is mended already."""

    candidates: tuple[Candidate, ...]
    recoverable: Recoverable | None


class _Faulty(msgspec.Struct, frozen=True):
    resource: str
    account: str
    service: str
    provider: str
    states: tuple[State, ...]
    missing: tuple[str, ...]
    cost: Decimal
    reached: Decimal
    since: str | None


def pareto(ledger: Ledger, sums: Sums, inventory: Inventory | None, most: int, today: date) -> Ordered:
    """Resources first, then places in the source; each list with the share that is left after each step.

    What today's inventory shows to be compliant is nobody's work any more: it is ``recoverable``, and no candidate.
    """
    wrong = sums.taggable - sums.states["compliant"]
    mended, left = Decimal(), wrong
    reached: list[_Faulty] = []
    resources: list[_Faulty] = []
    places: dict[Manager, list[_Faulty]] = defaultdict(list)
    count = 0
    for one in _faulty(ledger, every=inventory is not None, most=most, since=backfilled_since(today)):
        known = inventory.get(one.resource) if inventory else None
        if known is not None and known.compliant:
            mended += one.cost
            count += 1
            if one.reached:
                reached.append(one)
            continue
        if len(resources) < most:
            resources.append(one)
        for manager in known.managers if known else ():
            if manager.tool == "terraform":
                places[msgspec.structs.replace(manager, name=manager.name.split("[", 1)[0])].append(one)
    left = wrong - mended
    found = _steps(resources, left, sums, inventory or {})
    ranked = sorted(places.items(), key=lambda item: (-sum(one.cost for one in item[1]), str(item[0])))
    found += _place_steps(ranked[:most], left, sums)
    recoverable = None
    if inventory is not None:
        since = min((one.since for one in reached if one.since), default="")
        recoverable = Recoverable(
            cost=money(mended),
            resources=count,
            ratio=ratio(left, sums.taggable),
            backfill=money(sum((one.reached for one in reached), Decimal())),
            command=f"aws ce start-cost-allocation-tag-backfill --backfill-from {since}-01T00:00:00Z" if since else "",
        )
    return Ordered(tuple(found), recoverable)


def backfilled_since(today: date) -> str:
    """The first month that AWS still writes tags into, as ``2025-11``. A backfill begins on the first day of a month
    and not before the previous twelve (Cost Explorer, ``StartCostAllocationTagBackfill``). Google and Azure have none.
    """
    return f"{today.year - 1}-{today.month:02}"


def _faulty(ledger: Ledger, *, every: bool, most: int, since: str) -> list[_Faulty]:
    """The resources with charges at fault, the dearest first; a refund moves nothing. What a backfill reaches are
    charges that lack a tag: a value that is wrong was the resource's own."""
    faults = ", ".join(f"BOOL_OR(fault{n} IS NOT NULL)" for n in range(len(ledger.tags)))
    limit = "" if every else f" LIMIT {most}"
    lacking = f"FILTER (WHERE state = 'missing' AND provider = 'aws' AND month >= {literal(since)})"
    found = []
    for resource, account, service, provider, states, cost, reached, first, *at_fault in ledger.rows(
        "SELECT resource, MIN(account), MIN(service), MIN(provider), LIST_SORT(LIST(DISTINCT state)), "
        f"SUM(cost) AS cost, SUM(cost) {lacking}, MIN(month) {lacking}"
        f"{', ' + faults if faults else ''} FROM bill WHERE class = 'usage_taggable' AND state <> 'compliant' "
        f"GROUP BY resource HAVING SUM(cost) > 0 ORDER BY cost DESC, resource{limit}"
    ):
        missing = tuple(name for name, bad in zip(ledger.tags, at_fault, strict=True) if bad)
        found.append(
            _Faulty(
                resource=resource or "",
                account=account or "",
                service=service or "",
                provider=provider or "",
                states=tuple(states),
                missing=missing,
                cost=cost,
                reached=max(reached or Decimal(), Decimal()),
                since=first,
            )
        )
    return found


def _steps(resources: list[_Faulty], left: Decimal, sums: Sums, inventory: Inventory) -> list[Candidate]:
    found = []
    for one in resources:
        left -= one.cost
        known = inventory.get(one.resource)
        found.append(
            Candidate(
                kind="resource",
                name=one.resource,
                cost=money(one.cost),
                resources=1,
                states=one.states,
                missing=one.missing,
                account=one.account,
                service=one.service,
                projected=ratio(left, sums.taggable),
                command=_command(one, known),
            )
        )
    return found


def _command(one: _Faulty, known: Known | None) -> str:
    """What mends it, where that is known."""
    if known is None:
        return ""
    manager = next((manager for manager in known.managers if manager.tool == "terraform"), None)
    if manager is not None:
        return f"costguard fix {manager.where}" if manager.where else ""
    return f"costguard reconcile plan --account {one.account} --type {known.type}"


def _place_steps(ranked: "list[tuple[Manager, list[_Faulty]]]", left: Decimal, sums: Sums) -> list[Candidate]:
    found = []
    for manager, faulty in ranked:
        cost = sum((one.cost for one in faulty), Decimal())
        left -= cost
        found.append(
            Candidate(
                kind="source",
                name=str(manager),
                cost=money(cost),
                resources=len(faulty),
                states=tuple(sorted({state for one in faulty for state in one.states})),
                missing=tuple(sorted({name for one in faulty for name in one.missing})),
                account=_one({one.account for one in faulty}),
                service=_one({one.service for one in faulty}),
                projected=ratio(left, sums.taggable),
                command=f"costguard fix {manager.where}" if manager.where else "",
            )
        )
    return found


def _one(names: set[str]) -> str:
    return names.pop() if len(names) == 1 else ""
