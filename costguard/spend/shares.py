"""Classes, states, shares and the parts of a bill: what the FinOps Foundation's formulas ask of it.

A share always comes with its numerator and denominator. Where credits make a part negative, or more than its whole, the
share has no meaning, and says so instead of printing one.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from costguard.model.cost import CLASSES, STATES, Class, Kpi, Part, State, money
from costguard.spend.ledger import Ledger

_MEANINGLESS = "credits or corrections make this share meaningless"
_NOTHING = "there is no such spend"


class Sums(msgspec.Struct, frozen=True):
    """A bill's charges by class, and the taggable ones by state. ``untagged`` is a part of ``missing``, ``exempt`` of
    ``compliant``."""

    classes: dict[Class, Decimal]
    states: dict[State, Decimal]
    untagged: Decimal
    charges: int

    @property
    def total(self) -> Decimal:
        return sum(self.classes.values(), Decimal())

    @property
    def taggable(self) -> Decimal:
        return self.classes["usage_taggable"]


def sums(ledger: Ledger) -> Sums:
    """The whole bill."""
    classes: dict[Class, Decimal] = dict.fromkeys(CLASSES, Decimal())
    states: dict[State, Decimal] = dict.fromkeys(STATES, Decimal())
    untagged, count = Decimal(), 0
    for class_, state, bare, cost, charges in ledger.rows(
        "SELECT class, state, untagged, SUM(cost), SUM(charges) FROM bill GROUP BY 1, 2, 3"
    ):
        amount = cost or Decimal()
        count += int(charges)
        classes[class_] += amount
        if class_ == "usage_taggable":
            states[state] += amount
            untagged += amount if bare and state == "missing" else Decimal()
    return Sums(classes, states, untagged, count)


def kpis(of: Sums, allocated: Decimal, tags: Sequence[tuple[str, Decimal]]) -> tuple[Kpi, ...]:
    """The shares that the FinOps Foundation defines (finops.org, "Percentage of Costs Associated with Untagged Cloud
    Resources", "Percentage of Tagging Policy Compliant Cloud Resources", "Allocation"), and for each of the policy's
    ``tags`` what share of taggable spend has it as it should be."""
    compliant = of.states["compliant"]
    return (
        kpi("untagged_share_all", "cost of untagged resources, of all cost", of.untagged, of.total),
        kpi("untagged_share_taggable", "cost of untagged resources, of taggable cost", of.untagged, of.taggable),
        kpi("compliant_share_all", "cost of policy-compliant resources, of all cost", compliant, of.total),
        kpi("compliant_share_taggable", "cost of policy-compliant resources, of taggable cost", compliant, of.taggable),
        kpi("allocated_share", "cost that is allocated, of all cost", allocated, of.total),
        *(
            kpi(f"tag:{name}", f"cost of resources whose {name} is right, of taggable cost", amount, of.taggable)
            for name, amount in tags
        ),
    )


def kpi(id_: str, name: str, part: Decimal, whole: Decimal) -> Kpi:
    """A share of two amounts."""
    found = ratio(part, whole)
    note = "" if found is not None else _NOTHING if not whole and not part else _MEANINGLESS
    return Kpi(id=id_, name=name, numerator=money(part), denominator=money(whole), ratio=found, note=note)


def ratio(part: Decimal, whole: Decimal) -> float | None:
    """A share; None where it has no meaning."""
    return float(part / whole) if whole > 0 and 0 <= part <= whole else None


def right(ledger: Ledger) -> list[tuple[str, Decimal]]:
    """Of each of the policy's tags, the taggable cost with it as it should be."""
    if not ledger.tags:
        return []
    columns = ", ".join(f"SUM(cost) FILTER (value{n} IS NOT NULL)" for n in range(len(ledger.tags)))
    ((*amounts,),) = ledger.rows(f"SELECT {columns} FROM bill WHERE class = 'usage_taggable'")
    return [(name, amount or Decimal()) for name, amount in zip(ledger.tags, amounts, strict=True)]


def parts(ledger: Ledger) -> dict[str, tuple[Part, ...]]:
    """The bill by each of its dimensions, and by the values of each of the policy's tags; the dearest first."""
    dimensions = {name: name for name in ("account", "provider", "region", "service")}
    dimensions |= {f"tag:{name}": f"value{number}" for number, name in enumerate(ledger.tags)}
    return {name: _parts(ledger, column) for name, column in dimensions.items()}


def _parts(ledger: Ledger, column: str) -> tuple[Part, ...]:
    found = []
    for name, total, taggable, compliant, untagged in ledger.rows(
        f"SELECT {column}, SUM(cost), SUM(cost) FILTER (class = 'usage_taggable'),"
        " SUM(cost) FILTER (class = 'usage_taggable' AND state = 'compliant'),"
        " SUM(cost) FILTER (class = 'usage_taggable' AND state = 'missing' AND untagged)"
        f" FROM bill GROUP BY 1 ORDER BY 2 DESC NULLS LAST, 1 NULLS LAST"
    ):
        whole, good = taggable or Decimal(), compliant or Decimal()
        found.append(
            Part(
                name=name or "",
                total=money(total or Decimal()),
                taggable=money(whole),
                compliant=money(good),
                untagged=money(untagged or Decimal()),
                ratio=ratio(whole - good, whole),
            )
        )
    return tuple(found)
