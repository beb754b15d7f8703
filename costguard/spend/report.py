"""From exports and a policy to a :class:`~costguard.model.cost.SpendReport`."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import msgspec

from costguard import __version__
from costguard.billing import DECIMALS, Charges, FormatName, formats, recognised
from costguard.billing.exports import Export, Found, find
from costguard.config import SloDoc, SpendDoc
from costguard.errors import InputError, UsageError
from costguard.model.cost import SPEND_SCHEMA, Basis, Diagnosis, Period, SpendReport, UnitCost, money
from costguard.model.finding import Tool
from costguard.model.resource import Gap
from costguard.policy import Policy
from costguard.spend import allocation, prices, shares, slo
from costguard.spend.diagnoses import diagnose
from costguard.spend.engines import Engine, EngineName, opened
from costguard.spend.ledger import Ledger
from costguard.spend.pareto import Inventory, pareto
from costguard.spend.query import grouping
from costguard.spend.verdicts import Judge, needs

_DIGITS = 80
"""More than any sum of amounts has: Python's own 28 would round."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is to be about. ``currency``: the one that is reported; where there are several and none is named,
    the one with the most charges. ``inventory`` is what the last scan saw, where there is one. ``most``: so many
    candidates at most are named."""

    paths: tuple[tuple[str, FormatName | None], ...]
    basis: Basis = "EffectiveCost"
    currency: str | None = None
    doc: SpendDoc = SpendDoc()
    inventory: Inventory | None = None
    most: int = 20
    since: date | None = None
    until: date | None = None
    """Only charges that began on or after the one day and before the other, in UTC. What doesn't say when it was is in
    no such stretch, and a gap."""
    empty: bool = False
    """That there is nothing to count is no mistake."""
    absent: bool = False
    """A path that names nothing is a gap, and not a slip: for bills that nobody has just typed."""
    cache: Path | None = None
    """Where converted and copied bills are kept; the user's own folder for that otherwise."""
    rows: Path | None = None
    """Where to write each group of charges with its verdict, as Parquet."""
    slo: SloDoc | None = None
    prices: bool = False
    engine: EngineName = "duckdb"
    """Where the grouping query is run. Of any other than DuckDB ``paths`` are tables, and neither the objective nor
    prices are counted: both ask each charge a second time."""
    options: Mapping[str, str] = {}


def report(asked: Asked, policy: Policy, today: date) -> SpendReport:
    """Reads the bills and sums them. Raises :class:`InputError` where there is none that can be read."""
    with (
        localcontext(prec=_DIGITS),
        tempfile.TemporaryDirectory(prefix="costguard-") as scratch,
        Ledger(Path(scratch)) as ledger,
    ):
        engine = None if asked.engine == "duckdb" else opened(asked.engine, asked.options)
        found = (
            find(ledger.db, asked.paths, asked.cache, asked.absent) if engine is None else _tables(engine, asked.paths)
        )
        if not found.exports:
            raise InputError("\n".join(f"{gap.where}: {gap.why}" for gap in found.gaps) or "there is no bill to read")
        judges: dict[int, Judge] = {}
        read: list[tuple[Export, Charges]] = []
        decimals, rounded = _decimals(ledger, found.exports, asked.basis)
        ledger.open(decimals=decimals)
        for number, export in enumerate(found.exports):
            export.columns.decimals = decimals
            charges = _within(asked, export.reader().charges(export.columns, asked.basis))
            judges[number] = Judge(policy, today, tagged=charges.tagged, folded=charges.folded, prefix=charges.prefix)
            if engine is None:
                ledger.take(number, grouping(charges, export.relation, embedded=True))
            else:
                table = export.files[0]
                ledger.take_batches(number, engine.groups(table, grouping(charges, export.relation)))
            read.append((export, charges))
        ledger.judge(judges, list(policy.spellings), needs(policy))
        return _summed(ledger, asked, policy, read, [*found.gaps, *rounded], today, found.remarks)


