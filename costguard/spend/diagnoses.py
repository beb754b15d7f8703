"""What changes how a bill's numbers are to be read: tags that were never activated, exports without ids, credits."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from costguard.billing import Charges
from costguard.billing.exports import Export
from costguard.model.cost import Diagnosis, money
from costguard.policy import Policy
from costguard.spend.ledger import Ledger
from costguard.spend.shares import Sums

_ACTIVATE = {
    "aws": "activate the tag for cost allocation in the payer account; it counts from then on, and a backfill reaches "
    "at most twelve months back, where the tag was on the resource",
    "azure": "switch tag inheritance on, or look whether the export leaves tags out",
    "google": "look whether the resources carry the label at all: what they carry is exported",
}


def diagnose(ledger: Ledger, policy: Policy, sums: Sums, read: Sequence[tuple[Export, Charges]]) -> Iterator[Diagnosis]:
    """What is to be said of a bill, the most serious first."""
    for number, (export, charges) in enumerate(read):
        where = export.files[0]
        if not charges.identified:
            yield Diagnosis(
                id="no-resource-ids",
                message=f"{where} has no resource ids, so nothing of it can be shown to be taggable",
                remedy="export with resource ids (AWS: INCLUDE_RESOURCES)",
                cost=_cost(ledger, f"export = {number}"),
            )
        if not charges.tagged:
            yield Diagnosis(
                id="no-tags",
                message=f"{where} has no tags: whether its resources carry any can't be told from it",
                remedy="export with tags, and activate them for billing",
                cost=_cost(ledger, f"export = {number}"),
            )
        for remark in charges.remarks:
            yield Diagnosis(id="remark", message=f"{where}: {remark}")
    yield from _never_activated(ledger, policy)
    if sums.total <= 0 < sums.charges:
        yield Diagnosis(
            id="no-positive-total",
            message=f"the bill comes to {money(sums.total)}: shares of it have no meaning",
            remedy="look at the classes one by one",
            cost=money(sums.total),
        )
    ((undated, cost),) = ledger.rows("SELECT SUM(charges), SUM(cost) FROM bill WHERE month IS NULL")
    if undated:
        yield Diagnosis(
            id="no-date",
            message=f"{undated} charges don't say when they were",
            cost=money(cost or Decimal()),
        )


def _cost(ledger: Ledger, which: str) -> str:
    ((cost,),) = ledger.rows(f"SELECT SUM(cost) FROM bill WHERE {which}")
    return money(cost or Decimal())


def _never_activated(ledger: Ledger, policy: Policy) -> Iterator[Diagnosis]:
    """Tags that are on no charge of a cloud, whose charges carry others: nobody tags so thoroughly wrong."""
    for number, name in enumerate(ledger.tags):
        for provider, seen, missing, tagged, cost in ledger.rows(
            f"SELECT provider, COUNT(*) FILTER (fault{number} IS DISTINCT FROM 'missing'), COUNT(*), "
            "COUNT(*) FILTER (NOT untagged), SUM(cost) "
            "FROM bill WHERE class = 'usage_taggable' GROUP BY 1 ORDER BY 1"
        ):
            if seen or not missing or not tagged or provider not in _ACTIVATE:
                continue
            key = policy.spellings[name].on(provider)
            yield Diagnosis(
                id="never-activated",
                message=f"no charge of {provider} has the tag {key}, and others have tags: it may never have been "
                "activated for billing",
                remedy=_ACTIVATE[provider],
                cost=money(cost or Decimal()),
            )
