"""What a resource of a type and size costs in a month here: learned from the bill, and never from a list of prices.

A resource's cost is all that its bill says of it in the last 31 days, over the hours that it was seen in, times 730. An
export with hours counts hours; one with days counts days of 24; one with months can't tell, and nothing is learned. Of
a type and size there have to be three resources. What was resized meanwhile is no example of either size.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, localcontext
from statistics import median

from costguard.billing import Charges, Columns, literal
from costguard.catalog.native import ec2_resource, terraform_type, terraform_type_of_arn
from costguard.model.cost import UnitCost, money
from costguard.spend.ledger import Ledger

_MONTH = 730
"""Hours, as AWS's and Google's calculators have them: 365 * 24 / 12."""
_DAYS = 31
_FEWEST = 3
_LEAST_SEEN = 72
"""Hours in which a resource was seen: below, the first and the last day of one that lives by days are most of it."""
_CENT = Decimal("0.01")

_USAGE = (
    "x_UsageType",
    "x_SkuMeterName",
    "SkuMeter",
    "lineItem/UsageType",
    "line_item_usage_type",
    "MeterName",
    "ChargeDescription",
)
"""Columns that may name an instance's type, the surest first: AWS's in FOCUS, FOCUS 1.2's own, CUR's, Azure's."""

_SIZE = (
    r"(?:^|[^a-z0-9.])((?:db\.|cache\.)?[a-z][a-z0-9-]*[0-9][a-z0-9-]*"
    r"\.(?:nano|micro|small|medium|large|[0-9]*xlarge|metal[a-z0-9-]*))(?:$|[^a-z0-9.])"
)
"""An instance type as in ``EUW1-BoxUsage:m5.large``, ``InstanceUsage:db.t3.small`` and "per On Demand Linux c5.2xlarge
Instance Hour"."""

_EARLIEST, _LATEST = "TIMESTAMPTZ '1970-01-01 00:00:00+00'", "TIMESTAMPTZ '9998-12-31 00:00:00+00'"


def learned(ledger: Ledger, read: Sequence[tuple[Charges, Columns, str]], currency: str | None) -> tuple[UnitCost, ...]:
    """What the bill's resources cost by type and size, in order. ``read`` are the exports: how each reads, its columns,
    and what stands after FROM."""
    charges = " UNION ALL ".join(_charges(*one, currency) for one in read)
    if not charges:
        return ()
    ((last,),) = ledger.rows(f"SELECT CAST(MAX(start) AS DATE) FROM ({charges}) AS charges")
    if last is None:
        return ()
    since = literal(f"{last - timedelta(days=_DAYS - 1)} 00:00:00+00")
    recent = (
        f"SELECT *, DATE_DIFF('hour', TIMESTAMPTZ {since}, start) AS hour FROM ({charges}) AS charges"
        f" WHERE start >= TIMESTAMPTZ {since}"
    )
    each = _hours(ledger, recent)
    if not each:
        return ()
    found: dict[tuple[str, str], list[Decimal]] = {}
    with localcontext(prec=80):
        for resource, provider, smallest, largest, cost, seen in ledger.rows(
            f"SELECT resource, provider, MIN(size), MAX(size), SUM(cost),"
            f" BIT_COUNT(BITSTRING_AGG(hour, 0, {_DAYS * 24 - 1})) * {each} AS seen"
            f" FROM ({recent}) AS recent GROUP BY resource, provider HAVING SUM(cost) > 0 AND seen >= {_LEAST_SEEN}"
        ):
            type_ = type_of(resource, provider)
            if type_ is not None and smallest == largest:
                found.setdefault((type_, smallest or ""), []).append(cost / int(seen) * _MONTH)
        return tuple(
            UnitCost(
                type=type_,
                size=size,
                month=_rounded(median(costs)),
                least=_rounded(min(costs)),
                most=_rounded(max(costs)),
                resources=len(costs),
            )
            for (type_, size), costs in sorted(found.items())
            if len(costs) >= _FEWEST
        )


def type_of(resource: str, provider: str | None) -> str | None:
    """The Terraform type of what a bill calls a resource by; None where that isn't known."""
    if resource.startswith("arn:"):
        return terraform_type_of_arn(resource)
    if provider == "aws" and (name := ec2_resource(resource)) is not None:
        return terraform_type_of_arn(f"arn:aws:ec2:::{name}")
    if resource.startswith("//"):
        # Google's full names have the type as a collection: //compute.googleapis.com/projects/p/zones/z/instances/i.
        service, *path = resource.removeprefix("//").split("/")
        collection = path[-2] if len(path) >= 2 else ""
        return terraform_type(f"{service}/{collection[:1].upper()}{collection[1:].removesuffix('s')}", resource)
    return None


def remarks(
    prices: Iterable[UnitCost], currency: str, resources: Iterable[tuple[str, Mapping[str, str]]]
) -> tuple[str, ...]:
    """What resources of these types and sizes typically cost, each said once: of each its Terraform type and its
    arguments. Nothing is said of those whose size isn't one that is known."""
    known = {(one.type, one.size): one for one in prices}
    said = {one: None for type_, arguments in resources if (one := known.get((type_, size_of(arguments)))) is not None}
    return tuple(
        f"an {one.type}{f' ({one.size})' if one.size else ''} typically costs {_whole(one.month)} {currency} a month "
        f"here (median of {one.resources}, {_whole(one.least)} to {_whole(one.most)})"
        for one in said
    )


ARGUMENTS = ("instance_type", "instance_class", "node_type", "machine_type")
"""Where Terraform says a size."""


def size_of(arguments: Mapping[str, str]) -> str:
    """The size that a resource's arguments name; empty where none of them does."""
    return next((arguments[name] for name in ARGUMENTS if name in arguments), "")


def _charges(charges: Charges, columns: Columns, relation: str, currency: str | None) -> str:
    wanted = ("resource", "provider", "class", "currency", "start", "cost")
    parts = ", ".join(f"{charges.select[name]} AS {name}" for name in wanted)
    chosen = "currency IS NULL" if currency is None else f"currency = {literal(currency)}"
    where = f" WHERE {charges.where}" if charges.where else ""
    size = f"NULLIF(REGEXP_EXTRACT({columns.text(*_USAGE)}, {literal(_SIZE)}, 1), '')"
    return (
        f"SELECT resource, provider, start, cost, size FROM (SELECT {parts}, {size} AS size FROM {relation}{where})"
        f" AS charges WHERE class = 'usage_taggable' AND {chosen} AND resource IS NOT NULL"
        f" AND start BETWEEN {_EARLIEST} AND {_LATEST}"
    )


def _hours(ledger: Ledger, recent: str) -> int:
    """How many hours a charge covers: one, a day's, or 0 where that can't be told."""
    ((between, moments),) = ledger.rows(
        f"SELECT COUNT(*) FILTER (hour % 24 <> 0), COUNT(DISTINCT hour) FROM ({recent}) AS recent"
    )
    return 1 if between else 24 if moments > 1 else 0


def _rounded(amount: Decimal) -> str:
    return money(amount.quantize(_CENT))


def _whole(amount: str) -> str:
    """An amount for reading: to the unit, where it isn't small."""
    exact = Decimal(amount)
    return f"{exact:,.0f}" if exact >= 10 else f"{exact:,.2f}"
