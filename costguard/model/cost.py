"""Money: what a bill's charges come to by class and verdict. The wire format ``costguard/spend/v1`` is these types.

Amounts are decimal numbers in text, to the last digit that the bill has ("20.52022672899"): nothing here is a float but
ratios, which are for reading. The published JSON Schema is generated from these types and their docstrings
(``scripts/write-schemas``): add, never rename or remove.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from costguard.model.finding import Tool
from costguard.model.resource import Gap

SpendSchema = Literal["costguard/spend/v1"]
SPEND_SCHEMA: SpendSchema = "costguard/spend/v1"

Basis = Literal["EffectiveCost", "BilledCost"]
"""FOCUS's words for the two costs of a charge: with commitments spread over what they cover, or as it is invoiced."""

Class = Literal["credit_adjustment", "tax", "purchase", "unused_commitment", "usage_no_resource", "usage_taggable"]
"""What a charge is. Each is of exactly one class, and only the last can carry a tag of its own."""

CLASSES: tuple[Class, ...] = (
    "credit_adjustment",
    "tax",
    "purchase",
    "unused_commitment",
    "usage_no_resource",
    "usage_taggable",
)

State = Literal["compliant", "missing", "empty", "invalid", "misspelled", "unknown"]
"""What the policy makes of a taggable charge's tags. Of several faults the first counts, in the order of
:data:`FAULTS`."""

FAULTS: tuple[State, ...] = ("missing", "misspelled", "empty", "invalid", "unknown")
STATES: tuple[State, ...] = ("compliant", "missing", "empty", "invalid", "misspelled", "unknown")


def money(amount: Decimal) -> str:
    """An amount as the reports have it: no exponent, no zeros at the end."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From the first charge's start to the last one's, as days in UTC; ``end`` is the day after the last. Null where no
    charge says when it was."""

    start: str | None
    end: str | None


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """A share by the FinOps Foundation's formula, with what it is made of. ``ratio`` is null where the denominator
    isn't positive, or the numerator isn't between nothing and it: credits can make a share meaningless, and ``note``
    says so."""

    id: str
    name: str
    numerator: str
    denominator: str
    ratio: float | None
    note: str = ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The spend of one value of a dimension: of one account, one service, one owner."""

    name: str
    total: str
    taggable: str
    compliant: str
    untagged: str
    ratio: float | None
    """The share of ``taggable`` that is not compliant; null where it has no meaning."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the bill that changes how its numbers are to be read, and what to do about it."""

    id: str
    message: str
    remedy: str = ""
    cost: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A resource, or a place in the source, whose tagging moves the share most. ``projected`` is the share of taggable
    spend that is not compliant once this and all before it are mended; ``command`` is what mends it."""

    kind: Literal["resource", "source"]
    name: str
    cost: str
    resources: int
    states: tuple[State, ...]
    missing: tuple[str, ...]
    account: str
    service: str
    projected: float | None
    command: str = ""


class Recoverable(msgspec.Struct, frozen=True, kw_only=True):
    """Taggable spend that is not compliant on the bill and whose resource is compliant in today's inventory: it is
    mended already, and the bill will show it from now on. ``ratio`` is the share of taggable spend that is left without
    it. ``backfill`` is what of it the provider could still write into past bills, at most, for it does so only where
    the tag was on the resource then; ``command`` is how it is asked for, empty where nothing can be reached."""

    cost: str
    resources: int
    ratio: float | None
    backfill: str = "0"
    command: str = ""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one value of a tag costs, and how that is known: by the tag on the charge itself (``tagged``), by a tag of
    its account or project (``inherited``), by a rule of costguard.yaml (``ruled``), or as its part of what several
    share (``split``). These sum to ``total``, and so do ``months``. ``value`` is null for what nothing allocates."""

    value: str | None
    total: str
    tagged: str
    inherited: str
    ruled: str
    split: str
    months: dict[str, str] = {}


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How fast an error budget is used in one window: ``spent`` of ``budget``, which is the window's own part of it.
    ``rate`` is one by the other; at 1 the budget is used up exactly when the window ends. Null where it has no meaning.
    ``end`` is the day after the last."""

    start: str
    end: str
    days: int
    spent: str
    budget: str
    rate: float | None
    note: str = ""


class Slo(msgspec.Struct, frozen=True, kw_only=True):
    """How the objective stands in its window, the ``days`` before ``end``, which is the day after the bill's last.

    ``budget`` is what may be spent without its tags: 1 - ``objective`` of ``taggable``. ``spent`` is what isn't
    ``compliant``, its part ``unknown`` what nothing can be said of; ``left`` is negative where more was spent than
    there is. ``state`` is ``missed`` only where known faults alone are more than the budget, and ``undecided`` where it
    hangs on what is unknown, or where credits make all this meaningless, as ``notes`` then say. ``seen`` counts the
    days with taggable charges. Of ``burn`` the first window is the whole one, the second its last tenth.
    """

    objective: str
    start: str | None
    end: str | None
    days: int
    seen: int
    taggable: str
    compliant: str
    unknown: str
    budget: str
    spent: str
    left: str
    state: Literal["met", "missed", "undecided"]
    burn: tuple[Burn, ...] = ()
    notes: tuple[str, ...] = ()


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The taggable spend of one day (UTC)."""

    day: str
    taggable: str
    compliant: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The share of taggable spend that is compliant, as an earlier run or a day had it. ``at`` is the day itself, or
    the day after the last one of the run's bill. ``policy`` tells policies apart: under another one a share is not the
    same share."""

    kind: Literal["run", "day"]
    at: str
    taggable: str
    compliant: str
    ratio: float | None
    policy: str = ""


class UnitCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource of a Terraform type and size costs in a month of 730 hours, by ``resources`` of them that the
    bill has: their median, the least and the most."""

    type: str
    size: str
    month: str
    least: str
    most: str
    resources: int


class SpendReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one bill comes to, in one currency, under one policy.

    ``by`` splits the total by account, region, service (the provider's) and provider, and by the values of each of the
    policy's tags (``tag:owner``) where these are as they should be; ``showback`` by whom each tag's spend is allocated
    to, with what isn't. ``classes`` sum to ``total``. In ``taggable`` the six states sum to ``usage_taggable``;
    ``untagged``, a part of ``missing``, is what has no tag at all. ``complete`` is false when ``gaps`` names rows or
    files that could not be read.
    """

    schema: SpendSchema
    tool: Tool
    complete: bool
    cost: Basis
    currency: str
    period: Period
    total: str
    classes: dict[str, str]
    taggable: dict[str, str]
    kpis: tuple[Kpi, ...] = ()
    by: dict[str, tuple[Part, ...]] = {}
    showback: dict[str, tuple[Share, ...]] = {}
    pareto: tuple[Candidate, ...] = ()
    recoverable: Recoverable | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    slo: Slo | None = None
    days: tuple[Day, ...] = ()
    trend: tuple[Point, ...] = ()
    prices: tuple[UnitCost, ...] = ()
    gaps: tuple[Gap, ...] = ()
    rows: int = 0