def _within(asked: Asked, charges: Charges) -> Charges:
    """The charges of a stretch of time alone."""
    if asked.since is None and asked.until is None:
        return charges
    start = charges.select["start"]
    limits = [charges.where] if charges.where else []
    if asked.since is not None:
        limits.append(f"{start} >= CAST('{asked.since}T00:00:00Z' AS TIMESTAMPTZ)")
    if asked.until is not None:
        limits.append(f"{start} < CAST('{asked.until}T00:00:00Z' AS TIMESTAMPTZ)")
    return msgspec.structs.replace(charges, where=" AND ".join(f"({one})" for one in limits))


def _undated(asked: Asked, ledger: Ledger, read: list[tuple[Export, Charges]]) -> Iterator[Gap]:
    """The charges that are in no stretch of time."""
    if asked.since is None and asked.until is None:
        return
    for export, charges in read:
        plain = export.reader().charges(export.columns, asked.basis)
        where = f"({plain.where}) AND " if plain.where else ""
        ((count, cost),) = ledger.rows(
            f"SELECT COUNT(*), SUM({charges.select['cost']}) FROM {export.relation} "
            f"WHERE {where}({charges.select['start']}) IS NULL"
        )
        if count:
            yield Gap(
                _named(export), f"{count} charges of {money(cost or Decimal())} don't say when they were: not counted"
            )


def _tables(engine: Engine, paths: Sequence[tuple[str, FormatName | None]]) -> Found:
    """The bills that lie in an engine's tables. Raises :class:`InputError` for what is none."""
    exports = []
    for table, named in paths:
        columns = engine.columns(table)
        found = formats()[named] if named else recognised(columns)
        if found is None:
            raise InputError(f"{table} is no bill that costguard knows: name its format with --bill-format")
        relation = engine.relation(table)
        exports.append(Export(format=found.name, columns=columns, files=(table,), relation=relation))
    return Found(exports=tuple(exports), gaps=())


def _decimals(ledger: Ledger, exports: Sequence[Export], basis: Basis) -> tuple[int, list[Gap]]:
    """How many decimals all amounts need, and where there are more than can be summed exactly: 38 digits is what there
    is, of which the whole bill takes some before the point."""
    asked: dict[str, int] = {}
    before = 1
    for export in exports:
        export.reader().charges(export.columns, basis)
        if not export.columns.loose:
            continue
        for column in sorted(export.columns.amounts):
            ((longest, size),) = ledger.rows(
                f"SELECT MAX(LENGTH(RTRIM(REGEXP_EXTRACT({column}, '\\.([0-9]*)', 1), '0')) "
                f"- COALESCE(TRY_CAST(REGEXP_EXTRACT({column}, '[eE]([-+]?[0-9]+)$', 1) AS INTEGER), 0)), "
                f"SUM(ABS(TRY_CAST({column} AS DOUBLE))) FILTER (ISFINITE(TRY_CAST({column} AS DOUBLE))) "
                f"FROM {export.relation}"
            )
            asked[_named(export)] = max(longest or 0, asked.get(_named(export), 0))
            before = max(before, len(str(int(size or 0))))
    there = max(DECIMALS, min(max(asked.values(), default=0), 37 - before))
    why = f"amounts have more than {there} decimals, which is what can be summed exactly here: they are rounded"
    return there, [Gap(where, why) for where, many in asked.items() if many > there]


def _summed(
    ledger: Ledger,
    asked: Asked,
    policy: Policy,
    read: list[tuple[Export, Charges]],
    gaps: list[Gap],
    today: date,
    remarks: Sequence[str],
) -> SpendReport:
    gaps += _undated(asked, ledger, read)
    currencies = ledger.currencies()
    currency = asked.currency or next((name for name, _, _ in currencies if name), None)
    if asked.currency is not None and not asked.empty and asked.currency not in {name for name, _, _ in currencies}:
        there = ", ".join(sorted(name for name, _, _ in currencies if name)) or "none that is named"
        raise UsageError(f"--currency {asked.currency}: the bill has no charges in it; there is {there}")
    ledger.choose(currency)
    gaps += _unread(ledger, read, asked.basis)
    if asked.currency is None:
        gaps += [
            Gap(f"currency {name}" if name else "no currency", _other(charges, cost, name))
            for name, charges, cost in currencies
            if name != currency
        ]
    sums = shares.sums(ledger)
    allocated, diagnoses = allocation.allocate(ledger, policy, asked.doc)
    owner = allocated.get("owner") or next(iter(allocated.values()), None)
    dated = None
    if asked.slo is not None:
        relations = [(number, charges, export.relation) for number, (export, charges) in enumerate(read)]
        dated = slo.dated(ledger, relations, needs(policy), currency)
    ordered = pareto(ledger, sums, asked.inventory, asked.most, today)
    if asked.rows is not None:
        ledger.write(asked.rows)
    return SpendReport(
        schema=SPEND_SCHEMA,
        tool=Tool(name="costguard", version=__version__),
        complete=not gaps,
        cost=asked.basis,
        currency=currency or "",
        period=_period(ledger),
        total=money(sums.total),
        classes={name: money(amount) for name, amount in sums.classes.items()},
        taggable={**{name: money(amount) for name, amount in sums.states.items()}, "untagged": money(sums.untagged)},
        kpis=shares.kpis(sums, owner.allocated if owner else Decimal(), shares.right(ledger)),
        by=shares.parts(ledger),
        showback={name: one.shares for name, one in allocated.items()},
        pareto=ordered.candidates,
        recoverable=ordered.recoverable,
        diagnoses=(
            *diagnose(ledger, policy, sums, read),
            *(Diagnosis(id="remark", message=text) for text in remarks),
            *diagnoses,
        ),
        slo=slo.slo(dated, asked.slo, today) if dated is not None and asked.slo is not None else None,
        days=slo.wire(dated) if dated is not None else (),
        prices=_prices(ledger, read, currency) if asked.prices else (),
        gaps=tuple(sorted(gaps)),
        rows=sums.charges,
    )


def _prices(ledger: Ledger, read: list[tuple[Export, Charges]], currency: str | None) -> tuple[UnitCost, ...]:
    return prices.learned(ledger, [(charges, export.columns, export.relation) for export, charges in read], currency)


def _other(charges: int, cost: Decimal, name: str | None) -> str:
    named = f"--currency {name} reports them" if name else "nothing says what they are in"
    return f"{charges} charges of {money(cost)} are not added up with the rest: {named}"


def _unread(ledger: Ledger, read: list[tuple[Export, Charges]], basis: Basis) -> Iterator[Gap]:
    """The charges that can't be counted, or not where they belong."""
    for number, unread in ledger.rows("SELECT export, SUM(unread) FROM groups GROUP BY 1 HAVING SUM(unread) > 0"):
        export, _ = read[number]
        yield Gap(_named(export), f"{unread} charges have no {basis} that can be read, and count as nothing")
    for number, flaw, charges, cost in ledger.rows(
        "SELECT export, flaw, SUM(charges), SUM(cost) FROM judged WHERE flaw IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2 "
        "LIMIT 20"
    ):
        export, _ = read[number]
        yield Gap(_named(export), f"{flaw}: {charges} charges of {money(cost or Decimal())} are unknown")
    for number, charges, cost in ledger.rows(
        "SELECT export, SUM(charges), SUM(cost) FROM groups WHERE class IS NULL GROUP BY 1"
    ):
        export, _ = read[number]
        why = f"{charges} charges of {money(cost or Decimal())} are of a kind that costguard doesn't know"
        yield Gap(_named(export), f"{why}: they are counted as usage without a resource")


def _named(export: Export) -> str:
    first, *others = export.files
    return f"{first} and {len(others)} more" if others else first


def _period(ledger: Ledger) -> Period:
    # A bill may have any year; what isn't one of a calendar is none that a charge was in.
    ((first, last),) = ledger.rows(
        "SELECT MIN(month), MAX(month) FROM bill WHERE LENGTH(month) = 7 AND month BETWEEN '1970-01' AND '9998-12'"
    )
    if first is None:
        return Period(start=None, end=None)
    end = date.fromisoformat(f"{last}-01")
    return Period(start=f"{first}-01", end=f"{(end + timedelta(days=31)).replace(day=1)}")
